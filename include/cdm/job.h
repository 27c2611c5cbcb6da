/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libcdm: jobs: take into use, drain, move pages. */
#ifndef _CDM_JOB_H
#define _CDM_JOB_H

#include <cdm/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * --- jobs: what takes time ---------------------------------------------------
 *
 * A job is made once, set up, and run by one of cdm_job_online(),
 * cdm_job_offline(), cdm_job_set_isolation() and cdm_job_migrate(). It may be
 * run again; results are those of the last run. Set what does not concern the
 * run and it is ignored.
 */

/**
 * struct cdm_progress - how far a job is
 * @step: what is being done, for people: "load module", "create region", "enable
 *	region", "wait for dax device", "offline memory of kmem", "claim", "online",
 *	"drain", "release", "destroy region", "set level", "migrate"
 * @object: what it is done to: "cdm0", "mem0", "pid 812"
 * @done: bytes done in this step: looked at (migrate) or moved (drain); 0 in
 *	steps without bytes, where @total is 0 too
 * @left: bytes still to do
 * @total: bytes that there were at the start; a drain may see it grow
 * @rate: bytes per second in the last second, of those moved
 * @elapsed_ms: since the start of the run
 * @moved: bytes moved so far
 * @pinned: drain: of @left, bytes that something holds a reference to
 * @busy: drain: of @left, bytes locked or in transit at the last try
 * @no_memory: drain: of @left, bytes for which RAM had no room
 */
struct cdm_progress {
	const char *step;
	const char *object;
	uint64_t done;
	uint64_t left;
	uint64_t total;
	uint64_t rate;
	uint64_t elapsed_ms;
	uint64_t moved;
	uint64_t pinned;
	uint64_t busy;
	uint64_t no_memory;
};

/**
 * cdm_progress_fn - called at each step and then about every interval
 * Returns: 0 to go on; anything else cancels the job, as cdm_job_cancel().
 */
typedef int (*cdm_progress_fn)(void *data, const struct cdm_progress *progress);

/** cdm_job_new() - Returns: 0, -ENOMEM. Since: 0.1 */
int cdm_job_new(struct cdm_ctx *ctx, struct cdm_job **job);
struct cdm_job *cdm_job_ref(struct cdm_job *job);
struct cdm_job *cdm_job_unref(struct cdm_job *job);

/**
 * cdm_job_set_progress() - be told
 * @interval_ms: 0 for the default of 200
 */
void cdm_job_set_progress(struct cdm_job *job, cdm_progress_fn fn, void *data,
			  unsigned int interval_ms);
/**
 * cdm_job_set_timeout() - give up after this long; 0 (default) for no limit
 *
 * The run then fails with -ETIMEDOUT: an online, an offline or a change of level is
 * rolled back, a migration stops where it is. Waiting for a dax device to appear is bounded
 * (10 s) without it too.
 */
void cdm_job_set_timeout(struct cdm_job *job, uint64_t timeout_ms);
/** cdm_job_set_dry_run() - change nothing; results say what would be done */
void cdm_job_set_dry_run(struct cdm_job *job, bool dry_run);
/**
 * cdm_job_set_force() - offline: start although RAM seems too small; set isolation:
 * although there seems to be no room for what the fullest block holds
 */
void cdm_job_set_force(struct cdm_job *job, bool force);

/**
 * cdm_job_cancel() - make the run that is under way end soon
 *
 * The run rolls back as after a timeout, and returns -ECANCELED. Only sets a
 * flag: may be called by a signal handler and by other threads. A run notices
 * within 300 ms, at once if a signal without SA_RESTART interrupts it. The flag
 * is cleared when a run ends.
 */
void cdm_job_cancel(struct cdm_job *job);

/* --- online --- */

/**
 * cdm_job_set_length() - online: bytes to take into use; set isolation: bytes that
 * shall have the level; 0 (default) for all
 */
void cdm_job_set_length(struct cdm_job *job, uint64_t length);
/** cdm_job_set_memmap_on_block() - online: keep struct pages in the block */
void cdm_job_set_memmap_on_block(struct cdm_job *job, bool on_block);
/**
 * cdm_job_set_max_bytes() - online: limit what one user may have, before anybody has any
 * @bytes: as for cdm_region_set_max_bytes(); 0 (the default) leaves it as it is
 */
void cdm_job_set_max_bytes(struct cdm_job *job, uint64_t bytes);

/**
 * cdm_job_online() - take an expander into use
 * @target: as in cdm_find_target()
 * @isolation: the level; CDM_ISOLATION_NONE claims the device and holds it
 *
 * Does what is missing, each step undone if a later one fails (but modules stay
 * loaded, and cdm holds on to what no other driver had): loads the modules
 * (libkmod), creates and commits a CXL region for a memdev that has none
 * (libcxl, as "cxl create-region -t ram" does), waits for its dax device (udev
 * event), has cdm claim that, gives it the level (CDM_ONLINE). A dax device that
 * device_dax holds is taken from it; from kmem only if all its memory blocks
 * are or go offline.
 *
 * Returns: 0; CDM_ALREADY if it has this level and length; -ENOENT: no such target;
 * -EINVAL: the length is no whole blocks; -ENOPKG: the module is not installed, or
 * not there; -EBUSY: kmem holds it and its memory is in use, or it has another
 * level; -EIO: the system refused a step in its own way; -EOPNOTSUPP: the kernel
 * has no such level, or cannot commit regions; -EPERM; -ETIMEDOUT; -ECANCELED; ...
 * Since: 0.1
 */
