/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CDMCTL_SUGGEST_H
#define CDMCTL_SUGGEST_H

/**
 * suggest() - the name that was probably meant
 * @word: what was typed
 * @names: what there is, ended by NULL
 *
 * Returns: one of @names, or NULL when none is close.
 */
const char *suggest(const char *word, const char *const *names);

#endif /* CDMCTL_SUGGEST_H */
