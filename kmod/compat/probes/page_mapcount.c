// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>

bool cdm_probe(struct page *page);
bool cdm_probe(struct page *page)
{
	return page_mapcount(page) > 1;
}
