// SPDX-License-Identifier: LGPL-2.1-or-later
/* The run of a migration: processes, their ranges, calls of bounded time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counts.h"
#include "job.h"

/*
 * With several destinations a range is passed over once for each pair of source
 * and destination, in pieces of this size; so no page is asked for long after it
 * was counted.
 */
#define PIECE_BYTES	(64ULL << 20)
#define WINDOW_PAGES	512
/* How long and how often to wait for an address space that changes all the time. */
#define AGAIN_PAUSE_MS	20
#define AGAIN_MAX	50
/* How often a cgroup is looked at again for processes that came meanwhile. */
#define CGROUP_PASSES	8

struct dest {
	int where;
	int fd;
	bool full;		/* it had no room: others first */
	bool last;		/* in this pass: it was full before */
	bool closed;		/* held, draining or gone */
	bool used;
};

struct run {
	struct cdm_job *job;
	struct cdm_ctx *ctx;
	struct dest *dests;
	unsigned int nr_dests;
	int *sources;
	unsigned int nr_sources;
	struct cdm_pids done;	/* processes that were passed over */
	int refused_rc;		/* why the first refused process was */
	char refused[CDM_NAME_MAX];	/* "pid 812" */
	/* rate limit: bytes that may be moved; grows with time */
	double tokens;
	uint64_t tokens_ms;
};

/*
 * The module moves a window at a time, and a huge page, which fills one, in one piece:
 * a call that ends within one would split it.
 */
static uint64_t window_end(const struct run *run, uint64_t addr)
{
	uint64_t window = WINDOW_PAGES * run->ctx->page_size;

	return addr / window * window + window;
}

/*
 * --- rate limit: a token bucket that holds a tenth of a second, and may owe the rest of
 * a window ---
 */

static uint64_t bucket_size(const struct run *run)
{
	return MAX(run->job->rate / 10, run->ctx->page_size);
}

static void bucket_fill(struct run *run)
{
	uint64_t now = cdm_now_ms();

	run->tokens += (double)run->job->rate * (now - run->tokens_ms) / 1000;
	run->tokens = MIN(run->tokens, (double)bucket_size(run));
	run->tokens_ms = now;
}

/* Wait until something may be moved; what @move asks for is cut to that. */
static int bucket_wait(struct run *run, struct cdm_move *move)
{
	uint64_t page = run->ctx->page_size, end;
	int rc;

	if (!run->job->rate || run->job->dry_run)
		return 0;
	bucket_fill(run);
	while (run->tokens < page) {
		rc = cdm_job_sleep(run->job, MAX((uint64_t)((page - run->tokens) * 1000 /
							    run->job->rate), 10));
		if (rc)
			return rc;
		bucket_fill(run);
	}
	end = window_end(run, move->addr + (uint64_t)run->tokens - 1);
	move->length = MIN(move->length, end - move->addr);
	return 0;
}

static void bucket_take(struct run *run, const struct cdm_counts *counts)
{
	if (run->job->rate)
		run->tokens -= counts->moved + counts->populated;
}

/* --- one call --- */

/*
 * A call that a signal ended before it did anything is made again; so is one that
 * never found the address space at rest, after a moment.
 */
static int move_call(struct run *run, int fd, struct cdm_move *move,
		     struct cdm_counts *counts, uint64_t *next)
{
	uint64_t end = move->addr + move->length;
	unsigned int again = 0;
	int rc;

	do {
		rc = bucket_wait(run, move);
		if (!rc)
			rc = cdm_job_tick(run->job);
		if (rc)
			return rc;
		rc = cdm_uapi_migrate(run->ctx, fd, move, counts, next);
		if (rc == -EAGAIN) {
			rc = cdm_job_sleep(run->job, AGAIN_PAUSE_MS);
			if (rc)
				return rc;
			rc = ++again < AGAIN_MAX ? -EINTR : -EAGAIN;
		}
	} while (rc == -EINTR);
	if (rc)
		return rc;
	/* out_next must advance, or we would be here for ever */
	if (*next <= move->addr || *next > end)
		return -EIO;
	bucket_take(run, counts);
	return 0;
}

