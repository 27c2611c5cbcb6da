// SPDX-License-Identifier: GPL-2.0-only
/* Memory that lives as long as the command. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd.h"
#include "keep.h"
#include "message.h"

static char **kept;
static size_t nr_kept;

static void forget(void)
{
	for (size_t i = 0; i < nr_kept; i++)
		free(kept[i]);
	free(kept);
	kept = NULL;
	nr_kept = 0;
}

static void no_memory(void)
{
	error("out of memory");
	exit(EXIT_FAILED);
}

void *xrealloc(void *old, size_t size)
{
	void *memory = realloc(old, size);

	if (!memory)
		no_memory();
	return memory;
}

const char *keep(const char *format, ...)
{
	va_list args;
	char *text;
	int rc;

	va_start(args, format);
	rc = vasprintf(&text, format, args);
	va_end(args);
	if (rc < 0)
		no_memory();
	if (!nr_kept)
		atexit(forget);
	kept = xrealloc(kept, (nr_kept + 1) * sizeof(*kept));
	kept[nr_kept++] = text;
	return text;
}

const char *keep_text(const char *text)
{
	return text ? keep("%s", text) : NULL;
}
