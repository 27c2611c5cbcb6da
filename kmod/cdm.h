/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cdm: what the files of the module share.
 *
 * Who may call what: dax.c knows the dax bus and nothing of pages; only coherent.c
 * and hotplug.c make and remove memory maps; only migrate.c calls migrate_vma_*() and
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
 *   online_lock          (mutex)  one memory block goes online, in hotplug.c
 *   device, cpu and memory hotplug locks  taken by memremap_pages(), by what
 *                                  adds and removes memory, and by a drain that
 *                                  looks at the batches of all CPUs
 *   mmap_lock            (mm)     of the process whose pages move
 *   cdm_job.lock         (mutex)  which window is next
 *   cdm_region.taking    (rwsem)  pages of exposed chunks are taken, or may go
 *   cdm_region.chunks    (mutex)  what of system blocks the allocator has
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
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "../include/uapi/linux/cdm.h"
#include "compat/compat.h"

/* Pages that are looked at, and stop their owner, at a time: one 2 MiB window. */
#define CDM_WINDOW_PAGES	512UL
#define CDM_WINDOW_SIZE		(CDM_WINDOW_PAGES << PAGE_SHIFT)

/* What the kernel's allocator gets and gives back at a time. */
#define CDM_CHUNK_PAGES		((unsigned long)MAX_ORDER_NR_PAGES)

/* Ranges that one dax device may consist of. */
#define CDM_RANGES_MAX		16

/* Cards that one CXL region may be interleaved over. */
#define CDM_CARDS_MAX		16

struct cdm_region;
struct file;
struct pci_dev;

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
 * enum cdm_chunk - where a piece of a system block is
 * @CDM_CHUNK_EXPOSED: the kernel's allocator has it
 * @CDM_CHUNK_FRESH: withheld since its block came online
 * @CDM_CHUNK_TAKEN: allocated from the allocator, to withhold it
 * @CDM_CHUNK_BAD: withheld since its block came online, and for good: a page of it
 *	is bad
 */
enum cdm_chunk {
	CDM_CHUNK_EXPOSED,
	CDM_CHUNK_FRESH,
	CDM_CHUNK_TAKEN,
	CDM_CHUNK_BAD,
};

/**
 * enum cdm_presence - a system block, seen from the kernel
 * @CDM_PRESENCE_OFFLINE: its memory block is offline: it has no pages
 * @CDM_PRESENCE_ONLINE: it is online
 * @CDM_PRESENCE_GOING: it is being taken offline: nothing is exposed or withheld
 */
enum cdm_presence {
	CDM_PRESENCE_OFFLINE,
	CDM_PRESENCE_ONLINE,
	CDM_PRESENCE_GOING,
};

/**
 * struct cdm_block - the unit in which a region gets and loses pages
 * @region: owner
 * @start_pfn: first page
 * @nr_pages: length
 * @online: belongs to the part of the region that is in use; changed under
 *	cdm_region.admin
 * @isolation: its level, CDM_ISOLATION_NONE while held; changed under
 *	cdm_region.admin and cdm_region.grow while @role is CDM_ROLE_IDLE
 * @cost: pages in use when a change began, and one for a memory map; for the order of
 *	the change; guarded by cdm_region.admin
 * @before: the level it had before a change that is not finished, or
 *	CDM_ISOLATION_NONE; guarded by cdm_region.admin
 * @role: what its pages are, changed by cdm_block_set_role() under
 *	cdm_region.grow
 * @pgmap: the memory map while @role is CDM_ROLE_COHERENT
 * @first: first page that can be handed out (behind the memory map, if that
 *	is in the block); changed under cdm_region.grow while @used_bits is NULL
 * @chunks: enum cdm_chunk of each chunk of a system block, NULL otherwise;
 *	guarded by cdm_region.chunks
 * @owners: whose each page is, CDM_OWNER_* or the number of a user; of a system block
 *	until it is seen free. NULL without a memory map
 * @presence: of a system block; guarded by cdm_region.chunks
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
	enum cdm_isolation isolation;
	unsigned long cost;
	enum cdm_isolation before;
	enum cdm_role role;
	struct dev_pagemap pgmap;
	unsigned long first;
	u8 *chunks;
	u16 *owners;
	enum cdm_presence presence;

	spinlock_t lock;
	bool open;
	unsigned long *used_bits;
	unsigned long hint;
	unsigned long nr_used;
	unsigned long nr_retired;
};

/**
 * cdm_nr_chunks() - how many chunks a system block has
 * @block: the block
 */
static inline unsigned long cdm_nr_chunks(const struct cdm_block *block)
{
	return block->nr_pages / CDM_CHUNK_PAGES;
}