static void progress_add(struct run *run, uint64_t looked_at, uint64_t moved)
{
	struct cdm_progress *progress = &run->job->progress;

	progress->done += looked_at;
	progress->moved += moved;
	progress->total = MAX(progress->total, progress->done);
	progress->left = progress->total - progress->done;
}

static bool is_closed(int rc)
{
	return rc == -EBUSY || rc == -ENODEV;
}

/* --- one destination: as simple as it looks --- */

static int move_straight(struct run *run, struct cdm_move *move)
{
	struct dest *dest = run->dests;
	uint64_t end = move->addr + move->length, next;
	struct cdm_counts counts;
	int rc;

	move->to = dest->where;
	move->from = run->job->from;
	while (move->addr < end) {
		move->length = end - move->addr;
		rc = move_call(run, dest->fd, move, &counts, &next);
		if (rc)
			return rc;
		cdm_counts_add(&run->job->counts, &counts);
		dest->used |= counts.moved || counts.populated;
		progress_add(run, counts.total, counts.moved + counts.populated);
		move->addr = next;
	}
	return 0;
}

/* --- several destinations --- */

struct where_sum {
	const struct run *run;
	uint64_t bytes;
};

static int sum_at_dests(void *data, const struct cdm_span *span)
{
	struct where_sum *sum = data;

	for (unsigned int i = 0; i < sum->run->nr_dests; i++)
		if (sum->run->dests[i].where == span->where)
			sum->bytes += span->length;
	return 0;
}

/* What of the piece is at one of the destinations already. */
static int read_already(struct run *run, const struct cdm_move *move, uint64_t *already)
{
	struct cdm_query query = { .pid = move->pid, .addr = move->addr };
	uint64_t end = move->addr + move->length, next;
	struct where_sum sum = { .run = run };
	int rc = 0;

	while (!rc && query.addr < end) {
		query.length = end - query.addr;
		rc = cdm_uapi_residency(run->ctx, run->dests[0].fd, &query, sum_at_dests, &sum,
					&next);
		if (rc == -EINTR)
			rc = cdm_job_stop(run->job);
		else if (!rc && next <= query.addr)
			rc = -EIO;
		query.addr = next;
	}
	*already = sum.bytes;
	return rc;
}

/* One pass over the piece: from one source to one destination. */
static int move_pass(struct run *run, const struct cdm_move *piece, struct dest *dest,
		     struct cdm_counts *pass)
{
	uint64_t end = piece->addr + piece->length, next;
	struct cdm_move move = *piece;
	struct cdm_counts counts;
	int rc = 0;

	move.to = dest->where;
	memset(pass, 0, sizeof(*pass));
	while (move.addr < end) {
		move.length = end - move.addr;
		rc = move_call(run, dest->fd, &move, &counts, &next);
		if (rc)
			break;
		cdm_counts_add(pass, &counts);
		run->job->progress.moved += counts.moved + counts.populated;
		move.addr = next;
	}
	dest->used |= pass->moved || pass->populated;
	dest->full |= pass->no_space > 0;
	return rc;
}

/* All destinations for one source, those that were full before last. */
static int move_source(struct run *run, struct cdm_move *piece, struct cdm_passes *passes)
{
	struct cdm_counts pass;
	int rc, error = 0;

	for (unsigned int i = 0; i < run->nr_dests; i++)
		run->dests[i].last = run->dests[i].full;
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < run->nr_dests; i++) {
			struct dest *dest = &run->dests[i];

			if (dest->closed || dest->last != (round == 1))
				continue;
			rc = move_pass(run, piece, dest, &pass);
			if (is_closed(rc)) {
				dest->closed = true;
				error = rc;
				continue;
			}
			if (rc)
				return rc;
			error = 0;
			cdm_passes_add(passes, &pass);
			if (!pass.no_space)
				return 0;
		}
	}
	return passes->any ? 0 : error ? error : -EBUSY;
}

