// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: moving every page out of a region.
 *
 * A drain goes in passes over the pages in use. Between passes it sleeps, the
 * longer the less came of the last one: a page that something else holds is
 * unmapped and mapped again by each try, and that disturbs its owner.
 */
#include <linux/cpu.h>
#include <linux/jiffies.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/workqueue.h>

#include "cdm.h"
#include "drain.h"
#include "logic/bits.h"
#include "migrate.h"
#include "trace.h"

/*
 * RAM that a drain leaves to everybody else, so that nobody runs out of it: an
 * eighth, within these bounds. With 36 of 1280 MiB left, and once with 84, programs
 * that merely read their own text again woke the out-of-memory killer.
 */
#define RAM_RESERVE_SHIFT	3
#define RAM_RESERVE_MIN_BYTES	(64UL << 20)
#define RAM_RESERVE_MAX_BYTES	(1UL << 30)

#define PAUSE_MIN_MS		1U
#define PATIENCE_MS		50
#define IMPATIENT_AFTER_MS	10000
#define IMPATIENT_PASSES	16
#define LRU_DRAIN_AFTER		3		/* passes that moved nothing */

/**
 * struct cdm_drain - one pass over the pages of a region
 * @job: its work
 * @region: the region
 * @limits: what it is for
 * @system: of the reserved blocks, not of the coherent ones
 * @no_room: RAM was too full to go on
 * @patience: until when to wait for what is held to be let go for a moment; 0: not
 * @block: number of the block that is next; guarded by job.lock
 * @bit: page within it that is next; guarded by job.lock
 * @counts: pages by enum cdm_result; guarded by job.lock
 */
struct cdm_drain {
	struct cdm_job job;
	struct cdm_region *region;
	const struct cdm_limits *limits;
	bool system;
	bool no_room;
	ktime_t patience;
	unsigned int block;
	unsigned long bit;
	u64 counts[CDM_NR_RESULTS];
};

/**
 * cdm_ram_has_room() - is there RAM without waking the out-of-memory killer?
 * @leaving: a region whose blocks go offline, or NULL: memory for everybody on its node
 *	is no room, as the kernel empties no block into another one of its node
 * @pages: for how many more
 *
 * With swap to spare, allocating makes room.
 *
 * Context: any.
 * Return: true if so.
 */
bool cdm_ram_has_room(const struct cdm_region *leaving, unsigned long pages)
{
	unsigned long reserve = clamp(totalram_pages() >> RAM_RESERVE_SHIFT,
				      RAM_RESERVE_MIN_BYTES >> PAGE_SHIFT,
				      RAM_RESERVE_MAX_BYTES >> PAGE_SHIFT);
	long available = si_mem_available();
	long need = reserve + pages;

	if (leaving)
		available -= cdm_system_shared_free(leaving);
	return available > need || get_nr_swap_pages() > need;
}

/* The same, for a window of each worker. */
static bool ram_has_room_for_windows(const struct cdm_region *leaving)
{
	return cdm_ram_has_room(leaving, cdm_job_workers(0, true) * CDM_WINDOW_PAGES);
}

/* The next run of used pages; the bits may change as soon as this returns. */
static unsigned long run_claim(struct cdm_drain *drain, unsigned long *pfn)
{
	struct cdm_region *region = drain->region;
	unsigned long nr = 0, start;

	lockdep_assert_held(&drain->job.lock);

	for (; drain->block < region->nr_blocks; drain->block++, drain->bit = 0) {
		struct cdm_block *block = &region->blocks[drain->block];

		if (drain->limits->only && drain->limits->only != block)
			continue;
		spin_lock_irq(&block->lock);
		if (block->nr_used)
			nr = cdm_bits_next_run(block->used_bits, block->nr_pages,
					       max(drain->bit, block->first),
					       CDM_WINDOW_PAGES, &start);
		spin_unlock_irq(&block->lock);
		if (nr) {
			drain->bit = start + nr;
			*pfn = block->start_pfn + start;
			return nr;
		}
	}
	return 0;
}

