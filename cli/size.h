/* SPDX-License-Identifier: GPL-2.0-only */
/* Sizes, times and address ranges as people type and read them. */
#ifndef CDMCTL_SIZE_H
#define CDMCTL_SIZE_H

#include <stddef.h>
#include <stdint.h>

/* Longest text of size_format() with its end. */
#define SIZE_TEXT 64

/**
 * size_parse() - a size as ndctl has it
 * @text: a decimal or 0x number of bytes; k m g t in either case are binary
 * @bytes: the result, untouched on error
 *
 * Returns: 0; -EINVAL (not a size), -ERANGE (more than 64 bits).
 */
int size_parse(const char *text, uint64_t *bytes);

/**
 * duration_parse() - a time span: 30, 30s, 500ms, 2m, 1h
 * @text: what was typed
 * @ms: milliseconds, untouched on error
 *
 * Returns: 0; -EINVAL, -ERANGE (more than a year).
 */
int duration_parse(const char *text, uint64_t *ms);

/**
 * range_parse() - START-END or START+LENGTH
 * @text: START and END are hexadecimal, with or without 0x, as in
 *	/proc/PID/maps; LENGTH is a size
 * @start: first byte
 * @length: bytes, not 0
 *
 * Returns: 0; -EINVAL, -ERANGE (wraps, is empty or ends before it begins).
 */
int range_parse(const char *text, uint64_t *start, uint64_t *length);

/** size_table() - "512M", "1.5G": short, for a column; exact when it can be */
const char *size_table(uint64_t bytes, char text[SIZE_TEXT]);

/** size_human() - "512.00 MiB (536.87 MB)", as ndctl -u has it */
const char *size_human(uint64_t bytes, char text[SIZE_TEXT]);

#endif /* CDMCTL_SIZE_H */
