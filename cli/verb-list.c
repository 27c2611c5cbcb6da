// SPDX-License-Identifier: GPL-2.0-only
/* cdmctl list: expanders, regions, their levels, blocks, users. */
#include <errno.h>

#include "cmd.h"
#include "message.h"
#include "options.h"
#include "poison.h"
#include "session.h"

static struct {
	const char *expander;
	const char *region;
	bool expanders, regions, levels, blocks, users, poison, idle;
} opts;

static const struct opt options[] = {
	{ "expander", 'e', "EXPANDER", "only this expander and what is made of it",
	  opt_text, &opts.expander },
	{ "region", 'r', "REGION", "only this region and what it is made of",
	  opt_text, &opts.region },
	{ "idle", 'i', NULL, "show idle blocks too",
	  opt_switch, &opts.idle },
	{ "expanders", 'E', NULL, "show expanders",
	  opt_switch, &opts.expanders },
	{ "regions", 'R', NULL, "show regions",
	  opt_switch, &opts.regions },
	{ "levels", 'L', NULL, "show what of regions has which isolation level",
	  opt_switch, &opts.levels },
	{ "blocks", 'B', NULL, "show the blocks of regions",
	  opt_switch, &opts.blocks },
	{ "users", 'U', NULL, "show the processes that have pages there",
	  opt_switch, &opts.users },
	{ "poison", 'P', NULL, "show the bad pages that are out of use for ever",
	  opt_switch, &opts.poison },
	{ NULL },
};

struct expander_row {
	const char *expander;
	const char *kind;
	uint64_t serial;
	const char *pci;
	uint64_t size;
	uint64_t node;
	const char *cxl_region;
	const char *uuid;
	const char *dax;
	const char *driver;
	const char *region;
};

static const struct field expander_fields[] = {
	FIELD(struct expander_row, expander, FIELD_TEXT, "EXPANDER"),
	FIELD(struct expander_row, kind, FIELD_TEXT, "KIND"),
	FIELD(struct expander_row, size, FIELD_SIZE, "SIZE"),
	FIELD(struct expander_row, node, FIELD_NUMBER, "NODE"),
	FIELD(struct expander_row, serial, FIELD_ADDRESS, "SERIAL"),
	FIELD(struct expander_row, pci, FIELD_TEXT, "PCI"),
	FIELD(struct expander_row, cxl_region, FIELD_TEXT, "CXL-REGION"),
	FIELD(struct expander_row, uuid, FIELD_TEXT, NULL),
	FIELD(struct expander_row, dax, FIELD_TEXT, "DAX"),
	FIELD(struct expander_row, driver, FIELD_TEXT, "DRIVER"),
	FIELD(struct expander_row, region, FIELD_TEXT, "REGION"),
	FIELD_END
};

struct region_row {
	const char *region;
	const char *expander;
	const char *dax;
	const char *devnode;
	const char *state;
	const char *isolation;
	uint64_t node;
	uint64_t resource;
	uint64_t size;
	uint64_t online_size;
	uint64_t used;
	uint64_t available;
	uint64_t draining;
	uint64_t retired;
	uint64_t cut;
	uint64_t block_size;
	uint64_t memmap_ram;
	uint64_t max_bytes;
	const char *memmap;
	uint64_t exposed;
	uint64_t foreign;
};

static const struct field region_fields[] = {
	FIELD(struct region_row, region, FIELD_TEXT, "REGION"),
	FIELD(struct region_row, expander, FIELD_TEXT, "EXPANDER"),
	FIELD(struct region_row, dax, FIELD_TEXT, "DAX"),
	FIELD(struct region_row, devnode, FIELD_TEXT, NULL),
	FIELD(struct region_row, node, FIELD_NUMBER, "NODE"),
	FIELD(struct region_row, state, FIELD_TEXT, "STATE"),
	FIELD(struct region_row, isolation, FIELD_TEXT, "ISOLATION"),
	FIELD(struct region_row, resource, FIELD_ADDRESS, NULL),
	FIELD(struct region_row, size, FIELD_SIZE, "SIZE"),
	FIELD(struct region_row, online_size, FIELD_SIZE, "ONLINE"),
	FIELD(struct region_row, used, FIELD_SIZE, "USED"),
	FIELD(struct region_row, available, FIELD_SIZE, "AVAILABLE"),
	FIELD(struct region_row, draining, FIELD_SIZE, NULL),
	FIELD(struct region_row, retired, FIELD_SIZE, "RETIRED"),
	FIELD(struct region_row, cut, FIELD_SIZE, NULL),
	FIELD(struct region_row, block_size, FIELD_SIZE, NULL),
	FIELD(struct region_row, memmap, FIELD_TEXT, NULL),
	FIELD(struct region_row, memmap_ram, FIELD_SIZE, NULL),
	FIELD(struct region_row, max_bytes, FIELD_SIZE, NULL),
	FIELD(struct region_row, exposed, FIELD_SIZE, NULL),
	FIELD(struct region_row, foreign, FIELD_SIZE, NULL),
	FIELD_END
};

