// SPDX-License-Identifier: LGPL-2.1-or-later
/* CXL memdevs and regions, through libcxl. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cxl/libcxl.h>

#include "cxl.h"

#define CDM_CXL_BUS	"/sys/bus/cxl/devices"
/* The kernel's unit for the size of a region (CXL 3.1 8.2.4.20: 256 MiB). */
#define CDM_CXL_ALIGN	(256ULL << 20)

static void log_libcxl(struct cxl_ctx *cxl, int priority, const char *file, int line,
		       const char *fn, const char *format, va_list ap)
{
	struct cdm_ctx *ctx = cxl_get_userdata(cxl);
	char message[512];

	(void)priority;
	(void)file;
	(void)line;
	vsnprintf(message, sizeof(message), format, ap);
	message[strcspn(message, "\n")] = '\0';
	cdm_dbg(ctx, "libcxl: %s: %s", fn, message);
}

/*
 * libcxl reads everything once; so a fresh context after each change. It knows
 * only /sys: with another root there are no memdevs but those of cxl-root.c.
 */
static struct cxl_ctx *cxl_get(struct cdm_ctx *ctx)
{
	if (ctx->cxl)
		return ctx->cxl;
	if (cxl_new(&ctx->cxl) < 0)
		return NULL;
	cxl_set_userdata(ctx->cxl, ctx);
	cxl_set_log_fn(ctx->cxl, log_libcxl);
	cxl_set_log_priority(ctx->cxl, ctx->log_priority);
	return ctx->cxl;
}

void cdm_cxl_drop(struct cdm_ctx *ctx)
{
	if (ctx->cxl)
		cxl_unref(ctx->cxl);
	ctx->cxl = NULL;
}

static struct cxl_region *memdev_region(struct cxl_memdev *memdev)
{
	struct cxl_endpoint *endpoint = cxl_memdev_get_endpoint(memdev);
	struct cxl_decoder *decoder;
	struct cxl_region *region;

	if (!endpoint)
		return NULL;
	cxl_decoder_foreach(cxl_endpoint_get_port(endpoint), decoder) {
		/* Persistent memory is left alone. */
		if (cxl_decoder_get_mode(decoder) == CXL_DECODER_MODE_PMEM)
			continue;
		region = cxl_decoder_get_region(decoder);
		if (region)
			return region;
	}
	return NULL;
}

