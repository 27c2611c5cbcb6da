/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that lives as long as the command. What the library hands out goes
 * when a job changes something; rows that are printed afterwards need copies.
 */
#ifndef CDMCTL_KEEP_H
#define CDMCTL_KEEP_H

#include <stddef.h>

/** keep() - a text to keep until the command ends */
const char *keep(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** keep_text() - a copy of @text; NULL for NULL */
const char *keep_text(const char *text);

/** xrealloc() - realloc() that ends the command when there is no memory */
void *xrealloc(void *old, size_t size);

#endif /* CDMCTL_KEEP_H */
