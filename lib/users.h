/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _LIBCDM_USERS_H
#define _LIBCDM_USERS_H

#include "private.h"

/*
 * Who keeps what is left of a drain, and why: each process's pages are tried
 * once more, by address, which tells a reference from missing RAM. fd is the one
 * that drains. *users stays NULL if nobody does; no message.
 */
int cdm_holders_read(struct cdm_ctx *ctx, struct cdm_region *region, int fd,
		     const struct cdm_drain *drain, struct cdm_users **users);
/* "pid 812 (qemu-system-x86) and 2 others" */
void cdm_users_describe(struct cdm_users *users, char *buf, size_t size);
/* Is anybody but the kernel in the list? */
bool cdm_users_have_process(struct cdm_users *users);

#endif /* _LIBCDM_USERS_H */
