// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: regions, the devices of the bus "cdm".
 */
#include <linux/idr.h>
#include <linux/memory.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "cdm.h"
#include "job.h"
#include "trace.h"

#define CDM_MINORS	256

static struct bus_type cdm_bus = {
	.name = "cdm",
};

static dev_t cdm_devt;
static DEFINE_IDA(region_ids);

/* All regions, to find one by pfn: changed under the mutex, read under RCU. */
static LIST_HEAD(regions);
static DEFINE_MUTEX(regions_lock);

static char *region_devnode(CDM_DEVNODE_DEVICE *dev, umode_t *mode, kuid_t *uid,
			    kgid_t *gid)
{
	if (mode)
		*mode = 0660;
	return NULL;
}

static void region_release(struct device *dev)
{
	struct cdm_region *region = to_cdm_region(dev);

	cdm_cxl_put(region);
	cdm_blocks_exit(region);
	cdm_users_free(region);
	xa_destroy(&region->retired);
	ida_free(&region_ids, region->id);
	kfree(region);
}

static const struct device_type region_type = {
	.name = "cdm_region",
	.groups = cdm_region_groups,
	.devnode = region_devnode,
	.release = region_release,
};

/**
 * cdm_isolation_name() - the word for a level
 * @isolation: the level
 *
 * Return: a static string.
 */
const char *cdm_isolation_name(enum cdm_isolation isolation)
{
	static const char * const names[] = {
		[CDM_ISOLATION_NONE] = "none",
		[CDM_ISOLATION_EXCLUSIVE] = "exclusive",
		[CDM_ISOLATION_PRIVATE] = "private",
		[CDM_ISOLATION_RESERVED] = "reserved",
		[CDM_ISOLATION_SHARED] = "shared",
	};

	return names[isolation];
}

/**
 * cdm_region_event() - tell user space that something happened
 * @region: the region
 * @name: one of CDM_EVENT_*
 * @...: up to four further "KEY=value" strings, then NULL
 *
 * Context: may sleep.
 */
void cdm_region_event(struct cdm_region *region, const char *name, ...)
{
	char event[32], *env[6] = { event };
	unsigned int i;
	va_list args;

	snprintf(event, sizeof(event), "CDM_EVENT=%s", name);
	va_start(args, name);
	for (i = 1; i < ARRAY_SIZE(env) - 1; i++) {
		env[i] = va_arg(args, char *);
		if (!env[i])
			break;
	}
	va_end(args);
	kobject_uevent_env(&region->dev.kobj, KOBJ_CHANGE, env);
}

/**
 * cdm_region_set_state() - change what a region does
 * @region: the region
 * @state: the new state
 *
 * The one place where the state and whether pages are handed out change
 * together.
 *
 * Context: may sleep; the caller holds cdm_region.admin.
 */
void cdm_region_set_state(struct cdm_region *region, enum cdm_state state)
{
	lockdep_assert_held(&region->admin);

	if (WARN_ON_ONCE(region->state == CDM_GONE))
		return;
	WRITE_ONCE(region->state, state);
	cdm_blocks_open(region, state == CDM_ACTIVE);
}

/**
 * cdm_region_id_of_pfn() - which region a page belongs to
 * @pfn: any page frame number
 *
 * Context: any. The answer holds as long as the page is in use.
 * Return: the id, or -1.
 */
int cdm_region_id_of_pfn(unsigned long pfn)
{
	const struct cdm_region *region;
	phys_addr_t addr = PFN_PHYS(pfn);
	unsigned int i;
	int id = -1;

	rcu_read_lock();
	list_for_each_entry_rcu(region, &regions, link)
		for (i = 0; i < region->nr_ranges; i++)
			if (addr >= region->ranges[i].start &&
			    addr <= region->ranges[i].end)
				id = region->id;
	rcu_read_unlock();
	return id;
}

/**
 * cdm_block_of_pfn() - which block a page belongs to
 * @pfn: any page frame number
 *
 * Context: any. The block stays as long as it has pages.
 * Return: the block, or NULL.
 */
struct cdm_block *cdm_block_of_pfn(unsigned long pfn)
{
	phys_addr_t addr = PFN_PHYS(pfn);
	struct cdm_block *found = NULL;
	struct cdm_region *region;

	rcu_read_lock();
	list_for_each_entry_rcu(region, &regions, link) {
		struct cdm_block *block = region->blocks;
		unsigned int i;

		for (i = 0; i < region->nr_ranges; i++) {
			const struct range *range = &region->ranges[i];

			if (addr >= range->start && addr <= range->end)
				found = block + PHYS_PFN(addr - range->start) /
						region->block_pages;
			block += PHYS_PFN(range_len(range)) / region->block_pages;
		}
	}
	rcu_read_unlock();
	return found;
}

