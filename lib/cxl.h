/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CXL memdevs and regions, through libcxl. */
#ifndef _LIBCDM_CXL_H
#define _LIBCDM_CXL_H

#include "private.h"

/* What libcxl tells of one memdev; the strings are valid during the call. */
struct cdm_memdev {
	const char *name;
	const char *host;
	uint64_t serial;
	uint64_t ram_size;
	int node;
	const char *region;	/* NULL if it is in none */
	const char *uuid;	/* of the region, NULL if it has none */
};

/* Calls fn for each memdev, in order; ends when it returns other than 0. */
int cdm_cxl_foreach_memdev(struct cdm_ctx *ctx,
			   int (*fn)(void *data, const struct cdm_memdev *memdev),
			   void *data);
/* The same for a context with a root of its own: cxl-root.c. */
int cdm_cxl_foreach_memdev_of_root(struct cdm_ctx *ctx,
				   int (*fn)(void *data, const struct cdm_memdev *memdev),
				   void *data);
/* Forget what libcxl has read: something changed. */
void cdm_cxl_drop(struct cdm_ctx *ctx);

/*
 * Make a volatile region of the whole of one memdev, commit and enable it.
 * Undoes what it did when it fails, with a message. -EAGAIN: the way to the
 * memdev is not there, or not there yet.
 */
int cdm_cxl_create_region(struct cdm_ctx *ctx, const char *memdev,
			  char region[CDM_NAME_MAX]);
/* Commit and enable a region that is configured but has no dax device. */
int cdm_cxl_enable_region(struct cdm_ctx *ctx, const char *region);
/* Disable, reset and delete; its dax device must be out of use. */
int cdm_cxl_destroy_region(struct cdm_ctx *ctx, const char *region);

#endif /* _LIBCDM_CXL_H */
