/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libcdm share with each other; nothing of it is exported. */
#ifndef _LIBCDM_PRIVATE_H
#define _LIBCDM_PRIVATE_H

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <syslog.h>

#include <cdm/libcdm.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)	((a) < (b) ? (a) : (b))
#define MAX(a, b)	((a) > (b) ? (a) : (b))

/** Room for the name of a device, and for a short attribute. */
#define CDM_NAME_MAX	64
/** How long to wait for the kernel to make a dax device of a CXL region. */
#define CDM_WAIT_DAX_MS	10000

struct cxl_ctx;
struct dirent;

struct cdm_ctx {
	int refs;
	int log_priority;
	cdm_log_fn log_fn;
	void *log_data;
	char *root;			/* "" or a folder, without slash at the end */
	char error[1024];
	uint64_t page_size;

	bool regions_read;
	struct cdm_region *regions;	/* by id */
	bool expanders_read;
	struct cdm_expander *expanders;	/* memdevs, then dax devices */
	struct cxl_ctx *cxl;		/* NULL until needed, and after a change */

	/* ioctl(2), or what a unit test puts in its place */
	int (*ioctl)(int fd, unsigned long request, void *arg);
};

struct cdm_region {
	int refs;
	struct cdm_ctx *ctx;
	struct cdm_region *next;
	int id;
	char name[CDM_NAME_MAX];
	char devnode[CDM_NAME_MAX];
	char dax_name[CDM_NAME_MAX];
	char cxl_region[CDM_NAME_MAX];	/* "" if it is none */
	int node;
	enum cdm_state state;
	int isolation;
	uint64_t resource;
	uint64_t size;
	uint64_t block_size;
	uint64_t online_size;
	uint64_t used;
	uint64_t available;
	uint64_t draining;
	uint64_t retired;
	uint64_t cut;
	uint64_t memmap_ram;
	uint64_t max_bytes;
	uint64_t exposed;
	bool memmap_on_block;
	struct cdm_level levels[CDM_ISOLATION_SHARED + 1];
	struct cdm_block *blocks;
	unsigned int nr_blocks;
	struct cdm_poison *poison;
	unsigned int nr_poison;
};

struct cdm_block {
	struct cdm_region *region;
	unsigned int index;
	uint64_t start;
	uint64_t length;
	uint64_t total;
	uint64_t used;
	uint64_t retired;
	int role;
	int isolation;
	bool online;
	bool draining;
};

struct cdm_poison {
	struct cdm_region *region;
	unsigned int index;
	uint64_t addr;
	uint64_t dpa;
	uint64_t time;
	int source;
};

struct cdm_expander {
	int refs;
	struct cdm_ctx *ctx;
	struct cdm_expander *next;
	enum cdm_expander_kind kind;
	char name[CDM_NAME_MAX];
	uint64_t serial;
	char pci[CDM_NAME_MAX];
	uint64_t ram_size;
	int node;
	char cxl_region[CDM_NAME_MAX];
	char uuid[CDM_NAME_MAX];
	char dax_name[CDM_NAME_MAX];
	char dax_driver[CDM_NAME_MAX];
};

/* --- ctx.c --- */

/*
 * cdm_fail() - remember and log what stood in the way; returns -err, so that
 * "return cdm_fail(ctx, EBUSY, ...)" is the end of most functions that fail.
 */
