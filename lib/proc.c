// SPDX-License-Identifier: LGPL-2.1-or-later
/* What /proc and /sys/fs/cgroup tell of processes. */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc.h"

#define CDM_CGROUP	"/sys/fs/cgroup"

/* "/proc/self" or "/proc/812" */
static const char *proc_dir(pid_t pid, char buf[32])
{
	if (pid)
		snprintf(buf, 32, "/proc/%d", (int)pid);
	else
		snprintf(buf, 32, "/proc/self");
	return buf;
}

/*
 * "start-end perms offset dev inode   name"; the name may have blanks in it.
 * Returns false for a line that is none, or not wanted.
 */
static bool vma_parse(char *line, struct cdm_vma *vma)
{
	unsigned long long start, end;
	int at = 0;

	if (sscanf(line, "%llx-%llx %4s %*s %*s %*s %n", &start, &end, vma->perms, &at) < 3)
		return false;
	vma->start = start;
	vma->end = end;
	vma->name = at ? line + at : "";
	/* at the top of the address space, and no memory of the process */
	return end > start && strcmp(vma->name, "[vsyscall]");
}

int cdm_maps_read(struct cdm_ctx *ctx, pid_t pid, struct cdm_maps *maps)
{
	size_t room = 0;
	char *line, *next, dir[32];
	int rc;

	memset(maps, 0, sizeof(*maps));
	rc = cdm_read_text(ctx, &maps->text, "%s/maps", proc_dir(pid, dir));
	if (rc == -ENOENT)
		return -ESRCH;
	if (rc < 0)
		return rc;
	for (line = maps->text; *line; line = next) {
		next = strchrnul(line, '\n');
		if (*next)
			*next++ = '\0';
		if (maps->nr == room) {
			struct cdm_vma *grown;

			room = room ? room * 2 : 64;
			grown = realloc(maps->vma, room * sizeof(*grown));
			if (!grown) {
				cdm_maps_free(maps);
				return -ENOMEM;
			}
			maps->vma = grown;
		}
		maps->nr += vma_parse(line, &maps->vma[maps->nr]);
	}
	return 0;
}

void cdm_maps_free(struct cdm_maps *maps)
{
	free(maps->text);
	free(maps->vma);
	memset(maps, 0, sizeof(*maps));
}

void cdm_proc_read_comm(struct cdm_ctx *ctx, pid_t pid, char comm[CDM_NAME_MAX])
{
	char dir[32];

	if (cdm_read_file(ctx, comm, CDM_NAME_MAX, "%s/comm", proc_dir(pid, dir)) < 0)
		comm[0] = '\0';
}

char *cdm_proc_read_cgroup(struct cdm_ctx *ctx, pid_t pid)
{
	char *text, *line, *save = NULL, *path = NULL, dir[32];

	if (cdm_read_text(ctx, &text, "%s/cgroup", proc_dir(pid, dir)) < 0)
		return NULL;
	for (line = strtok_r(text, "\n", &save); line && !path;
	     line = strtok_r(NULL, "\n", &save))
		if (!strncmp(line, "0::", 3))
			path = strdup(line + 3);
	free(text);
	return path;
}

uid_t cdm_proc_read_uid(struct cdm_ctx *ctx, pid_t pid)
{
	char path[PATH_MAX], dir[32];
	struct stat st;

	if (cdm_path(ctx, path, "%s", proc_dir(pid, dir)) < 0 || stat(path, &st) < 0)
		return -1;
	return st.st_uid;
}

int cdm_pids_add(struct cdm_pids *pids, pid_t pid)
{
	pid_t *grown;

	/* a power of two of entries: room for twice as many */
	if (!(pids->nr & (pids->nr - 1))) {
		grown = realloc(pids->pid, (pids->nr ? pids->nr * 2 : 1) * sizeof(pid));
		if (!grown)
			return -ENOMEM;
		pids->pid = grown;
	}
	pids->pid[pids->nr++] = pid;
	return 0;
}

bool cdm_pids_have(const struct cdm_pids *pids, pid_t pid)
{
	for (size_t i = 0; i < pids->nr; i++)
		if (pids->pid[i] == pid)
			return true;
	return false;
}

void cdm_pids_free(struct cdm_pids *pids)
{
	free(pids->pid);
	memset(pids, 0, sizeof(*pids));
}

int cdm_pids_read_all(struct cdm_ctx *ctx, struct cdm_pids *pids)
{
	struct cdm_names names;
	int rc = cdm_scan(ctx, &names, "", "/proc");

	memset(pids, 0, sizeof(*pids));
	if (rc < 0)
		return rc;
	for (unsigned int i = 0; !rc && i < names.nr; i++)
		if (isdigit((unsigned char)names.name[i][0]))
			rc = cdm_pids_add(pids, atoi(names.name[i]));
	cdm_names_free(&names);
	if (rc < 0)
		cdm_pids_free(pids);
	return rc;
}