struct level_row {
	const char *region;
	const char *isolation;
	uint64_t size;
	uint64_t used;
	uint64_t idle;
	uint64_t draining;
	uint64_t retired;
	uint64_t foreign;
};

static const struct field level_fields[] = {
	FIELD(struct level_row, region, FIELD_TEXT, "REGION"),
	FIELD(struct level_row, isolation, FIELD_TEXT, "LEVEL"),
	FIELD(struct level_row, size, FIELD_SIZE, "SIZE"),
	FIELD(struct level_row, used, FIELD_SIZE, "USED"),
	FIELD(struct level_row, idle, FIELD_SIZE, "IDLE"),
	FIELD(struct level_row, draining, FIELD_SIZE, "DRAINING"),
	FIELD(struct level_row, retired, FIELD_SIZE, "RETIRED"),
	FIELD(struct level_row, foreign, FIELD_SIZE, "FOREIGN"),
	FIELD_END
};

struct block_row {
	const char *region;
	uint64_t block;
	uint64_t start;
	uint64_t length;
	const char *role;
	const char *isolation;
	bool online;
	bool draining;
	uint64_t total;
	uint64_t used;
	uint64_t retired;
};

static const struct field block_fields[] = {
	FIELD(struct block_row, region, FIELD_TEXT, "REGION"),
	FIELD(struct block_row, block, FIELD_NUMBER, "BLOCK"),
	FIELD(struct block_row, start, FIELD_ADDRESS, "START"),
	FIELD(struct block_row, length, FIELD_SIZE, "LENGTH"),
	FIELD(struct block_row, role, FIELD_TEXT, "ROLE"),
	FIELD(struct block_row, isolation, FIELD_TEXT, "LEVEL"),
	FIELD(struct block_row, online, FIELD_BOOL, "ONLINE"),
	FIELD(struct block_row, draining, FIELD_BOOL, "DRAINING"),
	FIELD(struct block_row, total, FIELD_SIZE, "TOTAL"),
	FIELD(struct block_row, used, FIELD_SIZE, "USED"),
	FIELD(struct block_row, retired, FIELD_SIZE, "RETIRED"),
	FIELD_END
};

/* What --expander and --region leave over; NULL: everything. */
struct filter {
	struct cdm_expander *expander;
	struct cdm_region *region;
};

static uint64_t node_number(int node)
{
	return node < 0 ? FIELD_ABSENT : (uint64_t)node;
}

static bool wants_expander(const struct filter *f, struct cdm_expander *e)
{
	if (f->expander && f->expander != e)
		return false;
	return !f->region || cdm_expander_get_region(e) == f->region;
}

static bool wants_region(const struct filter *f, struct cdm_region *r)
{
	if (f->region && f->region != r)
		return false;
	/* An interleaved region has several expanders and names one of them. */
	return !f->expander || cdm_expander_get_region(f->expander) == r;
}

static void add_expander(struct table *table, struct cdm_expander *e)
{
	struct cdm_region *region = cdm_expander_get_region(e);
	struct expander_row *row = table_add(table);

	row->expander = cdm_expander_get_name(e);
	row->kind = cdm_expander_get_kind(e) == CDM_EXPANDER_CXL ? "cxl" :
								   "hmem";
	row->serial = cdm_expander_get_serial(e);
	if (!row->serial)
		row->serial = FIELD_ABSENT;
	row->pci = cdm_expander_get_pci(e);
	row->size = cdm_expander_get_ram_size(e);
	row->node = node_number(cdm_expander_get_node(e));
	row->cxl_region = cdm_expander_get_cxl_region(e);
	row->uuid = cdm_expander_get_uuid(e);
	row->dax = cdm_expander_get_dax_name(e);
	row->driver = cdm_expander_get_dax_driver(e);
	row->region = region ? cdm_region_get_name(region) : NULL;
}

