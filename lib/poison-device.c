// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The list of bad memory that a CXL memory device keeps itself. The kernel tells it
 * by trace events alone, when asked to: one for each entry.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "poison.h"

/* One for all, who come one by one: containers, too, that have no other folder in common. */
#define INSTANCES	"/sys/kernel/tracing/instances"
#define INSTANCE	INSTANCES "/cdm-poison"

/* "... cxl_poison: memdev=mem0 ... dpa=0x8000000 dpa_length=0x40 ..." */
static int add_line(struct cdm_ctx *ctx, const char *line, const char *memdev,
		    struct cdm_bad_list *list)
{
	const char *name = strstr(line, "memdev="), *dpa = strstr(line, " dpa="),
		   *length = strstr(line, " dpa_length=");
	size_t end = strlen(memdev);
	uint64_t from, bytes;
	int rc, nr = 0;

	if (!name || !dpa || !length || strncmp(name + 7, memdev, end) ||
	    name[7 + end] != ' ')
		return 0;
	from = strtoull(dpa + 5, NULL, 0);
	bytes = strtoull(length + 12, NULL, 0);
	for (uint64_t page = from & -ctx->page_size;
	     page < from + bytes && list->nr < CDM_BAD_LIST_MAX; page += ctx->page_size) {
		const struct cdm_bad bad = { page, time(NULL), CDM_BAD_DEVICE };

		rc = cdm_bad_list_add(list, &bad);
		if (rc < 0)
			return rc;
		nr += rc;
	}
	return nr;
}

static int read_trace(struct cdm_ctx *ctx, const char *memdev, struct cdm_bad_list *list)
{
	char *text, *line, *rest;
	int rc, nr = 0;

	rc = cdm_write_file(ctx, "1", INSTANCE "/events/cxl/cxl_poison/enable");
	if (rc >= 0)
		rc = cdm_write_file(ctx, "1", "/sys/bus/cxl/devices/%s/trigger_poison_list",
				    memdev);
	if (rc >= 0)
		rc = cdm_read_text(ctx, &text, INSTANCE "/trace");
	if (rc < 0)
		return rc;
	for (line = strtok_r(text, "\n", &rest); line && rc >= 0;
	     line = strtok_r(NULL, "\n", &rest)) {
		rc = add_line(ctx, line, memdev, list);
		nr += MAX(rc, 0);
	}
	free(text);
	return rc < 0 ? rc : nr;
}

int cdm_poison_device_read(struct cdm_ctx *ctx, const char *memdev, struct cdm_bad_list *list)
{
	char instances[PATH_MAX], path[PATH_MAX];
	int rc, lock;

	/* A device without such a list has no such attribute. */
	if (!cdm_exists(ctx, "/sys/bus/cxl/devices/%s/trigger_poison_list", memdev))
		return 0;
	if (cdm_path(ctx, instances, INSTANCES) < 0 || cdm_path(ctx, path, INSTANCE) < 0)
		return -ENAMETOOLONG;
	lock = cdm_folder_lock(instances);
	if (lock < 0)
		return lock;
	/* What there is was left behind by somebody who was killed: one with old events. */
	rmdir(path);
	if (mkdir(path, 0700) && errno != EEXIST)
		rc = -errno;
	else
		rc = read_trace(ctx, memdev, list);
	rmdir(path);
	close(lock);
	return rc;
}
