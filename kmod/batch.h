/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cdm: the pages of one window on their way.
 */
#ifndef _CDM_BATCH_H
#define _CDM_BATCH_H

#include "walk.h"

/**
 * enum cdm_result - what became of a page, in the order of struct cdm_migrate
 */
enum cdm_result {
	CDM_MOVED,
	CDM_POPULATED,
	CDM_ALREADY,
	CDM_FILTERED,
	CDM_NOT_PRESENT,
	CDM_BUSY,
	CDM_SHARED,
	CDM_FILE,
	CDM_HUGE,
	CDM_UNSUPPORTED,
	CDM_NO_SPACE,
	CDM_RETIRED,
	CDM_UNMAPPED,
	CDM_WHOLE,		/* these two count pages that CDM_MOVED counts */
	CDM_SPLIT,
	CDM_NR_RESULTS,
	CDM_WANTED,		/* not a result yet: try to move it */
};

/**
 * struct cdm_batch - the buffers of one worker, for one window
 * @src: entries of migrate_vma.src
 * @dst: entries of migrate_vma.dst
 * @pfns: destination pages
 * @nr_pfns: how many
 * @nr_taken: how many of them are in use or given back
 * @user: whose they will be, NULL for somebody without a limit
 * @passes_on: they will be whose the pages were that they replace
 * @huge: destination of a whole window, or NULL
 * @spots: what the page tables say
 * @why: enum cdm_result of an entry that does not move
 * @had_page: the entry had a page before it moved
 * @unread: it has a page that can not be read
 */
struct cdm_batch {
	unsigned long src[CDM_WINDOW_PAGES];
	unsigned long dst[CDM_WINDOW_PAGES];
	unsigned long pfns[CDM_WINDOW_PAGES];
	unsigned long nr_pfns;
	unsigned long nr_taken;
	struct cdm_user *user;
	bool passes_on;
	struct folio *huge;
	struct cdm_spot spots[CDM_WINDOW_PAGES];
	u8 why[CDM_WINDOW_PAGES];
	bool had_page[CDM_WINDOW_PAGES];
	bool unread[CDM_WINDOW_PAGES];
};

unsigned long cdm_batch_reserve(struct cdm_batch *batch, struct cdm_region *to,
				struct cdm_user *user, unsigned long nr);
unsigned long cdm_batch_reserve_same(struct cdm_batch *batch, struct cdm_region *to,
				     unsigned long nr);
bool cdm_batch_reserve_huge(struct cdm_batch *batch, struct cdm_region *to,
			    struct cdm_user *user);
void cdm_batch_unreserve(struct cdm_batch *batch);
void cdm_batch_copy(struct cdm_batch *batch, unsigned long nr, bool populate);
enum cdm_result cdm_batch_copy_huge(struct cdm_batch *batch, unsigned long nr);
void cdm_batch_count_huge(const struct cdm_batch *batch, unsigned long nr,
			  enum cdm_result result, u64 *counts);
void cdm_batch_refuse(struct cdm_batch *batch, unsigned long nr, bool to_ram);
void cdm_batch_verify(struct cdm_batch *batch, unsigned long nr);
void cdm_batch_count(const struct cdm_batch *batch, unsigned long nr,
		     const struct cdm_spot *spots, u64 *counts);

#endif /* _CDM_BATCH_H */
