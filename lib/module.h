/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _LIBCDM_MODULE_H
#define _LIBCDM_MODULE_H

#include "private.h"

/* Load what can be loaded; the last error, without a message. NULL ends names. */
int cdm_modules_try(struct cdm_ctx *ctx, const char *const *names);
bool cdm_module_is_installed(struct cdm_ctx *ctx);

#endif /* _LIBCDM_MODULE_H */
