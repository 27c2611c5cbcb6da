// SPDX-License-Identifier: GPL-2.0-only
#if __has_include(<linux/folio_batch.h>)
#include <linux/folio_batch.h>
#else
#include <linux/pagevec.h>
#endif

void cdm_probe(struct folio_batch *batch);
void cdm_probe(struct folio_batch *batch)
{
	__folio_batch_release(batch);
}
