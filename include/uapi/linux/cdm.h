/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * cdm: coherent device memory, the interface between kernel and user space.
 *
 * One region (one claimed dax device) is one device node, /dev/cdm0, and one
 * device of the bus "cdm", /sys/bus/cdm/devices/cdm0. Single values and states
 * are attributes there (docs/abi/); what has to happen as a whole is an ioctl.
 *
 * Rules for all of them:
 *
 *  - A struct begins with its size as the caller was compiled; the kernel
 *    accepts a smaller one, down to the size when the call was new, and a larger
 *    one as long as everything it does not know is zero. Outputs (out_*) are
 *    written up to the caller's size.
 *  - An unknown flag is EINVAL, and a call that fails with EINVAL, EPERM or
 *    E2BIG has changed nothing; nor has one that fails with EFAULT, unless the
 *    struct could be read but the outputs could not be written.
 *  - ENODEV: the region has gone, or leaves; close the file.
 *  - Lengths and addresses are bytes and must be multiples of the page size;
 *    counts are pages of the page size.
 *  - A call that walks memory works for at most CDM_CALL_MS and then returns 0
 *    with out_next short of the end: call again from there. A signal ends it
 *    the same way; with nothing done at all it is EINTR.
 */
#ifndef _UAPI_LINUX_CDM_H
#define _UAPI_LINUX_CDM_H

#include <linux/ioctl.h>
#include <linux/types.h>

/** The longest a CDM_MIGRATE or CDM_RESIDENCY call works, in milliseconds. */
#define CDM_CALL_MS		250

/**
 * enum cdm_isolation - who can get a page of a region, weakest last
 * @CDM_ISOLATION_NONE: held: the region has no pages yet
 * @CDM_ISOLATION_EXCLUSIVE: only by asking; a touch by the CPU brings it back
 * @CDM_ISOLATION_PRIVATE: only by asking; mapped, coherent, never on the LRU
 * @CDM_ISOLATION_RESERVED: only by asking; ordinary movable page
 * @CDM_ISOLATION_SHARED: everybody; ordinary movable page
 *
 * A level that this kernel or this module does not offer is EOPNOTSUPP.
 */
enum cdm_isolation {
	CDM_ISOLATION_NONE = 0,
	CDM_ISOLATION_EXCLUSIVE = 1,
	CDM_ISOLATION_PRIVATE = 2,
	CDM_ISOLATION_RESERVED = 3,
	CDM_ISOLATION_SHARED = 4,
};

/**
 * enum cdm_role - what the pages of a block are now
 * @CDM_ROLE_IDLE: the block has no struct pages
 * @CDM_ROLE_COHERENT: device pages that only cdm hands out
 * @CDM_ROLE_FILE: pages of cdmfs; not yet
 * @CDM_ROLE_EXCLUSIVE: device pages that the CPU cannot reach; not yet
 * @CDM_ROLE_SYSTEM: ordinary pages of the kernel
 * @CDM_ROLE_LOST: something kept a page for ever: the block is out of use; not yet
 */
enum cdm_role {
	CDM_ROLE_IDLE = 0,
	CDM_ROLE_COHERENT = 1,
	CDM_ROLE_FILE = 2,
	CDM_ROLE_EXCLUSIVE = 3,
	CDM_ROLE_SYSTEM = 4,
	CDM_ROLE_LOST = 5,
};

/*
 * Where a page is, or should go: the id of a region (0 and up), or one of
 * these.
 */
#define CDM_WHERE_ANY		(-1)	/* only as a filter: no matter where */
#define CDM_WHERE_RAM		(-2)	/* ordinary memory of any node */
#define CDM_WHERE_NONE		(-3)	/* nothing there yet, the zero page, or a guard page */
#define CDM_WHERE_SWAP		(-4)	/* swapped out */
#define CDM_WHERE_OTHER		(-5)	/* another driver's memory, in transit, or bad */