int cdm_job_online(struct cdm_job *job, const char *target, int isolation);

/**
 * cdm_job_set_isolation() - change the level of a region
 *
 * A held region goes online, CDM_ISOLATION_NONE drains it. Otherwise live data
 * stays in use: the kernel goes block by block and moves what is in the way to
 * other blocks or to RAM. Runs CDM_SET_ISOLATION in slices with
 * CDM_SET_ISOLATION_KEEP; when it fails, all blocks get their old level back
 * where that is possible, and the message says what there is.
 *
 * cdm_job_get_drain() has the figures, of a dry run too.
 *
 * Returns: 0; CDM_ALREADY; -EINVAL: no level, or a length that is no whole blocks;
 * -EXDEV: the node of the memory cannot hold these levels
 * together; -ERANGE: the level needs blocks of another size; -EOPNOTSUPP; -EBUSY;
 * -ENOMEM: no room for one block's data; -EPERM; -ETIMEDOUT; -ECANCELED; ...
 * Since: 0.1
 */
int cdm_job_set_isolation(struct cdm_job *job, struct cdm_region *region,
			  int isolation);

/** cdm_job_get_region() - the region of the last run; NULL if there is none */
struct cdm_region *cdm_job_get_region(struct cdm_job *job);

/* --- offline --- */

/**
 * cdm_job_set_release() - offline: hand the dax device back afterwards
 * @driver: "kmem", "device_dax", or NULL (default) to let cdm hold it
 *
 * Returns: 0, -EINVAL for other drivers, -ENOMEM.
 */
int cdm_job_set_release(struct cdm_job *job, const char *driver);
/** cdm_job_set_destroy_region() - offline: disable and destroy the CXL region */
void cdm_job_set_destroy_region(struct cdm_job *job, bool destroy);

/**
 * struct cdm_drain - what an offline or a change of level did, in bytes
 * @moved: brought back to RAM, or moved out of the way
 * @left: still in use
 * @pinned: of @left, held by a reference
 * @busy: of @left, locked or in transit at the last try
 * @no_memory: of @left, no room in RAM
 * @needed: in use at the start, of what was to go or to change
 * @ram_available: MemAvailable at the start
 * @swap_free: SwapFree at the start
 * @fits: there seems to be room
 * @length: change of level: bytes of the region that have the level now
 */
struct cdm_drain {
	uint64_t moved;
	uint64_t left;
	uint64_t pinned;
	uint64_t busy;
	uint64_t no_memory;
	uint64_t needed;
	uint64_t ram_available;
	uint64_t swap_free;
	bool fits;
	uint64_t length;
};

/**
 * cdm_job_offline() - bring everything back to RAM and hold the region idle
 * @target: as in cdm_find_target()
 *
 * All or nothing: when it fails the region is in service as before, except for
 * the pages that have moved. Then cdm_job_get_holders() tells who is in the way.
 * Refuses up front when MemAvailable and SwapFree together are smaller than what
 * is in use, unless forced. Runs CDM_OFFLINE in slices with CDM_OFFLINE_KEEP.
 *
 * Returns: 0; CDM_ALREADY if it was held (and nothing was to be released), or a
 * memdev without the CXL region that was to be destroyed; -ENOENT: no such target,
 * or not claimed by cdm; -EINVAL: it is to be released and its CXL region destroyed, or
 * it is not made of one; -ENOPKG: the driver to release to is not there; -ENOMEM:
 * RAM too small; -EBUSY: somebody else drains it; -ETIMEDOUT; -ECANCELED; -EPERM; ...
 * Since: 0.1
 */
int cdm_job_offline(struct cdm_job *job, const char *target);

/** cdm_job_get_drain() - Returns: figures of the last run, never NULL. */
const struct cdm_drain *cdm_job_get_drain(struct cdm_job *job);
/**
 * cdm_job_get_holders() - who kept pages when an offline failed; who uses the region
 * when a change of level failed and a page was pinned
 * Returns: a list that belongs to the job, or NULL if nobody did. Since: 0.1
 */
struct cdm_users *cdm_job_get_holders(struct cdm_job *job);

/* --- migrate --- */

/** cdm_job_add_pid() - migrate: this process; 0 for the caller */
int cdm_job_add_pid(struct cdm_job *job, pid_t pid);
/**
 * cdm_job_add_cgroup() - migrate: all processes of a cgroup and those below it
 * @path: as in /proc/PID/cgroup ("/system.slice/foo.service"), or the folder
 *	under /sys/fs/cgroup
 *
 * Processes that the group gains while the job runs are taken too (up to eight
 * passes). Returns: 0, -ENOENT, -ENOMEM. Since: 0.1
 */