static int move_piece(struct run *run, struct cdm_move *piece)
{
	struct cdm_passes passes;
	uint64_t already;
	int rc = read_already(run, piece, &already);

	cdm_passes_begin(&passes);
	for (unsigned int i = 0; !rc && i < run->nr_sources; i++) {
		piece->from = run->sources[i];
		/* nothing is anywhere yet for the first source only */
		piece->populate = run->job->populate && !i;
		rc = move_source(run, piece, &passes);
		cdm_passes_next_source(&passes);
	}
	if (rc && !passes.result.moved && !passes.result.populated)
		return rc;
	cdm_passes_end(&passes, piece->length, already);
	cdm_counts_add(&run->job->counts, &passes.result);
	progress_add(run, piece->length, 0);
	return rc;
}

static int move_in_order(struct run *run, struct cdm_move *move)
{
	uint64_t end = move->addr + move->length;
	int rc = 0;

	while (!rc && move->addr < end) {
		/* lengths: behind the last window there is no address */
		move->length = MIN(end - move->addr,
				   window_end(run, move->addr + PIECE_BYTES - 1) - move->addr);
		rc = move_piece(run, move);
		move->addr += move->length;
	}
	return rc;
}

/* --- processes --- */

static int move_range(struct run *run, pid_t pid, uint64_t addr, uint64_t length)
{
	struct cdm_move move = {
		.pid = pid,
		.addr = addr,
		.length = length,
		.workers = run->job->workers,
		.populate = run->job->populate,
		.shared = run->job->shared,
		.dry_run = run->job->dry_run,
	};

	return run->nr_dests > 1 ? move_in_order(run, &move) : move_straight(run, &move);
}

/* Mappings that touch each other are one range: fewer calls. */
static int move_mappings(struct run *run, pid_t pid, const struct cdm_maps *maps)
{
	size_t i = 0;
	int rc = 0;

	while (!rc && i < maps->nr) {
		uint64_t start = maps->vma[i].start, end = maps->vma[i].end;

		for (i++; i < maps->nr && maps->vma[i].start == end; i++)
			end = maps->vma[i].end;
		rc = move_range(run, pid, start, end - start);
	}
	return rc;
}

static void progress_expect(struct run *run, const struct cdm_maps *maps)
{
	struct cdm_progress *progress = &run->job->progress;

	for (unsigned int i = 0; i < run->job->nr_ranges; i++)
		progress->total += run->job->ranges[i].length;
	for (size_t i = 0; !run->job->nr_ranges && i < maps->nr; i++)
		progress->total += maps->vma[i].end - maps->vma[i].start;
	progress->left = progress->total - progress->done;
}

static void process_name(pid_t pid, char name[CDM_NAME_MAX])
{
	snprintf(name, CDM_NAME_MAX, "pid %d", pid ? (int)pid : (int)getpid());
}

/* What it begins with: for what goes wrong before that. */
static void first_name(const struct cdm_job *job, char name[CDM_NAME_MAX])
{
	if (job->pids.nr)
		process_name(job->pids.pid[0], name);
	else
		cdm_copy(name, CDM_NAME_MAX, job->cgroups[0]);
}

static int move_process(struct run *run, pid_t pid)
{
	struct cdm_job *job = run->job;
	struct cdm_maps maps = { 0 };
	int rc = 0;

	process_name(pid, job->object);
	job->progress.step = "migrate";
	if (!job->nr_ranges)
		rc = cdm_maps_read(run->ctx, pid, &maps);
	if (rc == -EACCES)
		rc = -EPERM;
	progress_expect(run, &maps);
	for (unsigned int i = 0; !rc && i < job->nr_ranges; i++)
		rc = move_range(run, pid, job->ranges[i].addr, job->ranges[i].length);
	if (!rc && !job->nr_ranges)
		rc = move_mappings(run, pid, &maps);
	cdm_maps_free(&maps);

	job->counts.processes++;
	if (rc == -ESRCH) {
		job->counts.vanished++;
		rc = 0;
	} else if (rc == -EPERM) {
		if (!job->counts.refused++) {
			run->refused_rc = rc;
			cdm_copy(run->refused, sizeof(run->refused), job->object);
		}
		rc = 0;
	}
	return rc;
}

