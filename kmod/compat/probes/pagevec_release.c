// SPDX-License-Identifier: GPL-2.0-only
#include <linux/pagevec.h>

void cdm_probe(struct pagevec *batch);
void cdm_probe(struct pagevec *batch)
{
	__pagevec_release(batch);
}
