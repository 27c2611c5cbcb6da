// SPDX-License-Identifier: GPL-2.0-only
/* cdmctl help: the verbs, or how one is called. */
#include <stdio.h>

#include "cmd.h"
#include "help.h"
#include "keep.h"
#include "message.h"
#include "options.h"
#include "output.h"

struct verb_row {
	const char *verb;
	const char *operands;
	const char *summary;
};

struct option_row {
	const char *option;
	const char *letter;
	const char *argument;
	const char *summary;
};

static const struct field verb_fields[] = {
	FIELD(struct verb_row, verb, FIELD_TEXT, "COMMAND"),
	FIELD(struct verb_row, operands, FIELD_TEXT, "OPERANDS"),
	FIELD(struct verb_row, summary, FIELD_TEXT, "DOES"),
	FIELD_END
};

static const struct field option_fields[] = {
	FIELD(struct option_row, option, FIELD_TEXT, "OPTION"),
	FIELD(struct option_row, letter, FIELD_TEXT, "LETTER"),
	FIELD(struct option_row, argument, FIELD_TEXT, "ARGUMENT"),
	FIELD(struct option_row, summary, FIELD_TEXT, "DOES"),
	FIELD_END
};

static enum exit_code help_json(void)
{
	struct table table = TABLE("verbs", verb_fields, struct verb_row);
	int rc;

	for (size_t i = 0; verbs[i]; i++)
		*(struct verb_row *)table_add(&table) = (struct verb_row){
			verbs[i]->name, verbs[i]->operands, verbs[i]->summary,
		};
	rc = output_tables(&table, 1);
	table_free(&table);
	return rc ? EXIT_FAILED : EXIT_DONE;
}

static void add_options(struct table *table, const struct opt *opts)
{
	for (; opts && opts->name; opts++)
		*(struct option_row *)table_add(table) = (struct option_row){
			opts->name,
			opts->letter ? keep("%c", opts->letter) : NULL,
			opts->arg, opts->help,
		};
}

static enum exit_code help_verb_json(const struct verb *verb)
{
	struct verb_row row = { verb->name, verb->operands, verb->summary };
	struct table table = TABLE("options", option_fields, struct option_row);
	int rc;

	add_options(&table, verb->options);
	add_options(&table, common_options);
	rc = output_record(verb_fields, &row, &table, 1);
	table_free(&table);
	return rc ? EXIT_FAILED : EXIT_DONE;
}

static enum exit_code run(int argc, char **argv)
{
	const struct verb *verb;

	if (!argc) {
		if (ui.json)
			return help_json();
		help_all(stdout);
		return EXIT_DONE;
	}
	verb = verb_find(argv[0]);
	if (!verb)
		return verb_unknown(argv[0]);
	if (ui.json)
		return help_verb_json(verb);
	help_verb(stdout, verb);
	return EXIT_DONE;
}

const struct verb verb_help = {
	.name = "help",
	.operands = "[COMMAND]",
	.max_operands = 1,
	.summary = "Tells how commands are called",
	.run = run,
};
