// SPDX-License-Identifier: GPL-2.0-only
#include <linux/memremap.h>
#include <linux/mm.h>

struct dev_pagemap *cdm_probe(struct page *page);
struct dev_pagemap *cdm_probe(struct page *page)
{
	return page_pgmap(page);
}
