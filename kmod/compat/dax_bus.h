/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cdm: the part of drivers/dax/bus.h that a driver of the dax bus needs.
 *
 * Distributions do not ship that header. The layout below is the same in 6.1,
 * 6.12 and 7.2; in 6.1 the field @type is "int match_always", and 0 means the
 * same as not set. struct dev_dax itself is private to the bus and changes, so
 * it stays opaque.
 */
#ifndef _CDM_COMPAT_DAX_BUS_H
#define _CDM_COMPAT_DAX_BUS_H

#include <linux/device.h>
#include <linux/list.h>
#include <linux/range.h>
#include <linux/version.h>

#include "config.h"

/*
 * These take the lock of the device in size_show() as 6.1 does, but with another
 * struct dev_dax behind it; nobody has tried them.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0) && \
	LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
#error "cdm: this kernel is not supported: use 6.1, or 6.9 and later"
#endif

struct dev_dax;

enum dax_driver_type {
	DAXDRV_KMEM_TYPE,
	DAXDRV_DEVICE_TYPE,
	DAXDRV_FSDEV_TYPE,
};

/* No device has this type: such a driver is matched by new_id only. */
#define CDM_DAXDRV_NO_TYPE	((enum dax_driver_type)0x7f)

struct dax_device_driver {
	struct device_driver drv;
	struct list_head ids;
	enum dax_driver_type type;
	int (*probe)(struct dev_dax *dev);
	void (*remove)(struct dev_dax *dev);
};

int __dax_driver_register(struct dax_device_driver *dax_drv,
			  struct module *module, const char *mod_name);
void dax_driver_unregister(struct dax_device_driver *dax_drv);

/*
 * The ranges of a device, where reading its attributes from probe() would
 * deadlock: size_show() of 6.1 takes the lock of the device, which the driver
 * core holds. Newer kernels have a lock of their own for it (6.9, c05ae9d85b47
 * "dax/bus.c: replace driver-core lock usage by a local rwsem"). What follows
 * the struct device in struct dev_dax of 6.1 will not change any more; the
 * caller compares it with the attribute "resource", which takes no lock. May go
 * with 6.1.
 *
 * Return: number of ranges, -EOPNOTSUPP where the attributes are to be read.
 */
static inline int cdm_dax_ranges_peek(struct device *dev, struct range *ranges,
				      int max)
{
#if CDM_HAVE_DAX_TYPE_MATCH
	return -EOPNOTSUPP;
#else
	const struct {
		void *pgmap;
		int nr_range;
		const struct {
			unsigned long pgoff;
			struct range range;
			void *mapping;
		} *ranges;
	} *tail = (const void *)(dev + 1);
	int i;

	if (tail->nr_range < 1 || tail->nr_range > max)
		return -E2BIG;
	for (i = 0; i < tail->nr_range; i++)
		ranges[i] = tail->ranges[i].range;
	return tail->nr_range;
#endif
}

#endif
