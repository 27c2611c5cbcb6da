// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: the thread of a drain that takes system blocks offline.
 *
 * The kernel's offlining moves what only it can move, pages of files above all. It
 * tries for as long as a page stays, so it has a thread of its own, which goes on
 * between the slices of a drain.
 */
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#include "cdm.h"
#include "drain.h"

/* How long the kernel may try to take one block offline before others get a try. */
#define OFFLINE_TRY_MIN		(2UL * HZ)
#define OFFLINE_TRY_MAX		(60UL * HZ)

/**
 * cdm_region_nudge() - end a try to take a block offline
 * @work: cdm_region.nudge
 *
 * The kernel tries for ever, without a pause, and listens to signals only.
 *
 * Context: work queue; cdm_region.offliner is there.
 */
void cdm_region_nudge(struct work_struct *work)
{
	struct cdm_region *region = container_of(to_delayed_work(work),
						 struct cdm_region, nudge);

	send_sig(SIGTERM, region->offliner, 1);
}

/*
 * Have what is held now and then let go, and what the kernel leaves alone, as it does
 * with huge pages that have a bad page; this thread is the only one at the block.
 */
static void block_wait(struct cdm_region *region, struct cdm_block *block, bool again,
		       struct cdm_usage *usage)
{
	const struct cdm_limits limits = { .only = block };
	struct cdm_drained drained = {};

	if (block->isolation != CDM_ISOLATION_RESERVED || !(again || usage->pinned))
		return;
	cdm_drain_pass(region, &limits, true, true, &drained);
	memset(usage, 0, sizeof(*usage));
	cdm_system_usage(block, usage);
}

/*
 * Try each system block for at most @limit jiffies; @again: not for the first time.
 * Return: how many are left.
 */
static unsigned int offline_pass(struct cdm_region *region, unsigned long limit,
				 bool waits, bool again)
{
	unsigned int i, left = 0;
	bool no_room = false;

	/* A page in a batch of some CPU looks as if it were held. */
	cdm_lru_drain_all();
	for (i = 0; i < region->nr_blocks; i++) {
		struct cdm_block *block = &region->blocks[i];
		struct cdm_usage usage = {};
		int rc = -EAGAIN;
		bool has_room;

		if (READ_ONCE(block->role) != CDM_ROLE_SYSTEM ||
		    (region->offline_only && region->offline_only != block))
			continue;
		cdm_system_usage(block, &usage);
		if (waits && !READ_ONCE(region->offline_stop))
			block_wait(region, block, again, &usage);
		/*
		 * The kernel takes all that is left in a block on at once, and where
		 * RAM is full it searches there for long, deaf to signals. While
		 * something in it is held to try would be noise.
		 */
		has_room = !usage.used || cdm_ram_has_room(region, usage.used);
		no_room |= !has_room;
		if (!READ_ONCE(region->offline_stop) && !usage.pinned && has_room) {
			schedule_delayed_work(&region->nudge, limit);
			rc = cdm_system_depopulate(block);
			cancel_delayed_work_sync(&region->nudge);
		}
		left += !!rc;
		if (!READ_ONCE(region->offline_stop))
			flush_signals(current);
		wake_up_all(&region->progress);
	}
	WRITE_ONCE(region->offline_no_room, no_room);
	return left;
}

/* The thread that takes system blocks offline, until it is told to end. */
static int offliner_run(void *data)
{
	struct cdm_region *region = data;
	unsigned long limit = OFFLINE_TRY_MIN;
	unsigned int left, before = UINT_MAX, passes = 0;

	allow_signal(SIGTERM);
	while (!READ_ONCE(region->offline_stop)) {
		passes++;
		left = offline_pass(region, limit, cdm_pass_waits(region, passes),
				    passes > 1);
		if (!left)
			break;
		limit = left < before ? OFFLINE_TRY_MIN :
					min(2 * limit, OFFLINE_TRY_MAX);
		before = left;
		schedule_timeout_interruptible(msecs_to_jiffies(CDM_DRAIN_PAUSE_MS));
	}
	WRITE_ONCE(region->offlined, true);
	wake_up_all(&region->progress);
	return 0;
}

/**
 * cdm_offliner_stop() - end what a drain has left running
 * @region: the region
 *
 * Context: may sleep; the caller holds cdm_region.admin.
 */
void cdm_offliner_stop(struct cdm_region *region)
{
	lockdep_assert_held(&region->admin);

	if (!region->offliner)
		return;
	WRITE_ONCE(region->offline_stop, true);
	send_sig(SIGTERM, region->offliner, 1);
	kthread_stop(region->offliner);
	put_task_struct(region->offliner);
	region->offliner = NULL;
}

static long offliner_create(void *data)
{
	struct cdm_region *region = data;

	return (long)kthread_create(offliner_run, region, "cdm_offline/%d",
				    region->id);
}

/**
 * cdm_offliner_start() - begin to take system blocks offline
 * @region: the region; nothing happens if its thread is there
 * @only: a block to do that to, NULL for all
 *
 * Context: may sleep; the caller holds cdm_region.admin.
 * Return: 0, or what kthread_create() said.
 */
int cdm_offliner_start(struct cdm_region *region, struct cdm_block *only)
{
	struct task_struct *task;

	lockdep_assert_held(&region->admin);

	if (region->offliner)
		return 0;
	/* A killed process can not make threads, but may be who removes the region. */
	task = (struct task_struct *)work_on_cpu(WORK_CPU_UNBOUND, offliner_create,
						 region);
	if (IS_ERR(task))
		return PTR_ERR(task);
	get_task_struct(task);
	region->offliner = task;
	region->offline_only = only;
	region->offline_stop = false;
	region->offlined = false;
	region->offline_no_room = false;
	wake_up_process(task);
	return 0;
}

/**
 * cdm_offliner_count() - what is left, and what the thread has moved of it
 * @region: the region
 * @only: one block of it, or NULL for all
 * @stuck: out: what is left
 * @drained: what the thread has moved since that was asked last is added to @moved
 *
 * Context: may sleep; the caller holds cdm_region.admin.
 * Return: what was added.
 */
u64 cdm_offliner_count(struct cdm_region *region, struct cdm_block *only,
		       struct cdm_stuck *stuck, struct cdm_drained *drained)
{
	u64 before = region->offline_left, moved;

	cdm_stuck_count(region, only, stuck);
	region->offline_left = stuck->left;
	moved = before - min(before, stuck->left);
	drained->moved += moved;
	return moved;
}
