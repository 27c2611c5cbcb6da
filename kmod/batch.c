// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: the pages of one window on their way: where they go to, their content, and
 * what became of them.
 */
#include <linux/highmem.h>
#include <linux/migrate.h>

#include "batch.h"
#include "copy.h"

/* Without a wait, and not from afar: small pages here are better than that. */
#define RAM_WINDOW_GFP	((GFP_HIGHUSER_MOVABLE & ~__GFP_RECLAIM) | \
			 __GFP_THISNODE | __GFP_NOWARN)

/* Waits for reclaim, but never wakes the out-of-memory killer. */
#define RAM_PAGE_GFP	(GFP_HIGHUSER_MOVABLE | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/*
 * RAM for pages that come back. A whole window is taken in one piece if there is
 * one: 512 searches are saved, and what lies together can become a huge page
 * again.
 */
static unsigned long ram_take(unsigned long *pfns, unsigned long nr)
{
	struct page *page = NULL;
	unsigned long got = 0;

	if (nr == CDM_WINDOW_PAGES)
		page = alloc_pages(RAM_WINDOW_GFP, ilog2(CDM_WINDOW_PAGES));
	if (page) {
		split_page(page, ilog2(CDM_WINDOW_PAGES));
		for (; got < nr; got++)
			pfns[got] = page_to_pfn(page + got);
	}
	while (got < nr) {
		page = alloc_page(RAM_PAGE_GFP);
		if (!page)
			break;
		pfns[got++] = page_to_pfn(page);
	}
	return got;
}

/* A huge page at the destination, of order HPAGE_PMD_ORDER, or NULL. */
static struct folio *huge_alloc(struct cdm_region *to, u16 owner)
{
	unsigned long pfn;

	if (!to)
		return folio_alloc(GFP_TRANSHUGE, HPAGE_PMD_ORDER);
	if (!cdm_system_alloc(to, HPAGE_PMD_ORDER, owner, &pfn, 1))
		return NULL;
	return page_folio(pfn_to_page(pfn));
}

/* Pages of the region that are not its own device pages are in its system blocks. */
static bool pfn_is_coherent(unsigned long pfn)
{
	return is_zone_device_page(pfn_to_page(pfn));
}

/* First of the level that the region has, or shall have; of others if @any_level. */
static unsigned long region_take(struct cdm_batch *batch, struct cdm_region *to,
				 unsigned long nr, bool any_level)
{
	bool private = to->isolation == CDM_ISOLATION_PRIVATE;
	u16 owner = cdm_user_owner(batch->user);
	unsigned long got = 0;

	if (!private)
		got = cdm_system_alloc(to, 0, owner, batch->pfns, nr);
	if (private || any_level)
		got += cdm_pages_alloc(to, batch->pfns + got, nr - got);
	if (private && any_level)
		got += cdm_system_alloc(to, 0, owner, batch->pfns + got, nr - got);
	return got;
}

static void batch_begin(struct cdm_batch *batch, struct cdm_user *user)
{
	batch->nr_taken = 0;
	batch->nr_pfns = 0;
	batch->huge = NULL;
	batch->user = user;
	batch->passes_on = false;
}

/**
 * cdm_batch_reserve() - take destination pages
 * @batch: for which; cdm_batch_unreserve() gives back what it does not need
 * @to: of which region, NULL for RAM
 * @user: whose they will be, NULL for somebody without a limit
 * @nr: how many, up to CDM_WINDOW_PAGES
 *
 * Before anything is isolated: while pages are isolated their owners stand still,
 * and should not do so for reclaim.
 *
 * Context: may sleep.
 * Return: how many there are, and the user may have.
 */
unsigned long cdm_batch_reserve(struct cdm_batch *batch, struct cdm_region *to,
				struct cdm_user *user, unsigned long nr)
{
	batch_begin(batch, user);
	if (to) {
		nr = cdm_user_charge(to, user, nr);
		batch->nr_pfns = region_take(batch, to, nr, true);
		cdm_user_uncharge(user, nr - batch->nr_pfns);
	} else {
		batch->nr_pfns = ram_take(batch->pfns, nr);
	}
	return batch->nr_pfns;
}

