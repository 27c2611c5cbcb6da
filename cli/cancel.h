/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ctrl-C, SIGTERM and a terminal that goes, while something long runs: the work
 * stops where that is safe, and the command says what was done. A second one ends
 * it at once.
 */
#ifndef CDMCTL_CANCEL_H
#define CDMCTL_CANCEL_H

#include <stdbool.h>

/** cancel_catch() - from now on, signals only ask */
void cancel_catch(void);

/**
 * cancel_not_by_readers() - a pipe that nobody reads any more ends nothing
 *
 * For what must not stay half done because a remark could not be written.
 */
void cancel_not_by_readers(void);

/** cancel_asked() - has somebody asked? */
bool cancel_asked(void);

#endif /* CDMCTL_CANCEL_H */
