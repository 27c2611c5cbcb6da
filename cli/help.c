// SPDX-License-Identifier: GPL-2.0-only
/* --help, written from the tables that the parser uses. */
#include <string.h>

#include "help.h"
#include "options.h"

static void print_option(FILE *to, const struct opt *opt)
{
	char left[64];
	int n = 0;

	n += snprintf(left, sizeof(left), "  ");
	if (opt->letter)
		n += snprintf(left + n, sizeof(left) - (size_t)n, "-%c, ",
			      opt->letter);
	else
		n += snprintf(left + n, sizeof(left) - (size_t)n, "    ");
	n += snprintf(left + n, sizeof(left) - (size_t)n, "--%s", opt->name);
	if (opt->arg)
		snprintf(left + n, sizeof(left) - (size_t)n,
			 opt->optional ? "[=%s]" : " %s", opt->arg);
	if (strlen(left) < 30)
		fprintf(to, "%-30s %s\n", left, opt->help);
	else
		fprintf(to, "%s\n%-30s %s\n", left, "", opt->help);
}

void help_verb(FILE *to, const struct verb *verb)
{
	fprintf(to, "Usage: cdmctl %s [OPTION]...%s%s\n\n%s.\n", verb->name,
		*verb->operands ? " " : "", verb->operands, verb->summary);
	if (verb->text)
		fprintf(to, "\n%s", verb->text);
	fputs("\nOptions:\n", to);
	for (const struct opt *o = verb->options; o && o->name; o++)
		print_option(to, o);
	for (const struct opt *o = common_options; o->name; o++)
		print_option(to, o);
	fprintf(to, "\ncdmctl-%s(1) tells more.\n", verb->name);
}

void help_all(FILE *to)
{
	fputs("Usage: cdmctl COMMAND [OPTION]... [OPERAND]...\n\n"
	      "Manages CXL memory expanders as memory that nobody gets unless it is asked\n"
	      "for by name.\n\nCommands:\n", to);
	for (size_t i = 0; verbs[i]; i++)
		fprintf(to, "  %-15s %s\n", verbs[i]->name, verbs[i]->summary);
	fputs("\nExit codes: 0 done or already so, 1 failed, 2 wrong usage, 3 partly done,\n"
	      "4 nothing matched. \"cdmctl help COMMAND\" tells how a command is called.\n",
	      to);
}
