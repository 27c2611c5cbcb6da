// SPDX-License-Identifier: LGPL-2.1-or-later
/* Bad pages of a region, and making the lists that there are of them the same. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "poison.h"

#define CXL_BUS	"/sys/bus/cxl/devices"

/* Where the memory of a region is in its one memory device. */
struct device_range {
	const char *memdev;
	uint64_t serial;
	uint64_t addr;
	uint64_t dpa;
	uint64_t length;
};

/* -ENOENT: it is not the whole of one device's, or that has no serial number. */
static int device_range_of(struct cdm_region *region, struct device_range *range)
{
	struct cdm_expander *expander = cdm_region_get_expander(region);
	struct cdm_ctx *ctx = region->ctx;
	char decoder[CDM_NAME_MAX];
	uint64_t ways;

	if (!expander || expander->kind != CDM_EXPANDER_CXL || !expander->serial ||
	    !region->cxl_region[0])
		return -ENOENT;
	if (cdm_read_u64(ctx, &ways, CXL_BUS "/%s/interleave_ways", region->cxl_region) ||
	    ways != 1)
		return -ENOENT;
	if (cdm_read_file(ctx, decoder, sizeof(decoder), CXL_BUS "/%s/target0",
			  region->cxl_region) <= 0 ||
	    cdm_read_u64(ctx, &range->addr, CXL_BUS "/%s/resource", region->cxl_region) ||
	    cdm_read_u64(ctx, &range->length, CXL_BUS "/%s/size", region->cxl_region) ||
	    cdm_read_u64(ctx, &range->dpa, CXL_BUS "/%s/dpa_resource", decoder))
		return -ENOENT;
	range->memdev = expander->name;
	range->serial = expander->serial;
	return 0;
}

static bool range_has_addr(const struct device_range *range, uint64_t addr)
{
	return addr >= range->addr && addr - range->addr < range->length;
}

static bool range_has_dpa(const struct device_range *range, uint64_t dpa)
{
	return dpa >= range->dpa && dpa - range->dpa < range->length;
}

int cdm_region_read_poison(struct cdm_region *region)
{
	struct cdm_ctx *ctx = region->ctx;
	struct device_range range;
	struct cdm_poison *poison;
	bool known;
	int nr, fd = cdm_region_open(region);

	if (fd < 0)
		return cdm_fail_prefix(ctx, fd, "bad pages of %s: ", region->name);
	nr = cdm_uapi_bad_pages(ctx, fd, &poison);
	close(fd);
	if (nr < 0)
		return cdm_fail(ctx, -nr, "bad pages of %s: %s", region->name,
				nr == -EPERM ? "not permitted; be root" : strerror(-nr));
	known = !device_range_of(region, &range);
	for (int i = 0; i < nr; i++) {
		poison[i].region = region;
		if (known && range_has_addr(&range, poison[i].addr))
			poison[i].dpa = poison[i].addr - range.addr + range.dpa;
	}
	free(region->poison);
	region->poison = poison;
	region->nr_poison = nr;
	return nr;
}

struct cdm_poison *cdm_poison_get_first(struct cdm_region *region)
{
	return region->nr_poison ? region->poison : NULL;
}

struct cdm_poison *cdm_poison_get_next(struct cdm_poison *poison)
{
	return poison->index + 1 < poison->region->nr_poison ? poison + 1 : NULL;
}

uint64_t cdm_poison_get_addr(struct cdm_poison *poison)
{
	return poison->addr;
}

uint64_t cdm_poison_get_dpa(struct cdm_poison *poison)
{
	return poison->dpa;
}

uint64_t cdm_poison_get_time(struct cdm_poison *poison)
{
	return poison->time;
}

int cdm_poison_get_source(struct cdm_poison *poison)
{
	return poison->source;
}

int cdm_bad_list_add(struct cdm_bad_list *list, const struct cdm_bad *bad)
{
	struct cdm_bad *grown;
	unsigned int at = list->nr;

	while (at && list->bad[at - 1].dpa > bad->dpa)
		at--;
	if (list->nr == CDM_BAD_LIST_MAX || (at && list->bad[at - 1].dpa == bad->dpa))
		return 0;
	grown = realloc(list->bad, (list->nr + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->bad = grown;
	memmove(grown + at + 1, grown + at, (list->nr - at) * sizeof(*grown));
	grown[at] = *bad;
	list->nr++;
	return 1;
}

void cdm_bad_list_free(struct cdm_bad_list *list)
{
	free(list->bad);
}

/* What the region knows of its device. Returns: how many are new to the list. */
static int add_known(struct cdm_region *region, struct cdm_bad_list *list)
{
	struct cdm_poison *poison;
	int rc, nr = 0;

	cdm_poison_foreach(region, poison) {
		const struct cdm_bad bad = { poison->dpa, poison->time, poison->source };

		if (poison->dpa == CDM_DPA_UNKNOWN)
			continue;
		rc = cdm_bad_list_add(list, &bad);
		if (rc < 0)
			return rc;
		nr += rc;
	}
	return nr;
}

/* Retires what is of the region. Returns: how many were new to it. */
static int retire_all(struct cdm_region *region, const struct device_range *range,
		      const struct cdm_bad_list *list)
{
	int rc = 0, nr = 0, fd = cdm_region_open(region);

	if (fd < 0)
		return fd;
	for (unsigned int i = 0; i < list->nr; i++) {
		const struct cdm_bad *bad = &list->bad[i];
		const struct cdm_poison poison = {
			.addr = bad->dpa - range->dpa + range->addr,
			.time = bad->time,
			.source = bad->source,
		};

		if (!range_has_dpa(range, bad->dpa))
			continue;
		rc = cdm_uapi_retire(region->ctx, fd, &poison);
		if (rc && rc != -EALREADY && rc != -ERANGE)
			break;
		nr += !rc;
		rc = 0;
	}
	close(fd);
	if (rc)
		return cdm_fail(region->ctx, -rc, "bad pages of %s: %s", region->name,
				strerror(-rc));
	return nr;
}

static int sync_lists(struct cdm_region *region, const struct device_range *range,
		      struct cdm_bad_list *list)
{
	struct cdm_ctx *ctx = region->ctx;
	int known, found, rc = cdm_poison_store_read(ctx, range->serial, list);

	known = add_known(region, list);
	if (known < 0)
		return known;
	found = cdm_poison_device_read(ctx, range->memdev, list);
	if (found < 0) {
		cdm_info(ctx, "%s: its own list of bad memory cannot be read: %s",
			 range->memdev, strerror(-found));
		found = 0;
	}
	/* what could not be read is not replaced */
	if (!rc && (known || found))
		rc = cdm_poison_store_write(ctx, range->serial, list);
	found = retire_all(region, range, list);
	return rc < 0 ? rc : found;
}

int cdm_region_sync_poison(struct cdm_region *region)
{
	struct cdm_bad_list list = { NULL, 0 };
	struct cdm_ctx *ctx = region->ctx;
	struct device_range range;
	int rc, lock;

	if (device_range_of(region, &range))
		return 0;
	lock = cdm_poison_store_lock(ctx);
	if (lock < 0)
		return lock;
	rc = cdm_region_read_poison(region);
	if (rc >= 0)
		rc = sync_lists(region, &range, &list);
	close(lock);
	cdm_bad_list_free(&list);
	return rc;
}
