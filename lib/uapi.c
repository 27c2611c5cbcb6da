// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The ioctls of <linux/cdm.h>. Its structs stop here: the rest of the library
 * knows bytes and its own types.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

/*
 * The kernel asserts the same; a compiler that lays a struct out in another way,
 * or a header that drifted, must not build.
 */
static_assert(sizeof(struct cdm_online) == 32, "cdm_online");
static_assert(offsetof(struct cdm_online, length) == 16, "cdm_online.length");
static_assert(sizeof(struct cdm_offline) == 56, "cdm_offline");
static_assert(offsetof(struct cdm_offline, timeout_ms) == 8, "cdm_offline.timeout_ms");
static_assert(offsetof(struct cdm_offline, out_no_memory) == 48, "cdm_offline.out_no_memory");
static_assert(sizeof(struct cdm_migrate) == 168, "cdm_migrate");
static_assert(offsetof(struct cdm_migrate, addr) == 24, "cdm_migrate.addr");
static_assert(offsetof(struct cdm_migrate, out_next) == 40, "cdm_migrate.out_next");
static_assert(offsetof(struct cdm_migrate, out_unmapped) == 144, "cdm_migrate.out_unmapped");
static_assert(offsetof(struct cdm_migrate, out_split) == 160, "cdm_migrate.out_split");
static_assert(sizeof(struct cdm_set_isolation) == 80, "cdm_set_isolation");
static_assert(offsetof(struct cdm_set_isolation, out_length) == 32,
	      "cdm_set_isolation.out_length");
static_assert(offsetof(struct cdm_set_isolation, out_no_memory) == 72,
	      "cdm_set_isolation.out_no_memory");
static_assert(sizeof(struct cdm_extent) == 24, "cdm_extent");
static_assert(offsetof(struct cdm_extent, flags) == 20, "cdm_extent.flags");
static_assert(sizeof(struct cdm_residency) == 56, "cdm_residency");
static_assert(offsetof(struct cdm_residency, extents) == 32, "cdm_residency.extents");
static_assert(sizeof(struct cdm_block_info) == 48, "cdm_block_info");
static_assert(sizeof(struct cdm_blocks) == 32, "cdm_blocks");
static_assert(offsetof(struct cdm_blocks, blocks) == 16, "cdm_blocks.blocks");
static_assert(sizeof(struct cdm_bad_page) == 24, "cdm_bad_page");
static_assert(offsetof(struct cdm_bad_page, source) == 16, "cdm_bad_page.source");
static_assert(sizeof(struct cdm_bad_pages) == 32, "cdm_bad_pages");
static_assert(offsetof(struct cdm_bad_pages, pages) == 24, "cdm_bad_pages.pages");
static_assert(sizeof(struct cdm_retire) == 32, "cdm_retire");
static_assert(offsetof(struct cdm_retire, time) == 24, "cdm_retire.time");

int cdm_uapi_online(struct cdm_ctx *ctx, int fd, int isolation, bool memmap_on_block,
		    uint64_t length, uint64_t *out_length)
{
	struct cdm_online arg = {
		.size = sizeof(arg),
		.flags = memmap_on_block ? CDM_ONLINE_MEMMAP_ON_BLOCK : 0,
		.isolation = isolation,
		.length = length,
	};
	int rc = ctx->ioctl(fd, CDM_ONLINE, &arg);

	*out_length = arg.out_length;
	return rc;
}

/* Takes the out_* fields, in pages, that CDM_OFFLINE and CDM_SET_ISOLATION both have. */
#define DRAIN_TAKE(drain, arg, page) do { \
	(drain)->moved += (arg).out_moved * (page); \
	(drain)->left = (arg).out_left * (page); \
	(drain)->pinned = (arg).out_pinned * (page); \
	(drain)->busy = (arg).out_busy * (page); \
	(drain)->no_memory = (arg).out_no_memory * (page); \
} while (0)

int cdm_uapi_offline(struct cdm_ctx *ctx, int fd, uint64_t timeout_ms, bool keep,
		     struct cdm_drain *drain)
{
	struct cdm_offline arg = {
		.size = sizeof(arg),
		.flags = keep ? CDM_OFFLINE_KEEP : 0,
		.timeout_ms = timeout_ms,
	};
	int rc = ctx->ioctl(fd, CDM_OFFLINE, &arg);

	if (rc && rc != -ETIMEDOUT && rc != -EINTR)
		return rc;
	DRAIN_TAKE(drain, arg, ctx->page_size);
	return rc;
}

