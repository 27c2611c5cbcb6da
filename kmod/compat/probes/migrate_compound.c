// SPDX-License-Identifier: GPL-2.0-only
#include <linux/migrate.h>

int cdm_probe(void);
int cdm_probe(void)
{
	return MIGRATE_VMA_SELECT_COMPOUND;
}
