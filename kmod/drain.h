/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cdm: moving every page out of a region, or out of one of its blocks.
 */
#ifndef _CDM_DRAIN_H
#define _CDM_DRAIN_H

#include "cdm.h"

struct cdm_batch;

/**
 * struct cdm_limits - what a drain is for, and what ends it before it is done
 * @only: one block to drain, which is closed; NULL for all of the region
 * @to: where pages may go before they go to RAM: the region itself, or NULL
 * @has_deadline: whether @deadline counts
 * @deadline: jiffies
 * @interruptible: a signal does, and the region's leaving
 */
struct cdm_limits {
	struct cdm_block *only;
	struct cdm_region *to;
	bool has_deadline;
	unsigned long deadline;
	bool interruptible;
};

/**
 * struct cdm_stuck - the pages that a pass left behind
 * @left: pages in use
 * @pinned: of those, pages with a reference that is not a mapping
 * @busy: of those, the others
 */
struct cdm_stuck {
	u64 left;
	u64 pinned;
	u64 busy;
};

int cdm_drain_until(struct cdm_region *region, const struct cdm_limits *limits,
		    u64 *moved, u64 *no_memory);
void cdm_drain_stop(struct cdm_region *region);
void cdm_stuck_count(struct cdm_region *region, struct cdm_block *only,
		     struct cdm_stuck *stuck);
void cdm_lru_drain_all(void);

void cdm_lose_if_absent(struct cdm_region *region);
void cdm_lose_window(struct cdm_region *region, unsigned long pfn,
		     struct cdm_batch *batch);
bool cdm_lost_wait(struct cdm_region *region);
void cdm_lost_clear(struct cdm_block *block);

#endif