/* The next window of a reserved block that may hold pages in use. */
static unsigned long window_claim(struct cdm_drain *drain, unsigned long *pfn)
{
	struct cdm_region *region = drain->region;

	lockdep_assert_held(&drain->job.lock);

	for (; drain->block < region->nr_blocks; drain->block++, drain->bit = 0) {
		struct cdm_block *block = &region->blocks[drain->block];

		if ((drain->limits->only && drain->limits->only != block) ||
		    READ_ONCE(block->role) != CDM_ROLE_SYSTEM ||
		    block->isolation != CDM_ISOLATION_RESERVED)
			continue;
		drain->bit = cdm_system_next_window(block, drain->bit);
		if (drain->bit < block->nr_pages) {
			*pfn = block->start_pfn + drain->bit;
			drain->bit += CDM_WINDOW_PAGES;
			return CDM_WINDOW_PAGES;
		}
	}
	return 0;
}

/* Is this a pass, and a time, to wait for what something holds? Until when? */
static ktime_t patience_for(const struct cdm_drain *drain, unsigned long pfn)
{
	if (pfn < READ_ONCE(drain->region->held_from) ||
	    !ktime_before(ktime_get(), drain->patience))
		return 0;
	return drain->patience;
}

static bool page_can_go(const struct cdm_drain *drain, struct page *page)
{
	return !drain->system || cdm_page_is_small_anon(page);
}

/*
 * Move a run that begins with a page that something holds, as far as it goes.
 * Return: pages that need no other look.
 */
static unsigned long run_evict_held(struct cdm_drain *drain, unsigned long pfn,
				    unsigned long nr, struct cdm_region *to,
				    struct cdm_batch *batch, u64 *counts)
{
	ktime_t until = patience_for(drain, pfn);
	unsigned long run = 1;

	if (!until)
		return 0;
	while (run < nr && page_can_go(drain, pfn_to_page(pfn + run)))
		run++;
	if (cdm_evict_held(pfn, run, to, until, batch, counts))
		return run;
	WRITE_ONCE(drain->region->held_from, pfn + nr);
	return 0;
}

/* Move small pages of a run, except for those that something holds. */
static void run_evict(struct cdm_drain *drain, unsigned long pfn,
		      unsigned long nr, struct cdm_region *to,
		      struct cdm_batch *batch, u64 *counts)
{
	unsigned long i, done, run = 0;

	for (i = 0; i <= nr; i += done ?: 1) {
		struct page *page = pfn_to_page(pfn + i);
		bool can_go = i < nr && page_can_go(drain, page);

		done = 0;
		if (can_go && !cdm_folio_is_pinned(page_folio(page))) {
			run++;
			continue;
		}
		if (run)
			cdm_evict_pfns(pfn + i - run, run, to, batch, counts);
		run = 0;
		if (!can_go)
			continue;
		done = run_evict_held(drain, pfn + i, nr - i, to, batch, counts);
		counts[CDM_BUSY] += !done;
	}
}

/* A window of a reserved block; pages of files only the kernel's offlining moves. */
static void window_evict(struct cdm_drain *drain, unsigned long pfn,
			 struct cdm_region *to, struct cdm_batch *batch, u64 *counts)
{
	struct page *page = pfn_to_page(pfn);

	if (CDM_MIGRATE_PFN_COMPOUND && PageHead(page) && PageAnon(page) &&
	    folio_order((struct folio *)page) == HPAGE_PMD_ORDER)
		cdm_evict_huge(pfn, patience_for(drain, pfn), batch, counts);
	else
		run_evict(drain, pfn, CDM_WINDOW_PAGES, to, batch, counts);
}

