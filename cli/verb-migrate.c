// SPDX-License-Identifier: GPL-2.0-only
/* cdmctl migrate: move pages of running processes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "keep.h"
#include "message.h"
#include "options.h"
#include "progress.h"
#include "session.h"
#include "size.h"
#include "target.h"

struct range {
	uint64_t start;
	uint64_t length;
};

static struct {
	int *pids;
	size_t nr_pids;
	const char **cgroups;
	size_t nr_cgroups;
	struct range *ranges;
	size_t nr_ranges;
	const char *from;
	const char *to;
	uint64_t rate;
	uint64_t timeout_ms;
	unsigned int workers;
	bool dry_run;
	bool populate;
	bool shared;
} opts;

static int add_pid(const struct opt *opt, const char *text)
{
	struct opt one = *opt;
	int pid;

	one.dest = &pid;
	if (opt_pid(&one, text))
		return -1;
	opts.pids = xrealloc(opts.pids, (opts.nr_pids + 1) * sizeof(pid));
	opts.pids[opts.nr_pids++] = pid;
	return 0;
}

static int add_cgroup(const struct opt *opt, const char *text)
{
	const char *path = NULL;
	struct opt one = *opt;

	one.dest = &path;
	if (opt_text(&one, text))
		return -1;
	opts.cgroups = xrealloc(opts.cgroups,
				(opts.nr_cgroups + 1) * sizeof(path));
	opts.cgroups[opts.nr_cgroups++] = path;
	return 0;
}

static int add_range(const struct opt *opt, const char *text)
{
	struct range range;
	int rc = range_parse(text, &range.start, &range.length);

	if (rc == -ERANGE)
		error("--%s: \"%s\" is empty, ends before it begins, or wraps",
		      opt->name, text);
	else if (rc)
		error("--%s: \"%s\" is not a range; write START-END or START+LENGTH, as in 7f0000000000-7f0000200000 or 0x7f0000000000+2m",
		      opt->name, text);
	if (rc)
		return -1;
	if (range.start % page_size() || range.length % page_size()) {
		error("--%s: \"%s\" does not begin and end at a page; pages have %llu bytes",
		      opt->name, text, (unsigned long long)page_size());
		return -1;
	}
	opts.ranges = xrealloc(opts.ranges,
			       (opts.nr_ranges + 1) * sizeof(range));
	opts.ranges[opts.nr_ranges++] = range;
	return 0;
}

static int set_rate(const struct opt *opt, const char *text)
{
	if (opt_size(opt, text))
		return -1;
	if (!opts.rate) {
		error("--%s: at 0 bytes per second nothing ever moves; leave it out for no limit",
		      opt->name);
		return -1;
	}
	return 0;
}

static int set_workers(const struct opt *opt, const char *text)
{
	if (opt_count(opt, text))
		return -1;
	if (opts.workers > CDM_MIGRATE_WORKERS_MAX) {
		error("--%s: %u are too many; there can be %d", opt->name,
		      opts.workers, CDM_MIGRATE_WORKERS_MAX);
		return -1;
	}
	return 0;
}

static const struct opt options[] = {
	{ "pid", 'p', "PID", "memory of this process; may be repeated",
	  add_pid, NULL },
	{ "cgroup", 'c', "PATH", "of all processes of this cgroup; may be repeated",
	  add_cgroup, NULL },
	{ "range", 'r', "START-END|START+LENGTH", "only these addresses; may be repeated",
	  add_range, NULL },
	{ "from", 'f', "REGION|ram", "only pages that are there",
	  opt_text, &opts.from },
	{ "to", 't', "REGION[,REGION]...|ram", "where to: the next region when one is full",
	  opt_text, &opts.to },
	{ "limit-rate", 'l', "SIZE", "at most so many bytes per second",
	  set_rate, &opts.rate },
	{ "populate", 'P', NULL, "make pages where nothing was touched yet",
	  opt_switch, &opts.populate },
	{ "shared", 's', NULL, "pages that other processes map, too",
	  opt_switch, &opts.shared },
	{ "workers", 'w', "N", "threads to work with, 1 to 64",
	  set_workers, &opts.workers },
	{ "timeout", 'T', "TIME", "stop after 30, 30s, 2m",
	  opt_duration, &opts.timeout_ms },
	{ "dry-run", 'n', NULL, "count what would move, and move nothing",
	  opt_switch, &opts.dry_run },
	{ NULL },
};

struct migrate_row {
	const char *result;
	struct cdm_counts counts;
	uint64_t elapsed_ms;
	const char *error;
};

#define COUNT(member, type, title) \
	FIELD_OF(struct migrate_row, counts, member, type, title)
/* For what may go wrong: nobody wants to read twelve zeroes. */
#define COUNT_IF(member, type, title) \
	{ #member, title, type, offsetof(struct migrate_row, counts.member), true }

static const struct field fields[] = {
	FIELD(struct migrate_row, result, FIELD_TEXT, "result"),
	COUNT(moved, FIELD_SIZE, "moved"),
	COUNT_IF(whole, FIELD_SIZE, "  as huge pages"),
	COUNT_IF(split, FIELD_SIZE, "  of huge pages, now small"),
	COUNT_IF(populated, FIELD_SIZE, "made there"),
	COUNT_IF(already, FIELD_SIZE, "already there"),
	COUNT_IF(filtered, FIELD_SIZE, "elsewhere"),
	COUNT_IF(not_present, FIELD_SIZE, "not present"),
	COUNT_IF(busy, FIELD_SIZE, "stayed: pinned or busy"),
	COUNT_IF(shared, FIELD_SIZE, "stayed: shared"),
	COUNT_IF(file, FIELD_SIZE, "stayed: file-backed"),
	COUNT_IF(huge, FIELD_SIZE, "stayed: huge"),
	COUNT_IF(unsupported, FIELD_SIZE, "stayed: cannot move"),
	COUNT_IF(no_space, FIELD_SIZE, "stayed: no space"),
	COUNT_IF(retired, FIELD_SIZE, "bad, retired"),
	COUNT_IF(unmapped, FIELD_SIZE, "not mapped"),
	COUNT(total, FIELD_SIZE, "looked at"),
	COUNT(processes, FIELD_NUMBER, "processes"),
	COUNT_IF(vanished, FIELD_NUMBER, "ended meanwhile"),
	COUNT_IF(refused, FIELD_NUMBER, "refused"),
	FIELD(struct migrate_row, elapsed_ms, FIELD_NUMBER, NULL),
	FIELD(struct migrate_row, error, FIELD_TEXT, NULL),
	FIELD_END
};

/*
 * What was asked for and did not happen. Every process maps files and a few
 * special pages, so that these are no failure unless a range names them.
 */
static uint64_t bytes_left(const struct cdm_counts *c)
{
	uint64_t left = cdm_counts_get_left(c);

	return opts.nr_ranges ? left : left - c->file - c->unsupported;
}

static const char *hint(const struct cdm_counts *c)
{
	if (c->no_space)
		return "the destination is full; name more regions, or take more into use";
	if (c->shared)
		return "other processes map some of it; --shared moves that too";
	if (c->busy)
		return "some of it is pinned or busy; try again";
	if (c->refused)
		return "some processes may not be touched; run it as root";
	if (c->file)
		return "files and shared memory cannot move";
	return "some of it cannot move";
}

static enum exit_code judge(const struct cdm_counts *c)
{
	uint64_t good = c->moved + c->populated + c->already;
	char size[SIZE_TEXT];

	if (bytes_left(c))
		error("%s stayed: %s", size_table(bytes_left(c), size),
		      hint(c));
	else if (c->refused)
		error("%s", hint(c));
	if (bytes_left(c) || c->refused)
		return good ? EXIT_PARTLY : EXIT_FAILED;
	if (!c->processes) {
		error("there is no process");
		return EXIT_NOTHING;
	}
	if (c->total == c->unmapped) {
		error("nothing is mapped there");
		return EXIT_NOTHING;
	}
	if (!good && c->not_present)
		note("nothing was there to move; --populate makes pages");
	return EXIT_DONE;
}

/* Stopped half-way: what has moved stays there. */
static enum exit_code stopped(struct cdm_ctx *ctx, int rc,
			      const struct cdm_counts *c,
			      struct migrate_row *row)
{
	enum exit_code code = exit_code_of(rc);

	row->error = session_error(ctx, rc);
	error_text(row->error);
	return code == EXIT_FAILED && c->moved + c->populated ? EXIT_PARTLY :
								code;
}

static const char *result_name(enum exit_code code)
{
	switch (code) {
	case EXIT_DONE:
		return opts.dry_run ? "would-move" : "done";
	case EXIT_PARTLY:
		return opts.dry_run ? "would-move-partly" : "partly";
	case EXIT_NOTHING:
		return "nothing";
	default:
		return "failed";
	}
}

static enum exit_code set_places(struct cdm_ctx *ctx, struct cdm_job *job)
{
	char *words = xrealloc(NULL, strlen(opts.to) + 1), *rest, *word;
	enum exit_code code = EXIT_DONE;
	int where;

	if (opts.from) {
		code = target_place(ctx, opts.from, &where);
		if (code == EXIT_DONE)
			cdm_job_set_from(job, where);
	}
	strcpy(words, opts.to);
	for (rest = words; code == EXIT_DONE && (word = strsep(&rest, ","));) {
		code = target_place(ctx, word, &where);
		if (code == EXIT_DONE && cdm_job_add_to(job, where)) {
			error("--to: \"%s\": ram cannot stand beside regions",
			      opts.to);
			code = EXIT_USAGE;
		}
	}
	free(words);
	return code;
}

static enum exit_code set_whose(struct cdm_ctx *ctx, struct cdm_job *job)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < opts.nr_pids; i++)
		rc = cdm_job_add_pid(job, opts.pids[i]);
	for (size_t i = 0; !rc && i < opts.nr_cgroups; i++)
		rc = cdm_job_add_cgroup(job, opts.cgroups[i]);
	for (size_t i = 0; !rc && i < opts.nr_ranges; i++)
		rc = cdm_job_add_range(job, opts.ranges[i].start,
				       opts.ranges[i].length);
	return rc ? session_report(ctx, rc) : EXIT_DONE;
}

