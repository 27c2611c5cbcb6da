// SPDX-License-Identifier: GPL-2.0-only
#include <linux/memory.h>

int cdm_probe(struct memory_notify *notify);
int cdm_probe(struct memory_notify *notify)
{
	return notify->status_change_nid;
}