static bool drain_step(struct cdm_job *job, struct cdm_batch *batch)
{
	struct cdm_drain *drain = container_of(job, struct cdm_drain, job);
	struct cdm_region *to = drain->limits->to;
	u64 counts[CDM_NR_RESULTS] = {};
	unsigned long pfn, nr;
	unsigned int i;

	if (to && !cdm_blocks_make_room(to, CDM_WINDOW_PAGES))
		to = NULL;
	/* Huge pages of a system block go to RAM in any case. */
	if ((!to || drain->system) && !READ_ONCE(drain->region->lost) &&
	    !ram_has_room_for_windows(NULL)) {
		WRITE_ONCE(drain->no_room, true);
		return false;
	}
	if (drain->limits->interruptible && READ_ONCE(drain->region->leaving))
		return false;
	mutex_lock(&job->lock);
	nr = drain->system ? window_claim(drain, &pfn) : run_claim(drain, &pfn);
	mutex_unlock(&job->lock);
	if (!nr)
		return false;

	if (READ_ONCE(drain->region->lost) && drain->system)
		cdm_lose_window(drain->region, pfn, batch);
	else if (READ_ONCE(drain->region->lost))
		cdm_lose_pfns(pfn, nr, batch);
	else if (drain->system)
		window_evict(drain, pfn, to, batch, counts);
	else
		run_evict(drain, pfn, nr, to, batch, counts);
	mutex_lock(&job->lock);
	for (i = 0; i < CDM_NR_RESULTS; i++)
		drain->counts[i] += counts[i];
	mutex_unlock(&job->lock);
	return true;
}

static long lru_drain_this_cpu(void *unused)
{
	cdm_lru_drain_this_cpu();
	return 0;
}

/**
 * cdm_lru_drain_all() - empty each processor's batches of pages
 *
 * A page that was mapped into a locked mapping may sit in a batch of any CPU,
 * with a reference, until that CPU has cause to look at its batches. For device
 * pages the migration code does not ask for that.
 *
 * Context: may sleep.
 */
void cdm_lru_drain_all(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		cpus_read_lock();
		if (cpu_online(cpu))
			work_on_cpu(cpu, lru_drain_this_cpu, NULL);
		cpus_read_unlock();
	}
}

/*
 * Has the card gone while a region that leaves is drained? What is read there is no
 * content; the caller of cdm_drain_until() gives the pages up.
 */
static bool card_has_gone(struct cdm_region *region,
			  const struct cdm_limits *limits)
{
	return !limits->interruptible && !READ_ONCE(region->lost) &&
	       !cdm_cxl_present(region);
}

/* Coherent pages that are still in the way. */
static unsigned long pages_left(struct cdm_region *region,
				const struct cdm_limits *limits)
{
	return limits->only ? READ_ONCE(limits->only->nr_used) :
			      cdm_pages_used(region);
}

/**
 * cdm_drain_pass() - try once to move all pages out
 * @region: the region
 * @limits: which pages, and what ends this
 * @system: those of reserved blocks, not the coherent ones
 * @waits: for what is held for a moment
 * @drained: what came of it; @moved is added to
 *
 * One that waits has the same time for all that is held, and the next begins with what
 * this one did not come to. One that came too late to do anything leaves what the last
 * one found in @drained.
 *
 * Context: may sleep.
 * Return: pages moved, or a negative errno.
 */
long cdm_drain_pass(struct cdm_region *region, const struct cdm_limits *limits,
		    bool system, bool waits, struct cdm_drained *drained)
{
	struct cdm_drain drain = {
		.job.step = drain_step,
		.job.queue = CDM_QUEUE_DRAINS,
		.job.has_deadline = limits->has_deadline,
		.job.deadline = limits->deadline,
		.region = region,
		.limits = limits,
		.system = system,
	};
	u64 no_memory;
	long moved;
	int rc;

	if (waits)
		drain.patience = ktime_add_ms(ktime_get(), PATIENCE_MS);
	mutex_init(&drain.job.lock);
	rc = cdm_job_run(&drain.job, cdm_job_workers(0, true),
			 limits->interruptible);
	if (ktime_before(ktime_get(), drain.patience))
		region->held_from = 0;
	moved = drain.counts[CDM_MOVED];
	no_memory = drain.no_room ? pages_left(region, limits) :
				    drain.counts[CDM_NO_SPACE];
	trace_cdm_drain_pass(region->id, moved, pages_left(region, limits),
			     no_memory);
	if (moved || no_memory || drain.counts[CDM_BUSY]) {
		drained->moved += moved;
		drained->no_memory = no_memory;
		drained->busy = drain.counts[CDM_BUSY];
	}
	return rc ?: moved;
}

