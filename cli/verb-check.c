// SPDX-License-Identifier: GPL-2.0-only
/* cdmctl check: what stands in the way here, each finding with its fix. */
#include "cmd.h"
#include "keep.h"
#include "policy.h"
#include "session.h"

struct finding_row {
	const char *severity;
	const char *id;
	const char *what;
	const char *fix;
};

static const struct field fields[] = {
	FIELD(struct finding_row, severity, FIELD_TEXT, "SEVERITY"),
	FIELD(struct finding_row, id, FIELD_TEXT, "ID"),
	FIELD(struct finding_row, what, FIELD_PROSE, "WHAT"),
	FIELD(struct finding_row, fix, FIELD_PROSE, "FIX"),
	FIELD_END
};

/* The policy is the command's own business: the library does not read it. */
static void on_policy_error(void *data, const char *text)
{
	struct finding_row *row = table_add(data);

	row->severity = cdm_severity_get_name(CDM_SEVERITY_ERROR);
	row->id = "policy-malformed";
	row->what = keep_text(text);
	row->fix = "put the line right; until then nothing that is plugged gets a level (cdm.conf(5))";
}

static enum exit_code check_policy(struct table *table)
{
	struct policy *policy;
	int rc = policy_load(NULL, on_policy_error, table, &policy);

	policy_free(policy);
	return rc ? EXIT_FAILED : EXIT_DONE;
}

static enum exit_code run(int argc, char **argv)
{
	struct table table = TABLE("findings", fields, struct finding_row);
	struct cdm_ctx *ctx = session_open();
	enum exit_code code = EXIT_DONE;
	struct cdm_finding *finding;
	struct cdm_check *check;
	int rc;

	(void)argc;
	(void)argv;
	if (!ctx)
		return EXIT_FAILED;
	rc = cdm_check_run(ctx, &check);
	if (rc) {
		code = session_report(ctx, rc);
		goto out;
	}
	code = check_policy(&table);
	cdm_finding_foreach(check, finding) {
		enum cdm_severity severity = cdm_finding_get_severity(finding);
		struct finding_row *row = table_add(&table);

		row->severity = cdm_severity_get_name(severity);
		row->id = cdm_finding_get_id(finding);
		row->what = cdm_finding_get_what(finding);
		row->fix = cdm_finding_get_fix(finding);
		if (severity == CDM_SEVERITY_ERROR)
			code = EXIT_FAILED;
	}
	if (output_tables(&table, 1))
		code = EXIT_FAILED;
	table_free(&table);
	cdm_check_unref(check);
out:
	cdm_unref(ctx);
	return code;
}

const struct verb verb_check = {
	.name = "check",
	.operands = "",
	.summary = "Tells what stands in the way here, and how to put it right",
	.text = "Looks at the kernel, the module, other tools' settings, the policy and the\n"
		"hardware, and changes nothing. Exit code 1 if anything does not work.\n",
	.run = run,
};
