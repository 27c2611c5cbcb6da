// SPDX-License-Identifier: LGPL-2.1-or-later
/* Regions: the devices of /sys/bus/cdm and their attributes. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dax.h"
#include "expander.h"
#include "private.h"

#define CDM_BUS		"/sys/bus/cdm/devices"

static uint64_t region_attr(struct cdm_region *region, const char *attr)
{
	uint64_t value = 0;
	int rc = cdm_read_u64(region->ctx, &value, CDM_BUS "/%s/%s", region->name, attr);

	if (rc < 0)
		cdm_dbg(region->ctx, "%s: attribute %s: %s", region->name, attr, strerror(-rc));
	return rc < 0 ? 0 : value;
}

static void region_text(struct cdm_region *region, const char *attr, char buf[CDM_NAME_MAX])
{
	if (cdm_read_file(region->ctx, buf, CDM_NAME_MAX, CDM_BUS "/%s/%s",
			  region->name, attr) < 0)
		buf[0] = '\0';
}

static int isolation_of(const char *text)
{
	return strcmp(text, "mixed") ? cdm_isolation_from_name(text) : CDM_ISOLATION_MIXED;
}

static uint64_t level_attr(struct cdm_region *region, int isolation, const char *attr)
{
	uint64_t value = 0;

	cdm_read_u64(region->ctx, &value, CDM_BUS "/%s/%s/%s", region->name,
		     cdm_isolation_get_name(isolation), attr);
	return value;
}

static void region_read_levels(struct cdm_region *region)
{
	for (int i = CDM_ISOLATION_NONE + 1; i <= CDM_ISOLATION_SHARED; i++) {
		struct cdm_level *level = &region->levels[i];

		memset(level, 0, sizeof(*level));
		level->size = level_attr(region, i, "size");
		if (!level->size)
			continue;
		level->used = level_attr(region, i, "used");
		level->idle = level_attr(region, i, "idle");
		level->draining = level_attr(region, i, "draining");
		level->retired = level_attr(region, i, "retired");
	}
}

/*
 * Fills in everything but the name. The dax device comes first: when it cannot be
 * read, the region has gone (or never was).
 */
static int region_read(struct cdm_region *region)
{
	struct cdm_ctx *ctx = region->ctx;
	char text[CDM_NAME_MAX];

	if (cdm_read_file(ctx, text, sizeof(text), CDM_BUS "/%s/dax", region->name) <= 0)
		return -ENODEV;
	cdm_copy(region->dax_name, sizeof(region->dax_name), text);
	cdm_dax_read_cxl_region(ctx, region->dax_name, region->cxl_region);

	region_text(region, "node", text);
	region->node = text[0] ? atoi(text) : -1;
	region_text(region, "state", text);
	region->state = cdm_state_from_name(text);
	region_text(region, "isolation", text);
	region->isolation = isolation_of(text);
	region_text(region, "memmap", text);
	region->memmap_on_block = !strcmp(text, "block");

	region->resource = region_attr(region, "resource");
	region->size = region_attr(region, "size");
	region->block_size = region_attr(region, "block_size");
	region->online_size = region_attr(region, "online_size");
	region->used = region_attr(region, "used");
	region->available = region_attr(region, "available");
	region->draining = region_attr(region, "draining");
	region->retired = region_attr(region, "retired");
	region->cut = region_attr(region, "cut");
	region->memmap_ram = region_attr(region, "memmap_ram");
	region_text(region, "max_bytes", text);
	region->max_bytes = text[0] && strcmp(text, "max") ? region_attr(region, "max_bytes") :
							     CDM_NO_LIMIT;
	region->exposed = region_attr(region, "exposed");
	region_read_levels(region);
	return 0;
}

static struct cdm_region *region_new(struct cdm_ctx *ctx, const char *name)
{
	struct cdm_region *region = calloc(1, sizeof(*region));

	if (!region)
		return NULL;
	region->refs = 1;
	region->ctx = ctx;
	region->id = atoi(name + strlen("cdm"));
	cdm_copy(region->name, sizeof(region->name), name);
	snprintf(region->devnode, sizeof(region->devnode), "/dev/cdm%d", region->id);
	return region;
}

struct cdm_region *cdm_region_ref(struct cdm_region *region)
{
	region->refs++;
	return region;
}

struct cdm_region *cdm_region_unref(struct cdm_region *region)
{
	if (region && --region->refs == 0) {
		free(region->blocks);
		free(region->poison);
		free(region);
	}
	return NULL;
}

