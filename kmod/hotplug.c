// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: memory that comes and goes as the kernel's own.
 *
 * A node whose memory is reserved is kept out of the fallback zonelists by
 * never letting it into N_MEMORY, the set that the zonelists are built from.
 * Before memory of a node goes online for the first time the kernel asks its
 * notifiers, and sets the node in N_MEMORY afterwards if the question that it
 * asked says so. The first notifier, ours, takes that out of the question: then
 * nobody hears of a new node, and the lists that are built next name its zone
 * for __GFP_THISNODE alone.
 */
#include <linux/delay.h>
#include <linux/ioport.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mmzone.h>
#include <linux/node.h>
#include <linux/sched/signal.h>

#include "cdm.h"
#include "drain.h"
#include "compat/node_notifier.h"

/* /proc/iomem says this; the kernel wants to see "System RAM (DRIVER)". */
#define RESOURCE_NAME	"System RAM (cdm)"

/* Regions at level reserved, for each node; changed under nodes_lock. */
static unsigned int hidden[MAX_NUMNODES];
static DEFINE_MUTEX(nodes_lock);

/* The block that is being onlined by us, with the hook for its pages. */
static struct cdm_block *onlining;
static DEFINE_MUTEX(online_lock);

static bool node_is_hidden(int nid)
{
	return READ_ONCE(hidden[nid]);
}

/**
 * cdm_node_take() - make ready for memory of a level on a region's node
 * @region: the region
 * @isolation: CDM_ISOLATION_RESERVED or CDM_ISOLATION_SHARED
 *
 * Context: may sleep.
 * Return: 0, to be undone by cdm_node_release() for CDM_ISOLATION_RESERVED, or
 * -EXDEV if the node has or will have memory of the other kind.
 */
int cdm_node_take(struct cdm_region *region, enum cdm_isolation isolation)
{
	int nid = region->nid, rc = 0;

	mutex_lock(&nodes_lock);
	if (isolation == CDM_ISOLATION_RESERVED ? node_state(nid, N_MEMORY) :
						  node_is_hidden(nid))
		rc = -EXDEV;
	else if (isolation == CDM_ISOLATION_RESERVED)
		WRITE_ONCE(hidden[nid], hidden[nid] + 1);
	mutex_unlock(&nodes_lock);
	return rc;
}

/**
 * cdm_node_has_others() - does other memory keep a region from a level?
 * @region: a region with blocks of the other kind
 * @isolation: CDM_ISOLATION_RESERVED or CDM_ISOLATION_SHARED
 *
 * Context: any; the answer may change at once, and cdm_node_take() has the last word.
 * Return: true if its node could not be made ready even without the region's blocks.
 */
bool cdm_node_has_others(const struct cdm_region *region, enum cdm_isolation isolation)
{
	if (isolation == CDM_ISOLATION_SHARED)
		return READ_ONCE(hidden[region->nid]) > region->hides_node;
	return node_present_pages(region->nid) > atomic_long_read(&region->nr_system);
}

/**
 * cdm_node_release() - a region has no reserved memory any more
 * @region: the region
 *
 * Context: may sleep.
 */
void cdm_node_release(struct cdm_region *region)
{
	mutex_lock(&nodes_lock);
	if (!WARN_ON_ONCE(!hidden[region->nid]))
		WRITE_ONCE(hidden[region->nid], hidden[region->nid] - 1);
	if (!hidden[region->nid])
		cdm_kswapd_set_failures(region->nid, 0);
	mutex_unlock(&nodes_lock);
}

/**
 * cdm_node_keep_pages() - keep kswapd from reclaiming the pages of a reserved node
 * @nid: the node; nothing happens if it is not reserved
 *
 * A reserved node is always short of free pages, as it has only those that are in
 * use. Nobody wakes its kswapd, but when memory first goes online there, kswapd
 * looks once by itself, and would swap pages out that were just moved there. It
 * passes over a node that it has often tried in vain. What comes to reclaim there all
 * the same, because somebody named the node, makes the kernel forget that: so this
 * is said whenever pages are about to be used.
 *
 * Context: any.
 */
void cdm_node_keep_pages(int nid)
{
	if (node_is_hidden(nid))
		cdm_kswapd_set_failures(nid, INT_MAX / 2);
}