/* The kernel counts these when asked: null if it does not tell. */
static uint64_t foreign_of(struct cdm_region *r)
{
	uint64_t bytes;

	return cdm_region_read_foreign(r, &bytes) ? FIELD_ABSENT : bytes;
}

static void add_region(struct table *table, struct cdm_region *r)
{
	struct cdm_expander *e = cdm_region_get_expander(r);
	struct region_row *row = table_add(table);

	row->region = cdm_region_get_name(r);
	row->expander = e ? cdm_expander_get_name(e) : NULL;
	row->dax = cdm_region_get_dax_name(r);
	row->devnode = cdm_region_get_devnode(r);
	row->state = cdm_state_get_name(cdm_region_get_state(r));
	row->isolation = cdm_isolation_get_name(cdm_region_get_isolation(r));
	row->node = node_number(cdm_region_get_node(r));
	row->resource = cdm_region_get_resource(r);
	if (!row->resource)	/* only root is told */
		row->resource = FIELD_ABSENT;
	row->size = cdm_region_get_size(r);
	row->online_size = cdm_region_get_online_size(r);
	row->used = cdm_region_get_used(r);
	row->available = cdm_region_get_available(r);
	row->draining = cdm_region_get_draining(r);
	row->retired = cdm_region_get_retired(r);
	row->cut = cdm_region_get_cut(r);
	row->block_size = cdm_region_get_block_size(r);
	row->memmap_ram = cdm_region_get_memmap_ram(r);
	row->max_bytes = cdm_region_get_max_bytes(r);
	row->memmap = cdm_region_get_memmap_on_block(r) ? "block" : "ram";
	row->exposed = cdm_region_get_exposed(r);
	row->foreign = foreign_of(r);
}

static void add_levels(struct table *table, struct cdm_region *r)
{
	for (int i = CDM_ISOLATION_NONE + 1; i <= CDM_ISOLATION_SHARED; i++) {
		const struct cdm_level *level = cdm_region_get_level(r, i);
		struct level_row *row;

		if (!level)
			continue;
		row = table_add(table);
		row->region = cdm_region_get_name(r);
		row->isolation = cdm_isolation_get_name(i);
		row->size = level->size;
		row->used = level->used;
		row->idle = level->idle;
		row->draining = level->draining;
		row->retired = level->retired;
		row->foreign = i == CDM_ISOLATION_RESERVED ? foreign_of(r) :
							     FIELD_ABSENT;
	}
}

static int add_blocks(struct table *table, struct cdm_region *r)
{
	struct cdm_block *b;
	int rc = cdm_region_read_blocks(r);

	if (rc < 0)
		return rc;
	cdm_block_foreach(r, b) {
		struct block_row *row;
		int role = cdm_block_get_role(b);

		if (role == CDM_ROLE_IDLE && !opts.idle)
			continue;
		row = table_add(table);
		row->region = cdm_region_get_name(r);
		row->block = cdm_block_get_index(b);
		row->start = cdm_block_get_start(b);
		if (!row->start)	/* only root is told */
			row->start = FIELD_ABSENT;
		row->length = cdm_block_get_length(b);
		row->role = cdm_role_get_name(role);
		row->isolation = cdm_isolation_get_name(
			cdm_block_get_isolation(b));
		row->online = cdm_block_is_online(b);
		row->draining = cdm_block_is_draining(b);
		row->total = cdm_block_get_total(b);
		row->used = cdm_block_get_used(b);
		row->retired = cdm_block_get_retired(b);
	}
	return 0;
}

static int add_region_users(struct table *table, struct cdm_region *r)
{
	struct cdm_ctx *ctx = cdm_region_get_ctx(r);
	struct cdm_users *users;
	int rc = cdm_users_read(ctx, r, &users);

	if (rc < 0)
		return rc;
	add_users(table, cdm_region_get_name(r), users);
	if (cdm_users_get_hidden(users))
		note("%u processes of other users cannot be asked; run it as root to see them",
		     cdm_users_get_hidden(users));
	cdm_users_unref(users);
	return 0;
}

static int add_region_poison(struct table *table, struct cdm_region *r)
{
	int rc = cdm_region_read_poison(r);

	if (rc < 0)
		return rc;
	add_poison(table, r);
	return 0;
}

