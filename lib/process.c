// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where the pages of a process are, mapping by mapping. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"
#include "process.h"

/* Bytes by place: there are few places, so a list is enough. */
struct place {
	int where;
	uint64_t bytes;
};

struct places {
	struct place *place;
	unsigned int nr;
};

struct cdm_mapping {
	struct cdm_process *process;
	const struct cdm_vma *vma;
	struct places places;
};

struct cdm_process {
	int refs;
	pid_t pid;
	char comm[CDM_NAME_MAX];
	char *cgroup;
	struct cdm_maps maps;
	struct cdm_mapping *mappings;	/* one for each of maps */
	struct places places;
};

static int places_add(struct places *places, int where, uint64_t bytes)
{
	struct place *grown;

	for (unsigned int i = 0; i < places->nr; i++) {
		if (places->place[i].where == where) {
			places->place[i].bytes += bytes;
			return 0;
		}
	}
	grown = realloc(places->place, (places->nr + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	places->place = grown;
	grown[places->nr++] = (struct place) { where, bytes };
	return 0;
}

static uint64_t places_get(const struct places *places, int where)
{
	for (unsigned int i = 0; i < places->nr; i++)
		if (places->place[i].where == where)
			return places->place[i].bytes;
	return 0;
}

/* --- residency of a range --- */

int cdm_any_region_open(struct cdm_ctx *ctx)
{
	struct cdm_region *region;
	int fd, rc = -ENODEV;

	cdm_region_foreach(ctx, region) {
		fd = cdm_region_open(region);
		if (fd >= 0)
			return fd;
		rc = fd;
	}
	if (rc == -ENODEV)
		cdm_fail(ctx, ENODEV, "no cdm region is here%s",
			 cdm_module_is_loaded(ctx) ? "" : ": the module is not loaded");
	return rc;
}

int cdm_walk_residency(struct cdm_ctx *ctx, int fd, pid_t pid, uint64_t addr,
		       uint64_t length, cdm_extent_fn fn, void *data)
{
	uint64_t end = addr + length, next;
	int rc;

	while (addr < end) {
		rc = cdm_uapi_residency(ctx, fd, pid, addr, end - addr, fn, data, &next);
		if (rc == -EINTR)
			continue;
		if (rc)
			return rc;
		if (next <= addr)
			return -EIO;
		addr = next;
	}
	return 0;
}

struct joined {
	cdm_extent_fn fn;
	void *data;
	uint64_t addr;
	uint64_t length;
	int where;
};

static int join_extent(void *data, uint64_t addr, uint64_t length, int where)
{
	struct joined *joined = data;
	int rc = 0;

	if (joined->length && joined->where == where && joined->addr + joined->length == addr) {
		joined->length += length;
		return 0;
	}
	if (joined->length)
		rc = joined->fn(joined->data, joined->addr, joined->length, joined->where);
	joined->addr = addr;
	joined->length = length;
	joined->where = where;
	return rc;
}

static int residency_fail(struct cdm_ctx *ctx, pid_t pid, int rc)
{
	const char *why = strerror(-rc);

	if (rc == -ESRCH)
		why = "no such process";
	else if (rc == -EPERM || rc == -EACCES)
		why = "not permitted; CAP_SYS_PTRACE is needed for processes of others";
	return cdm_fail(ctx, -rc, "look at pid %d: %s", pid ? (int)pid : (int)getpid(), why);
}

int cdm_read_extents(struct cdm_ctx *ctx, pid_t pid, uint64_t addr, uint64_t length,
		     cdm_extent_fn fn, void *data)
{
	struct joined joined = { .fn = fn, .data = data };
	int rc, fd = cdm_any_region_open(ctx);

	if (fd < 0)
		return fd;
	if (addr + length < addr)
		rc = -EINVAL;
	else
		rc = cdm_walk_residency(ctx, fd, pid, addr, length, join_extent, &joined);
	close(fd);
	if (!rc && joined.length)
		return fn(data, joined.addr, joined.length, joined.where);
	return rc < 0 ? residency_fail(ctx, pid, rc) : rc;
}

/* --- a process --- */

/* One walk over all mappings; extents come in the order of addresses. */
struct mapping_walk {
	struct cdm_process *process;
	size_t at;
};

static int add_extent(void *data, uint64_t addr, uint64_t length, int where)
{
	struct mapping_walk *walk = data;
	struct cdm_process *process = walk->process;
	uint64_t end = addr + length;
	int rc;

	while (addr < end && walk->at < process->maps.nr) {
		struct cdm_mapping *mapping = &process->mappings[walk->at];
		uint64_t stop = MIN(end, mapping->vma->end);

		if (addr >= mapping->vma->end) {
			walk->at++;
			continue;
		}
		addr = MAX(addr, mapping->vma->start);
		if (addr >= stop)
			break;		/* a mapping newer than the list */
		rc = places_add(&mapping->places, where, stop - addr);
		if (!rc)
			rc = places_add(&process->places, where, stop - addr);
		if (rc < 0)
			return rc;
		addr = stop;
	}
	return 0;
}

/*
 * In one go from the first mapping to the last: the kernel jumps over the holes,
 * and one call can look at many mappings.
 */
static int process_read_places(struct cdm_ctx *ctx, struct cdm_process *process, int fd)
{
	struct mapping_walk walk = { .process = process };
	const struct cdm_maps *maps = &process->maps;

	if (!maps->nr)
		return 0;
	return cdm_walk_residency(ctx, fd, process->pid, maps->vma[0].start,
				  maps->vma[maps->nr - 1].end - maps->vma[0].start,
				  add_extent, &walk);
}

/* A line of smaps, "Rss:    12 kB", of a mapping. */
static int smaps_value(const char *line, const char *key, uint64_t *bytes)
{
	unsigned long long kib;
	size_t len = strlen(key);

	if (strncmp(line, key, len) || sscanf(line + len, " %llu", &kib) != 1)
		return 0;
	*bytes = kib << 10;
	return 1;
}

/* Without a region to ask: what is resident is in RAM. */
static int process_read_smaps(struct cdm_ctx *ctx, struct cdm_process *process)
{
	uint64_t start, rss = 0, swap = 0;
	char *text, *line, *save = NULL, path[32];
	unsigned long long from, to;
	size_t at = 0;
	int rc;

	snprintf(path, sizeof(path), process->pid ? "/proc/%d/smaps" : "/proc/self/smaps",
		 (int)process->pid);
	rc = cdm_read_text(ctx, &text, "%s", path);
	if (rc < 0)
		return rc == -ENOENT ? -ESRCH : rc;
	for (line = strtok_r(text, "\n", &save); !rc && line; line = strtok_r(NULL, "\n", &save)) {
		struct cdm_mapping *mapping;

		if (sscanf(line, "%llx-%llx ", &from, &to) == 2) {
			start = from;
			while (at < process->maps.nr && process->maps.vma[at].start < start)
				at++;
			continue;
		}
		smaps_value(line, "Rss:", &rss);
		if (!smaps_value(line, "Swap:", &swap) || at >= process->maps.nr)
			continue;
		mapping = &process->mappings[at];
		uint64_t size = mapping->vma->end - mapping->vma->start;
		uint64_t none = size - MIN(size, rss + swap);
		struct place found[] = {
			{ CDM_WHERE_RAM, rss }, { CDM_WHERE_SWAP, swap }, { CDM_WHERE_NONE, none },
		};

		for (size_t i = 0; !rc && i < ARRAY_SIZE(found); i++) {
			rc = places_add(&mapping->places, found[i].where, found[i].bytes);
			if (!rc)
				rc = places_add(&process->places, found[i].where, found[i].bytes);
		}
	}
	free(text);
	return rc;
}

int cdm_process_read(struct cdm_ctx *ctx, pid_t pid, struct cdm_process **out)
{
	struct cdm_process *process = calloc(1, sizeof(*process));
	int fd, rc;

	if (!process)
		return -ENOMEM;
	process->refs = 1;
	process->pid = pid;
	rc = cdm_maps_read(ctx, pid, &process->maps);
	if (rc == -EACCES)
		rc = -EPERM;
	if (!rc) {
		process->mappings = calloc(process->maps.nr + 1, sizeof(*process->mappings));
		rc = process->mappings ? 0 : -ENOMEM;
	}
	for (size_t i = 0; !rc && i < process->maps.nr; i++) {
		process->mappings[i].process = process;
		process->mappings[i].vma = &process->maps.vma[i];
	}
	if (!rc) {
		cdm_proc_read_comm(ctx, pid, process->comm);
		process->cgroup = cdm_proc_read_cgroup(ctx, pid);
		fd = cdm_any_region_open(ctx);
		if (fd == -ENODEV) {
			rc = process_read_smaps(ctx, process);
		} else if (fd < 0) {
			cdm_process_unref(process);
			return cdm_fail_prefix(ctx, fd, "look at pid %d: ",
					       pid ? (int)pid : (int)getpid());
		} else {
			rc = process_read_places(ctx, process, fd);
			close(fd);
		}
	}
	if (rc < 0) {
		cdm_process_unref(process);
		return residency_fail(ctx, pid, rc);
	}
	*out = process;
	return 0;
}

struct cdm_process *cdm_process_ref(struct cdm_process *process)
{
	process->refs++;
	return process;
}

struct cdm_process *cdm_process_unref(struct cdm_process *process)
{
	if (!process || --process->refs > 0)
		return NULL;
	for (size_t i = 0; process->mappings && i < process->maps.nr; i++)
		free(process->mappings[i].places.place);
	free(process->mappings);
	free(process->places.place);
	free(process->cgroup);
	cdm_maps_free(&process->maps);
	free(process);
	return NULL;
}

pid_t cdm_process_get_pid(struct cdm_process *process)
{
	return process->pid ? process->pid : getpid();
}

const char *cdm_process_get_comm(struct cdm_process *process)
{
	return process->comm;
}

const char *cdm_process_get_cgroup(struct cdm_process *process)
{
	return process->cgroup;
}

uint64_t cdm_process_get_bytes(struct cdm_process *process, int where)
{
	return places_get(&process->places, where);
}

struct cdm_mapping *cdm_mapping_get_first(struct cdm_process *process)
{
	return process->maps.nr ? process->mappings : NULL;
}

struct cdm_mapping *cdm_mapping_get_next(struct cdm_mapping *mapping)
{
	struct cdm_process *process = mapping->process;
	size_t index = mapping - process->mappings;

	return index + 1 < process->maps.nr ? mapping + 1 : NULL;
}

uint64_t cdm_mapping_get_start(struct cdm_mapping *mapping)
{
	return mapping->vma->start;
}

uint64_t cdm_mapping_get_end(struct cdm_mapping *mapping)
{
	return mapping->vma->end;
}

const char *cdm_mapping_get_perms(struct cdm_mapping *mapping)
{
	return mapping->vma->perms;
}

const char *cdm_mapping_get_name(struct cdm_mapping *mapping)
{
	return mapping->vma->name;
}

uint64_t cdm_mapping_get_bytes(struct cdm_mapping *mapping, int where)
{
	return places_get(&mapping->places, where);
}