/**
 * struct cdm_online - CDM_ONLINE: give a held region a level
 * @size: sizeof(struct cdm_online)
 * @flags: CDM_ONLINE_*
 * @isolation: the level, enum cdm_isolation
 * @pad: zero
 * @length: bytes to take into use, a multiple of the block size; 0 for all
 * @out_length: bytes that are in use now
 *
 * Needs CAP_SYS_ADMIN. Blocks get their struct pages when they are first
 * needed, so this takes no time and no memory; blocks of CDM_ISOLATION_SHARED get
 * them at once. If one of those can not, the region is held again; if pages that
 * others took meanwhile can not be brought back within ten seconds, it stays in use
 * with the blocks that could. EALREADY: all of the region has that level and
 * length already, and its memory maps where they shall be. EBUSY: it has another, or
 * several, or it is being drained.
 *
 * For CDM_ISOLATION_RESERVED and CDM_ISOLATION_SHARED, which are memory of the
 * kernel's node: EXDEV: the node can not be both, in everybody's reach and out
 * of it: it has reserved memory already, or memory that is not (another region's,
 * or another driver's). ERANGE: the region's blocks are not whole memory blocks of
 * the kernel.
 */
struct cdm_online {
	__u32 size;
	__u32 flags;
	__u32 isolation;
	__u32 pad;
	__aligned_u64 length;
	__aligned_u64 out_length;
};

/**
 * Keep the memory map (struct page) of a block in the block itself;
 * CDM_ISOLATION_PRIVATE only, EOPNOTSUPP with another level.
 */
#define CDM_ONLINE_MEMMAP_ON_BLOCK	(1U << 0)

/**
 * struct cdm_offline - CDM_OFFLINE: drain a region and hold it idle again
 * @size: sizeof(struct cdm_offline)
 * @flags: CDM_OFFLINE_*
 * @timeout_ms: give up after this long; 0 for no limit
 * @out_moved: pages brought back to RAM by this call
 * @out_left: pages still in use
 * @out_pinned: of those, pages that something holds a reference to
 * @out_busy: of those, pages that were locked or in transit at the last try
 * @out_no_memory: of those, pages for which RAM had no room at the last try;
 *	what is none of these nobody came to in time
 *
 * Needs CAP_SYS_ADMIN. From the start of the drain no page of the region is
 * handed out. When the time runs out (ETIMEDOUT) or a signal comes (EINTR) all
 * blocks go back in service, except with CDM_OFFLINE_KEEP: then the drain
 * stays on until the next CDM_OFFLINE of this file or its close, which puts
 * them back. Callers that show progress call with a short @timeout_ms and
 * CDM_OFFLINE_KEEP until it returns 0. EALREADY: the region is held already.
 * EBUSY: another file drains it.
 */
struct cdm_offline {
	__u32 size;
	__u32 flags;
	__aligned_u64 timeout_ms;
	__aligned_u64 out_moved;
	__aligned_u64 out_left;
	__aligned_u64 out_pinned;
	__aligned_u64 out_busy;
	__aligned_u64 out_no_memory;
};

/** When the time runs out, keep on draining as long as this file is open. */
#define CDM_OFFLINE_KEEP		(1U << 0)
/**
 * Move nothing: end the drain of this file, if there is one, and put the blocks back.
 * Not together with CDM_OFFLINE_KEEP.
 */
#define CDM_OFFLINE_CANCEL		(1U << 1)

/**
 * struct cdm_migrate - CDM_MIGRATE: move the pages of a range of addresses
 * @size: sizeof(struct cdm_migrate)
 * @flags: CDM_MIGRATE_*
 * @pid: whose memory, in the caller's pid namespace; 0 for the caller's own
 * @from: move only pages that are there: CDM_WHERE_ANY, CDM_WHERE_RAM or the
 *	id of a region
 * @to: CDM_WHERE_RAM, or the id of the region that this file belongs to. To the kernel
 *	memory at CDM_ISOLATION_SHARED is RAM: where there is little else, pages go there
 * @workers: threads to work with, 1 to 64; 0 for the module's default, which
 *	is also the most that a caller without CAP_SYS_NICE gets
 * @addr: first byte
 * @length: bytes; the range may have holes, and may reach past the last mapping
 * @out_next: first byte not looked at; @addr + @length when all is done
 * @out_moved: pages moved (with CDM_MIGRATE_DRY_RUN: that would be tried)
 * @out_populated: pages made and cleared at @to where there was nothing
 * @out_already: pages that are at @to
 * @out_filtered: pages that are neither at @to nor at @from
 * @out_not_present: pages not there: never touched, zero page, swapped out, or a guard page
 * @out_busy: pages that stayed because they are pinned, locked, in transit or bad
 * @out_shared: pages that stayed because other processes map them too, or because KSM
 *	has merged them
 * @out_file: pages that stayed because they belong to a file, shared or secret memory
 * @out_huge: pages that stayed because this kernel cannot split their folio
 * @out_unsupported: pages in mappings that cannot move (hugetlb, device, DAX or
 *	special memory), those of another driver, and, on the way to a region, copies of
 *	a program's pages that it executes (with a breakpoint in them, say)
 * @out_no_space: pages that stayed because @to had no room, or the caller has as much
 *	of it as max_bytes in its sysfs directory allows
 * @out_retired: pages that could not be read and are being retired
 * @out_unmapped: pages of the range that no mapping covers
 * @out_whole: of @out_moved, pages that moved as part of a huge page which is
 *	huge at @to as well
 * @out_split: of @out_moved, pages of huge pages that became small ones: @to is
 *	CDM_ISOLATION_PRIVATE, this kernel can not move them whole, or there was no
 *	huge page to be had
 *
 * Everything in [@addr, @out_next) is counted once, so the counts from
 * @out_moved to @out_unmapped add up to its length.
 *
 * The caller's own memory needs no capability, somebody else's CAP_SYS_PTRACE
 * in the initial user namespace (EPERM, whether there is such a process or
 * not). ESRCH: no such process. EBUSY: the region, as @to, is held or draining.
 * EAGAIN: the address space was being changed all the time; try again.
 */