/* The processes that are not done yet; newcomers of cgroups too. */
static int move_pass_processes(struct run *run, unsigned int *nr)
{
	struct cdm_job *job = run->job;
	struct cdm_pids pids = { 0 };
	int rc = 0;

	*nr = 0;
	for (size_t i = 0; !rc && i < job->pids.nr; i++)
		if (!cdm_pids_have(&pids, job->pids.pid[i]))
			rc = cdm_pids_add(&pids, job->pids.pid[i]);
	for (unsigned int i = 0; !rc && i < job->nr_cgroups; i++) {
		rc = cdm_pids_read_cgroup(run->ctx, &pids, job->cgroups[i]);
		if (rc == -ENOENT)
			rc = 0;		/* removed since, and empty therefore */
	}
	for (size_t i = 0; !rc && i < pids.nr; i++) {
		if (cdm_pids_have(&run->done, pids.pid[i]))
			continue;
		rc = cdm_pids_add(&run->done, pids.pid[i]);
		if (!rc)
			rc = move_process(run, pids.pid[i]);
		(*nr)++;
	}
	cdm_pids_free(&pids);
	return rc;
}

/* --- setting up --- */

static int dest_add(struct run *run, int where, struct cdm_region *region)
{
	int fd;

	if (!region) {
		if (where == CDM_WHERE_RAM)
			return cdm_fail(run->ctx, ENODEV, "migrate: no cdm region is here, so "
					"there is nothing to bring back");
		return cdm_fail(run->ctx, ENODEV, "migrate: there is no region cdm%d", where);
	}
	fd = cdm_region_open(region);
	if (fd < 0)
		return cdm_fail_prefix(run->ctx, fd, "migrate: ");
	run->dests[run->nr_dests++] = (struct dest) { .where = where, .fd = fd };
	return 0;
}

/* RAM has no device node: that of the source is asked, or of any region. */
static struct cdm_region *region_for(struct run *run, int where)
{
	struct cdm_region *region = NULL;

	if (where >= 0)
		return cdm_region_find_id(run->ctx, where);
	if (run->job->from >= 0)
		return cdm_region_find_id(run->ctx, run->job->from);
	cdm_region_foreach(run->ctx, region)
		if (region->state != CDM_STATE_HELD)
			return region;
	return cdm_region_get_first(run->ctx);
}

static int sources_set(struct run *run)
{
	struct cdm_region *region;
	unsigned int room = 1;

	cdm_region_foreach(run->ctx, region)
		room++;
	run->sources = calloc(room, sizeof(*run->sources));
	if (!run->sources)
		return -ENOMEM;
	if (run->job->from != CDM_WHERE_ANY) {
		run->sources[run->nr_sources++] = run->job->from;
		return 0;
	}
	run->sources[run->nr_sources++] = CDM_WHERE_RAM;
	cdm_region_foreach(run->ctx, region) {
		bool dest = false;

		for (unsigned int i = 0; i < run->nr_dests; i++)
			dest |= run->dests[i].where == region->id;
		if (!dest)
			run->sources[run->nr_sources++] = region->id;
	}
	return 0;
}

static int run_set_up(struct run *run)
{
	struct cdm_job *job = run->job;
	int rc;

	if (!job->nr_to)
		return cdm_fail(run->ctx, EINVAL, "migrate: no destination given");
	if (!job->pids.nr && !job->nr_cgroups)
		return cdm_fail(run->ctx, EINVAL, "migrate: no process given");
	if (job->from < 0 && job->from != CDM_WHERE_ANY && job->from != CDM_WHERE_RAM)
		return cdm_fail(run->ctx, EINVAL, "migrate: %d is no place to move from",
				job->from);
	if (job->populate && job->to[0] == CDM_WHERE_RAM)
		return cdm_fail(run->ctx, EINVAL, "migrate: RAM is not populated; give a region");
	rc = cdm_regions_refresh(run->ctx);
	if (rc < 0)
		return rc;
	if (job->from >= 0 && !cdm_region_find_id(run->ctx, job->from))
		return cdm_fail(run->ctx, ENODEV, "migrate: there is no region cdm%d", job->from);
	run->dests = calloc(job->nr_to, sizeof(*run->dests));
	if (!run->dests)
		return -ENOMEM;
	for (unsigned int i = 0; !rc && i < job->nr_to; i++)
		rc = dest_add(run, job->to[i], region_for(run, job->to[i]));
	if (!rc && run->nr_dests > 1)
		rc = sources_set(run);
	run->tokens_ms = cdm_now_ms();
	run->tokens = bucket_size(run);
	return rc;
}

