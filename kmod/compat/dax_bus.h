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

#endif
