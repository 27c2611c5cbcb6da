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
	uint64_t huge;
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

static struct place *places_find(const struct places *places, int where)
{
	for (unsigned int i = 0; i < places->nr; i++)
		if (places->place[i].where == where)
			return &places->place[i];
	return NULL;
}

/* huge: how many of the bytes are in huge pages */
static int places_add(struct places *places, int where, uint64_t bytes, uint64_t huge)
{
	struct place *place = places_find(places, where), *grown;

	if (!place) {
		grown = realloc(places->place, (places->nr + 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		places->place = grown;
		place = &grown[places->nr++];
		*place = (struct place) { .where = where };
	}
	place->bytes += bytes;
	place->huge += huge;
	return 0;
}

static uint64_t places_get(const struct places *places, int where)
{
	const struct place *place = places_find(places, where);

	return place ? place->bytes : 0;
}

static uint64_t places_get_huge(const struct places *places, int where)
{
	const struct place *place = places_find(places, where);

	return place ? place->huge : 0;
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
	/* with a region it has been said what is missing */
	if (!cdm_region_get_first(ctx))
		cdm_fail(ctx, ENODEV, "no cdm region is here%s",
			 cdm_module_is_loaded(ctx) ? "" : ": the module is not loaded");
	return rc;
}

int cdm_walk_residency(struct cdm_ctx *ctx, int fd, const struct cdm_query *query,
		       cdm_span_fn fn, void *data)
{
	struct cdm_query rest = *query;
	uint64_t end = query->addr + query->length, next;
	int rc;

	while (rest.addr < end) {
		rest.length = end - rest.addr;
		rc = cdm_uapi_residency(ctx, fd, &rest, fn, data, &next);
		if (rc == -EINTR)
			continue;
		if (rc)
			return rc;
		if (next <= rest.addr)
			return -EIO;
		rest.addr = next;
	}
	return 0;
}

struct joined {
	cdm_extent_fn fn;
	void *data;
	struct cdm_span span;
};

static int join_span(void *data, const struct cdm_span *span)
{
	struct joined *joined = data;
	struct cdm_span *last = &joined->span;
	int rc = 0;

	if (last->length && last->where == span->where &&
	    last->addr + last->length == span->addr) {
		last->length += span->length;
		return 0;
	}
	if (last->length)
		rc = joined->fn(joined->data, last->addr, last->length, last->where);
	*last = *span;
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
	const struct cdm_query query = { .pid = pid, .addr = addr, .length = length };
	struct joined joined = { .fn = fn, .data = data };
	int rc, fd = cdm_any_region_open(ctx);

	if (fd < 0)
		return fd;
	if (addr + length < addr)
		rc = -EINVAL;
	else
		rc = cdm_walk_residency(ctx, fd, &query, join_span, &joined);
	close(fd);
	if (!rc && joined.span.length)
		return fn(data, joined.span.addr, joined.span.length, joined.span.where);
	return rc < 0 ? residency_fail(ctx, pid, rc) : rc;
}

/* --- a process --- */

/* One walk over all mappings; extents come in the order of addresses. */
struct mapping_walk {
	struct cdm_process *process;
	size_t at;
};

static int add_span(void *data, const struct cdm_span *span)
{
	struct mapping_walk *walk = data;
	struct cdm_process *process = walk->process;
	uint64_t addr = span->addr, end = addr + span->length;
	int rc;

	while (addr < end && walk->at < process->maps.nr) {
		struct cdm_mapping *mapping = &process->mappings[walk->at];
		uint64_t stop = MIN(end, mapping->vma->end), bytes;

		if (addr >= mapping->vma->end) {
			walk->at++;
			continue;
		}
		addr = MAX(addr, mapping->vma->start);
		if (addr >= stop)
			break;		/* a mapping newer than the list */
		bytes = stop - addr;
		rc = places_add(&mapping->places, span->where, bytes, span->huge ? bytes : 0);
		if (!rc)
			rc = places_add(&process->places, span->where, bytes,
					span->huge ? bytes : 0);
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
	struct cdm_query query = { .pid = process->pid, .huge = true };

	if (!maps->nr)
		return 0;
	query.addr = maps->vma[0].start;
	query.length = maps->vma[maps->nr - 1].end - query.addr;
	return cdm_walk_residency(ctx, fd, &query, add_span, &walk);
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
	uint64_t start, rss = 0, huge = 0, swap = 0;
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
		smaps_value(line, "AnonHugePages:", &huge);
		if (!smaps_value(line, "Swap:", &swap) || at >= process->maps.nr)
			continue;
		mapping = &process->mappings[at];
		uint64_t size = mapping->vma->end - mapping->vma->start;
		uint64_t none = size - MIN(size, rss + swap);
		const struct place found[] = {
			{ CDM_WHERE_RAM, rss, huge },
			{ CDM_WHERE_SWAP, swap, 0 },
			{ CDM_WHERE_NONE, none, 0 },
		};

		for (size_t i = 0; !rc && i < ARRAY_SIZE(found); i++) {
			rc = places_add(&mapping->places, found[i].where, found[i].bytes,
					found[i].huge);
			if (!rc)
				rc = places_add(&process->places, found[i].where, found[i].bytes,
						found[i].huge);
		}
	}
	free(text);
	return rc;
}

static bool any_region_exists(struct cdm_ctx *ctx)
{
	struct cdm_region *region;

	cdm_region_foreach(ctx, region)
		if (cdm_region_exists(region))
			return true;
	return false;
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
		/* who cannot ask a region that is there would call its pages RAM */
		if (fd == -ENODEV && !any_region_exists(ctx)) {
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

uint64_t cdm_process_get_huge(struct cdm_process *process, int where)
{
	return places_get_huge(&process->places, where);
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

uint64_t cdm_mapping_get_huge(struct cdm_mapping *mapping, int where)
{
	return places_get_huge(&mapping->places, where);
}