static void run_tear_down(struct run *run)
{
	for (unsigned int i = 0; i < run->nr_dests; i++) {
		run->job->counts.regions += run->dests[i].used;
		close(run->dests[i].fd);
	}
	free(run->dests);
	free(run->sources);
	cdm_pids_free(&run->done);
}

static void place_name(int where, char name[CDM_NAME_MAX])
{
	if (where == CDM_WHERE_RAM)
		cdm_copy(name, CDM_NAME_MAX, "RAM");
	else
		snprintf(name, CDM_NAME_MAX, "cdm%d", where);
}

static int run_fail(struct run *run, int rc)
{
	struct cdm_job *job = run->job;
	char to[CDM_NAME_MAX];

	place_name(job->to[0], to);
	switch (rc) {
	case -ECANCELED:
	case -ETIMEDOUT:
		return cdm_job_fail_stop(job, rc, "migrate", job->object);
	case -EBUSY:
		return cdm_fail(run->ctx, EBUSY, "migrate %s to %s: it is not online; "
				"'cdmctl online %s' first", job->object, to, to);
	case -ENODEV:
		return cdm_fail(run->ctx, ENODEV, "migrate %s to %s: the region has gone",
				job->object, to);
	case -EPERM:
		return cdm_fail(run->ctx, EPERM, "migrate %s to %s: not permitted%s", job->object,
				to, job->shared ? "; pages of several processes need CAP_SYS_NICE" :
				"; other processes need CAP_SYS_PTRACE");
	default:
		return cdm_fail(run->ctx, -rc, "migrate %s to %s: %s", job->object, to,
				strerror(-rc));
	}
}

/* Nobody could be looked at: that is not a success. */
static int run_verdict(struct run *run)
{
	const struct cdm_counts *counts = &run->job->counts;

	if (!counts->processes || counts->processes > counts->vanished + counts->refused)
		return 0;
	if (counts->refused) {
		cdm_copy(run->job->object, sizeof(run->job->object), run->refused);
		return run_fail(run, run->refused_rc);
	}
	return cdm_fail(run->ctx, ESRCH, "migrate %s: no such process, or one without memory "
			"of its own", run->job->object);
}

/*
 * In a dry run the kernel only looks at the pages, and not at what they would go to: how
 * much that has room for is asked here; of RAM what offline asks of it. -EBUSY: no
 * destination is online.
 */
static int plan_room(const struct run *run, uint64_t *room)
{
	uint64_t available, swap_free;
	struct cdm_region *region;
	int rc = -EBUSY;

	*room = 0;
	for (unsigned int i = 0; i < run->nr_dests; i++) {
		if (run->dests[i].where == CDM_WHERE_RAM) {
			*room = cdm_meminfo_read(run->ctx, &available, &swap_free) < 0 ?
				UINT64_MAX : available + swap_free;
			return 0;
		}
		region = cdm_region_find_id(run->ctx, run->dests[i].where);
		if (region && region->state == CDM_STATE_ONLINE) {
			*room += region->available;
			rc = 0;
		}
	}
	return rc;
}

int cdm_job_migrate(struct cdm_job *job)
{
	struct run run = { .job = job, .ctx = job->ctx };
	uint64_t room = UINT64_MAX;
	char first[CDM_NAME_MAX];
	unsigned int nr;
	int rc;

	cdm_job_begin(job);
	rc = run_set_up(&run);
	if (rc < 0) {
		run_tear_down(&run);
		return cdm_job_end(job, rc);
	}
	first_name(job, first);
	rc = cdm_job_step(job, "migrate", first);
	if (!rc && job->dry_run)
		rc = plan_room(&run, &room);
	for (unsigned int pass = 0; !rc && pass < CGROUP_PASSES; pass++) {
		rc = move_pass_processes(&run, &nr);
		if (!nr || !job->nr_cgroups)
			break;
	}
	rc = rc ? run_fail(&run, rc) : run_verdict(&run);
	if (!rc && job->dry_run)
		cdm_counts_cut(&job->counts, room);
	run_tear_down(&run);
	return cdm_job_end(job, rc);
}
