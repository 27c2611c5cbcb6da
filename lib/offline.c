// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The run that empties a region, and gives away what it was made of. All or
 * nothing: what fails leaves the region in service.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cxl.h"
#include "dax.h"
#include "job.h"
#include "module.h"
#include "users.h"

/* What the region was, to make it so again. */
struct service {
	int isolation;
	uint64_t length;
	bool memmap_on_block;
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

/* --- what stands in the way, in words --- */

static void pages_text(struct cdm_ctx *ctx, uint64_t bytes, char text[48])
{
	unsigned long long pages = bytes / ctx->page_size;

	snprintf(text, 48, "%llu page%s", pages, pages == 1 ? "" : "s");
}

static int stuck_fail(struct offline *offline, int rc)
{
	const struct cdm_drain *drain = &offline->job->drain;
	double seconds = (cdm_now_ms() - offline->job->start_ms) / 1000.0;
	char who[256] = "", pages[48], when[64];

	if (rc == -ECANCELED)
		snprintf(when, sizeof(when), "cancelled after %.1f s", seconds);
	else
		snprintf(when, sizeof(when), "not done in %.1f s", seconds);
	if (offline->job->holders)
		cdm_users_describe(offline->job->holders, who, sizeof(who));
	pages_text(offline->ctx, drain->pinned ? drain->pinned : drain->left, pages);

	if (drain->no_memory && drain->no_memory >= drain->pinned)
		return cdm_fail(offline->ctx, -rc, "%s: RAM has no room for %s more; free "
				"memory or add swap; the region is back in service", when,
				cdm_size_text(drain->no_memory).text);
	if (drain->pinned && who[0])
		return cdm_fail(offline->ctx, -rc, "%s: %s pinned by %s; %suse a longer "
				"--timeout; the region is back in service", when, pages, who,
				cdm_users_have_process(offline->job->holders) ? "stop it or " : "");
	if (drain->pinned)
		return cdm_fail(offline->ctx, -rc, "%s: %s pinned by somebody who could not be "
				"found; the region is back in service", when, pages);
	return cdm_fail(offline->ctx, -rc, "%s: %s were still to be moved; the region is back in "
			"service", when, cdm_size_text(drain->left).text);
}

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

static int drain_plan(struct offline *offline, struct cdm_region *region)
{
	struct cdm_drain *drain = &offline->job->drain;

	cdm_meminfo_read(offline->ctx, &drain->ram_available, &drain->swap_free);
	drain->needed = region->used;
	drain->left = region->used;
	drain->fits = drain->needed <= drain->ram_available + drain->swap_free;
	if (!drain->fits && !offline->job->force && !offline->job->dry_run)
		return no_room_fail(offline, region);
	return 0;
}

static void drain_progress(struct cdm_job *job)
{
	struct cdm_progress *progress = &job->progress;
	const struct cdm_drain *drain = &job->drain;

	progress->done = drain->moved;
	progress->moved = drain->moved;
	progress->left = drain->left;
	progress->total = drain->moved + drain->left;
	progress->pinned = drain->pinned;
	progress->busy = drain->busy;
	progress->no_memory = drain->no_memory;
}

/* Slices until it is empty: 0, or why not, the drain still being on. */
static int drain_slices(struct cdm_job *job, int fd)
{
	uint64_t start;
	int rc, stop;

	for (;;) {
		start = cdm_now_ms();
		rc = cdm_uapi_offline(job->ctx, fd, MAX(cdm_job_time_left(job, CDM_SLICE_MS), 1),
				      true, &job->drain);
		drain_progress(job);
		if (rc != -ETIMEDOUT && rc != -EINTR)
			return rc;
		stop = cdm_job_tick(job);
		/* nothing to do but to wait: do not spin on a call that ends at once */
		if (!stop && rc == -ETIMEDOUT && cdm_now_ms() - start < 20)
			stop = cdm_job_sleep(job, 50);
		if (stop)
			return stop;
	}
}

static int drain_region(struct offline *offline, struct cdm_region *region)
{
	struct cdm_job *job = offline->job;
	int fd, rc = cdm_job_step(job, "drain", region->name);

	if (rc)
		return cdm_job_fail_stop(job, rc, "drain", region->name);
	fd = cdm_region_open(region);
	if (fd < 0)
		return fd;
	rc = drain_slices(job, fd);
	if (rc == -ETIMEDOUT || rc == -ECANCELED) {
		/*
		 * While the drain is on, what is there is what is in the way; unless it
		 * was only slow.
		 */
		if (job->drain.pinned || job->drain.no_memory)
			cdm_holders_read(offline->ctx, region, fd, &job->drain, &job->holders);
		cdm_uapi_offline_cancel(offline->ctx, fd);
		rc = stuck_fail(offline, rc);
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
	drain_progress(job);
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
		fd = cdm_region_open(region);
		if (fd >= 0) {
			cdm_uapi_online(offline->ctx, fd, offline->service.isolation,
					offline->service.memmap_on_block,
					offline->service.length, &length);
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

static int offline_find(struct offline *offline, struct cdm_region **region)
{
	struct cdm_expander *expander;
	int rc = cdm_refresh(offline->ctx);

	if (!rc)
		rc = cdm_find_target(offline->ctx, offline->target, &expander, region);
	if (rc < 0)
		return rc;
	if (*region) {
		cdm_job_set_region(offline->job, *region);
		cdm_copy(offline->dax, CDM_NAME_MAX, (*region)->dax_name);
		cdm_copy(offline->cxl_region, CDM_NAME_MAX, (*region)->cxl_region);
		offline->service = (struct service) {
			(*region)->isolation, (*region)->online_size, (*region)->memmap_on_block,
		};
	} else {
		cdm_copy(offline->dax, CDM_NAME_MAX, expander->dax_name);
		cdm_copy(offline->cxl_region, CDM_NAME_MAX, expander->cxl_region);
	}
	return offline_check(offline, expander, *region);
}

static int offline_run(struct offline *offline)
{
	struct cdm_job *job = offline->job;
	struct cdm_region *region;
	bool drained = false;
	int rc = offline_find(offline, &region);

	if (!rc && region)
		rc = drain_plan(offline, region);
	if (rc < 0 || job->dry_run)
		return rc;
	if (region && region->state != CDM_STATE_HELD) {
		rc = drain_region(offline, region);
		drained = true;
		offline->changed = true;
	}
	if (!rc)
		rc = give_away(offline);
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

/* --- another level --- */

static int set_level(struct cdm_job *job, struct cdm_region *region, int isolation)
{
	uint64_t length;
	int rc, fd = cdm_region_open(region);

	if (fd < 0)
		return fd;
	rc = cdm_uapi_online(job->ctx, fd, isolation, job->memmap_on_block, job->length, &length);
	close(fd);
	return rc;
}

static int change_level(struct cdm_job *job, struct cdm_region *region, int isolation)
{
	struct offline offline = { .job = job, .ctx = job->ctx };
	int rc = set_level(job, region, isolation);

	if (rc == -EALREADY)
		return CDM_ALREADY;
	if (rc == -EOPNOTSUPP)
		return cdm_fail(job->ctx, EOPNOTSUPP, "it does not exist on this kernel and module");
	if (rc != -EBUSY)
		return rc ? cdm_fail(job->ctx, -rc, "%s", strerror(-rc)) : 0;

	/* it has a level with other rules: empty it first */
	cdm_copy(offline.dax, sizeof(offline.dax), region->dax_name);
	offline.service = (struct service) {
		region->isolation, region->online_size, region->memmap_on_block,
	};
	if (!job->length)
		job->length = region->online_size;
	rc = drain_plan(&offline, region);
	if (!rc)
		rc = drain_region(&offline, region);
	if (rc < 0)
		return rc;
	rc = set_level(job, region, isolation);
	if (rc < 0) {
		rc = cdm_fail(job->ctx, -rc, "%s", strerror(-rc));
		service_restore(&offline);
	}
	return rc;
}

int cdm_job_set_isolation(struct cdm_job *job, struct cdm_region *region, int isolation)
{
	uint64_t length = job->length;
	char name[CDM_NAME_MAX];
	int rc;

	cdm_copy(name, sizeof(name), region->name);
	if (isolation == CDM_ISOLATION_NONE)
		return cdm_job_offline(job, name);
	cdm_job_begin(job);
	cdm_job_set_region(job, region);
	rc = cdm_region_refresh(region);
	if (!rc && region->isolation == isolation && region->state == CDM_STATE_ONLINE)
		rc = CDM_ALREADY;
	else if (!rc && !job->dry_run)
		rc = change_level(job, region, isolation);
	job->length = length;
	if (rc < 0)
		cdm_fail_prefix(job->ctx, rc, "set %s to level %s: ", name,
				cdm_isolation_get_name(isolation));
	cdm_region_refresh(region);
	return cdm_job_end(job, rc);
}
