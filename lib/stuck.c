// SPDX-License-Identifier: LGPL-2.1-or-later
/* What kept a drain or a change of level from its end, in words. */
#include <stdio.h>
#include <string.h>

#include "stuck.h"
#include "users.h"

void cdm_drain_progress(struct cdm_job *job)
{
	struct cdm_progress *progress = &job->progress;
	const struct cdm_drain *drain = &job->drain;

	progress->done = drain->moved;
	progress->moved = drain->moved;
	progress->left = drain->left;
	progress->total = drain->moved + drain->left;
	progress->pinned = drain->pinned;
	progress->busy = drain->busy;
	progress->no_memory = drain->no_memory;
}

int cdm_drain_slices(struct cdm_job *job, int fd,
		     int (*call)(struct cdm_job *job, int fd, uint64_t timeout_ms, void *data),
		     void *data)
{
	uint64_t start;
	int rc, stop;

	for (;;) {
		start = cdm_now_ms();
		rc = call(job, fd, MAX(cdm_job_time_left(job, CDM_SLICE_MS), 1), data);
		cdm_drain_progress(job);
		if (rc != -ETIMEDOUT && rc != -EINTR)
			return rc;
		stop = cdm_job_tick(job);
		/* nothing to do but to wait: do not spin on a call that ends at once */
		if (!stop && rc == -ETIMEDOUT && cdm_now_ms() - start < 20)
			stop = cdm_job_sleep(job, 50);
		if (stop)
			return stop;
	}
}

static void pages_text(struct cdm_ctx *ctx, uint64_t bytes, char text[48])
{
	unsigned long long pages = bytes / ctx->page_size;

	snprintf(text, 48, "%llu page%s", pages, pages == 1 ? "" : "s");
}

int cdm_stuck_fail(struct cdm_job *job, int rc, const char *outcome)
{
	double seconds = (cdm_now_ms() - job->start_ms) / 1000.0;
	const struct cdm_drain *drain = &job->drain;
	char who[256] = "", pages[48], when[64];

	if (rc == -ECANCELED)
		snprintf(when, sizeof(when), "cancelled after %.1f s", seconds);
	else
		snprintf(when, sizeof(when), "not done in %.1f s", seconds);
	if (job->holders)
		cdm_users_describe(job->holders, who, sizeof(who));
	pages_text(job->ctx, drain->pinned ? drain->pinned : drain->left, pages);

	if (drain->no_memory && drain->no_memory >= drain->pinned)
		return cdm_fail(job->ctx, -rc, "%s: RAM has no room for %s more; free memory or "
				"add swap; %s", when, cdm_size_text(drain->no_memory).text, outcome);
	if (drain->pinned && who[0])
		return cdm_fail(job->ctx, -rc, "%s: %s %s %s; %suse a longer --timeout; %s", when,
				pages, cdm_users_have_holder(job->holders) ? "pinned by" :
				"pinned, and in use there by", who,
				cdm_users_have_process(job->holders) ? "stop it or " : "", outcome);
	if (drain->pinned)
		return cdm_fail(job->ctx, -rc, "%s: %s pinned by somebody who could not be found; "
				"%s", when, pages, outcome);
	return cdm_fail(job->ctx, -rc, "%s: %s were still to be moved; %s", when,
			cdm_size_text(drain->left).text, outcome);
}
