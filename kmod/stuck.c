// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: what a drain has left behind, and saying so.
 */
#include <linux/jiffies.h>

#include "cdm.h"
#include "drain.h"
#include "logic/bits.h"
#include "migrate.h"

#define STUCK_AFTER_MS		1000
#define STUCK_AGAIN_MS		30000

/* Pages in use keep their memory map, and only the drainer takes it away. */
static u64 run_count_pinned(unsigned long pfn, unsigned long nr)
{
	u64 pinned = 0;

	for (; nr--; pfn++) {
		struct page *page = pfn_to_page(pfn);

		pinned += page_ref_count(page) &&
			  cdm_folio_is_pinned(page_folio(page));
	}
	return pinned;
}

static void stuck_count_block(struct cdm_block *block, struct cdm_stuck *stuck)
{
	unsigned long bit = block->first, nr, start;

	do {
		nr = 0;
		spin_lock_irq(&block->lock);
		if (block->nr_used)
			nr = cdm_bits_next_run(block->used_bits, block->nr_pages,
					       bit, CDM_WINDOW_PAGES, &start);
		spin_unlock_irq(&block->lock);
		if (nr)
			stuck->pinned += run_count_pinned(block->start_pfn +
							  start, nr);
		bit = start + nr;
		cond_resched();
	} while (nr);
}

/**
 * cdm_stuck_count() - what a drain has left
 * @region: the region
 * @only: one block of it, or NULL for all
 * @stuck: out
 *
 * Context: may sleep.
 */
void cdm_stuck_count(struct cdm_region *region, struct cdm_block *only,
		     struct cdm_stuck *stuck)
{
	struct cdm_usage usage = {};
	unsigned int i;

	memset(stuck, 0, sizeof(*stuck));
	for (i = 0; i < region->nr_blocks; i++) {
		struct cdm_block *block = &region->blocks[i];

		if (only && only != block)
			continue;
		stuck_count_block(block, stuck);
		stuck->left += READ_ONCE(block->nr_used);
		if (READ_ONCE(block->role) == CDM_ROLE_SYSTEM)
			cdm_system_usage(block, &usage);
	}
	stuck->left += usage.used;
	stuck->pinned += usage.pinned;
	stuck->pinned = min(stuck->pinned, stuck->left);
}

static void stuck_event(struct cdm_region *region, const struct cdm_stuck *stuck,
			u64 no_memory)
{
	char left[32], pinned[32], no_mem[40];

	snprintf(left, sizeof(left), "CDM_LEFT=%llu", stuck->left);
	snprintf(pinned, sizeof(pinned), "CDM_PINNED=%llu", stuck->pinned);
	snprintf(no_mem, sizeof(no_mem), "CDM_NO_MEMORY=%llu", no_memory);
	cdm_region_event(region, CDM_EVENT_STUCK, left, pinned, no_mem, NULL);
	dev_notice(&region->dev,
		   "drain waits: %llu pages left, %llu pinned, %llu without room in RAM\n",
		   stuck->left, stuck->pinned, no_memory);
}

/**
 * cdm_stuck_reset() - note that pages move
 * @region: the region
 *
 * Context: any; the caller holds cdm_region.admin.
 */
void cdm_stuck_reset(struct cdm_region *region)
{
	region->still_since = jiffies;
	region->told_stuck = 0;
}

/**
 * cdm_stuck_tell() - note that nothing moves: after a second say so, and now and
 * then again
 * @region: the region
 * @only: one block of it, or NULL for all
 * @no_memory: pages that found no room at the last try
 *
 * Context: may sleep; the caller holds cdm_region.admin.
 */
void cdm_stuck_tell(struct cdm_region *region, struct cdm_block *only,
		    u64 no_memory)
{
	struct cdm_stuck stuck;

	if (time_before(jiffies, region->still_since +
				 msecs_to_jiffies(STUCK_AFTER_MS)))
		return;
	if (region->told_stuck &&
	    time_before(jiffies, region->told_stuck +
				 msecs_to_jiffies(STUCK_AGAIN_MS)))
		return;
	cdm_stuck_count(region, only, &stuck);
	if (!stuck.left)
		return;
	stuck_event(region, &stuck, no_memory);
	region->told_stuck = jiffies ?: 1;
}
