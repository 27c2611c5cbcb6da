// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: system blocks, the memory of the levels reserved and shared.
 *
 * Their pages are ordinary pages of ZONE_MOVABLE. Of a reserved block the
 * kernel's allocator has only as much as is in use and a little more, so that
 * nothing counts as free memory that nobody can get: the rest is withheld, in
 * chunks, as virtio-mem does it. A withheld page is PageOffline and has one
 * reference.
 */
#include <linux/cpuset.h>
#include <linux/memory_hotplug.h>
#include <linux/mmzone.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "cdm.h"

/*
 * Of the node or nothing, and nothing is reclaimed for it. There are no reserves
 * to keep: whoever is short of memory gets none of this.
 */
#define GFP_RESERVED	((GFP_HIGHUSER_MOVABLE | __GFP_THISNODE | \
			  __GFP_NOWARN | __GFP_NORETRY | __GFP_MEMALLOC) & \
			 ~__GFP_RECLAIM)

/* Free pages that stay with the allocator, and how often the rest is taken back. */
#define SLACK_PAGES	(4 * CDM_CHUNK_PAGES)
#define TIDY_PERIOD	HZ

/* Free pages of a shared node that are kept from everybody while others are looked for. */
#define ASIDE_MAX_PAGES	(SZ_256M >> PAGE_SHIFT)

static struct zone *region_zone(const struct cdm_region *region)
{
	return &NODE_DATA(region->nid)->node_zones[ZONE_MOVABLE];
}

/* Can it be exposed? */
static bool chunk_waits(enum cdm_chunk state)
{
	return state == CDM_CHUNK_FRESH || state == CDM_CHUNK_TAKEN;
}

/*
 * Chunks count as withheld while their block is online: before and while it goes they
 * can not be exposed, and who was told of them would find no room.
 */
static void __chunk_set(struct cdm_block *block, unsigned long i,
			enum cdm_chunk state)
{
	lockdep_assert_held(&block->region->chunks);

	if (block->presence == CDM_PRESENCE_ONLINE)
		atomic_long_add((chunk_waits(state) - chunk_waits(block->chunks[i])) *
				(long)CDM_CHUNK_PAGES, &block->region->nr_withheld);
	block->chunks[i] = state;
}

static unsigned long __chunks_waiting(const struct cdm_block *block)
{
	unsigned long i, nr = 0;

	for (i = 0; i < cdm_nr_chunks(block); i++)
		nr += chunk_waits(block->chunks[i]);
	return nr;
}

/* A page of a withheld chunk may have gone bad where nobody could see it. */
static bool chunk_has_poison(struct cdm_block *block, unsigned long i)
{
	unsigned long pfn = cdm_chunk_pfn(block, i), n;

	for (n = 0; n < CDM_CHUNK_PAGES; n++)
		if (PageHWPoison(pfn_to_page(pfn + n)))
			return true;
	return cdm_retired_in(block->region, pfn, CDM_CHUNK_PAGES);
}

/* Give a chunk to the kernel's allocator. */
static void __chunk_expose(struct cdm_block *block, unsigned long i)
{
	unsigned long pfn = cdm_chunk_pfn(block, i), n;
	struct page *page = pfn_to_page(pfn);
	bool fresh = block->chunks[i] == CDM_CHUNK_FRESH;

	if (!fresh || !cdm_hotplug_pages_begin_offline())
		for (n = 0; n < CDM_CHUNK_PAGES; n++)
			__ClearPageOffline(page + n);
	if (fresh) {
		generic_online_page(page, ilog2(CDM_CHUNK_PAGES));
	} else {
		free_contig_range(pfn, CDM_CHUNK_PAGES);
		adjust_managed_page_count(page, CDM_CHUNK_PAGES);
	}
	__chunk_set(block, i, CDM_CHUNK_EXPOSED);
}

/* Take a chunk back that nobody uses. Return: false if somebody was faster. */
static bool __chunk_withhold(struct cdm_block *block, unsigned long i)
{
	unsigned long pfn = cdm_chunk_pfn(block, i), n;

	if (cdm_alloc_contig_range(pfn, pfn + CDM_CHUNK_PAGES))
		return false;
	page_offline_begin();
	for (n = 0; n < CDM_CHUNK_PAGES; n++)
		__SetPageOffline(pfn_to_page(pfn + n));
	page_offline_end();
	adjust_managed_page_count(pfn_to_page(pfn), -CDM_CHUNK_PAGES);
	__chunk_set(block, i, CDM_CHUNK_TAKEN);
	return true;
}

