// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/swapops.h>

bool cdm_probe(pte_t pte);
bool cdm_probe(pte_t pte)
{
	return is_migration_entry(pte_to_swp_entry(pte));
}
