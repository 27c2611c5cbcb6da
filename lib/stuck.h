/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What kept a drain or a change of level from its end, in words. */
#ifndef _LIBCDM_STUCK_H
#define _LIBCDM_STUCK_H

#include "job.h"

/* How one slice went: its figures become those of the progress. */
void cdm_drain_progress(struct cdm_job *job);
/*
 * Slices of call() until it has something else to say than that time is up or a
 * signal came: that, or -ETIMEDOUT or -ECANCELED of the job.
 */
int cdm_drain_slices(struct cdm_job *job, int fd,
		     int (*call)(struct cdm_job *job, int fd, uint64_t timeout_ms, void *data),
		     void *data);
/* The message for what slices returned; outcome: how it is now. Returns rc. */
int cdm_stuck_fail(struct cdm_job *job, int rc, const char *outcome);

#endif /* _LIBCDM_STUCK_H */
