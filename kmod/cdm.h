/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cdm: what the files of the module share.
 *
 * Who may call what: dax.c knows the dax bus and nothing of pages; only block.c
 * makes and removes memory maps; only migrate.c calls migrate_vma_*() and
 * migrate_device_*(); structs of the UAPI stop at ioctl.c. Kernel versions are
 * known in compat/ alone.
 *
 * Lock order, outermost first; a lock may be left out but never turned round:
 *
 *   device_lock, dax_region_rwsem  the driver core and the dax bus, around
 *                                  probe and remove; mf_mutex around
 *                                  cdm_memory_failure()
 *   cdm_region.life      (rwsem)  the region is not going away
 *   cdm_region.admin     (mutex)  one change of level or drain at a time
 *   regions_lock         (mutex)  the list of all regions, in region.c
 *   cdm_region.grow      (mutex)  one block gets its memory map at a time
 *   cpu and memory hotplug locks  taken by memremap_pages(), and by a drain
 *                                  that looks at the batches of all CPUs
 *   mmap_lock            (mm)     of the process whose pages move
 *   cdm_job.lock         (mutex)  which window is next
 *   page locks                    trylock only, as the core does
 *   cdm_block.lock       (irq)    which pages are in use; also in the free
 *                                 callback, which may run in interrupts
 */
#ifndef _CDM_H
#define _CDM_H

#include <linux/bug.h>
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/range.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "../include/uapi/linux/cdm.h"
#include "compat/compat.h"

/* Pages that are looked at, and stop their owner, at a time: one 2 MiB window. */
#define CDM_WINDOW_PAGES	512UL
#define CDM_WINDOW_SIZE		(CDM_WINDOW_PAGES << PAGE_SHIFT)

/* Ranges that one dax device may consist of. */
#define CDM_RANGES_MAX		16

struct cdm_region;
struct file;

/**
 * enum cdm_state - what a region is doing
 * @CDM_HELD: claimed; there are no pages
 * @CDM_ACTIVE: pages are handed out
 * @CDM_DRAINING: none is handed out, those in use are moved to RAM
 * @CDM_GONE: the dax device leaves; every call gets -ENODEV
 */
enum cdm_state {
	CDM_HELD,
	CDM_ACTIVE,
	CDM_DRAINING,
	CDM_GONE,
};

/**
 * struct cdm_block - the unit in which a region gets and loses pages
 * @region: owner
 * @start_pfn: first page
 * @nr_pages: length
 * @online: belongs to the part of the region that is in use; changed under
 *	cdm_region.admin
 * @role: what its pages are, changed by block_set_role() under
 *	cdm_region.grow
 * @pgmap: the memory map while @role is CDM_ROLE_COHERENT
 * @first: first page that can be handed out (behind the memory map, if that
 *	is in the block); changed under cdm_region.grow while @used_bits is NULL
 * @lock: guards everything below
 * @open: pages may be handed out
 * @used_bits: one bit a page: somebody owns it, or it can not be handed out;
 *	NULL without a memory map
 * @hint: where the search for a free page begins
 * @nr_used: pages that somebody owns
 * @nr_retired: bad pages, never handed out again
 */
struct cdm_block {
	struct cdm_region *region;
	unsigned long start_pfn;
	unsigned long nr_pages;
	bool online;
	enum cdm_role role;
	struct dev_pagemap pgmap;
	unsigned long first;

	spinlock_t lock;
	bool open;
	unsigned long *used_bits;
	unsigned long hint;
	unsigned long nr_used;
	unsigned long nr_retired;
};

/**
 * struct cdm_region - one dax device that cdm holds
 * @dev: the device on the bus "cdm", child of the dax device; owns the struct
 * @cdev: /dev/cdmN
 * @id: N of cdmN
 * @nid: NUMA node of its pages
 * @nr_ranges: entries in use in @ranges
 * @ranges: physical ranges, cut to whole blocks
 * @resources: @ranges as reserved in the resource tree
 * @cut_bytes: bytes at the edges that do not fill a block
 * @block_pages: length of a block
 * @nr_blocks: entries in @blocks
 * @blocks: all blocks, in the order of their addresses within the ranges
 * @link: in the list of all regions that is searched by pfn, see
 *	cdm_region_id_of_pfn()
 * @cxl_region: the CXL region it is made of, NULL if none
 * @cxl_nb: hears of endpoints that go, see cxl.c
 * @life: read: a call works on the region; write: the region leaves
 * @leaving: set before @life is taken for write, so that calls end soon
 * @admin: guards @state, @isolation, @online_pages, @memmap_on_block, @drainer,
 *	@still_since, @told_stuck
 * @state: set by region_set_state() alone
 * @isolation: level while @state is not CDM_HELD
 * @online_pages: length of the part in use
 * @memmap_on_block: new blocks keep their memory map in themselves
 * @drainer: the file whose CDM_OFFLINE_KEEP keeps the region draining
 * @grow: serializes block_populate() and block_depopulate()
 * @retry_grow: jiffies before which a block that could not get its memory map is
 *	not tried again; guarded by @grow
 * @grow_error: why it could not; guarded by @grow
 * @nr_used: pages that somebody owns, in all blocks
 * @nr_free: pages of open blocks that can be handed out
 * @alloc_block: number of the block where the search for free pages begins
 * @still_since: jiffies when the drain that is on last moved a page
 * @told_stuck: jiffies when user space was last told that nothing moves
 * @retired: pfns of bad pages, kept when their block loses its memory map
 * @progress: woken when pages come free or the region starts to leave
 */