/**
 * cdm_chunk_pfn() - the first page of a chunk
 * @block: the block
 * @i: number of the chunk
 */
static inline unsigned long cdm_chunk_pfn(const struct cdm_block *block, unsigned long i)
{
	return block->start_pfn + i * CDM_CHUNK_PAGES;
}

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
 * @cxl_link: in the list of those that hear of endpoints that go, see cxl.c
 * @nr_cards: entries in use in @cards
 * @cards: the cards that the CXL region is made of
 * @lost: a card went without a word, and the content of the pages with it
 * @life: read: a call works on the region; write: the region leaves
 * @leaving: set before @life is taken for write, so that calls end soon
 * @admin: guards @state, @isolation, @isolation_before, @online_pages,
 *	@memmap_on_block, @drainer, @still_since, @told_stuck
 * @state: set by cdm_region_set_state() alone
 * @isolation: level while @state is not CDM_HELD; while it is being changed, the
 *	new one, from whose blocks pages are taken first
 * @isolation_before: what @isolation was before @changer's change
 * @changer: the file whose CDM_SET_ISOLATION_KEEP keeps a change of level on
 * @changing: the block that @changer's change is at: it hands out no pages, and gets no
 *	memory map; changed under @admin and @grow
 * @hides_node: it keeps its node reserved
 * @online_pages: length of the part in use
 * @memmap_on_block: new blocks keep their memory map in themselves
 * @drainer: the file whose CDM_OFFLINE_KEEP keeps the region draining
 * @grow: serializes what gives blocks their memory map and takes it away
 * @retry_grow: jiffies before which a block that could not get its memory map is
 *	not tried again; guarded by @grow
 * @grow_error: why it could not; guarded by @grow
 * @nr_used: pages that somebody owns, in all coherent blocks
 * @nr_free: pages of open coherent blocks that can be handed out
 * @taking: held for reading by who takes pages from the allocator, for writing by
 *	who takes back those that nobody has, and by who found none
 * @chunks: see cdm_block.chunks
 * @nr_withheld: pages of system blocks that could be exposed
 * @nr_system: pages of system blocks
 * @expose_block: number of the block where the search for a chunk begins;
 *	guarded by @chunks
 * @tidy: takes chunks back that nobody uses
 * @offliner: the thread that takes system blocks offline, NULL if none; guarded
 *	by @admin
 * @offline_only: the block it is for, NULL for all
 * @offline_stop: it shall end
 * @offlined: it has found nothing left to do
 * @offline_left: pages in use that were left when that was last looked at; guarded
 *	by @admin
 * @offline_no_room: at its last pass RAM had no room for what is in some block
 * @nudge: ends a try of @offliner that takes too long
 * @alloc_block: number of the block where the search for free pages begins
 * @still_since: jiffies when the drain that is on last moved a page
 * @told_stuck: jiffies when user space was last told that nothing moves
 * @held_from: pfn at which the next pass begins to wait for pages that are held; a
 *	hint, written by the workers of a pass
 * @users: those who have pages, and some who had, by their number (owner.c)
 * @users_lock: serializes who comes to @users
 * @recount_lock: serializes looks at all pages for @users
 * @max_pages: that each of them may have; LONG_MAX for no limit
 * @recounted: jiffies when all pages of system blocks were last looked at for that
 * @retired: bad pages by pfn, with when and how they became known (poison.c); kept
 *	when their block loses its memory map
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
	struct list_head cxl_link;
	unsigned int nr_cards;
	struct pci_dev *cards[CDM_CARDS_MAX];
	bool lost;

	struct rw_semaphore life;
	bool leaving;

	struct mutex admin;
	enum cdm_state state;
	enum cdm_isolation isolation;
	enum cdm_isolation isolation_before;
	unsigned long online_pages;
	bool memmap_on_block;
	struct file *drainer;
	struct file *changer;
	struct cdm_block *changing;
	bool hides_node;

	struct mutex grow;
	unsigned long retry_grow;
	int grow_error;
	atomic_long_t nr_used;
	atomic_long_t nr_free;
	struct rw_semaphore taking;
	struct mutex chunks;
	atomic_long_t nr_withheld;
	atomic_long_t nr_system;
	unsigned int expose_block;
	struct delayed_work tidy;
	struct task_struct *offliner;
	struct cdm_block *offline_only;
	bool offline_stop;
	bool offlined;
	u64 offline_left;
	bool offline_no_room;
	struct delayed_work nudge;
	unsigned int alloc_block;
	unsigned long still_since;
	unsigned long told_stuck;
	unsigned long held_from;
	struct xarray users;
	struct mutex users_lock;
	struct mutex recount_lock;
	long max_pages;
	unsigned long recounted;
	struct xarray retired;
	wait_queue_head_t progress;
};