/**
 * cdm_pass_waits() - should the next pass wait for what is held?
 * @region: the region
 * @idle_passes: how many have moved nothing
 *
 * A pass that moved nothing is followed by one that waits. What is held for long is not
 * worth a processor: then only some do.
 *
 * Context: any.
 * Return: true if so.
 */
bool cdm_pass_waits(const struct cdm_region *region, unsigned int idle_passes)
{
	return idle_passes &&
	       (time_before(jiffies, READ_ONCE(region->still_since) +
				     msecs_to_jiffies(IMPATIENT_AFTER_MS)) ||
		idle_passes % IMPATIENT_PASSES == 0);
}

/*
 * Wait for the thread that takes the system blocks offline; it goes on when this
 * returns with an error. Return: as cdm_drain_until().
 */
static int system_drain(struct cdm_region *region,
			const struct cdm_limits *limits,
			struct cdm_drained *drained)
{
	const unsigned long pause = msecs_to_jiffies(CDM_DRAIN_PAUSE_MS) ?: 1;
	struct cdm_stuck stuck;
	u64 moved;
	bool full;
	long got;
	int rc;

	if (limits->only ? limits->only->role != CDM_ROLE_SYSTEM :
			   !atomic_long_read(&region->nr_system)) {
		/* The thread of the slice before has done it since. */
		cdm_offliner_stop(region);
		cdm_offliner_count(region, limits->only, &stuck, drained);
		return 0;
	}
	/*
	 * The most of it by all workers, and then one thread does the rest; never
	 * both, as that takes away the memory map that these look at.
	 */
	if (!region->offliner) {
		do {
			got = cdm_drain_pass(region, limits, true, false, drained);
		} while (cdm_lost_wait(region));
		if (got < 0 && got != -ENOMEM)
			return got;
		/* Time was up before they were done: they go on in the next slice. */
		if (got > 0 && !limits->only && limits->has_deadline &&
		    time_after(jiffies, limits->deadline)) {
			cdm_stuck_reset(region);
			return -ETIMEDOUT;
		}
		cdm_offliner_count(region, limits->only, &stuck, drained);
	}
	if (region->offline_left && card_has_gone(region, limits))
		return -ENXIO;
	rc = cdm_offliner_start(region, limits->only);
	while (!rc && !READ_ONCE(region->offlined)) {
		if (!limits->interruptible)
			wait_event_idle_timeout(region->progress,
						READ_ONCE(region->offlined), pause);
		else if (wait_event_interruptible_timeout(region->progress,
				READ_ONCE(region->offlined) ||
				READ_ONCE(region->leaving), pause) < 0)
			rc = -EINTR;
		if (!rc && limits->interruptible && READ_ONCE(region->leaving))
			rc = -ENODEV;
		moved = cdm_offliner_count(region, limits->only, &stuck, drained);
		if (!rc && stuck.left && card_has_gone(region, limits))
			rc = -ENXIO;
		full = !ram_has_room_for_windows(region);
		drained->no_memory =
			full || READ_ONCE(region->offline_no_room) ? stuck.left : 0;
		drained->busy = moved ? 0 : stuck.left;
		if (full)
			send_sig(SIGTERM, region->offliner, 1);
		if (moved)
			cdm_stuck_reset(region);
		else
			cdm_stuck_tell(region, limits->only, drained->no_memory);
		if (!rc && limits->has_deadline &&
		    time_after(jiffies, limits->deadline))
			rc = READ_ONCE(region->offlined) ? 0 : -ETIMEDOUT;
	}
	if (!rc) {
		cdm_offliner_stop(region);
		cdm_offliner_count(region, limits->only, &stuck, drained);
	}
	return rc;
}

/**
 * cdm_drain_until() - move pages out, pass after pass, until none is left
 * @region: the region
 * @limits: which pages, and what ends this
 * @drained: what came of it; @moved is added to
 *
 * System blocks are idle afterwards; with an error the work on them goes on until
 * cdm_offliner_stop().
 *
 * Context: may sleep; the caller holds cdm_region.admin.
 * Return: 0; -ETIMEDOUT; -EINTR after a signal and -ENODEV when the region
 * begins to leave, both only if interruptible; -ENXIO if it is not, and the card has
 * gone; what kthread_create() said.
 */
