// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: attributes of a region, /sys/bus/cdm/devices/cdmN/. See docs/abi/.
 */
#include <linux/sysfs.h>

#include "cdm.h"

static struct cdm_usage usage_of(struct device *dev)
{
	struct cdm_usage usage;

	cdm_usage_read(to_cdm_region(dev), CDM_ISOLATION_NONE, &usage);
	return usage;
}

static ssize_t emit_pages(char *buf, u64 pages)
{
	return sysfs_emit(buf, "%llu\n", pages << PAGE_SHIFT);
}

/* An attribute that is one sum over the blocks, in bytes. */
#define USAGE_ATTR(name, field)						\
static ssize_t name##_show(struct device *dev,				\
			   struct device_attribute *attr, char *buf)	\
{									\
	return emit_pages(buf, usage_of(dev).field);			\
}									\
static DEVICE_ATTR_RO(name)

static ssize_t dax_show(struct device *dev, struct device_attribute *attr,
			char *buf)
{
	return sysfs_emit(buf, "%s\n", dev_name(dev->parent));
}
static DEVICE_ATTR_RO(dax);

static ssize_t node_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%d\n", to_cdm_region(dev)->nid);
}
static DEVICE_ATTR_RO(node);

static ssize_t state_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	static const char * const names[] = {
		[CDM_HELD] = "held",
		[CDM_ACTIVE] = "online",
		[CDM_DRAINING] = "draining",
		[CDM_GONE] = "gone",
	};

	return sysfs_emit(buf, "%s\n",
			  names[READ_ONCE(to_cdm_region(dev)->state)]);
}
static DEVICE_ATTR_RO(state);

static ssize_t isolation_show(struct device *dev, struct device_attribute *attr,
			      char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  cdm_region_level_name(to_cdm_region(dev)));
}
static DEVICE_ATTR_RO(isolation);

static ssize_t memmap_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  to_cdm_region(dev)->memmap_on_block ? "block" : "ram");
}
static DEVICE_ATTR_RO(memmap);

static ssize_t resource_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "%#llx\n", to_cdm_region(dev)->ranges[0].start);
}
static DEVICE_ATTR_ADMIN_RO(resource);

/* Not a sum: nobody should have each page looked at for what is known. */
static ssize_t size_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	const struct cdm_region *region = to_cdm_region(dev);

	return emit_pages(buf, (u64)region->nr_blocks * region->block_pages);
}
static DEVICE_ATTR_RO(size);

static ssize_t cut_show(struct device *dev, struct device_attribute *attr,
			char *buf)
{
	return sysfs_emit(buf, "%llu\n", to_cdm_region(dev)->cut_bytes);
}
static DEVICE_ATTR_RO(cut);

static ssize_t block_size_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	return emit_pages(buf, to_cdm_region(dev)->block_pages);
}
static DEVICE_ATTR_RO(block_size);

static ssize_t online_size_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	return emit_pages(buf, READ_ONCE(to_cdm_region(dev)->online_pages));
}
static DEVICE_ATTR_RO(online_size);

USAGE_ATTR(used, used);

static ssize_t available_show(struct device *dev, struct device_attribute *attr,
			      char *buf)
{
	struct cdm_usage usage = usage_of(dev);

	if (READ_ONCE(to_cdm_region(dev)->state) != CDM_ACTIVE)
		return emit_pages(buf, 0);
	return emit_pages(buf, usage.available);
}
static DEVICE_ATTR_RO(available);

USAGE_ATTR(draining, draining);
USAGE_ATTR(retired, retired);

USAGE_ATTR(exposed, exposed);
USAGE_ATTR(foreign, foreign);

static ssize_t memmap_ram_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", usage_of(dev).memmap_ram_bytes);
}
static DEVICE_ATTR_RO(memmap_ram);

static ssize_t max_bytes_show(struct device *dev,
			      struct device_attribute *attr, char *buf)
{
	long pages = READ_ONCE(to_cdm_region(dev)->max_pages);

	if (pages == LONG_MAX)
		return sysfs_emit(buf, "max\n");
	return emit_pages(buf, pages);
}

static ssize_t max_bytes_store(struct device *dev,
			       struct device_attribute *attr, const char *buf,
			       size_t length)
{
	u64 bytes;
	int rc;

	if (sysfs_streq(buf, "max")) {
		WRITE_ONCE(to_cdm_region(dev)->max_pages, LONG_MAX);
		return length;
	}
	rc = kstrtou64(buf, 0, &bytes);
	if (rc)
		return rc;
	WRITE_ONCE(to_cdm_region(dev)->max_pages, PHYS_PFN(bytes));
	return length;
}
static DEVICE_ATTR_RW(max_bytes);

static struct attribute *region_attrs[] = {
	&dev_attr_dax.attr,
	&dev_attr_node.attr,
	&dev_attr_state.attr,
	&dev_attr_isolation.attr,
	&dev_attr_memmap.attr,
	&dev_attr_resource.attr,
	&dev_attr_size.attr,
	&dev_attr_cut.attr,
	&dev_attr_block_size.attr,
	&dev_attr_online_size.attr,
	&dev_attr_used.attr,
	&dev_attr_available.attr,
	&dev_attr_draining.attr,
	&dev_attr_retired.attr,
	&dev_attr_exposed.attr,
	&dev_attr_foreign.attr,
	&dev_attr_memmap_ram.attr,
	&dev_attr_max_bytes.attr,
	NULL,
};

static const struct attribute_group region_group = {
	.attrs = region_attrs,
};

/* The same sums over the blocks of one level, in a folder of its name. */
#define LEVEL_ATTR(level, isolation, name, field)			\
static ssize_t level##_##name##_show(struct device *dev,		\
				     struct device_attribute *attr,	\
				     char *buf)				\
{									\
	struct cdm_usage usage;						\
									\
	cdm_usage_read(to_cdm_region(dev), isolation, &usage);		\
	return emit_pages(buf, usage.field);				\
}									\
static struct device_attribute level##_##name##_attr =			\
	__ATTR(name, 0444, level##_##name##_show, NULL)

#define LEVEL_GROUP(level, isolation)					\
LEVEL_ATTR(level, isolation, size, total);				\
LEVEL_ATTR(level, isolation, used, used);				\
LEVEL_ATTR(level, isolation, idle, idle);				\
LEVEL_ATTR(level, isolation, draining, draining);			\
LEVEL_ATTR(level, isolation, retired, retired);				\
static struct attribute *level##_attrs[] = {				\
	&level##_size_attr.attr,					\
	&level##_used_attr.attr,					\
	&level##_idle_attr.attr,					\
	&level##_draining_attr.attr,					\
	&level##_retired_attr.attr,					\
	NULL,								\
};									\
static const struct attribute_group level##_group = {			\
	.name = #level,							\
	.attrs = level##_attrs,						\
}

LEVEL_GROUP(private, CDM_ISOLATION_PRIVATE);
LEVEL_GROUP(reserved, CDM_ISOLATION_RESERVED);
LEVEL_GROUP(shared, CDM_ISOLATION_SHARED);

const struct attribute_group *cdm_region_groups[] = {
	&region_group,
	&private_group,
	&reserved_group,
	&shared_group,
	NULL,
};
