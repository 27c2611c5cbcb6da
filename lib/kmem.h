/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory that kmem has made ordinary: taking it away from the kernel again. */
#ifndef _LIBCDM_KMEM_H
#define _LIBCDM_KMEM_H

#include "job.h"

struct cdm_kmem_block {
	unsigned long index;		/* memoryN */
	char online[CDM_NAME_MAX];	/* what puts it back: "online_movable", ... */
	bool went;			/* we took it offline */
};

struct cdm_kmem {
	char dax[CDM_NAME_MAX];
	struct cdm_kmem_block *block;	/* those that were online */
	unsigned int nr;
};

/*
 * Take all memory blocks of the dax device offline, or none: when one does not
 * go, the others come back, and the message says which and why.
 */
int cdm_kmem_offline(struct cdm_job *job, const char *dax, struct cdm_kmem *kmem);
/* Put back what was taken offline. */
void cdm_kmem_restore(struct cdm_ctx *ctx, struct cdm_kmem *kmem);
void cdm_kmem_free(struct cdm_kmem *kmem);

#endif /* _LIBCDM_KMEM_H */
