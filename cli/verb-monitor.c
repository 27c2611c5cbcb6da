// SPDX-License-Identifier: GPL-2.0-only
/* cdmctl monitor: one stream of events. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cancel.h"
#include "cmd.h"
#include "keep.h"
#include "message.h"
#include "options.h"
#include "session.h"

/* Changes when a key that was there before means something else. */
#define STREAM_VERSION 1

#define DETAILS_MAX 16

static struct {
	const char *subsystem;
	unsigned int count;
	uint64_t timeout_ms;
} opts;

static int set_subsystem(const struct opt *opt, const char *text)
{
	if (strcmp(text, "cdm") && strcmp(text, "dax") && strcmp(text, "cxl")) {
		error("--%s: \"%s\" is none of cdm, dax and cxl", opt->name,
		      text);
		return -1;
	}
	return opt_text(opt, text);
}

static const struct opt options[] = {
	{ "subsystem", 's', "cdm|dax|cxl", "only events of this subsystem",
	  set_subsystem, &opts.subsystem },
	{ "count", 'n', "N", "end after N events",
	  opt_count, &opts.count },
	{ "timeout", 't', "TIME", "end after 30, 30s, 2m",
	  opt_duration, &opts.timeout_ms },
	{ NULL },
};

struct event_row {
	uint64_t version;
	uint64_t time_us;
	const char *time;
	const char *subsystem;
	const char *device;
	const char *event;
	const char *text[DETAILS_MAX];
	uint64_t number[DETAILS_MAX];
};

static const struct field fixed_fields[] = {
	FIELD(struct event_row, version, FIELD_NUMBER, NULL),
	FIELD(struct event_row, time_us, FIELD_NUMBER, NULL),
	FIELD(struct event_row, time, FIELD_TEXT, ""),
	FIELD(struct event_row, subsystem, FIELD_TEXT, ""),
	FIELD(struct event_row, device, FIELD_TEXT, ""),
	FIELD(struct event_row, event, FIELD_TEXT, ""),
};

static bool is_number(const char *text, uint64_t *number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &end, 0);
	return !*end && !errno;
}

static void add_details(struct event_row *row, struct field *fields,
			struct cdm_event *event)
{
	const char *key, *value;

	for (unsigned int i = 0; i < DETAILS_MAX &&
	     cdm_event_get_detail(event, i, &key, &value); i++) {
		bool number = is_number(value, &row->number[i]);

		row->text[i] = value;
		*fields++ = (struct field){ key, key,
			number ? FIELD_NUMBER : FIELD_TEXT,
			number ? offsetof(struct event_row, number[0]) +
				 i * sizeof(row->number[0]) :
				 offsetof(struct event_row, text[0]) +
				 i * sizeof(row->text[0]), false };
	}
}

static void format_time(uint64_t us, char *text, size_t size)
{
	time_t seconds = (time_t)(us / 1000000);
	struct tm utc;
	size_t n;

	gmtime_r(&seconds, &utc);
	n = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + n, size - n, ".%06" PRIu64 "Z", us % 1000000);
}

static int print(struct cdm_event *event)
{
	struct field fields[ARRAY_SIZE(fixed_fields) + DETAILS_MAX + 1] = { 0 };
	struct event_row row = { .version = STREAM_VERSION };
	char time[64];

	memcpy(fields, fixed_fields, sizeof(fixed_fields));
	row.time_us = cdm_event_get_time_us(event);
	format_time(row.time_us, time, sizeof(time));
	row.time = time;
	row.subsystem = cdm_event_get_subsystem(event);
	row.device = cdm_event_get_device(event);
	row.event = cdm_event_get_kind(event);
	add_details(&row, fields + ARRAY_SIZE(fixed_fields), event);
	return output_event(fields, &row);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* How long to wait now; negative when the time is over. */
static int next_wait(uint64_t end_ms)
{
	uint64_t now = now_ms();

	if (end_ms && now >= end_ms)
		return -1;
	/* A signal between the test and poll() is noticed after a second. */
	return end_ms && end_ms - now < 1000 ? (int)(end_ms - now) : 1000;
}

static bool wanted(struct cdm_event *event)
{
	return !opts.subsystem ||
	       !strcmp(opts.subsystem, cdm_event_get_subsystem(event));
}

static enum exit_code listen_to(struct cdm_ctx *ctx,
				struct cdm_monitor *monitor)
{
	uint64_t end_ms = opts.timeout_ms ? now_ms() + opts.timeout_ms : 0;
	unsigned int seen = 0;

	while (!cancel_asked() && !ferror(stdout)) {
		struct cdm_event *event;
		int wait_ms = next_wait(end_ms);
		int rc;

		if (wait_ms < 0)
			break;
		rc = cdm_monitor_wait(monitor, wait_ms, &event);
		if (rc == -EAGAIN || rc == -EINTR)
			continue;
		if (rc == -ENOBUFS) {
			error("some events were lost; \"cdmctl list\" shows how things are");
			continue;
		}
		if (rc)
			return session_report(ctx, rc);
		if (wanted(event)) {
			rc = print(event);
			seen++;
		}
		cdm_event_unref(event);
		if (rc)
			return EXIT_FAILED;
		if (opts.count && seen >= opts.count)
			break;
	}
	return EXIT_DONE;
}

static enum exit_code run(int argc, char **argv)
{
	struct cdm_ctx *ctx = session_open();
	struct cdm_monitor *monitor;
	enum exit_code code;
	int rc;

	(void)argc;
	(void)argv;
	if (!ctx)
		return EXIT_FAILED;
	cancel_catch();
	rc = cdm_monitor_new(ctx, &monitor);
	if (rc) {
		code = session_report(ctx, rc);
	} else {
		note("listening; Ctrl-C ends it");
		code = listen_to(ctx, monitor);
		cdm_monitor_unref(monitor);
	}
	cdm_unref(ctx);
	return code;
}

const struct verb verb_monitor = {
	.name = "monitor",
	.operands = "",
	.summary = "Prints what happens to regions, dax devices and expanders",
	.text = "One event per line; with --json one object per line.\n",
	.options = options,
	.run = run,
};
