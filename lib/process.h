/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _LIBCDM_PROCESS_H
#define _LIBCDM_PROCESS_H

#include "private.h"

/* The node of any region, to ask about pages; -errno with a message. */
int cdm_any_region_open(struct cdm_ctx *ctx);
/* All spans of a range, call after call; -errno without a message. */
int cdm_walk_residency(struct cdm_ctx *ctx, int fd, const struct cdm_query *query,
		       cdm_span_fn fn, void *data);

#endif /* _LIBCDM_PROCESS_H */
