/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _CDM_LIB_EVENT_H
#define _CDM_LIB_EVENT_H

#include "private.h"

struct udev_device;

int cdm_event_from_udev(struct udev_device *device, struct cdm_event **event);

#endif /* _CDM_LIB_EVENT_H */
