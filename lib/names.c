// SPDX-License-Identifier: LGPL-2.1-or-later
/* Words for numbers. */
#include <string.h>

#include "private.h"

static const char *const isolation_names[] = {
	[CDM_ISOLATION_NONE] = "none",
	[CDM_ISOLATION_EXCLUSIVE] = "exclusive",
	[CDM_ISOLATION_PRIVATE] = "private",
	[CDM_ISOLATION_RESERVED] = "reserved",
	[CDM_ISOLATION_SHARED] = "shared",
};

static const char *const role_names[] = {
	[CDM_ROLE_IDLE] = "idle",
	[CDM_ROLE_COHERENT] = "coherent",
	[CDM_ROLE_FILE] = "file",
	[CDM_ROLE_EXCLUSIVE] = "exclusive",
	[CDM_ROLE_SYSTEM] = "system",
	[CDM_ROLE_LOST] = "lost",
};

static const char *const state_names[] = {
	[CDM_STATE_UNKNOWN] = "unknown",
	[CDM_STATE_HELD] = "held",
	[CDM_STATE_ONLINE] = "online",
	[CDM_STATE_DRAINING] = "draining",
};

static const char *const hold_names[] = {
	[CDM_HOLD_USES] = "uses",
	[CDM_HOLD_PINNED] = "pinned",
	[CDM_HOLD_BUSY] = "busy",
	[CDM_HOLD_NO_MEMORY] = "no-memory",
	[CDM_HOLD_KERNEL] = "kernel",
};

static const char *const severity_names[] = {
	[CDM_SEVERITY_INFO] = "info",
	[CDM_SEVERITY_WARNING] = "warning",
	[CDM_SEVERITY_ERROR] = "error",
};

static const char *const bad_source_names[] = {
	[CDM_BAD_KERNEL] = "kernel",
	[CDM_BAD_DEVICE] = "device",
};

#define name_of(names, number)						\
	((number) >= 0 && (size_t)(number) < ARRAY_SIZE(names) ?	\
	 names[number] : "unknown")

static int number_of(const char *const *names, size_t nr, const char *name)
{
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(names[i], name))
			return i;
	return -EINVAL;
}

const char *cdm_isolation_get_name(int isolation)
{
	if (isolation == CDM_ISOLATION_MIXED)
		return "mixed";
	return name_of(isolation_names, isolation);
}

int cdm_isolation_from_name(const char *name)
{
	return number_of(isolation_names, ARRAY_SIZE(isolation_names), name);
}

const char *cdm_role_get_name(int role)
{
	return name_of(role_names, role);
}

const char *cdm_state_get_name(enum cdm_state state)
{
	return name_of(state_names, (int)state);
}

const char *cdm_bad_source_get_name(int source)
{
	return name_of(bad_source_names, source);
}

enum cdm_state cdm_state_from_name(const char *name)
{
	int state = number_of(state_names, ARRAY_SIZE(state_names), name);

	return state < 0 ? CDM_STATE_UNKNOWN : (enum cdm_state)state;
}

const char *cdm_hold_get_name(enum cdm_hold hold)
{
	return name_of(hold_names, (int)hold);
}

const char *cdm_severity_get_name(enum cdm_severity severity)
{
	return name_of(severity_names, (int)severity);
}
