/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libcdm: the context, the module, and what all other headers need. */
#ifndef _CDM_CONTEXT_H
#define _CDM_CONTEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/cdm.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cdm_ctx;
struct cdm_region;
struct cdm_block;
struct cdm_expander;
struct cdm_job;
struct cdm_process;
struct cdm_mapping;
struct cdm_users;
struct cdm_user;
struct cdm_monitor;
struct cdm_event;
struct cdm_check;
struct cdm_finding;

/*
 * For all functions of all headers:
 *
 * Sizes, addresses and amounts of pages are bytes, times are milliseconds, if nothing
 * else is said. Errors are negative errnos, and cdm_get_error() has the sentence.
 *
 * x_ref() adds a reference and returns its argument; x_unref() takes one away, frees the
 * object with the last one, and returns NULL; NULL may be given to it.
 * x_get_first() and x_get_next() return NULL at the end. Strings and objects that a
 * getter returns belong to the object it was asked of, and live as long.
 *
 * A context and all that comes from it are for one thread at a time. Only
 * cdm_job_cancel() may be called by others, and by signal handlers.
 */

/** Returned by what had nothing to do. */
#define CDM_ALREADY	1

/*
 * --- context ---------------------------------------------------------------
 */

/**
 * cdm_log_fn - receives one log message
 * @data: as given to cdm_set_log_fn()
 * @priority: LOG_ERR to LOG_DEBUG of <syslog.h>
 * @message: one line without newline; valid during the call
 */
typedef void (*cdm_log_fn)(void *data, int priority, const char *message);

/**
 * cdm_new() - make a context
 * @ctx: where to store it
 *
 * Reads the environment: LIBCDM_LOG (err, warning, notice, info, debug or a
 * number) sets the log priority, LIBCDM_ROOT a folder in which sys/, proc/,
 * dev/, run/, boot/, etc/ and var/ are looked for instead of / (for tests). Both are
 * ignored in set-uid programs. No device is touched, and a missing module is no error.
 *
 * Returns: 0, or -ENOMEM. Free with cdm_unref(). Since: 0.1
 */
int cdm_new(struct cdm_ctx **ctx);
struct cdm_ctx *cdm_ref(struct cdm_ctx *ctx);
/** Returns: NULL, so that "ctx = cdm_unref(ctx)" forgets it. NULL is allowed. */
struct cdm_ctx *cdm_unref(struct cdm_ctx *ctx);

/** cdm_set_log_fn() - where log messages go; NULL (the default) drops them */
void cdm_set_log_fn(struct cdm_ctx *ctx, cdm_log_fn fn, void *data);
/** cdm_set_log_priority() - log up to this priority; LOG_ERR by default */
void cdm_set_log_priority(struct cdm_ctx *ctx, int priority);
/** cdm_get_log_priority() - the one that is in force */
int cdm_get_log_priority(struct cdm_ctx *ctx);

/** cdm_set_root() - as LIBCDM_ROOT. Returns: 0, -ENOMEM. Since: 0.1 */
int cdm_set_root(struct cdm_ctx *ctx, const char *path);

/**
 * cdm_get_error() - what the last failed call of this context ran into
 *
 * Returns: a sentence without newline, such as "offline cdm0: 3 pages pinned by
 * pid 812 (qemu-system-x86); stop it or use --timeout"; "" when nothing has
 * failed. Valid until the next call on the context. Since: 0.1
 */
const char *cdm_get_error(struct cdm_ctx *ctx);

/** cdm_version() - version of the library, such as "0.1.0" */
const char *cdm_version(void);

/**
 * cdm_refresh() - look again at regions and expanders
 *
 * The lists are read when they are first asked for and stay as they were until
 * this call, cdm_region_refresh(), or a job that changed something. Objects of
 * devices that are still there stay the same objects; the others are dropped,
 * unless somebody holds a reference to them.
 *
 * Returns: 0, or negative errno when sysfs could not be read. Since: 0.1
 */
int cdm_refresh(struct cdm_ctx *ctx);

/*
 * --- the module -------------------------------------------------------------
 */

/** cdm_module_is_loaded() - is /sys/module/cdm there? */
bool cdm_module_is_loaded(struct cdm_ctx *ctx);
/**
 * cdm_module_load() - load the cdm module as modprobe does, through libkmod
 *
 * A kmem that has no device is unloaded before, so that cdm is asked first.
 *
 * Returns: 0, CDM_ALREADY, -ENOENT (not installed for this kernel), -ENOEXEC (built for
 * another one), -EPERM, -EKEYREJECTED (not signed, and Secure Boot asks for it), ...
 * Since: 0.1
 */
int cdm_module_load(struct cdm_ctx *ctx);
/**
 * cdm_module_read_version() - MODULE_VERSION of the loaded module
 * Returns: length of the string in @buf, -ENOENT (not loaded). Since: 0.1
 */
int cdm_module_read_version(struct cdm_ctx *ctx, char *buf, size_t size);
/**
 * cdm_module_read_claim() - does the module claim new dax devices by itself?
 * Returns: 1, 0, -ENOENT (not loaded). Since: 0.1
 */
int cdm_module_read_claim(struct cdm_ctx *ctx);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* _CDM_CONTEXT_H */