int cdm_job_add_cgroup(struct cdm_job *job, const char *path);
/**
 * cdm_job_add_range() - migrate: only these addresses, of every process given
 * @addr: multiple of the page size
 * @length: bytes; a multiple of the page size, not 0
 *
 * Returns: 0, -EINVAL (alignment, wrap), -ENOMEM. Without ranges: all that
 * /proc/PID/maps names. Since: 0.1
 */
int cdm_job_add_range(struct cdm_job *job, uint64_t addr, uint64_t length);
/**
 * cdm_job_set_from() - migrate: only pages that are there
 * @where: CDM_WHERE_ANY (default), CDM_WHERE_RAM, or the id of a region
 */
void cdm_job_set_from(struct cdm_job *job, int where);
/**
 * cdm_job_add_to() - migrate: a place to move to
 * @where: CDM_WHERE_RAM, or the id of a region
 *
 * Several regions are tried in the order given when one is full.
 *
 * Returns: 0, -EINVAL (CDM_WHERE_RAM together with others), -ENOMEM. Since: 0.1
 */
int cdm_job_add_to(struct cdm_job *job, int where);
/**
 * cdm_job_set_workers() - migrate: threads, 1 to 64; 0 (default): the module's
 *
 * More than the default needs CAP_SYS_NICE, and is cut to it otherwise.
 * Returns: 0, -EINVAL for more than 64. Since: 0.1
 */
int cdm_job_set_workers(struct cdm_job *job, unsigned int workers);
/**
 * cdm_job_set_rate() - migrate: at most so many bytes per second; 0: no limit
 *
 * Over time: pages move in steps of up to 2 MiB, so that no huge page is split for it.
 */
void cdm_job_set_rate(struct cdm_job *job, uint64_t bytes_per_second);
/**
 * cdm_job_set_populate() - migrate: make pages where nothing was touched yet
 *
 * The destination must be a region.
 */
void cdm_job_set_populate(struct cdm_job *job, bool populate);
/** cdm_job_set_shared() - migrate: pages of several processes too; CAP_SYS_NICE */
void cdm_job_set_shared(struct cdm_job *job, bool shared);

/**
 * struct cdm_counts - what became of the pages, in bytes
 *
 * Every page that was looked at is counted in one of @moved to @unmapped, which
 * add up to @total; the meaning is that of struct cdm_migrate in <linux/cdm.h>.
 *
 * @total: looked at
 * @moved: moved; with a dry run, that would be tried, and that there is room for
 * @populated: made and cleared at the destination
 * @already: at the (or a) destination before
 * @filtered: neither at the destination nor where cdm_job_set_from() said
 * @not_present: never touched, zero page, swapped out, or a guard page
 * @busy: stayed: pinned, locked, in transit or bad
 * @shared: stayed: other processes map it too, or KSM has merged it
 * @file: stayed: belongs to a file, shared or secret memory
 * @huge: stayed: this kernel cannot split the folio
 * @unsupported: stayed: a mapping that cannot move
 * @no_space: stayed: no destination had room, or the limit for one user is reached
 * @retired: could not be read and is being retired
 * @unmapped: no mapping there
 * @whole: of @moved, as part of huge pages that are huge at the destination too
 * @split: of @moved, of huge pages that became small ones
 * @processes: processes looked at (not bytes)
 * @vanished: of those, that ended meanwhile
 * @refused: of those, that the caller may not touch
 * @regions: destinations that got anything
 */
struct cdm_counts {
	uint64_t total;
	uint64_t moved;
	uint64_t populated;
	uint64_t already;
	uint64_t filtered;
	uint64_t not_present;
	uint64_t busy;
	uint64_t shared;
	uint64_t file;
	uint64_t huge;
	uint64_t unsupported;
	uint64_t no_space;
	uint64_t retired;
	uint64_t unmapped;
	uint64_t whole;
	uint64_t split;
	uint64_t processes;
	uint64_t vanished;
	uint64_t refused;
	uint64_t regions;
};

/**
 * cdm_job_migrate() - move pages by virtual address, by CDM_MIGRATE
 *
 * Works in calls of at most CDM_CALL_MS. Pages that stay are no error: read the
 * counts, which are valid after an error too.
 *
 * Returns: 0; -EINVAL: no process or destination given; -ENODEV: no such region;
 * -ESRCH: the only process has gone; -EPERM: it may not be touched, as of the
 * first one of several only if all are so; -EBUSY: the destination is held or
 * draining; -ETIMEDOUT; -ECANCELED; ... Since: 0.1
 */
int cdm_job_migrate(struct cdm_job *job);

/** cdm_job_get_counts() - Returns: counts of the last run, never NULL. */
const struct cdm_counts *cdm_job_get_counts(struct cdm_job *job);
/**
 * cdm_counts_get_left() - bytes that were asked for and stayed although they
 * could not be said to be elsewhere: busy, shared, file, huge, unsupported,
 * no_space and retired
 */
uint64_t cdm_counts_get_left(const struct cdm_counts *counts);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* _CDM_JOB_H */
