/* SPDX-License-Identifier: GPL-2.0-only */
/* Text of others: names of processes, files and cgroups may hold any byte. */
#ifndef CDMCTL_TEXT_H
#define CDMCTL_TEXT_H

#include <stddef.h>
#include <stdio.h>

/**
 * text_character() - the character that @text begins with
 *
 * Returns: its bytes, 1 to 4, or 0 if that is not UTF-8. @text is not empty.
 */
size_t text_character(const char *text);

/**
 * text_utf8() - @text as UTF-8
 *
 * Returns: @text, with U+FFFD for each byte that is not; to be freed with free().
 */
char *text_utf8(const char *text);

/**
 * text_print() - for a terminal: one line, and nothing that it would obey
 *
 * Control characters, and what is not UTF-8, become question marks.
 */
void text_print(FILE *to, const char *text);

#endif /* CDMCTL_TEXT_H */