/**
 * cdm_batch_reserve_same() - take destination pages for pages that make way
 * @batch: for which; cdm_batch_unreserve() gives back what it does not need
 * @to: their region, whose level is being changed: pages of the new one; NULL for RAM
 * @nr: how many, up to CDM_WINDOW_PAGES
 *
 * Whose a page was, his it will be.
 *
 * Context: may sleep.
 * Return: how many there are.
 */
unsigned long cdm_batch_reserve_same(struct cdm_batch *batch, struct cdm_region *to,
				     unsigned long nr)
{
	batch_begin(batch, NULL);
	batch->passes_on = to;
	batch->nr_pfns = to ? region_take(batch, to, nr, false) :
			      ram_take(batch->pfns, nr);
	return batch->nr_pfns;
}

/**
 * cdm_batch_reserve_huge() - take a huge page for a whole window
 * @batch: for which
 * @to: of which region, NULL for RAM
 * @user: whose it will be, NULL for somebody without a limit
 *
 * Context: may sleep.
 * Return: false if there is none, or the user may not have so much.
 */
bool cdm_batch_reserve_huge(struct cdm_batch *batch, struct cdm_region *to,
			    struct cdm_user *user)
{
	unsigned long may = HPAGE_PMD_NR;

	batch_begin(batch, user);
	if (to)
		may = cdm_user_charge(to, user, HPAGE_PMD_NR);
	if (may == HPAGE_PMD_NR)
		batch->huge = huge_alloc(to, cdm_user_owner(user));
	if (to && !batch->huge)
		cdm_user_uncharge(user, may);
	return batch->huge;
}

/* Nobody came to use a page that has a reference. */
static void unused_put(struct folio *folio)
{
	struct cdm_block *block = cdm_block_of_pfn(folio_pfn(folio));
	unsigned long i;

	for (i = 0; block && i < folio_nr_pages(folio); i++)
		cdm_owner_set(block, folio_pfn(folio) - block->start_pfn + i,
			      CDM_OWNER_NONE);
	folio_put(folio);
}

/**
 * cdm_batch_unreserve() - give back the destination pages that nobody needed
 * @batch: whose
 *
 * Context: any.
 */
void cdm_batch_unreserve(struct cdm_batch *batch)
{
	if (batch->huge)
		unused_put(batch->huge);
	while (batch->nr_taken < batch->nr_pfns) {
		unsigned long pfn = batch->pfns[batch->nr_taken++];

		if (pfn_is_coherent(pfn)) {
			cdm_page_unalloc(pfn);
			cdm_user_uncharge(batch->user, 1);
		} else {
			unused_put(page_folio(pfn_to_page(pfn)));
		}
	}
}

/* A reserved page, locked; one that has gone bad meanwhile is passed over. */
static struct page *dst_take(struct cdm_batch *batch)
{
	while (batch->nr_taken < batch->nr_pfns) {
		unsigned long pfn = batch->pfns[batch->nr_taken++];
		struct page *page = pfn_to_page(pfn);

		if (pfn_is_coherent(pfn))
			cdm_page_init(pfn, cdm_user_owner(batch->user));
		else
			lock_page(page);
		if (!PageHWPoison(page))
			return page;
		unlock_page(page);
		unused_put(page_folio(page));
	}
	return NULL;
}

/* Fill a locked destination page; on failure it is given back. */
static int dst_fill(struct page *dst, unsigned long src)
{
	int rc = 0;

	if (src & MIGRATE_PFN_VALID)
		rc = cdm_copy_page(dst, migrate_pfn_to_page(src));
	else
		clear_highpage(dst);
	if (rc) {
		unlock_page(dst);
		put_page(dst);
	}
	return rc;
}

/* Entries of @src that are isolated and wait for a destination. */
static bool src_waits(unsigned long src, bool populate)
{
	return (src & MIGRATE_PFN_MIGRATE) &&
	       (populate || (src & MIGRATE_PFN_VALID));
}

/* Give entry @i a destination that holds the content of @src. */
static void entry_copy(struct cdm_batch *batch, unsigned long i,
		       unsigned long src)
{
	struct page *dst = dst_take(batch);

	batch->unread[i] = dst && dst_fill(dst, src);
	if (!dst)
		batch->why[i] = CDM_NO_SPACE;
	else if (batch->unread[i])
		batch->why[i] = CDM_RETIRED;
	else
		batch->dst[i] = migrate_pfn(page_to_pfn(dst));
	if (batch->dst[i] && batch->passes_on)
		cdm_owner_pass(dst, migrate_pfn_to_page(src));
}

