/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libcdm: find, take into use, fill, empty and give back CXL memory expanders.
 *
 * Rules for all functions:
 *
 *  - What can fail returns a negative errno; cdm_get_error() then has a sentence
 *    for people: what was tried, what stood in the way, what to do. 0 is done,
 *    and CDM_ALREADY (1) is "it was so already, nothing was changed".
 *  - Sizes, addresses, counts of pages: always bytes. Times: milliseconds.
 *  - cdm_X_get_Y() does no I/O and cannot fail; what does I/O is called read,
 *    refresh, run or find.
 *  - Strings and objects that a getter returns belong to the object that was
 *    asked. Getters return NULL for "there is none".
 *  - Structs that are handed out by pointer (struct cdm_progress and others) may
 *    grow at the end in later releases: do not copy or allocate them.
 *  - A context, and everything that comes from it, is used by one thread at a
 *    time; contexts are independent of each other. cdm_job_cancel() alone may be
 *    called from anywhere.
 *  - The library never prints, never exits, installs no signal handler and
 *    starts no process.
 *
 * isolation levels, roles and the CDM_WHERE_* places are the kernel's and come
 * from <linux/cdm.h>.
 */
#ifndef _CDM_LIBCDM_H
#define _CDM_LIBCDM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/cdm.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cdm_ctx;
struct cdm_region;
struct cdm_block;
struct cdm_expander;
struct cdm_job;
struct cdm_process;
struct cdm_mapping;
struct cdm_users;
struct cdm_user;
struct cdm_monitor;
struct cdm_event;
struct cdm_check;
struct cdm_finding;

/** Returned by what had nothing to do. */
#define CDM_ALREADY	1

/*
 * --- context ---------------------------------------------------------------
 */

/**
 * cdm_log_fn - receives one log message
 * @data: as given to cdm_set_log_fn()
 * @priority: LOG_ERR to LOG_DEBUG of <syslog.h>
 * @message: one line without newline; valid during the call
 */
typedef void (*cdm_log_fn)(void *data, int priority, const char *message);

/**
 * cdm_new() - make a context
 * @ctx: where to store it
 *
 * Reads the environment: LIBCDM_LOG (err, warning, notice, info, debug or a
 * number) sets the log priority, LIBCDM_ROOT a folder in which sys/, proc/,
 * dev/, run/ and etc/ are looked for instead of / (for tests; ignored in
 * set-uid programs). No device is touched, and a missing module is no error.
 *
 * Returns: 0, or -ENOMEM. Free with cdm_unref(). Since: 0.1
 */
int cdm_new(struct cdm_ctx **ctx);
struct cdm_ctx *cdm_ref(struct cdm_ctx *ctx);
/** Returns: NULL, so that "ctx = cdm_unref(ctx)" forgets it. NULL is allowed. */
struct cdm_ctx *cdm_unref(struct cdm_ctx *ctx);

/** cdm_set_log_fn() - where log messages go; NULL (the default) drops them */
void cdm_set_log_fn(struct cdm_ctx *ctx, cdm_log_fn fn, void *data);
/** cdm_set_log_priority() - log up to this priority; LOG_ERR by default */
void cdm_set_log_priority(struct cdm_ctx *ctx, int priority);
int cdm_get_log_priority(struct cdm_ctx *ctx);

/** cdm_set_root() - as LIBCDM_ROOT. Returns: 0, -ENOMEM. Since: 0.1 */
int cdm_set_root(struct cdm_ctx *ctx, const char *path);

/**
 * cdm_get_error() - what the last failed call of this context ran into
 *
 * Returns: a sentence without newline, such as "offline cdm0: 3 pages pinned by
 * pid 812 (qemu-system-x86); stop it or use --timeout"; "" when nothing has
 * failed. Valid until the next call on the context. Since: 0.1
 */
const char *cdm_get_error(struct cdm_ctx *ctx);

/** cdm_version() - version of the library, such as "0.1.0" */
const char *cdm_version(void);

