// SPDX-License-Identifier: GPL-2.0-only
/* What did you mean? */
#include <string.h>

#include "suggest.h"

#define WORD_MAX 32

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Insertions, deletions and replacements between two words (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	size_t row[WORD_MAX + 1];

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1,
				      diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[lb];
}

const char *suggest(const char *word, const char *const *names)
{
	size_t best = strlen(word) < 4 ? 2 : 3;
	const char *found = NULL;

	for (; *names; names++) {
		size_t d = distance(word, *names);

		/* "mig" is not far from "migrate", though half is missing. */
		if (strlen(word) >= 3 && !strncmp(word, *names, strlen(word)))
			d = 1;
		if (d < best && d < strlen(*names)) {
			best = d;
			found = *names;
		}
	}
	return found;
}