int cdm_drain_until(struct cdm_region *region, const struct cdm_limits *limits,
		    struct cdm_drained *drained)
{
	unsigned int pause_ms = PAUSE_MIN_MS, idle_passes = 0;
	unsigned long pause;
	long got;

	if (region->offline_only != limits->only)
		cdm_offliner_stop(region);
	if (!region->offliner)
		region->offline_left = 0;
	while (pages_left(region, limits)) {
		if (limits->interruptible && READ_ONCE(region->leaving))
			return -ENODEV;
		got = cdm_drain_pass(region, limits, false,
				     cdm_pass_waits(region, idle_passes), drained);
		if (got < 0 && got != -ENOMEM)
			return got;
		if (got > 0) {
			pause_ms = PAUSE_MIN_MS;
			idle_passes = !!idle_passes;
			cdm_stuck_reset(region);
		} else {
			if (card_has_gone(region, limits))
				return -ENXIO;
			/* Batches are emptied once it seems to be for that. */
			if (++idle_passes == LRU_DRAIN_AFTER)
				cdm_lru_drain_all();
			pause_ms = min(2 * pause_ms, CDM_DRAIN_PAUSE_MS);
			cdm_stuck_tell(region, limits->only, drained->no_memory);
		}
		if (!pages_left(region, limits))
			break;
		if (limits->has_deadline &&
		    time_after(jiffies, limits->deadline))
			return -ETIMEDOUT;

		pause = msecs_to_jiffies(pause_ms) ?: 1;
		if (!limits->interruptible)
			wait_event_idle_timeout(region->progress,
						!pages_left(region, limits), pause);
		else if (wait_event_interruptible_timeout(region->progress,
				!pages_left(region, limits) ||
				READ_ONCE(region->leaving), pause) < 0)
			return -EINTR;
	}
	drained->no_memory = 0;
	drained->busy = 0;
	return system_drain(region, limits, drained);
}

static void drain_begin(struct cdm_region *region, struct file *file)
{
	lockdep_assert_held(&region->admin);

	/* Who closes a file that has begun something waits for no other's drain. */
	WRITE_ONCE(region->drainer, file);
	cdm_region_end_change(region);
	if (region->state == CDM_DRAINING)
		return;
	cdm_region_set_state(region, CDM_DRAINING);
	cdm_stuck_reset(region);
	cdm_region_event(region, CDM_EVENT_DRAIN, NULL);
}

/**
 * cdm_region_evacuate() - drain a region that leaves
 * @region: the region; it is left draining, without a page in use
 *
 * Pages of a card that is not there any more are taken from their owners.
 *
 * Context: may sleep for as long as something holds a page; the caller holds
 * cdm_region.admin.
 */
void cdm_region_evacuate(struct cdm_region *region)
{
	const struct cdm_limits none = {};
	struct cdm_drained drained = {};

	lockdep_assert_held(&region->admin);

	if (region->state != CDM_HELD)
		drain_begin(region, NULL);
	for (;;) {
		/* What a slice has left running copies whatever it reads. */
		cdm_offliner_stop(region);
		cdm_lose_if_absent(region);
		if (!cdm_drain_until(region, &none, &drained))
			break;
		/* System blocks that were left behind would be the kernel's for ever. */
		schedule_timeout_uninterruptible(msecs_to_jiffies(CDM_DRAIN_PAUSE_MS));
	}
}

static void drain_give_up(struct cdm_region *region)
{
	lockdep_assert_held(&region->admin);

	cdm_offliner_stop(region);
	WRITE_ONCE(region->drainer, NULL);
	cdm_region_set_state(region, CDM_ACTIVE);
	/* Memory that everybody may have comes back at once. */
	if (cdm_blocks_populate(region))
		dev_warn(&region->dev, "not all memory could be put back in service\n");
	cdm_region_event(region, CDM_EVENT_RESUME, NULL);
}