void cdm_regions_drop(struct cdm_ctx *ctx)
{
	struct cdm_region *region, *next;

	for (region = ctx->regions; region; region = next) {
		next = region->next;
		region->next = NULL;
		cdm_region_unref(region);
	}
	ctx->regions = NULL;
	ctx->regions_read = false;
}

/*
 * A name is used again after a replug: it is the same region only if it is made
 * of the same dax device at the same address.
 */
static bool region_same(const struct cdm_region *a, const struct cdm_region *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->dax_name, b->dax_name) &&
	       a->resource == b->resource;
}

/* Take what was read into the object that callers know. */
static void region_update(struct cdm_region *old, struct cdm_region *fresh)
{
	struct cdm_region keep = *old;

	*old = *fresh;
	old->refs = keep.refs;
	old->next = NULL;
	old->blocks = keep.blocks;
	old->nr_blocks = keep.nr_blocks;
	old->poison = keep.poison;
	old->nr_poison = keep.nr_poison;
}

static struct cdm_region *regions_take(struct cdm_region **list, struct cdm_region *like)
{
	for (; *list; list = &(*list)->next) {
		struct cdm_region *region = *list;

		if (region_same(region, like)) {
			*list = region->next;
			region->next = NULL;
			return region;
		}
	}
	return NULL;
}

int cdm_regions_refresh(struct cdm_ctx *ctx)
{
	struct cdm_region *old = ctx->regions, **tail = &ctx->regions;
	struct cdm_names names;
	int rc = cdm_scan(ctx, &names, "cdm", CDM_BUS);
	bool whole = true;

	if (rc < 0 && rc != -ENOENT)
		return cdm_fail(ctx, -rc, "read %s: %s", CDM_BUS, strerror(-rc));
	ctx->regions = NULL;
	ctx->regions_read = true;
	for (unsigned int i = 0; !rc && i < names.nr; i++) {
		struct cdm_region *region = region_new(ctx, names.name[i]), *known;

		whole &= !!region;
		if (!region || region_read(region) < 0) {
			cdm_region_unref(region);
			continue;
		}
		known = regions_take(&old, region);
		if (known) {
			region_update(known, region);
			cdm_region_unref(region);
			region = known;
		}
		*tail = region;
		tail = &region->next;
	}
	if (!rc)
		cdm_names_free(&names);
	while (old) {
		struct cdm_region *next = old->next;

		old->next = NULL;
		cdm_region_unref(old);
		old = next;
	}
	return whole ? 0 : cdm_fail(ctx, ENOMEM, "read %s: out of memory", CDM_BUS);
}

int cdm_region_refresh(struct cdm_region *region)
{
	struct cdm_region fresh = *region;

	if (region_read(&fresh) < 0 || !region_same(region, &fresh))
		return cdm_fail(region->ctx, ENODEV, "%s has gone", region->name);
	fresh.refs = region->refs;
	*region = fresh;
	return 0;
}

struct cdm_region *cdm_region_get_first(struct cdm_ctx *ctx)
{
	if (!ctx->regions_read)
		cdm_regions_refresh(ctx);
	return ctx->regions;
}

struct cdm_region *cdm_region_get_next(struct cdm_region *region)
{
	return region->next;
}

struct cdm_region *cdm_region_find(struct cdm_ctx *ctx, const char *name)
{
	struct cdm_region *region;

	if (!strncmp(name, "/dev/", 5))
		name += 5;
	cdm_region_foreach(ctx, region)
		if (!strcmp(region->name, name))
			return region;
	return NULL;
}

struct cdm_region *cdm_region_find_id(struct cdm_ctx *ctx, int id)
{
	struct cdm_region *region;

	cdm_region_foreach(ctx, region)
		if (region->id == id)
			return region;
	return NULL;
}

struct cdm_region *cdm_region_find_dax(struct cdm_ctx *ctx, const char *dax_name)
{
	struct cdm_region *region;

	cdm_region_foreach(ctx, region)
		if (!strcmp(region->dax_name, dax_name))
			return region;
	return NULL;
}

bool cdm_region_exists(struct cdm_region *region)
{
	return cdm_exists(region->ctx, CDM_BUS "/%s", region->name);
}

