/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A progress bar on stderr, when that is a terminal and the work has taken
 * longer than a second.
 */
#ifndef CDMCTL_PROGRESS_H
#define CDMCTL_PROGRESS_H

#include <stdint.h>

/** progress_begin() - something that may take long starts now */
void progress_begin(void);

/** progress_step() - what it does now, such as "drain" and "cdm0" */
void progress_step(const char *step, const char *object);

/**
 * progress_update() - how far it is
 * @done_bytes: of the total
 * @total_bytes: which may have changed; 0: a step without bytes
 * @remark: a few words to show behind the bar, or NULL
 */
void progress_update(uint64_t done_bytes, uint64_t total_bytes,
		     const char *remark);

/** progress_clear() - take the bar off the line; the next update redraws it */
void progress_clear(void);

/** progress_end() - no more of it */
void progress_end(void);

/** progress_seconds() - time since progress_begin() */
double progress_seconds(void);

#endif /* CDMCTL_PROGRESS_H */