/*
 * May memory go online where it is about to? Ours only as movable, or it could not
 * leave again: whatever the kernel's default or an administrator asked for.
 * Somebody else's would be hidden with ours. Bad pages only our own hook keeps from
 * the allocator, and it is not there for who does that by hand.
 */
static bool may_go_online(const struct cdm_block *block, unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	int nid = page_to_nid(page);

	if (block && page_zonenum(page) != ZONE_MOVABLE)
		return false;
	if (block && block != READ_ONCE(onlining) &&
	    cdm_retired_in(block->region, block->start_pfn, block->nr_pages)) {
		pr_notice("cdm: memory at %#llx stays offline: it has bad pages; take %s offline and online\n",
			  (u64)PFN_PHYS(pfn), dev_name(&block->region->dev));
		return false;
	}
	if (!node_is_hidden(nid))
		return !block || block->isolation == CDM_ISOLATION_SHARED;
	/* It was taken while memory of others was on its way to be online. */
	if (block && block->isolation == CDM_ISOLATION_RESERVED &&
	    !node_state(nid, N_MEMORY))
		return true;
	pr_notice("cdm: memory at %#llx stays offline: node %d is reserved\n",
		  (u64)PFN_PHYS(pfn), nid);
	return false;
}

static struct cdm_block *system_block_of_pfn(unsigned long pfn)
{
	struct cdm_block *block = cdm_block_of_pfn(pfn);

	return block && block->chunks ? block : NULL;
}

/* The lists may have been built anew. */
static void zonelists_check(void)
{
	int nid;

	for_each_online_node(nid)
		if (node_is_hidden(nid))
			cdm_zonelist_forget_self(nid);
}

static int memory_event(struct notifier_block *nb, unsigned long action,
			void *data)
{
	struct memory_notify *notify = data;
	struct cdm_block *block = system_block_of_pfn(notify->start_pfn);

	if (action == MEM_GOING_ONLINE) {
		if (!may_go_online(block, notify->start_pfn))
			return NOTIFY_BAD;
		if (block && block->isolation == CDM_ISOLATION_RESERVED)
			cdm_memory_notify_hide(notify);
	}
	if (action == MEM_ONLINE || action == MEM_OFFLINE)
		zonelists_check();
	if (!block)
		return NOTIFY_DONE;

	switch (action) {
	case MEM_ONLINE:
		cdm_system_set_presence(block, CDM_PRESENCE_ONLINE);
		break;
	case MEM_GOING_OFFLINE:
		cdm_system_going_offline(block);
		break;
	case MEM_CANCEL_OFFLINE:
		cdm_system_cancel_offline(block);
		break;
	case MEM_OFFLINE:
		/* Its struct pages are still what they were, but not for long. */
		cdm_block_poison_learn(block);
		cdm_lost_clear(block);
		cdm_system_set_presence(block, CDM_PRESENCE_OFFLINE);
		break;
	}
	return NOTIFY_OK;
}

/* Before everybody else, who then hears what is left of the question. */
static struct notifier_block memory_nb = {
	.notifier_call = memory_event,
	.priority = INT_MAX,
};

/**
 * cdm_hotplug_init() - listen to memory that comes and goes
 *
 * Return: 0 or a negative errno.
 */
int cdm_hotplug_init(void)
{
	int rc;

	rc = register_memory_notifier(&memory_nb);
	if (rc)
		return rc;
	rc = cdm_node_notifier_register(node_is_hidden);
	if (rc)
		unregister_memory_notifier(&memory_nb);
	return rc;
}

/** cdm_hotplug_exit() - undo cdm_hotplug_init(); no system block is left */
void cdm_hotplug_exit(void)
{
	cdm_node_notifier_unregister();
	unregister_memory_notifier(&memory_nb);
}

/* The kernel's one hook for pages that go online. */
static void online_page(struct page *page, unsigned int order)
{
	struct cdm_block *block = READ_ONCE(onlining);
	unsigned long pfn = page_to_pfn(page);

	if (block && pfn >= block->start_pfn &&
	    pfn < block->start_pfn + block->nr_pages)
		cdm_system_go_online(block, page, order);
	else
		generic_online_page(page, order);
}

/* The device of a block, in sysfs /sys/devices/system/memory/memoryN. */
static struct device *memory_device(struct cdm_block *block)
{
	struct kobject *kobj;
	struct device *dev;
	char name[32];

