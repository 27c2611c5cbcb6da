// SPDX-License-Identifier: GPL-2.0-only
/* Messages on stderr. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "message.h"
#include "progress.h"
#include "text.h"

/* Of a longer message these many bytes of both ends are printed. */
#define MESSAGE_END ((size_t)512)

/*
 * Names come from the command line and from other processes: one message stays
 * one line, and no escape sequence reaches the terminal. A long word must not
 * push off what is wrong with it and what to do.
 */
static void say(const char *verb, const char *text)
{
	size_t length = strlen(text);

	progress_clear();
	fprintf(stderr, "cdmctl: %s%s", verb ? verb : "", verb ? ": " : "");
	if (length > 2 * MESSAGE_END) {
		char begin[MESSAGE_END + 1] = "";

		memcpy(begin, text, MESSAGE_END);
		text_print(stderr, begin);
		fputs(" ... ", stderr);
		text += length - MESSAGE_END;
	}
	text_print(stderr, text);
	fputc('\n', stderr);
}

static void say_format(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	say(ui.verb, text ? text : format);
	free(text);
}

void error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_format(format, args);
	va_end(args);
}

void error_text(const char *text)
{
	say(NULL, text);
}

void note(const char *format, ...)
{
	va_list args;

	if (ui.quiet)
		return;
	va_start(args, format);
	say_format(format, args);
	va_end(args);
}
