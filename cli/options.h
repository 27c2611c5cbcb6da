/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The options of a verb as a table, over getopt_long(). Each entry says how
 * its argument is read and where the value goes; whatever is malformed is one
 * line on stderr that names the option.
 */
#ifndef CDMCTL_OPTIONS_H
#define CDMCTL_OPTIONS_H

#include "cmd.h"

/**
 * struct opt - one option
 * @name: long name without the dashes; NULL ends the table
 * @letter: short name, or 0
 * @arg: name of its argument for --help, or NULL for a switch
 * @help: what it does, one line
 * @set: reads the argument (NULL for a switch, or when @optional and left
 *	out) into @dest; 0, or -1 after a message
 * @dest: where the value goes
 * @optional: the argument may be left out (--name or --name=ARG)
 */
struct opt {
	const char *name;
	char letter;
	const char *arg;
	const char *help;
	int (*set)(const struct opt *opt, const char *text);
	void *dest;
	bool optional;
};

/* Ready-made setters; the type behind opt->dest stands beside each. */
int opt_switch(const struct opt *opt, const char *text);	/* bool */
int opt_text(const struct opt *opt, const char *text);		/* const char * */
int opt_size(const struct opt *opt, const char *text);		/* uint64_t */
int opt_duration(const struct opt *opt, const char *text);	/* uint64_t, ms, not 0 */
int opt_pid(const struct opt *opt, const char *text);		/* int */
int opt_count(const struct opt *opt, const char *text);		/* unsigned int, from 1 */

/**
 * pid_parse() - a process id
 * @what: what it was typed for: "PID"
 *
 * Returns: 0, or -1 after a message.
 */
int pid_parse(const char *what, const char *text, int *pid);

/** The options that every verb has. */
extern const struct opt common_options[];

enum options_result {
	OPTIONS_RUN,
	OPTIONS_HELP,
	OPTIONS_ERROR,
};

/**
 * options_parse() - read the options of a verb
 * @verb: the verb
 * @argc: in: with argv[0], the verb's name; out: the operands alone
 * @argv: likewise
 */
enum options_result options_parse(const struct verb *verb, int *argc,
				  char ***argv);

#endif /* CDMCTL_OPTIONS_H */
