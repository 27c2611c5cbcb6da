// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who has pages on a region, and who is in the way of a drain. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"
#include "process.h"
#include "users.h"

struct cdm_user {
	struct cdm_users *users;
	pid_t pid;
	uid_t uid;
	char comm[CDM_NAME_MAX];
	char *cgroup;
	uint64_t bytes;
	enum cdm_hold hold;
};

struct cdm_users {
	int refs;
	struct cdm_user *user;
	unsigned int nr;
	unsigned int hidden;
};

static struct cdm_users *users_new(void)
{
	struct cdm_users *users = calloc(1, sizeof(*users));

	if (users)
		users->refs = 1;
	return users;
}

static struct cdm_user *users_add(struct cdm_users *users, pid_t pid, uint64_t bytes,
				  enum cdm_hold hold)
{
	struct cdm_user *grown = realloc(users->user, (users->nr + 1) * sizeof(*grown));
	struct cdm_user *user;

	if (!grown)
		return NULL;
	users->user = grown;
	user = &grown[users->nr++];
	*user = (struct cdm_user) {
		.pid = pid,
		.uid = (uid_t)-1,
		.bytes = bytes,
		.hold = hold,
	};
	return user;
}

/* Largest first, the kernel last. */
static int compare_users(const void *a, const void *b)
{
	const struct cdm_user *x = a, *y = b;

	if (!x->pid != !y->pid)
		return x->pid ? -1 : 1;
	return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : x->pid - y->pid;
}

static void users_sort(struct cdm_users *users)
{
	if (users->nr)
		qsort(users->user, users->nr, sizeof(*users->user), compare_users);
	for (unsigned int i = 0; i < users->nr; i++)
		users->user[i].users = users;
}

/* --- asking one process --- */

struct tally {
	int id;			/* of the region, or < 0 for all */
	uint64_t bytes;
	uint64_t first;		/* from the first such page to behind the last */
	uint64_t end;
};

static int tally_span(void *data, const struct cdm_span *span)
{
	struct tally *tally = data;

	if (span->where < 0 || (tally->id >= 0 && span->where != tally->id))
		return 0;
	if (!tally->bytes)
		tally->first = span->addr;
	tally->bytes += span->length;
	tally->end = span->addr + span->length;
	return 0;
}

/*
 * A process that ended, and a kernel thread, have no mappings and no pages. 0 or
 * why it could not be asked.
 */
static int tally_process(struct cdm_ctx *ctx, int fd, pid_t pid, struct tally *tally)
{
	struct cdm_query query = { .pid = pid };
	struct cdm_maps maps;
	int rc = cdm_maps_read(ctx, pid, &maps);

	if (!rc && maps.nr) {
		query.addr = maps.vma[0].start;
		query.length = maps.vma[maps.nr - 1].end - query.addr;
		rc = cdm_walk_residency(ctx, fd, &query, tally_span, tally);
	}
	cdm_maps_free(&maps);
	return rc == -ESRCH ? 0 : rc;
}

static int user_fill(struct cdm_ctx *ctx, struct cdm_user *user)
{
	if (!user)
		return -ENOMEM;
	user->uid = cdm_proc_read_uid(ctx, user->pid);
	user->cgroup = cdm_proc_read_cgroup(ctx, user->pid);
	cdm_proc_read_comm(ctx, user->pid, user->comm);
	return 0;
}

/* Who has pages of the region; hold is said by why(), or "uses" without it. */
static int users_scan(struct cdm_ctx *ctx, int fd, int id, struct cdm_users *users,
		      enum cdm_hold (*why)(void *data, pid_t pid, struct tally *tally),
		      void *data)
{
	struct cdm_pids pids;
	int rc = cdm_pids_read_all(ctx, &pids);

	for (size_t i = 0; !rc && i < pids.nr; i++) {
		struct tally tally = { .id = id };
		enum cdm_hold hold = CDM_HOLD_USES;

		rc = tally_process(ctx, fd, pids.pid[i], &tally);
		if (rc == -EPERM || rc == -EACCES) {
			users->hidden++;
			rc = 0;
			continue;
		}
		if (rc || !tally.bytes)
			continue;
		if (why)
			hold = why(data, pids.pid[i], &tally);
		if (tally.bytes)
			rc = user_fill(ctx, users_add(users, pids.pid[i], tally.bytes, hold));
	}
	cdm_pids_free(&pids);
	return rc;
}

int cdm_users_read(struct cdm_ctx *ctx, struct cdm_region *region, struct cdm_users **out)
{
	struct cdm_users *users;
	int rc, fd = region ? cdm_region_open(region) : cdm_any_region_open(ctx);

	if (fd < 0)
		return cdm_fail_prefix(ctx, fd, "users of %s: ",
				       region ? region->name : "all regions");
	users = users_new();
	rc = users ? users_scan(ctx, fd, region ? region->id : -1, users, NULL, NULL) : -ENOMEM;
	close(fd);
	if (rc < 0) {
		cdm_users_unref(users);
		return cdm_fail(ctx, -rc, "users of %s: %s",
				region ? region->name : "all regions", strerror(-rc));
	}
	users_sort(users);
	*out = users;
	return 0;
}

/* --- who is in the way --- */

/*
 * All tries together: who gave a drain up does not want to wait for another one.
 * Those that are left then are judged by what is true of the whole region.
 */
#define PROBE_MS	500

struct holder_probe {
	struct cdm_ctx *ctx;
	int id;
	int fd;
	struct cdm_drain *drain;
	uint64_t deadline_ms;
};

