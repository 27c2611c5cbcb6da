// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The run that takes an expander into use: module, CXL region, dax device, claim,
 * level. Each step undoes itself when a later one fails.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cxl.h"
#include "dax.h"
#include "expander.h"
#include "job.h"
#include "kmem.h"
#include "module.h"

/* How long the CXL ports that lead to a new memdev may take to appear. */
#define WAIT_PORT_MS	5000
/* How long a region's device node may take after the claim. */
#define WAIT_NODE_MS	3000

struct online {
	struct cdm_job *job;
	struct cdm_ctx *ctx;
	const char *target;
	int isolation;
	struct cdm_monitor *monitor;
	char name[CDM_NAME_MAX];		/* of the expander or region */
	char memdev[CDM_NAME_MAX];		/* "" if it is no memdev */
	char cxl_region[CDM_NAME_MAX];
	char dax[CDM_NAME_MAX];
	/* what there is to undo */
	bool made_cxl_region;
	char taken_from[CDM_NAME_MAX];		/* driver that had the dax device */
	struct cdm_kmem kmem;
	bool changed;
	bool told;		/* the message says what was waited for */
};

/*
 * Wait until done() says so, looking again after each event; bounded. Not every
 * change has an event that udev lets through, so look once a second too.
 */
static int online_wait(struct online *online, uint64_t limit_ms,
		       bool (*done)(struct online *online))
{
	uint64_t start = cdm_now_ms(), elapsed = 0;
	struct cdm_event *event;
	int rc;

	while (!done(online)) {
		elapsed = cdm_now_ms() - start;
		if (elapsed >= limit_ms)
			return -ETIME;
		rc = cdm_job_tick(online->job);
		if (rc)
			return rc;
		if (!cdm_monitor_wait(online->monitor, MIN(limit_ms - elapsed, 250), &event))
			cdm_event_unref(event);
	}
	return 0;
}

static bool has_dax(struct online *online)
{
	return !cdm_dax_find_of_region(online->ctx, online->cxl_region, online->dax);
}

static bool has_node(struct online *online)
{
	struct cdm_region *region;

	cdm_regions_refresh(online->ctx);
	region = cdm_region_find_dax(online->ctx, online->dax);
	if (!region || !cdm_exists(online->ctx, "%s", region->devnode))
		return false;
	cdm_job_set_region(online->job, region);
	return true;
}

/* --- CXL region and dax device --- */

/* A memdev is there a moment before the ports that lead to it. */
static int create_cxl_region(struct online *online)
{
	uint64_t start = cdm_now_ms();
	struct cdm_event *event;
	int rc;

	for (;;) {
		rc = cdm_cxl_create_region(online->ctx, online->memdev, online->cxl_region);
		if (rc != -EAGAIN || cdm_now_ms() - start >= WAIT_PORT_MS)
			break;
		rc = cdm_job_tick(online->job);
		if (rc)
			return rc;
		if (!cdm_monitor_wait(online->monitor, 250, &event))
			cdm_event_unref(event);
	}
	if (!rc)
		online->made_cxl_region = true;
	return rc == -EAGAIN ? -ENXIO : rc;
}

/* dax_cxl makes the dax device; the others lead there. */
static int need_dax(struct online *online)
{
	static const char *const modules[] = {
		"cxl_acpi", "cxl_pci", "cxl_port", "cxl_mem", "dax_cxl", NULL
	};
	int rc;

	if (online->dax[0])
		return 0;
	rc = cdm_job_step(online->job, online->cxl_region[0] ? "enable region" : "create region",
			  online->name);
	if (rc || online->job->dry_run)
		return rc;
	cdm_modules_try(online->ctx, modules);
	rc = cdm_monitor_new(online->ctx, &online->monitor);
	if (rc < 0)
		return rc;
	online->changed = true;
	if (online->cxl_region[0])
		rc = has_dax(online) ? 0 : cdm_cxl_enable_region(online->ctx, online->cxl_region);
	else
		rc = create_cxl_region(online);
	if (rc < 0)
		return rc;

	rc = cdm_job_step(online->job, "wait for dax device", online->cxl_region);
	if (!rc)
		rc = online_wait(online, CDM_WAIT_DAX_MS, has_dax);
	if (rc == -ETIME)
		return cdm_fail(online->ctx, ETIMEDOUT, "no dax device came of %s in %d s; is "
				"module dax_cxl loaded?", online->cxl_region,
				CDM_WAIT_DAX_MS / 1000);
	return rc;
}

