/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cdm: reading page tables.
 */
#ifndef _CDM_WALK_H
#define _CDM_WALK_H

#include "cdm.h"

/**
 * enum cdm_kind - what stands at an address
 * @CDM_KIND_NONE: nothing, or the zero page
 * @CDM_KIND_SWAP: a swap entry, or a mark that no page may be here: a guard page, or
 *	one of userfaultfd's
 * @CDM_KIND_TRANSIT: a page that is being moved, or a bad one
 * @CDM_KIND_PAGE: an anonymous page that this process alone maps
 * @CDM_KIND_SHARED: an anonymous page that others map too
 * @CDM_KIND_MERGED: an anonymous page that KSM has merged
 * @CDM_KIND_FILE: a page of a file or of shared memory
 * @CDM_KIND_HUGE: a part of a large folio that this kernel can not split
 * @CDM_KIND_OTHER: something that is not ours to judge
 */
enum cdm_kind {
	CDM_KIND_NONE,
	CDM_KIND_SWAP,
	CDM_KIND_TRANSIT,
	CDM_KIND_PAGE,
	CDM_KIND_SHARED,
	CDM_KIND_MERGED,
	CDM_KIND_FILE,
	CDM_KIND_HUGE,
	CDM_KIND_OTHER,
};

/**
 * struct cdm_spot - where one page is and whether it can move
 * @where: id of a region, or CDM_WHERE_*
 * @kind: enum cdm_kind
 * @huge: mapped as part of a huge page
 * @pfn: of the page, or of the huge page that it is part of; 0 if there is none
 */
struct cdm_spot {
	s16 where;
	u8 kind;
	bool huge;
	unsigned long pfn;
};

unsigned long cdm_walk_gap(struct mm_struct *mm, unsigned long addr,
			   unsigned long end);
void cdm_walk_window(struct vm_area_struct *vma, unsigned long addr,
		     unsigned long end, struct cdm_spot *spots);

#endif /* _CDM_WALK_H */
