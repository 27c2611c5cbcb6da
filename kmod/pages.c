// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: which pages of a region are in use.
 *
 * A page is free (its bit is clear, it has no reference), allocated (its bit is
 * set, it has no reference yet), in use (its bit is set, its references belong
 * to page tables and the like), or retired (its bit is set for ever).
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "cdm.h"
#include "logic/bits.h"
#include "trace.h"

/* For hibernation: no page is handed out. */
static bool frozen;

static struct cdm_block *block_of_pfn(unsigned long pfn)
{
	return cdm_block_of_page(pfn_to_page(pfn));
}

/* Pages of a block that nobody owns and that are fit for use. */
static unsigned long __block_free(const struct cdm_block *block)
{
	lockdep_assert_held(&block->lock);
	return block->nr_pages - block->first - block->nr_used -
	       block->nr_retired;
}

static unsigned long block_alloc(struct cdm_block *block, unsigned long *pfns,
				 unsigned long nr)
{
	unsigned long got = 0, i, flags;

	/* A look without the lock, so that full blocks are passed quickly. */
	if (!READ_ONCE(block->open) ||
	    READ_ONCE(block->nr_used) + block->first + block->nr_retired ==
	    block->nr_pages)
		return 0;

	spin_lock_irqsave(&block->lock, flags);
	if (block->open && !frozen) {
		got = cdm_bits_take(block->used_bits, block->nr_pages,
				    block->hint, pfns, nr);
		block->nr_used += got;
		atomic_long_add(got, &block->region->nr_used);
		atomic_long_sub(got, &block->region->nr_free);
		if (got)
			block->hint = pfns[got - 1] + 1;
	}
	spin_unlock_irqrestore(&block->lock, flags);

	for (i = 0; i < got; i++)
		pfns[i] += block->start_pfn;
	return got;
}

/**
 * cdm_pages_alloc() - take free pages of a region
 * @region: the region
 * @pfns: out: the pages
 * @nr: how many
 *
 * Takes pages of blocks that have their memory map; cdm_blocks_grow() makes
 * more. Each page has to go through cdm_page_init() or back through
 * cdm_page_unalloc().
 *
 * Context: any. Takes cdm_block.lock.
 * Return: how many pages were taken.
 */
unsigned long cdm_pages_alloc(struct cdm_region *region, unsigned long *pfns,
			      unsigned long nr)
{
	unsigned int i, at = READ_ONCE(region->alloc_block);
	unsigned long got = 0;

	for (i = 0; i < region->nr_blocks && got < nr; i++, at++) {
		if (at >= region->nr_blocks)
			at = 0;
		got += block_alloc(&region->blocks[at], pfns + got, nr - got);
		if (got)
			WRITE_ONCE(region->alloc_block, at);
	}
	return got;
}

/**
 * cdm_block_open() - start or stop handing out the pages of a block
 * @block: the block
 * @open: whether to; without a memory map it stays closed
 *
 * Context: any. When this returns with @open false, no page of the block is
 * handed out any more.
 */
void cdm_block_open(struct cdm_block *block, bool open)
{
	unsigned long flags;

	spin_lock_irqsave(&block->lock, flags);
	open = open && block->used_bits;
	if (open && !block->open)
		atomic_long_add(__block_free(block), &block->region->nr_free);
	if (!open && block->open)
		atomic_long_sub(__block_free(block), &block->region->nr_free);
	WRITE_ONCE(block->open, open);
	spin_unlock_irqrestore(&block->lock, flags);
}

/**
 * cdm_pages_freeze() - hand out no page of any region, or do so again
 * @freeze: whether to stop
 *
 * Context: any. A page that was handed out before is seen by who reads the
 * usage of its block afterwards.
 */
void cdm_pages_freeze(bool freeze)
{
	WRITE_ONCE(frozen, freeze);
}

/**
 * cdm_pages_frozen() - does cdm_pages_freeze() forbid handing out pages?
 *
 * Context: any.
 * Return: true if so.
 */
bool cdm_pages_frozen(void)
{
	return READ_ONCE(frozen);
}

/* The bit of a page that is owned by nobody any more; cdm_block.lock held. */
static void __page_release(struct cdm_block *block, struct page *page)
{
	unsigned long bit = page_to_pfn(page) - block->start_pfn;

	lockdep_assert_held(&block->lock);

	if (WARN_ON_ONCE(!cdm_bits_get(block->used_bits, bit)))
		return;
	block->nr_used--;
	atomic_long_dec(&block->region->nr_used);
	if (PageHWPoison(page)) {
		block->nr_retired++;
		return;
	}
	cdm_bits_clear(block->used_bits, bit);
	if (block->open)
		atomic_long_inc(&block->region->nr_free);
}

static void page_release(struct cdm_block *block, struct page *page)
{
	unsigned long flags;

	spin_lock_irqsave(&block->lock, flags);
	__page_release(block, page);
	spin_unlock_irqrestore(&block->lock, flags);
}

/**
 * cdm_page_unalloc() - give back a page that was never initialized
 * @pfn: a page from cdm_pages_alloc()
 *
 * Context: any.
 */
void cdm_page_unalloc(unsigned long pfn)
{
	page_release(block_of_pfn(pfn), pfn_to_page(pfn));
}

/**
 * cdm_page_init() - make an allocated page a page that can be mapped
 * @pfn: a page from cdm_pages_alloc()
 * @owner: whose it is, and to whom it is charged
 *
 * The content is whatever was there: the caller overwrites all of it.
 *
 * Context: any that may take a page lock without waiting.
 * Return: the page, locked, with one reference that belongs to the caller.
 */
