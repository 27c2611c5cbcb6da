// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: retiring bad pages.
 */
#include <linux/delay.h>
#include <linux/memremap.h>
#include <linux/mm.h>

#include "cdm.h"
#include "migrate.h"
#include "trace.h"

/* A page may be locked or in a batch for a moment. */
#define RETIRE_TRIES	20

static void retire_event(struct cdm_region *region, unsigned long pfn)
{
	char text[40];

	snprintf(text, sizeof(text), "CDM_PFN=0x%lx", pfn);
	cdm_region_event(region, CDM_EVENT_RETIRE, text, NULL);
	trace_cdm_page_retire(region->id, pfn);
}

/**
 * cdm_poison_note() - remember a bad page, and tell user space
 * @region: the region
 * @pfn: the page
 *
 * Context: may sleep.
 */
void cdm_poison_note(struct cdm_region *region, unsigned long pfn)
{
	if (xa_err(xa_store(&region->retired, pfn, xa_mk_value(1), GFP_KERNEL)))
		dev_warn(&region->dev,
			 "no memory to remember bad page %#lx\n", pfn);
	retire_event(region, pfn);
}

static int retire_page(struct cdm_block *block, unsigned long pfn)
{
	unsigned int i;

	cdm_poison_note(block->region, pfn);

	if (cdm_page_retire(block, pfn))
		return 0;
	for (i = 0; i < RETIRE_TRIES; i++) {
		cdm_retire_pfn(pfn);
		if (!page_ref_count(pfn_to_page(pfn)))
			return 0;
		msleep(5);
	}
	/* Unmapped but still referenced is as good: nobody can touch it. */
	return folio_mapped(page_folio(pfn_to_page(pfn))) ? -EBUSY : 0;
}

/**
 * cdm_memory_failure() - take bad pages out of use for ever
 * @pgmap: memory map of the block
 * @pfn: first bad page
 * @nr_pages: how many
 * @mf_flags: MF_*, as memory_failure() was called
 *
 * Every process that maps a page gets SIGBUS when it touches it. Must exist,
 * and must not return -EOPNOTSUPP: the kernel's fallback takes the anon_vma of
 * an anonymous page for the address_space of a DAX file.
 *
 * Context: process context, called by memory_failure() under its mutex, with a
 * reference to @pgmap.
 * Return: 0, or -EBUSY if a page could not be taken from its owners; it is
 * marked all the same and will not be used again.
 */
int cdm_memory_failure(struct dev_pagemap *pgmap, unsigned long pfn,
		       unsigned long nr_pages, int mf_flags)
{
	struct cdm_block *block = container_of(pgmap, struct cdm_block, pgmap);
	unsigned long i;
	int rc = 0, err;

	for (i = 0; i < nr_pages; i++) {
		err = retire_page(block, pfn + i);
		rc = rc ?: err;
	}
	return rc;
}
