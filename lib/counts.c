// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sums of what became of pages. */
#include <string.h>

#include "counts.h"

/* The classes of pages: from moved to unmapped. */
static uint64_t *class_of(struct cdm_counts *counts, unsigned int i)
{
	static const size_t at[] = {
		offsetof(struct cdm_counts, moved),
		offsetof(struct cdm_counts, populated),
		offsetof(struct cdm_counts, retired),
		offsetof(struct cdm_counts, already),
		/* the rest stayed; the first is cut first by cdm_passes_end() */
		offsetof(struct cdm_counts, no_space),
		offsetof(struct cdm_counts, busy),
		offsetof(struct cdm_counts, shared),
		offsetof(struct cdm_counts, huge),
		offsetof(struct cdm_counts, file),
		offsetof(struct cdm_counts, unsupported),
		offsetof(struct cdm_counts, not_present),
		offsetof(struct cdm_counts, unmapped),
		offsetof(struct cdm_counts, filtered),
	};

	return i < ARRAY_SIZE(at) ? (uint64_t *)((char *)counts + at[i]) : NULL;
}

#define FIRST_THAT_STAYED	4

#define foreach_class(counts, i, value)						\
	for (i = 0; (value = class_of((struct cdm_counts *)(counts), i)); i++)

uint64_t cdm_counts_sum(const struct cdm_counts *counts)
{
	uint64_t *value, sum = 0;
	unsigned int i;

	foreach_class(counts, i, value)
		sum += *value;
	return sum;
}

void cdm_counts_add(struct cdm_counts *sum, const struct cdm_counts *more)
{
	uint64_t *value;
	unsigned int i;

	foreach_class(sum, i, value)
		*value += *class_of((struct cdm_counts *)more, i);
	sum->whole += more->whole;
	sum->split += more->split;
	sum->total += more->total;
	sum->processes += more->processes;
	sum->vanished += more->vanished;
	sum->refused += more->refused;
}

uint64_t cdm_counts_get_left(const struct cdm_counts *counts)
{
	return counts->busy + counts->shared + counts->file + counts->huge +
	       counts->unsupported + counts->no_space + counts->retired;
}

void cdm_counts_cut(struct cdm_counts *counts, uint64_t room)
{
	uint64_t moved = MIN(counts->moved, room);
	uint64_t populated = MIN(counts->populated, room - moved);

	counts->no_space += counts->moved - moved + counts->populated - populated;
	counts->moved = moved;
	counts->populated = populated;
	counts->whole = MIN(counts->whole, moved);
	counts->split = MIN(counts->split, moved - counts->whole);
}

void cdm_passes_begin(struct cdm_passes *passes)
{
	memset(passes, 0, sizeof(*passes));
}

void cdm_passes_add(struct cdm_passes *passes, const struct cdm_counts *pass)
{
	struct cdm_counts *result = &passes->result;

	result->moved += pass->moved;
	result->populated += pass->populated;
	result->retired += pass->retired;
	result->whole += pass->whole;
	result->split += pass->split;
	passes->last = *pass;
	passes->any = true;
}

void cdm_passes_next_source(struct cdm_passes *passes)
{
	struct cdm_counts *result = &passes->result, *last = &passes->last;

	if (!passes->any)
		return;
	/* what is only said of pages of this source adds up ... */
	result->no_space += last->no_space;
	result->busy += last->busy;
	result->shared += last->shared;
	result->huge += last->huge;
	result->file += last->file;
	/* ... and what does not depend on it is said again by each pass */
	result->unsupported = last->unsupported;
	result->not_present = last->not_present;
	result->unmapped = last->unmapped;
	memset(last, 0, sizeof(*last));
	passes->any = false;
}

void cdm_passes_end(struct cdm_passes *passes, uint64_t total, uint64_t already)
{
	struct cdm_counts *result = &passes->result;
	uint64_t sum, over, *value;

	cdm_passes_next_source(passes);
	result->already = already;
	result->filtered = 0;
	result->total = total;
	sum = cdm_counts_sum(result);
	if (sum <= total) {
		result->filtered = total - sum;
		return;
	}
	over = sum - total;
	for (unsigned int i = FIRST_THAT_STAYED; over && (value = class_of(result, i)); i++) {
		uint64_t cut = MIN(*value, over);

		*value -= cut;
		over -= cut;
	}
	value = &result->already;
	*value -= MIN(*value, over);
}
