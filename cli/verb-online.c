// SPDX-License-Identifier: GPL-2.0-only
/* cdmctl online: take expanders into use, as told or as the policy says. */
#include <errno.h>
#include <string.h>

#include "cmd.h"
#include "held.h"
#include "keep.h"
#include "level.h"
#include "message.h"
#include "options.h"
#include "policy.h"
#include "progress.h"
#include "session.h"
#include "target.h"

static struct {
	const char *isolation;
	uint64_t size;
	const char *memmap;
	uint64_t max_bytes;
	bool policy;
	const char *folder;
	bool new;
	bool dry_run;
	uint64_t timeout_ms;
} opts;

static int set_policy(const struct opt *opt, const char *text)
{
	opts.policy = true;
	return text ? opt_text(opt, text) : 0;
}

static int set_size(const struct opt *opt, const char *text)
{
	if (opt_size(opt, text))
		return -1;
	if (!opts.size) {
		error("--size: 0 bytes are nothing to take into use; leave --size out for all of it");
		return -1;
	}
	return 0;
}

static int set_memmap(const struct opt *opt, const char *text)
{
	if (strcmp(text, "ram") && strcmp(text, "block")) {
		error("--memmap: \"%s\" is neither ram nor block", text);
		return -1;
	}
	return opt_text(opt, text);
}

static int set_max(const struct opt *opt, const char *text)
{
	if (!strcmp(text, "max")) {
		opts.max_bytes = CDM_NO_LIMIT;
		return 0;
	}
	if (opt_size(opt, text))
		return -1;
	if (!opts.max_bytes) {
		error("--max-per-user: with 0 bytes nobody could use it; take away who is in group cdm instead");
		return -1;
	}
	return 0;
}

static const struct opt options[] = {
	{ "isolation", 'i', "LEVEL", "private (default), reserved, shared, or none: claim and hold",
	  opt_level, &opts.isolation },
	{ "size", 's', "SIZE", "take only so much of it into use",
	  set_size, &opts.size },
	{ "memmap", 'm', "ram|block", "where struct pages are kept (default: ram)",
	  set_memmap, &opts.memmap },
	{ "max-per-user", 'x', "SIZE|max", "what one user may have of it (default: as it is)",
	  set_max, &opts.max_bytes },
	{ "policy", 'p', "DIR", "do what cdm.conf(5) says, or *.conf in DIR",
	  set_policy, &opts.folder, true },
	{ "new", 'N', NULL, "with --policy: not what was taken offline by hand",
	  opt_switch, &opts.new },
	{ "timeout", 't', "TIME", "give up after 30, 30s, 2m",
	  opt_duration, &opts.timeout_ms },
	{ "dry-run", 'n', NULL, "say what would be done, and do nothing",
	  opt_switch, &opts.dry_run },
	{ NULL },
};

struct online_row {
	const char *target;
	const char *result;
	const char *expander;
	const char *region;
	const char *devnode;
	uint64_t node;
	const char *isolation;
	uint64_t size;
	const char *policy;
	const char *error;
};

static const struct field fields[] = {
	FIELD(struct online_row, target, FIELD_TEXT, "TARGET"),
	FIELD(struct online_row, result, FIELD_TEXT, "RESULT"),
	FIELD(struct online_row, expander, FIELD_TEXT, "EXPANDER"),
	FIELD(struct online_row, region, FIELD_TEXT, "REGION"),
	FIELD(struct online_row, devnode, FIELD_TEXT, NULL),
	FIELD(struct online_row, node, FIELD_NUMBER, "NODE"),
	FIELD(struct online_row, isolation, FIELD_TEXT, "ISOLATION"),
	FIELD(struct online_row, size, FIELD_SIZE, "SIZE"),
	FIELD(struct online_row, policy, FIELD_TEXT, NULL),
	FIELD(struct online_row, error, FIELD_TEXT, NULL),
	FIELD_END
};

/* What is wanted for one target. */
static struct policy_answer wanted_by_options(void)
{
	return (struct policy_answer){
		.isolation = opts.isolation ?
			cdm_isolation_from_name(opts.isolation) :
			CDM_ISOLATION_PRIVATE,
		.size = opts.size,
		.memmap_on_block = opts.memmap && !strcmp(opts.memmap, "block"),
		.max_bytes = opts.max_bytes,
		.create_region = true,
	};
}

static void add_serial(struct policy_subject *subject, struct cdm_expander *e)
{
	uint64_t serial = cdm_expander_get_serial(e);

	if (serial && subject->nr_serials < ARRAY_SIZE(subject->serials))
		subject->serials[subject->nr_serials++] = serial;
}

