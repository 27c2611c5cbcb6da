/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libcdm: events of regions, dax devices and CXL devices. */
#ifndef _CDM_MONITOR_H
#define _CDM_MONITOR_H

#include <cdm/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * cdm_monitor_new() - listen to the kernel's events of cdm, dax and cxl devices
 *
 * Through udev when it runs (so that links and permissions are in place), else
 * from the kernel directly. Events from before this call are not seen: make the
 * monitor first, then read the lists.
 *
 * Returns: 0, -ENOMEM, ... Free with cdm_monitor_unref(). Since: 0.1
 */
int cdm_monitor_new(struct cdm_ctx *ctx, struct cdm_monitor **monitor);
struct cdm_monitor *cdm_monitor_ref(struct cdm_monitor *monitor);
struct cdm_monitor *cdm_monitor_unref(struct cdm_monitor *monitor);
/** to poll() for POLLIN; belongs to the monitor */
int cdm_monitor_get_fd(struct cdm_monitor *monitor);
/**
 * cdm_monitor_read() - take the next event
 *
 * Does not block. Returns: 0 and an event to be freed with cdm_event_unref();
 * -EAGAIN: none now; -ENOBUFS: some were lost, read the lists again. Since: 0.1
 */
int cdm_monitor_read(struct cdm_monitor *monitor, struct cdm_event **event);
/**
 * cdm_monitor_wait() - poll() and cdm_monitor_read() in one
 * @timeout_ms: -1 for ever. Returns: as above; -EAGAIN after the time; -EINTR.
 */
int cdm_monitor_wait(struct cdm_monitor *monitor, int timeout_ms,
		     struct cdm_event **event);

struct cdm_event *cdm_event_ref(struct cdm_event *event);
struct cdm_event *cdm_event_unref(struct cdm_event *event);
/** when it was received: microseconds since 1970 */
uint64_t cdm_event_get_time_us(struct cdm_event *event);
/** "cdm", "dax" or "cxl" */
const char *cdm_event_get_subsystem(struct cdm_event *event);
/** "cdm0", "dax0.0", "mem0", ... */
const char *cdm_event_get_device(struct cdm_event *event);
/**
 * cdm_event_get_kind() - what happened
 * Returns: CDM_EVENT_* of <linux/cdm.h> ("online", "offline", "isolation", "drain",
 * "stuck", "resume", "retire", "lost"), or udev's action ("add", "remove", "bind", "unbind",
 * "change", "move", ...).
 */
const char *cdm_event_get_kind(struct cdm_event *event);
/** cdm_event_get_value() - of a property, such as "CDM_LEFT"; NULL if not there */
const char *cdm_event_get_value(struct cdm_event *event, const char *key);
/**
 * cdm_event_get_detail() - the properties that cdm adds, one by one
 * @index: 0 and up
 * @key: out: "isolation", "left", "pinned", "pfn", ...: CDM_ is taken off and
 *	letters are small
 * @value: out
 *
 * Returns: true, false when there are no more. Since: 0.1
 */
bool cdm_event_get_detail(struct cdm_event *event, unsigned int index,
			  const char **key, const char **value);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* _CDM_MONITOR_H */