/**
 * cdm_batch_copy() - give each isolated entry a destination that holds its content
 * @batch: @src is what the kernel isolated, the destination pages are reserved
 * @nr: entries
 * @populate: entries without a page get a cleared one
 *
 * What becomes of entry i if it does not move is left in batch->why[i]. A huge page
 * stands in its first entry; migrate_vma_pages() splits it over the others.
 *
 * Context: may sleep.
 */
void cdm_batch_copy(struct cdm_batch *batch, unsigned long nr, bool populate)
{
	unsigned long i, src = 0, left = 0;

	for (i = 0; i < nr; i++) {
		if (left) {
			src = migrate_pfn((src >> MIGRATE_PFN_SHIFT) + 1) |
			      MIGRATE_PFN_MIGRATE;
			left--;
		} else {
			src = batch->src[i];
			if ((src & CDM_MIGRATE_PFN_COMPOUND) &&
			    src_waits(src, false))
				left = HPAGE_PMD_NR - 1;
		}
		batch->dst[i] = 0;
		batch->why[i] = CDM_BUSY;
		batch->had_page[i] = src & MIGRATE_PFN_VALID;
		batch->unread[i] = false;
		if (src_waits(src, populate))
			entry_copy(batch, i, src);
	}
}

/* The region that a page in use belongs to, or NULL. */
static struct cdm_region *region_of_page(struct page *page)
{
	struct cdm_block *block;

	if (is_device_coherent_page(page))
		return cdm_block_of_page(page)->region;
	/* System blocks are there, RAM seldom is. */
	block = is_zone_movable_page(page) ? cdm_block_of_pfn(page_to_pfn(page)) :
					     NULL;
	return block ? block->region : NULL;
}

/* Is a page in use on a card that is away? */
static bool page_is_absent(struct page *page)
{
	struct cdm_region *region = region_of_page(page);

	return region && !cdm_cxl_present(region);
}

static bool huge_copy(struct cdm_batch *batch, struct page *src)
{
	unsigned long i;

	for (i = 0; i < HPAGE_PMD_NR; i++) {
		batch->unread[i] = cdm_copy_page(folio_page(batch->huge, i), src + i);
		if (batch->unread[i])
			return false;
		cond_resched();
	}
	return true;
}

/**
 * cdm_batch_copy_huge() - the same with one huge page for a window
 * @batch: as for cdm_batch_copy(), with a huge destination
 * @nr: entries
 *
 * Context: may sleep.
 * Return: CDM_MOVED if it may move, or what becomes of it: that of the window may not
 * be mapped as one any more.
 */
enum cdm_result cdm_batch_copy_huge(struct cdm_batch *batch, unsigned long nr)
{
	const unsigned long whole = CDM_MIGRATE_PFN_COMPOUND | MIGRATE_PFN_MIGRATE |
				    MIGRATE_PFN_VALID;
	struct folio *dst = batch->huge;
	struct page *page;

	memset(batch->dst, 0, nr * sizeof(*batch->dst));
	memset(batch->unread, 0, nr * sizeof(*batch->unread));
	if ((batch->src[0] & whole) != whole)
		return CDM_BUSY;
	page = migrate_pfn_to_page(batch->src[0]);
	if (!huge_copy(batch, page))
		return CDM_RETIRED;
	if (page_is_absent(page) || page_is_absent(&dst->page))
		return CDM_BUSY;
	folio_lock(dst);
	batch->dst[0] = migrate_pfn(folio_pfn(dst)) | CDM_MIGRATE_PFN_COMPOUND;
	batch->huge = NULL;
	return CDM_MOVED;
}

/**
 * cdm_batch_count_huge() - add up what became of a huge page
 * @batch: after the kernel moved it, or did not
 * @nr: entries
 * @result: of cdm_batch_copy_huge()
 * @counts: by enum cdm_result, added to
 *
 * Context: any.
 */
void cdm_batch_count_huge(const struct cdm_batch *batch, unsigned long nr,
			  enum cdm_result result, u64 *counts)
{
	if (result == CDM_MOVED && !(batch->src[0] & MIGRATE_PFN_MIGRATE))
		result = CDM_BUSY;
	if (result == CDM_MOVED)
		counts[CDM_WHOLE] += nr;
	/* One page of it is bad. */
	if (result == CDM_RETIRED) {
		counts[CDM_RETIRED]++;
		result = CDM_BUSY;
		nr--;
	}
	counts[result] += nr;
}

