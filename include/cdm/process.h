/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libcdm: where the pages of a process are, and who uses a region. */
#ifndef _CDM_PROCESS_H
#define _CDM_PROCESS_H

#include <cdm/context.h>

#ifdef __cplusplus
extern "C" {
#endif

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
 * Returns: 0, -ESRCH, -EPERM (no CAP_SYS_PTRACE), -EACCES or -ENODEV (there are
 * regions, but no device node that may be opened, or none at all), ... Free with
 * cdm_process_unref(). Since: 0.1
 */
int cdm_process_read(struct cdm_ctx *ctx, pid_t pid, struct cdm_process **process);
struct cdm_process *cdm_process_ref(struct cdm_process *process);
struct cdm_process *cdm_process_unref(struct cdm_process *process);

/** never 0: of the caller his own */
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

/** cdm_process_get_huge() - of those bytes, mapped as huge pages */
uint64_t cdm_process_get_huge(struct cdm_process *process, int where);

/** in the order of addresses */
struct cdm_mapping *cdm_mapping_get_first(struct cdm_process *process);
struct cdm_mapping *cdm_mapping_get_next(struct cdm_mapping *mapping);

#define cdm_mapping_foreach(process, mapping)				\
	for (mapping = cdm_mapping_get_first(process); mapping != NULL;	\
	     mapping = cdm_mapping_get_next(mapping))

/** address of the first byte */
uint64_t cdm_mapping_get_start(struct cdm_mapping *mapping);
/** first byte behind it */
uint64_t cdm_mapping_get_end(struct cdm_mapping *mapping);
/** four characters, "rw-p" */
const char *cdm_mapping_get_perms(struct cdm_mapping *mapping);
/** "/usr/lib/...", "[heap]", or "" for anonymous memory */
const char *cdm_mapping_get_name(struct cdm_mapping *mapping);
/** as cdm_process_get_bytes() */
uint64_t cdm_mapping_get_bytes(struct cdm_mapping *mapping, int where);
/** as cdm_process_get_huge() */
uint64_t cdm_mapping_get_huge(struct cdm_mapping *mapping, int where);

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
/** (uid_t)-1 of the kernel, and of who has ended meanwhile */
uid_t cdm_user_get_uid(struct cdm_user *user);
/** name of the command, as in /proc/PID/comm; "" of who has ended meanwhile */
const char *cdm_user_get_comm(struct cdm_user *user);
/** version 2 path; NULL if unknown */
const char *cdm_user_get_cgroup(struct cdm_user *user);
/** bytes mapped; pages that several processes map count for each of them */
uint64_t cdm_user_get_bytes(struct cdm_user *user);
/** CDM_HOLD_USES in what cdm_users_read() gives */
enum cdm_hold cdm_user_get_hold(struct cdm_user *user);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* _CDM_PROCESS_H */
