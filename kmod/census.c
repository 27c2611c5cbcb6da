// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: what the pages of system blocks are.
 *
 * The kernel's allocator keeps the books of these pages and tells nobody when one
 * is taken or freed. So they are looked at, one by one, without the locks that
 * would make the answer exact while it changes.
 */
#include <linux/mmzone.h>

#include "cdm.h"
#include "migrate.h"

/**
 * cdm_retired_in() - count the bad pages of a range that are known
 * @region: the region
 * @pfn: first page
 * @nr: how many
 *
 * Context: any.
 * Return: the pages.
 */
unsigned long cdm_retired_in(struct cdm_region *region, unsigned long pfn,
			     unsigned long nr)
{
	unsigned long index, count = 0;
	void *entry;

	xa_for_each_range(&region->retired, index, entry, pfn, pfn + nr - 1)
		count++;
	return count;
}

/*
 * The kernel's own handling takes bad pages of system blocks out of use and tells
 * their owners, but not us: they are learned of when somebody looks.
 */
static void poison_learn(struct cdm_block *block, unsigned long pfn)
{
	if (!block->region->lost && !xa_load(&block->region->retired, pfn))
		cdm_poison_note(block->region, pfn);
}

/**
 * struct cdm_census - what the pages of a chunk are
 * @used: pages that somebody owns
 * @bad: pages that are PageHWPoison
 * @foreign: of @used, pages that cdm did not place there
 * @pinned: of @used, pages with more references than their mappings explain
 */
struct cdm_census {
	unsigned long used;
	unsigned long bad;
	unsigned long foreign;
	unsigned long pinned;
};

/* A free page of the allocator, or of a CPU's list. */
static unsigned long free_run(struct page *page)
{
	unsigned long order;

	if (PageBuddy(page)) {
		/* Without the zone's lock: any value may be read. */
		order = READ_ONCE(page->private);
		return order < ilog2(MAX_ORDER_NR_PAGES) + 1 ? 1UL << order : 1;
	}
	return !page_ref_count(page) && !PageTail(page);
}

/* A page is free; but somebody may have taken it, and have it marked, since. */
static void owner_forget(struct cdm_block *block, unsigned long bit)
{
	u16 owner = cdm_owner_take(block, bit);

	if (free_run(pfn_to_page(block->start_pfn + bit)))
		cdm_owner_uncharge(block->region, owner);
	else
		cdm_owner_give_back(block, bit, owner);
}

/*
 * Count the pages of an exposed chunk, as far as can be told without locks. Those
 * that are free are nobody's.
 */
static void chunk_census(struct cdm_block *block, unsigned long i,
			 struct cdm_census *census)
{
	unsigned long pfn = cdm_chunk_pfn(block, i), end = pfn + CDM_CHUNK_PAGES, nr;

	while (pfn < end) {
		struct page *page = pfn_to_page(pfn);
		unsigned long bit = pfn - block->start_pfn, n;

		nr = free_run(page);
		for (n = 0; n < nr && pfn + n < end; n++)
			if (block->owners[bit + n])
				owner_forget(block, bit + n);
		if (!nr) {
			struct folio *folio = (struct folio *)page;

			nr = 1;
			if (PageHead(page))
				nr = clamp_t(unsigned long, folio_nr_pages(folio), 1,
					     end - pfn);
			if (nr == 1 && PageHWPoison(page)) {
				census->bad++;
				poison_learn(block, pfn);
			} else {
				census->used += nr;
				if (!block->owners[bit])
					census->foreign += nr;
				if (!PageTail(page) && cdm_folio_is_pinned(folio))
					census->pinned += nr;
			}
		} else if (PageHWPoison(page)) {
			census->bad++;
			poison_learn(block, pfn);
		}
		pfn += nr;
	}
}

/* Nobody uses a withheld page, but it can go bad. */
static void chunk_poison_learn(struct cdm_block *block, unsigned long i)
{
	unsigned long pfn = cdm_chunk_pfn(block, i), end = pfn + CDM_CHUNK_PAGES;

	for (; pfn < end; pfn++)
		if (PageHWPoison(pfn_to_page(pfn)))
			poison_learn(block, pfn);
}