struct cdm_migrate {
	__u32 size;
	__u32 flags;
	__s32 pid;
	__s32 from;
	__s32 to;
	__u32 workers;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 out_next;
	__aligned_u64 out_moved;
	__aligned_u64 out_populated;
	__aligned_u64 out_already;
	__aligned_u64 out_filtered;
	__aligned_u64 out_not_present;
	__aligned_u64 out_busy;
	__aligned_u64 out_shared;
	__aligned_u64 out_file;
	__aligned_u64 out_huge;
	__aligned_u64 out_unsupported;
	__aligned_u64 out_no_space;
	__aligned_u64 out_retired;
	__aligned_u64 out_unmapped;
	__aligned_u64 out_whole;
	__aligned_u64 out_split;
};

/** Make pages where anonymous memory has none yet; @to must be the region. */
#define CDM_MIGRATE_POPULATE		(1U << 0)
/** Move pages that other processes map too, but for those of KSM; needs CAP_SYS_NICE. */
#define CDM_MIGRATE_SHARED		(1U << 1)
/** Change nothing, only count. */
#define CDM_MIGRATE_DRY_RUN		(1U << 2)

#define CDM_MIGRATE_WORKERS_MAX		64

/**
 * struct cdm_extent - a run of pages that are in the same place
 * @addr: first byte
 * @length: bytes
 * @where: id of a region, or CDM_WHERE_RAM, _NONE, _SWAP or _OTHER
 * @flags: CDM_EXTENT_*; zero unless asked for with CDM_RESIDENCY_HUGE
 */
struct cdm_extent {
	__aligned_u64 addr;
	__aligned_u64 length;
	__s32 where;
	__u32 flags;
};

/** The pages are mapped as huge pages. */
#define CDM_EXTENT_HUGE			(1U << 0)

/**
 * struct cdm_residency - CDM_RESIDENCY: where the pages of a range are
 * @size: sizeof(struct cdm_residency)
 * @flags: CDM_RESIDENCY_*
 * @pid: as in struct cdm_migrate, with the same permissions
 * @nr_extents: room in @extents, 1 to CDM_EXTENTS_MAX
 * @addr: first byte
 * @length: bytes
 * @extents: pointer to an array of struct cdm_extent
 * @out_next: first byte not looked at
 * @out_nr_extents: entries written; addresses that no mapping covers are left
 *	out, and an extent may be continued by the next
 * @pad: zero
 */
struct cdm_residency {
	__u32 size;
	__u32 flags;
	__s32 pid;
	__u32 nr_extents;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 extents;
	__aligned_u64 out_next;
	__u32 out_nr_extents;
	__u32 pad;
};

/** Say which pages are huge; begin a new extent where that changes. */
#define CDM_RESIDENCY_HUGE		(1U << 0)

#define CDM_EXTENTS_MAX			65536

/**
 * struct cdm_block_info - one block of a region
 * @start: physical address of its first byte; 0 without CAP_SYS_ADMIN
 * @length: bytes
 * @role: enum cdm_role
 * @flags: CDM_BLOCK_*
 * @total: pages that can be handed out (0 while the block is idle); of a block of
 *	CDM_ROLE_SYSTEM all that are not retired
 * @used: of those, pages that somebody owns
 * @retired: pages out of use for ever
 */