/**
 * cdm_region_any_mapped() - does any block have device pages?
 *
 * Context: may sleep; takes cdm_region.grow of each region.
 * Return: true if so.
 */
bool cdm_region_any_mapped(void)
{
	struct cdm_region *region;
	bool mapped = false;
	unsigned int i;

	mutex_lock(&regions_lock);
	list_for_each_entry(region, &regions, link) {
		mutex_lock(&region->grow);
		for (i = 0; i < region->nr_blocks; i++)
			mapped |= region->blocks[i].role == CDM_ROLE_COHERENT;
		mutex_unlock(&region->grow);
	}
	mutex_unlock(&regions_lock);
	return mapped;
}

/* Set the part of the region that is in use, the first @nr_pages, and its level. */
static void region_set_online(struct cdm_region *region, unsigned long nr_pages,
			      enum cdm_isolation isolation)
{
	unsigned int i, nr_blocks = nr_pages / region->block_pages;

	lockdep_assert_held(&region->admin);

	mutex_lock(&region->grow);
	for (i = 0; i < region->nr_blocks; i++) {
		region->blocks[i].online = i < nr_blocks;
		region->blocks[i].isolation = i < nr_blocks ?
					      isolation : CDM_ISOLATION_NONE;
		region->blocks[i].before = CDM_ISOLATION_NONE;
	}
	WRITE_ONCE(region->online_pages, nr_pages);
	region->isolation = isolation;
	mutex_unlock(&region->grow);
}

static u64 region_size(const struct cdm_region *region)
{
	return PFN_PHYS((u64)region->nr_blocks * region->block_pages);
}

/**
 * cdm_region_level_check() - can a region have a level?
 * @region: the region
 * @isolation: the level
 * @memmap_on_block: with memory maps in the blocks
 *
 * Context: any.
 * Return: 0, -EINVAL, -EOPNOTSUPP or -ERANGE, as CDM_ONLINE documents.
 */
int cdm_region_level_check(const struct cdm_region *region,
			   enum cdm_isolation isolation, bool memmap_on_block)
{
	if (isolation == CDM_ISOLATION_NONE || isolation > CDM_ISOLATION_SHARED)
		return -EINVAL;
	if (isolation == CDM_ISOLATION_PRIVATE)
		return 0;
	if (isolation == CDM_ISOLATION_EXCLUSIVE || memmap_on_block)
		return -EOPNOTSUPP;
	return PFN_PHYS(region->block_pages) == memory_block_size_bytes() ?
	       0 : -ERANGE;
}

static int online_check(struct cdm_region *region, enum cdm_isolation isolation,
			u64 length, bool memmap_on_block)
{
	int rc;

	lockdep_assert_held(&region->admin);

	rc = cdm_region_level_check(region, isolation, memmap_on_block);
	if (rc)
		return rc;
	if (!IS_ALIGNED(length, PFN_PHYS(region->block_pages)) ||
	    length > region_size(region))
		return -EINVAL;
	if (region->state == CDM_HELD)
		return 0;
	if (region->state == CDM_ACTIVE &&
	    region->online_pages == PHYS_PFN(length) &&
	    region->online_pages == cdm_blocks_at(region, isolation) *
				    region->block_pages &&
	    region->memmap_on_block == memmap_on_block)
		return -EALREADY;
	return -EBUSY;
}

/**
 * cdm_region_admin_lock() - take cdm_region.admin for a call of a user
 * @region: the region
 *
 * A drain that somebody else is in may last for ever; it is not waited for.
 *
 * Context: may sleep, interruptible.
 * Return: 0, -EBUSY if the region is being drained, -EINTR, -ENODEV if it has
 * begun to leave: who waited may come after cdm_region_vacate().
 */
int cdm_region_admin_lock(struct cdm_region *region)
{
	int rc = 0;

	if (!mutex_trylock(&region->admin)) {
		if (READ_ONCE(region->state) == CDM_DRAINING)
			return -EBUSY;
		rc = mutex_lock_interruptible(&region->admin);
	}
	if (!rc && READ_ONCE(region->leaving)) {
		mutex_unlock(&region->admin);
		rc = -ENODEV;
	}
	return rc;
}

/**
 * cdm_region_hide_node() - make a region's node reserved
 * @region: the region
 *
 * Context: may sleep; the caller holds cdm_region.admin.
 * Return: 0 or -EXDEV.
 */
int cdm_region_hide_node(struct cdm_region *region)
{
	int rc;

	lockdep_assert_held(&region->admin);

	if (region->hides_node)
		return 0;
	rc = cdm_node_take(region, CDM_ISOLATION_RESERVED);
	region->hides_node = !rc;
	return rc;
}

