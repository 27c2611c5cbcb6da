/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cdm: moving every page out of a region, or out of one of its blocks.
 */
#ifndef _CDM_DRAIN_H
#define _CDM_DRAIN_H

#include "cdm.h"

struct cdm_batch;

/* The longest that is slept between two passes. */
#define CDM_DRAIN_PAUSE_MS	100U

/* For putting back what was before a call that failed. */
#define CDM_ROLL_BACK_MS	10000

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
 * struct cdm_drained - what a drain came to
 * @moved: pages moved
 * @no_memory: pages that found no room at the last try
 * @busy: pages that something else kept at the last try
 */
struct cdm_drained {
	u64 moved;
	u64 no_memory;
	u64 busy;
};

/**
 * struct cdm_stuck - the pages that a drain has left
 * @left: pages in use
 * @pinned: of those, pages with a reference that is not a mapping
 */
struct cdm_stuck {
	u64 left;
	u64 pinned;
};

/**
 * cdm_stuck_busy() - pages that were tried, and stayed for no reason that lasts
 * @stuck: what is left
 * @drained: what the last try met
 *
 * What is left and neither pinned, without room nor busy, nobody came to in time.
 *
 * Context: any.
 * Return: pages.
 */
static inline u64 cdm_stuck_busy(const struct cdm_stuck *stuck,
				 const struct cdm_drained *drained)
{
	u64 known = min(stuck->left, stuck->pinned + drained->no_memory);

	return min(drained->busy, stuck->left - known);
}

bool cdm_ram_has_room(const struct cdm_region *leaving, unsigned long pages);
bool cdm_pass_waits(const struct cdm_region *region, unsigned int idle_passes);
long cdm_drain_pass(struct cdm_region *region, const struct cdm_limits *limits,
		    bool system, bool waits, struct cdm_drained *drained);
int cdm_drain_until(struct cdm_region *region, const struct cdm_limits *limits,
		    struct cdm_drained *drained);

int cdm_offliner_start(struct cdm_region *region, struct cdm_block *only);
void cdm_offliner_stop(struct cdm_region *region);
u64 cdm_offliner_count(struct cdm_region *region, struct cdm_block *only,
		       struct cdm_stuck *stuck, struct cdm_drained *drained);

void cdm_stuck_count(struct cdm_region *region, struct cdm_block *only,
		     struct cdm_stuck *stuck);
void cdm_stuck_tell(struct cdm_region *region, struct cdm_block *only,
		    u64 no_memory);
void cdm_stuck_reset(struct cdm_region *region);
void cdm_lru_drain_all(void);

void cdm_lose_if_absent(struct cdm_region *region);
void cdm_lose_window(struct cdm_region *region, unsigned long pfn,
		     struct cdm_batch *batch);
bool cdm_lost_wait(struct cdm_region *region);
void cdm_lost_clear(struct cdm_block *block);

#endif
