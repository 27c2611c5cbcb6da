// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: changing the level of a region, with live data in place.
 *
 * Goes block by block: the pages of one block move to the others, or to RAM, and
 * the empty block gets its new level. What was changed keeps a note of its old
 * level until all is done, to go back to.
 */
#include <linux/jiffies.h>

#include "cdm.h"
#include "drain.h"

/**
 * cdm_region_level_name() - the word for the level of a region
 * @region: the region
 *
 * Context: any.
 * Return: a static string, "mixed" if blocks that are online have different ones.
 */
const char *cdm_region_level_name(const struct cdm_region *region)
{
	enum cdm_isolation level = CDM_ISOLATION_NONE;
	unsigned int i;

	for (i = 0; i < region->nr_blocks; i++) {
		const struct cdm_block *block = &region->blocks[i];

		if (!READ_ONCE(block->online))
			continue;
		if (level != CDM_ISOLATION_NONE && level != block->isolation)
			return "mixed";
		level = READ_ONCE(block->isolation);
	}
	return cdm_isolation_name(level);
}

/**
 * cdm_blocks_at() - count the blocks that have a level
 * @region: the region
 * @level: the level
 *
 * Context: the caller holds cdm_region.admin.
 * Return: blocks of the part in use that are at @level.
 */
unsigned int cdm_blocks_at(const struct cdm_region *region,
			   enum cdm_isolation level)
{
	unsigned int i, nr = 0;

	for (i = 0; i < region->nr_blocks; i++)
		nr += region->blocks[i].online &&
		      region->blocks[i].isolation == level;
	return nr;
}

/* The level that a node can not have together with @level. */
static enum cdm_isolation level_against(enum cdm_isolation level)
{
	switch (level) {
	case CDM_ISOLATION_RESERVED:
		return CDM_ISOLATION_SHARED;
	case CDM_ISOLATION_SHARED:
		return CDM_ISOLATION_RESERVED;
	default:
		return CDM_ISOLATION_NONE;
	}
}

/* What it costs to change a block, in pages. */
static unsigned long block_cost(struct cdm_block *block)
{
	struct cdm_usage usage = {};

	if (block->role == CDM_ROLE_IDLE)
		return 0;
	if (block->role == CDM_ROLE_SYSTEM)
		cdm_system_usage(block, &usage);
	/* A block without a memory map costs less to change than an empty one. */
	return READ_ONCE(block->nr_used) + usage.used + 1;
}

/* The emptiest block that is not at @level; only those at @from, if that is one. */
static struct cdm_block *block_next(struct cdm_region *region,
				    enum cdm_isolation from,
				    enum cdm_isolation level)
{
	unsigned long least = ULONG_MAX;
	struct cdm_block *best = NULL;
	unsigned int i;

	for (i = 0; i < region->nr_blocks && least; i++) {
		struct cdm_block *block = &region->blocks[i];

		if (!block->online || block->isolation == level ||
		    (from != CDM_ISOLATION_NONE && block->isolation != from))
			continue;
		if (block->cost < least) {
			least = block->cost;
			best = block;
		}
	}
	return best;
}

/**
 * struct cdm_change - a change of level
 * @region: the region
 * @limits: what ends it
 * @drained: what came of emptying blocks
 */
struct cdm_change {
	struct cdm_region *region;
	struct cdm_limits limits;
	struct cdm_drained drained;
};

/*
 * A change comes to another block, or to none; the one before takes pages again. Whoever
 * needs pages gives any other idle block a memory map: this one would have to be emptied
 * again and again.
 */
static void changing_set(struct cdm_region *region, struct cdm_block *block)
{
	struct cdm_block *before = region->changing;

	lockdep_assert_held(&region->admin);

	if (before == block)
		return;
	if (before)
		cdm_block_open(before, true);
	mutex_lock(&region->grow);
	WRITE_ONCE(region->changing, block);
	mutex_unlock(&region->grow);
}

/* Empty one block and give it its level. When that fails the block stays closed. */
static int block_change(struct cdm_change *change, struct cdm_block *block,
			enum cdm_isolation level)
{
	enum cdm_isolation was = block->isolation;
	int rc;

	changing_set(change->region, block);
	change->limits.only = block;
	change->limits.to = change->region;
	while (!cdm_block_set_isolation(block, level)) {
		cdm_block_open(block, false);
		rc = cdm_drain_until(change->region, &change->limits,
				     &change->drained);
		if (rc)
			return rc;
	}
	if (block->before == CDM_ISOLATION_NONE)
		block->before = was;
	else if (block->before == level)
		block->before = CDM_ISOLATION_NONE;
	changing_set(change->region, NULL);
	return 0;
}

