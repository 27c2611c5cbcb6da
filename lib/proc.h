/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What /proc and /sys/fs/cgroup tell of processes. */
#ifndef _LIBCDM_PROC_H
#define _LIBCDM_PROC_H

#include "private.h"

struct cdm_vma {
	uint64_t start;
	uint64_t end;
	char perms[5];
	const char *name;	/* into struct cdm_maps.text; "" for anonymous */
};

struct cdm_maps {
	char *text;
	struct cdm_vma *vma;
	size_t nr;
};

/* Mappings of a process (0: the caller), without vsyscall. -ESRCH, -EACCES, ... */
int cdm_maps_read(struct cdm_ctx *ctx, pid_t pid, struct cdm_maps *maps);
void cdm_maps_free(struct cdm_maps *maps);

/* "" when it cannot be read */
void cdm_proc_read_comm(struct cdm_ctx *ctx, pid_t pid, char comm[CDM_NAME_MAX]);
/* Path of the version 2 cgroup, for free(); NULL if there is none. */
char *cdm_proc_read_cgroup(struct cdm_ctx *ctx, pid_t pid);
uid_t cdm_proc_read_uid(struct cdm_ctx *ctx, pid_t pid);

struct cdm_pids {
	pid_t *pid;
	size_t nr;
};

int cdm_pids_add(struct cdm_pids *pids, pid_t pid);
bool cdm_pids_have(const struct cdm_pids *pids, pid_t pid);
void cdm_pids_free(struct cdm_pids *pids);
/* Every process. */
int cdm_pids_read_all(struct cdm_ctx *ctx, struct cdm_pids *pids);
/* Adds those of a cgroup and all below it that are not in the list yet. */
int cdm_pids_read_cgroup(struct cdm_ctx *ctx, struct cdm_pids *pids, const char *path);

/*
 * The process that has most memory on a NUMA node, as far as /proc/PID/numa_maps
 * may be read; 0 if none has any.
 */
pid_t cdm_proc_find_node_user(struct cdm_ctx *ctx, int node, uint64_t *bytes);

/* MemAvailable and SwapFree of /proc/meminfo, in bytes. */
int cdm_meminfo_read(struct cdm_ctx *ctx, uint64_t *available, uint64_t *swap_free);

#endif /* _LIBCDM_PROC_H */
