// SPDX-License-Identifier: LGPL-2.1-or-later
/* Findings about what other parts of the system do with new memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

void cdm_check_auto_online(struct cdm_ctx *ctx, struct cdm_check *check)
{
	bool claims = cdm_module_is_loaded(ctx) && cdm_module_read_claim(ctx) > 0;
	char text[CDM_NAME_MAX];

	if (cdm_read_file(ctx, text, sizeof(text),
			  "/sys/devices/system/memory/auto_online_blocks") <= 0 ||
	    !strcmp(text, "offline"))
		return;
	cdm_check_add(check, claims ? CDM_SEVERITY_INFO : CDM_SEVERITY_WARNING, "auto-online",
		      claims ? NULL : "modprobe cdm, so that it gets expanders first; or "
		      "echo offline > /sys/devices/system/memory/auto_online_blocks",
		      "the kernel onlines hot-plugged memory by itself (%s)%s", text,
		      claims ? "; cdm claims expanders before that" : "");
}

/* A rule that writes "online" into the state of memory blocks. */
static bool line_onlines(const char *line)
{
	while (*line == ' ' || *line == '\t')
		line++;
	return *line != '#' && strstr(line, "SUBSYSTEM==\"memory\"") &&
	       strstr(line, "ATTR{state}=\"online");
}

static bool file_onlines(char *text)
{
	char *line, *save = NULL;
	bool found = false;

	for (line = strtok_r(text, "\n", &save); line && !found; line = strtok_r(NULL, "\n", &save))
		found = line_onlines(line);
	return found;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len >= end_len && !strcmp(name + len - end_len, end);
}

/* As udev looks for them: a file hides those of its name in the folders behind. */
static const char *const rule_folders[] = {
	"/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d",
	"/usr/lib/udev/rules.d",
};

static bool rules_are_hidden(struct cdm_ctx *ctx, size_t folder, const char *name)
{
	for (size_t i = 0; i < folder; i++)
		if (cdm_exists(ctx, "%s/%s", rule_folders[i], name))
			return true;
	return false;
}

void cdm_check_udev_rules(struct cdm_ctx *ctx, struct cdm_check *check)
{
	struct cdm_names names;
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(rule_folders); i++) {
		if (cdm_scan(ctx, &names, "", "%s", rule_folders[i]))
			continue;
		for (unsigned int j = 0; j < names.nr; j++) {
			if (!ends_with(names.name[j], ".rules") ||
			    rules_are_hidden(ctx, i, names.name[j]) ||
			    cdm_read_text(ctx, &text, "%s/%s", rule_folders[i],
					  names.name[j]) < 0)
				continue;
			if (file_onlines(text))
				cdm_check_add(check, CDM_SEVERITY_WARNING, "udev-onlines-memory",
					      "put an empty file of that name into "
					      "/etc/udev/rules.d, or remove the rule",
					      "udev rules %s/%s online every new memory block",
					      rule_folders[i], names.name[j]);
			free(text);
		}
		cdm_names_free(&names);
	}
}

/*
 * daxctl's own udev rules reconfigure the dax devices that its configuration
 * names, and unbind a foreign driver without asking.
 */
void cdm_check_daxctl(struct cdm_ctx *ctx, struct cdm_check *check)
{
	char *text, *line, *save = NULL;
	struct cdm_names names;

	if (cdm_scan(ctx, &names, "", "/etc/daxctl.conf.d"))
		return;
	for (unsigned int i = 0; i < names.nr; i++) {
		if (!ends_with(names.name[i], ".conf") ||
		    cdm_read_text(ctx, &text, "/etc/daxctl.conf.d/%s", names.name[i]) < 0)
			continue;
		for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			if (!strncmp(line, "[reconfigure-device", 19)) {
				cdm_check_add(check, CDM_SEVERITY_WARNING, "daxctl-reconfigures",
					      "take that section out, or keep it to other devices",
					      "daxctl reconfigures dax devices by udev "
					      "(/etc/daxctl.conf.d/%s)", names.name[i]);
				break;
			}
		free(text);
		save = NULL;
	}
	cdm_names_free(&names);
}

void cdm_check_group(struct cdm_ctx *ctx, struct cdm_check *check)
{
	bool found = false;
	char *text;

	if (cdm_read_text(ctx, &text, "/etc/group") < 0)
		return;
	for (const char *at = text; !found && (at = strstr(at, "cdm:")); at++)
		found = at == text || at[-1] == '\n';
	free(text);
	if (!found)
		cdm_check_add(check, CDM_SEVERITY_WARNING, "group-missing",
			      "groupadd --system cdm",
			      "there is no group cdm: only root can open /dev/cdm*");
}
