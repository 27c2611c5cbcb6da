/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages for people, all on stderr, one line each: what was tried, what
 * stood in the way, what to do next.
 */
#ifndef CDMCTL_MESSAGE_H
#define CDMCTL_MESSAGE_H

/** error() - something did not work; always shown */
void error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** error_text() - a sentence of the library, which names the verb itself */
void error_text(const char *text);

/** note() - a remark that --quiet suppresses */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* CDMCTL_MESSAGE_H */