/**
 * cdm_region_unhide_node() - undo cdm_region_hide_node(), if that was done
 * @region: the region has no reserved block that is not idle
 *
 * Context: may sleep; the caller holds cdm_region.admin.
 */
void cdm_region_unhide_node(struct cdm_region *region)
{
	lockdep_assert_held(&region->admin);

	if (region->hides_node)
		cdm_node_release(region);
	region->hides_node = false;
}

/* The region is held, and the level is one it can have. */
static int __region_online(struct cdm_region *region,
			   enum cdm_isolation isolation, u64 length,
			   bool memmap_on_block)
{
	int rc = 0;

	lockdep_assert_held(&region->admin);

	if (isolation == CDM_ISOLATION_RESERVED)
		rc = cdm_region_hide_node(region);
	if (isolation == CDM_ISOLATION_SHARED)
		rc = cdm_node_take(region, isolation);
	if (rc)
		return rc;
	region_set_online(region, PHYS_PFN(length), isolation);
	region->memmap_on_block = memmap_on_block;
	cdm_region_set_state(region, CDM_ACTIVE);
	if (isolation != CDM_ISOLATION_SHARED)
		return 0;
	rc = cdm_blocks_populate(region);
	if (rc)
		cdm_region_roll_back(region);
	return rc;
}

/**
 * cdm_region_online() - give a held region a level
 * @region: the region; the caller holds cdm_region.life for reading
 * @isolation: the level
 * @length: bytes to take into use, whole blocks; 0 for all
 * @memmap_on_block: keep memory maps in the blocks
 * @out_length: bytes in use afterwards
 *
 * Context: may sleep, interruptible; takes cdm_region.admin.
 * Return: 0, or the errno that CDM_ONLINE documents.
 */
int cdm_region_online(struct cdm_region *region, enum cdm_isolation isolation,
		      u64 length, bool memmap_on_block, u64 *out_length)
{
	int rc;

	rc = cdm_region_admin_lock(region);
	if (rc)
		return rc;
	rc = online_check(region, isolation, length ?: region_size(region),
			  memmap_on_block);
	if (!rc)
		rc = __region_online(region, isolation,
				     length ?: region_size(region),
				     memmap_on_block);
	*out_length = PFN_PHYS((u64)region->online_pages);
	mutex_unlock(&region->admin);

	if (!rc) {
		char level[32];

		snprintf(level, sizeof(level), "CDM_ISOLATION=%s",
			 cdm_isolation_name(isolation));
		cdm_region_event(region, CDM_EVENT_ONLINE, level, NULL);
	}
	return rc;
}

/**
 * cdm_region_hold() - the drained region has no pages any more
 * @region: the region
 *
 * Context: may sleep; the caller holds cdm_region.admin and has drained it.
 */
void cdm_region_hold(struct cdm_region *region)
{
	lockdep_assert_held(&region->admin);

	cdm_blocks_depopulate(region);
	cancel_delayed_work_sync(&region->tidy);
	cdm_region_unhide_node(region);
	region_set_online(region, 0, CDM_ISOLATION_NONE);
	region->drainer = NULL;
}

static int ranges_request(struct cdm_region *region)
{
	unsigned int i;

	for (i = 0; i < region->nr_ranges; i++) {
		struct range *range = &region->ranges[i];

		region->resources[i] = request_mem_region(range->start,
							  range_len(range),
							  dev_name(&region->dev));
		if (!region->resources[i])
			return -EBUSY;
		/* As kmem does: memory of the kernel's goes below it. */
		region->resources[i]->flags &= ~IORESOURCE_BUSY;
	}
	return 0;
}

static void ranges_release(struct cdm_region *region)
{
	unsigned int i;

	for (i = 0; i < region->nr_ranges; i++) {
		if (!region->resources[i])
			continue;
		/* What is not busy is not found. */
		region->resources[i]->flags |= IORESOURCE_BUSY;
		release_mem_region(region->ranges[i].start,
				   range_len(&region->ranges[i]));
	}
}

static struct cdm_region *region_new(struct device *parent, int nid)
{
	struct cdm_region *region;

	region = kzalloc(sizeof(*region), GFP_KERNEL);
	if (!region)
		return ERR_PTR(-ENOMEM);
	region->id = ida_alloc_max(&region_ids, CDM_MINORS - 1, GFP_KERNEL);
	if (region->id < 0) {
		int rc = region->id;

		kfree(region);
		return ERR_PTR(rc);
	}

