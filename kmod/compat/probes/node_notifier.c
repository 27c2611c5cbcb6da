// SPDX-License-Identifier: GPL-2.0-only
#include <linux/memory.h>
#include <linux/node.h>

int cdm_probe(struct notifier_block *nb);
int cdm_probe(struct notifier_block *nb)
{
	return register_node_notifier(nb);
}