struct page *cdm_page_init(unsigned long pfn, u16 owner)
{
	struct page *page = pfn_to_page(pfn);
	struct cdm_block *block = cdm_block_of_page(page);

	cdm_owner_set(block, pfn - block->start_pfn, owner);
	cdm_zone_device_page_init(page, page_pgmap(page));
	/* It writes all flags of the page, and may just have undone that one. */
	if (!xa_empty(&block->region->retired) &&
	    xa_load(&block->region->retired, pfn))
		SetPageHWPoison(page);
	return page;
}

/**
 * cdm_page_freed() - the last reference of a page has gone
 * @page: the page
 *
 * The free callback of the memory map. Clears what the core leaves behind on
 * device pages: folio_migrate_flags() gives them flags of the LRU, which the next
 * owner's page would inherit, and mlock_folio() marks and counts a page that is
 * migrated into a locked mapping, while only pages of the buddy allocator are
 * unmarked when they are freed.
 *
 * Context: any, interrupts included.
 */
void cdm_page_freed(struct page *page)
{
	struct cdm_block *block = cdm_block_of_page(page);
	struct cdm_region *region = block->region;
	struct folio *folio = page_folio(page);

	if (folio_test_clear_mlocked(folio))
		mod_zone_page_state(page_zone(page), NR_MLOCK, -1);
	folio_clear_active(folio);
	folio_clear_workingset(folio);
	folio_clear_unevictable(folio);
	folio_clear_referenced(folio);
	folio_clear_dirty(folio);
	cdm_owner_set(block, page_to_pfn(page) - block->start_pfn, CDM_OWNER_NONE);
	page_release(block, page);
	if (READ_ONCE(region->state) >= CDM_DRAINING &&
	    wq_has_sleeper(&region->progress))
		wake_up(&region->progress);
}

/**
 * cdm_page_retire() - take a page that nobody uses out of service
 * @block: its block
 * @pfn: the page
 *
 * Context: any.
 * Return: true if the page was free and is retired now; false if somebody owns
 * it: mark it PageHWPoison, and it is retired when it is freed.
 */
bool cdm_page_retire(struct cdm_block *block, unsigned long pfn)
{
	unsigned long flags, bit = pfn - block->start_pfn;
	bool was_free;

	spin_lock_irqsave(&block->lock, flags);
	/* Without the bitmap the block is losing its memory map: all is free. */
	was_free = !block->used_bits || !cdm_bits_get(block->used_bits, bit);
	if (was_free && block->used_bits) {
		cdm_bits_set(block->used_bits, bit);
		block->nr_retired++;
		if (block->open)
			atomic_long_dec(&block->region->nr_free);
	}
	SetPageHWPoison(pfn_to_page(pfn));
	spin_unlock_irqrestore(&block->lock, flags);
	return was_free;
}

/**
 * __cdm_block_retired() - count the bad pages of a block
 * @block: the block
 *
 * Context: any; the caller holds cdm_block.lock.
 * Return: the pages; 0 for system blocks, whose pages census.c counts.
 */
unsigned long __cdm_block_retired(struct cdm_block *block)
{
	lockdep_assert_held(&block->lock);

	if (block->used_bits)
		return block->nr_retired;
	if (block->role == CDM_ROLE_SYSTEM)
		return 0;
	return cdm_retired_in(block->region, block->start_pfn, block->nr_pages);
}

/**
 * cdm_usage_read() - sum up the blocks of a region
 * @region: the region
 * @level: blocks of this level alone; CDM_ISOLATION_NONE for all
 * @usage: out
 *
 * Each block is read under its lock; the sum is exact when nothing changes. The
 * pages of system blocks are looked at one by one; who is killed meanwhile gets the
 * sum of some.
 *
 * Context: may sleep; takes cdm_region.chunks; the blocks are not being removed.
 */
void cdm_usage_read(struct cdm_region *region, enum cdm_isolation level,
		    struct cdm_usage *usage)
{
	unsigned long idle = 0, memmap = PFN_UP(region->block_pages *
						sizeof(struct page));
	unsigned int i;

	memset(usage, 0, sizeof(*usage));
	for (i = 0; i < region->nr_blocks && !fatal_signal_pending(current); i++) {
		struct cdm_block *block = &region->blocks[i];
		unsigned long flags;

		if (level != CDM_ISOLATION_NONE && block->isolation != level)
			continue;
		spin_lock_irqsave(&block->lock, flags);
		usage->total += block->nr_pages;
		usage->used += block->nr_used;
		usage->retired += __cdm_block_retired(block);
		if (block->open)
			usage->free += __block_free(block);
		else if (block->used_bits)
			usage->draining += block->nr_used;
		else if (block->online && block->role == CDM_ROLE_IDLE)
			usage->idle += block->nr_pages;
		if (block->online && block->role == CDM_ROLE_IDLE &&
		    block != READ_ONCE(region->changing))
			idle += block->nr_pages - __cdm_block_retired(block) -
				(region->memmap_on_block ? memmap : 0);
		if (block->used_bits && !(block->pgmap.flags & PGMAP_ALTMAP_VALID))
			usage->memmap_ram_bytes +=
				block->nr_pages * sizeof(struct page);
		spin_unlock_irqrestore(&block->lock, flags);
		if (READ_ONCE(block->role) == CDM_ROLE_SYSTEM)
			cdm_system_usage(block, usage);
	}
	usage->available = usage->free + idle;
}

/**
 * cdm_pages_used() - how many pages of a region have an owner
 * @region: the region
 *
 * Context: any.
 * Return: the pages.
 */
unsigned long cdm_pages_used(struct cdm_region *region)
{
	return atomic_long_read(&region->nr_used);
}