static void owner_mark(struct folio *folio, u16 owner)
{
	struct cdm_block *block = cdm_block_of_pfn(folio_pfn(folio));
	unsigned long bit = folio_pfn(folio) - block->start_pfn, i;

	for (i = 0; i < folio_nr_pages(folio); i++)
		cdm_owner_set(block, bit + i, owner);
}

/* Expose one more chunk of a reserved block. Return: false if there is none. */
static bool expose_one(struct cdm_region *region)
{
	unsigned int n, at;
	unsigned long i;

	mutex_lock(&region->chunks);
	at = region->expose_block;
	for (n = 0; n < region->nr_blocks; n++, at++) {
		struct cdm_block *block = &region->blocks[at % region->nr_blocks];

		if (!block->chunks || block->presence != CDM_PRESENCE_ONLINE ||
		    block->isolation != CDM_ISOLATION_RESERVED)
			continue;
		for (i = 0; i < cdm_nr_chunks(block); i++) {
			if (!chunk_waits(block->chunks[i]))
				continue;
			if (chunk_has_poison(block, i)) {
				__chunk_set(block, i, CDM_CHUNK_BAD);
				continue;
			}
			__chunk_expose(block, i);
			region->expose_block = at % region->nr_blocks;
			mutex_unlock(&region->chunks);
			schedule_delayed_work(&region->tidy, TIDY_PERIOD);
			return true;
		}
	}
	mutex_unlock(&region->chunks);
	return false;
}

static bool folio_is_of(struct folio *folio, const struct cdm_region *region)
{
	return cdm_region_id_of_pfn(folio_pfn(folio)) == region->id;
}

/**
 * struct take - free pages that are being taken from the allocator
 * @region: whose
 * @order: of each page
 * @owner: whose they will be, and to whom they are charged
 * @pfns: out
 * @nr: how many are wanted
 * @got: how many are there
 * @aside: pages of others of the node, which the allocator gave first
 * @nr_aside: how many
 */
struct take {
	struct cdm_region *region;
	unsigned int order;
	u16 owner;
	unsigned long *pfns;
	unsigned long nr;
	unsigned long got;
	struct list_head aside;
	unsigned long nr_aside;
};

static struct page *window_alloc(const struct cdm_region *region)
{
	return alloc_pages_node(region->nid, GFP_RESERVED,
				ilog2(CDM_WINDOW_PAGES));
}

/*
 * A processor's lists may hold nothing but windows, and the allocator does not break
 * those up. Return: true if it has small pages now.
 */
static bool break_up_window(struct cdm_region *region)
{
	struct page *page = window_alloc(region);
	unsigned int i;

	if (!page)
		return false;
	split_page(page, ilog2(CDM_WINDOW_PAGES));
	for (i = 0; i < CDM_WINDOW_PAGES; i++)
		__free_page(page + i);
	return true;
}

/*
 * A page of the region. Another region of the node may have free pages too, and
 * the allocator may give those first: they are put aside. Of a shared node that may be
 * all that there is, which others need.
 */
static struct folio *folio_take(struct take *take)
{
	struct cdm_region *region = take->region;
	struct folio *folio;

	do {
		folio = __folio_alloc_node(GFP_RESERVED, take->order, region->nid);
		if (!folio)
			continue;
		if (folio_is_of(folio, region)) {
			owner_mark(folio, take->owner);
			return folio;
		}
		/* RAM of the same node: there is none of a region left that can be had. */
		if (page_zonenum(&folio->page) != ZONE_MOVABLE ||
		    (!READ_ONCE(region->hides_node) &&
		     take->nr_aside >= ASIDE_MAX_PAGES)) {
			folio_put(folio);
			return NULL;
		}
		list_add(&folio->lru, &take->aside);
		take->nr_aside += folio_nr_pages(folio);
		cond_resched();
	} while (folio || expose_one(region) ||
		 (!take->order && break_up_window(region)));
	return NULL;
}

/*
 * A window in one piece, split into pages: 512 searches are saved.
 * Return: false if the allocator has no such piece and small pages will do.
 */
static bool window_take(struct take *take)
{
	struct cdm_region *region = take->region;
	struct page *page = window_alloc(region);
	unsigned int i;

	if (!page && zone_page_state(region_zone(region), NR_FREE_PAGES) <
		     CDM_WINDOW_PAGES && expose_one(region))
		page = window_alloc(region);
	if (!page)
		return false;
	if (cdm_region_id_of_pfn(page_to_pfn(page)) != region->id) {
		__free_pages(page, ilog2(CDM_WINDOW_PAGES));
		return false;
	}
	split_page(page, ilog2(CDM_WINDOW_PAGES));
	for (i = 0; i < CDM_WINDOW_PAGES; i++) {
		owner_mark(page_folio(page + i), take->owner);
		take->pfns[take->got++] = page_to_pfn(page + i);
	}
	return true;
}