struct cdm_region {
	struct device dev;
	struct cdev cdev;
	int id;
	int nid;
	unsigned int nr_ranges;
	struct range ranges[CDM_RANGES_MAX];
	struct resource *resources[CDM_RANGES_MAX];
	u64 cut_bytes;
	unsigned long block_pages;
	unsigned int nr_blocks;
	struct cdm_block *blocks;
	struct list_head link;

	struct device *cxl_region;
	struct notifier_block cxl_nb;

	struct rw_semaphore life;
	bool leaving;

	struct mutex admin;
	enum cdm_state state;
	enum cdm_isolation isolation;
	unsigned long online_pages;
	bool memmap_on_block;
	struct file *drainer;

	struct mutex grow;
	unsigned long retry_grow;
	int grow_error;
	atomic_long_t nr_used;
	atomic_long_t nr_free;
	unsigned int alloc_block;
	unsigned long still_since;
	unsigned long told_stuck;
	struct xarray retired;
	wait_queue_head_t progress;
};

#define to_cdm_region(d) container_of(d, struct cdm_region, dev)

/**
 * struct cdm_usage - the pages of a region, summed over its blocks
 * @total: pages of all blocks
 * @online: pages of the part in use
 * @used: pages that somebody owns
 * @draining: of those, pages in blocks that hand out none
 * @retired: bad pages
 * @free: pages that can be handed out at once, without a new block
 * @available: @free, and what online blocks without a memory map will give
 * @memmap_ram_bytes: RAM that holds memory maps
 */
struct cdm_usage {
	unsigned long total;
	unsigned long online;
	unsigned long used;
	unsigned long draining;
	unsigned long retired;
	unsigned long free;
	unsigned long available;
	u64 memmap_ram_bytes;
};

/* dax.c */
int cdm_attr_read(struct device *dev, const char *name, char *buf);
int cdm_dax_init(void);
void cdm_dax_exit(void);

/* cxl.c */
int cdm_cxl_watch(struct cdm_region *region);
void cdm_cxl_unwatch(struct cdm_region *region);

/* region.c */
void cdm_region_vacate(struct cdm_region *region);
int cdm_region_init(void);
void cdm_region_exit(void);
struct cdm_region *cdm_region_add(struct device *parent,
				  const struct range *ranges,
				  unsigned int nr_ranges, int nid);
void cdm_region_remove(struct cdm_region *region);
int cdm_region_id_of_pfn(unsigned long pfn);
bool cdm_region_any_mapped(void);
int cdm_region_online(struct cdm_region *region, enum cdm_isolation isolation,
		      u64 length, bool memmap_on_block, u64 *out_length);
void cdm_region_set_state(struct cdm_region *region, enum cdm_state state);
int cdm_region_admin_lock(struct cdm_region *region);
void cdm_region_hold(struct cdm_region *region);
void cdm_region_event(struct cdm_region *region, const char *name, ...);
const char *cdm_isolation_name(enum cdm_isolation isolation);

/* drain.c */
int cdm_region_offline(struct cdm_region *region, struct file *file,
		       u64 timeout_ms, bool keep, struct cdm_offline *result);
void cdm_region_resume(struct cdm_region *region, struct file *file);
void cdm_region_evacuate(struct cdm_region *region);

/* block.c */
int cdm_blocks_init(struct cdm_region *region);
int cdm_blocks_grow(struct cdm_region *region, unsigned long nr_pages);
void cdm_blocks_open(struct cdm_region *region, bool open);
void cdm_blocks_depopulate(struct cdm_region *region);
void cdm_blocks_exit(struct cdm_region *region);
void cdm_block_info(struct cdm_block *block, struct cdm_block_info *info);
struct cdm_block *cdm_block_of_page(struct page *page);
void *cdm_pagemap_owner(void);

/* pages.c */
unsigned long cdm_pages_alloc(struct cdm_region *region, unsigned long *pfns,
			      unsigned long nr);
void cdm_page_unalloc(unsigned long pfn);
struct page *cdm_page_init(unsigned long pfn);
void cdm_page_freed(struct page *page);
bool cdm_page_retire(struct cdm_block *block, unsigned long pfn);
void cdm_usage_read(struct cdm_region *region, struct cdm_usage *usage);
unsigned long cdm_pages_used(struct cdm_region *region);
void cdm_block_open(struct cdm_block *block, bool open);
void cdm_pages_freeze(bool freeze);
bool cdm_pages_frozen(void);

/* poison.c */
int cdm_memory_failure(struct dev_pagemap *pgmap, unsigned long pfn,
		       unsigned long nr_pages, int mf_flags);

/* sysfs.c */
extern const struct attribute_group *cdm_region_groups[];

/* ioctl.c */
extern const struct file_operations cdm_file_operations;

#endif /* _CDM_H */
