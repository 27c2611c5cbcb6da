// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The run that empties a region, and gives away what it was made of. All or
 * nothing: what fails leaves the region in service.
 */
#include <string.h>
#include <unistd.h>

#include "cxl.h"
#include "dax.h"
#include "job.h"
#include "module.h"
#include "stuck.h"
#include "users.h"

/* What the region was, to make it so again. */
struct service {
	int isolation;
	uint64_t length;
	bool memmap_on_block;
	uint64_t max_bytes;
};

struct offline {
	struct cdm_job *job;
	struct cdm_ctx *ctx;
	const char *target;
	char dax[CDM_NAME_MAX];
	char cxl_region[CDM_NAME_MAX];
	struct service service;		/* isolation none: it was held */
	bool changed;
};

static int no_room_fail(struct offline *offline, struct cdm_region *region)
{
	const struct cdm_drain *drain = &offline->job->drain;

	return cdm_fail(offline->ctx, ENOMEM, "%s of %s are in use, and RAM has room for %s (%s "
			"available, %s of swap); free memory, migrate elsewhere, or use --force",
			cdm_size_text(drain->needed).text, region->name,
			cdm_size_text(drain->ram_available + drain->swap_free).text,
			cdm_size_text(drain->ram_available).text,
			cdm_size_text(drain->swap_free).text);
}

/* --- drain --- */

/* What everybody may have is RAM to the kernel, until it leaves. */
static uint64_t shared_free(struct cdm_region *region)
{
	const struct cdm_level *shared = cdm_region_get_level(region, CDM_ISOLATION_SHARED);

	return shared ? shared->size - MIN(shared->size, shared->used + shared->retired) : 0;
}

static int drain_plan(struct offline *offline, struct cdm_region *region)
{
	struct cdm_drain *drain = &offline->job->drain;

	cdm_meminfo_read(offline->ctx, &drain->ram_available, &drain->swap_free);
	drain->ram_available -= MIN(drain->ram_available, shared_free(region));
	drain->needed = region->used;
	drain->left = region->used;
	drain->fits = drain->needed <= drain->ram_available + drain->swap_free;
	if (!drain->fits && !offline->job->force && !offline->job->dry_run)
		return no_room_fail(offline, region);
	return 0;
}

static int drain_call(struct cdm_job *job, int fd, uint64_t timeout_ms, void *data)
{
	(void)data;
	return cdm_uapi_offline(job->ctx, fd, timeout_ms, true, &job->drain);
}

static int drain_region(struct offline *offline, struct cdm_region *region)
{
	struct cdm_job *job = offline->job;
	int fd, rc = cdm_job_step(job, "drain", region->name);

	if (rc)
		return cdm_job_fail_stop(job, rc, "drain", region->name);
	/* The region may be gone after this, and its list with it. */
	if (region->retired)
		cdm_region_sync_poison(region);
	fd = cdm_region_open(region);
	if (fd < 0)
		return fd;
	rc = cdm_drain_slices(job, fd, drain_call, NULL);
	if (rc == -ETIMEDOUT || rc == -ECANCELED) {
		/*
		 * While the drain is on, what is there is what is in the way; unless it
		 * was only slow.
		 */
		if (job->drain.pinned || job->drain.no_memory)
			cdm_holders_read(offline->ctx, region, fd, &job->drain, &job->holders);
		cdm_uapi_offline_cancel(offline->ctx, fd);
		rc = cdm_stuck_fail(job, rc, "the region is back in service");
	} else if (rc == -EBUSY) {
		rc = cdm_fail(offline->ctx, EBUSY, "somebody else drains it");
	} else if (rc == -EPERM) {
		rc = cdm_fail(offline->ctx, EPERM, "not permitted; be root");
	} else if (rc == -ENODEV) {
		rc = cdm_fail(offline->ctx, ENODEV, "the region has gone");
	} else if (rc && rc != -EALREADY) {
		rc = cdm_fail(offline->ctx, -rc, "%s", strerror(-rc));
	}
	close(fd);
	if (rc && rc != -EALREADY)
		return rc;
	job->drain.left = 0;
	cdm_drain_progress(job);
	return 0;
}

/* --- giving away --- */

/* The region is held by cdm again; back to the level it had. */
static void service_restore(struct offline *offline)
{
	char error[sizeof(offline->ctx->error)];
	struct cdm_region *region;
	uint64_t length;
	int fd;

	memcpy(error, offline->ctx->error, sizeof(error));
	cdm_regions_refresh(offline->ctx);
	region = cdm_region_find_dax(offline->ctx, offline->dax);
	cdm_job_set_region(offline->job, region);
	if (region && offline->service.isolation > CDM_ISOLATION_NONE) {
		/* It may be a new one, which knows nothing of that. */
		cdm_region_sync_poison(region);
		if (region->max_bytes != offline->service.max_bytes)
			cdm_region_set_max_bytes(region, offline->service.max_bytes);
		fd = cdm_region_open(region);
		if (fd >= 0) {
			/* a signal that ends the job does not end this */
			while (cdm_uapi_online(offline->ctx, fd, offline->service.isolation,
					       offline->service.memmap_on_block,
					       offline->service.length, &length) == -EINTR)
				;
			close(fd);
		}
	}
	memcpy(offline->ctx->error, error, sizeof(error));
}

