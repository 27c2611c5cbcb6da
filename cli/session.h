/* SPDX-License-Identifier: GPL-2.0-only */
/* The library as the verbs use it: context, errors, jobs, targets. */
#ifndef CDMCTL_SESSION_H
#define CDMCTL_SESSION_H

#include <cdm/libcdm.h>

#include "cmd.h"
#include "output.h"

/**
 * session_open() - a context that logs to stderr with --verbose
 *
 * Returns: the context, or NULL after a message. Free with cdm_unref().
 */
struct cdm_ctx *session_open(void);

/**
 * session_error() - why the last call of the library failed
 * @rc: what it returned
 *
 * Returns: the library's sentence, or one made of the errno; never empty.
 */
const char *session_error(struct cdm_ctx *ctx, int rc);

/** session_report() - print session_error(); returns exit_code_of(@rc) */
enum exit_code session_report(struct cdm_ctx *ctx, int rc);

/** exit_code_of() - what a return value of the library means for the caller */
enum exit_code exit_code_of(int rc);

/**
 * exit_code_add() - one code for several targets
 * @so_far: code of those before, or -1 for none
 * @next: code of the next
 */
int exit_code_add(int so_far, enum exit_code next);

/**
 * session_job() - a job with progress bar and Ctrl-C
 * @timeout_ms: 0 for no limit
 *
 * Returns: the job, or NULL after a message. Free with cdm_job_unref().
 */
struct cdm_job *session_job(struct cdm_ctx *ctx, uint64_t timeout_ms);

/** bytes of a page */
uint64_t page_size(void);

/* Who uses, or keeps, pages of a region: for list, offline. */
struct user_row {
	const char *region;
	uint64_t pid;
	const char *command;
	const char *cgroup;
	uint64_t uid;
	uint64_t pages;
	uint64_t bytes;
	const char *reason;
};

extern const struct field user_fields[];

/** DRAIN_FIELDS - the fields of a row that has a struct cdm_drain, drain */
#define DRAIN_FIELDS(row) \
	FIELD_OF(row, drain, needed, FIELD_SIZE, "NEEDED"), \
	FIELD_OF(row, drain, moved, FIELD_SIZE, "MOVED"), \
	FIELD_OF(row, drain, left, FIELD_SIZE, "LEFT"), \
	FIELD_OF(row, drain, pinned, FIELD_SIZE, "PINNED"), \
	FIELD_OF(row, drain, busy, FIELD_SIZE, NULL), \
	FIELD_OF(row, drain, no_memory, FIELD_SIZE, NULL), \
	FIELD_OF(row, drain, ram_available, FIELD_SIZE, NULL), \
	FIELD_OF(row, drain, swap_free, FIELD_SIZE, NULL), \
	FIELD_OF(row, drain, fits, FIELD_BOOL, NULL)

/** add_users() - rows for a list of users; NULL is an empty list */
void add_users(struct table *table, const char *region,
	       struct cdm_users *users);

#endif /* CDMCTL_SESSION_H */
