// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mmzone.h>

void cdm_probe(void);
void cdm_probe(void)
{
	int *failures = &NODE_DATA(0)->kswapd_failures;

	WRITE_ONCE(*failures, 0);
}
