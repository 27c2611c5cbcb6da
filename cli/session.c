// SPDX-License-Identifier: GPL-2.0-only
/* The library as the verbs use it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "cancel.h"
#include "keep.h"
#include "message.h"
#include "progress.h"
#include "session.h"

static void log_to_stderr(void *data, int priority, const char *message)
{
	(void)data;
	(void)priority;
	error_text(message);
}

struct cdm_ctx *session_open(void)
{
	struct cdm_ctx *ctx;
	int rc = cdm_new(&ctx);

	if (rc) {
		error("cannot start: %s", strerror(-rc));
		return NULL;
	}
	/* Errors are printed by the verbs: the log has them at LOG_INFO again. */
	if (ui.verbose && cdm_get_log_priority(ctx) < LOG_INFO)
		cdm_set_log_priority(ctx, LOG_INFO);
	else if (!getenv("LIBCDM_LOG"))
		cdm_set_log_priority(ctx, LOG_WARNING);
	cdm_set_log_fn(ctx, log_to_stderr, NULL);
	return ctx;
}

const char *session_error(struct cdm_ctx *ctx, int rc)
{
	const char *text = cdm_get_error(ctx);

	if (text && *text)
		return keep_text(text);
	return keep("%s: %s", ui.verb, strerror(-rc));
}

enum exit_code session_report(struct cdm_ctx *ctx, int rc)
{
	error_text(session_error(ctx, rc));
	return exit_code_of(rc);
}

enum exit_code exit_code_of(int rc)
{
	if (rc >= 0)
		return EXIT_DONE;
	switch (-rc) {
	case EINVAL:
		return EXIT_USAGE;
	case ENOENT:
	case ESRCH:
		return EXIT_NOTHING;
	default:
		return EXIT_FAILED;
	}
}

int exit_code_add(int so_far, enum exit_code next)
{
	if (so_far < 0 || so_far == (int)next)
		return (int)next;
	if (so_far == EXIT_DONE || next == EXIT_DONE ||
	    so_far == EXIT_PARTLY || next == EXIT_PARTLY)
		return EXIT_PARTLY;
	return EXIT_FAILED;
}

static int on_progress(void *data, const struct cdm_progress *p)
{
	char remark[64] = "";

	(void)data;
	if (p->pinned)
		snprintf(remark, sizeof(remark), "%llu pages pinned",
			 (unsigned long long)(p->pinned / page_size()));
	else if (p->no_memory)
		snprintf(remark, sizeof(remark), "waiting for free RAM");
	progress_step(p->step, p->object);
	progress_update(p->done, p->total, *remark ? remark : NULL);
	return cancel_asked();
}

struct cdm_job *session_job(struct cdm_ctx *ctx, uint64_t timeout_ms)
{
	struct cdm_job *job;
	int rc = cdm_job_new(ctx, &job);

	if (rc) {
		session_report(ctx, rc);
		return NULL;
	}
	cancel_catch();
	cancel_not_by_readers();
	progress_begin();
	cdm_job_set_timeout(job, timeout_ms);
	cdm_job_set_progress(job, on_progress, NULL, 100);
	return job;
}

uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

const struct field user_fields[] = {
	FIELD(struct user_row, region, FIELD_TEXT, "REGION"),
	FIELD(struct user_row, pid, FIELD_NUMBER, "PID"),
	FIELD(struct user_row, command, FIELD_TEXT, "COMMAND"),
	FIELD(struct user_row, uid, FIELD_NUMBER, NULL),
	FIELD(struct user_row, cgroup, FIELD_TEXT, "CGROUP"),
	FIELD(struct user_row, pages, FIELD_NUMBER, "PAGES"),
	FIELD(struct user_row, bytes, FIELD_SIZE, "SIZE"),
	FIELD(struct user_row, reason, FIELD_TEXT, "REASON"),
	FIELD_END
};

void add_users(struct table *table, const char *region,
	       struct cdm_users *users)
{
	struct cdm_user *user;

	if (!users)
		return;
	cdm_user_foreach(users, user) {
		struct user_row *row = table_add(table);
		enum cdm_hold hold = cdm_user_get_hold(user);
		bool kernel = hold == CDM_HOLD_KERNEL;

		row->region = keep_text(region);
		row->pid = kernel ? FIELD_ABSENT : (uint64_t)cdm_user_get_pid(user);
		row->command = kernel ? "(kernel)" :
			       keep_text(cdm_user_get_comm(user));
		row->cgroup = keep_text(cdm_user_get_cgroup(user));
		row->uid = cdm_user_get_uid(user);
		/* the kernel has none, nor who has ended meanwhile */
		if (kernel || row->uid == (uid_t)-1)
			row->uid = FIELD_ABSENT;
		row->bytes = cdm_user_get_bytes(user);
		row->pages = row->bytes / page_size();
		row->reason = cdm_hold_get_name(hold);
	}
}
