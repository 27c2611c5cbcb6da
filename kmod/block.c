// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: blocks, the unit in which a region gets and loses pages.
 *
 * The only file that makes and removes memory maps. A block has no struct
 * pages until somebody needs one, so a region costs nothing until it is used.
 */
#include <linux/jiffies.h>
#include <linux/memory.h>
#include <linux/mmzone.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "cdm.h"
#include "job.h"
#include "logic/bits.h"
#include "trace.h"

/* Blocks that lose their memory map at the same time. */
#define REMOVERS	8

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

/* cdm_region.grow is held, for several blocks at a time by who removes them. */
static void block_set_role(struct cdm_block *block, enum cdm_role role)
{
	trace_cdm_block_role(block->region->id, block->start_pfn, block->role,
			     role);
	block->role = role;
}

/*
 * Blocks are the kernel's memory blocks, so that a block can become ordinary
 * memory later; smaller where that would waste the edges of the device.
 */
static unsigned long block_size_for(const struct cdm_region *region)
{
	unsigned long size = memory_block_size_bytes(), min = 1UL << SECTION_SIZE_BITS;
	unsigned int i;

	for (i = 0; i < region->nr_ranges; i++)
		while (size > min &&
		       (!IS_ALIGNED(region->ranges[i].start, size) ||
			!IS_ALIGNED(range_len(&region->ranges[i]), size)))
			size >>= 1;
	return size;
}

/* Cut the ranges to whole blocks and forget those that hold none. */
static void ranges_cut(struct cdm_region *region, unsigned long size)
{
	unsigned int i, kept = 0;

	for (i = 0; i < region->nr_ranges; i++) {
		u64 start = ALIGN(region->ranges[i].start, size);
		u64 end = ALIGN_DOWN(region->ranges[i].end + 1, size);

		region->cut_bytes += range_len(&region->ranges[i]);
		if (start >= end)
			continue;
		region->cut_bytes -= end - start;
		region->ranges[kept].start = start;
		region->ranges[kept].end = end - 1;
		region->nr_blocks += (end - start) / size;
		kept++;
	}
	region->nr_ranges = kept;
}

/**
 * cdm_blocks_init() - divide a region into blocks
 * @region: its ranges are set; they are cut to whole blocks
 *
 * Context: may sleep; nobody else knows the region yet.
 * Return: 0, -ERANGE if not one block fits, or -ENOMEM.
 */
int cdm_blocks_init(struct cdm_region *region)
{
	unsigned long size = block_size_for(region);
	struct cdm_block *block;
	unsigned int i;
	u64 start;

	ranges_cut(region, size);
	if (!region->nr_blocks)
		return -ERANGE;
	region->block_pages = size >> PAGE_SHIFT;
	region->blocks = kvcalloc(region->nr_blocks, sizeof(*block), GFP_KERNEL);
	if (!region->blocks)
		return -ENOMEM;

	block = region->blocks;
	for (i = 0; i < region->nr_ranges; i++) {
		for (start = region->ranges[i].start;
		     start < region->ranges[i].end; start += size, block++) {
			spin_lock_init(&block->lock);
			block->region = region;
			block->start_pfn = PHYS_PFN(start);
			block->nr_pages = region->block_pages;
			block->role = CDM_ROLE_IDLE;
		}
	}
	return 0;
}

/**
 * cdm_blocks_exit() - free what cdm_blocks_init() made
 * @region: all its blocks are idle or lost
 */
