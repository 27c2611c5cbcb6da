// SPDX-License-Identifier: GPL-2.0-only
/* Messages on stderr. */
#include <stdarg.h>
#include <stdio.h>

#include "cmd.h"
#include "message.h"
#include "progress.h"

#define MESSAGE_MAX 1024

/*
 * Names come from the command line and from other processes: one message stays
 * one line, and no escape sequence reaches the terminal.
 */
static void say(const char *verb, const char *text)
{
	progress_clear();
	fprintf(stderr, "cdmctl: %s%s", verb ? verb : "", verb ? ": " : "");
	for (; *text; text++)
		fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text,
		      stderr);
	fputc('\n', stderr);
}

void error(const char *format, ...)
{
	char text[MESSAGE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	say(ui.verb, text);
}

void error_text(const char *text)
{
	say(NULL, text);
}

void note(const char *format, ...)
{
	char text[MESSAGE_MAX];
	va_list args;

	if (ui.quiet)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	say(ui.verb, text);
}