#define to_cdm_region(d) container_of(d, struct cdm_region, dev)

/**
 * struct cdm_usage - the pages of a region, summed over its blocks
 * @total: pages of all blocks
 * @used: pages that somebody owns
 * @draining: of those, pages in blocks that hand out none
 * @retired: bad pages
 * @free: pages that can be handed out at once, without a new block
 * @idle: pages of blocks that are online and have no struct pages
 * @available: @free, and what online blocks without a memory map will give; the one
 *	that a change of level is at gives nothing
 * @exposed: pages of system blocks that the kernel's allocator has
 * @foreign: pages of reserved blocks in use that cdm did not place there
 * @pinned: pages of system blocks in use that something holds
 * @memmap_ram_bytes: RAM that holds memory maps
 */
struct cdm_usage {
	unsigned long total;
	unsigned long used;
	unsigned long draining;
	unsigned long retired;
	unsigned long free;
	unsigned long idle;
	unsigned long available;
	unsigned long exposed;
	unsigned long foreign;
	unsigned long pinned;
	u64 memmap_ram_bytes;
};

/* dax.c */
int cdm_attr_read(struct device *dev, const char *name, char *buf);
int cdm_dax_init(void);
void cdm_dax_exit(void);

/* owner.c */
struct cdm_user;

/* Owners of pages; the others are numbers of users. */
#define CDM_OWNER_NONE		0
#define CDM_OWNER_UNLIMITED	1
#define CDM_OWNER_FIRST		2U
#define CDM_OWNER_LAST		U16_MAX

int cdm_user_get(struct cdm_region *region, struct cdm_user **user);
void cdm_user_put(struct cdm_user *user);
void cdm_users_free(struct cdm_region *region);
void cdm_user_recount(struct cdm_region *region, struct cdm_user *user,
		      unsigned long nr);
unsigned long cdm_user_charge(struct cdm_region *region, struct cdm_user *user,
			      unsigned long nr);
void cdm_user_uncharge(struct cdm_user *user, unsigned long nr);
u16 cdm_user_owner(const struct cdm_user *user);
void cdm_owner_uncharge(struct cdm_region *region, u16 owner);
u16 cdm_owner_take(struct cdm_block *block, unsigned long bit);
void cdm_owner_give_back(struct cdm_block *block, unsigned long bit, u16 owner);
void cdm_owner_set(struct cdm_block *block, unsigned long bit, u16 owner);
void cdm_owner_pass(struct page *to, struct page *from);
u16 *cdm_owners_alloc(const struct cdm_block *block);
void cdm_owners_forget(struct cdm_block *block);
void cdm_owners_free(struct cdm_block *block);

/* cxl.c */
int cdm_cxl_watch(struct cdm_region *region);
void cdm_cxl_unwatch(struct cdm_region *region);
void cdm_cxl_put(struct cdm_region *region);
bool cdm_cxl_present(struct cdm_region *region);

/* region.c */
void cdm_region_vacate(struct cdm_region *region);
int cdm_region_init(void);
void cdm_region_exit(void);
struct cdm_region *cdm_region_add(struct device *parent,
				  const struct range *ranges,
				  unsigned int nr_ranges, int nid);
void cdm_region_remove(struct cdm_region *region);
int cdm_region_id_of_pfn(unsigned long pfn);
struct cdm_block *cdm_block_of_pfn(unsigned long pfn);
bool cdm_region_any_mapped(void);
int cdm_region_online(struct cdm_region *region, enum cdm_isolation isolation,
		      u64 length, bool memmap_on_block, u64 *out_length);
void cdm_region_set_state(struct cdm_region *region, enum cdm_state state);
int cdm_region_admin_lock(struct cdm_region *region);
int cdm_region_level_check(const struct cdm_region *region,
			   enum cdm_isolation isolation, bool memmap_on_block);
int cdm_region_hide_node(struct cdm_region *region);
void cdm_region_unhide_node(struct cdm_region *region);
void cdm_region_hold(struct cdm_region *region);
void cdm_region_event(struct cdm_region *region, const char *name, ...);
const char *cdm_isolation_name(enum cdm_isolation isolation);

/* drain.c */
int cdm_region_offline(struct cdm_region *region, struct file *file,
		       u64 timeout_ms, bool keep, struct cdm_offline *result);
void cdm_region_resume(struct cdm_region *region, struct file *file);
void cdm_region_evacuate(struct cdm_region *region);
void cdm_region_roll_back(struct cdm_region *region);

/* offliner.c */
void cdm_region_nudge(struct work_struct *work);