static enum exit_code find_filter(struct cdm_ctx *ctx, struct filter *filter)
{
	struct cdm_region *region;
	int rc;

	if (opts.expander) {
		rc = cdm_find_target(ctx, opts.expander, &filter->expander,
				     &region);
		if (rc || !filter->expander) {
			error("there is no expander \"%s\"; \"cdmctl list -E\" shows what there is",
			      opts.expander);
			return EXIT_NOTHING;
		}
	}
	if (opts.region) {
		filter->region = cdm_region_find(ctx, opts.region);
		if (!filter->region) {
			error("there is no region \"%s\"; \"cdmctl list -R\" shows what there is",
			      opts.region);
			return EXIT_NOTHING;
		}
	}
	return EXIT_DONE;
}

/* What there is to show, in this order. */
enum { EXPANDERS, REGIONS, LEVELS, BLOCKS, USERS, POISON, NR_TABLES };

static enum exit_code collect(struct cdm_ctx *ctx, const struct filter *filter,
			      struct table *tables)
{
	struct cdm_expander *e;
	struct cdm_region *r;
	int rc = 0;

	cdm_expander_foreach(ctx, e)
		if (wants_expander(filter, e))
			add_expander(&tables[EXPANDERS], e);
	cdm_region_foreach(ctx, r) {
		if (!wants_region(filter, r))
			continue;
		add_region(&tables[REGIONS], r);
		if (opts.levels)
			add_levels(&tables[LEVELS], r);
		if (opts.blocks)
			rc = add_blocks(&tables[BLOCKS], r);
		if (!rc && opts.users)
			rc = add_region_users(&tables[USERS], r);
		if (!rc && opts.poison)
			rc = add_region_poison(&tables[POISON], r);
		/* gone while we looked, or about to go: the rest is still worth showing */
		if (rc == -ENODEV &&
		    (cdm_region_refresh(r) || cdm_region_get_state(r) == CDM_STATE_DRAINING))
			rc = 0;
		if (rc)
			return session_report(ctx, rc);
	}
	return EXIT_DONE;
}

static void choose_default(void)
{
	if (opts.expanders || opts.regions || opts.levels || opts.blocks ||
	    opts.users || opts.poison)
		return;
	opts.expanders = true;
	opts.regions = true;
	opts.levels = true;
}

static size_t choose_tables(const struct table *tables, struct table *shown)
{
	const bool wanted[NR_TABLES] = {
		opts.expanders, opts.regions, opts.levels, opts.blocks,
		opts.users, opts.poison,
	};
	size_t n = 0;

	for (size_t i = 0; i < NR_TABLES; i++)
		if (wanted[i])
			shown[n++] = tables[i];
	return n;
}

static enum exit_code run(int argc, char **argv)
{
	struct table tables[NR_TABLES] = {
		TABLE("expanders", expander_fields, struct expander_row),
		TABLE("regions", region_fields, struct region_row),
		TABLE("levels", level_fields, struct level_row),
		TABLE("blocks", block_fields, struct block_row),
		TABLE("users", user_fields, struct user_row),
		TABLE("poison", poison_fields, struct poison_row),
	};
	struct table shown[NR_TABLES];
	struct filter filter = { NULL, NULL };
	struct cdm_ctx *ctx = session_open();
	enum exit_code code;
	int rc;

	(void)argc;
	(void)argv;
	if (!ctx)
		return EXIT_FAILED;
	choose_default();
	rc = cdm_refresh(ctx);
	code = rc < 0 ? session_report(ctx, rc) : find_filter(ctx, &filter);
	if (code == EXIT_DONE)
		code = collect(ctx, &filter, tables);
	if (code != EXIT_DONE)
		goto out;
	if (output_tables(shown, choose_tables(tables, shown)))
		code = EXIT_FAILED;
	if (!tables[EXPANDERS].nr_rows && !tables[REGIONS].nr_rows)
		note("no expander and no region here; \"cdmctl check\" tells what is missing");
out:
	for (size_t i = 0; i < NR_TABLES; i++)
		table_free(&tables[i]);
	cdm_unref(ctx);
	return code;
}

const struct verb verb_list = {
	.name = "list",
	.operands = "",
	.summary = "Lists expanders, regions, levels, blocks, users and bad pages",
	.text = "Without -E, -R, -L, -B, -U or -P: expanders, regions and levels. JSON is an array for\n"
		"one kind, and an object of arrays for several.\n",
	.options = options,
	.run = run,
};