static int release_dax(struct offline *offline)
{
	const char *driver = offline->job->release;
	const char *const modules[] = { driver, NULL };
	char error[sizeof(offline->ctx->error)];
	int rc = cdm_job_step(offline->job, "release", offline->dax);

	if (rc)
		return cdm_job_fail_stop(offline->job, rc, "release", offline->dax);
	cdm_modules_try(offline->ctx, modules);
	rc = cdm_dax_unbind(offline->ctx, offline->dax);
	if (rc < 0)
		return rc;
	offline->changed = true;
	rc = cdm_dax_bind(offline->ctx, offline->dax, driver);
	if (rc < 0) {
		memcpy(error, offline->ctx->error, sizeof(error));
		cdm_dax_bind(offline->ctx, offline->dax, "cdm");
		memcpy(offline->ctx->error, error, sizeof(error));
		return rc;
	}
	return 0;
}

static int destroy_cxl_region(struct offline *offline)
{
	int rc = cdm_job_step(offline->job, "destroy region", offline->cxl_region);

	if (rc)
		return cdm_job_fail_stop(offline->job, rc, "destroy", offline->cxl_region);
	offline->changed = true;
	return cdm_cxl_destroy_region(offline->ctx, offline->cxl_region);
}

static int give_away(struct offline *offline)
{
	struct cdm_job *job = offline->job;
	int rc = 0;

	if (job->destroy_region)
		rc = destroy_cxl_region(offline);
	else if (job->release[0])
		rc = release_dax(offline);
	if (rc < 0)
		service_restore(offline);
	return rc;
}

/* --- all of it --- */

static int offline_check(struct offline *offline, struct cdm_expander *expander,
			 struct cdm_region *region)
{
	struct cdm_job *job = offline->job;

	if (job->destroy_region && job->release[0])
		return cdm_fail(offline->ctx, EINVAL, "what is destroyed cannot be handed to %s",
				job->release);
	/* a memdev that has none is what it is to become */
	if (job->destroy_region && !region && expander->kind == CDM_EXPANDER_CXL &&
	    !offline->cxl_region[0] && !offline->dax[0])
		return CDM_ALREADY;
	if (job->destroy_region && !offline->cxl_region[0])
		return cdm_fail(offline->ctx, EINVAL, "%s is not made of a CXL region, so there "
				"is none to destroy", offline->dax[0] ? offline->dax :
				expander->name);
	/* a CXL region that nobody has taken into use may go without cdm */
	if (!region && !(job->destroy_region && expander && !expander->dax_driver[0]))
		return cdm_fail(offline->ctx, ENOENT, "cdm does not hold it%s%s",
				expander && expander->dax_driver[0] ? "; driver of its dax device: " :
				"", expander ? expander->dax_driver : "");
	return 0;
}

/* Of a region that has several levels the one that most of it has. */
static int main_level(struct cdm_region *region)
{
	int best = CDM_ISOLATION_NONE;

	if (region->isolation != CDM_ISOLATION_MIXED)
		return region->isolation;
	for (int i = CDM_ISOLATION_NONE + 1; i <= CDM_ISOLATION_SHARED; i++)
		if (region->levels[i].size > region->levels[best].size)
			best = i;
	return best;
}

static int offline_find(struct offline *offline, struct cdm_region **region)
{
	struct cdm_expander *expander;
	int rc = cdm_refresh(offline->ctx);

	if (!rc)
		rc = cdm_find_target(offline->ctx, offline->target, &expander, region);
	if (rc)
		return rc;
	if (*region) {
		cdm_job_set_region(offline->job, *region);
		cdm_copy(offline->dax, CDM_NAME_MAX, (*region)->dax_name);
		cdm_copy(offline->cxl_region, CDM_NAME_MAX, (*region)->cxl_region);
		offline->service = (struct service) {
			main_level(*region), (*region)->online_size, (*region)->memmap_on_block,
			(*region)->max_bytes,
		};
	} else {
		cdm_copy(offline->dax, CDM_NAME_MAX, expander->dax_name);
		cdm_copy(offline->cxl_region, CDM_NAME_MAX, expander->cxl_region);
	}
	return offline_check(offline, expander, *region);
}

static bool would_change(struct offline *offline, struct cdm_region *region)
{
	struct cdm_job *job = offline->job;

	return job->release[0] || job->destroy_region || region->state != CDM_STATE_HELD;
}

static int offline_run(struct offline *offline)
{
	struct cdm_job *job = offline->job;
	struct cdm_region *region = NULL;
	bool drained = false;
	int rc = offline_find(offline, &region);

	if (!rc && region)
		rc = drain_plan(offline, region);
	if (rc)
		return rc;
	if (job->dry_run)
		return would_change(offline, region) ? 0 : CDM_ALREADY;
	if (region && region->state != CDM_STATE_HELD) {
		rc = drain_region(offline, region);
		drained = true;
		offline->changed = true;
	}
	/* What went bad meanwhile: the region that knows of it goes with what follows. */
	if (!rc && drained && (job->release[0] || job->destroy_region) &&
	    !cdm_region_refresh(region) && region->retired)
		cdm_region_sync_poison(region);
	if (!rc)
		rc = cdm_job_system_error(give_away(offline));
	return rc || drained || offline->changed ? rc : CDM_ALREADY;
}

int cdm_job_offline(struct cdm_job *job, const char *target)
{
	struct offline offline = {
		.job = job,
		.ctx = job->ctx,
		.target = target,
	};
	int rc;

	cdm_job_begin(job);
	rc = offline_run(&offline);
	if (rc < 0)
		cdm_fail_prefix(job->ctx, rc, "offline %s: ", target);
	if (offline.changed)
		cdm_refresh(job->ctx);
	return cdm_job_end(job, rc);
}
