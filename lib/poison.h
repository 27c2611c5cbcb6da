/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bad pages that are remembered: by serial number and device address. */
#ifndef _LIBCDM_POISON_H
#define _LIBCDM_POISON_H

#include "private.h"

/* A bad page of a memory device. */
struct cdm_bad {
	uint64_t dpa;
	uint64_t time;
	int source;
};

/* A device with more bad pages wants to be replaced; what comes after is left out. */
#define CDM_BAD_LIST_MAX	65536

/* Bad pages of one memory device, in the order of their addresses. */
struct cdm_bad_list {
	struct cdm_bad *bad;
	unsigned int nr;
};

/* 1: added, 0: it is there already, or -ENOMEM. */
int cdm_bad_list_add(struct cdm_bad_list *list, const struct cdm_bad *bad);
void cdm_bad_list_free(struct cdm_bad_list *list);

/* --- poison-store.c: /var/lib/cdm/poison --- */

/* Nobody else has the folder locked until the descriptor is closed; -errno. */
int cdm_folder_lock(const char *path);

/* Nobody else reads or writes lists until the descriptor is closed; -errno. */
int cdm_poison_store_lock(struct cdm_ctx *ctx);
/* Adds what is remembered of the memory device; nothing is no error. */
int cdm_poison_store_read(struct cdm_ctx *ctx, uint64_t serial, struct cdm_bad_list *list);
int cdm_poison_store_write(struct cdm_ctx *ctx, uint64_t serial,
			   const struct cdm_bad_list *list);

/* --- poison-device.c: the memory device's own list --- */

/* Adds it. The number of pages that are new to the list, or -errno. */
int cdm_poison_device_read(struct cdm_ctx *ctx, const char *memdev, struct cdm_bad_list *list);

#endif /* _LIBCDM_POISON_H */
