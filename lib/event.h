/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _LIBCDM_EVENT_H
#define _LIBCDM_EVENT_H

#include "private.h"

struct udev_device;

int cdm_event_from_udev(struct udev_device *device, struct cdm_event **event);

#endif /* _LIBCDM_EVENT_H */
