// SPDX-License-Identifier: GPL-2.0-only
/* The options of a verb: a table over getopt_long(). */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "keep.h"
#include "message.h"
#include "options.h"
#include "size.h"
#include "suggest.h"

#define OPTIONS_MAX 32

static bool help_wanted;

const struct opt common_options[] = {
	{ "json", 'j', NULL, "JSON on stdout, sizes in bytes",
	  opt_switch, &ui.json },
	{ "human", 'u', NULL, "sizes for people, in JSON too",
	  opt_switch, &ui.human },
	{ "bytes", 'b', NULL, "sizes in bytes, in tables too",
	  opt_switch, &ui.bytes },
	{ "quiet", 'q', NULL, "no progress and no remarks, only errors",
	  opt_switch, &ui.quiet },
	{ "verbose", 'v', NULL, "say on stderr what the library does",
	  opt_switch, &ui.verbose },
	{ "help", 'h', NULL, "this text",
	  opt_switch, &help_wanted },
	{ NULL },
};

int opt_switch(const struct opt *opt, const char *text)
{
	(void)text;
	*(bool *)opt->dest = true;
	return 0;
}

int opt_text(const struct opt *opt, const char *text)
{
	if (!*text) {
		error("--%s needs a value, not an empty word", opt->name);
		return -1;
	}
	*(const char **)opt->dest = text;
	return 0;
}

int opt_size(const struct opt *opt, const char *text)
{
	int rc = size_parse(text, opt->dest);

	if (rc == -ERANGE)
		error("--%s: \"%s\" is more than 64 bits can hold", opt->name,
		      text);
	else if (rc)
		error("--%s: \"%s\" is not a size; write bytes, or a number with k, m, g or t, as in 512m",
		      opt->name, text);
	return rc ? -1 : 0;
}

int opt_duration(const struct opt *opt, const char *text)
{
	int rc = duration_parse(text, opt->dest);

	/* the library takes 0 for no limit: who computed it means the contrary */
	if (!rc && !*(uint64_t *)opt->dest) {
		error("--%s: \"%s\" is no time to wait; leave --%s out to wait without limit",
		      opt->name, text, opt->name);
		return -1;
	}
	if (rc == -ERANGE)
		error("--%s: \"%s\" is longer than a year; leave --%s out to wait without limit",
		      opt->name, text, opt->name);
	else if (rc)
		error("--%s: \"%s\" is not a time; write seconds, or a number with ms, s, m or h, as in 30s",
		      opt->name, text);
	return rc ? -1 : 0;
}

/* Decimal digits only, from 1 to @max; 0 when it is not that. */
static unsigned int whole_number(const char *text, unsigned int max)
{
	char *end;
	unsigned long value;

	if (*text < '0' || *text > '9')
		return 0;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (*end || errno || value > max)
		return 0;
	return (unsigned int)value;
}

int pid_parse(const char *what, const char *text, int *pid)
{
	unsigned int value = whole_number(text, INT_MAX);

	if (!value) {
		error("%s: \"%s\" is not a process id", what, text);
		return -1;
	}
	*pid = (int)value;
	return 0;
}

int opt_pid(const struct opt *opt, const char *text)
{
	return pid_parse(keep("--%s", opt->name), text, opt->dest);
}

int opt_count(const struct opt *opt, const char *text)
{
	unsigned int value = whole_number(text, INT_MAX);

	if (!value) {
		error("--%s: \"%s\" is not a number from 1 up", opt->name,
		      text);
		return -1;
	}
	*(unsigned int *)opt->dest = value;
	return 0;
}

/* The verb's own options, then the common ones, in one array of pointers. */
static size_t all_options(const struct verb *verb, const struct opt **all)
{
	size_t n = 0;

	for (const struct opt *o = verb->options; o && o->name; o++)
		all[n++] = o;
	for (const struct opt *o = common_options; o->name; o++)
		all[n++] = o;
	return n;
}