/* --- claim --- */

/* Have nobody hold the dax device; remember who did. */
static int take_from(struct online *online, const char *driver)
{
	int rc = 0;

	cdm_kmem_free(&online->kmem);
	if (!strcmp(driver, "kmem")) {
		rc = cdm_job_step(online->job, "offline memory of kmem", online->dax);
		if (!rc) {
			rc = cdm_kmem_offline(online->job, online->dax, &online->kmem);
			online->told = rc < 0;
		}
	} else if (strcmp(driver, "device_dax")) {
		return cdm_fail(online->ctx, EBUSY, "%s is held by driver %s, which cdm does not "
				"take it from; unbind it first", online->dax, driver);
	}
	if (rc < 0)
		return rc;
	rc = cdm_dax_unbind(online->ctx, online->dax);
	if (rc < 0) {
		cdm_kmem_restore(online->ctx, &online->kmem);
		return rc;
	}
	cdm_copy(online->taken_from, sizeof(online->taken_from), driver);
	return 0;
}

/*
 * The device is on the bus a moment before the kernel has found it a driver, so
 * who holds it may change while we look: then look again.
 */
static int claim_dax(struct online *online)
{
	char driver[CDM_NAME_MAX];
	int rc = 0, stop;

	for (unsigned int i = 0; i < 20; i++) {
		if (cdm_dax_read_driver(online->ctx, online->dax, driver) < 0)
			return cdm_fail(online->ctx, ENODEV, "dax device %s has gone",
					online->dax);
		if (!strcmp(driver, "cdm"))
			return 0;
		online->changed = true;
		rc = driver[0] ? take_from(online, driver) : 0;
		if (rc < 0)
			return rc;
		rc = cdm_dax_bind(online->ctx, online->dax, "cdm");
		/* 7.2 says EAGAIN to a bind before device_add() is through */
		if (rc != -EBUSY && rc != -EAGAIN)
			break;
		stop = cdm_job_sleep(online->job, 50);
		if (stop)
			return stop;
	}
	return rc;
}

static int need_claim(struct online *online)
{
	int rc;

	if (online->job->region)
		return 0;
	rc = cdm_job_step(online->job, "claim", online->dax[0] ? online->dax : online->name);
	if (rc || online->job->dry_run)
		return rc;
	rc = claim_dax(online);
	if (rc < 0)
		return rc;
	if (!online->monitor)
		rc = cdm_monitor_new(online->ctx, &online->monitor);
	if (rc < 0)
		return rc;
	rc = online_wait(online, WAIT_NODE_MS, has_node);
	if (rc == -ETIME)
		return cdm_fail(online->ctx, ETIMEDOUT, "the device node of %s did not come in "
				"%d s", online->dax, WAIT_NODE_MS / 1000);
	/* Its expander is known by the dax device, and has that only now. */
	return rc ? rc : cdm_expanders_refresh(online->ctx);
}

/* --- level --- */

