/* SPDX-License-Identifier: GPL-2.0-only */
/* Isolation levels as words on the command line. */
#ifndef CDMCTL_LEVEL_H
#define CDMCTL_LEVEL_H

#include "options.h"

/** opt_level() - setter for an option that takes a level; const char * */
int opt_level(const struct opt *opt, const char *text);

/**
 * level_parse() - a level by name
 * @what: where it was typed, for the message
 *
 * Returns: enum cdm_isolation, or -1 after a message.
 */
int level_parse(const char *what, const char *text);

#endif /* CDMCTL_LEVEL_H */
