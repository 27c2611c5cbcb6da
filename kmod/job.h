/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cdm: work that is done in windows, by several threads.
 */
#ifndef _CDM_JOB_H
#define _CDM_JOB_H

#include <linux/completion.h>
#include <linux/mutex.h>

#include "cdm.h"

struct cdm_batch;

/**
 * enum cdm_queue - for whom a job is
 * @CDM_QUEUE_CALLS: calls that anybody may make, and fill it with
 * @CDM_QUEUE_DRAINS: drains, which do not wait behind those
 * @CDM_QUEUE_REMOVALS: what takes memory maps away. That is waited for under
 *	cdm_region.grow, which drains take
 */
enum cdm_queue {
	CDM_QUEUE_CALLS,
	CDM_QUEUE_DRAINS,
	CDM_QUEUE_REMOVALS,
	CDM_NR_QUEUES,
};

/**
 * struct cdm_job - work in windows
 * @step: do the next window; false when there is none. Called by several
 *	workers at once, each with a batch of its own
 * @lock: guards which window is next, and the results; for @step
 * @deadline: jiffies after which no new window is begun
 * @has_deadline: whether @deadline counts
 * @queue: with whose work it waits for a thread
 * @stop: no new window is begun; set by cdm_job_run() or by @step
 * @nr_running: workers that have not ended
 * @done: completed by the last worker
 */
struct cdm_job {
	bool (*step)(struct cdm_job *job, struct cdm_batch *batch);
	struct mutex lock;
	unsigned long deadline;
	bool has_deadline;
	enum cdm_queue queue;
	bool stop;
	atomic_t nr_running;
	struct completion done;
};

int cdm_job_init(void);
void cdm_job_exit(void);
bool cdm_job_is_over(struct cdm_job *job);
unsigned int cdm_job_workers(unsigned int wanted, bool privileged);
int __cdm_job_run(struct cdm_job *job, unsigned int nr, bool interruptible,
		  struct lock_class_key *key);

/*
 * To lockdep the work of each caller is another: the workers of a move take
 * cdm_region.grow, those that remove memory maps are waited for under it.
 */
#define cdm_job_run(job, nr, interruptible)				\
({									\
	static struct lock_class_key __key;				\
									\
	__cdm_job_run(job, nr, interruptible, &__key);			\
})

#endif /* _CDM_JOB_H */
