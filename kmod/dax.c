// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: claiming dax devices.
 *
 * A driver on the dax bus beside kmem and device_dax. With "claim" (the
 * default) it takes volatile devices as they appear; kmem, loaded after it
 * (modprobe.d has the softdep), then never sees them. Knows nothing of pages.
 */
#include <linux/ctype.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/xarray.h>

#include "cdm.h"
#include "compat/dax_bus.h"

static bool claim = true;
module_param(claim, bool, 0444);
MODULE_PARM_DESC(claim, "take every volatile dax device as it appears (default Y); N: only by new_id and bind");

static struct dax_device_driver cdm_dax_driver;

/*
 * The region of each struct dev_dax that is bound, by its address: when a
 * device is removed it is no longer on the list of the bus.
 */
static DEFINE_XARRAY(claims);

/**
 * cdm_attr_read() - read an attribute of a device the way sysfs does
 * @dev: the device
 * @name: the attribute, of the device's type
 * @buf: one page, for a text with its end marked
 *
 * Ranges and node of a dax device, and the targets of a CXL region, stand in
 * attributes, which are ABI, while their structs are private and change.
 *
 * Context: what the attribute's show method needs.
 * Return: 0, -ENOENT, or what the show method said.
 */
int cdm_attr_read(struct device *dev, const char *name, char *buf)
{
	const struct attribute_group *const *group;
	struct attribute **attr;

	if (!dev->type || !dev->type->groups)
		return -ENOENT;
	for (group = dev->type->groups; *group; group++) {
		for (attr = (*group)->attrs; attr && *attr; attr++) {
			struct device_attribute *dev_attr;
			ssize_t len;

			if (strcmp((*attr)->name, name))
				continue;
			dev_attr = container_of(*attr, struct device_attribute,
						attr);
			if (!dev_attr->show)
				return -ENOENT;
			len = dev_attr->show(dev, dev_attr, buf);
			if (len < 0)
				return len;
			buf[min_t(ssize_t, len, PAGE_SIZE - 1)] = '\0';
			return 0;
		}
	}
	return -ENOENT;
}

static int attr_read_number(struct device *dev, const char *name, s64 *value)
{
	char *buf = (char *)get_zeroed_page(GFP_KERNEL);
	int rc;

	if (!buf)
		return -ENOMEM;
	rc = cdm_attr_read(dev, name, buf);
	if (!rc)
		rc = kstrtoll(strim(buf), 0, value);
	free_page((unsigned long)buf);
	return rc;
}

/**
 * struct dax_ranges - the physical ranges of a dax device
 * @ranges: the ranges
 * @nr: entries in use
 */
struct dax_ranges {
	struct range ranges[CDM_RANGES_MAX];
	unsigned int nr;
};

/* Children called mappingN have one range each. */
static int mapping_add(struct device *dev, void *data)
{
	struct dax_ranges *ranges = data;
	s64 start, end;
	int rc;

	if (strncmp(dev_name(dev), "mapping", 7))
		return 0;
	rc = attr_read_number(dev, "start", &start);
	if (!rc)
		rc = attr_read_number(dev, "end", &end);
	if (rc)
		return rc;
	if (ranges->nr == CDM_RANGES_MAX)
		return -E2BIG;
	ranges->ranges[ranges->nr++] = (struct range) { start, end };
	return 0;
}

static int mapping_count(struct device *dev, void *data)
{
	*(unsigned int *)data += !strncmp(dev_name(dev), "mapping", 7);
	return 0;
}

/*
 * One range, the rule: "resource" and "size" take no lock that the bus holds
 * while it waits for this device. Several: start and end of the children take
 * the bus lock for writing, as the bus does when it removes the device, so a
 * removal that races with this waits until one of the two is killed.
 */
static int ranges_read_attrs(struct device *dev, struct dax_ranges *ranges)
{
	unsigned int mappings = 0;
	s64 start, size;
	int rc;

	device_for_each_child(dev, &mappings, mapping_count);
	if (mappings > 1)
		return device_for_each_child(dev, ranges, mapping_add);

	rc = attr_read_number(dev, "resource", &start);
	if (!rc)
		rc = attr_read_number(dev, "size", &size);
	if (rc)
		return rc;
	if (!size)
		return -ENXIO;
	ranges->ranges[ranges->nr++] = (struct range) { start, start + size - 1 };
	return 0;
}

static int ranges_read(struct device *dev, struct dax_ranges *ranges)
{
	int nr = cdm_dax_ranges_peek(dev, ranges->ranges, CDM_RANGES_MAX);
	s64 start;
	int rc;

	ranges->nr = 0;
	if (nr == -EOPNOTSUPP)
		return ranges_read_attrs(dev, ranges);
	if (nr < 0)
		return nr;
	rc = attr_read_number(dev, "resource", &start);
	if (!rc && start != ranges->ranges[0].start)
		rc = -ENXIO;
	ranges->nr = nr;
	return rc;
}

/* Persistent memory has its data to keep; it is a child of a libnvdimm bus. */
static bool is_persistent(struct device *dev)
{
	for (dev = dev->parent; dev; dev = dev->parent)
		if (dev->bus && !strcmp(dev->bus->name, "nd"))
			return true;
	return false;
}

/**
 * struct dax_search - find the device that is part of a struct dev_dax
 * @inside: address of the struct dev_dax
 * @found: the device
 */
struct dax_search {
	unsigned long inside;
	struct device *found;
};

