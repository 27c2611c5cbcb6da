/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs: settings, time, progress, cancel. The runs are a file each. */
#ifndef _LIBCDM_JOB_H
#define _LIBCDM_JOB_H

#include "private.h"
#include "proc.h"

/* How long one ioctl of a drain may take: bounds progress and cancel. */
#define CDM_SLICE_MS	200

struct cdm_range {
	uint64_t addr;
	uint64_t length;
};

struct cdm_sample {
	uint64_t ms;
	uint64_t moved;
};

struct cdm_job {
	int refs;
	struct cdm_ctx *ctx;

	/* settings of all runs */
	cdm_progress_fn progress_fn;
	void *progress_data;
	unsigned int interval_ms;
	uint64_t timeout_ms;
	bool dry_run;
	bool force;
	/* online */
	uint64_t length;
	bool memmap_on_block;
	uint64_t max_bytes;
	/* offline */
	char release[CDM_NAME_MAX];
	bool destroy_region;
	/* migrate */
	struct cdm_pids pids;
	char **cgroups;
	unsigned int nr_cgroups;
	struct cdm_range *ranges;
	unsigned int nr_ranges;
	int from;
	int *to;
	unsigned int nr_to;
	unsigned int workers;
	uint64_t rate;
	bool populate;
	bool shared;

	/* the run */
	volatile sig_atomic_t cancelled;
	uint64_t start_ms;
	uint64_t shown_ms;
	char object[CDM_NAME_MAX];
	struct cdm_progress progress;
	struct cdm_sample samples[8];
	unsigned int nr_samples;
	struct cdm_counts counts;
	struct cdm_drain drain;
	struct cdm_users *holders;
	struct cdm_region *region;
};

/* First and last in a run; end returns rc. */
void cdm_job_begin(struct cdm_job *job);
int cdm_job_end(struct cdm_job *job, int rc);
/* A new step: told at once. As cdm_job_tick(). */
int cdm_job_step(struct cdm_job *job, const char *step, const char *object);
/*
 * Are we to go on? Tells progress when it is time. 0, -ECANCELED, -ETIMEDOUT,
 * without a message.
 */
int cdm_job_tick(struct cdm_job *job);
/* The same, without telling anybody. */
int cdm_job_stop(struct cdm_job *job);
/* Milliseconds until the job's time limit, at most max. */
uint64_t cdm_job_time_left(struct cdm_job *job, uint64_t max);
/* Sleep, as long as the job is to go on. */
int cdm_job_sleep(struct cdm_job *job, uint64_t ms);
/*
 * What the system said in the middle of a run: of a job, -EINVAL, -ENOENT and -ESRCH
 * mean that the caller asked for something wrong, or for what is not there.
 */
int cdm_job_system_error(int rc);
/* The message for what tick returned: "online mem0: no result in 3 s". */
int cdm_job_fail_stop(struct cdm_job *job, int rc, const char *verb, const char *object);
/* Remember the region that the run is about; NULL forgets. */
void cdm_job_set_region(struct cdm_job *job, struct cdm_region *region);

#endif /* _LIBCDM_JOB_H */