static int level_fail(struct online *online, const struct cdm_wanted *wanted, int rc)
{
	struct cdm_region *region = online->job->region;

	if (rc != -EBUSY) {
		cdm_level_fail(region, wanted, rc);
		return cdm_fail_prefix(online->ctx, rc, "%s: ", region->name);
	}
	cdm_region_refresh(region);
	if (region->state == CDM_STATE_DRAINING)
		return cdm_fail(online->ctx, EBUSY, "%s is being drained", region->name);
	if (region->isolation != wanted->isolation)
		return cdm_fail(online->ctx, EBUSY, "%s is online at level %s with %s; 'cdmctl "
				"set-isolation %s %s' changes that", region->name,
				cdm_isolation_get_name(region->isolation),
				cdm_size_text(region->online_size).text, region->name,
				cdm_isolation_get_name(wanted->isolation));
	if (region->memmap_on_block != wanted->memmap_on_block)
		return cdm_fail(online->ctx, EBUSY, "%s is online with its struct pages in %s; "
				"'cdmctl offline %s' first", region->name,
				region->memmap_on_block ? "its memory" : "RAM", region->name);
	return cdm_fail(online->ctx, EBUSY, "%s is online with %s; 'cdmctl offline %s' first",
			region->name, cdm_size_text(region->online_size).text, region->name);
}

static struct cdm_wanted wanted_of(const struct online *online)
{
	const struct cdm_job *job = online->job;

	return (struct cdm_wanted) {
		online->isolation, job->length, job->memmap_on_block, job->region->size,
	};
}

/* What CDM_ONLINE would say of a region that is there, as far as can be seen. */
static int level_plan(struct online *online)
{
	const struct cdm_wanted wanted = wanted_of(online);
	struct cdm_region *region = online->job->region;
	uint64_t length = wanted.length ? wanted.length : region->size;
	int rc = cdm_level_plan(region, &wanted);

	if (rc < 0)
		return level_fail(online, &wanted, rc);
	online->changed = region->state == CDM_STATE_HELD ||
			  (online->job->max_bytes && online->job->max_bytes != region->max_bytes);
	if (region->state == CDM_STATE_HELD)
		return 0;
	if (region->state != CDM_STATE_ONLINE || region->isolation != wanted.isolation ||
	    region->online_size != length || region->memmap_on_block != wanted.memmap_on_block)
		return level_fail(online, &wanted, -EBUSY);
	return 0;
}

static int level_set(struct online *online)
{
	struct cdm_job *job = online->job;
	const struct cdm_wanted wanted = wanted_of(online);
	int rc, fd = cdm_region_open(job->region);
	uint64_t length;

	if (fd < 0)
		return fd;
	rc = cdm_level_set(job, fd, &wanted, &length);
	close(fd);
	if (rc == -EALREADY)
		return 0;
	if (rc < 0)
		return rc == -ECANCELED || rc == -ETIMEDOUT ? rc :
		       level_fail(online, &wanted, rc);
	online->changed = true;
	return 0;
}

/* What one user may have, as it was; the message of what failed is kept. */
static void max_bytes_undo(struct cdm_region *region, uint64_t before)
{
	char error[sizeof(region->ctx->error)];

	memcpy(error, region->ctx->error, sizeof(error));
	if (region->max_bytes != before)
		cdm_region_set_max_bytes(region, before);
	memcpy(region->ctx->error, error, sizeof(error));
}

static int need_level(struct online *online)
{
	struct cdm_job *job = online->job;
	char unknown[sizeof(online->ctx->error)] = "";
	uint64_t max_bytes;
	int rc;

	if (online->isolation == CDM_ISOLATION_NONE)
		return 0;
	rc = cdm_job_step(job, "online", job->region ? job->region->name : online->name);
	if (rc)
		return rc;
	if (job->dry_run)
		return job->region ? level_plan(online) : 0;
	/* What is bad from before is retired while nobody has it. */
	if (cdm_region_sync_poison(job->region) < 0)
		memcpy(unknown, online->ctx->error, sizeof(unknown));
	max_bytes = job->region->max_bytes;
	if (job->max_bytes && job->max_bytes != job->region->max_bytes) {
		rc = cdm_region_set_max_bytes(job->region, job->max_bytes);
		if (rc < 0)
			return rc;
		online->changed = true;
	}
	rc = level_set(online);
	if (rc < 0)
		max_bytes_undo(job->region, max_bytes);
	else if (unknown[0])
		cdm_log(online->ctx, LOG_WARNING, "online %s: pages that were bad before may be "
			"handed out: %s", job->region->name, unknown);
	return rc;
}

