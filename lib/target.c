// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a word on a command line means. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

enum word_kind {
	WORD_MEMDEV,
	WORD_PCI,
	WORD_SERIAL,
	WORD_CXL_REGION,
	WORD_DAX,
	WORD_REGION,
};

static bool numbered(const char *word, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(word, prefix, len) || !word[len])
		return false;
	return strspn(word + len, "0123456789") == strlen(word + len);
}

/* Decimal or 0x: strtoull() by itself reads 010 as eight. */
static int serial_parse(const char *text, uint64_t *serial)
{
	int base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	*serial = strtoull(text, &end, base);
	return *end || errno ? -EINVAL : 0;
}

/* Puts the word in the form that the objects use; -EINVAL: it is none of them. */
static int word_parse(const char *word, char name[CDM_NAME_MAX], uint64_t *serial)
{
	unsigned int domain, bus, slot, fn, a, b;
	char rest;

	for (size_t i = 0; i < 3; i++) {
		static const char *const folders[] = { "/dev/cxl/", "/dev/", "/sys/bus/cdm/devices/" };

		if (!strncmp(word, folders[i], strlen(folders[i]))) {
			word += strlen(folders[i]);
			break;
		}
	}
	if (strlen(word) >= CDM_NAME_MAX)
		return -EINVAL;
	cdm_copy(name, CDM_NAME_MAX, word);
	if (numbered(word, "mem"))
		return WORD_MEMDEV;
	if (numbered(word, "")) {
		snprintf(name, CDM_NAME_MAX, "mem%.20s", word);
		return WORD_MEMDEV;
	}
	if (numbered(word, "region"))
		return WORD_CXL_REGION;
	if (numbered(word, "cdm"))
		return WORD_REGION;
	if (sscanf(word, "dax%u.%u%c", &a, &b, &rest) == 2)
		return WORD_DAX;
	if (!strncmp(word, "serial:", 7))
		return serial_parse(word + 7, serial) ? -EINVAL : WORD_SERIAL;
	if (sscanf(word, "%x:%x:%x.%x%c", &domain, &bus, &slot, &fn, &rest) == 4)
		snprintf(name, CDM_NAME_MAX, "%04x:%02x:%02x.%x", domain, bus, slot, fn);
	else if (sscanf(word, "%x:%x.%x%c", &bus, &slot, &fn, &rest) == 3)
		snprintf(name, CDM_NAME_MAX, "0000:%02x:%02x.%x", bus, slot, fn);
	else
		return -EINVAL;
	return WORD_PCI;
}

static bool expander_is(struct cdm_expander *expander, int kind, const char *name,
			uint64_t serial)
{
	switch (kind) {
	case WORD_MEMDEV:
		return !strcmp(expander->name, name);
	case WORD_PCI:
		return !strcmp(expander->pci, name);
	case WORD_SERIAL:
		return serial && expander->serial == serial;
	case WORD_CXL_REGION:
		return !strcmp(expander->cxl_region, name);
	case WORD_DAX:
		return !strcmp(expander->dax_name, name);
	}
	return false;
}

int cdm_find_target(struct cdm_ctx *ctx, const char *target,
		    struct cdm_expander **expander, struct cdm_region **region)
{
	char name[CDM_NAME_MAX];
	struct cdm_expander *e;
	uint64_t serial = 0;
	int kind;

	*expander = NULL;
	*region = NULL;
	kind = word_parse(target, name, &serial);
	if (kind < 0)
		return cdm_fail(ctx, EINVAL, "'%s' is no expander, CXL region, dax device or "
				"cdm region (mem0, 0000:35:00.0, serial:0x1, region0, dax0.0, "
				"cdm0)", target);
	if (kind == WORD_REGION) {
		*region = cdm_region_find(ctx, name);
		if (*region)
			*expander = cdm_region_get_expander(*region);
	} else {
		cdm_expander_foreach(ctx, e) {
			if (expander_is(e, kind, name, serial)) {
				*expander = e;
				*region = cdm_expander_get_region(e);
				break;
			}
		}
	}
	if (!*region && !*expander)
		return cdm_fail(ctx, ENOENT, "there is no %s here", target);
	return 0;
}