static struct policy_subject subject_of(struct cdm_ctx *ctx,
					const struct target *t)
{
	struct policy_subject subject = { .kind = "hmem" };
	struct cdm_expander *e = t->expander;

	if (t->region)
		subject.dax = cdm_region_get_dax_name(t->region);
	if (!e)
		return subject;
	if (!subject.dax)
		subject.dax = cdm_expander_get_dax_name(e);
	subject.uuid = cdm_expander_get_uuid(e);
	add_serial(&subject, e);
	if (cdm_expander_get_kind(e) != CDM_EXPANDER_CXL)
		return subject;
	subject.kind = "cxl";
	if (!t->region)
		return subject;
	cdm_expander_foreach(ctx, e)	/* the others of an interleaved region */
		if (e != t->expander && cdm_expander_get_region(e) == t->region)
			add_serial(&subject, e);
	return subject;
}

static void fill_row(struct online_row *row, struct cdm_region *region)
{
	struct cdm_expander *e;
	int node;

	row->size = FIELD_ABSENT;
	row->node = FIELD_ABSENT;
	/* Somebody else may have changed it meanwhile, or taken it away. */
	if (!region || cdm_region_refresh(region))
		return;
	e = cdm_region_get_expander(region);
	node = cdm_region_get_node(region);
	row->expander = e ? keep_text(cdm_expander_get_name(e)) : row->expander;
	row->region = keep_text(cdm_region_get_name(region));
	row->devnode = keep_text(cdm_region_get_devnode(region));
	row->node = node < 0 ? FIELD_ABSENT : (uint64_t)node;
	row->isolation =
		cdm_isolation_get_name(cdm_region_get_isolation(region));
	row->size = cdm_region_get_online_size(region);
}

static int run_job(struct cdm_job *job, const struct target *t,
		   const struct policy_answer *want)
{
	cdm_job_set_dry_run(job, opts.dry_run);
	if (want->release) {
		cdm_job_set_release(job, want->release);
		return cdm_job_offline(job, t->name);
	}
	cdm_job_set_length(job, want->size);
	cdm_job_set_memmap_on_block(job, want->memmap_on_block);
	cdm_job_set_max_bytes(job, want->max_bytes);
	return cdm_job_online(job, t->name, want->isolation);
}

static const char *result_name(int rc, const struct policy_answer *want)
{
	if (rc < 0)
		return "failed";
	if (rc == CDM_ALREADY)
		return "already";
	if (opts.dry_run)
		return want->release ? "would-release" :
		       want->isolation == CDM_ISOLATION_NONE ? "would-hold" :
							       "would-online";
	if (want->release)
		return "released";
	return want->isolation == CDM_ISOLATION_NONE ? "held" : "online";
}

/* To hold what is in use would mean to drain it: that is what offline is for. */
static bool is_in_use(const struct target *t, const struct policy_answer *want)
{
	return t->region && !want->release &&
	       want->isolation == CDM_ISOLATION_NONE &&
	       cdm_region_get_isolation(t->region) != CDM_ISOLATION_NONE;
}

/* Somebody took it offline after it had appeared. */
static bool is_held_by_hand(const struct target *t)
{
	return held_is(t->region ? cdm_region_get_name(t->region) : NULL) ||
	       held_is(t->expander ? cdm_expander_get_name(t->expander) : NULL);
}

/*
 * What the policy leaves alone: what has a level already, or is held by hand;
 * a memdev without a region unless it may be given one; and memory that the
 * wanted driver has.
 */
static const char *left_alone(const struct target *t,
			      const struct policy_answer *want)
{
	const char *driver;
	int level;

	if (!opts.policy)
		return NULL;
	if (opts.new && is_held_by_hand(t))
		return "skipped";
	if (t->region) {
		level = cdm_region_get_isolation(t->region);
		if (level == CDM_ISOLATION_NONE)
			return NULL;
		return !want->release && level == want->isolation ? "already" :
								    "skipped";
	}
	if (!t->expander)
		return NULL;
	driver = cdm_expander_get_dax_driver(t->expander);
	if (want->release)
		return driver && !strcmp(driver, want->release) ? "already" :
								  "skipped";
	if (!cdm_expander_get_dax_name(t->expander) &&
	    !cdm_expander_get_cxl_region(t->expander) && !want->create_region)
		return "skipped";
	return NULL;
}

/*
 * The region may not be there yet, and the unit that applies the policy to it
 * starts as soon as it is: until then the expander carries the mark.
 */