/**
 * cdm_refresh() - look again at regions and expanders
 *
 * The lists are read when they are first asked for and stay as they were until
 * this call, cdm_region_refresh(), or a job that changed something. Objects of
 * devices that are still there stay the same objects; the others are dropped,
 * unless somebody holds a reference to them.
 *
 * Returns: 0, or negative errno when sysfs could not be read. Since: 0.1
 */
int cdm_refresh(struct cdm_ctx *ctx);

/*
 * --- the module -------------------------------------------------------------
 */

/** cdm_module_is_loaded() - is /sys/module/cdm there? */
bool cdm_module_is_loaded(struct cdm_ctx *ctx);
/**
 * cdm_module_load() - load the cdm module as modprobe does, through libkmod
 *
 * Returns: 0, CDM_ALREADY, -ENOENT (not installed for this kernel), -EPERM,
 * -EKEYREJECTED (not signed, and Secure Boot asks for it), ... Since: 0.1
 */
int cdm_module_load(struct cdm_ctx *ctx);
/**
 * cdm_module_read_version() - MODULE_VERSION of the loaded module
 * Returns: length of the string in @buf, -ENOENT (not loaded). Since: 0.1
 */
int cdm_module_read_version(struct cdm_ctx *ctx, char *buf, size_t size);
/**
 * cdm_module_read_claim() - does the module claim new dax devices by itself?
 * Returns: 1, 0, -ENOENT (not loaded). Since: 0.1
 */
int cdm_module_read_claim(struct cdm_ctx *ctx);

/*
 * --- names ------------------------------------------------------------------
 */

/** Returns: "none", "private", ...; "unknown" for other numbers. */
const char *cdm_isolation_get_name(int isolation);
/** Returns: the level (enum cdm_isolation), -EINVAL for other words. */
int cdm_isolation_from_name(const char *name);
/** Returns: "idle", "coherent", ...; "unknown" for other numbers. */
const char *cdm_role_get_name(int role);

/*
 * --- regions: /sys/bus/cdm/devices/cdmN -------------------------------------
 */

enum cdm_state {
	CDM_STATE_UNKNOWN = 0,
	CDM_STATE_HELD,		/* claimed, no page of it is in use */
	CDM_STATE_ONLINE,	/* has a level; pages are handed out on request */
	CDM_STATE_DRAINING,	/* pages are being moved out */
};

/** Returns: "held", "online", "draining" or "unknown". */
const char *cdm_state_get_name(enum cdm_state state);

/**
 * cdm_region_get_first() - first region, in the order of their numbers
 *
 * Reads the list when that has not been done. No module: no regions.
 *
 * Returns: a region that belongs to the context, or NULL. Since: 0.1
 */
struct cdm_region *cdm_region_get_first(struct cdm_ctx *ctx);
struct cdm_region *cdm_region_get_next(struct cdm_region *region);

#define cdm_region_foreach(ctx, region)					\
	for (region = cdm_region_get_first(ctx); region != NULL;	\
	     region = cdm_region_get_next(region))

struct cdm_region *cdm_region_ref(struct cdm_region *region);
struct cdm_region *cdm_region_unref(struct cdm_region *region);

/** cdm_region_find() - by name ("cdm0", "/dev/cdm0"); NULL if there is none */
struct cdm_region *cdm_region_find(struct cdm_ctx *ctx, const char *name);
/** cdm_region_find_id() - by number; NULL if there is none */
struct cdm_region *cdm_region_find_id(struct cdm_ctx *ctx, int id);

/**
 * cdm_region_refresh() - read the attributes again
 * Returns: 0, -ENODEV when the region has gone. Since: 0.1
 */
int cdm_region_refresh(struct cdm_region *region);

