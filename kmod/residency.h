/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cdm: where the pages of a process are.
 */
#ifndef _CDM_RESIDENCY_H
#define _CDM_RESIDENCY_H

#include "cdm.h"

/**
 * struct cdm_survey - a walk that collects extents
 * @mm: the address space; the caller holds a reference
 * @next: first byte not looked at
 * @end: end of the range
 * @extents: room for the result
 * @max: entries in @extents
 * @nr: entries in use
 * @huge: tell huge pages from others
 */
struct cdm_survey {
	struct mm_struct *mm;
	unsigned long next;
	unsigned long end;
	struct cdm_extent *extents;
	unsigned int max;
	unsigned int nr;
	bool huge;
};

int cdm_survey(struct cdm_survey *survey, unsigned long deadline);

#endif