	region->nid = nid;
	init_rwsem(&region->life);
	mutex_init(&region->admin);
	mutex_init(&region->grow);
	init_rwsem(&region->taking);
	mutex_init(&region->chunks);
	INIT_DELAYED_WORK(&region->tidy, cdm_system_tidy);
	INIT_DELAYED_WORK(&region->nudge, cdm_region_nudge);
	xa_init_flags(&region->users, XA_FLAGS_ALLOC);
	mutex_init(&region->users_lock);
	mutex_init(&region->recount_lock);
	region->max_pages = LONG_MAX;
	region->recounted = jiffies;
	xa_init(&region->retired);
	init_waitqueue_head(&region->progress);

	device_initialize(&region->dev);
	region->dev.parent = parent;
	region->dev.bus = &cdm_bus;
	region->dev.type = &region_type;
	region->dev.devt = MKDEV(MAJOR(cdm_devt), region->id);
	cdev_init(&region->cdev, &cdm_file_operations);
	region->cdev.owner = THIS_MODULE;
	return region;
}

/**
 * cdm_region_add() - make a region of a dax device
 * @parent: the dax device
 * @ranges: its physical ranges
 * @nr_ranges: how many, up to CDM_RANGES_MAX
 * @nid: NUMA node of the memory
 *
 * The region is held: it has no pages until somebody gives it a level.
 *
 * Context: may sleep.
 * Return: the region, to be undone by cdm_region_remove(), or an error pointer.
 */
struct cdm_region *cdm_region_add(struct device *parent,
				  const struct range *ranges,
				  unsigned int nr_ranges, int nid)
{
	struct cdm_region *region;
	int rc;

	region = region_new(parent, nid);
	if (IS_ERR(region))
		return region;
	rc = dev_set_name(&region->dev, "cdm%d", region->id);
	if (rc)
		goto err_put;

	region->nr_ranges = nr_ranges;
	memcpy(region->ranges, ranges, nr_ranges * sizeof(*ranges));
	rc = cdm_blocks_init(region);
	if (rc)
		goto err_put;
	rc = ranges_request(region);
	if (rc)
		goto err_ranges;

	mutex_lock(&regions_lock);
	list_add_tail_rcu(&region->link, &regions);
	mutex_unlock(&regions_lock);

	rc = cdm_cxl_watch(region);
	if (rc)
		goto err_unlink;
	rc = cdev_device_add(&region->cdev, &region->dev);
	if (rc)
		goto err_unwatch;
	return region;

err_unwatch:
	cdm_cxl_unwatch(region);
err_unlink:
	mutex_lock(&regions_lock);
	list_del_rcu(&region->link);
	mutex_unlock(&regions_lock);
	synchronize_rcu();
err_ranges:
	ranges_release(region);
err_put:
	put_device(&region->dev);
	return ERR_PTR(rc);
}

/**
 * cdm_region_vacate() - bring everything back, the dax device is about to go
 * @region: the region; calls get -ENODEV from now on, until it is removed
 *
 * Context: may sleep for long; takes cdm_region.admin.
 */
void cdm_region_vacate(struct cdm_region *region)
{
	WRITE_ONCE(region->leaving, true);
	wake_up_all(&region->progress);
	mutex_lock(&region->admin);
	if (region->state != CDM_GONE)
		cdm_region_evacuate(region);
	mutex_unlock(&region->admin);
}

/**
 * cdm_region_remove() - bring everything back and let the dax device go
 * @region: from cdm_region_add()
 *
 * Does not fail: the device leaves whatever we say. Waits for as long as
 * something holds a page or RAM has no room for it, and says so.
 *
 * Context: may sleep for long.
 */
void cdm_region_remove(struct cdm_region *region)
{
	WRITE_ONCE(region->leaving, true);
	wake_up_all(&region->progress);
	down_write(&region->life);

	mutex_lock(&region->admin);
	cdm_region_evacuate(region);
	cdm_region_hold(region);
	cdm_region_set_state(region, CDM_GONE);
	mutex_unlock(&region->admin);
	up_write(&region->life);

	cdm_cxl_unwatch(region);
	cdev_device_del(&region->cdev, &region->dev);
	mutex_lock(&regions_lock);
	list_del_rcu(&region->link);
	mutex_unlock(&regions_lock);
	synchronize_rcu();
	ranges_release(region);
	put_device(&region->dev);
}

/**
 * cdm_region_init() - make the bus and the device numbers
 *
 * Return: 0 or a negative errno.
 */
int cdm_region_init(void)
{
	int rc;

	rc = alloc_chrdev_region(&cdm_devt, 0, CDM_MINORS, "cdm");
	if (rc)
		return rc;
	rc = bus_register(&cdm_bus);
	if (rc)
		unregister_chrdev_region(cdm_devt, CDM_MINORS);
	return rc;
}

/** cdm_region_exit() - undo cdm_region_init(); no region is left */
void cdm_region_exit(void)
{
	bus_unregister(&cdm_bus);
	unregister_chrdev_region(cdm_devt, CDM_MINORS);
}
