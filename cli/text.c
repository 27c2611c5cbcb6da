// SPDX-License-Identifier: GPL-2.0-only
/* Text of others: names of processes, files and cgroups may hold any byte. */
#include <stdbool.h>
#include <string.h>

#include "keep.h"
#include "text.h"

#define REPLACEMENT "\xef\xbf\xbd"	/* U+FFFD */

static bool within(unsigned char byte, unsigned char first, unsigned char last)
{
	return byte >= first && byte <= last;
}

/* Unicode, table 3-7: what may follow the first byte is narrower for some. */
size_t text_character(const char *text)
{
	const unsigned char *t = (const unsigned char *)text;
	size_t length;

	if (t[0] < 0x80)
		return 1;
	if (within(t[0], 0xc2, 0xdf))
		length = 2;
	else if (within(t[0], 0xe0, 0xef))
		length = 3;
	else if (within(t[0], 0xf0, 0xf4))
		length = 4;
	else
		return 0;
	if ((t[0] == 0xe0 && t[1] < 0xa0) || (t[0] == 0xed && t[1] > 0x9f) ||
	    (t[0] == 0xf0 && t[1] < 0x90) || (t[0] == 0xf4 && t[1] > 0x8f))
		return 0;
	for (size_t i = 1; i < length; i++)
		if (!within(t[i], 0x80, 0xbf))
			return 0;
	return length;
}

char *text_utf8(const char *text)
{
	char *copy = xrealloc(NULL, strlen(text) * strlen(REPLACEMENT) + 1);
	char *to = copy;

	while (*text) {
		size_t length = text_character(text);

		if (length) {
			to = mempcpy(to, text, length);
			text += length;
		} else {
			to = mempcpy(to, REPLACEMENT, strlen(REPLACEMENT));
			text++;
		}
	}
	*to = '\0';
	return copy;
}

/* C0, DEL, and C1, which some terminals obey as they do ESC and a letter. */
static bool is_control(const char *text)
{
	const unsigned char *t = (const unsigned char *)text;

	return t[0] < ' ' || t[0] == 0x7f ||
	       (t[0] == 0xc2 && within(t[1], 0x80, 0x9f));
}

void text_print(FILE *to, const char *text)
{
	while (*text) {
		size_t length = text_character(text);

		if (length && !is_control(text))
			fwrite(text, 1, length, to);
		else
			fputc('?', to);
		text += length ? length : 1;
	}
}