int cdm_uapi_offline_cancel(struct cdm_ctx *ctx, int fd)
{
	struct cdm_offline arg = {
		.size = sizeof(arg),
		.flags = CDM_OFFLINE_CANCEL,
	};

	return ctx->ioctl(fd, CDM_OFFLINE, &arg);
}

int cdm_uapi_set_isolation(struct cdm_ctx *ctx, int fd, int isolation, uint64_t length,
			   uint64_t timeout_ms, struct cdm_drain *drain)
{
	struct cdm_set_isolation arg = {
		.size = sizeof(arg),
		.flags = CDM_SET_ISOLATION_KEEP,
		.isolation = isolation,
		.length = length,
		.timeout_ms = timeout_ms,
	};
	int rc = ctx->ioctl(fd, CDM_SET_ISOLATION, &arg);

	if (rc && rc != -ETIMEDOUT && rc != -EINTR)
		return rc;
	drain->length = arg.out_length;
	DRAIN_TAKE(drain, arg, ctx->page_size);
	return rc;
}

int cdm_uapi_set_isolation_cancel(struct cdm_ctx *ctx, int fd)
{
	struct cdm_set_isolation arg = {
		.size = sizeof(arg),
		.flags = CDM_SET_ISOLATION_CANCEL,
	};

	return ctx->ioctl(fd, CDM_SET_ISOLATION, &arg);
}

int cdm_uapi_migrate(struct cdm_ctx *ctx, int fd, const struct cdm_move *move,
		     struct cdm_counts *counts, uint64_t *next)
{
	struct cdm_migrate arg = {
		.size = sizeof(arg),
		.flags = (move->populate ? CDM_MIGRATE_POPULATE : 0) |
			 (move->shared ? CDM_MIGRATE_SHARED : 0) |
			 (move->dry_run ? CDM_MIGRATE_DRY_RUN : 0),
		.pid = move->pid,
		.from = move->from,
		.to = move->to,
		.workers = move->workers,
		.addr = move->addr,
		.length = move->length,
	};
	uint64_t page = ctx->page_size;
	int rc;

	memset(counts, 0, sizeof(*counts));
	*next = move->addr;
	rc = ctx->ioctl(fd, CDM_MIGRATE, &arg);
	if (rc)
		return rc;
	*next = arg.out_next;
	counts->total = arg.out_next - move->addr;
	counts->moved = arg.out_moved * page;
	counts->populated = arg.out_populated * page;
	counts->already = arg.out_already * page;
	counts->filtered = arg.out_filtered * page;
	counts->not_present = arg.out_not_present * page;
	counts->busy = arg.out_busy * page;
	counts->shared = arg.out_shared * page;
	counts->file = arg.out_file * page;
	counts->huge = arg.out_huge * page;
	counts->unsupported = arg.out_unsupported * page;
	counts->no_space = arg.out_no_space * page;
	counts->retired = arg.out_retired * page;
	counts->unmapped = arg.out_unmapped * page;
	counts->whole = arg.out_whole * page;
	counts->split = arg.out_split * page;
	return 0;
}

#define EXTENTS_PER_CALL	4096

int cdm_uapi_residency(struct cdm_ctx *ctx, int fd, const struct cdm_query *query,
		       cdm_span_fn fn, void *data, uint64_t *next)
{
	struct cdm_extent *extents = calloc(EXTENTS_PER_CALL, sizeof(*extents));
	struct cdm_residency arg = {
		.size = sizeof(arg),
		.flags = query->huge ? CDM_RESIDENCY_HUGE : 0,
		.pid = query->pid,
		.nr_extents = EXTENTS_PER_CALL,
		.addr = query->addr,
		.length = query->length,
		.extents = (uintptr_t)extents,
	};
	int rc;

	*next = query->addr;
	if (!extents)
		return -ENOMEM;
	rc = ctx->ioctl(fd, CDM_RESIDENCY, &arg);
	if (!rc)
		*next = arg.out_next;
	for (uint32_t i = 0; !rc && i < MIN(arg.out_nr_extents, EXTENTS_PER_CALL); i++) {
		const struct cdm_span span = {
			.addr = extents[i].addr,
			.length = extents[i].length,
			.where = extents[i].where,
			.huge = extents[i].flags & CDM_EXTENT_HUGE,
		};

		rc = fn(data, &span);
	}
	free(extents);
	return rc;
}

