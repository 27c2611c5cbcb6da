/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _LIBCDM_USERS_H
#define _LIBCDM_USERS_H

#include "private.h"

/*
 * Who keeps what is left of a drain, and why: each process's pages are tried
 * once more, by address, which tells a reference from missing RAM. fd is the one
 * that drains; what the tries move is added to drain. *users stays NULL if nobody
 * does; no message. The tries take half a
 * second at most.
 */
int cdm_holders_read(struct cdm_ctx *ctx, struct cdm_region *region, int fd,
		     struct cdm_drain *drain, struct cdm_users **users);
/* "pid 812 (qemu-system-x86) and 2 others" */
void cdm_users_describe(struct cdm_users *users, char *buf, size_t size);
/* Is it a process that is in the way, and not the kernel? */
bool cdm_users_have_process(struct cdm_users *users);
/* Is it known who keeps pages, or only who uses the region? */
bool cdm_users_have_holder(struct cdm_users *users);

#endif /* _LIBCDM_USERS_H */