static void __chunk_look(struct cdm_block *block, unsigned long i,
			 struct cdm_census *census)
{
	lockdep_assert_held(&block->region->chunks);

	if (!block->chunks || block->presence == CDM_PRESENCE_OFFLINE)
		return;
	if (block->chunks[i] == CDM_CHUNK_EXPOSED)
		chunk_census(block, i, census);
	else
		chunk_poison_learn(block, i);
}

/* A chunk at a time: who exposes or withholds another one does not wait for all. */
static void block_census(struct cdm_block *block, struct cdm_census *census)
{
	unsigned long i;

	memset(census, 0, sizeof(*census));
	for (i = 0; i < cdm_nr_chunks(block); i++) {
		mutex_lock(&block->region->chunks);
		__chunk_look(block, i, census);
		mutex_unlock(&block->region->chunks);
		cond_resched();
	}
}

/**
 * cdm_chunk_is_free() - does nobody use a chunk, and is no page of it bad?
 * @block: a system block that is online
 * @i: number of an exposed chunk
 *
 * Context: the caller holds cdm_region.chunks.
 * Return: true if so, as far as can be told without locks.
 */
bool cdm_chunk_is_free(struct cdm_block *block, unsigned long i)
{
	struct cdm_census census = {};

	chunk_census(block, i, &census);
	return !census.used && !census.bad;
}

/**
 * cdm_block_poison_learn() - find the bad pages of a block that are not known
 * @block: a system block that has just gone offline; what is not known when it comes
 *	online again, or loses its memory map, is forgotten
 *
 * Context: may sleep; notifier, under the hotplug locks.
 */
void cdm_block_poison_learn(struct cdm_block *block)
{
	unsigned long i;

	for (i = 0; i < cdm_nr_chunks(block); i++)
		chunk_poison_learn(block, i);
}

static bool is_draining(const struct cdm_block *block)
{
	const struct cdm_region *region = block->region;

	return READ_ONCE(region->state) == CDM_DRAINING ||
	       READ_ONCE(region->changing) == block;
}

/**
 * cdm_system_info() - describe a system block for user space
 * @block: the block
 * @info: total, used and retired are set
 *
 * Context: may sleep; takes cdm_region.chunks.
 */
void cdm_system_info(struct cdm_block *block, struct cdm_block_info *info)
{
	struct cdm_census census;

	block_census(block, &census);
	info->retired = cdm_retired_in(block->region, block->start_pfn,
				   block->nr_pages);
	info->total = block->nr_pages - info->retired;
	info->used = census.used;
	if (is_draining(block))
		info->flags |= CDM_BLOCK_DRAINING;
}

/**
 * cdm_system_usage() - add up a system block
 * @block: the block
 * @usage: used, retired, free, draining, exposed, foreign, pinned and
 *	memmap_ram_bytes are added to
 *
 * Context: may sleep; takes cdm_region.chunks.
 */
void cdm_system_usage(struct cdm_block *block, struct cdm_usage *usage)
{
	struct cdm_census census;
	unsigned long i, retired;

	block_census(block, &census);
	retired = cdm_retired_in(block->region, block->start_pfn, block->nr_pages);
	usage->used += census.used;
	usage->pinned += census.pinned;
	if (block->isolation == CDM_ISOLATION_RESERVED)
		usage->foreign += census.foreign;
	usage->retired += retired;
	/* By hand it can be offline; and a bad page can be part of a huge one in use. */
	if (READ_ONCE(block->presence) != CDM_PRESENCE_OFFLINE)
		usage->free += block->nr_pages -
			       min(block->nr_pages, census.used + retired);
	if (is_draining(block))
		usage->draining += census.used;
	usage->memmap_ram_bytes += block->nr_pages * sizeof(struct page);
	mutex_lock(&block->region->chunks);
	if (block->chunks && block->presence != CDM_PRESENCE_OFFLINE)
		for (i = 0; i < cdm_nr_chunks(block); i++)
			if (block->chunks[i] == CDM_CHUNK_EXPOSED)
				usage->exposed += CDM_CHUNK_PAGES;
	mutex_unlock(&block->region->chunks);
}
