// SPDX-License-Identifier: GPL-2.0-only
#include <linux/folio_batch.h>

void cdm_probe(struct folio_batch *batch);
void cdm_probe(struct folio_batch *batch)
{
	folio_batch_init(batch);
}
