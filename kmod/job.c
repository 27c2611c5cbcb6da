// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: work that is done in windows, by several threads.
 *
 * The windows are worked on by kernel threads, never by the caller, even when
 * one is enough: while a page of a process is replaced each CPU that runs the
 * process has to flush it from its TLB, page by page, and a kernel thread
 * leaves the CPUs that nothing else of the process runs on out of that. They run
 * at the priority of everybody: with more they starve the owners of the pages,
 * whose longest stall went from 12 to over 60 ms (2 CPUs, nice 0 and -20).
 */
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "batch.h"
#include "job.h"

/* Where the gain ends: about eight threads fill a PCIe 5 x8 link. */
#define CDM_WORKERS_DEFAULT_MAX	8

static unsigned int workers;
module_param(workers, uint, 0644);
MODULE_PARM_DESC(workers, "threads that move pages for one call; 0 for one per CPU, up to 8 (default)");

static struct workqueue_struct *queues[CDM_NR_QUEUES];

/**
 * struct cdm_worker - one thread of a job
 * @work: runs it
 * @job: the job
 * @batch: its buffers
 */
struct cdm_worker {
	struct work_struct work;
	struct cdm_job *job;
	struct cdm_batch *batch;
};

/**
 * cdm_job_workers() - how many workers to use
 * @wanted: what the caller asked for, 0 for the default
 * @privileged: the caller may have more than the default
 *
 * Context: any.
 * Return: 1 to CDM_MIGRATE_WORKERS_MAX.
 */
unsigned int cdm_job_workers(unsigned int wanted, bool privileged)
{
	unsigned int usual = READ_ONCE(workers);

	if (!usual)
		usual = min_t(unsigned int, num_online_cpus(),
			      CDM_WORKERS_DEFAULT_MAX);
	if (!wanted || (!privileged && wanted > usual))
		wanted = usual;
	return min_t(unsigned int, wanted, CDM_MIGRATE_WORKERS_MAX);
}

/**
 * cdm_job_is_over() - should no new window be begun?
 * @job: the job
 *
 * Context: any; for @step, where it waits.
 */
bool cdm_job_is_over(struct cdm_job *job)
{
	return READ_ONCE(job->stop) ||
	       (job->has_deadline && time_after(jiffies, job->deadline));
}

static void worker_run(struct work_struct *work)
{
	struct cdm_worker *worker = container_of(work, struct cdm_worker, work);
	struct cdm_job *job = worker->job;

	/* However late a worker comes, it does one window: a call gets on. */
	while (!READ_ONCE(job->stop) && job->step(job, worker->batch) &&
	       !cdm_job_is_over(job))
		cond_resched();
	if (atomic_dec_and_test(&job->nr_running))
		complete(&job->done);
}

static void workers_free(struct cdm_worker *list, unsigned int nr)
{
	while (nr--)
		kvfree(list[nr].batch);
	kfree(list);
}

/*
 * Workers with their batches; with little memory fewer than wanted. Anybody may call,
 * by as many threads as he has: that is memory of his cgroup.
 */
static struct cdm_worker *workers_new(struct cdm_job *job, unsigned int *nr,
				      struct lock_class_key *key)
{
	gfp_t gfp = job->queue == CDM_QUEUE_CALLS ? GFP_KERNEL_ACCOUNT : GFP_KERNEL;
	struct cdm_worker *list;
	unsigned int i;

	list = kcalloc(*nr, sizeof(*list), gfp);
	if (!list)
		return NULL;
	for (i = 0; i < *nr; i++) {
		list[i].job = job;
		list[i].batch = kvmalloc(sizeof(*list[i].batch), gfp);
		if (!list[i].batch)
			break;
		INIT_WORK(&list[i].work, worker_run);
		lockdep_init_map(&list[i].work.lockdep_map, "cdm_job", key, 0);
	}
	if (!i) {
		kfree(list);
		return NULL;
	}
	*nr = i;
	return list;
}

/**
 * __cdm_job_run() - work until nothing is left
 * @job: @step, @has_deadline, @deadline and @queue are set, all else is set
 *	up here
 * @nr: threads
 * @interruptible: a signal to the caller ends the work after the windows that
 *	are being worked on
 * @key: of the caller, see cdm_job_run()
 *
 * Context: may sleep; call without locks that @step takes.
 * Return: 0 when @step had nothing left or the deadline passed, -EINTR after a
 * signal, -ENOMEM.
 */
int __cdm_job_run(struct cdm_job *job, unsigned int nr, bool interruptible,
		  struct lock_class_key *key)
{
	struct cdm_worker *list;
	unsigned int i;
	int rc = 0;

	list = workers_new(job, &nr, key);
	if (!list)
		return -ENOMEM;
	job->stop = false;
	atomic_set(&job->nr_running, nr);
	init_completion(&job->done);
	for (i = 0; i < nr; i++)
		queue_work(queues[job->queue], &list[i].work);

	if (interruptible && wait_for_completion_interruptible(&job->done)) {
		WRITE_ONCE(job->stop, true);
		rc = -EINTR;
	}
	for (i = 0; i < nr; i++)
		flush_work(&list[i].work);
	workers_free(list, nr);
	return rc;
}

/**
 * cdm_job_init() - make the queues
 *
 * Return: 0 or -ENOMEM.
 */
int cdm_job_init(void)
{
	unsigned int i;

	queues[CDM_QUEUE_CALLS] = alloc_workqueue("cdm", WQ_UNBOUND,
						  num_possible_cpus());
	queues[CDM_QUEUE_DRAINS] = alloc_workqueue("cdm_drain", WQ_UNBOUND, 0);
	queues[CDM_QUEUE_REMOVALS] = alloc_workqueue("cdm_remove", WQ_UNBOUND, 0);
	for (i = 0; i < CDM_NR_QUEUES; i++)
		if (!queues[i]) {
			cdm_job_exit();
			return -ENOMEM;
		}
	return 0;
}

/** cdm_job_exit() - undo cdm_job_init(); nothing runs any more */
void cdm_job_exit(void)
{
	unsigned int i;

	for (i = 0; i < CDM_NR_QUEUES; i++)
		if (queues[i])
			destroy_workqueue(queues[i]);
}