static int cgroup_read_procs(struct cdm_ctx *ctx, struct cdm_pids *pids, const char *dir)
{
	char *text, *line, *save = NULL;
	int rc = cdm_read_text(ctx, &text, "%s/cgroup.procs", dir);

	/* a threaded group has no list of processes; a group that went has nothing */
	if (rc < 0)
		return rc == -EOPNOTSUPP || rc == -ENODEV ? 0 : rc;
	for (line = strtok_r(text, "\n", &save); !rc && line;
	     line = strtok_r(NULL, "\n", &save)) {
		pid_t pid = atoi(line);

		if (pid > 0 && !cdm_pids_have(pids, pid))
			rc = cdm_pids_add(pids, pid);
	}
	free(text);
	return rc;
}

static int cgroup_walk(struct cdm_ctx *ctx, struct cdm_pids *pids, const char *dir, int depth)
{
	char path[PATH_MAX], child[PATH_MAX];
	struct cdm_names names;
	struct stat st;
	int rc = cgroup_read_procs(ctx, pids, dir);

	if (rc < 0 || depth > 64)
		return rc;
	rc = cdm_scan(ctx, &names, "", "%s", dir);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	for (unsigned int i = 0; !rc && i < names.nr; i++) {
		if (snprintf(child, sizeof(child), "%s/%s", dir, names.name[i]) >=
		    (int)sizeof(child) || cdm_path(ctx, path, "%s", child) < 0)
			continue;
		if (lstat(path, &st) || !S_ISDIR(st.st_mode))
			continue;
		rc = cgroup_walk(ctx, pids, child, depth + 1);
		if (rc == -ENOENT)
			rc = 0;	/* removed while we looked */
	}
	cdm_names_free(&names);
	return rc;
}

int cdm_pids_read_cgroup(struct cdm_ctx *ctx, struct cdm_pids *pids, const char *path)
{
	char dir[PATH_MAX];
	int len;

	if (!strncmp(path, CDM_CGROUP, strlen(CDM_CGROUP)) &&
	    (path[strlen(CDM_CGROUP)] == '/' || !path[strlen(CDM_CGROUP)]))
		path += strlen(CDM_CGROUP);
	len = snprintf(dir, sizeof(dir), "%s%s%s", CDM_CGROUP, path[0] == '/' ? "" : "/", path);
	if (len >= (int)sizeof(dir))
		return -ENAMETOOLONG;
	while (len > 1 && dir[len - 1] == '/')
		dir[--len] = '\0';
	return cgroup_walk(ctx, pids, dir, 0);
}

/* "7f00... default anon=3 N1=3 kernelpagesize_kB=4": bytes on the node. */
static uint64_t numa_line_bytes(const char *line, const char *key)
{
	const char *at = strstr(line, key), *size = strstr(line, " kernelpagesize_kB=");
	unsigned long long pages, kib = 4;

	if (!at || sscanf(at + strlen(key), "%llu", &pages) != 1)
		return 0;
	if (size)
		sscanf(size, " kernelpagesize_kB=%llu", &kib);
	return pages * kib << 10;
}

static uint64_t numa_maps_bytes(struct cdm_ctx *ctx, pid_t pid, int node)
{
	char *text, *line, *save = NULL, dir[32], key[32];
	uint64_t bytes = 0;

	if (cdm_read_text(ctx, &text, "%s/numa_maps", proc_dir(pid, dir)) < 0)
		return 0;
	snprintf(key, sizeof(key), " N%d=", node);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		bytes += numa_line_bytes(line, key);
	free(text);
	return bytes;
}

pid_t cdm_proc_find_node_user(struct cdm_ctx *ctx, int node, uint64_t *bytes)
{
	struct cdm_pids pids;
	pid_t most = 0;

	*bytes = 0;
	if (cdm_pids_read_all(ctx, &pids) < 0)
		return 0;
	for (size_t i = 0; i < pids.nr; i++) {
		uint64_t has = numa_maps_bytes(ctx, pids.pid[i], node);

		if (has > *bytes) {
			*bytes = has;
			most = pids.pid[i];
		}
	}
	cdm_pids_free(&pids);
	return most;
}

int cdm_meminfo_read(struct cdm_ctx *ctx, uint64_t *available, uint64_t *swap_free)
{
	unsigned long long kib;
	const char *at;
	char *text;
	int rc = cdm_read_text(ctx, &text, "/proc/meminfo");

	*available = 0;
	*swap_free = 0;
	if (rc < 0)
		return rc;
	at = strstr(text, "MemAvailable:");
	if (at && sscanf(at, "MemAvailable: %llu kB", &kib) == 1)
		*available = kib << 10;
	at = strstr(text, "SwapFree:");
	if (at && sscanf(at, "SwapFree: %llu kB", &kib) == 1)
		*swap_free = kib << 10;
	free(text);
	return 0;
}
