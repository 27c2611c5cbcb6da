// SPDX-License-Identifier: LGPL-2.1-or-later
/* Jobs: settings, time, progress, cancel. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "job.h"

int cdm_job_new(struct cdm_ctx *ctx, struct cdm_job **out)
{
	struct cdm_job *job = calloc(1, sizeof(*job));

	if (!job)
		return -ENOMEM;
	job->refs = 1;
	job->ctx = cdm_ref(ctx);
	job->interval_ms = 200;
	job->from = CDM_WHERE_ANY;
	*out = job;
	return 0;
}

struct cdm_job *cdm_job_ref(struct cdm_job *job)
{
	job->refs++;
	return job;
}

struct cdm_job *cdm_job_unref(struct cdm_job *job)
{
	if (!job || --job->refs > 0)
		return NULL;
	cdm_job_set_region(job, NULL);
	cdm_users_unref(job->holders);
	cdm_pids_free(&job->pids);
	for (unsigned int i = 0; i < job->nr_cgroups; i++)
		free(job->cgroups[i]);
	free(job->cgroups);
	free(job->ranges);
	free(job->to);
	cdm_unref(job->ctx);
	free(job);
	return NULL;
}

void cdm_job_set_progress(struct cdm_job *job, cdm_progress_fn fn, void *data,
			  unsigned int interval_ms)
{
	job->progress_fn = fn;
	job->progress_data = data;
	job->interval_ms = interval_ms ? interval_ms : 200;
}

void cdm_job_set_timeout(struct cdm_job *job, uint64_t timeout_ms)
{
	job->timeout_ms = timeout_ms;
}

void cdm_job_set_dry_run(struct cdm_job *job, bool dry_run)
{
	job->dry_run = dry_run;
}

void cdm_job_set_force(struct cdm_job *job, bool force)
{
	job->force = force;
}

void cdm_job_cancel(struct cdm_job *job)
{
	job->cancelled = 1;
}

void cdm_job_set_length(struct cdm_job *job, uint64_t length)
{
	job->length = length;
}

void cdm_job_set_memmap_on_block(struct cdm_job *job, bool on_block)
{
	job->memmap_on_block = on_block;
}

void cdm_job_set_max_bytes(struct cdm_job *job, uint64_t bytes)
{
	job->max_bytes = bytes;
}

int cdm_job_set_release(struct cdm_job *job, const char *driver)
{
	if (!driver)
		driver = "";
	if (driver[0] && strcmp(driver, "kmem") && strcmp(driver, "device_dax"))
		return cdm_fail(job->ctx, EINVAL, "release to '%s': only kmem and device_dax "
				"drive dax devices", driver);
	cdm_copy(job->release, sizeof(job->release), driver);
	return 0;
}

void cdm_job_set_destroy_region(struct cdm_job *job, bool destroy)
{
	job->destroy_region = destroy;
}

int cdm_job_add_pid(struct cdm_job *job, pid_t pid)
{
	if (pid < 0)
		return cdm_fail(job->ctx, EINVAL, "%d is no process", (int)pid);
	if (cdm_pids_have(&job->pids, pid))
		return 0;
	return cdm_pids_add(&job->pids, pid);
}

int cdm_job_add_cgroup(struct cdm_job *job, const char *path)
{
	struct cdm_pids pids = { 0 };
	int rc = cdm_pids_read_cgroup(job->ctx, &pids, path);
	char **grown;

	cdm_pids_free(&pids);
	if (rc < 0)
		return cdm_fail(job->ctx, -rc, "cgroup %s: %s", path,
				rc == -ENOENT ? "there is none of that name" : strerror(-rc));
	grown = realloc(job->cgroups, (job->nr_cgroups + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	job->cgroups = grown;
	grown[job->nr_cgroups] = strdup(path);
	if (!grown[job->nr_cgroups])
		return -ENOMEM;
	job->nr_cgroups++;
	return 0;
}

int cdm_job_add_range(struct cdm_job *job, uint64_t addr, uint64_t length)
{
	uint64_t page = job->ctx->page_size;
	struct cdm_range *grown;

	if (!length || addr % page || length % page)
		return cdm_fail(job->ctx, EINVAL, "range 0x%llx+0x%llx: address and length must "
				"be multiples of %llu, and the length not 0",
				(unsigned long long)addr, (unsigned long long)length,
				(unsigned long long)page);
	if (addr + length < addr)
		return cdm_fail(job->ctx, EINVAL, "range 0x%llx+0x%llx: reaches past the end of "
				"the address space", (unsigned long long)addr,
				(unsigned long long)length);
	grown = realloc(job->ranges, (job->nr_ranges + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	job->ranges = grown;
	grown[job->nr_ranges++] = (struct cdm_range) { addr, length };
	return 0;
}

void cdm_job_set_from(struct cdm_job *job, int where)
{
	job->from = where;
}

int cdm_job_add_to(struct cdm_job *job, int where)
{
	int *grown;

	if (where < 0 && where != CDM_WHERE_RAM)
		return cdm_fail(job->ctx, EINVAL, "%d is no place to move to", where);
	for (unsigned int i = 0; i < job->nr_to; i++) {
		if (job->to[i] == where)
			return 0;
		if (job->to[i] == CDM_WHERE_RAM || where == CDM_WHERE_RAM)
			return cdm_fail(job->ctx, EINVAL, "RAM and a region cannot both be the "
					"destination");
	}
	grown = realloc(job->to, (job->nr_to + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	job->to = grown;
	grown[job->nr_to++] = where;
	return 0;
}

int cdm_job_set_workers(struct cdm_job *job, unsigned int workers)
{
	if (workers > CDM_MIGRATE_WORKERS_MAX)
		return cdm_fail(job->ctx, EINVAL, "%u workers: at most %d are possible", workers,
				CDM_MIGRATE_WORKERS_MAX);
	job->workers = workers;
	return 0;
}

void cdm_job_set_rate(struct cdm_job *job, uint64_t bytes_per_second)
{
	job->rate = bytes_per_second;
}

void cdm_job_set_populate(struct cdm_job *job, bool populate)
{
	job->populate = populate;
}

void cdm_job_set_shared(struct cdm_job *job, bool shared)
{
	job->shared = shared;
}

struct cdm_region *cdm_job_get_region(struct cdm_job *job)
{
	return job->region;
}

const struct cdm_drain *cdm_job_get_drain(struct cdm_job *job)
{
	return &job->drain;
}

struct cdm_users *cdm_job_get_holders(struct cdm_job *job)
{
	return job->holders;
}

const struct cdm_counts *cdm_job_get_counts(struct cdm_job *job)
{
	return &job->counts;
}

void cdm_job_set_region(struct cdm_job *job, struct cdm_region *region)
{
	if (region)
		cdm_region_ref(region);
	cdm_region_unref(job->region);
	job->region = region;
}

void cdm_job_begin(struct cdm_job *job)
{
	cdm_job_set_region(job, NULL);
	job->holders = cdm_users_unref(job->holders);
	memset(&job->counts, 0, sizeof(job->counts));
	memset(&job->drain, 0, sizeof(job->drain));
	memset(&job->progress, 0, sizeof(job->progress));
	job->start_ms = cdm_now_ms();
	job->shown_ms = 0;
	job->nr_samples = 0;
}

int cdm_job_end(struct cdm_job *job, int rc)
{
	job->cancelled = 0;
	return rc;
}

int cdm_job_system_error(int rc)
{
	return rc == -EINVAL || rc == -ENOENT || rc == -ESRCH ? -EIO : rc;
}

int cdm_job_stop(struct cdm_job *job)
{
	if (job->cancelled)
		return -ECANCELED;
	if (job->timeout_ms && cdm_now_ms() - job->start_ms >= job->timeout_ms)
		return -ETIMEDOUT;
	return 0;
}

uint64_t cdm_job_time_left(struct cdm_job *job, uint64_t max)
{
	uint64_t elapsed = cdm_now_ms() - job->start_ms;

	if (!job->timeout_ms)
		return max;
	return elapsed >= job->timeout_ms ? 0 : MIN(max, job->timeout_ms - elapsed);
}

/* Bytes per second over about the last second. */
static void rate_update(struct cdm_job *job, uint64_t now)
{
	const unsigned int room = ARRAY_SIZE(job->samples);
	struct cdm_sample *first = job->samples;
	uint64_t moved = job->progress.moved;

	while (job->nr_samples > 1 &&
	       (job->nr_samples == room || now - first->ms > 1000)) {
		job->nr_samples--;
		memmove(first, first + 1, job->nr_samples * sizeof(*first));
	}
	if (job->nr_samples && now > first->ms && moved >= first->moved)
		job->progress.rate = (moved - first->moved) * 1000 / (now - first->ms);
	if (!job->nr_samples || now - first[job->nr_samples - 1].ms >= 100)
		first[job->nr_samples++] = (struct cdm_sample) { now, moved };
}

