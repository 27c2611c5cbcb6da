// SPDX-License-Identifier: GPL-2.0-only
/* Sizes, times and address ranges as people type and read them. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"

#define YEAR_MS (365ULL * 24 * 3600 * 1000)

/*
 * strtoull() skips blanks, takes a sign and reads 010 as eight: none of that
 * is meant here. @end is left at the first character that is no digit.
 */
static int number_parse(const char *text, int base, uint64_t *value,
			const char **end)
{
	char *stop;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	if (base == 16 ? !isxdigit((unsigned char)text[0])
		       : !isdigit((unsigned char)text[0]))
		return -EINVAL;
	/* "0x0x1" would be read twice */
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &stop, base);
	*end = stop;
	return errno == ERANGE ? -ERANGE : 0;
}

int size_parse(const char *text, uint64_t *bytes)
{
	static const char units[] = "kmgt";
	const char *end, *unit;
	unsigned int shift = 0;
	uint64_t value;
	int rc;

	rc = number_parse(text, 10, &value, &end);
	if (rc)
		return rc;
	if (*end) {
		unit = strchr(units, tolower((unsigned char)*end));
		if (!unit || end[1])
			return -EINVAL;
		shift = 10 * (unsigned int)(unit - units + 1);
	}
	if (value > UINT64_MAX >> shift)
		return -ERANGE;
	*bytes = value << shift;
	return 0;
}

int duration_parse(const char *text, uint64_t *ms)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {
		{ "", 1000 }, { "s", 1000 }, { "ms", 1 },
		{ "m", 60000 }, { "min", 60000 }, { "h", 3600000 },
	};
	const char *end;
	uint64_t value;
	int rc;

	rc = number_parse(text, 10, &value, &end);
	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name))
			continue;
		if (value > YEAR_MS / units[i].ms)
			return -ERANGE;
		*ms = value * units[i].ms;
		return 0;
	}
	return -EINVAL;
}

int range_parse(const char *text, uint64_t *start, uint64_t *length)
{
	uint64_t first, second;
	const char *end;
	int rc;

	rc = number_parse(text, 16, &first, &end);
	if (rc)
		return rc;
	if (*end == '+') {
		rc = size_parse(end + 1, &second);
		if (rc)
			return rc;
		if (!second || second > UINT64_MAX - first)
			return -ERANGE;
	} else if (*end == '-') {
		rc = number_parse(end + 1, 16, &second, &end);
		if (rc)
			return rc;
		if (*end)
			return -EINVAL;
		if (second <= first)
			return -ERANGE;
		second -= first;
	} else {
		return -EINVAL;
	}
	*start = first;
	*length = second;
	return 0;
}

const char *size_table(uint64_t bytes, char text[SIZE_TEXT])
{
	static const char units[] = "BKMGTPE";
	unsigned int unit = 0;
	uint64_t rest;

	while (unit < 6 && bytes >> (10 * unit) >= 1024)
		unit++;
	rest = bytes & ((1ULL << (10 * unit)) - 1);
	/* Cut, not rounded: 4 KiB less than 512M are not 512M. */
	if (rest)
		snprintf(text, SIZE_TEXT, "%" PRIu64 ".%u%c",
			 bytes >> (10 * unit),
			 (unsigned int)((rest >> (10 * unit - 10)) * 10 / 1024),
			 units[unit]);
	else
		snprintf(text, SIZE_TEXT, "%" PRIu64 "%.1s",
			 bytes >> (10 * unit), unit ? &units[unit] : "");
	return text;
}

const char *size_human(uint64_t bytes, char text[SIZE_TEXT])
{
	static const char units[] = "BKMGTPE";
	unsigned int binary = 0, decimal = 0;
	double ten = 1;

	while (binary < 6 && bytes >> (10 * binary) >= 1024)
		binary++;
	while (decimal < 6 && (double)bytes / ten >= 1000) {
		decimal++;
		ten *= 1000;
	}
	if (!binary)
		snprintf(text, SIZE_TEXT, "%" PRIu64 " B", bytes);
	else
		snprintf(text, SIZE_TEXT, "%.2f %ciB (%.2f %cB)",
			 (double)bytes / (double)(1ULL << (10 * binary)),
			 units[binary], (double)bytes / ten, units[decimal]);
	return text;
}
