// SPDX-License-Identifier: GPL-2.0-only
/* cdmctl set-isolation: another level for a region, or for a part of it. */
#include "cmd.h"
#include "held.h"
#include "keep.h"
#include "level.h"
#include "message.h"
#include "options.h"
#include "progress.h"
#include "session.h"

static struct {
	uint64_t size;
	bool dry_run;
	bool force;
	uint64_t timeout_ms;
} opts;

static int set_size(const struct opt *opt, const char *text)
{
	if (opt_size(opt, text))
		return -1;
	if (!opts.size) {
		error("--size: 0 bytes are nothing to change; leave --size out for all of it");
		return -1;
	}
	return 0;
}

static const struct opt options[] = {
	{ "size", 's', "SIZE", "so much of it shall have the level, the rest keeps its own",
	  set_size, &opts.size },
	{ "timeout", 't', "TIME", "give up after 30, 30s, 2m; the levels stay",
	  opt_duration, &opts.timeout_ms },
	{ "force", 'f', NULL, "begin although there seems to be no room",
	  opt_switch, &opts.force },
	{ "dry-run", 'n', NULL, "say what would be done, and do nothing",
	  opt_switch, &opts.dry_run },
	{ NULL },
};

struct isolation_row {
	const char *region;
	const char *result;
	const char *before;
	const char *isolation;
	uint64_t size;
	struct cdm_drain drain;
	const char *error;
};

static const struct field fields[] = {
	FIELD(struct isolation_row, region, FIELD_TEXT, "REGION"),
	FIELD(struct isolation_row, result, FIELD_TEXT, "RESULT"),
	FIELD(struct isolation_row, before, FIELD_TEXT, "BEFORE"),
	FIELD(struct isolation_row, isolation, FIELD_TEXT, "ISOLATION"),
	FIELD(struct isolation_row, size, FIELD_SIZE, "SIZE"),
	DRAIN_FIELDS(struct isolation_row),
	FIELD(struct isolation_row, error, FIELD_TEXT, NULL),
	FIELD_END
};

static const char *result_name(int rc)
{
	if (rc < 0)
		return "failed";
	if (rc == CDM_ALREADY)
		return "already";
	return opts.dry_run ? "would-change" : "changed";
}

/* What the region is now, or what of it would have the level. */
static void fill_level(struct isolation_row *row, struct cdm_region *region,
		       int level, bool would_change)
{
	const struct cdm_level *found;

	cdm_region_refresh(region);
	row->isolation =
		cdm_isolation_get_name(cdm_region_get_isolation(region));
	found = cdm_region_get_level(region, level);
	row->size = would_change ? row->drain.length : found ? found->size : 0;
}

static enum exit_code change(struct cdm_ctx *ctx, struct cdm_region *region,
			     int level)
{
	struct table tables[2] = {
		TABLE("regions", fields, struct isolation_row),
		TABLE("holders", user_fields, struct user_row),
	};
	struct isolation_row *row = table_add(&tables[0]);
	struct cdm_job *job = session_job(ctx, opts.timeout_ms);
	enum exit_code code;
	int rc;

	if (!job)
		return EXIT_FAILED;
	row->region = keep_text(cdm_region_get_name(region));
	row->before =
		cdm_isolation_get_name(cdm_region_get_isolation(region));
	cdm_job_set_length(job, opts.size);
	cdm_job_set_force(job, opts.force);
	cdm_job_set_dry_run(job, opts.dry_run);
	if (level == CDM_ISOLATION_NONE && !opts.dry_run)
		held_begin(row->region);
	rc = cdm_job_set_isolation(job, region, level);
	progress_end();
	held_end(rc >= 0);
	if (rc >= 0 && level != CDM_ISOLATION_NONE && !opts.dry_run)
		held_set(row->region, false);
	code = exit_code_of(rc);
	row->result = result_name(rc);
	row->drain = *cdm_job_get_drain(job);
	if (rc < 0) {
		row->error = session_error(ctx, rc);
		error_text(row->error);
		add_users(&tables[1], row->region, cdm_job_get_holders(job));
	}
	fill_level(row, region, level, opts.dry_run && !rc);
	if ((ui.json || !ui.quiet) && output_tables(tables, 2))
		code = EXIT_FAILED;
	table_free(&tables[0]);
	table_free(&tables[1]);
	cdm_job_unref(job);
	return code;
}

static enum exit_code run(int argc, char **argv)
{
	int level = level_parse("LEVEL", argv[1]);
	struct cdm_region *region;
	enum exit_code code;
	struct cdm_ctx *ctx;

	(void)argc;
	if (level < 0)
		return EXIT_USAGE;
	if (level == CDM_ISOLATION_NONE && opts.size) {
		error("--size: level none is for a region as a whole");
		return EXIT_USAGE;
	}
	ctx = session_open();
	if (!ctx)
		return EXIT_FAILED;
	region = cdm_region_find(ctx, argv[0]);
	if (region) {
		code = change(ctx, cdm_region_ref(region), level);
		cdm_region_unref(region);
	} else {
		error("there is no region \"%s\"; \"cdmctl list -R\" shows what there is",
		      argv[0]);
		code = EXIT_NOTHING;
	}
	cdm_unref(ctx);
	return code;
}

const struct verb verb_set_isolation = {
	.name = "set-isolation",
	.operands = "REGION LEVEL",
	.min_operands = 2,
	.max_operands = 2,
	.summary = "Changes the isolation level of a region, with live data in place",
	.text = "LEVEL is none (held: no pages), private (pages only for who asks), reserved\n"
		"(ordinary pages, huge ones too, only for who asks) or shared (everybody's\n"
		"memory); cdmctl-set-isolation(1) tells which to choose. Live data stays in use:\n"
		"block by block, what is in the way moves. Ctrl-C brings the old levels back.\n",
	.options = options,
	.run = run,
};
