/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sums of what became of pages, without any I/O. */
#ifndef _LIBCDM_COUNTS_H
#define _LIBCDM_COUNTS_H

#include "private.h"

void cdm_counts_add(struct cdm_counts *sum, const struct cdm_counts *more);
/* All of moved to unmapped; equals total if the kernel counted each page once. */
uint64_t cdm_counts_sum(const struct cdm_counts *counts);
/* Of what would be moved or made, only so many bytes have room: the rest stays. */
void cdm_counts_cut(struct cdm_counts *counts, uint64_t room);

/*
 * A range that was passed over several times, since one destination was full or
 * pages came from several places.
 */
struct cdm_passes {
	struct cdm_counts result;
	struct cdm_counts last;		/* of the source that is under way */
	bool any;
};

void cdm_passes_begin(struct cdm_passes *passes);
/* The source is passed over (again): what the last pass left is looked at anew. */
void cdm_passes_add(struct cdm_passes *passes, const struct cdm_counts *pass);
/* No more passes for this source. */
void cdm_passes_next_source(struct cdm_passes *passes);
/*
 * All passes over total bytes are done, already of which were at a destination
 * before. What no class claims was elsewhere: filtered. Pages that changed under
 * us could be claimed twice: then the classes of pages that stayed are cut, so
 * that the sum is the total in any case.
 */
void cdm_passes_end(struct cdm_passes *passes, uint64_t total, uint64_t already);

#endif /* _LIBCDM_COUNTS_H */
