// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod_zonelists: from where each node gets its pages, for the tests isolation-*
 * and reserved-*.
 *
 * /proc/cdm_zonelists has a line for each entry of each zonelist of each online
 * node: whose list it is, which of its lists, and the node and name of the zone.
 *
 * /proc/cdm_watch: a number written to it is added to the nodes that no fallback
 * list may name, nor N_MEMORY. That is looked at in every notification of memory
 * that comes and goes, and by a thread all the time; read, it says how often that
 * was, and how often one was found.
 *
 * /proc/cdm_alloc: after a node was written to it, it asks for pages of that node
 * in the ways that drivers do, and says which node each came from.
 *
 * Parameter hook=1: take the page-online hook, as balloon drivers do.
 */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/vmalloc.h>

static nodemask_t watched;
static atomic_long_t nr_events, nr_looks, nr_in_lists, nr_in_n_memory;
static struct task_struct *watcher;
static int alloc_nid;

static bool hook;
module_param(hook, bool, 0444);

static void online_page(struct page *page, unsigned int order)
{
	generic_online_page(page, order);
}

/*
 * Until 6.7 the kernel puts a node into its own list in any case, and who takes it
 * out comes a moment later: whether it is out is seen in /proc/cdm_zonelists.
 */
static bool may_name(int owner, int nid)
{
	return !node_isset(nid, watched) ||
	       (owner == nid && LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0));
}

static void look(void)
{
	int nid, owner;

	atomic_long_inc(&nr_looks);
	for_each_node_mask(nid, watched)
		if (node_state(nid, N_MEMORY))
			atomic_long_inc(&nr_in_n_memory);
	for_each_online_node(owner) {
		const struct zoneref *ref =
			NODE_DATA(owner)->node_zonelists[ZONELIST_FALLBACK]._zonerefs;

		for (; ref->zone; ref++)
			if (!may_name(owner, zone_to_nid(ref->zone)))
				atomic_long_inc(&nr_in_lists);
	}
}

static int memory_event(struct notifier_block *nb, unsigned long action, void *data)
{
	atomic_long_inc(&nr_events);
	look();
	return NOTIFY_DONE;
}

static struct notifier_block first = {
	.notifier_call = memory_event,
	.priority = INT_MAX,
};

static struct notifier_block last = {
	.notifier_call = memory_event,
	.priority = INT_MIN,
};

static int watcher_run(void *unused)
{
	while (!kthread_should_stop()) {
		look();
		usleep_range(200, 400);
	}
	return 0;
}

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

static int watch_show(struct seq_file *seq, void *unused)
{
	seq_printf(seq, "events %ld looks %ld in_lists %ld in_n_memory %ld\n",
		   atomic_long_read(&nr_events), atomic_long_read(&nr_looks),
		   atomic_long_read(&nr_in_lists),
		   atomic_long_read(&nr_in_n_memory));
	return 0;
}

static void show_page(struct seq_file *seq, const char *what, struct page *page)
{
	seq_printf(seq, "%s: %d\n", what, page ? page_to_nid(page) : -1);
}

static void try_pages(struct seq_file *seq, const char *what, gfp_t gfp, int order)
{
	struct page *page = alloc_pages_node(alloc_nid, gfp | __GFP_NOWARN, order);

	show_page(seq, what, page);
	if (page)
		__free_pages(page, order);
}

static int alloc_show(struct seq_file *seq, void *unused)
{
	void *addr;

	if (!node_online(alloc_nid))
		return -ENXIO;
	try_pages(seq, "kernel", GFP_KERNEL, 0);
	try_pages(seq, "kernel, this node", GFP_KERNEL | __GFP_THISNODE, 0);
	try_pages(seq, "user", GFP_HIGHUSER, 0);
	try_pages(seq, "movable", GFP_HIGHUSER_MOVABLE, 0);
	try_pages(seq, "movable, atomic", GFP_ATOMIC | __GFP_HIGHMEM | __GFP_MOVABLE, 0);
	try_pages(seq, "huge", GFP_TRANSHUGE_LIGHT, 9);
	addr = kmalloc_node(128, GFP_KERNEL, alloc_nid);
	show_page(seq, "kmalloc_node", addr ? virt_to_page(addr) : NULL);
	kfree(addr);
	addr = vzalloc_node(PAGE_SIZE, alloc_nid);
	show_page(seq, "vzalloc_node", addr ? vmalloc_to_page(addr) : NULL);
	vfree(addr);
	return 0;
}

static ssize_t number_write(const char __user *from, size_t length, int *number)
{
	int rc = kstrtoint_from_user(from, length, 0, number);

	if (rc)
		return rc;
	return *number >= 0 && *number < MAX_NUMNODES ? length : -EINVAL;
}

static ssize_t watch_write(struct file *file, const char __user *from,
			   size_t length, loff_t *at)
{
	int nid;
	ssize_t rc = number_write(from, length, &nid);

	if (rc > 0)
		node_set(nid, watched);
	return rc;
}

static ssize_t alloc_write(struct file *file, const char __user *from,
			   size_t length, loff_t *at)
{
	return number_write(from, length, &alloc_nid);
}

static int watch_open(struct inode *inode, struct file *file)
{
	return single_open(file, watch_show, NULL);
}

static int alloc_open(struct inode *inode, struct file *file)
{
	return single_open(file, alloc_show, NULL);
}

static const struct proc_ops watch_ops = {
	.proc_open = watch_open,
	.proc_read = seq_read,
	.proc_write = watch_write,
	.proc_release = single_release,
};

static const struct proc_ops alloc_ops = {
	.proc_open = alloc_open,
	.proc_read = seq_read,
	.proc_write = alloc_write,
	.proc_release = single_release,
};

static int __init zonelists_init(void)
{
	if (hook && set_online_page_callback(online_page))
		return -EBUSY;
	watcher = kthread_run(watcher_run, NULL, "cdm_watch");
	if (IS_ERR(watcher))
		return PTR_ERR(watcher);
	register_memory_notifier(&first);
	register_memory_notifier(&last);
	proc_create_single("cdm_zonelists", 0400, NULL, zonelists_show);
	proc_create("cdm_watch", 0600, NULL, &watch_ops);
	proc_create("cdm_alloc", 0600, NULL, &alloc_ops);
	return 0;
}

static void __exit zonelists_exit(void)
{
	remove_proc_entry("cdm_alloc", NULL);
	remove_proc_entry("cdm_watch", NULL);
	remove_proc_entry("cdm_zonelists", NULL);
	unregister_memory_notifier(&last);
	unregister_memory_notifier(&first);
	kthread_stop(watcher);
	if (hook)
		restore_online_page_callback(online_page);
}

module_init(zonelists_init);
module_exit(zonelists_exit);

MODULE_DESCRIPTION("Shows and watches the zonelists of all nodes");
MODULE_LICENSE("GPL v2");