struct cdm_block_info {
	__aligned_u64 start;
	__aligned_u64 length;
	__u32 role;
	__u32 flags;
	__aligned_u64 total;
	__aligned_u64 used;
	__aligned_u64 retired;
};

/** The block belongs to the part of the region that is online. */
#define CDM_BLOCK_ONLINE		(1U << 0)
/** Its pages are being moved out, none is handed out. */
#define CDM_BLOCK_DRAINING		(1U << 1)
/** Its memory map is in the block itself. */
#define CDM_BLOCK_MEMMAP		(1U << 2)
/** Mask and shift of the block's level, enum cdm_isolation; 0 while held. */
#define CDM_BLOCK_ISOLATION		(7U << 8)
#define CDM_BLOCK_ISOLATION_SHIFT	8

/**
 * struct cdm_blocks - CDM_BLOCKS: the blocks of a region
 * @size: sizeof(struct cdm_blocks)
 * @flags: zero
 * @first: number of the first block wanted
 * @nr_blocks: room in @blocks, up to CDM_BLOCKS_MAX
 * @blocks: pointer to an array of struct cdm_block_info
 * @out_total: blocks of the region
 * @out_nr_blocks: entries written
 */
struct cdm_blocks {
	__u32 size;
	__u32 flags;
	__u32 first;
	__u32 nr_blocks;
	__aligned_u64 blocks;
	__u32 out_total;
	__u32 out_nr_blocks;
};

#define CDM_BLOCKS_MAX			4096

/**
 * struct cdm_set_isolation - CDM_SET_ISOLATION: change the level of a region
 * @size: sizeof(struct cdm_set_isolation)
 * @flags: CDM_SET_ISOLATION_*
 * @isolation: the level, enum cdm_isolation
 * @pad: zero
 * @length: bytes that shall have the level, a multiple of the block size; 0 for
 *	all that is online. Blocks that have it already count; the others keep
 *	their level
 * @timeout_ms: give up after this long; 0 for no limit
 * @out_length: bytes that have the level now
 * @out_moved: pages moved out of the way by this call
 * @out_left: pages still in the way
 * @out_pinned: of those, pages that something holds a reference to
 * @out_busy: of those, pages that were locked or in transit at the last try
 * @out_no_memory: of those, pages for which there was no room at the last try
 *
 * Needs CAP_SYS_ADMIN. Goes block by block, the emptiest first: a block's pages
 * move to blocks of the region that have the new level, or to RAM if those have no
 * room, and huge pages of CDM_ISOLATION_RESERVED to RAM in any case; then the
 * block gets its new level. Pages of the other blocks are handed out all the time.
 * When the time runs out (ETIMEDOUT), a signal comes (EINTR) or a block can not
 * get its level, blocks that were changed get their old level back, except with
 * CDM_SET_ISOLATION_KEEP: then the change goes on with the next CDM_SET_ISOLATION
 * of this file; CDM_SET_ISOLATION_CANCEL or its close brings the old levels back.
 * Where that does not succeed, @out_length and the region's attributes say what
 * there is. A drain ends the change, and the levels stay as far as they got.
 * EALREADY: it is so already. EBUSY: the region is held or being drained, or
 * another file changes it. EXDEV and ERANGE as in struct cdm_online; EXDEV if
 * parts of the region would have to be reserved and shared at the same time.
 */
struct cdm_set_isolation {
	__u32 size;
	__u32 flags;
	__u32 isolation;
	__u32 pad;
	__aligned_u64 length;
	__aligned_u64 timeout_ms;
	__aligned_u64 out_length;
	__aligned_u64 out_moved;
	__aligned_u64 out_left;
	__aligned_u64 out_pinned;
	__aligned_u64 out_busy;
	__aligned_u64 out_no_memory;
};

/** When the time runs out, go on with the next call of this file. */
#define CDM_SET_ISOLATION_KEEP		(1U << 0)
/**
 * End the change that this file has begun, if there is one: bring the old levels back.
 * Not together with CDM_SET_ISOLATION_KEEP.
 */
#define CDM_SET_ISOLATION_CANCEL	(1U << 1)

/**
 * enum cdm_bad_source - how a bad page became known
 * @CDM_BAD_KERNEL: the kernel's handling of memory errors
 * @CDM_BAD_DEVICE: the device's own list
 */