/*
 * A node can not be reserved and shared: all blocks at the level that is against
 * the new one become private before the node changes sides.
 */
static int node_change(struct cdm_change *change, enum cdm_isolation level)
{
	enum cdm_isolation against = level_against(level);
	struct cdm_region *region = change->region;
	struct cdm_block *block;
	int rc;

	if (against == CDM_ISOLATION_NONE)
		return 0;
	region->isolation = CDM_ISOLATION_PRIVATE;
	while ((block = block_next(region, against, level))) {
		rc = block_change(change, block, CDM_ISOLATION_PRIVATE);
		if (rc)
			return rc;
	}
	region->isolation = level;
	if (level == CDM_ISOLATION_RESERVED)
		return cdm_region_hide_node(region);
	cdm_region_unhide_node(region);
	return cdm_node_take(region, level);
}

static int blocks_change(struct cdm_change *change, enum cdm_isolation level,
			 unsigned int nr_blocks)
{
	struct cdm_region *region = change->region;
	struct cdm_block *block;
	int rc;

	rc = node_change(change, level);
	region->isolation = level;
	while (!rc && cdm_blocks_at(region, level) < nr_blocks) {
		block = block_next(region, CDM_ISOLATION_NONE, level);
		if (!block)
			break;
		rc = block_change(change, block, level);
		if (!rc && level == CDM_ISOLATION_SHARED)
			rc = cdm_blocks_populate(region);
	}
	return rc;
}

/**
 * cdm_region_end_change() - end a change of level, if one is on, as far as it got
 * @region: the region
 *
 * Context: may sleep; the caller holds cdm_region.admin.
 */
void cdm_region_end_change(struct cdm_region *region)
{
	bool changes = region->changer;
	char level[32];
	unsigned int i;

	lockdep_assert_held(&region->admin);

	changing_set(region, NULL);
	for (i = 0; i < region->nr_blocks; i++)
		region->blocks[i].before = CDM_ISOLATION_NONE;
	WRITE_ONCE(region->changer, NULL);
	if (!cdm_blocks_at(region, CDM_ISOLATION_RESERVED))
		cdm_region_unhide_node(region);
	if (!changes)
		return;
	snprintf(level, sizeof(level), "CDM_ISOLATION=%s",
		 cdm_region_level_name(region));
	cdm_region_event(region, CDM_EVENT_ISOLATION, level, NULL);
}

/*
 * The level that the node is to be made ready for again, before the blocks: none if no
 * block was changed that it is made ready for, as it was not changed then either.
 */
static enum cdm_isolation node_level_before(const struct cdm_region *region)
{
	unsigned int i;

	for (i = 0; i < region->nr_blocks; i++)
		if (level_against(region->blocks[i].before) != CDM_ISOLATION_NONE)
			return region->blocks[i].before;
	return CDM_ISOLATION_NONE;
}

/* Give the blocks that were changed their old level back, as far as it goes. */
static void change_restore(struct cdm_region *region)
{
	struct cdm_change change = {
		.region = region,
		.limits.has_deadline = true,
		.limits.deadline = jiffies + msecs_to_jiffies(CDM_ROLL_BACK_MS),
	};
	unsigned int i;
	int rc;

	lockdep_assert_held(&region->admin);

	cdm_offliner_stop(region);
	changing_set(region, NULL);
	rc = node_change(&change, node_level_before(region));
	region->isolation = region->isolation_before;
	for (i = 0; i < region->nr_blocks && !rc; i++) {
		struct cdm_block *block = &region->blocks[i];

		if (block->before != CDM_ISOLATION_NONE)
			rc = block_change(&change, block, block->before);
	}
	cdm_offliner_stop(region);
	if (cdm_blocks_populate(region) || rc)
		dev_warn(&region->dev, "not every block got its old level back\n");
	cdm_region_end_change(region);
}

static int change_check(struct cdm_region *region, struct file *file,
			enum cdm_isolation level, u64 length)
{
	enum cdm_isolation against = level_against(level);
	int rc;