void cdm_blocks_exit(struct cdm_region *region)
{
	kvfree(region->blocks);
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

static int block_populate(struct cdm_block *block)
{
	unsigned long *bits, nr_retired;
	void *mapped;

	lockdep_assert_held(&block->region->grow);

	pgmap_prepare(block);
	mapped = memremap_pages(&block->pgmap, block->region->nid);
	if (IS_ERR(mapped))
		return PTR_ERR(mapped);
	bits = used_bits_new(block, &nr_retired);
	if (!bits) {
		memunmap_pages(&block->pgmap);
		return -ENOMEM;
	}

	block_set_role(block, CDM_ROLE_COHERENT);
	spin_lock_irq(&block->lock);
	block->used_bits = bits;
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
	unsigned long pfn;
	void *entry;

	xa_for_each_range(&block->region->retired, pfn, entry, block->start_pfn,
			  block->start_pfn + block->nr_pages - 1)
		if (pfn >= block->start_pfn + block->first)
			ClearPageHWPoison(pfn_to_page(pfn));
}

static void block_depopulate(struct cdm_block *block)
{
	unsigned long *bits;

	if (block->role != CDM_ROLE_COHERENT)
		return;
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
	block_set_role(block, CDM_ROLE_IDLE);
	kvfree(bits);
}

/**
 * struct cdm_removal - taking the memory maps of a region away
 * @job: its work
 * @region: the region
 * @next: number of the block that is next; guarded by job.lock
 */
struct cdm_removal {
	struct cdm_job job;
	struct cdm_region *region;
	unsigned int next;
};

static bool removal_step(struct cdm_job *job, struct cdm_batch *batch)
{
	struct cdm_removal *removal = container_of(job, struct cdm_removal, job);
	struct cdm_region *region = removal->region;
	struct cdm_block *block = NULL;

	mutex_lock(&job->lock);
	while (removal->next < region->nr_blocks && !block) {
		block = &region->blocks[removal->next++];
		if (block->role != CDM_ROLE_COHERENT)
			block = NULL;
	}
	mutex_unlock(&job->lock);
	if (!block)
		return false;
	block_depopulate(block);
	return true;
}

/**
 * cdm_blocks_depopulate() - take the memory maps of all blocks away
 * @region: drained, so no page is in use
 *
 * Most of the time of memunmap_pages() is waiting for RCU, so blocks go several
 * at a time.
 *
 * Context: may sleep; takes cdm_region.grow.
 */
void cdm_blocks_depopulate(struct cdm_region *region)
{
	struct cdm_removal removal = {
		.job.step = removal_step,
		.job.is_drain = true,
		.region = region,
	};
	unsigned int i;

	mutex_init(&removal.job.lock);
	mutex_lock(&region->grow);
	if (cdm_job_run(&removal.job, REMOVERS, false))
		for (i = 0; i < region->nr_blocks; i++)
			block_depopulate(&region->blocks[i]);
	mutex_unlock(&region->grow);
}

static unsigned long free_pages_of(struct cdm_region *region)
{
	return max(atomic_long_read(&region->nr_free), 0L);
}

static struct cdm_block *next_idle_block(struct cdm_region *region)
{
	unsigned int i;

	for (i = 0; i < region->nr_blocks; i++)
		if (region->blocks[i].online &&
		    region->blocks[i].role == CDM_ROLE_IDLE)
			return &region->blocks[i];
	return NULL;
}

/*
 * Give one more block its memory map. A block that could not have it is left
 * alone for a second: this may be called by anybody, for every window.
 */
static int grow_by_one(struct cdm_region *region)
{
	struct cdm_block *block = next_idle_block(region);

	lockdep_assert_held(&region->grow);

	if (READ_ONCE(region->state) != CDM_ACTIVE || cdm_pages_frozen())
		return -EBUSY;
	if (!block)
		return -ENOSPC;
	if (region->grow_error && time_before(jiffies, region->retry_grow))
		return region->grow_error;
	region->grow_error = block_populate(block);
	region->retry_grow = jiffies + HZ;
	return region->grow_error;
}

/**
 * cdm_blocks_grow() - see to it that pages can be handed out
 * @region: the region
 * @nr_pages: how many should be free
 *
 * Gives blocks their memory map until @nr_pages are free or no idle block is
 * left; that is not an error, cdm_pages_alloc() will give less.
 *
 * Context: may sleep; takes cdm_region.grow. Call without mmap_lock:
 * memremap_pages() takes the hotplug lock.
 * Return: 0, -EBUSY if the region is not online, or what memremap_pages() said
 * when not even one page is free.
 */
int cdm_blocks_grow(struct cdm_region *region, unsigned long nr_pages)
{
	int rc = 0;

	if (READ_ONCE(region->state) != CDM_ACTIVE)
		return -EBUSY;
	if (free_pages_of(region) >= nr_pages || !next_idle_block(region))
		return 0;

	mutex_lock(&region->grow);
	while (!rc && free_pages_of(region) < nr_pages)
		rc = grow_by_one(region);
	mutex_unlock(&region->grow);

	if (rc == -ENOSPC || (rc && rc != -EBUSY && free_pages_of(region)))
		return 0;
	return rc;
}

/**
 * cdm_blocks_open() - start or stop handing out pages
 * @region: the region
 * @open: whether to
 *
 * When this returns with @open false, no page is handed out any more.
 *
 * Context: may sleep; takes cdm_region.grow. The caller has set the state.
 */
void cdm_blocks_open(struct cdm_region *region, bool open)
{
	unsigned int i;

	mutex_lock(&region->grow);
	for (i = 0; i < region->nr_blocks; i++)
		cdm_block_open(&region->blocks[i], open);
	mutex_unlock(&region->grow);
}

/**
 * cdm_block_info() - describe a block for user space
 * @block: the block
 * @info: out
 *
 * Context: any.
 */
void cdm_block_info(struct cdm_block *block, struct cdm_block_info *info)
{
	unsigned long flags;

	memset(info, 0, sizeof(*info));
	spin_lock_irqsave(&block->lock, flags);
	info->start = PFN_PHYS(block->start_pfn);
	info->length = PFN_PHYS(block->nr_pages);
	info->role = block->role;
	if (block->online)
		info->flags |= CDM_BLOCK_ONLINE;
	if (block->used_bits) {
		if (!block->open)
			info->flags |= CDM_BLOCK_DRAINING;
		if (block->pgmap.flags & PGMAP_ALTMAP_VALID)
			info->flags |= CDM_BLOCK_MEMMAP;
		info->total = block->nr_pages - block->first - block->nr_retired;
	}
	info->used = block->nr_used;
	info->retired = block->nr_retired;
	spin_unlock_irqrestore(&block->lock, flags);
}
