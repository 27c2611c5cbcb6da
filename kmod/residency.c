// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: where the pages of a process are.
 */
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "job.h"
#include "residency.h"
#include "walk.h"

/* Windows that are looked at before mmap_lock is let go. */
#define WINDOWS_PER_TURN	64

/* Add to the last extent or begin a new one. Return: false if there is no room. */
static bool extent_add(struct cdm_survey *survey, unsigned long addr,
		       unsigned long length, s32 where, u32 flags)
{
	struct cdm_extent *last = survey->nr ? &survey->extents[survey->nr - 1]
					     : NULL;

	if (last && last->where == where && last->flags == flags &&
	    last->addr + last->length == addr) {
		last->length += length;
		return true;
	}
	if (survey->nr == survey->max)
		return false;
	survey->extents[survey->nr++] = (struct cdm_extent) {
		.addr = addr,
		.length = length,
		.where = where,
		.flags = flags,
	};
	return true;
}

/* Return: false if there was no room for all of the window. */
static bool survey_window(struct cdm_survey *survey, struct vm_area_struct *vma,
			  unsigned long end, struct cdm_spot *spots)
{
	unsigned long i, nr = (end - survey->next) >> PAGE_SHIFT;

	cdm_walk_window(vma, survey->next, end, spots);
	for (i = 0; i < nr; i++) {
		u32 flags = survey->huge && spots[i].huge ? CDM_EXTENT_HUGE : 0;

		if (!extent_add(survey, survey->next, PAGE_SIZE, spots[i].where,
				flags))
			return false;
		survey->next += PAGE_SIZE;
	}
	return true;
}

/* One window or gap. Return: false when nothing is left or there is no room. */
static bool survey_step(struct cdm_survey *survey, struct cdm_spot *spots)
{
	struct vm_area_struct *vma = find_vma(survey->mm, survey->next);
	unsigned long limit, gap;

	if (!vma || vma->vm_start >= survey->end) {
		survey->next = survey->end;
		return false;
	}
	survey->next = max(survey->next, vma->vm_start);
	limit = min(vma->vm_end, survey->end);
	gap = cdm_walk_gap(survey->mm, survey->next, limit);
	if (gap > survey->next) {
		if (!extent_add(survey, survey->next, gap - survey->next,
				CDM_WHERE_NONE, 0))
			return false;
		survey->next = gap;
	}
	if (gap < limit &&
	    !survey_window(survey, vma,
			   min(limit, ALIGN_DOWN(gap, CDM_WINDOW_SIZE) +
				      CDM_WINDOW_SIZE), spots))
		return false;
	return survey->next < survey->end;
}

/**
 * cdm_survey() - say where the pages of a range are
 * @survey: all but @nr is set; @next and @nr are moved on
 * @deadline: jiffies when to stop; however late it is, a few windows are looked at
 *
 * Context: may sleep; takes mmap_lock for reading, a few windows at a time.
 * Return: 0, -EINTR if a signal came before anything was done, -ENOMEM.
 */
int cdm_survey(struct cdm_survey *survey, unsigned long deadline)
{
	unsigned long start = survey->next;
	struct cdm_spot *spots;
	unsigned int turn;
	bool more = true;
	int rc = 0;

	spots = kmalloc_array(CDM_WINDOW_PAGES, sizeof(*spots),
			      GFP_KERNEL_ACCOUNT);
	if (!spots)
		return -ENOMEM;
	do {
		if (signal_pending(current) ||
		    mmap_read_lock_killable(survey->mm)) {
			rc = survey->next > start ? 0 : -EINTR;
			break;
		}
		for (turn = 0; more && turn < WINDOWS_PER_TURN; turn++)
			more = survey_step(survey, spots);
		mmap_read_unlock(survey->mm);
		cond_resched();
	} while (more && time_before(jiffies, deadline));
	kfree(spots);
	return rc;
}
