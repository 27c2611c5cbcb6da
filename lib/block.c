// SPDX-License-Identifier: LGPL-2.1-or-later
/* Blocks of a region, as CDM_BLOCKS gives them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

int cdm_region_read_blocks(struct cdm_region *region)
{
	struct cdm_ctx *ctx = region->ctx;
	struct cdm_block *blocks;
	int nr, fd = cdm_region_open(region);

	if (fd < 0)
		return cdm_fail_prefix(ctx, fd, "blocks of %s: ", region->name);
	nr = cdm_uapi_blocks(ctx, fd, &blocks);
	close(fd);
	if (nr < 0)
		return cdm_fail(ctx, -nr, "blocks of %s: %s", region->name, strerror(-nr));
	for (int i = 0; i < nr; i++)
		blocks[i].region = region;
	free(region->blocks);
	region->blocks = blocks;
	region->nr_blocks = nr;
	return nr;
}

struct cdm_block *cdm_block_get_first(struct cdm_region *region)
{
	return region->nr_blocks ? region->blocks : NULL;
}

struct cdm_block *cdm_block_get_next(struct cdm_block *block)
{
	return block->index + 1 < block->region->nr_blocks ? block + 1 : NULL;
}

unsigned int cdm_block_get_index(struct cdm_block *block)
{
	return block->index;
}

uint64_t cdm_block_get_start(struct cdm_block *block)
{
	return block->start;
}

uint64_t cdm_block_get_length(struct cdm_block *block)
{
	return block->length;
}

int cdm_block_get_role(struct cdm_block *block)
{
	return block->role;
}

uint64_t cdm_block_get_total(struct cdm_block *block)
{
	return block->total;
}

uint64_t cdm_block_get_used(struct cdm_block *block)
{
	return block->used;
}

uint64_t cdm_block_get_retired(struct cdm_block *block)
{
	return block->retired;
}

bool cdm_block_is_online(struct cdm_block *block)
{
	return block->online;
}

bool cdm_block_is_draining(struct cdm_block *block)
{
	return block->draining;
}

int cdm_block_get_isolation(struct cdm_block *block)
{
	return block->isolation;
}