struct cdm_ctx *cdm_region_get_ctx(struct cdm_region *region);
/** number N of cdmN; also the place (CDM_WHERE_*) that means this region */
int cdm_region_get_id(struct cdm_region *region);
const char *cdm_region_get_name(struct cdm_region *region);
/** path of the device node, such as "/dev/cdm0" */
const char *cdm_region_get_devnode(struct cdm_region *region);
/** dax device that was claimed, such as "dax0.0" */
const char *cdm_region_get_dax_name(struct cdm_region *region);
/** expander it comes from: the first one if it is interleaved; NULL: unknown */
struct cdm_expander *cdm_region_get_expander(struct cdm_region *region);
/** CXL region it comes from, such as "region0"; NULL if not CXL */
const char *cdm_region_get_cxl_region(struct cdm_region *region);
/** NUMA node that the firmware gave it; -1 for none */
int cdm_region_get_node(struct cdm_region *region);
enum cdm_state cdm_region_get_state(struct cdm_region *region);
int cdm_region_get_isolation(struct cdm_region *region);
/** physical address of the first byte */
uint64_t cdm_region_get_resource(struct cdm_region *region);
uint64_t cdm_region_get_size(struct cdm_region *region);
/** unit in which memory is taken into use and given back */
uint64_t cdm_region_get_block_size(struct cdm_region *region);
/** part of the size that is online */
uint64_t cdm_region_get_online_size(struct cdm_region *region);
uint64_t cdm_region_get_used(struct cdm_region *region);
uint64_t cdm_region_get_available(struct cdm_region *region);
/** in use, and in a block that is being drained */
uint64_t cdm_region_get_draining(struct cdm_region *region);
/** bad pages, out of use for ever */
uint64_t cdm_region_get_retired(struct cdm_region *region);
/** bytes at the ends that are no whole block and therefore not used */
uint64_t cdm_region_get_cut(struct cdm_region *region);
/** ordinary memory that the memory map of this region takes */
uint64_t cdm_region_get_memmap_ram(struct cdm_region *region);
/** is the memory map kept in the blocks themselves? */
bool cdm_region_get_memmap_on_block(struct cdm_region *region);

/**
 * cdm_region_read_blocks() - read the blocks, by CDM_BLOCKS
 *
 * Replaces what an earlier call read. Needs read access to the device node.
 *
 * Returns: number of blocks, -ENODEV, -EACCES, ... Since: 0.1
 */
int cdm_region_read_blocks(struct cdm_region *region);
struct cdm_block *cdm_block_get_first(struct cdm_region *region);
struct cdm_block *cdm_block_get_next(struct cdm_block *block);

#define cdm_block_foreach(region, block)				\
	for (block = cdm_block_get_first(region); block != NULL;	\
	     block = cdm_block_get_next(block))

unsigned int cdm_block_get_index(struct cdm_block *block);
uint64_t cdm_block_get_start(struct cdm_block *block);
uint64_t cdm_block_get_length(struct cdm_block *block);
/** enum cdm_role */
int cdm_block_get_role(struct cdm_block *block);
/** bytes that can be handed out: less than the length if the memory map is in it */
uint64_t cdm_block_get_total(struct cdm_block *block);
uint64_t cdm_block_get_used(struct cdm_block *block);
uint64_t cdm_block_get_retired(struct cdm_block *block);
bool cdm_block_is_online(struct cdm_block *block);
bool cdm_block_is_draining(struct cdm_block *block);

/*
 * --- expanders: where regions come from --------------------------------------
 */

enum cdm_expander_kind {
	CDM_EXPANDER_CXL,	/* a CXL memory device, memN */
	CDM_EXPANDER_DAX,	/* a volatile dax device of other origin, daxN.N:
				 * memory that the firmware set apart (EFI specific
				 * purpose, HMAT) or a CXL region without memdev */
};

/**
 * cdm_expander_get_first() - first expander: memdevs, then other dax devices
 *
 * Reads through libcxl and sysfs when that has not been done. Persistent memory
 * (dax devices of libnvdimm, pmem partitions) is left out.
 *
 * Returns: an expander that belongs to the context, or NULL. Since: 0.1
 */
struct cdm_expander *cdm_expander_get_first(struct cdm_ctx *ctx);
struct cdm_expander *cdm_expander_get_next(struct cdm_expander *expander);

#define cdm_expander_foreach(ctx, expander)				\
	for (expander = cdm_expander_get_first(ctx); expander != NULL;	\
	     expander = cdm_expander_get_next(expander))

struct cdm_expander *cdm_expander_ref(struct cdm_expander *expander);
struct cdm_expander *cdm_expander_unref(struct cdm_expander *expander);