static void progress_tell(struct cdm_job *job, uint64_t now)
{
	job->shown_ms = now;
	job->progress.elapsed_ms = now - job->start_ms;
	job->progress.object = job->object;
	if (job->progress_fn && job->progress_fn(job->progress_data, &job->progress))
		job->cancelled = 1;
}

int cdm_job_step(struct cdm_job *job, const char *step, const char *object)
{
	cdm_copy(job->object, sizeof(job->object), object);
	job->progress.step = step;
	job->progress.done = 0;
	job->progress.left = 0;
	job->progress.total = 0;
	job->progress.rate = 0;
	job->samples[0] = (struct cdm_sample) { cdm_now_ms(), job->progress.moved };
	job->nr_samples = 1;
	cdm_dbg(job->ctx, "step: %s: %s", step, object);
	progress_tell(job, cdm_now_ms());
	return cdm_job_stop(job);
}

int cdm_job_tick(struct cdm_job *job)
{
	uint64_t now = cdm_now_ms();

	rate_update(job, now);
	if (now - job->shown_ms >= job->interval_ms)
		progress_tell(job, now);
	return cdm_job_stop(job);
}

int cdm_job_sleep(struct cdm_job *job, uint64_t ms)
{
	uint64_t end = cdm_now_ms() + ms, now;
	int rc;

	while (!(rc = cdm_job_tick(job)) && (now = cdm_now_ms()) < end) {
		uint64_t left = MIN(end - now, 100);
		struct timespec ts = { .tv_nsec = left * 1000000 };

		nanosleep(&ts, NULL);
	}
	return rc;
}

int cdm_job_fail_stop(struct cdm_job *job, int rc, const char *verb, const char *object)
{
	double seconds = (cdm_now_ms() - job->start_ms) / 1000.0;

	if (rc == -ECANCELED)
		return cdm_fail(job->ctx, ECANCELED, "%s %s: cancelled after %.1f s", verb,
				object, seconds);
	return cdm_fail(job->ctx, ETIMEDOUT, "%s %s: not done in %.1f s", verb, object, seconds);
}