/* What this processor can have. */
static long take_here(void *data)
{
	nodemask_t saved = cpuset_current_mems_allowed, with = saved;
	struct take *take = data;
	struct folio *folio, *next;

	INIT_LIST_HEAD(&take->aside);
	take->nr_aside = 0;
	/* No cpuset has a node that is not in N_MEMORY. */
	node_set(take->region->nid, with);
	set_mems_allowed(with);
	if (!take->order && take->nr - take->got == CDM_WINDOW_PAGES)
		window_take(take);
	while (take->got < take->nr) {
		folio = folio_take(take);
		if (!folio)
			break;
		take->pfns[take->got++] = folio_pfn(folio);
	}
	set_mems_allowed(saved);
	list_for_each_entry_safe(folio, next, &take->aside, lru) {
		list_del(&folio->lru);
		folio_put(folio);
	}
	return 0;
}

/*
 * What any processor can have. Each has lists of free pages of its own, of windows
 * too, which no other one gets and which do not count as free. Nobody else takes
 * pages meanwhile: while he does, he may have more than he will keep.
 */
static void take_everywhere(struct take *take)
{
	struct zone *zone = region_zone(take->region);
	unsigned int cpu;

	take_here(take);
	for_each_online_cpu(cpu)
		if (take->got < take->nr &&
		    READ_ONCE(per_cpu_ptr(zone->per_cpu_pageset, cpu)->count))
			work_on_cpu(cpu, take_here, take);
}

/**
 * cdm_system_alloc() - take free pages of the reserved blocks of a region
 * @region: the region
 * @order: of each page
 * @owner: whose they are, and to whom they are charged
 * @pfns: out: the pages, each with one reference
 * @nr: how many
 *
 * Context: may sleep; takes cdm_region.taking and cdm_region.chunks.
 * Return: how many pages were taken.
 */
unsigned long cdm_system_alloc(struct cdm_region *region, unsigned int order,
			       u16 owner, unsigned long *pfns, unsigned long nr)
{
	struct take take = {
		.region = region,
		.order = order,
		.owner = owner,
		.pfns = pfns,
		.nr = nr,
	};

	/* The node may not be online before it has pages: to ask there is a stack dump. */
	if (!nr || !atomic_long_read(&region->nr_system) ||
	    !populated_zone(region_zone(region)) ||
	    READ_ONCE(region->state) != CDM_ACTIVE)
		return 0;
	cdm_node_keep_pages(region->nid);
	down_read(&region->taking);
	take_here(&take);
	up_read(&region->taking);
	if (take.got < nr) {
		down_write(&region->taking);
		take_everywhere(&take);
		up_write(&region->taking);
	}
	return take.got;
}

/**
 * cdm_system_free() - pages that reserved blocks could give, as far as is known
 * @region: the region
 *
 * Context: any.
 * Return: pages withheld, and those the allocator has if they are all of @region.
 */
unsigned long cdm_system_free(struct cdm_region *region)
{
	unsigned long system = atomic_long_read(&region->nr_system);
	struct zone *zone = region_zone(region);
	unsigned long free = max(atomic_long_read(&region->nr_withheld), 0L);

	if (system && system == zone->present_pages)
		free += zone_page_state(zone, NR_FREE_PAGES);
	return free;
}

/**
 * cdm_system_shared_free() - free memory for everybody on the node of a region
 * @region: the region
 *
 * Context: any.
 * Return: pages; none if the region has no such memory.
 */
unsigned long cdm_system_shared_free(const struct cdm_region *region)
{
	if (READ_ONCE(region->hides_node) || !atomic_long_read(&region->nr_system))
		return 0;
	return zone_page_state(region_zone(region), NR_FREE_PAGES);
}

/**
 * cdm_system_go_online() - keep pages that go online from the allocator
 * @block: their block
 * @page: first page
 * @order: their order, that of a chunk
 *
 * All of a reserved block, of a shared one those with bad pages.
 *
 * Context: the kernel's page online callback.
 */
