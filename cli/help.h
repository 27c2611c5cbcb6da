/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CDMCTL_HELP_H
#define CDMCTL_HELP_H

#include <stdio.h>

#include "cmd.h"

/** help_all() - the verbs and what they do */
void help_all(FILE *to);

/** help_verb() - how one verb is called */
void help_verb(FILE *to, const struct verb *verb);

#endif /* CDMCTL_HELP_H */