	rc = cdm_region_level_check(region, level, region->memmap_on_block);
	if (rc)
		return rc;
	if (region->state != CDM_ACTIVE ||
	    (region->changer && region->changer != file))
		return -EBUSY;
	if (!IS_ALIGNED(length, PFN_PHYS(region->block_pages)) ||
	    PHYS_PFN(length) > region->online_pages)
		return -EINVAL;
	/* Said now, and not when the region has been emptied for it. */
	if (against != CDM_ISOLATION_NONE && cdm_blocks_at(region, against) &&
	    cdm_node_has_others(region, level))
		return -EXDEV;
	/* What is against the new level has to go, all of it. */
	if (against != CDM_ISOLATION_NONE && length &&
	    cdm_blocks_at(region, against) &&
	    cdm_blocks_at(region, level) + cdm_blocks_at(region, against) >
	    PHYS_PFN(length) / region->block_pages)
		return -EXDEV;
	return 0;
}

static void change_begin(struct cdm_region *region)
{
	unsigned int i;

	region->isolation_before = region->isolation;
	for (i = 0; i < region->nr_blocks; i++)
		region->blocks[i].cost = block_cost(&region->blocks[i]);
	cdm_stuck_reset(region);
}

static int set_isolation_locked(struct cdm_region *region, struct file *file,
				const struct cdm_set_isolation *wanted,
				struct cdm_set_isolation *result)
{
	struct cdm_change change = {
		.region = region,
		.limits.has_deadline = wanted->timeout_ms,
		.limits.deadline = jiffies + msecs_to_jiffies(
				min_t(u64, wanted->timeout_ms, INT_MAX)),
		.limits.interruptible = true,
	};
	enum cdm_isolation level = wanted->isolation;
	unsigned int nr_blocks = wanted->length ?
		PHYS_PFN(wanted->length) / region->block_pages :
		region->online_pages / region->block_pages;
	struct cdm_stuck stuck = {}, since;
	int rc;

	rc = change_check(region, file, level, wanted->length);
	if (!rc && !region->changer && cdm_blocks_at(region, level) >= nr_blocks)
		rc = -EALREADY;
	if (rc)
		goto out;
	if (!region->changer)
		change_begin(region);
	WRITE_ONCE(region->changer, file);
	/* What the thread has moved since the last slice, wherever this one goes on. */
	if (region->offliner)
		cdm_offliner_count(region, region->offline_only, &since, &change.drained);
	rc = blocks_change(&change, level, nr_blocks);
	if (rc && region->changing)
		cdm_stuck_count(region, region->changing, &stuck);
	if (!rc) {
		/* That of a slice before, if a block went offline in between. */
		cdm_offliner_stop(region);
		cdm_region_end_change(region);
	} else if (rc != -ENODEV && !((wanted->flags & CDM_SET_ISOLATION_KEEP) &&
				    (rc == -ETIMEDOUT || rc == -EINTR))) {
		change_restore(region);
	}
out:
	result->out_length = PFN_PHYS((u64)cdm_blocks_at(region, level) *
				      region->block_pages);
	result->out_moved = change.drained.moved;
	result->out_left = stuck.left;
	result->out_pinned = stuck.pinned;
	result->out_no_memory = min(change.drained.no_memory, stuck.left);
	result->out_busy = cdm_stuck_busy(&stuck, &change.drained);
	return rc;
}

/**
 * cdm_region_set_isolation() - change the level of a region, or of a part
 * @region: the region; the caller holds cdm_region.life for reading
 * @file: whose change it is
 * @wanted: the argument of the call
 * @result: the out_* fields are set
 *
 * Context: may sleep, interruptible; takes cdm_region.admin.
 * Return: 0, or the errno that CDM_SET_ISOLATION documents.
 */
int cdm_region_set_isolation(struct cdm_region *region, struct file *file,
			     const struct cdm_set_isolation *wanted,
			     struct cdm_set_isolation *result)
{
	int rc;

	rc = cdm_region_admin_lock(region);
	if (rc)
		return rc;
	rc = set_isolation_locked(region, file, wanted, result);
	mutex_unlock(&region->admin);
	return rc;
}

/**
 * cdm_region_restore_isolation() - end the change of a file
 * @region: the region; the caller holds cdm_region.life for reading
 * @file: the file; nothing happens if it changes nothing
 *
 * Context: may sleep for ten seconds; takes cdm_region.admin.
 */
void cdm_region_restore_isolation(struct cdm_region *region, struct file *file)
{
	/* No drain is waited for: it ends the change. */
	if (READ_ONCE(region->changer) != file)
		return;
	mutex_lock(&region->admin);
	if (region->changer == file && !READ_ONCE(region->leaving))
		change_restore(region);
	mutex_unlock(&region->admin);
}