void cdm_system_go_online(struct cdm_block *block, struct page *page,
			  unsigned int order)
{
	unsigned long i = (page_to_pfn(page) - block->start_pfn) / CDM_CHUNK_PAGES;
	bool bad = cdm_retired_in(block->region, page_to_pfn(page), 1UL << order);
	unsigned long n;

	if (WARN_ON_ONCE(order != ilog2(CDM_CHUNK_PAGES)) ||
	    (block->isolation == CDM_ISOLATION_SHARED && !bad)) {
		generic_online_page(page, order);
		return;
	}
	if (!cdm_hotplug_pages_begin_offline()) {
		page_offline_begin();
		for (n = 0; n < CDM_CHUNK_PAGES; n++) {
			__SetPageOffline(page + n);
			ClearPageReserved(page + n);
		}
		page_offline_end();
	}
	mutex_lock(&block->region->chunks);
	__chunk_set(block, i, bad ? CDM_CHUNK_BAD : CDM_CHUNK_FRESH);
	mutex_unlock(&block->region->chunks);
}

/* The references of all withheld pages of a block. */
static void __withheld_refs(struct cdm_block *block, bool get)
{
	unsigned long i, n;

	lockdep_assert_held(&block->region->chunks);

	for (i = 0; i < cdm_nr_chunks(block); i++) {
		struct page *page = pfn_to_page(cdm_chunk_pfn(block, i));

		if (block->chunks[i] == CDM_CHUNK_EXPOSED)
			continue;
		if (!cdm_hotplug_pages_begin_offline())
			adjust_managed_page_count(page, get ? -CDM_CHUNK_PAGES :
							      CDM_CHUNK_PAGES);
		for (n = 0; n < CDM_CHUNK_PAGES; n++) {
			if (get)
				page_ref_inc(page + n);
			else
				WARN_ON_ONCE(!page_ref_dec_and_test(page + n));
		}
	}
}

/**
 * cdm_system_going_offline() - the kernel takes a block offline
 * @block: the block
 *
 * Withheld pages lose their reference, so that they are not in the way.
 *
 * Context: notifier, under the hotplug locks.
 */
void cdm_system_going_offline(struct cdm_block *block)
{
	mutex_lock(&block->region->chunks);
	if (block->presence == CDM_PRESENCE_ONLINE)
		atomic_long_sub(__chunks_waiting(block) * CDM_CHUNK_PAGES,
				&block->region->nr_withheld);
	block->presence = CDM_PRESENCE_GOING;
	__withheld_refs(block, false);
	mutex_unlock(&block->region->chunks);
}

/**
 * cdm_system_cancel_offline() - the kernel could not take a block offline
 * @block: the block
 *
 * Context: notifier, under the hotplug locks.
 */
void cdm_system_cancel_offline(struct cdm_block *block)
{
	mutex_lock(&block->region->chunks);
	if (block->presence == CDM_PRESENCE_GOING) {
		__withheld_refs(block, true);
		atomic_long_add(__chunks_waiting(block) * CDM_CHUNK_PAGES,
				&block->region->nr_withheld);
		block->presence = CDM_PRESENCE_ONLINE;
	}
	mutex_unlock(&block->region->chunks);
}

/**
 * cdm_system_set_presence() - a block went online or offline
 * @block: the block
 * @presence: what it is now
 *
 * A block that somebody else brings online again has exposed pages only.
 *
 * Context: notifier, under the hotplug locks.
 */
void cdm_system_set_presence(struct cdm_block *block,
			     enum cdm_presence presence)
{
	unsigned long i;

	mutex_lock(&block->region->chunks);
	if (presence == CDM_PRESENCE_OFFLINE) {
		for (i = 0; i < cdm_nr_chunks(block); i++)
			__chunk_set(block, i, CDM_CHUNK_EXPOSED);
		cdm_owners_forget(block);
	} else if (block->presence == CDM_PRESENCE_OFFLINE) {
		atomic_long_add(__chunks_waiting(block) * CDM_CHUNK_PAGES,
				&block->region->nr_withheld);
	}
	block->presence = presence;
	mutex_unlock(&block->region->chunks);
	if (presence == CDM_PRESENCE_ONLINE)
		schedule_delayed_work(&block->region->tidy, TIDY_PERIOD);
}

/* Take back what nobody uses of a block, down to @keep free pages of the zone. */
static void block_tidy(struct cdm_block *block, unsigned long keep)
{
	struct zone *zone = region_zone(block->region);
	unsigned long i;

	for (i = 0; i < cdm_nr_chunks(block) &&
		    zone_page_state(zone, NR_FREE_PAGES) > keep; i++) {
		/*
		 * One at a time: who wants pages waits for this. A page that
		 * was taken meanwhile would be moved out, to RAM.
		 */
		down_write(&block->region->taking);
		mutex_lock(&block->region->chunks);
		if (block->chunks && block->presence == CDM_PRESENCE_ONLINE &&
		    block->isolation == CDM_ISOLATION_RESERVED &&
		    block->chunks[i] == CDM_CHUNK_EXPOSED &&
		    cdm_chunk_is_free(block, i))
			__chunk_withhold(block, i);
		mutex_unlock(&block->region->chunks);
		up_write(&block->region->taking);
		cond_resched();
	}
}

