// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * dax devices and who drives them.
 *
 * A driver of the dax bus takes a device by its type (CXL regions and, from 6.8
 * on, memory that the firmware set apart) or because the device's name was
 * written to the driver's new_id. So binding tries the plain way first, and
 * registers the name if the driver says that the device is not for it.
 */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dax.h"

/* Where the device is in the tree of devices, root and all; "" if it is not. */
static void dax_real_path(struct cdm_ctx *ctx, const char *dax, char real[PATH_MAX])
{
	char path[PATH_MAX];

	if (cdm_path(ctx, path, CDM_DAX_BUS "/%s", dax) < 0 || !realpath(path, real))
		real[0] = '\0';
}

void cdm_dax_read_cxl_region(struct cdm_ctx *ctx, const char *dax,
			     char cxl_region[CDM_NAME_MAX])
{
	char real[PATH_MAX], *save = NULL, *part;
	unsigned int id;
	char rest;

	cxl_region[0] = '\0';
	dax_real_path(ctx, dax, real);
	if (!strstr(real, "/dax_region"))
		return;
	for (part = strtok_r(real, "/", &save); part; part = strtok_r(NULL, "/", &save))
		if (sscanf(part, "region%u%c", &id, &rest) == 1)
			snprintf(cxl_region, CDM_NAME_MAX, "region%u", id);
}

int cdm_dax_read_driver(struct cdm_ctx *ctx, const char *dax, char driver[CDM_NAME_MAX])
{
	driver[0] = '\0';
	if (!cdm_exists(ctx, CDM_DAX_BUS "/%s", dax))
		return -ENODEV;
	cdm_read_link(ctx, driver, CDM_NAME_MAX, CDM_DAX_BUS "/%s/driver", dax);
	return 0;
}

int cdm_dax_find_of_region(struct cdm_ctx *ctx, const char *cxl_region,
			   char dax[CDM_NAME_MAX])
{
	char of[CDM_NAME_MAX];
	struct cdm_names names;
	int rc = cdm_scan(ctx, &names, "dax", CDM_DAX_BUS);

	if (rc < 0)
		return rc;
	rc = -ENOENT;
	for (unsigned int i = 0; rc && i < names.nr; i++) {
		cdm_dax_read_cxl_region(ctx, names.name[i], of);
		if (!strcmp(of, cxl_region)) {
			cdm_copy(dax, CDM_NAME_MAX, names.name[i]);
			rc = 0;
		}
	}
	cdm_names_free(&names);
	return rc;
}

bool cdm_dax_is_pmem(struct cdm_ctx *ctx, const char *dax)
{
	char real[PATH_MAX];

	dax_real_path(ctx, dax, real);
	return strstr(real, "/ndbus") || strstr(real, "/ndctl");
}

static bool driver_is(struct cdm_ctx *ctx, const char *dax, const char *driver)
{
	char now[CDM_NAME_MAX];

	return !cdm_dax_read_driver(ctx, dax, now) && !strcmp(now, driver);
}

int cdm_dax_unbind(struct cdm_ctx *ctx, const char *dax)
{
	char driver[CDM_NAME_MAX];
	int rc = cdm_dax_read_driver(ctx, dax, driver);

	if (rc < 0)
		return cdm_fail(ctx, -rc, "unbind %s: no such dax device", dax);
	if (!driver[0])
		return CDM_ALREADY;
	/* a name given by new_id would have the driver take it at the next chance */
	cdm_write_file(ctx, dax, CDM_DAX_DRIVERS "/%s/remove_id", driver);
	rc = cdm_write_file(ctx, dax, CDM_DAX_DRIVERS "/%s/unbind", driver);
	if (rc == -ENODEV && !driver_is(ctx, dax, driver))
		rc = 0;		/* it left by itself */
	if (rc == -EACCES || rc == -EPERM)
		return cdm_fail(ctx, EPERM, "unbind %s from %s: permission denied; be root",
				dax, driver);
	if (rc < 0)
		return cdm_fail(ctx, -rc, "unbind %s from %s: %s", dax, driver, strerror(-rc));
	return 0;
}

int cdm_dax_bind(struct cdm_ctx *ctx, const char *dax, const char *driver)
{
	char holder[CDM_NAME_MAX];
	int rc = cdm_dax_read_driver(ctx, dax, holder);

	if (rc < 0)
		return cdm_fail(ctx, -rc, "bind %s: no such dax device", dax);
	if (!strcmp(holder, driver))
		return CDM_ALREADY;
	if (holder[0])
		return cdm_fail(ctx, EBUSY, "bind %s to %s: %s holds it", dax, driver, holder);
	if (!cdm_exists(ctx, CDM_DAX_DRIVERS "/%s", driver))
		return cdm_fail(ctx, ENOPKG, "bind %s: driver %s is not loaded", dax, driver);

	rc = cdm_write_file(ctx, dax, CDM_DAX_DRIVERS "/%s/bind", driver);
	if (rc == -ENODEV || rc == -EINVAL) {
		/* not for this driver by type: by name. new_id binds at once. */
		rc = cdm_write_file(ctx, dax, CDM_DAX_DRIVERS "/%s/new_id", driver);
		if (!driver_is(ctx, dax, driver))
			rc = cdm_write_file(ctx, dax, CDM_DAX_DRIVERS "/%s/bind", driver);
	}
	if (driver_is(ctx, dax, driver))
		return 0;
	if (rc == -EACCES || rc == -EPERM)
		return cdm_fail(ctx, EPERM, "bind %s to %s: permission denied; be root",
				dax, driver);
	if (rc >= 0)
		rc = -ENODEV;
	return cdm_fail(ctx, -rc, "bind %s to %s: %s; the kernel log may say more", dax,
			driver, strerror(-rc));
}
