// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>

bool cdm_probe(struct folio *folio);
bool cdm_probe(struct folio *folio)
{
	return folio_maybe_mapped_shared(folio);
}