static int search_one(struct device *dev, void *data)
{
	struct dax_search *search = data;
	unsigned long addr = (unsigned long)dev;

	if (dev->driver != &cdm_dax_driver.drv || addr < search->inside ||
	    addr >= search->inside + PAGE_SIZE)
		return 0;
	if (!search->found || dev < search->found)
		search->found = dev;
	return 0;
}

/*
 * The struct device of a struct dev_dax, whose layout is not known: the device
 * on the bus, bound to this driver, that lies next behind its address.
 */
static struct device *device_of(struct dev_dax *dev_dax)
{
	struct dax_search search = { .inside = (unsigned long)dev_dax };

	bus_for_each_dev(cdm_dax_driver.drv.bus, NULL, &search, search_one);
	return search.found;
}

/* Makes a region of the device, which cdm_dax_remove() will find. */
static int claim_device(struct dev_dax *dev_dax, struct device *dev)
{
	struct cdm_region *region;
	struct dax_ranges *ranges;
	s64 nid;
	int rc;

	ranges = kzalloc(sizeof(*ranges), GFP_KERNEL);
	if (!ranges)
		return -ENOMEM;
	rc = ranges_read(dev, ranges);
	if (!rc)
		rc = attr_read_number(dev, "target_node", &nid);
	if (!rc && nid < 0)
		rc = -ENXIO;
	region = rc ? ERR_PTR(rc) :
		      cdm_region_add(dev, ranges->ranges, ranges->nr, nid);
	kfree(ranges);
	if (IS_ERR(region))
		return PTR_ERR(region);

	rc = xa_err(xa_store(&claims, (unsigned long)dev_dax, region, GFP_KERNEL));
	if (rc)
		cdm_region_remove(region);
	return rc;
}

/*
 * A volatile device that can not become a region is held all the same: were the
 * probe to fail, the driver core would offer it to kmem.
 */
static int cdm_dax_probe(struct dev_dax *dev_dax)
{
	struct device *dev = device_of(dev_dax);
	int rc;

	if (WARN_ON_ONCE(!dev))
		return -ENODEV;
	if (is_persistent(dev))
		return -ENODEV;

	rc = claim_device(dev_dax, dev);
	if (rc == -ERANGE)
		dev_err(dev, "cdm: held without use: smaller than one block of memory\n");
	else if (rc == -ENXIO)
		dev_err(dev, "cdm: held without use: the firmware gave it no range or no NUMA node\n");
	else if (rc)
		dev_err(dev, "cdm: held without use: error %d; unbind and bind it to try again\n",
			rc);
	return 0;
}

static void cdm_dax_remove(struct dev_dax *dev_dax)
{
	struct cdm_region *region = xa_erase(&claims, (unsigned long)dev_dax);

	if (region)
		cdm_region_remove(region);
}

static struct dax_device_driver cdm_dax_driver = {
	.probe = cdm_dax_probe,
	.remove = cdm_dax_remove,
};

/*
 * The bus of 6.1 knows no types: a device is asked for by name there, the way
 * user space would, by the driver's attribute new_id. It is too early to attach
 * the driver when a device is being added, but the bus then looks for one, and
 * takes the first that matches. On newer kernels, too, that is the one that was
 * registered first, so cdm has to be loaded before kmem and device_dax.
 */
static ssize_t new_id_write(const char *name)
{
	const struct attribute_group *const *group =
		cdm_dax_driver.drv.bus->drv_groups;
	struct attribute **attr;

	for (; group && *group; group++) {
		for (attr = (*group)->attrs; attr && *attr; attr++) {
			struct driver_attribute *drv_attr =
				container_of(*attr, struct driver_attribute, attr);

			if (!strcmp((*attr)->name, "new_id") && drv_attr->store)
				return drv_attr->store(&cdm_dax_driver.drv, name,
						       strlen(name));
		}
	}
	return -ENOENT;
}

static int claim_by_name(struct device *dev, void *unused)
{
	ssize_t rc;

	if (dev->driver || is_persistent(dev))
		return 0;
	rc = new_id_write(dev_name(dev));
	if (rc < 0)
		dev_warn(dev, "cdm: not claimed: error %zd\n", rc);
	return 0;
}

static int bus_notify(struct notifier_block *nb, unsigned long action,
		      void *data)
{
	if (action == BUS_NOTIFY_ADD_DEVICE)
		claim_by_name(data, NULL);
	return NOTIFY_DONE;
}

static struct notifier_block bus_notifier = {
	.notifier_call = bus_notify,
};

static bool claims_by_name(void)
{
	return claim && !cdm_dax_bus_matches_types();
}

/**
 * cdm_dax_init() - register the driver
 *
 * Return: 0 or a negative errno.
 */
int cdm_dax_init(void)
{
	int rc;

	if (cdm_dax_bus_matches_types() && !claim)
		cdm_dax_driver.type = CDM_DAXDRV_NO_TYPE;
	rc = __dax_driver_register(&cdm_dax_driver, THIS_MODULE, KBUILD_MODNAME);
	if (rc || !claims_by_name())
		return rc;

	rc = bus_register_notifier(cdm_dax_driver.drv.bus, &bus_notifier);
	if (rc) {
		dax_driver_unregister(&cdm_dax_driver);
		return rc;
	}
	bus_for_each_dev(cdm_dax_driver.drv.bus, NULL, NULL, claim_by_name);
	return 0;
}

/**
 * cdm_dax_exit() - unregister the driver; all regions are drained and removed
 */
void cdm_dax_exit(void)
{
	if (claims_by_name())
		bus_unregister_notifier(cdm_dax_driver.drv.bus, &bus_notifier);
	dax_driver_unregister(&cdm_dax_driver);
}

MODULE_ALIAS("dax:t0*");