enum cdm_expander_kind cdm_expander_get_kind(struct cdm_expander *expander);
/** "mem0", or the dax device, "dax1.0" */
const char *cdm_expander_get_name(struct cdm_expander *expander);
/** CXL serial number; 0 if it has none */
uint64_t cdm_expander_get_serial(struct cdm_expander *expander);
/** PCI address, "0000:35:00.0"; NULL if it is no PCI device */
const char *cdm_expander_get_pci(struct cdm_expander *expander);
/** bytes of volatile memory */
uint64_t cdm_expander_get_ram_size(struct cdm_expander *expander);
/** NUMA node of the memory if known, else of the device; -1 for none */
int cdm_expander_get_node(struct cdm_expander *expander);
/** CXL region that uses it ("region0", the first if several); NULL if none */
const char *cdm_expander_get_cxl_region(struct cdm_expander *expander);
/** UUID of that region as text; NULL: volatile regions seldom have one */
const char *cdm_expander_get_uuid(struct cdm_expander *expander);
/** dax device made of it; NULL if there is none yet */
const char *cdm_expander_get_dax_name(struct cdm_expander *expander);
/** driver of that: "cdm", "kmem", "device_dax"; NULL if none holds it */
const char *cdm_expander_get_dax_driver(struct cdm_expander *expander);
/** cdm region made of it; NULL if there is none */
struct cdm_region *cdm_expander_get_region(struct cdm_expander *expander);

/**
 * cdm_find_target() - what a word on a command line means
 * @target: "mem0", "0" (the same), "0000:35:00.0", "serial:0x1234", "region0",
 *	"dax0.0", "cdm0", or a path of a device node of these
 * @expander: out: the expander, or NULL if it is a region of unknown origin
 * @region: out: its cdm region, or NULL if it has none yet
 *
 * Returns: 0, -ENOENT if there is no such thing, -EINVAL if it is none of these
 * words. Since: 0.1
 */
int cdm_find_target(struct cdm_ctx *ctx, const char *target,
		    struct cdm_expander **expander, struct cdm_region **region);

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
 * @step: what is being done, for people: "create region", "wait for dax device",
 *	"claim", "online", "drain", "release", "destroy region", "migrate"
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
 * The run then fails with -ETIMEDOUT: an online or offline is rolled back, a
 * migration stops where it is. Waiting for a dax device to appear is bounded
 * (10 s) without it too.
 */
void cdm_job_set_timeout(struct cdm_job *job, uint64_t timeout_ms);
/** cdm_job_set_dry_run() - change nothing; results say what would be done */
void cdm_job_set_dry_run(struct cdm_job *job, bool dry_run);
/** cdm_job_set_force() - offline: start although RAM seems too small */
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

/** cdm_job_set_length() - online: bytes to take into use; 0 (default) for all */
void cdm_job_set_length(struct cdm_job *job, uint64_t length);
/** cdm_job_set_memmap_on_block() - online: keep struct pages in the block */
void cdm_job_set_memmap_on_block(struct cdm_job *job, bool on_block);

/**
 * cdm_job_online() - take an expander into use
 * @target: as in cdm_find_target()
 * @isolation: the level; CDM_ISOLATION_NONE claims the device and holds it
 *
 * Does what is missing, each step undone if a later one fails: loads the modules
 * (libkmod), creates and commits a CXL region for a memdev that has none
 * (libcxl, as "cxl create-region -t ram" does), waits for its dax device (udev
 * event), has cdm claim that, gives it the level (CDM_ONLINE). A dax device that
 * device_dax holds is taken from it; from kmem only if all its memory blocks
 * are or go offline (libdaxctl).
 *
 * Returns: 0; CDM_ALREADY if it has this level and length; -ENOENT: no such
 * target; -EBUSY: kmem holds it and its memory is in use, or it has another
 * level; -EOPNOTSUPP: the kernel has no such level, or cannot commit regions;
 * -EPERM; -ETIMEDOUT; -ECANCELED; ... Since: 0.1
 */
int cdm_job_online(struct cdm_job *job, const char *target, int isolation);