static enum exit_code migrate(struct cdm_ctx *ctx, struct cdm_job *job)
{
	const struct cdm_counts *counts;
	struct migrate_row row = { 0 };
	enum exit_code code;
	int rc;

	cdm_job_set_rate(job, opts.rate);
	cdm_job_set_workers(job, opts.workers);
	cdm_job_set_populate(job, opts.populate);
	cdm_job_set_shared(job, opts.shared);
	cdm_job_set_dry_run(job, opts.dry_run);
	rc = cdm_job_migrate(job);
	progress_end();
	counts = cdm_job_get_counts(job);
	code = rc ? stopped(ctx, rc, counts, &row) : judge(counts);
	row.counts = *counts;
	row.elapsed_ms = (uint64_t)(progress_seconds() * 1000);
	row.result = result_name(code);
	/* nothing was looked at: the message says it all */
	if (!ui.json && (ui.quiet || !counts->total))
		return code;
	return output_record(fields, &row, NULL, 0) ? EXIT_FAILED : code;
}

static enum exit_code check_usage(void)
{
	if (!opts.to)
		error("--to is missing: where to? A region, or ram");
	else if (!opts.nr_pids && !opts.nr_cgroups)
		error("whose memory? Say --pid or --cgroup");
	else if (opts.populate && !strcmp(opts.to, "ram"))
		error("--populate makes pages on a region; with --to ram it means nothing");
	else if (opts.nr_ranges && (opts.nr_cgroups || opts.nr_pids > 1))
		error("--range means addresses of one process; say one --pid");
	else
		return EXIT_DONE;
	return EXIT_USAGE;
}

static enum exit_code run(int argc, char **argv)
{
	struct cdm_ctx *ctx = NULL;
	struct cdm_job *job = NULL;
	enum exit_code code = check_usage();

	(void)argc;
	(void)argv;
	if (code != EXIT_DONE)
		goto out;
	code = EXIT_FAILED;
	ctx = session_open();
	if (ctx)
		job = session_job(ctx, opts.timeout_ms);
	if (!job)
		goto out;
	code = set_places(ctx, job);
	if (code == EXIT_DONE)
		code = set_whose(ctx, job);
	if (code == EXIT_DONE)
		code = migrate(ctx, job);
out:
	cdm_job_unref(job);
	cdm_unref(ctx);
	free(opts.pids);
	free(opts.cgroups);
	free(opts.ranges);
	return code;
}

const struct verb verb_migrate = {
	.name = "migrate",
	.operands = "",
	.summary = "Moves pages of running processes to a region or to RAM",
	.text = "Pages that cannot move stay, and are counted by reason. Ctrl-C stops; what has\n"
		"moved stays there.\n",
	.options = options,
	.run = run,
};