	snprintf(name, sizeof(name), "memory%llu",
		 (u64)PFN_PHYS(block->start_pfn) / memory_block_size_bytes());
	/* The set of all devices; neither its name nor the bus is exported. */
	kobj = kset_find_obj(block->region->dev.kobj.kset, name);
	if (!kobj)
		return NULL;
	dev = kobj_to_dev(kobj);
	if (dev->bus && !strcmp(dev->bus->name, "memory"))
		return dev;
	put_device(dev);
	return NULL;
}

static struct device_attribute *state_attribute(struct device *dev)
{
	const struct attribute_group *const *group;
	struct attribute **attr;

	for (group = dev->groups; group && *group; group++)
		for (attr = (*group)->attrs; attr && *attr; attr++)
			if (!strcmp((*attr)->name, "state"))
				return container_of(*attr,
						    struct device_attribute, attr);
	return NULL;
}

/*
 * As "echo online_movable >state" does: device_online() is not exported. Whoever
 * changes memory at the time is waited for, as when memory is added; sysfs would restart
 * the system call. By who is killed, too: he may be putting back what he took.
 */
static int block_online_movable(struct cdm_block *block)
{
	static const char how[] = "online_movable";
	struct device *dev = memory_device(block);
	struct device_attribute *attr;
	ssize_t rc = -ENODEV;

	if (!dev)
		return -ENODEV;
	attr = state_attribute(dev);
	if (attr && attr->store)
		rc = attr->store(dev, attr, how, strlen(how));
	while (rc == -ERESTARTNOINTR) {
		recalc_sigpending();
		msleep(5);
		rc = attr->store(dev, attr, how, strlen(how));
	}
	put_device(dev);
	return rc < 0 ? rc : 0;
}

/**
 * cdm_hotplug_add() - make a block memory of the kernel, online and movable
 * @block: its chunks are set up, all exposed
 *
 * Of a reserved block no page gets to the allocator, unless another driver has
 * the hook for that: then all of them do, and the caller takes them back. A block
 * with bad pages needs the hook.
 *
 * Context: may sleep; the caller holds cdm_region.grow.
 * Return: 0, -EHWPOISON for such a block without the hook, or what the kernel said.
 */
int cdm_hotplug_add(struct cdm_block *block)
{
	u64 start = PFN_PHYS(block->start_pfn), size = PFN_PHYS(block->nr_pages);
	bool hooked = false;
	int rc;

	mutex_lock(&online_lock);
	hooked = !set_online_page_callback(online_page);
	if (!hooked &&
	    cdm_retired_in(block->region, block->start_pfn, block->nr_pages)) {
		mutex_unlock(&online_lock);
		pr_notice_ratelimited("cdm: memory at %#llx of %s stays offline: it has bad pages, and another driver sees to pages that go online\n",
				      start, dev_name(&block->region->dev));
		return -EHWPOISON;
	}
	WRITE_ONCE(onlining, block);
	rc = add_memory_driver_managed(block->region->nid, start, size,
				       RESOURCE_NAME, MHP_NONE);
	/* The range is ours; the kernel says so, too, when it has no memory for a resource. */
	if (rc == -EEXIST)
		rc = -ENOMEM;
	if (!rc && block->presence != CDM_PRESENCE_ONLINE) {
		rc = block_online_movable(block);
		if (rc && block->presence != CDM_PRESENCE_ONLINE)
			WARN_ON_ONCE(offline_and_remove_memory(start, size));
		else
			rc = 0;
	}
	WRITE_ONCE(onlining, NULL);
	if (hooked)
		restore_online_page_callback(online_page);
	mutex_unlock(&online_lock);
	/* may_go_online(): the node has become what it was not when it was taken. */
	return rc == -EPERM ? -EXDEV : rc;
}

/**
 * cdm_hotplug_remove() - move everything out of a block and take it from the kernel
 * @block: a system block
 *
 * Context: may sleep for as long as a page stays; a signal to the caller ends it.
 * Return: 0, -EINTR, -EBUSY if something in it can not be moved.
 */
int cdm_hotplug_remove(struct cdm_block *block)
{
	return offline_and_remove_memory(PFN_PHYS(block->start_pfn),
					 PFN_PHYS(block->nr_pages));
}
