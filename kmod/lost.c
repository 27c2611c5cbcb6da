// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: regions whose card went without notice.
 *
 * Their pages are mapped, and reading them gives what the bus gives for nobody.
 * Nothing is copied: the pages are taken from those that map them as bad pages are,
 * and whoever touches one gets SIGBUS.
 */
#include <linux/mm.h>

#include "cdm.h"
#include "drain.h"
#include "migrate.h"

#define LOST_PAUSE_MS	100

/**
 * cdm_lose_if_absent() - find out whether a region that leaves has its card
 * @region: the region; its pages are lost from now on if not
 *
 * Context: may sleep; the caller holds cdm_region.admin.
 */
void cdm_lose_if_absent(struct cdm_region *region)
{
	struct cdm_stuck stuck;
	char text[40];

	lockdep_assert_held(&region->admin);

	if (region->lost || cdm_cxl_present(region))
		return;
	cdm_stuck_count(region, NULL, &stuck);
	if (!stuck.left)
		return;
	WRITE_ONCE(region->lost, true);
	dev_crit(&region->dev,
		 "the card went without notice: the content of %llu pages is lost, who touches them gets SIGBUS\n",
		 stuck.left);
	snprintf(text, sizeof(text), "CDM_LOST=%llu", stuck.left);
	cdm_region_event(region, CDM_EVENT_LOST, text, NULL);
}

/**
 * cdm_lose_window() - take pages of a system block away from those that have them
 * @region: the region; it is lost
 * @pfn: first page of the window, a multiple of CDM_WINDOW_PAGES
 * @batch: buffers
 *
 * What is not a small anonymous page the kernel's own handling takes: it splits a huge
 * page, of which this takes the rest, and forgets pages of files. It counts what it
 * takes, so that is remembered, see cdm_lost_clear().
 *
 * Context: may sleep.
 */
void cdm_lose_window(struct cdm_region *region, unsigned long pfn,
		     struct cdm_batch *batch)
{
	unsigned long i, run = 0;

	for (i = 0; i <= CDM_WINDOW_PAGES; i++) {
		struct page *page = pfn_to_page(pfn + i);

		if (i < CDM_WINDOW_PAGES && cdm_page_is_small_anon(page)) {
			run++;
			continue;
		}
		if (run)
			cdm_lose_pfns(pfn + i - run, run, batch);
		run = 0;
		if (i < CDM_WINDOW_PAGES && page_ref_count(page) &&
		    !PageOffline(page) && !PageHWPoison(page) &&
		    !memory_failure(pfn + i, 0))
			cdm_poison_note(region, pfn + i);
		cond_resched();
	}
}

/* Pages that somebody has, but for those that the kernel keeps as bad pages. */
static bool block_is_lost(struct cdm_block *block)
{
	unsigned long bit = 0, pfn, i;

	while ((bit = cdm_system_next_window(block, bit)) < block->nr_pages) {
		for (i = 0; i < CDM_WINDOW_PAGES; i++, bit++) {
			pfn = block->start_pfn + bit;
			if (page_ref_count(pfn_to_page(pfn)) &&
			    !PageOffline(pfn_to_page(pfn)) &&
			    !xa_load(&block->region->retired, pfn))
				return true;
		}
		cond_resched();
	}
	return false;
}

/**
 * cdm_lost_wait() - wait a moment if pages of a lost region are still held
 * @region: the region
 *
 * The kernel takes a memory block with bad pages offline even while they are held,
 * and with it the memory map that the holder gives the page back in.
 *
 * Context: may sleep.
 * Return: whether there are such pages; false for a region that is not lost.
 */
bool cdm_lost_wait(struct cdm_region *region)
{
	bool held = false;
	unsigned int i;

	if (!READ_ONCE(region->lost))
		return false;
	/* What was isolated waits in a batch to go back to the LRU. */
	cdm_lru_drain_all();
	for (i = 0; i < region->nr_blocks && !held; i++)
		held = READ_ONCE(region->blocks[i].role) == CDM_ROLE_SYSTEM &&
		       block_is_lost(&region->blocks[i]);
	if (held)
		schedule_timeout_idle(msecs_to_jiffies(LOST_PAUSE_MS));
	return held;
}

/**
 * cdm_lost_clear() - forget which pages were lost
 * @block: a system block that has just gone offline
 *
 * 6.1 takes each bad page of memory that goes off the count of bad pages. These were
 * never on it.
 *
 * Context: any.
 */
void cdm_lost_clear(struct cdm_block *block)
{
	unsigned long pfn, end = block->start_pfn + block->nr_pages;

	if (!READ_ONCE(block->region->lost))
		return;
	for (pfn = block->start_pfn; pfn < end; pfn++)
		if (!xa_load(&block->region->retired, pfn))
			ClearPageHWPoison(pfn_to_page(pfn));
}
