// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: blocks, the unit in which a region gets and loses pages.
 *
 * A block has no struct pages until somebody needs one, so a region costs nothing
 * until it is used. It can be in two ways, by its level: coherent.c and system.c
 * are the only files that make and remove memory maps.
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

static int block_populate(struct cdm_block *block)
{
	if (block->isolation == CDM_ISOLATION_PRIVATE)
		return cdm_coherent_populate(block);
	return cdm_system_populate(block);
}

/**
 * cdm_block_set_role() - say what the pages of a block are now
 * @block: the block
 * @role: its new role
 *
 * Context: any; cdm_region.grow is held, for several blocks at a time by who
 * removes them.
 */
void cdm_block_set_role(struct cdm_block *block, enum cdm_role role)
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
	cdm_coherent_depopulate(block);
	return true;
}

/**
 * cdm_blocks_depopulate() - take the memory maps of all coherent blocks away
 * @region: drained, so no page is in use, and its system blocks are idle
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
		.job.queue = CDM_QUEUE_REMOVALS,
		.region = region,
	};
	unsigned int i;

	mutex_init(&removal.job.lock);
	mutex_lock(&region->grow);
	if (cdm_job_run(&removal.job, REMOVERS, false))
		for (i = 0; i < region->nr_blocks; i++)
			if (region->blocks[i].role == CDM_ROLE_COHERENT)
				cdm_coherent_depopulate(&region->blocks[i]);
	mutex_unlock(&region->grow);
}

/* Pages that can be handed out without another block, as far as is known. */
static unsigned long free_pages_of(struct cdm_region *region)
{
	return max(atomic_long_read(&region->nr_free), 0L) +
	       cdm_system_free(region);
}

/* One of the region's level, if there is one; others while that is changed. */
static struct cdm_block *next_idle_block(struct cdm_region *region)
{
	struct cdm_block *other = NULL;
	unsigned int i;

	for (i = 0; i < region->nr_blocks; i++) {
		struct cdm_block *block = &region->blocks[i];

		if (!block->online || block->role != CDM_ROLE_IDLE ||
		    block == READ_ONCE(region->changing))
			continue;
		if (block->isolation == region->isolation)
			return block;
		other = other ?: block;
	}
	return other;
}

/**
 * cdm_block_set_isolation() - give an empty block another level
 * @block: the block
 * @isolation: the level
 *
 * A coherent block that is closed and empty loses its memory map first. One that was
 * idle may have got one before it was cdm_region.changing.
 *
 * Context: may sleep; takes cdm_region.grow.
 * Return: false if the block is open or has pages in use, and nothing was done.
 */
bool cdm_block_set_isolation(struct cdm_block *block,
			     enum cdm_isolation isolation)
{
	bool idle;

	mutex_lock(&block->region->grow);
	if (block->role == CDM_ROLE_COHERENT && !READ_ONCE(block->open) &&
	    !READ_ONCE(block->nr_used))
		cdm_coherent_depopulate(block);
	idle = block->role == CDM_ROLE_IDLE;
	if (idle)
		block->isolation = isolation;
	mutex_unlock(&block->region->grow);
	return idle;
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

/* Pages that blocks of the region's level can give without another block. */
static unsigned long room_at_level(struct cdm_region *region)
{
	if (region->isolation == CDM_ISOLATION_PRIVATE)
		return max(atomic_long_read(&region->nr_free), 0L);
	return cdm_system_free(region);
}

/**
 * cdm_blocks_make_room() - see to it that blocks of the region's level have pages
 * @region: the region, whose level is being changed
 * @nr_pages: how many
 *
 * Context: may sleep; takes cdm_region.grow. Call without mmap_lock.
 * Return: true if there are as many.
 */
bool cdm_blocks_make_room(struct cdm_region *region, unsigned long nr_pages)
{
	int rc = 0;

	mutex_lock(&region->grow);
	while (!rc && room_at_level(region) < nr_pages) {
		struct cdm_block *block = next_idle_block(region);

		if (!block || block->isolation != region->isolation)
			break;
		rc = block_populate(block);
	}
	mutex_unlock(&region->grow);
	return room_at_level(region) >= nr_pages;
}

/**
 * cdm_blocks_populate() - give blocks that are shared their memory now
 * @region: the region
 *
 * Context: may sleep; takes cdm_region.grow.
 * Return: 0, or why a block could not get it; -ENODEV if the region has begun to
 * leave, which waits for this.
 */
int cdm_blocks_populate(struct cdm_region *region)
{
	unsigned int i;
	int rc = 0;

	mutex_lock(&region->grow);
	for (i = 0; i < region->nr_blocks && !rc; i++) {
		if (region->blocks[i].role != CDM_ROLE_IDLE ||
		    region->blocks[i].isolation != CDM_ISOLATION_SHARED)
			continue;
		rc = READ_ONCE(region->leaving) ? -ENODEV :
						  block_populate(&region->blocks[i]);
	}
	mutex_unlock(&region->grow);
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
	info->flags = block->isolation << CDM_BLOCK_ISOLATION_SHIFT;
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
	info->retired = __cdm_block_retired(block);
	spin_unlock_irqrestore(&block->lock, flags);
	if (info->role == CDM_ROLE_SYSTEM)
		cdm_system_info(block, info);
}