int cdm_region_open(struct cdm_region *region)
{
	struct cdm_ctx *ctx = region->ctx;
	char path[PATH_MAX];
	int fd, err, rc = cdm_path(ctx, path, "%s", region->devnode);

	if (rc < 0)
		return cdm_fail(ctx, -rc, "open %s: %s", region->devnode, strerror(-rc));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	err = errno;
	if (err == EACCES || err == EPERM)
		return cdm_fail(ctx, EACCES,
				"open %s: permission denied; be root or in group cdm",
				region->devnode);
	if (err == ENOENT && cdm_region_exists(region))
		return cdm_fail(ctx, ENODEV, "open %s: %s has no device node here; 'cdmctl check' "
				"tells more", region->devnode, region->name);
	if (err == ENOENT || err == ENXIO || err == ENODEV)
		return cdm_fail(ctx, ENODEV, "open %s: %s has gone", region->devnode,
				region->name);
	return cdm_fail(ctx, err, "open %s: %s", region->devnode, strerror(err));
}

struct cdm_ctx *cdm_region_get_ctx(struct cdm_region *region)
{
	return region->ctx;
}

int cdm_region_get_id(struct cdm_region *region)
{
	return region->id;
}

const char *cdm_region_get_name(struct cdm_region *region)
{
	return region->name;
}

const char *cdm_region_get_devnode(struct cdm_region *region)
{
	return region->devnode;
}

const char *cdm_region_get_dax_name(struct cdm_region *region)
{
	return region->dax_name;
}

struct cdm_expander *cdm_region_get_expander(struct cdm_region *region)
{
	struct cdm_expander *expander;

	cdm_expander_foreach(region->ctx, expander)
		if (!strcmp(expander->dax_name, region->dax_name))
			return expander;
	return NULL;
}

const char *cdm_region_get_cxl_region(struct cdm_region *region)
{
	return region->cxl_region[0] ? region->cxl_region : NULL;
}

int cdm_region_get_node(struct cdm_region *region)
{
	return region->node;
}

enum cdm_state cdm_region_get_state(struct cdm_region *region)
{
	return region->state;
}

int cdm_region_get_isolation(struct cdm_region *region)
{
	return region->isolation;
}

uint64_t cdm_region_get_resource(struct cdm_region *region)
{
	return region->resource;
}

uint64_t cdm_region_get_size(struct cdm_region *region)
{
	return region->size;
}

uint64_t cdm_region_get_block_size(struct cdm_region *region)
{
	return region->block_size;
}

uint64_t cdm_region_get_online_size(struct cdm_region *region)
{
	return region->online_size;
}

uint64_t cdm_region_get_used(struct cdm_region *region)
{
	return region->used;
}

uint64_t cdm_region_get_available(struct cdm_region *region)
{
	return region->available;
}

uint64_t cdm_region_get_draining(struct cdm_region *region)
{
	return region->draining;
}

uint64_t cdm_region_get_retired(struct cdm_region *region)
{
	return region->retired;
}

uint64_t cdm_region_get_cut(struct cdm_region *region)
{
	return region->cut;
}

uint64_t cdm_region_get_memmap_ram(struct cdm_region *region)
{
	return region->memmap_ram;
}

bool cdm_region_get_memmap_on_block(struct cdm_region *region)
{
	return region->memmap_on_block;
}

uint64_t cdm_region_get_max_bytes(struct cdm_region *region)
{
	return region->max_bytes;
}

int cdm_region_set_max_bytes(struct cdm_region *region, uint64_t bytes)
{
	char text[32] = "max";
	int rc;

	if (bytes != CDM_NO_LIMIT)
		snprintf(text, sizeof(text), "%" PRIu64, bytes);
	rc = cdm_write_file(region->ctx, text, CDM_BUS "/%s/max_bytes", region->name);
	if (rc < 0)
		return cdm_fail(region->ctx, -rc, "%s: how much one user may have cannot be set: "
				"%s", region->name, strerror(-rc));
	region->max_bytes = bytes;
	return 0;
}

uint64_t cdm_region_get_exposed(struct cdm_region *region)
{
	return region->exposed;
}

const struct cdm_level *cdm_region_get_level(struct cdm_region *region, int isolation)
{
	if (isolation <= CDM_ISOLATION_NONE || isolation > CDM_ISOLATION_SHARED ||
	    !region->levels[isolation].size)
		return NULL;
	return &region->levels[isolation];
}

int cdm_region_read_foreign(struct cdm_region *region, uint64_t *bytes)
{
	*bytes = 0;
	if (!cdm_region_get_level(region, CDM_ISOLATION_RESERVED))
		return 0;
	return cdm_read_u64(region->ctx, bytes, CDM_BUS "/%s/foreign", region->name);
}
