// SPDX-License-Identifier: LGPL-2.1-or-later
/* Events of the kernel's devices, through libudev. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libudev.h>

#include "event.h"

struct cdm_monitor {
	int refs;
	struct cdm_ctx *ctx;
	struct udev *udev;
	struct udev_monitor *monitor;
};

static int monitor_fill(struct cdm_monitor *monitor)
{
	/* from the kernel only where no udev passes events on */
	bool running = cdm_exists(monitor->ctx, "/run/udev/control");
	int rc = 0;

	monitor->udev = udev_new();
	if (!monitor->udev)
		return -ENOMEM;
	monitor->monitor = udev_monitor_new_from_netlink(monitor->udev,
							 running ? "udev" : "kernel");
	if (!monitor->monitor)
		return -EOPNOTSUPP;
	for (size_t i = 0; rc >= 0 && i < 3; i++) {
		static const char *const subsystems[] = { "cdm", "dax", "cxl" };

		rc = udev_monitor_filter_add_match_subsystem_devtype(monitor->monitor,
								     subsystems[i], NULL);
	}
	if (rc >= 0)
		rc = udev_monitor_enable_receiving(monitor->monitor);
	/* only root may; the default holds a few hundred events */
	udev_monitor_set_receive_buffer_size(monitor->monitor, 4 << 20);
	return rc;
}

int cdm_monitor_new(struct cdm_ctx *ctx, struct cdm_monitor **out)
{
	struct cdm_monitor *monitor = calloc(1, sizeof(*monitor));
	int rc;

	if (!monitor)
		return -ENOMEM;
	monitor->refs = 1;
	monitor->ctx = cdm_ref(ctx);
	rc = monitor_fill(monitor);
	if (rc < 0) {
		cdm_monitor_unref(monitor);
		return cdm_fail(ctx, -rc, "listen to events: %s", strerror(-rc));
	}
	*out = monitor;
	return 0;
}

struct cdm_monitor *cdm_monitor_ref(struct cdm_monitor *monitor)
{
	monitor->refs++;
	return monitor;
}

struct cdm_monitor *cdm_monitor_unref(struct cdm_monitor *monitor)
{
	if (!monitor || --monitor->refs > 0)
		return NULL;
	udev_monitor_unref(monitor->monitor);
	udev_unref(monitor->udev);
	cdm_unref(monitor->ctx);
	free(monitor);
	return NULL;
}

int cdm_monitor_get_fd(struct cdm_monitor *monitor)
{
	return udev_monitor_get_fd(monitor->monitor);
}

int cdm_monitor_read(struct cdm_monitor *monitor, struct cdm_event **event)
{
	struct udev_device *device;
	int rc;

	errno = 0;
	device = udev_monitor_receive_device(monitor->monitor);
	if (!device)
		return errno == ENOBUFS ? -ENOBUFS : -EAGAIN;
	rc = cdm_event_from_udev(device, event);
	udev_device_unref(device);
	return rc;
}

int cdm_monitor_wait(struct cdm_monitor *monitor, int timeout_ms, struct cdm_event **event)
{
	uint64_t start = cdm_now_ms(), elapsed;
	struct pollfd poll_fd = {
		.fd = cdm_monitor_get_fd(monitor),
		.events = POLLIN,
	};
	int rc, left = timeout_ms;

	/* a message that the filter drops wakes poll() and is no event */
	for (;;) {
		rc = poll(&poll_fd, 1, left);
		if (rc < 0)
			return -errno;
		if (rc == 0)
			return -EAGAIN;
		rc = cdm_monitor_read(monitor, event);
		if (rc != -EAGAIN)
			return rc;
		if (timeout_ms < 0)
			continue;
		elapsed = cdm_now_ms() - start;
		if (elapsed >= (uint64_t)timeout_ms)
			return -EAGAIN;
		left = timeout_ms - elapsed;
	}
}
