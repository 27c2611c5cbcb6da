// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded: the module's part of the conversation, for regions that are only files.
 * All memory that is asked about is on the region of the number $MODEL_REGION, and
 * all that is to be moved moves, but not of process $MODEL_REFUSED. With $MODEL_LEAVING
 * they are all on their way out.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/cdm.h>

int ioctl(int fd, unsigned long request, ...);

static int model_residency(struct cdm_residency *arg)
{
	struct cdm_extent *extent = (void *)(uintptr_t)arg->extents;

	*extent = (struct cdm_extent) {
		.addr = arg->addr,
		.length = arg->length,
		.where = atoi(getenv("MODEL_REGION")),
	};
	arg->out_next = arg->addr + arg->length;
	arg->out_nr_extents = 1;
	return 0;
}

static int model_migrate(struct cdm_migrate *arg)
{
	const char *refused = getenv("MODEL_REFUSED");

	if (refused && arg->pid == atoi(refused)) {
		errno = EPERM;
		return -1;
	}
	arg->out_moved = arg->length / (uint64_t)sysconf(_SC_PAGESIZE);
	arg->out_next = arg->addr + arg->length;
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (getenv("MODEL_LEAVING")) {
		errno = ENODEV;
		return -1;
	}
	if (request == CDM_RESIDENCY)
		return model_residency(arg);
	if (request == CDM_MIGRATE)
		return model_migrate(arg);
	return (int)syscall(SYS_ioctl, fd, request, arg);
}
