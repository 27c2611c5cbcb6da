/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cdm: copying the content of pages.
 */
#ifndef _CDM_COPY_H
#define _CDM_COPY_H

#include <linux/mm_types.h>

int cdm_copy_page(struct page *dst, struct page *src);

#endif