enum cdm_bad_source {
	CDM_BAD_KERNEL = 0,
	CDM_BAD_DEVICE = 1,
};

/**
 * struct cdm_bad_page - a page that is out of use for ever
 * @addr: physical address
 * @time: when it became known, in seconds since 1970
 * @source: enum cdm_bad_source
 * @pad: zero
 */
struct cdm_bad_page {
	__aligned_u64 addr;
	__aligned_u64 time;
	__u32 source;
	__u32 pad;
};

/**
 * struct cdm_bad_pages - CDM_BAD_PAGES: the bad pages of a region
 * @size: sizeof(struct cdm_bad_pages)
 * @flags: zero
 * @nr_pages: room in @pages, 1 to CDM_BAD_PAGES_MAX
 * @out_nr_pages: entries written, in the order of their addresses; less than
 *	@nr_pages: there are no more
 * @addr: physical address from which on
 * @pages: pointer to an array of struct cdm_bad_page
 *
 * Needs CAP_SYS_ADMIN. The region knows them as long as it is bound, whatever its
 * state; at the levels reserved and shared the kernel may have found some that
 * nobody has looked for yet (attribute retired looks).
 */
struct cdm_bad_pages {
	__u32 size;
	__u32 flags;
	__u32 nr_pages;
	__u32 out_nr_pages;
	__aligned_u64 addr;
	__aligned_u64 pages;
};

#define CDM_BAD_PAGES_MAX		4096

/**
 * struct cdm_retire - CDM_RETIRE: take a page that is known to be bad out of use
 * @size: sizeof(struct cdm_retire)
 * @flags: zero
 * @source: how that became known, enum cdm_bad_source
 * @pad: zero
 * @addr: physical address of the page
 * @time: when it became known, in seconds since 1970; up to 32 bits
 *
 * Needs CAP_SYS_ADMIN. For what is known from before: by who keeps lists longer
 * than the region is bound. Before the region is online no page has an owner yet; of
 * one that has, the kernel takes the page away as of any that goes bad, before the
 * call returns; if it can not, the page is known as bad all the same. EALREADY: it is
 * known. ERANGE: it is not of the region.
 */
struct cdm_retire {
	__u32 size;
	__u32 flags;
	__u32 source;
	__u32 pad;
	__aligned_u64 addr;
	__aligned_u64 time;
};

#define CDM_IOCTL_TYPE			0xCD

#define CDM_ONLINE		_IO(CDM_IOCTL_TYPE, 0x00)
#define CDM_OFFLINE		_IO(CDM_IOCTL_TYPE, 0x01)
#define CDM_MIGRATE		_IO(CDM_IOCTL_TYPE, 0x02)
#define CDM_RESIDENCY		_IO(CDM_IOCTL_TYPE, 0x03)
#define CDM_BLOCKS		_IO(CDM_IOCTL_TYPE, 0x04)
#define CDM_SET_ISOLATION	_IO(CDM_IOCTL_TYPE, 0x05)
#define CDM_BAD_PAGES		_IO(CDM_IOCTL_TYPE, 0x06)
#define CDM_RETIRE		_IO(CDM_IOCTL_TYPE, 0x07)

/*
 * uevents of a region: ACTION=add and remove as for any device, and
 * ACTION=change with one of these in CDM_EVENT.
 */
#define CDM_EVENT_ONLINE	"online"	/* CDM_ISOLATION says the level */
#define CDM_EVENT_OFFLINE	"offline"	/* drained and held */
#define CDM_EVENT_DRAIN		"drain"		/* a drain has begun */
#define CDM_EVENT_STUCK		"stuck"		/* no page moved for a second, in
						 * a drain or a change of level;
						 * CDM_LEFT, CDM_PINNED and
						 * CDM_NO_MEMORY in pages */
#define CDM_EVENT_RESUME	"resume"	/* a drain was given up */
#define CDM_EVENT_RETIRE	"retire"	/* CDM_PFN is bad */
#define CDM_EVENT_ISOLATION	"isolation"	/* a change of level has ended;
						 * CDM_ISOLATION says which it
						 * is now, or "mixed" */
#define CDM_EVENT_LOST		"lost"		/* the card went without notice, and
						 * the content of CDM_LOST pages */

#endif /* _UAPI_LINUX_CDM_H */
