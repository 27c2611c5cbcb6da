/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _LIBCDM_CHECK_H
#define _LIBCDM_CHECK_H

#include "private.h"

struct cdm_check;

/* Adds a finding; fix may be NULL, what is a format. */
void cdm_check_add(struct cdm_check *check, enum cdm_severity severity, const char *id,
		   const char *fix, const char *what, ...)
	__attribute__((format(printf, 5, 6)));

/* One of these per subject; each adds what it finds. */
typedef void (*cdm_check_fn)(struct cdm_ctx *ctx, struct cdm_check *check);

/* check-kernel.c */
void cdm_check_privileges(struct cdm_ctx *ctx, struct cdm_check *check);
void cdm_check_module(struct cdm_ctx *ctx, struct cdm_check *check);
void cdm_check_config(struct cdm_ctx *ctx, struct cdm_check *check);
void cdm_check_softdep(struct cdm_ctx *ctx, struct cdm_check *check);
/* check-policy.c */
void cdm_check_auto_online(struct cdm_ctx *ctx, struct cdm_check *check);
void cdm_check_udev_rules(struct cdm_ctx *ctx, struct cdm_check *check);
void cdm_check_daxctl(struct cdm_ctx *ctx, struct cdm_check *check);
void cdm_check_group(struct cdm_ctx *ctx, struct cdm_check *check);
/* check-hardware.c */
void cdm_check_expanders(struct cdm_ctx *ctx, struct cdm_check *check);
void cdm_check_hypervisor(struct cdm_ctx *ctx, struct cdm_check *check);
void cdm_check_regions(struct cdm_ctx *ctx, struct cdm_check *check);
/* check-reserved.c */
void cdm_check_reserved(struct cdm_ctx *ctx, struct cdm_check *check);

#endif /* _LIBCDM_CHECK_H */