int cdm_fail(struct cdm_ctx *ctx, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Put words before the message there is: "online mem0: " + what a helper said. */
int cdm_fail_prefix(struct cdm_ctx *ctx, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void cdm_log(struct cdm_ctx *ctx, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define cdm_dbg(ctx, ...)	cdm_log(ctx, LOG_DEBUG, __VA_ARGS__)
#define cdm_info(ctx, ...)	cdm_log(ctx, LOG_INFO, __VA_ARGS__)

uint64_t cdm_now_ms(void);
/* strlcpy(): always terminated, cut when too long */
void cdm_copy(char *dst, size_t size, const char *src);
/* "3.0 GiB", "512 MiB", "12 KiB": for messages */
struct cdm_size_text { char text[32]; } cdm_size_text(uint64_t bytes);

/* --- sysfs.c: small files under the root of the context --- */

/* The path under the root; -ENAMETOOLONG. */
int cdm_path(struct cdm_ctx *ctx, char buf[PATH_MAX], const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Reads at most size - 1 bytes, takes the newline off; length or -errno. */
int cdm_read_file(struct cdm_ctx *ctx, char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The whole file, NUL at its end; *text is for free(). */
int cdm_read_text(struct cdm_ctx *ctx, char **text, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int cdm_read_u64(struct cdm_ctx *ctx, uint64_t *value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int cdm_write_file(struct cdm_ctx *ctx, const char *value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Last component of where a link points to. */
int cdm_read_link(struct cdm_ctx *ctx, char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
bool cdm_exists(struct cdm_ctx *ctx, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A folder's entries whose names begin with prefix, numbers in order. */
struct cdm_names {
	char **name;
	unsigned int nr;
};
int cdm_scan(struct cdm_ctx *ctx, struct cdm_names *names, const char *prefix,
	     const char *format, ...) __attribute__((format(printf, 4, 5)));
void cdm_names_free(struct cdm_names *names);

/* --- names.c --- */
enum cdm_state cdm_state_from_name(const char *name);

/* --- region.c --- */
void cdm_regions_drop(struct cdm_ctx *ctx);
int cdm_regions_refresh(struct cdm_ctx *ctx);
/* Is it there now? */
bool cdm_region_exists(struct cdm_region *region);
/* -errno with a message, or a file descriptor of the device node */
int cdm_region_open(struct cdm_region *region);
struct cdm_region *cdm_region_find_dax(struct cdm_ctx *ctx, const char *dax_name);

/* --- level.c --- */

struct cdm_job;
/* What the kernel was asked for. */
struct cdm_wanted {
	int isolation;
	uint64_t length;		/* 0: all */
	bool memmap_on_block;
	uint64_t limit;			/* the most that length may be */
};
/* The level that one node of the kernel cannot hold together with this one, or none. */
int cdm_level_against(int isolation);
/* For a dry run: what the kernel would say, as far as can be seen; without a message. */
int cdm_level_plan(struct cdm_region *region, const struct cdm_wanted *wanted);
/*
 * CDM_ONLINE, once more after a signal as long as the job is to go on; -errno without a
 * message. *length: what is online then.
 */
int cdm_level_set(struct cdm_job *job, int fd, const struct cdm_wanted *wanted, uint64_t *length);
/* The message for why the region did not get it; returns rc. */
int cdm_level_fail(struct cdm_region *region, const struct cdm_wanted *wanted, int rc);

/* --- uapi.c: the ioctls, in bytes; -errno without a message --- */

struct cdm_move {
	pid_t pid;
	int from;
	int to;
	unsigned int workers;
	bool populate;
	bool shared;
	bool dry_run;
	uint64_t addr;
	uint64_t length;
};

int cdm_uapi_online(struct cdm_ctx *ctx, int fd, int isolation, bool memmap_on_block,
		    uint64_t length, uint64_t *out_length);
/* keep: CDM_OFFLINE_KEEP. The figures of drain are set if the kernel gave any. */
int cdm_uapi_offline(struct cdm_ctx *ctx, int fd, uint64_t timeout_ms, bool keep,
		     struct cdm_drain *drain);
int cdm_uapi_offline_cancel(struct cdm_ctx *ctx, int fd);
/* The same for CDM_SET_ISOLATION, and drain->length. */
int cdm_uapi_set_isolation(struct cdm_ctx *ctx, int fd, int isolation, uint64_t length,
			   uint64_t timeout_ms, struct cdm_drain *drain);
int cdm_uapi_set_isolation_cancel(struct cdm_ctx *ctx, int fd);
/* counts are set, not added to; next: first byte not looked at */
int cdm_uapi_migrate(struct cdm_ctx *ctx, int fd, const struct cdm_move *move,
		     struct cdm_counts *counts, uint64_t *next);
/* A run of pages in one place, that are all huge or all small. */
struct cdm_span {
	uint64_t addr;
	uint64_t length;
	int where;
	bool huge;		/* only if that was asked for */
};
typedef int (*cdm_span_fn)(void *data, const struct cdm_span *span);

/* Which pages to ask about. */
struct cdm_query {
	pid_t pid;
	uint64_t addr;
	uint64_t length;
	bool huge;
};
/* One call; fn per span. Returns 0, -errno or what fn returned (> 0). */
int cdm_uapi_residency(struct cdm_ctx *ctx, int fd, const struct cdm_query *query,
		       cdm_span_fn fn, void *data, uint64_t *next);
/* All blocks; *blocks is for free(). Returns their number. */
int cdm_uapi_blocks(struct cdm_ctx *ctx, int fd, struct cdm_block **blocks);
/* All bad pages, addr, time and source set; *poison is for free(). */
int cdm_uapi_bad_pages(struct cdm_ctx *ctx, int fd, struct cdm_poison **poison);
int cdm_uapi_retire(struct cdm_ctx *ctx, int fd, const struct cdm_poison *poison);

#endif /* _LIBCDM_PRIVATE_H */
