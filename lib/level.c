// SPDX-License-Identifier: LGPL-2.1-or-later
/* A region that is held gets a level; or why it does not, in words. */
#include <string.h>

#include "job.h"

int cdm_level_against(int isolation)
{
	switch (isolation) {
	case CDM_ISOLATION_RESERVED:
		return CDM_ISOLATION_SHARED;
	case CDM_ISOLATION_SHARED:
		return CDM_ISOLATION_RESERVED;
	default:
		return CDM_ISOLATION_NONE;
	}
}

static bool levels_clash(struct cdm_region *region, struct cdm_region *other, int isolation)
{
	return other->node == region->node &&
	       cdm_region_get_level(other, cdm_level_against(isolation));
}

/* "cdm1", or what else has memory of that node in use; "" if nothing is found. */
static void clash_find(struct cdm_region *region, int isolation, char name[CDM_NAME_MAX])
{
	struct cdm_ctx *ctx = region->ctx;
	struct cdm_expander *expander;
	struct cdm_region *other;

	name[0] = '\0';
	cdm_region_foreach(ctx, other)
		if (levels_clash(region, other, isolation))
			cdm_copy(name, CDM_NAME_MAX, other->name);
	cdm_expander_foreach(ctx, expander)
		if (!name[0] && expander->node == region->node &&
		    !strcmp(expander->dax_driver, "kmem"))
			cdm_copy(name, CDM_NAME_MAX, expander->dax_name);
}

static int clash_fail(struct cdm_region *region, int isolation)
{
	const char *level = cdm_isolation_get_name(isolation);
	const char *have = isolation == CDM_ISOLATION_RESERVED ?
			   "memory in everybody's reach" : "memory at level reserved";
	char name[CDM_NAME_MAX];

	clash_find(region, isolation, name);
	return cdm_fail(region->ctx, EXDEV, "node %d has %s%s%s%s, and the kernel cannot keep "
			"that and %s apart on one node; change that first, or use level private",
			region->node, have, name[0] ? " (" : "", name, name[0] ? ")" : "", level);
}

static int length_fail(struct cdm_region *region, const struct cdm_wanted *wanted)
{
	return cdm_fail(region->ctx, EINVAL, "%s must be a multiple of %s and at most %s",
			cdm_size_text(wanted->length).text,
			cdm_size_text(region->block_size).text, cdm_size_text(wanted->limit).text);
}

static int offer_fail(struct cdm_region *region, const struct cdm_wanted *wanted)
{
	const char *level = cdm_isolation_get_name(wanted->isolation);

	if (wanted->memmap_on_block && wanted->isolation >= CDM_ISOLATION_RESERVED)
		return cdm_fail(region->ctx, EOPNOTSUPP, "level %s keeps struct pages in RAM, and "
				"they are to be in the blocks; 'cdmctl offline %s', then online "
				"with --memmap ram", level, region->name);
	return cdm_fail(region->ctx, EOPNOTSUPP, "level %s does not exist on this kernel and "
			"module", level);
}

int cdm_level_fail(struct cdm_region *region, const struct cdm_wanted *wanted, int rc)
{
	const char *level = cdm_isolation_get_name(wanted->isolation);
	struct cdm_ctx *ctx = region->ctx;

	switch (rc) {
	case -EXDEV:
		return clash_fail(region, wanted->isolation);
	case -ERANGE:
		return cdm_fail(ctx, ERANGE, "its blocks of %s are no whole memory blocks of the "
				"kernel, which level %s needs; use level private",
				cdm_size_text(region->block_size).text, level);
	case -EOPNOTSUPP:
	case -ENOTTY:
		return offer_fail(region, wanted);
	case -EINVAL:
		return length_fail(region, wanted);
	case -ENOMEM:
		return cdm_fail(ctx, ENOMEM, "no memory for the struct pages of a block");
	case -EPERM:
		return cdm_fail(ctx, EPERM, "not permitted; be root");
	case -ENODEV:
		return cdm_fail(ctx, ENODEV, "the region has gone");
	default:
		return cdm_fail(ctx, -rc, "%s", strerror(-rc));
	}
}

int cdm_level_plan(struct cdm_region *region, const struct cdm_wanted *wanted)
{
	struct cdm_region *other;

	if (wanted->isolation == CDM_ISOLATION_EXCLUSIVE ||
	    (wanted->isolation > CDM_ISOLATION_PRIVATE && wanted->memmap_on_block))
		return -EOPNOTSUPP;
	if (wanted->length > wanted->limit ||
	    (region->block_size && wanted->length % region->block_size))
		return -EINVAL;
	cdm_region_foreach(region->ctx, other)
		if (other->id != region->id && levels_clash(region, other, wanted->isolation))
			return -EXDEV;
	return 0;
}

int cdm_level_set(struct cdm_job *job, int fd, const struct cdm_wanted *wanted, uint64_t *length)
{
	int rc;

	do {
		rc = cdm_job_tick(job);
		if (!rc)
			rc = cdm_uapi_online(job->ctx, fd, wanted->isolation,
					     wanted->memmap_on_block, wanted->length, length);
	} while (rc == -EINTR);
	return rc;
}
