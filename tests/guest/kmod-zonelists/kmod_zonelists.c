// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod_zonelists: shows from where each node gets its pages, for the test
 * isolation-zonelists.
 *
 * /proc/cdm_zonelists has a line for each entry of each zonelist of each online
 * node: whose list it is, which of its lists, and the node and name of the zone.
 */
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#define NAME	"cdm_zonelists"

static void show_list(struct seq_file *seq, int nid, int list)
{
	const struct zonelist *zonelist = &NODE_DATA(nid)->node_zonelists[list];
	const struct zoneref *ref;

	for (ref = zonelist->_zonerefs; ref->zone; ref++)
		seq_printf(seq, "%d %d %d %s\n", nid, list,
			   zone_to_nid(ref->zone), ref->zone->name);
}

static int zonelists_show(struct seq_file *seq, void *unused)
{
	int nid, list;

	for_each_online_node(nid)
		for (list = 0; list < MAX_ZONELISTS; list++)
			show_list(seq, nid, list);
	return 0;
}

static int __init zonelists_init(void)
{
	return proc_create_single(NAME, 0400, NULL, zonelists_show) ? 0 : -ENOMEM;
}

static void __exit zonelists_exit(void)
{
	remove_proc_entry(NAME, NULL);
}

module_init(zonelists_init);
module_exit(zonelists_exit);

MODULE_DESCRIPTION("Shows the zonelists of all nodes");
MODULE_LICENSE("GPL v2");