/**
 * cdm_batch_refuse() - leave isolated pages where they are that can not be moved
 * @batch: @src is what the kernel isolated
 * @nr: entries
 * @to_ram: the destination is RAM
 *
 * What is mapped may have changed since it was looked at. The core refuses what
 * can not be moved where the destination is a device page; where it is an ordinary
 * one it takes all, even pages that only their file system can move, and stops at
 * pages under writeback with a BUG. Nor is anything moved from RAM to RAM, nor a large
 * folio that is not a window: pages that were small a moment ago can be part of one.
 *
 * Context: any.
 */
void cdm_batch_refuse(struct cdm_batch *batch, unsigned long nr, bool to_ram)
{
	unsigned long i;

	for (i = 0; i < nr; i++) {
		struct page *page = migrate_pfn_to_page(batch->src[i]);
		struct folio *folio;

		if (!page || !(batch->src[i] & MIGRATE_PFN_MIGRATE))
			continue;
		folio = page_folio(page);
		if (folio_is_zone_device(folio))
			continue;
		if (!folio_test_anon(folio) || folio_test_ksm(folio) ||
		    folio_test_writeback(folio) ||
		    ((folio_test_large(folio) ||
		      (batch->src[i] & CDM_MIGRATE_PFN_COMPOUND)) &&
		     (!CDM_MIGRATE_PFN_COMPOUND ||
		      folio_order(folio) != HPAGE_PMD_ORDER)) ||
		    (to_ram && cdm_region_id_of_pfn(folio_pfn(folio)) < 0))
			batch->src[i] &= ~MIGRATE_PFN_MIGRATE;
	}
}

/* Is the card that pages go to away? All go to one region, or to RAM. */
static bool dst_is_absent(const struct cdm_batch *batch, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr && !batch->dst[i]; i++)
		;
	return i < nr && page_is_absent(migrate_pfn_to_page(batch->dst[i]));
}

static void entry_forget(struct cdm_batch *batch, unsigned long i,
			 enum cdm_result why)
{
	struct page *page = migrate_pfn_to_page(batch->dst[i]);

	unlock_page(page);
	put_page(page);
	batch->dst[i] = 0;
	batch->why[i] = why;
}

/**
 * cdm_batch_verify() - forget copies from or to regions that are not there any more
 * @batch: after cdm_batch_copy()
 * @nr: entries
 *
 * What a card that went gave as its content is none, and what it was given is lost:
 * that stays where it is.
 *
 * Context: may sleep.
 */
void cdm_batch_verify(struct cdm_batch *batch, unsigned long nr)
{
	bool present = true, absent = dst_is_absent(batch, nr);
	struct cdm_region *asked = NULL, *region;
	struct page *page;
	unsigned long i;

	for (i = 0; i < nr; i++) {
		if (absent && batch->dst[i])
			entry_forget(batch, i, CDM_BUSY);
		page = migrate_pfn_to_page(batch->src[i]);
		region = batch->dst[i] && page ? region_of_page(page) : NULL;
		if (!region)
			continue;
		if (region != asked) {
			asked = region;
			present = cdm_cxl_present(region);
		}
		if (!present)
			entry_forget(batch, i, CDM_RETIRED);
	}
}

/**
 * cdm_batch_count() - add up what became of the pages of a batch
 * @batch: after the kernel moved those that it could
 * @nr: entries
 * @spots: what stood where, NULL if that was not looked at
 * @counts: by enum cdm_result, added to
 *
 * Context: any.
 */
void cdm_batch_count(const struct cdm_batch *batch, unsigned long nr,
		     const struct cdm_spot *spots, u64 *counts)
{
	unsigned long i;

	for (i = 0; i < nr; i++) {
		if (!(batch->src[i] & MIGRATE_PFN_MIGRATE) || !batch->dst[i]) {
			counts[batch->why[i]]++;
		} else if (batch->had_page[i]) {
			counts[CDM_MOVED]++;
			counts[CDM_SPLIT] += spots && spots[i].huge;
		} else {
			counts[CDM_POPULATED]++;
		}
	}
}
