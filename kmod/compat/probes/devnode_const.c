// SPDX-License-Identifier: GPL-2.0-only
#include <linux/device.h>

static char *devnode(const struct device *dev, umode_t *mode, kuid_t *uid,
		     kgid_t *gid)
{
	return NULL;
}

extern const struct device_type cdm_probe;
const struct device_type cdm_probe = { .devnode = devnode };