/**
 * cdm_system_tidy() - take back what nobody uses
 * @work: cdm_region.tidy
 *
 * Nobody tells when an ordinary page is freed, so this comes again as long as
 * the allocator has pages of the region.
 *
 * Context: work queue.
 */
void cdm_system_tidy(struct work_struct *work)
{
	struct cdm_region *region = container_of(to_delayed_work(work),
						 struct cdm_region, tidy);
	unsigned int i;

	for (i = 0; i < region->nr_blocks; i++)
		if (READ_ONCE(region->blocks[i].chunks))
			block_tidy(&region->blocks[i], SLACK_PAGES);
	if (READ_ONCE(region->hides_node) &&
	    atomic_long_read(&region->nr_system) >
	    atomic_long_read(&region->nr_withheld))
		schedule_delayed_work(&region->tidy, TIDY_PERIOD);
}

static void chunks_free(struct cdm_block *block)
{
	u8 *chunks;

	mutex_lock(&block->region->chunks);
	chunks = block->chunks;
	WRITE_ONCE(block->chunks, NULL);
	cdm_owners_free(block);
	mutex_unlock(&block->region->chunks);
	kfree(chunks);
}

/**
 * cdm_system_populate() - make a block ordinary memory
 * @block: an idle block of level reserved or shared
 *
 * Context: may sleep; the caller holds cdm_region.grow.
 * Return: 0, -ENOMEM, or what the kernel said.
 */
int cdm_system_populate(struct cdm_block *block)
{
	struct cdm_region *region = block->region;
	u16 *owners;
	u8 *chunks;
	int rc;

	lockdep_assert_held(&region->grow);

	chunks = kcalloc(cdm_nr_chunks(block), 1, GFP_KERNEL);
	owners = cdm_owners_alloc(block);
	if (!chunks || !owners) {
		kfree(chunks);
		kvfree(owners);
		return -ENOMEM;
	}
	mutex_lock(&region->chunks);
	block->owners = owners;
	block->presence = CDM_PRESENCE_OFFLINE;
	WRITE_ONCE(block->chunks, chunks);
	mutex_unlock(&region->chunks);

	/* As soon as it is online others take pages of it. */
	atomic_long_add(block->nr_pages, &region->nr_system);
	rc = cdm_hotplug_add(block);
	if (rc) {
		atomic_long_sub(block->nr_pages, &region->nr_system);
		chunks_free(block);
		return rc;
	}
	cdm_block_set_role(block, CDM_ROLE_SYSTEM);
	if (block->isolation == CDM_ISOLATION_RESERVED)
		block_tidy(block, 0);
	return 0;
}

/**
 * cdm_system_depopulate() - move everything out of a block and take it away
 * @block: a system block
 *
 * Context: may sleep for as long as a page stays; a signal to the caller ends it.
 * Takes cdm_region.grow.
 * Return: 0, -EINTR, -EBUSY if something in it can not be moved now.
 */
int cdm_system_depopulate(struct cdm_block *block)
{
	struct cdm_region *region = block->region;
	int rc;

	rc = cdm_hotplug_remove(block);
	if (rc)
		return rc;
	mutex_lock(&region->grow);
	chunks_free(block);
	atomic_long_sub(block->nr_pages, &region->nr_system);
	cdm_block_set_role(block, CDM_ROLE_IDLE);
	mutex_unlock(&region->grow);
	return 0;
}

/**
 * cdm_system_next_window() - find pages that may be in use
 * @block: a system block
 * @start: page of the block where to begin, a multiple of CDM_WINDOW_PAGES
 *
 * Context: may sleep; takes cdm_region.chunks.
 * Return: first page, within the block, of the next window that the allocator has,
 * or the length of the block.
 */
unsigned long cdm_system_next_window(struct cdm_block *block, unsigned long start)
{
	mutex_lock(&block->region->chunks);
	while (start < block->nr_pages &&
	       (!block->chunks || block->presence != CDM_PRESENCE_ONLINE ||
		block->chunks[start / CDM_CHUNK_PAGES] != CDM_CHUNK_EXPOSED))
		start += CDM_WINDOW_PAGES;
	mutex_unlock(&block->region->chunks);
	return min(start, block->nr_pages);
}