/**
 * cdm_job_set_isolation() - change the level of a region
 *
 * A held region goes online, CDM_ISOLATION_NONE drains it. Another level means
 * draining first, unless the kernel can do it in place; if the drain fails the
 * region keeps the level it had.
 *
 * Returns: as cdm_job_online() and cdm_job_offline(). Since: 0.1
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
 * struct cdm_drain - what an offline did, in bytes
 * @moved: brought back to RAM
 * @left: still in use
 * @pinned: of @left, held by a reference
 * @busy: of @left, locked or in transit at the last try
 * @no_memory: of @left, no room in RAM
 * @needed: in use at the start
 * @ram_available: MemAvailable at the start
 * @swap_free: SwapFree at the start
 * @fits: @needed seems to fit
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
 * Returns: 0; CDM_ALREADY if it was held (and nothing was to be released);
 * -ENOENT: no such target, or not claimed by cdm; -ENOMEM: RAM too small;
 * -EBUSY: somebody else drains it; -ETIMEDOUT; -ECANCELED; -EPERM; ...
 * Since: 0.1
 */
int cdm_job_offline(struct cdm_job *job, const char *target);

/** cdm_job_get_drain() - Returns: figures of the last run, never NULL. */
const struct cdm_drain *cdm_job_get_drain(struct cdm_job *job);
/**
 * cdm_job_get_holders() - who kept pages when an offline failed
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
/** cdm_job_set_workers() - migrate: threads, 1 to 64; 0 (default): the module's */
int cdm_job_set_workers(struct cdm_job *job, unsigned int workers);
/** cdm_job_set_rate() - migrate: at most so many bytes per second; 0: no limit */
void cdm_job_set_rate(struct cdm_job *job, uint64_t bytes_per_second);
/** cdm_job_set_populate() - migrate: make pages where nothing was touched yet */
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
 * @moved: moved; with a dry run, that would be tried
 * @populated: made and cleared at the destination
 * @already: at the (or a) destination before
 * @filtered: neither at the destination nor where cdm_job_set_from() said
 * @not_present: never touched, zero page, or swapped out
 * @busy: stayed: pinned, locked or in transit
 * @shared: stayed: other processes map it too
 * @file: stayed: belongs to a file or shared memory
 * @huge: stayed: this kernel cannot split the folio
 * @unsupported: stayed: a mapping that cannot move
 * @no_space: stayed: no destination had room
 * @retired: could not be read and is being retired
 * @unmapped: no mapping there
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

/*
 * --- where the pages of a process are -----------------------------------------
 */

/**
 * cdm_process_read() - read the mappings of a process and where their pages are
 * @pid: 0 for the caller
 *
 * /proc/PID/maps and CDM_RESIDENCY. A picture, not a lock: the process goes on.
 * Without any region every page that is present counts as CDM_WHERE_RAM (from
 * /proc/PID/smaps).
 *
 * Returns: 0, -ESRCH, -EPERM (no CAP_SYS_PTRACE), ... Free with
 * cdm_process_unref(). Since: 0.1
 */
int cdm_process_read(struct cdm_ctx *ctx, pid_t pid, struct cdm_process **process);
struct cdm_process *cdm_process_ref(struct cdm_process *process);
struct cdm_process *cdm_process_unref(struct cdm_process *process);

pid_t cdm_process_get_pid(struct cdm_process *process);
/** name of the command, as in /proc/PID/comm */
const char *cdm_process_get_comm(struct cdm_process *process);
/** cgroup (version 2 path), or NULL */
const char *cdm_process_get_cgroup(struct cdm_process *process);
/**
 * cdm_process_get_bytes() - bytes at one place, over all mappings
 * @where: id of a region, CDM_WHERE_RAM, _NONE (absent), _SWAP, _OTHER
 */
uint64_t cdm_process_get_bytes(struct cdm_process *process, int where);

struct cdm_mapping *cdm_mapping_get_first(struct cdm_process *process);
struct cdm_mapping *cdm_mapping_get_next(struct cdm_mapping *mapping);

#define cdm_mapping_foreach(process, mapping)				\
	for (mapping = cdm_mapping_get_first(process); mapping != NULL;	\
	     mapping = cdm_mapping_get_next(mapping))