/*
 * Try this process's pages once more. The tally becomes what stays: pages that
 * could be moved after all are in nobody's way.
 */
static enum cdm_hold probe_process(void *data, pid_t pid, struct tally *tally)
{
	struct holder_probe *probe = data;
	struct cdm_move move = {
		.pid = pid,
		.from = probe->id,
		.to = CDM_WHERE_RAM,
		.shared = true,
		.addr = tally->first,
	};
	struct cdm_counts counts = { 0 }, sum = { 0 };
	struct cdm_drain *drain = probe->drain;
	uint64_t next;

	/* no room in RAM: do not make it fuller just to know more */
	if (drain->no_memory)
		return drain->no_memory >= drain->pinned ? CDM_HOLD_NO_MEMORY : CDM_HOLD_PINNED;
	while (move.addr < tally->end && cdm_now_ms() < probe->deadline_ms) {
		move.length = tally->end - move.addr;
		if (cdm_uapi_migrate(probe->ctx, probe->fd, &move, &counts, &next) < 0 ||
		    next <= move.addr)
			break;
		sum.moved += counts.moved;
		sum.busy += counts.busy;
		sum.no_space += counts.no_space;
		move.addr = next;
	}
	drain->moved += sum.moved;
	drain->left -= MIN(drain->left, sum.moved);
	tally->bytes -= MIN(tally->bytes, sum.moved);
	if (sum.no_space > sum.busy)
		return CDM_HOLD_NO_MEMORY;
	if (sum.busy)
		return drain->pinned ? CDM_HOLD_PINNED : CDM_HOLD_BUSY;
	return CDM_HOLD_USES;
}

int cdm_holders_read(struct cdm_ctx *ctx, struct cdm_region *region, int fd,
		     struct cdm_drain *drain, struct cdm_users **out)
{
	struct holder_probe probe = { ctx, region->id, fd, drain, cdm_now_ms() + PROBE_MS };
	struct cdm_users *users = users_new();
	uint64_t mapped = 0;
	int rc;

	*out = NULL;
	if (!users)
		return -ENOMEM;
	rc = users_scan(ctx, fd, region->id, users, probe_process, &probe);
	for (unsigned int i = 0; i < users->nr; i++)
		mapped += users->user[i].bytes;
	/* what nobody maps is kept by the kernel; with hidden processes who knows */
	if (!rc && drain->left > mapped && !users->hidden) {
		struct cdm_user *kernel = users_add(users, 0, drain->left - mapped,
						    CDM_HOLD_KERNEL);

		if (kernel)
			cdm_copy(kernel->comm, sizeof(kernel->comm), "kernel");
	}
	if (rc || !users->nr) {
		cdm_users_unref(users);
		return rc;
	}
	users_sort(users);
	*out = users;
	return 0;
}

/* The first that is in the way; the first of all if it cannot be told who is. */
static struct cdm_user *users_first_holder(struct cdm_users *users)
{
	for (unsigned int i = 0; i < users->nr; i++)
		if (users->user[i].hold != CDM_HOLD_USES)
			return &users->user[i];
	return users->user;
}

void cdm_users_describe(struct cdm_users *users, char *buf, size_t size)
{
	struct cdm_user *first = users_first_holder(users);
	unsigned int others = 0;
	char more[64] = "";

	for (unsigned int i = 0; i < users->nr; i++)
		others += &users->user[i] != first && users->user[i].hold == first->hold;
	if (others)
		snprintf(more, sizeof(more), " and %u other%s", others, others > 1 ? "s" : "");
	if (first->hold == CDM_HOLD_KERNEL)
		snprintf(buf, size, "the kernel (pipe, socket or I/O in flight; no process "
			 "maps them)");
	else
		snprintf(buf, size, "pid %d (%s)%s", (int)first->pid, first->comm, more);
}

bool cdm_users_have_process(struct cdm_users *users)
{
	return users_first_holder(users)->hold != CDM_HOLD_KERNEL;
}

bool cdm_users_have_holder(struct cdm_users *users)
{
	return users_first_holder(users)->hold != CDM_HOLD_USES;
}

struct cdm_users *cdm_users_ref(struct cdm_users *users)
{
	users->refs++;
	return users;
}

struct cdm_users *cdm_users_unref(struct cdm_users *users)
{
	if (!users || --users->refs > 0)
		return NULL;
	for (unsigned int i = 0; i < users->nr; i++)
		free(users->user[i].cgroup);
	free(users->user);
	free(users);
	return NULL;
}

unsigned int cdm_users_get_hidden(struct cdm_users *users)
{
	return users->hidden;
}

struct cdm_user *cdm_user_get_first(struct cdm_users *users)
{
	return users->nr ? users->user : NULL;
}

struct cdm_user *cdm_user_get_next(struct cdm_user *user)
{
	size_t index = user - user->users->user;

	return index + 1 < user->users->nr ? user + 1 : NULL;
}

pid_t cdm_user_get_pid(struct cdm_user *user)
{
	return user->pid;
}

uid_t cdm_user_get_uid(struct cdm_user *user)
{
	return user->uid;
}

const char *cdm_user_get_comm(struct cdm_user *user)
{
	return user->comm;
}

const char *cdm_user_get_cgroup(struct cdm_user *user)
{
	return user->cgroup;
}

uint64_t cdm_user_get_bytes(struct cdm_user *user)
{
	return user->bytes;
}

enum cdm_hold cdm_user_get_hold(struct cdm_user *user)
{
	return user->hold;
}
