// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/leafops.h>

bool cdm_probe(pte_t pte);
bool cdm_probe(pte_t pte)
{
	return softleaf_is_migration(softleaf_from_pte(pte));
}