/* level.c */
int cdm_region_set_isolation(struct cdm_region *region, struct file *file,
			     const struct cdm_set_isolation *wanted,
			     struct cdm_set_isolation *result);
void cdm_region_restore_isolation(struct cdm_region *region, struct file *file);
void cdm_region_end_change(struct cdm_region *region);
const char *cdm_region_level_name(const struct cdm_region *region);
unsigned int cdm_blocks_at(const struct cdm_region *region,
			   enum cdm_isolation level);

/* block.c */
int cdm_blocks_init(struct cdm_region *region);
int cdm_blocks_grow(struct cdm_region *region, unsigned long nr_pages);
int cdm_blocks_populate(struct cdm_region *region);
bool cdm_blocks_make_room(struct cdm_region *region, unsigned long nr_pages);
bool cdm_block_set_isolation(struct cdm_block *block,
			     enum cdm_isolation isolation);
void cdm_blocks_open(struct cdm_region *region, bool open);
void cdm_blocks_depopulate(struct cdm_region *region);
void cdm_blocks_exit(struct cdm_region *region);
void cdm_block_info(struct cdm_block *block, struct cdm_block_info *info);
void cdm_block_set_role(struct cdm_block *block, enum cdm_role role);

/* coherent.c */
int cdm_coherent_populate(struct cdm_block *block);
void cdm_coherent_depopulate(struct cdm_block *block);
struct cdm_block *cdm_block_of_page(struct page *page);
void *cdm_pagemap_owner(void);

/* system.c */
int cdm_system_populate(struct cdm_block *block);
int cdm_system_depopulate(struct cdm_block *block);
unsigned long cdm_system_free(struct cdm_region *region);
unsigned long cdm_system_shared_free(const struct cdm_region *region);
unsigned long cdm_system_alloc(struct cdm_region *region, unsigned int order,
			       u16 owner, unsigned long *pfns, unsigned long nr);
unsigned long cdm_system_next_window(struct cdm_block *block,
				     unsigned long start);
void cdm_system_go_online(struct cdm_block *block, struct page *page,
			  unsigned int order);
void cdm_system_going_offline(struct cdm_block *block);
void cdm_system_cancel_offline(struct cdm_block *block);
void cdm_system_set_presence(struct cdm_block *block,
			     enum cdm_presence presence);
void cdm_system_tidy(struct work_struct *work);

/* census.c */
unsigned long cdm_retired_in(struct cdm_region *region, unsigned long pfn,
			     unsigned long nr);
bool cdm_chunk_is_free(struct cdm_block *block, unsigned long i);
void cdm_block_poison_learn(struct cdm_block *block);
void cdm_system_info(struct cdm_block *block, struct cdm_block_info *info);
void cdm_system_usage(struct cdm_block *block, struct cdm_usage *usage);

/* hotplug.c */
int cdm_hotplug_init(void);
void cdm_hotplug_exit(void);
int cdm_node_take(struct cdm_region *region, enum cdm_isolation isolation);
bool cdm_node_has_others(const struct cdm_region *region, enum cdm_isolation isolation);
void cdm_node_release(struct cdm_region *region);
void cdm_node_keep_pages(int nid);
int cdm_hotplug_add(struct cdm_block *block);
int cdm_hotplug_remove(struct cdm_block *block);

/* pages.c */
unsigned long cdm_pages_alloc(struct cdm_region *region, unsigned long *pfns,
			      unsigned long nr);
void cdm_page_unalloc(unsigned long pfn);
struct page *cdm_page_init(unsigned long pfn, u16 owner);
void cdm_page_freed(struct page *page);
bool cdm_page_retire(struct cdm_block *block, unsigned long pfn);
void cdm_usage_read(struct cdm_region *region, enum cdm_isolation level,
		    struct cdm_usage *usage);
unsigned long cdm_pages_used(struct cdm_region *region);
void cdm_block_open(struct cdm_block *block, bool open);
unsigned long __cdm_block_retired(struct cdm_block *block);
void cdm_pages_freeze(bool freeze);
bool cdm_pages_frozen(void);

/* poison.c */
int cdm_memory_failure(struct dev_pagemap *pgmap, unsigned long pfn,
		       unsigned long nr_pages, int mf_flags);

int cdm_poison_note(struct cdm_region *region, unsigned long pfn);
unsigned int cdm_poison_list(struct cdm_region *region, u64 addr,
			     struct cdm_bad_page *pages, unsigned int nr);
int cdm_poison_retire(struct cdm_region *region,
		      const struct cdm_retire *retire);

/* sysfs.c */
extern const struct attribute_group *cdm_region_groups[];

/* ioctl.c */
extern const struct file_operations cdm_file_operations;

#endif /* _CDM_H */