/* --- all of it --- */

/*
 * Last done, first undone; if somebody else has the dax device by now, he keeps it. The
 * message of what failed is kept.
 */
static void online_undo(struct online *online)
{
	char error[sizeof(online->ctx->error)], driver[CDM_NAME_MAX];

	memcpy(error, online->ctx->error, sizeof(error));
	cdm_job_set_region(online->job, NULL);
	if (online->taken_from[0]) {
		if (!cdm_dax_read_driver(online->ctx, online->dax, driver) &&
		    !strcmp(driver, "cdm"))
			cdm_dax_unbind(online->ctx, online->dax);
		if (cdm_dax_bind(online->ctx, online->dax, online->taken_from) >= 0)
			cdm_kmem_restore(online->ctx, &online->kmem);
	}
	if (online->made_cxl_region)
		cdm_cxl_destroy_region(online->ctx, online->cxl_region);
	memcpy(online->ctx->error, error, sizeof(error));
}

static int online_find(struct online *online)
{
	struct cdm_expander *expander;
	struct cdm_region *region;
	int rc = cdm_find_target(online->ctx, online->target, &expander, &region);

	if (rc < 0)
		return rc;
	cdm_copy(online->name, sizeof(online->name), region ? region->name : expander->name);
	if (region) {
		cdm_job_set_region(online->job, region);
		cdm_copy(online->dax, sizeof(online->dax), region->dax_name);
		return 0;
	}
	cdm_copy(online->dax, sizeof(online->dax), expander->dax_name);
	cdm_copy(online->cxl_region, sizeof(online->cxl_region), expander->cxl_region);
	if (expander->kind == CDM_EXPANDER_CXL)
		cdm_copy(online->memdev, sizeof(online->memdev), expander->name);
	return 0;
}

static int need_module(struct online *online)
{
	int rc;

	if (cdm_module_is_loaded(online->ctx))
		return 0;
	rc = cdm_job_step(online->job, "load module", "cdm");
	if (rc || online->job->dry_run)
		return rc;
	rc = cdm_module_load(online->ctx);
	if (rc == -ENOENT)
		return -ENOPKG;
	if (rc < 0)
		return cdm_job_system_error(rc);
	online->changed = true;
	/* it may have claimed the device by itself */
	cdm_refresh(online->ctx);
	return online_find(online);
}

static int online_run(struct online *online)
{
	int rc = cdm_refresh(online->ctx);

	if (!rc)
		rc = online_find(online);
	if (!rc)
		rc = need_module(online);
	if (!rc)
		rc = cdm_job_system_error(need_dax(online));
	if (!rc)
		rc = cdm_job_system_error(need_claim(online));
	if (!rc)
		rc = need_level(online);
	return rc;
}

int cdm_job_online(struct cdm_job *job, const char *target, int isolation)
{
	struct online online = {
		.job = job,
		.ctx = job->ctx,
		.target = target,
		.isolation = isolation,
	};
	int rc;

	cdm_job_begin(job);
	if (isolation < CDM_ISOLATION_NONE || isolation > CDM_ISOLATION_SHARED)
		return cdm_job_end(job, cdm_fail(job->ctx, EINVAL, "online %s: %d is no level",
						 target, isolation));
	rc = online_run(&online);
	if (!online.told &&
	    (rc == -ECANCELED || (rc == -ETIMEDOUT && cdm_job_stop(job) == rc)))
		cdm_job_fail_stop(job, rc, "online", target);
	else if (rc < 0)
		cdm_fail_prefix(job->ctx, rc, "online %s: ", target);
	if (rc < 0 && !job->dry_run)
		online_undo(&online);
	cdm_monitor_unref(online.monitor);
	cdm_kmem_free(&online.kmem);
	if (online.changed)
		cdm_refresh(job->ctx);
	if (!rc && !online.changed && job->region)
		rc = CDM_ALREADY;
	return cdm_job_end(job, rc);
}
