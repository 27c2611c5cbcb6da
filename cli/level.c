// SPDX-License-Identifier: GPL-2.0-only
/* Isolation levels as words on the command line. */
#include <cdm/libcdm.h>

#include "keep.h"
#include "level.h"
#include "message.h"
#include "suggest.h"

static const char *const names[] = {
	"none", "exclusive", "private", "reserved", "shared", NULL,
};

int level_parse(const char *what, const char *text)
{
	int level = cdm_isolation_from_name(text);
	const char *near;

	if (level >= 0)
		return level;
	near = suggest(text, names);
	if (near)
		error("%s: there is no level \"%s\"; did you mean \"%s\"?",
		      what, text, near);
	else
		error("%s: there is no level \"%s\"; there are none, exclusive, private, reserved and shared",
		      what, text);
	return -1;
}

int opt_level(const struct opt *opt, const char *text)
{
	if (level_parse(keep("--%s", opt->name), text) < 0)
		return -1;
	return opt_text(opt, text);
}