static int run_marked_job(struct cdm_job *job, const struct target *t,
			  const struct policy_answer *want)
{
	const char *expander = t->expander ?
		keep_text(cdm_expander_get_name(t->expander)) : NULL;
	bool hold = want->isolation == CDM_ISOLATION_NONE;
	struct cdm_region *region;
	int rc;

	if (opts.dry_run || opts.policy)
		return run_job(job, t, want);
	held_begin(expander);
	rc = run_job(job, t, want);
	region = cdm_job_get_region(job);
	if (rc >= 0 && region)
		held_set(cdm_region_get_name(region), hold);
	held_end(false);
	return rc;
}

static enum exit_code online_one(struct cdm_ctx *ctx, const struct target *t,
				 const struct policy_answer *want,
				 struct online_row *row)
{
	struct cdm_region *region = t->region;
	struct cdm_job *job;
	int rc;

	row->target = t->name;
	row->policy = keep_text(want->source);
	if (t->expander)
		row->expander = keep_text(cdm_expander_get_name(t->expander));
	row->result = left_alone(t, want);
	if (row->result) {
		fill_row(row, region);
		return EXIT_DONE;
	}
	row->result = "failed";
	if (is_in_use(t, want)) {
		row->error = keep("online %s: it is in use at level %s; \"cdmctl offline %s\" empties and holds it",
				  t->name, cdm_isolation_get_name(
				  cdm_region_get_isolation(t->region)), t->name);
		error_text(row->error);
		fill_row(row, region);
		return EXIT_FAILED;
	}
	job = session_job(ctx, opts.timeout_ms);
	if (!job)
		return EXIT_FAILED;
	rc = run_marked_job(job, t, want);
	progress_end();
	row->result = result_name(rc, want);
	if (rc < 0) {
		row->error = session_error(ctx, rc);
		error_text(row->error);
	}
	if (want->release)
		region = NULL;
	else if (cdm_job_get_region(job))
		region = cdm_job_get_region(job);
	fill_row(row, region);
	cdm_job_unref(job);
	return exit_code_of(rc);
}

static void on_policy_error(void *data, const char *text)
{
	(void)data;
	error("%s", text);
}

static enum exit_code load_policy(struct policy **policy)
{
	int rc;

	if (!opts.policy && opts.new) {
		error("--new says what --policy leaves alone; there is no --policy");
		return EXIT_USAGE;
	}
	if (!opts.policy)
		return EXIT_DONE;
	if (opts.isolation || opts.size || opts.memmap || opts.max_bytes) {
		error("--policy decides level, size, memmap and max-per-user by itself; leave out --isolation, --size, --memmap and --max-per-user");
		return EXIT_USAGE;
	}
	rc = policy_load(opts.folder, on_policy_error, NULL, policy);
	return rc ? EXIT_USAGE : EXIT_DONE;
}

static enum exit_code online_all(struct cdm_ctx *ctx,
				 const struct targets *targets,
				 const struct policy *policy)
{
	struct table table = TABLE("targets", fields, struct online_row);
	int code = -1;

	for (size_t i = 0; i < targets->nr; i++) {
		struct online_row row = { 0 };
		struct policy_answer want;
		struct policy_subject subject;

		if (policy) {
			subject = subject_of(ctx, &targets->list[i]);
			policy_ask(policy, &subject, &want);
		} else {
			want = wanted_by_options();
		}
		code = exit_code_add(code, online_one(ctx, &targets->list[i],
						      &want, &row));
		/* An error has its line on stderr; people need no row for it. */
		if (ui.json || !row.error)
			*(struct online_row *)table_add(&table) = row;
	}
	if ((ui.json || !ui.quiet) && output_tables(&table, 1))
		code = EXIT_FAILED;
	table_free(&table);
	return (enum exit_code)code;
}

static enum exit_code run(int argc, char **argv)
{
	struct policy *policy = NULL;
	struct targets targets;
	struct cdm_ctx *ctx;
	enum exit_code code = load_policy(&policy);

	if (code != EXIT_DONE)
		goto out_policy;
	ctx = session_open();
	if (!ctx) {
		code = EXIT_FAILED;
		goto out_policy;
	}
	code = targets_find(ctx, argc, argv, TARGETS_EXPANDERS, &targets);
	if (code == EXIT_DONE) {
		code = online_all(ctx, &targets, policy);
		targets_free(&targets);
	}
	cdm_unref(ctx);
out_policy:
	policy_free(policy);
	return code;
}

const struct verb verb_online = {
	.name = "online",
	.operands = "TARGET...|all",
	.min_operands = 1,
	.max_operands = -1,
	.summary = "Takes expanders into use: creates what is missing, claims, sets the level",
	.text = "TARGET is a memdev (mem0, serial:0x12, 0000:35:00.0), a CXL region (region0),\n"
		"a dax device (dax0.0) or a cdm region (cdm0).\n",
	.options = options,
	.run = run,
};
