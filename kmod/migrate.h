/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cdm: moving pages, by address and by pfn.
 */
#ifndef _CDM_MIGRATE_H
#define _CDM_MIGRATE_H

#include "batch.h"
#include "job.h"

/**
 * struct cdm_move - one call of CDM_MIGRATE
 * @job: its work
 * @mm: whose pages; the caller holds a reference
 * @to: destination, NULL for RAM
 * @from: only pages that are there, CDM_WHERE_ANY for all
 * @flags: CDM_MIGRATE_*
 * @workers: threads
 * @user: whose pages of @to they will be, NULL for somebody without a limit
 * @next: first byte that no worker has begun with; guarded by job.lock
 * @end: end of the range
 * @error: why the work ended early, or 0; guarded by job.lock
 * @counts: pages by enum cdm_result; guarded by job.lock
 */
struct cdm_move {
	struct cdm_job job;
	struct mm_struct *mm;
	struct cdm_region *to;
	int from;
	unsigned int flags;
	unsigned int workers;
	struct cdm_user *user;
	unsigned long next;
	unsigned long end;
	int error;
	u64 counts[CDM_NR_RESULTS];
};

/**
 * cdm_folio_is_pinned() - does something but mappings hold a folio?
 * @folio: one that has a memory map; for one that nobody keeps in place the answer
 *	is a hint
 *
 * Context: any.
 * Return: whether it has references beyond those of its mappings and of the swap
 * cache, or its file, which moves its pages itself.
 */
static inline bool cdm_folio_is_pinned(struct folio *folio)
{
	long known = cdm_folio_mapcount(folio);

	if (folio_test_swapcache(folio) ||
	    (!folio_test_anon(folio) && READ_ONCE(folio->mapping)))
		known += folio_nr_pages(folio);
	if (!folio_test_anon(folio))
		known += folio_test_private(folio);
	return folio_maybe_dma_pinned(folio) || folio_ref_count(folio) > known;
}

/**
 * cdm_page_is_small_anon() - is it a page of a system block that migration by pfn takes?
 * @page: a page that has a memory map; without a reference the answer is a hint
 *
 * Context: any.
 * Return: whether it is in use, anonymous, on the LRU, and no part of a larger folio.
 */
static inline bool cdm_page_is_small_anon(struct page *page)
{
	return page_ref_count(page) && !PageCompound(page) && PageLRU(page) &&
	       PageAnon(page);
}

int cdm_move_range(struct cdm_move *move);
void cdm_evict_pfns(unsigned long pfn, unsigned long nr, struct cdm_region *to,
		    struct cdm_batch *batch, u64 *counts);
bool cdm_evict_held(unsigned long pfn, unsigned long nr, struct cdm_region *to,
		    ktime_t until, struct cdm_batch *batch, u64 *counts);
void cdm_evict_huge(unsigned long pfn, ktime_t until, struct cdm_batch *batch,
		    u64 *counts);
void cdm_retire_pfn(unsigned long pfn);
void cdm_lose_pfns(unsigned long pfn, unsigned long nr, struct cdm_batch *batch);

#endif /* _CDM_MIGRATE_H */
