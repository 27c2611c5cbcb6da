// SPDX-License-Identifier: LGPL-2.1-or-later
/* What stands in the way here: the list of findings. The subjects are check-*.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const cdm_check_fn subjects[] = {
	cdm_check_module,
	cdm_check_config,
	cdm_check_softdep,
	cdm_check_auto_online,
	cdm_check_udev_rules,
	cdm_check_daxctl,
	cdm_check_group,
	cdm_check_expanders,
	cdm_check_hypervisor,
	cdm_check_regions,
	cdm_check_reserved,
	cdm_check_privileges,
};

struct cdm_finding {
	struct cdm_check *check;
	unsigned int order;
	const char *id;
	enum cdm_severity severity;
	char *what;
	const char *fix;
};

struct cdm_check {
	int refs;
	struct cdm_finding *finding;
	unsigned int nr;
	bool no_memory;
};

void cdm_check_add(struct cdm_check *check, enum cdm_severity severity, const char *id,
		   const char *fix, const char *what, ...)
{
	struct cdm_finding *grown = realloc(check->finding, (check->nr + 1) * sizeof(*grown));
	char text[512];
	va_list ap;

	va_start(ap, what);
	vsnprintf(text, sizeof(text), what, ap);
	va_end(ap);
	if (!grown) {
		check->no_memory = true;
		return;
	}
	check->finding = grown;
	grown += check->nr;
	*grown = (struct cdm_finding) {
		.order = check->nr++,
		.id = id,
		.severity = severity,
		.what = strdup(text),
		.fix = fix,
	};
	if (!grown->what)
		check->no_memory = true;
}

static int compare_findings(const void *a, const void *b)
{
	const struct cdm_finding *x = a, *y = b;

	if (x->severity != y->severity)
		return (int)y->severity - (int)x->severity;
	return (int)x->order - (int)y->order;
}

int cdm_check_run(struct cdm_ctx *ctx, struct cdm_check **out)
{
	struct cdm_check *check = calloc(1, sizeof(*check));

	if (!check)
		return -ENOMEM;
	check->refs = 1;
	cdm_refresh(ctx);
	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++)
		subjects[i](ctx, check);
	if (check->no_memory) {
		cdm_check_unref(check);
		return -ENOMEM;
	}
	if (check->nr)
		qsort(check->finding, check->nr, sizeof(*check->finding), compare_findings);
	for (unsigned int i = 0; i < check->nr; i++)
		check->finding[i].check = check;
	*out = check;
	return 0;
}

struct cdm_check *cdm_check_ref(struct cdm_check *check)
{
	check->refs++;
	return check;
}

struct cdm_check *cdm_check_unref(struct cdm_check *check)
{
	if (!check || --check->refs > 0)
		return NULL;
	for (unsigned int i = 0; i < check->nr; i++)
		free(check->finding[i].what);
	free(check->finding);
	free(check);
	return NULL;
}

struct cdm_finding *cdm_finding_get_first(struct cdm_check *check)
{
	return check->nr ? check->finding : NULL;
}

struct cdm_finding *cdm_finding_get_next(struct cdm_finding *finding)
{
	size_t index = finding - finding->check->finding;

	return index + 1 < finding->check->nr ? finding + 1 : NULL;
}

const char *cdm_finding_get_id(struct cdm_finding *finding)
{
	return finding->id;
}

enum cdm_severity cdm_finding_get_severity(struct cdm_finding *finding)
{
	return finding->severity;
}

const char *cdm_finding_get_what(struct cdm_finding *finding)
{
	return finding->what;
}

const char *cdm_finding_get_fix(struct cdm_finding *finding)
{
	return finding->fix;
}
