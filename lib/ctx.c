// SPDX-License-Identifier: LGPL-2.1-or-later
/* The context: environment, log, last message, root folder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "private.h"
#include "expander.h"

static int plain_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static int log_priority_from_text(const char *text)
{
	static const struct {
		const char *word;
		int priority;
	} words[] = {
		{ "err", LOG_ERR }, { "error", LOG_ERR },
		{ "warning", LOG_WARNING }, { "notice", LOG_NOTICE },
		{ "info", LOG_INFO }, { "debug", LOG_DEBUG },
	};
	char *end;
	long number;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(text, words[i].word))
			return words[i].priority;
	number = strtol(text, &end, 10);
	if (end == text || *end || number < 0 || number > LOG_DEBUG)
		return LOG_ERR;
	return number;
}

int cdm_new(struct cdm_ctx **out)
{
	struct cdm_ctx *ctx = calloc(1, sizeof(*ctx));
	const char *env;

	if (!ctx)
		return -ENOMEM;
	ctx->refs = 1;
	ctx->log_priority = LOG_ERR;
	ctx->page_size = sysconf(_SC_PAGESIZE);
	ctx->ioctl = plain_ioctl;
	env = secure_getenv("LIBCDM_LOG");
	if (env)
		ctx->log_priority = log_priority_from_text(env);
	env = secure_getenv("LIBCDM_ROOT");
	if (cdm_set_root(ctx, env ? env : "") < 0) {
		free(ctx);
		return -ENOMEM;
	}
	*out = ctx;
	return 0;
}

struct cdm_ctx *cdm_ref(struct cdm_ctx *ctx)
{
	ctx->refs++;
	return ctx;
}

struct cdm_ctx *cdm_unref(struct cdm_ctx *ctx)
{
	if (!ctx || --ctx->refs > 0)
		return NULL;
	cdm_expanders_drop(ctx);
	cdm_regions_drop(ctx);
	free(ctx->root);
	free(ctx);
	return NULL;
}

void cdm_set_log_fn(struct cdm_ctx *ctx, cdm_log_fn fn, void *data)
{
	ctx->log_fn = fn;
	ctx->log_data = data;
}

void cdm_set_log_priority(struct cdm_ctx *ctx, int priority)
{
	ctx->log_priority = priority;
}

int cdm_get_log_priority(struct cdm_ctx *ctx)
{
	return ctx->log_priority;
}

int cdm_set_root(struct cdm_ctx *ctx, const char *path)
{
	char *root = strdup(path ? path : "");
	size_t len;

	if (!root)
		return -ENOMEM;
	for (len = strlen(root); len && root[len - 1] == '/'; len--)
		root[len - 1] = '\0';
	free(ctx->root);
	ctx->root = root;
	cdm_expanders_drop(ctx);
	cdm_regions_drop(ctx);
	return 0;
}

const char *cdm_get_error(struct cdm_ctx *ctx)
{
	return ctx->error;
}

const char *cdm_version(void)
{
	return CDM_VERSION;
}

int cdm_refresh(struct cdm_ctx *ctx)
{
	int rc = cdm_regions_refresh(ctx);

	return rc < 0 ? rc : cdm_expanders_refresh(ctx);
}

static void log_message(struct cdm_ctx *ctx, int priority, const char *message)
{
	if (ctx->log_fn && priority <= ctx->log_priority)
		ctx->log_fn(ctx->log_data, priority, message);
}

void cdm_log(struct cdm_ctx *ctx, int priority, const char *format, ...)
{
	char message[1024];
	va_list ap;

	if (!ctx->log_fn || priority > ctx->log_priority)
		return;
	va_start(ap, format);
	vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	log_message(ctx, priority, message);
}

/*
 * Failures are logged at info level: whether one is an error is known to the
 * caller only, who has cdm_get_error().
 */
int cdm_fail(struct cdm_ctx *ctx, int err, const char *format, ...)
{
	char message[sizeof(ctx->error)];
	va_list ap;

	/* an argument may be the message that there was */
	va_start(ap, format);
	vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	memcpy(ctx->error, message, sizeof(message));
	log_message(ctx, LOG_INFO, ctx->error);
	return -err;
}

int cdm_fail_prefix(struct cdm_ctx *ctx, int rc, const char *format, ...)
{
	char message[sizeof(ctx->error)];
	va_list ap;
	int len;

	va_start(ap, format);
	len = vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	if (len < (int)sizeof(message)) {
		snprintf(message + len, sizeof(message) - len, "%s", ctx->error);
		memcpy(ctx->error, message, sizeof(message));
	}
	return rc;
}

uint64_t cdm_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void cdm_copy(char *dst, size_t size, const char *src)
{
	size_t len = strnlen(src, size - 1);

	memcpy(dst, src, len);
	dst[len] = '\0';
}

struct cdm_size_text cdm_size_text(uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB" };
	struct cdm_size_text out;
	unsigned int unit = 0;
	double value = bytes;

	while (value >= 1024 && unit < ARRAY_SIZE(units) - 1) {
		value /= 1024;
		unit++;
	}
	snprintf(out.text, sizeof(out.text), "%.*f %s",
		 value != (uint64_t)value, value, units[unit]);
	return out;
}