static void to_getopt(const struct opt *const *all, size_t n,
		      struct option *longs, char *letters)
{
	*letters++ = ':';	/* tell a missing argument from a bad option */
	for (size_t i = 0; i < n; i++) {
		longs[i].name = all[i]->name;
		longs[i].has_arg = !all[i]->arg ? no_argument :
				   all[i]->optional ? optional_argument :
						      required_argument;
		if (!all[i]->letter)
			continue;
		*letters++ = all[i]->letter;
		if (all[i]->arg && !all[i]->optional)
			*letters++ = ':';
	}
	*letters = '\0';
}

static void unknown_option(const struct verb *verb, const char *word,
			   const struct opt *const *all, size_t n)
{
	const char *names[OPTIONS_MAX + 1] = { NULL };
	const char *near = NULL;
	char bare[64];

	if (!strncmp(word, "--", 2)) {
		for (size_t i = 0; i < n; i++)
			names[i] = all[i]->name;
		strncpy(bare, word + 2, sizeof(bare) - 1);
		bare[sizeof(bare) - 1] = '\0';
		bare[strcspn(bare, "=")] = '\0';
		for (size_t i = 0; i < n; i++)
			if (!strcmp(bare, all[i]->name)) {
				error("--%s takes no value", bare);
				return;
			}
		near = suggest(bare, names);
	}
	if (near)
		error("there is no option \"%s\"; did you mean --%s?", word,
		      near);
	else
		error("there is no option \"%s\"; see \"cdmctl %s --help\"",
		      word, verb->name);
}

static const struct opt *by_letter(const struct opt *const *all, size_t n,
				   int letter)
{
	for (size_t i = 0; i < n; i++)
		if (letter && all[i]->letter == letter)
			return all[i];
	return NULL;
}

/* What the option takes whose argument is missing; @typed may be cut short. */
static const char *wanted_arg(const struct opt *const *all, size_t n,
			      const char *typed, int letter)
{
	const struct opt *opt = by_letter(all, n, letter);

	for (size_t i = 0; !opt && i < n; i++)
		if (all[i]->arg && !strncmp(typed, "--", 2) &&
		    !strncmp(all[i]->name, typed + 2, strlen(typed + 2)))
			opt = all[i];
	return opt ? opt->arg : "a value";
}

static int bad_option(const struct verb *verb, int c, char **argv,
		      const struct opt *const *all, size_t n)
{
	char word[3] = { '-', (char)optopt, '\0' };
	const char *typed = argv[optind - 1];

	if (c == ':') {
		error("%s needs %s", typed, wanted_arg(all, n, typed, optopt));
		return -1;
	}
	/* optopt is the letter, or 0 for a long option; then typed is that one */
	unknown_option(verb, optopt ? word : typed, all, n);
	return -1;
}

static int check_operands(const struct verb *verb, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!*argv[i] && *verb->operands) {
			error("an empty word is no %s", verb->operands);
			return -1;
		}
	if (argc < verb->min_operands) {
		error("%s is missing; see \"cdmctl %s --help\"",
		      verb->operands, verb->name);
		return -1;
	}
	if (verb->max_operands >= 0 && argc > verb->max_operands) {
		error("\"%s\" is one word too many; see \"cdmctl %s --help\"",
		      argv[verb->max_operands], verb->name);
		return -1;
	}
	return 0;
}

enum options_result options_parse(const struct verb *verb, int *argc,
				  char ***argv)
{
	const struct opt *all[OPTIONS_MAX], *opt;
	struct option longs[OPTIONS_MAX + 1] = { 0 };
	char letters[2 * OPTIONS_MAX + 2];
	size_t n = all_options(verb, all);
	int c, index;

	to_getopt(all, n, longs, letters);
	opterr = 0;
	for (;;) {
		index = -1;
		c = getopt_long(*argc, *argv, letters, longs, &index);
		if (c == -1)
			break;
		if (c == '?' || c == ':') {
			bad_option(verb, c, *argv, all, n);
			return OPTIONS_ERROR;
		}
		opt = index >= 0 ? all[index] : by_letter(all, n, c);
		if (opt->set(opt, optarg))
			return OPTIONS_ERROR;
		if (help_wanted)
			return OPTIONS_HELP;
	}
	*argc -= optind;
	*argv += optind;
	if (check_operands(verb, *argc, *argv))
		return OPTIONS_ERROR;
	return OPTIONS_RUN;
}