static const char *uuid_text(struct cxl_region *region, char text[40])
{
	unsigned char u[16];
	int any = 0;

	cxl_region_get_uuid(region, u);
	for (int i = 0; i < 16; i++)
		any |= u[i];
	if (!any)
		return NULL;
	snprintf(text, 40, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		 "%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2], u[3], u[4], u[5], u[6],
		 u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
	return text;
}

int cdm_cxl_foreach_memdev(struct cdm_ctx *ctx,
			   int (*fn)(void *data, const struct cdm_memdev *memdev),
			   void *data)
{
	struct cxl_memdev *memdev;
	struct cxl_ctx *cxl;
	int rc = 0;

	if (ctx->root[0])
		return cdm_cxl_foreach_memdev_of_root(ctx, fn, data);
	cxl = cxl_get(ctx);
	if (!cxl)
		return -ENOMEM;
	cxl_memdev_foreach(cxl, memdev) {
		struct cxl_region *region = memdev_region(memdev);
		char uuid[40];
		struct cdm_memdev out = {
			.name = cxl_memdev_get_devname(memdev),
			.host = cxl_memdev_get_host(memdev),
			.serial = cxl_memdev_get_serial(memdev),
			.ram_size = cxl_memdev_get_ram_size(memdev),
			.node = cxl_memdev_get_numa_node(memdev),
			.region = region ? cxl_region_get_devname(region) : NULL,
			.uuid = region ? uuid_text(region, uuid) : NULL,
		};

		if (out.serial == UINT64_MAX)
			out.serial = 0;
		rc = fn(data, &out);
		if (rc)
			break;
	}
	return rc;
}

static struct cxl_memdev *memdev_find(struct cxl_ctx *cxl, const char *name)
{
	struct cxl_memdev *memdev;

	cxl_memdev_foreach(cxl, memdev)
		if (!strcmp(cxl_memdev_get_devname(memdev), name))
			return memdev;
	return NULL;
}

static struct cxl_region *region_find(struct cxl_ctx *cxl, const char *name)
{
	struct cxl_decoder *decoder;
	struct cxl_region *region;
	struct cxl_bus *bus;

	cxl_bus_foreach(cxl, bus)
		cxl_decoder_foreach(cxl_bus_get_port(bus), decoder)
			cxl_region_foreach(decoder, region)
				if (!strcmp(cxl_region_get_devname(region), name))
					return region;
	return NULL;
}

/*
 * The window of the host through which the memdev is reached and that has most
 * room: a root decoder for volatile memory without interleave over host bridges
 * (a region of one memdev cannot be in one that has it).
 */
static struct cxl_decoder *window_find(struct cxl_memdev *memdev, uint64_t *room)
{
	struct cxl_bus *bus = cxl_memdev_get_bus(memdev);
	struct cxl_decoder *decoder, *best = NULL;
	uint64_t extent;

	*room = 0;
	if (!bus)
		return NULL;
	cxl_decoder_foreach(cxl_bus_get_port(bus), decoder) {
		if (!cxl_decoder_is_volatile_capable(decoder) ||
		    cxl_decoder_get_nr_targets(decoder) != 1 ||
		    !cxl_decoder_get_target_by_memdev(decoder, memdev))
			continue;
		extent = cxl_decoder_get_max_available_extent(decoder);
		if (extent == UINT64_MAX)
			extent = cxl_decoder_get_size(decoder);
		if (!best || extent > *room) {
			best = decoder;
			*room = extent;
		}
	}
	return best;
}

/* A decoder of the memdev that decodes nothing yet. */
static struct cxl_decoder *endpoint_decoder_find(struct cxl_memdev *memdev)
{
	struct cxl_endpoint *endpoint = cxl_memdev_get_endpoint(memdev);
	struct cxl_decoder *decoder;

	if (!endpoint)
		return NULL;
	cxl_decoder_foreach(cxl_endpoint_get_port(endpoint), decoder)
		if (!cxl_decoder_get_size(decoder) && !cxl_decoder_get_region(decoder))
			return decoder;
	return NULL;
}

/* Has the region of that name, of the window, no target, no driver and no decoders? */
static bool region_is_dead(struct cdm_ctx *ctx, const char *name, const char *window)
{
	char path[PATH_MAX], real[PATH_MAX], part[CDM_NAME_MAX + 2], text[CDM_NAME_MAX];
	uint64_t commit, ways;

	snprintf(part, sizeof(part), "/%s/", window);
	if (cdm_path(ctx, path, CDM_CXL_BUS "/%s", name) < 0 || !realpath(path, real) ||
	    !strstr(real, part) || cdm_exists(ctx, CDM_CXL_BUS "/%s/driver", name))
		return false;
	if (cdm_read_u64(ctx, &commit, CDM_CXL_BUS "/%s/commit", name) || commit ||
	    cdm_read_u64(ctx, &ways, CDM_CXL_BUS "/%s/interleave_ways", name))
		return false;
	for (unsigned int i = 0; i < ways; i++)
		if (cdm_read_file(ctx, text, sizeof(text), CDM_CXL_BUS "/%s/target%u", name, i))
			return false;
	return true;
}

/*
 * When an expander is pulled its region stays, decoding nothing and without a
 * target, and keeps its part of the window; libcxl does not show it. Another
 * tool's region looks so too for the moment between its creation and its first
 * target, so this is done only when there is not room enough. Returns how many
 * were deleted.
 */
static unsigned int regions_sweep(struct cdm_ctx *ctx, const char *window)
{
	struct cdm_names names;
	unsigned int nr = 0;

	if (cdm_scan(ctx, &names, "region", CDM_CXL_BUS))
		return 0;
	for (unsigned int i = 0; i < names.nr; i++) {
		if (!region_is_dead(ctx, names.name[i], window) ||
		    cdm_write_file(ctx, names.name[i], CDM_CXL_BUS "/%s/delete_region", window))
			continue;
		cdm_log(ctx, LOG_NOTICE, "deleted %s: its expander has gone", names.name[i]);
		nr++;
	}
	cdm_names_free(&names);
	return nr;
}

/*
 * create_ram_region is read for the next free name and that name written back;
 * when somebody was faster the write fails with EBUSY and the next one is tried.
 * (cxl_decoder_create_ram_region() does the same; Debian 12's libcxl lacks it.)
 */
static int region_new(struct cdm_ctx *ctx, const char *window, char name[CDM_NAME_MAX])
{
	int rc = -EBUSY;

	for (int i = 0; i < 16 && rc == -EBUSY; i++) {
		rc = cdm_read_file(ctx, name, CDM_NAME_MAX,
				   CDM_CXL_BUS "/%s/create_ram_region", window);
		if (rc < 0)
			break;
		rc = cdm_write_file(ctx, name, CDM_CXL_BUS "/%s/create_ram_region", window);
	}
	if (rc == -EACCES || rc == -EPERM)
		return cdm_fail(ctx, EPERM, "create a CXL region in %s: permission denied; "
				"be root", window);
	if (rc == -ENOENT)
		return cdm_fail(ctx, EOPNOTSUPP, "create a CXL region in %s: this kernel "
				"cannot make volatile CXL regions; use one from 6.3 on", window);
	if (rc < 0)
		return cdm_fail(ctx, -rc, "create a CXL region in %s: %s", window, strerror(-rc));
	return 0;
}

/* What the new region is to be. */
struct region_plan {
	struct cxl_decoder *window;
	struct cxl_decoder *decoder;	/* of the memdev */
	uint64_t size;
	bool tight;			/* the window has no room for all */
};

static int region_plan(struct cdm_ctx *ctx, struct cxl_memdev *memdev,
		       struct region_plan *plan)
{
	const char *name = cxl_memdev_get_devname(memdev);
	uint64_t room, ram = cxl_memdev_get_ram_size(memdev);

	if (!cxl_memdev_get_endpoint(memdev))
		return cdm_fail(ctx, EAGAIN, "create a CXL region for %s: no CXL port leads to "
				"it; are cxl_acpi, cxl_port and cxl_mem loaded?", name);
	plan->window = window_find(memdev, &room);
	plan->tight = room < ram;
	if (!plan->window)
		return cdm_fail(ctx, EAGAIN, "create a CXL region for %s: the firmware gives "
				"no window for volatile memory that leads to it alone", name);
	plan->decoder = endpoint_decoder_find(memdev);
	if (!plan->decoder)
		return cdm_fail(ctx, EBUSY, "create a CXL region for %s: all its decoders are "
				"in use", name);
	plan->size = MIN(ram, room) / CDM_CXL_ALIGN * CDM_CXL_ALIGN;
	if (!plan->size)
		return cdm_fail(ctx, ENOSPC, "create a CXL region for %s: %s has %s left",
				name, cxl_decoder_get_devname(plan->window),
				cdm_size_text(room).text);
	if (plan->size < ram)
		cdm_log(ctx, LOG_NOTICE, "%s: %s of %s, more does not fit in %s", name,
			cdm_size_text(plan->size).text, cdm_size_text(ram).text,
			cxl_decoder_get_devname(plan->window));
	return 0;
}

/* Returns what was being done when it failed, or NULL and *rc = 0. */
static const char *region_build(struct cxl_region *region, const struct region_plan *plan,
				int *rc)
{
	*rc = cxl_region_set_interleave_granularity(region,
			cxl_decoder_get_interleave_granularity(plan->window));
	if (*rc < 0)
		return "set its granularity";
	*rc = cxl_region_set_interleave_ways(region, 1);
	if (*rc < 0)
		return "set its ways";
	*rc = cxl_region_set_size(region, plan->size);
	if (*rc < 0)
		return "set its size";
	if (cxl_decoder_get_mode(plan->decoder) != CXL_DECODER_MODE_RAM) {
		*rc = cxl_decoder_set_mode(plan->decoder, CXL_DECODER_MODE_RAM);
		if (*rc < 0)
			return "set the decoder's mode";
	}
	*rc = cxl_decoder_set_dpa_size(plan->decoder, plan->size);
	if (*rc < 0)
		return "allocate device memory";
	*rc = cxl_region_set_target(region, 0, plan->decoder);
	if (*rc < 0)
		return "set its target";
	*rc = cxl_region_decode_commit(region);
	if (*rc < 0)
		return "commit the decoders";
	*rc = cxl_region_enable(region);
	return *rc < 0 ? "enable it" : NULL;
}

static void region_undo(struct cxl_region *region)
{
	unsigned int ways = cxl_region_get_interleave_ways(region);
	struct cxl_decoder *decoder;

	if (cxl_region_decode_is_committed(region) > 0)
		cxl_region_decode_reset(region);
	for (unsigned int i = 0; i < ways; i++) {
		decoder = cxl_region_get_target_decoder(region, i);
		if (!decoder)
			continue;
		cxl_region_clear_target(region, i);
		cxl_decoder_set_dpa_size(decoder, 0);
	}
}

static int region_build_failed(struct cdm_ctx *ctx, const char *memdev, const char *what,
			       int rc)
{
	if (rc == -ENXIO && !strcmp(what, "commit the decoders"))
		return cdm_fail(ctx, EOPNOTSUPP, "create a CXL region for %s: the kernel did not "
				"commit its decoders (%s): under a hypervisor that cannot flush CPU "
				"caches it refuses to", memdev, strerror(-rc));
	if (rc == -ERANGE)
		return cdm_fail(ctx, ENOSPC, "create a CXL region for %s: its window has no room "
				"for it; 'cxl list -R' shows what is there", memdev);
	return cdm_fail(ctx, -rc, "create a CXL region for %s: %s: %s", memdev, what,
			strerror(-rc));
}

/* A fresh look: libcxl reads everything once. */
static struct cxl_memdev *memdev_look(struct cdm_ctx *ctx, const char *name)
{
	struct cxl_memdev *memdev;

	cdm_cxl_drop(ctx);
	memdev = cxl_get(ctx) ? memdev_find(ctx->cxl, name) : NULL;
	if (!memdev)
		cdm_fail(ctx, ENODEV, "create a CXL region for %s: it has gone", name);
	return memdev;
}

/* The region exists in name only: give it size, target and decoders. */
static int region_make(struct cdm_ctx *ctx, const char *name, const char *region_name,
		       const char *window)
{
	struct cxl_memdev *memdev = memdev_look(ctx, name);
	struct cxl_region *region = memdev ? region_find(ctx->cxl, region_name) : NULL;
	struct region_plan plan = { 0 };
	const char *what;
	int rc;

	if (!region) {
		cdm_write_file(ctx, region_name, CDM_CXL_BUS "/%s/delete_region", window);
		return cdm_fail(ctx, ENODEV, "create a CXL region for %s: it has gone", name);
	}
	rc = region_plan(ctx, memdev, &plan);
	if (rc < 0) {
		cxl_region_delete(region);
		return rc;
	}
	what = region_build(region, &plan, &rc);
	if (!what) {
		cdm_info(ctx, "%s: made %s of %s in %s", name, region_name,
			 cdm_size_text(plan.size).text, window);
		return 0;
	}
	region_undo(region);
	cxl_decoder_set_dpa_size(plan.decoder, 0);
	cxl_region_delete(region);
	return region_build_failed(ctx, name, what, rc);
}

/* window: out, "" if there is none. Unless all of the memdev must fit, part does. */
static int region_create(struct cdm_ctx *ctx, const char *name, bool all,
			 char region_name[CDM_NAME_MAX], char window[CDM_NAME_MAX])
{
	struct cxl_memdev *memdev = memdev_look(ctx, name);
	struct region_plan plan = { 0 };
	int rc;

	window[0] = '\0';
	if (!memdev)
		return -ENODEV;
	rc = region_plan(ctx, memdev, &plan);
	if (plan.window)
		cdm_copy(window, CDM_NAME_MAX, cxl_decoder_get_devname(plan.window));
	if (rc < 0)
		return rc;
	if (plan.tight && all)
		return -ENOSPC;
	rc = region_new(ctx, window, region_name);
	return rc < 0 ? rc : region_make(ctx, name, region_name, window);
}

int cdm_cxl_create_region(struct cdm_ctx *ctx, const char *name, char region_name[CDM_NAME_MAX])
{
	char window[CDM_NAME_MAX];
	int rc = region_create(ctx, name, true, region_name, window);

	if (rc == -ENOSPC && window[0]) {
		regions_sweep(ctx, window);
		rc = region_create(ctx, name, false, region_name, window);
	}
	cdm_cxl_drop(ctx);
	return rc;
}

int cdm_cxl_enable_region(struct cdm_ctx *ctx, const char *name)
{
	struct cxl_region *region;
	int rc = 0;

	cdm_cxl_drop(ctx);
	region = cxl_get(ctx) ? region_find(ctx->cxl, name) : NULL;
	if (!region)
		return cdm_fail(ctx, ENOENT, "enable %s: no such CXL region", name);
	if (cxl_region_decode_is_committed(region) == 0) {
		rc = cxl_region_decode_commit(region);
		if (rc < 0)
			return cdm_fail(ctx, -rc, "enable %s: commit its decoders: %s; "
					"'cxl destroy-region %s' clears what is left over",
					name, strerror(-rc), name);
	}
	if (!cxl_region_is_enabled(region))
		rc = cxl_region_enable(region);
	if (rc < 0)
		return cdm_fail(ctx, -rc, "enable %s: %s", name, strerror(-rc));
	return 0;
}

int cdm_cxl_destroy_region(struct cdm_ctx *ctx, const char *name)
{
	struct cxl_region *region;
	int rc = 0;

	cdm_cxl_drop(ctx);
	region = cxl_get(ctx) ? region_find(ctx->cxl, name) : NULL;
	if (!region)
		return cdm_fail(ctx, ENOENT, "destroy %s: no such CXL region", name);
	if (cxl_region_is_enabled(region))
		rc = cxl_region_disable(region);
	if (rc < 0)
		return cdm_fail(ctx, -rc, "disable %s: %s", name, strerror(-rc));
	region_undo(region);
	rc = cxl_region_delete(region);
	cdm_cxl_drop(ctx);
	if (rc < 0)
		return cdm_fail(ctx, -rc, "destroy %s: %s", name, strerror(-rc));
	return 0;
}
