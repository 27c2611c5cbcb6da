// SPDX-License-Identifier: GPL-2.0-only
/* cdmctl sync-poison: make all lists of bad pages the same. */
#include <errno.h>

#include "cmd.h"
#include "message.h"
#include "options.h"
#include "poison.h"
#include "session.h"
#include "target.h"

static const struct opt options[] = {
	{ NULL },
};

/* While it works further pages may go bad: until there is nothing new. */
static int sync_region(struct cdm_region *region)
{
	uint64_t before;
	int rc;

	do {
		rc = cdm_region_refresh(region);
		before = cdm_region_get_retired(region);
		if (!rc)
			rc = cdm_region_sync_poison(region);
		if (rc >= 0)
			rc = cdm_region_refresh(region);
	} while (!rc && cdm_region_get_retired(region) > before);
	return rc ? rc : cdm_region_read_poison(region);
}

static enum exit_code sync_all(struct cdm_ctx *ctx,
			       const struct targets *targets)
{
	struct table table = TABLE("poison", poison_fields, struct poison_row);
	int rc, code = -1;

	for (size_t i = 0; i < targets->nr; i++) {
		struct cdm_region *region = targets->list[i].region;

		if (!region) {
			error("%s is no region; \"cdmctl list -R\" shows what there is",
			      targets->list[i].name);
			code = exit_code_add(code, EXIT_NOTHING);
			continue;
		}
		rc = sync_region(region);
		if (rc >= 0) {
			add_poison(&table, region);
			rc = 0;
		}
		code = exit_code_add(code, rc ? session_report(ctx, rc) : EXIT_DONE);
	}
	if ((ui.json || !ui.quiet) && output_tables(&table, 1))
		code = EXIT_FAILED;
	table_free(&table);
	return (enum exit_code)code;
}

static enum exit_code run(int argc, char **argv)
{
	struct targets targets;
	struct cdm_ctx *ctx = session_open();
	enum exit_code code;

	if (!ctx)
		return EXIT_FAILED;
	code = targets_find(ctx, argc, argv, TARGETS_REGIONS, &targets);
	if (code == EXIT_DONE) {
		code = sync_all(ctx, &targets);
		targets_free(&targets);
	}
	cdm_unref(ctx);
	return code;
}

const struct verb verb_sync_poison = {
	.name = "sync-poison",
	.operands = "TARGET...|all",
	.min_operands = 1,
	.max_operands = -1,
	.summary = "Joins the lists of bad pages that there are, and remembers them",
	.text = "What the region, the memory device and /var/lib/cdm know of bad pages is joined:\n"
		"the region retires all of them, and /var/lib/cdm remembers them by serial number\n"
		"and device address. Prints what the region has then. online does this by itself,\n"
		"and a unit whenever a page goes bad.\n",
	.options = options,
	.run = run,
};