uint64_t cdm_mapping_get_start(struct cdm_mapping *mapping);
/** first byte behind it */
uint64_t cdm_mapping_get_end(struct cdm_mapping *mapping);
/** four characters, "rw-p" */
const char *cdm_mapping_get_perms(struct cdm_mapping *mapping);
/** "/usr/lib/...", "[heap]", or "" for anonymous memory */
const char *cdm_mapping_get_name(struct cdm_mapping *mapping);
/** as cdm_process_get_bytes() */
uint64_t cdm_mapping_get_bytes(struct cdm_mapping *mapping, int where);

/** one run of pages; Returns: 0 to go on, anything else ends the walk */
typedef int (*cdm_extent_fn)(void *data, uint64_t addr, uint64_t length, int where);
/**
 * cdm_read_extents() - where the pages of a range are, run by run
 *
 * Addresses that nothing maps are left out; neighbours in the same place are
 * joined. Returns: 0, what @fn returned, -ENODEV (no region), -ESRCH, -EPERM,
 * -EINVAL. Since: 0.1
 */
int cdm_read_extents(struct cdm_ctx *ctx, pid_t pid, uint64_t addr, uint64_t length,
		     cdm_extent_fn fn, void *data);

/*
 * --- who uses a region ---------------------------------------------------------
 */

/** why a user keeps pages, as far as it can be told */
enum cdm_hold {
	CDM_HOLD_USES,		/* uses them; nothing is known to be in the way */
	CDM_HOLD_PINNED,	/* maps pages that something holds a reference to */
	CDM_HOLD_BUSY,		/* maps pages that were locked or in transit */
	CDM_HOLD_NO_MEMORY,	/* maps pages for which RAM has no room */
	CDM_HOLD_KERNEL,	/* no process maps them: pipe, socket, I/O in flight */
};

/** Returns: "uses", "pinned", "busy", "no-memory" or "kernel". */
const char *cdm_hold_get_name(enum cdm_hold hold);

/**
 * cdm_users_read() - the processes that have pages on a region
 * @region: NULL for all regions together
 *
 * Asks for every process of /proc. Needs CAP_SYS_PTRACE for those of others;
 * what cannot be looked at is counted by cdm_users_get_hidden().
 *
 * Returns: 0, -ENODEV, -EACCES, ... Free with cdm_users_unref(). Since: 0.1
 */
int cdm_users_read(struct cdm_ctx *ctx, struct cdm_region *region,
		   struct cdm_users **users);
struct cdm_users *cdm_users_ref(struct cdm_users *users);
struct cdm_users *cdm_users_unref(struct cdm_users *users);
/** number of processes that could not be asked */
unsigned int cdm_users_get_hidden(struct cdm_users *users);

/** largest first; the kernel, if any, last */
struct cdm_user *cdm_user_get_first(struct cdm_users *users);
struct cdm_user *cdm_user_get_next(struct cdm_user *user);

#define cdm_user_foreach(users, user)					\
	for (user = cdm_user_get_first(users); user != NULL;		\
	     user = cdm_user_get_next(user))

/** 0: the kernel (enum cdm_hold says CDM_HOLD_KERNEL) */
pid_t cdm_user_get_pid(struct cdm_user *user);
uid_t cdm_user_get_uid(struct cdm_user *user);
const char *cdm_user_get_comm(struct cdm_user *user);
/** version 2 path; NULL if unknown */
const char *cdm_user_get_cgroup(struct cdm_user *user);
/** bytes mapped; pages that several processes map count for each of them */
uint64_t cdm_user_get_bytes(struct cdm_user *user);
enum cdm_hold cdm_user_get_hold(struct cdm_user *user);

/*
 * --- events ----------------------------------------------------------------------
 */

/**
 * cdm_monitor_new() - listen to the kernel's events of cdm, dax and cxl devices
 *
 * Through udev when it runs (so that links and permissions are in place), else
 * from the kernel directly. Events from before this call are not seen: make the
 * monitor first, then read the lists.
 *
 * Returns: 0, -ENOMEM, ... Free with cdm_monitor_unref(). Since: 0.1
 */
