/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dax devices and their drivers: /sys/bus/dax. */
#ifndef _LIBCDM_DAX_H
#define _LIBCDM_DAX_H

#include "private.h"

#define CDM_DAX_BUS	"/sys/bus/dax/devices"
#define CDM_DAX_DRIVERS	"/sys/bus/dax/drivers"

/* "region0" if the dax device is made of a CXL region, else "". */
void cdm_dax_read_cxl_region(struct cdm_ctx *ctx, const char *dax,
			     char cxl_region[CDM_NAME_MAX]);
/* Name of the driver that holds it, "" for none. -ENODEV: no such device. */
int cdm_dax_read_driver(struct cdm_ctx *ctx, const char *dax, char driver[CDM_NAME_MAX]);
/* The dax device of a CXL region; -ENOENT if there is none yet. */
int cdm_dax_find_of_region(struct cdm_ctx *ctx, const char *cxl_region,
			   char dax[CDM_NAME_MAX]);
/* Is it persistent memory (made by libnvdimm)? That is not ours. */
bool cdm_dax_is_pmem(struct cdm_ctx *ctx, const char *dax);

/* Both fail with a message. Binding to the driver that holds it is CDM_ALREADY. */
int cdm_dax_bind(struct cdm_ctx *ctx, const char *dax, const char *driver);
int cdm_dax_unbind(struct cdm_ctx *ctx, const char *dax);

#endif /* _LIBCDM_DAX_H */
