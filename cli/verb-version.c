// SPDX-License-Identifier: GPL-2.0-only
/* cdmctl version: of the command, the library, the module and the kernel. */
#include <sys/utsname.h>

#include "cmd.h"
#include "config.h"
#include "session.h"

struct version_row {
	const char *cdmctl;
	const char *libcdm;
	const char *module;
	const char *kernel;
};

static const struct field fields[] = {
	FIELD(struct version_row, cdmctl, FIELD_TEXT, "cdmctl"),
	FIELD(struct version_row, libcdm, FIELD_TEXT, "libcdm"),
	FIELD(struct version_row, module, FIELD_TEXT, "cdm module"),
	FIELD(struct version_row, kernel, FIELD_TEXT, "kernel"),
	FIELD_END
};

static enum exit_code run(int argc, char **argv)
{
	struct version_row row = { .cdmctl = CDM_VERSION,
				   .libcdm = cdm_version() };
	struct cdm_ctx *ctx = session_open();
	struct utsname kernel;
	char module[64];
	int rc;

	(void)argc;
	(void)argv;
	if (!ctx)
		return EXIT_FAILED;
	if (cdm_module_read_version(ctx, module, sizeof(module)) >= 0)
		row.module = module;
	if (!uname(&kernel))
		row.kernel = kernel.release;
	rc = output_record(fields, &row, NULL, 0);
	cdm_unref(ctx);
	return rc ? EXIT_FAILED : EXIT_DONE;
}

const struct verb verb_version = {
	.name = "version",
	.operands = "",
	.summary = "Shows the versions of command, library, module and kernel",
	.run = run,
};
