/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _LIBCDM_EXPANDER_H
#define _LIBCDM_EXPANDER_H

#include "private.h"

void cdm_expanders_drop(struct cdm_ctx *ctx);
int cdm_expanders_refresh(struct cdm_ctx *ctx);

#endif /* _LIBCDM_EXPANDER_H */
