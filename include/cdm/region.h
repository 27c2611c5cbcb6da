/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libcdm: expanders, regions and their blocks. */
#ifndef _CDM_REGION_H
#define _CDM_REGION_H

#include <cdm/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * --- names ------------------------------------------------------------------
 */

/** What cdm_region_get_isolation() says when blocks have different levels. */
#define CDM_ISOLATION_MIXED	(-2)

/** Returns: "none", "private", ..., "mixed"; "unknown" for other numbers. */
const char *cdm_isolation_get_name(int isolation);
/** Returns: the level (enum cdm_isolation), -EINVAL for other words. */
int cdm_isolation_from_name(const char *name);
/** Returns: "idle", "coherent", ...; "unknown" for other numbers. */
const char *cdm_role_get_name(int role);

/*
 * --- regions: /sys/bus/cdm/devices/cdmN -------------------------------------
 */

enum cdm_state {
	CDM_STATE_UNKNOWN = 0,	/* it is about to go, or the module is newer */
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

/** the context it came from; no reference is added */
struct cdm_ctx *cdm_region_get_ctx(struct cdm_region *region);
/** number N of cdmN; also the place (CDM_WHERE_*) that means this region */
int cdm_region_get_id(struct cdm_region *region);
/** "cdm0" */
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
/** as it was when the attributes were read */
enum cdm_state cdm_region_get_state(struct cdm_region *region);
/** enum cdm_isolation, or CDM_ISOLATION_MIXED */
int cdm_region_get_isolation(struct cdm_region *region);
/** physical address of the first byte; 0: only root is told */
uint64_t cdm_region_get_resource(struct cdm_region *region);
/** bytes, in whole blocks */
uint64_t cdm_region_get_size(struct cdm_region *region);
/** unit in which memory is taken into use and given back */
uint64_t cdm_region_get_block_size(struct cdm_region *region);
/** part of the size that is online */
uint64_t cdm_region_get_online_size(struct cdm_region *region);
/** of what is online, bytes that somebody owns */
uint64_t cdm_region_get_used(struct cdm_region *region);
/** of what is online, bytes that can be handed out; 0 while it is not online */
uint64_t cdm_region_get_available(struct cdm_region *region);
/** in use, and in a block that is being drained */
uint64_t cdm_region_get_draining(struct cdm_region *region);
/** bad pages, out of use for ever */
uint64_t cdm_region_get_retired(struct cdm_region *region);
/** bytes at the ends that are no whole block and therefore not used */
uint64_t cdm_region_get_cut(struct cdm_region *region);
/** ordinary memory that the memory map of this region takes */
uint64_t cdm_region_get_memmap_ram(struct cdm_region *region);
/** no limit, see cdm_region_set_max_bytes() */
#define CDM_NO_LIMIT	UINT64_MAX
/** what one user may have of it, or CDM_NO_LIMIT */
uint64_t cdm_region_get_max_bytes(struct cdm_region *region);

/**
 * cdm_region_set_max_bytes() - limit what one user may have of a region
 * @bytes: for each user without CAP_SYS_RESOURCE; cut to whole pages; CDM_NO_LIMIT
 *
 * A page counts for the user who had it moved there, until it is freed. Nobody loses
 * what he has already. Writes max_bytes of docs/abi/sysfs-bus-cdm, which needs root;
 * stays until the region goes.
 *
 * Returns: 0, or what the kernel said: -EACCES, -ENOENT when the region has gone.
 * Since: 0.1
 */
int cdm_region_set_max_bytes(struct cdm_region *region, uint64_t bytes);
/** is the memory map kept in the blocks themselves? */
bool cdm_region_get_memmap_on_block(struct cdm_region *region);
/** "reserved" and "shared": bytes that the kernel's allocator has; in MemTotal */
uint64_t cdm_region_get_exposed(struct cdm_region *region);

/**
 * struct cdm_level - the blocks of a region that have one level, in bytes
 * @size: all of them
 * @used: that somebody owns
 * @idle: of blocks that have no struct pages yet
 * @draining: in use, and being moved out
 * @retired: bad pages, out of use for ever
 */
struct cdm_level {
	uint64_t size;
	uint64_t used;
	uint64_t idle;
	uint64_t draining;
	uint64_t retired;
};

/**
 * cdm_region_get_level() - what of a region has a level
 * @isolation: enum cdm_isolation, but not CDM_ISOLATION_NONE
 *
 * Returns: figures that belong to the region, or NULL if no block has that level.
 * Since: 0.1
 */
const struct cdm_level *cdm_region_get_level(struct cdm_region *region, int isolation);

/**
 * cdm_region_read_foreign() - pages at level "reserved" that cdm did not place
 * @bytes: out: in use, and there because somebody named the node in the kernel
 *
 * The kernel counts them now. Returns: 0, -ENODEV, -EACCES, ... Since: 0.1
 */
int cdm_region_read_foreign(struct cdm_region *region, uint64_t *bytes);

/**
 * cdm_region_read_blocks() - read the blocks, by CDM_BLOCKS
 *
 * Replaces what an earlier call read. Needs read access to the device node.
 *
 * Returns: number of blocks, -ENODEV, -EACCES, ... Since: 0.1
 */
int cdm_region_read_blocks(struct cdm_region *region);
/** NULL before cdm_region_read_blocks() */
struct cdm_block *cdm_block_get_first(struct cdm_region *region);
struct cdm_block *cdm_block_get_next(struct cdm_block *block);

#define cdm_block_foreach(region, block)				\
	for (block = cdm_block_get_first(region); block != NULL;	\
	     block = cdm_block_get_next(block))

/** number within the region, from 0 */
unsigned int cdm_block_get_index(struct cdm_block *block);
/** physical address of the first byte; 0 without CAP_SYS_ADMIN */
uint64_t cdm_block_get_start(struct cdm_block *block);
uint64_t cdm_block_get_length(struct cdm_block *block);
/** enum cdm_role */
int cdm_block_get_role(struct cdm_block *block);
/** bytes that can be handed out: less than the length if the memory map is in it */
uint64_t cdm_block_get_total(struct cdm_block *block);
/** bytes that somebody owns */
uint64_t cdm_block_get_used(struct cdm_block *block);
/** bytes that are bad and out of use */
uint64_t cdm_block_get_retired(struct cdm_block *block);
/** enum cdm_isolation */
int cdm_block_get_isolation(struct cdm_block *block);
/** has it a level? */
bool cdm_block_is_online(struct cdm_block *block);
/** are its pages being moved out? */
bool cdm_block_is_draining(struct cdm_block *block);

/*
 * --- bad pages --------------------------------------------------------------
 */

/** cdm_poison_get_dpa() of what is not the whole of one CXL memory device's. */
#define CDM_DPA_UNKNOWN		UINT64_MAX

/**
 * cdm_region_read_poison() - read the list of bad pages, by CDM_BAD_PAGES
 *
 * Replaces what an earlier call read. Needs CAP_SYS_ADMIN.
 *
 * Returns: number of pages, -ENODEV, -EACCES, -EPERM, ... Since: 0.1
 */
int cdm_region_read_poison(struct cdm_region *region);
/** NULL before cdm_region_read_poison(), and when there is none */
struct cdm_poison *cdm_poison_get_first(struct cdm_region *region);
struct cdm_poison *cdm_poison_get_next(struct cdm_poison *poison);

#define cdm_poison_foreach(region, poison)				\
	for (poison = cdm_poison_get_first(region); poison != NULL;	\
	     poison = cdm_poison_get_next(poison))

/** physical address of the page */
uint64_t cdm_poison_get_addr(struct cdm_poison *poison);
/** address within the memory device, or CDM_DPA_UNKNOWN */
uint64_t cdm_poison_get_dpa(struct cdm_poison *poison);
/** when it became known, in seconds since 1970 */
uint64_t cdm_poison_get_time(struct cdm_poison *poison);
/** how it became known: enum cdm_bad_source */
int cdm_poison_get_source(struct cdm_poison *poison);
/** Returns: "kernel", "device"; "unknown" for other numbers. */
const char *cdm_bad_source_get_name(int source);

/**
 * cdm_region_sync_poison() - make all lists of bad pages the same
 *
 * What the region's list, the one in /var/lib/cdm and the memory device's own have
 * of this device is retired in the region and remembered in /var/lib/cdm, by
 * serial number and device address. Only for regions of one CXL memory device that
 * has a serial number; nothing is done for others. cdm_job_online() does it before
 * the region gets its level; cdm_job_offline() before it drains a region that has bad
 * pages, and once more before it gives such a one away.
 *
 * Returns: number of pages that are new to the region, or a negative errno.
 * Since: 0.1
 */
int cdm_region_sync_poison(struct cdm_region *region);

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

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* _CDM_REGION_H */