static void block_from_uapi(struct cdm_ctx *ctx, struct cdm_block *block,
			    unsigned int index, const struct cdm_block_info *info)
{
	block->index = index;
	block->start = info->start;
	block->length = info->length;
	block->role = info->role;
	block->total = info->total * ctx->page_size;
	block->used = info->used * ctx->page_size;
	block->retired = info->retired * ctx->page_size;
	block->online = info->flags & CDM_BLOCK_ONLINE;
	block->draining = info->flags & CDM_BLOCK_DRAINING;
	block->isolation = (info->flags & CDM_BLOCK_ISOLATION) >> CDM_BLOCK_ISOLATION_SHIFT;
}

/* Adds up to CDM_BLOCKS_MAX blocks from *nr on; 1 when there may be more. */
static int blocks_read(struct cdm_ctx *ctx, int fd, struct cdm_block_info *info,
		       struct cdm_block **blocks, unsigned int *nr)
{
	struct cdm_blocks arg = {
		.size = sizeof(arg),
		.first = *nr,
		.nr_blocks = CDM_BLOCKS_MAX,
		.blocks = (uintptr_t)info,
	};
	struct cdm_block *grown;
	int rc = ctx->ioctl(fd, CDM_BLOCKS, &arg);

	if (rc)
		return rc;
	if (!arg.out_nr_blocks || arg.out_nr_blocks > CDM_BLOCKS_MAX)
		return 0;
	grown = realloc(*blocks, (*nr + arg.out_nr_blocks) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*blocks = grown;
	memset(grown + *nr, 0, arg.out_nr_blocks * sizeof(*grown));
	for (uint32_t i = 0; i < arg.out_nr_blocks; i++)
		block_from_uapi(ctx, grown + *nr + i, *nr + i, info + i);
	*nr += arg.out_nr_blocks;
	return *nr < arg.out_total;
}

int cdm_uapi_blocks(struct cdm_ctx *ctx, int fd, struct cdm_block **blocks)
{
	struct cdm_block_info *info = calloc(CDM_BLOCKS_MAX, sizeof(*info));
	unsigned int nr = 0;
	int rc;

	*blocks = NULL;
	if (!info)
		return -ENOMEM;
	do {
		rc = blocks_read(ctx, fd, info, blocks, &nr);
	} while (rc > 0);
	free(info);
	if (rc < 0) {
		free(*blocks);
		*blocks = NULL;
		return rc;
	}
	return nr;
}

/* Adds up to CDM_BAD_PAGES_MAX pages from addr on; 1 when there may be more. */
static int bad_pages_read(struct cdm_ctx *ctx, int fd, struct cdm_bad_page *pages,
			  struct cdm_poison **poison, unsigned int *nr)
{
	struct cdm_bad_pages arg = {
		.size = sizeof(arg),
		.nr_pages = CDM_BAD_PAGES_MAX,
		.addr = *nr ? (*poison)[*nr - 1].addr + ctx->page_size : 0,
		.pages = (uintptr_t)pages,
	};
	struct cdm_poison *grown;
	int rc = ctx->ioctl(fd, CDM_BAD_PAGES, &arg);

	if (rc)
		return rc;
	if (!arg.out_nr_pages || arg.out_nr_pages > CDM_BAD_PAGES_MAX)
		return 0;
	grown = realloc(*poison, (*nr + arg.out_nr_pages) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*poison = grown;
	for (uint32_t i = 0; i < arg.out_nr_pages; i++) {
		grown[*nr + i] = (struct cdm_poison) {
			.index = *nr + i,
			.addr = pages[i].addr,
			.dpa = CDM_DPA_UNKNOWN,
			.time = pages[i].time,
			.source = pages[i].source,
		};
	}
	*nr += arg.out_nr_pages;
	return arg.out_nr_pages == CDM_BAD_PAGES_MAX;
}

int cdm_uapi_bad_pages(struct cdm_ctx *ctx, int fd, struct cdm_poison **poison)
{
	struct cdm_bad_page *pages = calloc(CDM_BAD_PAGES_MAX, sizeof(*pages));
	unsigned int nr = 0;
	int rc;

	*poison = NULL;
	if (!pages)
		return -ENOMEM;
	do {
		rc = bad_pages_read(ctx, fd, pages, poison, &nr);
	} while (rc > 0);
	free(pages);
	if (rc < 0) {
		free(*poison);
		*poison = NULL;
		return rc;
	}
	return nr;
}

int cdm_uapi_retire(struct cdm_ctx *ctx, int fd, const struct cdm_poison *poison)
{
	struct cdm_retire arg = {
		.size = sizeof(arg),
		.source = poison->source,
		.addr = poison->addr,
		.time = poison->time,
	};

	return ctx->ioctl(fd, CDM_RETIRE, &arg);
}
