// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: coherent blocks, the memory of level private.
 *
 * Their pages are device pages: in no zone that anybody allocates from, so
 * nobody gets one who does not ask cdm, and each of them is in cdm's own books
 * (pages.c).
 */
#include <linux/mmzone.h>
#include <linux/slab.h>

#include "cdm.h"
#include "logic/bits.h"

CDM_PAGEMAP_FREE(cdm_page_freed)

static const struct dev_pagemap_ops pagemap_ops = {
	CDM_PAGEMAP_FREE_OP,
	.memory_failure = cdm_memory_failure,
};

/* All pages of cdm have one owner: one migrate_vma call finds all of them. */
static char pagemap_owner;

/**
 * cdm_pagemap_owner() - the owner that the memory maps of all regions name
 *
 * Return: for migrate_vma.pgmap_owner.
 */
void *cdm_pagemap_owner(void)
{
	return &pagemap_owner;
}

/**
 * cdm_block_of_page() - the block that a page of cdm belongs to
 * @page: a page of a block that has its memory map
 */
struct cdm_block *cdm_block_of_page(struct page *page)
{
	return container_of(page_pgmap(page), struct cdm_block, pgmap);
}

/* Bad pages must not hold the memory map; such a block uses RAM for it. */
static bool memmap_fits_on(struct cdm_block *block, unsigned long memmap_pages)
{
	unsigned long pfn = block->start_pfn;

	return !xa_find(&block->region->retired, &pfn,
			block->start_pfn + memmap_pages - 1, XA_PRESENT);
}

static void pgmap_prepare(struct cdm_block *block)
{
	unsigned long memmap_pages = PFN_UP(block->nr_pages * sizeof(struct page));
	/* It has const members, so it is copied as a whole. */
	const struct vmem_altmap altmap = {
		.base_pfn = block->start_pfn,
		.end_pfn = block->start_pfn + block->nr_pages - 1,
		.free = memmap_pages,
	};
	struct dev_pagemap *pgmap = &block->pgmap;

	memset(pgmap, 0, sizeof(*pgmap));
	pgmap->type = MEMORY_DEVICE_COHERENT;
	pgmap->range.start = PFN_PHYS(block->start_pfn);
	pgmap->range.end = PFN_PHYS(block->start_pfn + block->nr_pages) - 1;
	pgmap->nr_range = 1;
	pgmap->ops = &pagemap_ops;
	pgmap->owner = &pagemap_owner;
	block->first = 0;
	if (!block->region->memmap_on_block ||
	    !memmap_fits_on(block, memmap_pages))
		return;

	memcpy(&pgmap->altmap, &altmap, sizeof(altmap));
	pgmap->flags = PGMAP_ALTMAP_VALID;
	block->first = memmap_pages;
}

/* Mark what can not be handed out: the memory map, and pages known to be bad. */
static unsigned long *used_bits_new(struct cdm_block *block,
				    unsigned long *nr_retired)
{
	unsigned long *bits, bit, pfn = block->start_pfn + block->first;
	void *entry;

	bits = kvcalloc(BITS_TO_LONGS(block->nr_pages), sizeof(long), GFP_KERNEL);
	if (!bits)
		return NULL;
	for (bit = 0; bit < block->first; bit++)
		cdm_bits_set(bits, bit);

	*nr_retired = 0;
	xa_for_each_range(&block->region->retired, pfn, entry, pfn,
			  block->start_pfn + block->nr_pages - 1) {
		cdm_bits_set(bits, pfn - block->start_pfn);
		SetPageHWPoison(pfn_to_page(pfn));
		++*nr_retired;
	}
	return bits;
}

/**
 * cdm_coherent_populate() - give a block device pages
 * @block: an idle block
 *
 * Context: may sleep; the caller holds cdm_region.grow.
 * Return: 0, -ENOMEM, or what memremap_pages() said.
 */
int cdm_coherent_populate(struct cdm_block *block)
{
	unsigned long *bits, nr_retired;
	u16 *owners;
	void *mapped;

	lockdep_assert_held(&block->region->grow);

	pgmap_prepare(block);
	mapped = memremap_pages(&block->pgmap, block->region->nid);
	if (IS_ERR(mapped))
		return PTR_ERR(mapped);
	/* The one that marks bad pages comes last: nothing takes that back. */
	owners = cdm_owners_alloc(block);
	bits = owners ? used_bits_new(block, &nr_retired) : NULL;
	if (!bits) {
		kvfree(owners);
		memunmap_pages(&block->pgmap);
		return -ENOMEM;
	}

	cdm_block_set_role(block, CDM_ROLE_COHERENT);
	spin_lock_irq(&block->lock);
	block->used_bits = bits;
	block->owners = owners;
	block->nr_retired = nr_retired;
	block->hint = block->first;
	spin_unlock_irq(&block->lock);
	cdm_block_open(block, READ_ONCE(block->region->state) == CDM_ACTIVE);
	return 0;
}

/*
 * 6.1 counts the bad pages of a section down when it goes away, as often as it
 * comes and goes, while memory_failure() counts each up once. So the flags go
 * first, and HardwareCorrupted keeps the page, on every kernel.
 */
static void poison_clear(struct cdm_block *block)
{
	unsigned long pfn, end = block->start_pfn + block->nr_pages;
	void *entry;

	xa_for_each_range(&block->region->retired, pfn, entry, block->start_pfn,
			  end - 1)
		if (pfn >= block->start_pfn + block->first)
			ClearPageHWPoison(pfn_to_page(pfn));
	if (!block->region->lost)
		return;
	for (pfn = block->start_pfn + block->first; pfn < end; pfn++)
		ClearPageHWPoison(pfn_to_page(pfn));
}

/**
 * cdm_coherent_depopulate() - take the device pages of a block away
 * @block: a coherent block of which no page is in use
 *
 * Context: may sleep; cdm_region.grow is held by the caller or for it.
 */
void cdm_coherent_depopulate(struct cdm_block *block)
{
	unsigned long *bits;

	spin_lock_irq(&block->lock);
	if (WARN_ON_ONCE(block->nr_used || block->open)) {
		spin_unlock_irq(&block->lock);
		return;
	}
	bits = block->used_bits;
	block->used_bits = NULL;
	spin_unlock_irq(&block->lock);

	poison_clear(block);
	memunmap_pages(&block->pgmap);
	cdm_block_set_role(block, CDM_ROLE_IDLE);
	cdm_owners_free(block);
	kvfree(bits);
}
