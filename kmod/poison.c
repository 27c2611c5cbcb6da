// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: retiring bad pages.
 */
#include <linux/delay.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/timekeeping.h>

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

/* When and how a page became known as bad, in a value of cdm_region.retired. */
#define SOURCE_BITS	1

static void *record_of(u64 time, enum cdm_bad_source source)
{
	return xa_mk_value((unsigned long)time << SOURCE_BITS | source);
}

static u64 record_time(const void *record)
{
	return xa_to_value(record) >> SOURCE_BITS;
}

static enum cdm_bad_source record_source(const void *record)
{
	return xa_to_value(record) & (BIT(SOURCE_BITS) - 1);
}

/*
 * What is forgotten is handed out again, at the latest by the next memory map: so the
 * record is not one to do without. Return: 0, -EALREADY if it is known.
 */
static int poison_note(struct cdm_region *region, unsigned long pfn, u64 time,
		       enum cdm_bad_source source)
{
	if (xa_insert(&region->retired, pfn, record_of(time, source),
		      GFP_KERNEL | __GFP_NOFAIL))
		return -EALREADY;
	retire_event(region, pfn);
	return 0;
}

/**
 * cdm_poison_note() - remember a bad page, and tell user space
 * @region: the region
 * @pfn: the page
 *
 * Context: may sleep.
 * Return: 0, -EALREADY if it is known.
 */
int cdm_poison_note(struct cdm_region *region, unsigned long pfn)
{
	return poison_note(region, pfn, ktime_get_real_seconds(), CDM_BAD_KERNEL);
}

/**
 * cdm_poison_list() - the bad pages of a region
 * @region: the region
 * @addr: physical address from which on
 * @pages: out, in the order of their addresses
 * @nr: room in @pages
 *
 * Context: any.
 * Return: how many were written.
 */
unsigned int cdm_poison_list(struct cdm_region *region, u64 addr,
			     struct cdm_bad_page *pages, unsigned int nr)
{
	unsigned long pfn;
	unsigned int i = 0;
	void *record;

	xa_for_each_start(&region->retired, pfn, record,
			  PHYS_PFN(addr) + !!(addr & ~PAGE_MASK)) {
		if (i == nr)
			break;
		pages[i++] = (struct cdm_bad_page){
			.addr = PFN_PHYS(pfn),
			.time = record_time(record),
			.source = record_source(record),
		};
	}
	return i;
}

/**
 * cdm_poison_retire() - take a page out of use that user space knows to be bad
 * @region: the region; the caller holds cdm_region.life for reading
 * @retire: which, and what is known of it
 *
 * Context: may sleep; takes cdm_region.grow.
 * Return: 0 or the errno that CDM_RETIRE documents.
 */
int cdm_poison_retire(struct cdm_region *region,
		      const struct cdm_retire *retire)
{
	unsigned long pfn = PHYS_PFN(retire->addr);
	struct cdm_block *block = cdm_block_of_pfn(pfn);
	bool unused = true;
	int rc;

	if (!block || block->region != region)
		return -ERANGE;
	mutex_lock(&region->grow);
	rc = poison_note(region, pfn, retire->time, retire->source);
	if (!rc && block->role == CDM_ROLE_COHERENT)
		unused = pfn < block->start_pfn + block->first ||
			 cdm_page_retire(block, pfn);
	else if (!rc && block->role == CDM_ROLE_SYSTEM)
		unused = false;
	mutex_unlock(&region->grow);
	/* Not by its queue, which has room for 16 and drops the rest of a long list. */
	if (!unused)
		memory_failure(pfn, 0);
	return rc;
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