int cdm_monitor_new(struct cdm_ctx *ctx, struct cdm_monitor **monitor);
struct cdm_monitor *cdm_monitor_ref(struct cdm_monitor *monitor);
struct cdm_monitor *cdm_monitor_unref(struct cdm_monitor *monitor);
/** to poll() for POLLIN; belongs to the monitor */
int cdm_monitor_get_fd(struct cdm_monitor *monitor);
/**
 * cdm_monitor_read() - take the next event
 *
 * Does not block. Returns: 0 and an event to be freed with cdm_event_unref();
 * -EAGAIN: none now; -ENOBUFS: some were lost, read the lists again. Since: 0.1
 */
int cdm_monitor_read(struct cdm_monitor *monitor, struct cdm_event **event);
/**
 * cdm_monitor_wait() - poll() and cdm_monitor_read() in one
 * @timeout_ms: -1 for ever. Returns: as above; -EAGAIN after the time; -EINTR.
 */
int cdm_monitor_wait(struct cdm_monitor *monitor, int timeout_ms,
		     struct cdm_event **event);

struct cdm_event *cdm_event_ref(struct cdm_event *event);
struct cdm_event *cdm_event_unref(struct cdm_event *event);
/** when it was received: microseconds since 1970 */
uint64_t cdm_event_get_time_us(struct cdm_event *event);
/** "cdm", "dax" or "cxl" */
const char *cdm_event_get_subsystem(struct cdm_event *event);
/** "cdm0", "dax0.0", "mem0", ... */
const char *cdm_event_get_device(struct cdm_event *event);
/**
 * cdm_event_get_kind() - what happened
 * Returns: CDM_EVENT_* of <linux/cdm.h> ("online", "offline", "drain", "stuck",
 * "resume", "retire"), or udev's action ("add", "remove", "bind", "unbind",
 * "change", "move", ...).
 */
const char *cdm_event_get_kind(struct cdm_event *event);
/** cdm_event_get_value() - of a property, such as "CDM_LEFT"; NULL if not there */
const char *cdm_event_get_value(struct cdm_event *event, const char *key);
/**
 * cdm_event_get_detail() - the properties that cdm adds, one by one
 * @index: 0 and up
 * @key: out: "isolation", "left", "pinned", "pfn", ...: CDM_ is taken off and
 *	letters are small
 * @value: out
 *
 * Returns: true, false when there are no more. Since: 0.1
 */
bool cdm_event_get_detail(struct cdm_event *event, unsigned int index,
			  const char **key, const char **value);

/*
 * --- what stands in the way here --------------------------------------------------
 */

enum cdm_severity {
	CDM_SEVERITY_INFO,	/* good to know */
	CDM_SEVERITY_WARNING,	/* works, but may surprise */
	CDM_SEVERITY_ERROR,	/* does not work until this is put right */
};

/** Returns: "info", "warning" or "error". */
const char *cdm_severity_get_name(enum cdm_severity severity);

/**
 * cdm_check_run() - look at kernel, module, tools, policy and hardware
 *
 * Changes nothing. What cannot be looked at without privileges is itself a
 * finding ("unprivileged").
 *
 * Returns: 0 (findings or not), -ENOMEM. Free with cdm_check_unref(). Since: 0.1
 */
int cdm_check_run(struct cdm_ctx *ctx, struct cdm_check **check);
struct cdm_check *cdm_check_ref(struct cdm_check *check);
struct cdm_check *cdm_check_unref(struct cdm_check *check);

/** gravest first */
struct cdm_finding *cdm_finding_get_first(struct cdm_check *check);
struct cdm_finding *cdm_finding_get_next(struct cdm_finding *finding);

#define cdm_finding_foreach(check, finding)				\
	for (finding = cdm_finding_get_first(check); finding != NULL;	\
	     finding = cdm_finding_get_next(finding))

/** a stable word for programs, such as "module-missing" (see libcdm-check(3)) */
const char *cdm_finding_get_id(struct cdm_finding *finding);
enum cdm_severity cdm_finding_get_severity(struct cdm_finding *finding);
/** what is so */
const char *cdm_finding_get_what(struct cdm_finding *finding);
/** what to do about it; NULL for nothing */
const char *cdm_finding_get_fix(struct cdm_finding *finding);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* _CDM_LIBCDM_H */
