// SPDX-License-Identifier: GPL-2.0-only
/* cdmctl: find the verb and run it. */
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "help.h"
#include "message.h"
#include "options.h"
#include "suggest.h"

struct ui ui;

#define VERB(name) extern const struct verb verb_##name;
#include "verbs.h"
#undef VERB

const struct verb *const verbs[] = {
#define VERB(name) &verb_##name,
#include "verbs.h"
#undef VERB
	NULL,
};

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; verbs[i]; i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

enum exit_code verb_unknown(const char *name)
{
	const char *names[ARRAY_SIZE(verbs)] = { NULL };
	const char *near;

	for (size_t i = 0; verbs[i]; i++)
		names[i] = verbs[i]->name;
	near = suggest(name, names);
	if (near)
		error("\"%s\" is not a command; did you mean \"%s\"?",
		      name, near);
	else
		error("\"%s\" is not a command; \"cdmctl help\" lists them",
		      name);
	return EXIT_USAGE;
}

static enum exit_code run_verb(const struct verb *verb, int argc, char **argv)
{
	enum exit_code code = EXIT_DONE;

	ui.verb = verb->name;
	switch (options_parse(verb, &argc, &argv)) {
	case OPTIONS_RUN:
		code = verb->run(argc, argv);
		break;
	case OPTIONS_HELP:
		help_verb(stdout, verb);
		break;
	case OPTIONS_ERROR:
		return EXIT_USAGE;
	}
	if (fflush(stdout) || ferror(stdout)) {
		error("cannot write the answer: stdout is full or closed");
		if (code == EXIT_DONE)
			code = EXIT_FAILED;
	}
	return code;
}

/*
 * A stream that is closed leaves its number to the next file that is opened, be it
 * a device: what is printed would go there. So something else takes it, the wrong
 * way round: printing fails as it would have.
 */
static void streams_open(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			exit(EXIT_FAILED);
}

int main(int argc, char **argv)
{
	const struct verb *verb;
	const char *name = argc > 1 ? argv[1] : NULL;

	streams_open();
	/* the letters of names in tables; all else is as in C */
	setlocale(LC_CTYPE, "");
	if (!name) {
		help_all(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	else if (!strcmp(name, "--version") || !strcmp(name, "-V"))
		name = "version";
	else if (name[0] == '-') {
		error("\"%s\" before the command; options follow it: cdmctl COMMAND [OPTION]...",
		      name);
		return EXIT_USAGE;
	}
	verb = verb_find(name);
	if (!verb)
		return verb_unknown(name);
	return run_verb(verb, argc - 1, argv + 1);
}
