/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _LIBCDM_PROCESS_H
#define _LIBCDM_PROCESS_H

#include "private.h"

/* The node of any region, to ask about pages; -errno with a message. */
int cdm_any_region_open(struct cdm_ctx *ctx);
/* All extents of a range, call after call; -errno without a message. */
int cdm_walk_residency(struct cdm_ctx *ctx, int fd, pid_t pid, uint64_t addr,
		       uint64_t length, cdm_extent_fn fn, void *data);

#endif /* _LIBCDM_PROCESS_H */
