// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The run that gives a region, or a part of it, another level with live data in
 * place. All or nothing, as far as the kernel can bring the old levels back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"
#include "stuck.h"

struct change {
	struct cdm_job *job;
	struct cdm_ctx *ctx;
	struct cdm_region *region;
	int isolation;
	uint64_t length;		/* 0: all that is online */
	uint64_t before;		/* bytes that had the level */
	uint64_t against;		/* bytes at the level that cannot be beside it */
};

/* --- plan --- */

static int compare_turn(const void *a, const void *b, void *against)
{
	const struct cdm_block *x = a, *y = b;
	bool first = x->isolation == *(int *)against;

	if (first != (y->isolation == *(int *)against))
		return first ? -1 : 1;
	return x->used < y->used ? -1 : x->used > y->used;
}

/*
 * What has to move, in the order in which the kernel goes: what cannot be beside the new
 * level, then the emptiest block first. Data needs room for one block at a time, since a
 * block that has changed takes what is in the next one.
 */
static int change_plan(struct change *change)
{
	struct cdm_drain *drain = &change->job->drain;
	uint64_t want = change->length ? change->length : change->region->online_size;
	int against = cdm_level_against(change->isolation);
	struct cdm_block *blocks;
	uint64_t largest = 0;
	int nr, fd = cdm_region_open(change->region);

	if (fd < 0)
		return fd;
	nr = cdm_uapi_blocks(change->ctx, fd, &blocks);
	close(fd);
	if (nr < 0)
		return cdm_fail(change->ctx, -nr, "read its blocks: %s", strerror(-nr));
	if (nr)
		qsort_r(blocks, nr, sizeof(*blocks), compare_turn, &against);
	for (int i = 0; i < nr; i++) {
		if (blocks[i].online && blocks[i].isolation == change->isolation)
			drain->length += blocks[i].length;
		if (blocks[i].online && against && blocks[i].isolation == against)
			change->against += blocks[i].length;
	}
	change->before = drain->length;
	for (int i = 0; i < nr && drain->length < want; i++) {
		if (!blocks[i].online || blocks[i].isolation == change->isolation)
			continue;
		drain->length += blocks[i].length;
		drain->needed += blocks[i].used;
		largest = MAX(largest, blocks[i].used);
	}
	free(blocks);
	drain->left = drain->needed;
	drain->fits = largest <= drain->ram_available + drain->swap_free +
				 change->region->available;
	return 0;
}

static int no_room_fail(struct change *change)
{
	const struct cdm_drain *drain = &change->job->drain;

	return cdm_fail(change->ctx, ENOMEM, "%s are in the way, and there is not even room for "
			"one block of it (%s in RAM, %s of swap, %s here); free memory, or use "
			"--force", cdm_size_text(drain->needed).text,
			cdm_size_text(drain->ram_available).text,
			cdm_size_text(drain->swap_free).text,
			cdm_size_text(change->region->available).text);
}

/* --- change --- */

/* "cdm0 is as it was", or how much of it has the new level nevertheless. */
static void outcome_text(struct change *change, char text[128])
{
	const struct cdm_level *level;
	uint64_t size;

	if (cdm_region_refresh(change->region) < 0) {
		snprintf(text, 128, "the region has gone");
		return;
	}
	level = cdm_region_get_level(change->region, change->isolation);
	size = level ? level->size : 0;
	if (size > change->before)
		snprintf(text, 128, "%s could not be brought back and have level %s",
			 cdm_size_text(size - change->before).text,
			 cdm_isolation_get_name(change->isolation));
	else
		snprintf(text, 128, "all levels are as they were");
}

static int change_call(struct cdm_job *job, int fd, uint64_t timeout_ms, void *data)
{
	struct change *change = data;

	return cdm_uapi_set_isolation(job->ctx, fd, change->isolation, change->length, timeout_ms,
				      &job->drain);
}

static int busy_fail(struct change *change)
{
	cdm_region_refresh(change->region);
	if (change->region->state == CDM_STATE_DRAINING)
		return cdm_fail(change->ctx, EBUSY, "it is being drained");
	return cdm_fail(change->ctx, EBUSY, "somebody else changes it, or takes it offline");
}

/*
 * Not as cdm_holders_read(): the pages of blocks that are not in the way stay where
 * they are, so who keeps a page is not tried. Who uses the region is known.
 */
static void read_users(struct change *change)
{
	struct cdm_users *users;

	if (cdm_users_read(change->ctx, change->region, &users) < 0)
		return;
	if (cdm_user_get_first(users))
		change->job->holders = users;
	else
		cdm_users_unref(users);
}

static struct cdm_wanted wanted_of(const struct change *change)
{
	const struct cdm_region *region = change->region;
	bool held = region->state == CDM_STATE_HELD;

	return (struct cdm_wanted) {
		change->isolation, change->length,
		held ? change->job->memmap_on_block : region->memmap_on_block,
		held ? region->size : region->online_size,
	};
}

