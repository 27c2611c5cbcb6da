// SPDX-License-Identifier: GPL-2.0-only
#include <linux/memremap.h>

void cdm_probe(struct page *page);
void cdm_probe(struct page *page)
{
	zone_device_page_init(page);
}
