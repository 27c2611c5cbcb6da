// SPDX-License-Identifier: GPL-2.0-only
/* cdmctl offline: bring everything back to RAM, then hold or give back. */
#include <errno.h>
#include <string.h>

#include "cmd.h"
#include "held.h"
#include "keep.h"
#include "message.h"
#include "options.h"
#include "progress.h"
#include "session.h"
#include "target.h"

static struct {
	const char *release;
	bool destroy_region;
	bool force;
	bool dry_run;
	uint64_t timeout_ms;
} opts;

static int set_release(const struct opt *opt, const char *text)
{
	if (!text)
		text = "kmem";
	if (strcmp(text, "kmem") && strcmp(text, "device_dax")) {
		error("--release: there is no driver \"%s\" to give it to; say kmem or device_dax",
		      text);
		return -1;
	}
	return opt_text(opt, text);
}

static const struct opt options[] = {
	{ "timeout", 't', "TIME", "give up after 30, 30s, 2m and put all back in service",
	  opt_duration, &opts.timeout_ms },
	{ "force", 'f', NULL, "begin although RAM seems too small",
	  opt_switch, &opts.force },
	{ "release", 'r', "DRIVER", "then hand the dax device to kmem (default) or device_dax",
	  set_release, &opts.release, true },
	{ "destroy-region", 'd', NULL, "then destroy the CXL region: the memdev is bare again",
	  opt_switch, &opts.destroy_region },
	{ "dry-run", 'n', NULL, "say what would have to move, and move nothing",
	  opt_switch, &opts.dry_run },
	{ NULL },
};

struct offline_row {
	const char *target;
	const char *result;
	const char *region;
	struct cdm_drain drain;
	const char *error;
};

static const struct field fields[] = {
	FIELD(struct offline_row, target, FIELD_TEXT, "TARGET"),
	FIELD(struct offline_row, result, FIELD_TEXT, "RESULT"),
	FIELD(struct offline_row, region, FIELD_TEXT, "REGION"),
	DRAIN_FIELDS(struct offline_row),
	FIELD(struct offline_row, error, FIELD_TEXT, NULL),
	FIELD_END
};

static const char *result_name(int rc)
{
	if (rc < 0)
		return "failed";
	if (rc == CDM_ALREADY)
		return "already";
	if (opts.dry_run)
		return "would-offline";
	if (opts.destroy_region)
		return "destroyed";
	return opts.release ? "released" : "offline";
}

/* RAM has to have room for those that go before, too. */
static void fit_together(struct cdm_drain *drain, uint64_t *needed)
{
	if (!drain->needed)
		return;
	*needed += drain->needed;
	drain->fits = *needed <= drain->ram_available + drain->swap_free;
}

/* Before a drain nobody is in the way yet: show who uses it. */
static void add_present_users(struct cdm_ctx *ctx, struct table *holders,
			      const struct target *t)
{
	struct cdm_users *users;

	if (!t->region || cdm_users_read(ctx, t->region, &users) < 0)
		return;
	add_users(holders, cdm_region_get_name(t->region), users);
	cdm_users_unref(users);
}

static enum exit_code offline_one(struct cdm_ctx *ctx, const struct target *t,
				  struct offline_row *row,
				  struct table *holders)
{
	struct cdm_job *job = session_job(ctx, opts.timeout_ms);
	int rc;

	row->target = t->name;
	row->result = "failed";
	if (!job)
		return EXIT_FAILED;
	row->region = t->region ? keep_text(cdm_region_get_name(t->region)) :
				  NULL;
	cdm_job_set_force(job, opts.force);
	cdm_job_set_dry_run(job, opts.dry_run);
	cdm_job_set_destroy_region(job, opts.destroy_region);
	cdm_job_set_release(job, opts.release);
	if (!opts.dry_run)
		held_begin(row->region);
	rc = cdm_job_offline(job, t->name);
	progress_end();
	held_end(rc >= 0);
	row->result = result_name(rc);
	row->drain = *cdm_job_get_drain(job);
	if (rc < 0) {
		row->error = session_error(ctx, rc);
		error_text(row->error);
		add_users(holders, row->region, cdm_job_get_holders(job));
	} else if (opts.dry_run) {
		add_present_users(ctx, holders, t);
	}
	cdm_job_unref(job);
	return exit_code_of(rc);
}

static enum exit_code offline_all(struct cdm_ctx *ctx,
				  const struct targets *targets)
{
	struct table tables[2] = {
		TABLE("targets", fields, struct offline_row),
		TABLE("holders", user_fields, struct user_row),
	};
	uint64_t needed = 0;
	int code = -1;

	for (size_t i = 0; i < targets->nr; i++) {
		struct offline_row row = { 0 };

		code = exit_code_add(code, offline_one(ctx, &targets->list[i],
						       &row, &tables[1]));
		if (opts.dry_run)
			fit_together(&row.drain, &needed);
		*(struct offline_row *)table_add(&tables[0]) = row;
	}
	if ((ui.json || !ui.quiet) && output_tables(tables, 2))
		code = EXIT_FAILED;
	table_free(&tables[0]);
	table_free(&tables[1]);
	return (enum exit_code)code;
}

static enum exit_code run(int argc, char **argv)
{
	struct targets targets;
	struct cdm_ctx *ctx;
	enum exit_code code;

	if (opts.release && opts.destroy_region) {
		error("--release and --destroy-region exclude each other: without its CXL region there is no dax device to give away");
		return EXIT_USAGE;
	}
	ctx = session_open();
	if (!ctx)
		return EXIT_FAILED;
	code = targets_find(ctx, argc, argv, TARGETS_REGIONS, &targets);
	if (code == EXIT_DONE) {
		code = offline_all(ctx, &targets);
		targets_free(&targets);
	}
	cdm_unref(ctx);
	return code;
}

const struct verb verb_offline = {
	.name = "offline",
	.operands = "TARGET...|all",
	.min_operands = 1,
	.max_operands = -1,
	.summary = "Brings everything back to RAM and takes regions out of use",
	.text = "All or nothing: if something stays, the region goes back in service, and the\n"
		"processes that are in the way are listed. Ctrl-C rolls back.\n",
	.options = options,
	.run = run,
};