/**
 * cdm_region_roll_back() - hold a region that could not get all of its memory
 * @region: the region, active; others may have pages of what it got
 *
 * If they can not be brought back in time it stays in use, with what it got.
 *
 * Context: may sleep for ten seconds; the caller holds cdm_region.admin.
 */
void cdm_region_roll_back(struct cdm_region *region)
{
	const struct cdm_limits limits = {
		.has_deadline = true,
		.deadline = jiffies + msecs_to_jiffies(CDM_ROLL_BACK_MS),
	};
	struct cdm_drained drained = {};

	lockdep_assert_held(&region->admin);

	drain_begin(region, NULL);
	if (!cdm_drain_until(region, &limits, &drained)) {
		cdm_region_hold(region);
		cdm_region_set_state(region, CDM_HELD);
		cdm_region_event(region, CDM_EVENT_OFFLINE, NULL);
	} else if (!READ_ONCE(region->leaving)) {
		drain_give_up(region);
	}
}

static int offline_locked(struct cdm_region *region, struct file *file,
			  u64 timeout_ms, bool keep, struct cdm_offline *result)
{
	const struct cdm_limits limits = {
		.has_deadline = timeout_ms,
		.deadline = jiffies +
			    msecs_to_jiffies(min_t(u64, timeout_ms, INT_MAX)),
		.interruptible = true,
	};
	struct cdm_drained drained = {};
	struct cdm_stuck stuck;
	bool goes_on;
	int rc;

	lockdep_assert_held(&region->admin);

	if (region->state == CDM_HELD)
		return -EALREADY;
	if (region->state == CDM_DRAINING && region->drainer != file)
		return -EBUSY;
	drain_begin(region, file);
	rc = cdm_drain_until(region, &limits, &drained);
	if (!rc) {
		result->out_moved = drained.moved;
		cdm_region_hold(region);
		cdm_region_set_state(region, CDM_HELD);
		cdm_region_event(region, CDM_EVENT_OFFLINE, NULL);
		return 0;
	}

	goes_on = rc == -ENODEV || (keep && (rc == -ETIMEDOUT || rc == -EINTR));
	if (!goes_on)
		cdm_offliner_stop(region);
	cdm_offliner_count(region, NULL, &stuck, &drained);
	result->out_moved = drained.moved;
	result->out_left = stuck.left;
	result->out_pinned = stuck.pinned;
	result->out_no_memory = min(drained.no_memory, stuck.left);
	result->out_busy = cdm_stuck_busy(&stuck, &drained);
	if (!goes_on)
		drain_give_up(region);
	return rc;
}

/**
 * cdm_region_offline() - drain a region and hold it
 * @region: the region; the caller holds cdm_region.life for reading
 * @file: whose drain it is
 * @timeout_ms: 0 for no limit
 * @keep: go on draining when the time is up, until @file says otherwise
 * @result: the out_* fields are set
 *
 * Context: may sleep, interruptible; takes cdm_region.admin.
 * Return: 0, or the errno that CDM_OFFLINE documents.
 */
int cdm_region_offline(struct cdm_region *region, struct file *file,
		       u64 timeout_ms, bool keep, struct cdm_offline *result)
{
	int rc;

	rc = cdm_region_admin_lock(region);
	if (rc)
		return rc;
	rc = offline_locked(region, file, timeout_ms, keep, result);
	mutex_unlock(&region->admin);
	return rc;
}

/**
 * cdm_region_resume() - end the drain of a file
 * @region: the region; the caller holds cdm_region.life for reading
 * @file: the file; nothing happens if it does not drain the region
 *
 * Context: may sleep; takes cdm_region.admin.
 */
void cdm_region_resume(struct cdm_region *region, struct file *file)
{
	/* Nobody else's drain is waited for: see drain_begin(). */
	if (READ_ONCE(region->drainer) != file)
		return;
	mutex_lock(&region->admin);
	/* What was vacated stays so: its memory is about to go. */
	if (region->state == CDM_DRAINING && region->drainer == file &&
	    !READ_ONCE(region->leaving))
		drain_give_up(region);
	mutex_unlock(&region->admin);
}
