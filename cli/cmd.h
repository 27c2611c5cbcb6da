/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cdmctl: what every verb shares.
 *
 * A verb is one file that ends in a struct verb, registered by one line in
 * verbs.h. It parses nothing itself: its options are a table, from which the
 * parser, --help and the completion's test all work. It prints nothing itself
 * either: tables and JSON come from one field list (output.h), messages go
 * through message.h.
 */
#ifndef CDMCTL_CMD_H
#define CDMCTL_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Documented in cdmctl(1) and stable. */
enum exit_code {
	EXIT_DONE = 0,		/* done, or already so */
	EXIT_FAILED = 1,	/* nothing or not all of it, and rolled back */
	EXIT_USAGE = 2,		/* the command line or a policy file is wrong */
	EXIT_PARTLY = 3,	/* some of it was done, and stays done */
	EXIT_NOTHING = 4,	/* there is nothing that the names match */
};

struct opt;

/**
 * struct verb - one command of cdmctl
 * @name: as typed
 * @operands: what follows the options, for --help ("" for none)
 * @min_operands: fewest operands
 * @max_operands: most operands, or -1 for no limit
 * @summary: one line, without a full stop
 * @text: a few lines for --help, or NULL
 * @options: ends with an entry without a name; NULL for none
 * @run: does it; returns an exit code
 */
struct verb {
	const char *name;
	const char *operands;
	int min_operands;
	int max_operands;
	const char *summary;
	const char *text;
	const struct opt *options;
	enum exit_code (*run)(int argc, char **argv);
};

/**
 * struct ui - what the common options say
 * @verb: the verb that runs, for messages
 * @json: JSON on stdout instead of tables
 * @human: sizes for people in JSON
 * @bytes: plain bytes in tables
 * @quiet: no progress, no remarks; errors only
 * @verbose: let the library log to stderr
 */
struct ui {
	const char *verb;
	bool json;
	bool human;
	bool bytes;
	bool quiet;
	bool verbose;
};

extern struct ui ui;

extern const struct verb *const verbs[];

const struct verb *verb_find(const char *name);

/** verb_unknown() - say that @name is no verb, and which was meant */
enum exit_code verb_unknown(const char *name);

#endif /* CDMCTL_CMD_H */