/* The change ends with the file, or with this call; then it is as it was. */
static int change_fail(struct change *change, int fd, int rc)
{
	const struct cdm_wanted wanted = wanted_of(change);
	struct cdm_job *job = change->job;
	bool stuck = rc == -ETIMEDOUT || rc == -ECANCELED;
	char outcome[128];

	if (stuck && job->drain.pinned)
		read_users(change);
	cdm_uapi_set_isolation_cancel(change->ctx, fd);
	outcome_text(change, outcome);
	if (stuck)
		return cdm_stuck_fail(job, rc, outcome);
	if (rc == -EBUSY)
		return busy_fail(change);
	return cdm_level_fail(change->region, &wanted, rc);
}

static int change_online(struct change *change)
{
	struct cdm_job *job = change->job;
	int fd, rc = cdm_job_step(job, "set level", change->region->name);

	if (rc)
		return cdm_job_fail_stop(job, rc, "set level of", change->region->name);
	fd = cdm_region_open(change->region);
	if (fd < 0)
		return fd;
	job->drain.left = 0;
	rc = cdm_drain_slices(job, fd, change_call, change);
	if (rc && rc != -EALREADY)
		rc = change_fail(change, fd, rc);
	close(fd);
	return rc;
}

/* A region that is held has no data: it goes online. */
static int change_held(struct change *change)
{
	struct cdm_job *job = change->job;
	const struct cdm_wanted wanted = wanted_of(change);
	int rc, fd;

	if (job->dry_run) {
		rc = cdm_level_plan(change->region, &wanted);
		if (rc < 0)
			return cdm_level_fail(change->region, &wanted, rc);
		job->drain.length = change->length ? change->length : change->region->size;
		return 0;
	}
	fd = cdm_region_open(change->region);
	if (fd < 0)
		return fd;
	rc = cdm_level_set(job, fd, &wanted, &job->drain.length);
	close(fd);
	if (!rc || rc == -EALREADY)
		return rc;
	if (rc == -ECANCELED || rc == -ETIMEDOUT)
		return cdm_job_fail_stop(job, rc, "set level of", change->region->name);
	if (rc == -EBUSY)
		return busy_fail(change);
	return cdm_level_fail(change->region, &wanted, rc);
}

/* What the kernel would say of what is planned, as far as can be seen. */
static int plan_verdict(struct change *change)
{
	const struct cdm_wanted wanted = wanted_of(change);
	int rc;

	if (change->region->state != CDM_STATE_ONLINE)
		return busy_fail(change);
	rc = cdm_level_plan(change->region, &wanted);
	/* what is against the new level goes as a whole */
	if (!rc && change->against && change->length &&
	    change->before + change->against > change->length)
		rc = -EXDEV;
	if (rc < 0)
		return cdm_level_fail(change->region, &wanted, rc);
	return change->job->drain.length == change->before ? -EALREADY : 0;
}

static int change_run(struct change *change)
{
	struct cdm_job *job = change->job;
	int rc = cdm_region_refresh(change->region);

	if (rc < 0)
		return rc;
	cdm_meminfo_read(change->ctx, &job->drain.ram_available, &job->drain.swap_free);
	job->drain.fits = true;		/* as long as nothing has to move */
	if (change->region->state == CDM_STATE_HELD)
		return change_held(change);
	if (!change->length && change->region->isolation == change->isolation &&
	    change->region->state == CDM_STATE_ONLINE)
		return -EALREADY;
	rc = change_plan(change);
	if (rc < 0)
		return rc;
	if (job->dry_run)
		return plan_verdict(change);
	if (!job->drain.fits && !job->force)
		return no_room_fail(change);
	return change_online(change);
}

int cdm_job_set_isolation(struct cdm_job *job, struct cdm_region *region, int isolation)
{
	struct change change = {
		.job = job,
		.ctx = job->ctx,
		.region = region,
		.isolation = isolation,
		.length = job->length,
	};
	char name[CDM_NAME_MAX];
	int rc;

	cdm_copy(name, sizeof(name), region->name);
	if (isolation == CDM_ISOLATION_NONE)
		return cdm_job_offline(job, name);
	/* the job may have the only reference */
	cdm_region_ref(region);
	cdm_job_begin(job);
	cdm_job_set_region(job, region);
	cdm_region_unref(region);
	if (isolation < CDM_ISOLATION_NONE || isolation > CDM_ISOLATION_SHARED)
		return cdm_job_end(job, cdm_fail(job->ctx, EINVAL, "set level of %s: %d is no "
						 "level", name, isolation));
	rc = change_run(&change);
	if (rc == -EALREADY)
		rc = CDM_ALREADY;
	else if (rc < 0)
		cdm_fail_prefix(job->ctx, rc, "set %s to level %s: ", name,
				cdm_isolation_get_name(isolation));
	cdm_region_refresh(region);
	return cdm_job_end(job, rc);
}
