/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cdm: how the kernel asks whether a node gets its first memory.
 *
 * Since 6.17 ("mm,memory_hotplug: implement numa node notifier") in a chain of its
 * own, before that in struct memory_notify; may go with 6.12.
 */
#ifndef _CDM_COMPAT_NODE_NOTIFIER_H
#define _CDM_COMPAT_NODE_NOTIFIER_H

#include <linux/memory.h>
#include <linux/node.h>
#include <linux/notifier.h>
#include <linux/numa.h>

#include "config.h"

#if CDM_HAVE_NODE_NOTIFIER

static bool (*cdm_node_is_hidden)(int nid);

/*
 * A hidden node that gets its first memory: the kernel forgets that it does, and
 * nobody else is told, then or when the last memory goes.
 */
static int cdm_node_event(struct notifier_block *nb, unsigned long action,
			  void *data)
{
	struct node_notify *notify = data;

	if (notify->nid == NUMA_NO_NODE || !cdm_node_is_hidden(notify->nid))
		return NOTIFY_DONE;
	if (action == NODE_ADDING_FIRST_MEMORY)
		notify->nid = NUMA_NO_NODE;
	return NOTIFY_STOP;
}

static struct notifier_block cdm_node_nb = {
	.notifier_call = cdm_node_event,
	.priority = INT_MAX,
};

static inline int cdm_node_notifier_register(bool (*is_hidden)(int nid))
{
	cdm_node_is_hidden = is_hidden;
	return register_node_notifier(&cdm_node_nb);
}

static inline void cdm_node_notifier_unregister(void)
{
	unregister_node_notifier(&cdm_node_nb);
}

static inline void cdm_memory_notify_hide(struct memory_notify *notify)
{
}

#else

static inline int cdm_node_notifier_register(bool (*is_hidden)(int nid))
{
	return 0;
}

static inline void cdm_node_notifier_unregister(void)
{
}

/* For MEM_GOING_ONLINE. */
static inline void cdm_memory_notify_hide(struct memory_notify *notify)
{
	notify->status_change_nid = NUMA_NO_NODE;
}

#endif

#endif
