/* SPDX-License-Identifier: GPL-2.0-only */
/* Bad pages of regions, as rows. */
#ifndef CDMCTL_POISON_H
#define CDMCTL_POISON_H

#include <cdm/libcdm.h>

#include "output.h"

struct poison_row {
	const char *region;
	uint64_t address;
	const char *expander;
	uint64_t serial;
	uint64_t dpa;
	const char *since;
	const char *source;
};

extern const struct field poison_fields[];

/** add_poison() - rows for what cdm_region_read_poison() has read */
void add_poison(struct table *table, struct cdm_region *region);

#endif /* CDMCTL_POISON_H */
