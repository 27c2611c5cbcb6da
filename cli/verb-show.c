// SPDX-License-Identifier: GPL-2.0-only
/* cdmctl show: where the pages of a process are, by mapping. */
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "keep.h"
#include "message.h"
#include "options.h"
#include "session.h"

static struct {
	bool only_cdm;
} opts;

static const struct opt options[] = {
	{ "only-cdm", 'c', NULL, "only mappings that have pages on a region",
	  opt_switch, &opts.only_cdm },
	{ NULL },
};

/*
 * Bytes at each place, of a process or of one of its mappings. Last in a row: behind
 * it a row has a number for each region.
 */
struct places {
	uint64_t cdm;
	uint64_t ram;
	uint64_t swap;
	uint64_t other;
	uint64_t none;
	uint64_t cdm_huge;
	uint64_t ram_huge;
};

struct process_row {
	uint64_t pid;
	const char *command;
	const char *cgroup;
	struct places at;
};

struct mapping_row {
	uint64_t start;
	uint64_t end;
	const char *perms;
	const char *name;
	struct places at;
};

#define PLACE(row, member, title, not_zero) \
	{ #member, title, FIELD_SIZE, offsetof(row, at.member), not_zero }

static const struct field process_fields[] = {
	FIELD(struct process_row, pid, FIELD_NUMBER, "pid"),
	FIELD(struct process_row, command, FIELD_TEXT, "command"),
	FIELD(struct process_row, cgroup, FIELD_TEXT, "cgroup"),
	PLACE(struct process_row, cdm, "on regions", false),
	PLACE(struct process_row, cdm_huge, "  as huge pages", true),
	PLACE(struct process_row, ram, "in RAM", false),
	PLACE(struct process_row, ram_huge, "  as huge pages", true),
	PLACE(struct process_row, swap, "swapped out", true),
	PLACE(struct process_row, other, "elsewhere", true),
	PLACE(struct process_row, none, "not present", false),
	FIELD_END
};

static const struct field mapping_fields[] = {
	FIELD(struct mapping_row, start, FIELD_ADDRESS, "START"),
	FIELD(struct mapping_row, end, FIELD_ADDRESS, "END"),
	FIELD(struct mapping_row, perms, FIELD_TEXT, "PERMS"),
	PLACE(struct mapping_row, cdm, "CDM", false),
	PLACE(struct mapping_row, cdm_huge, "HUGE", false),
	PLACE(struct mapping_row, ram, "RAM", false),
	PLACE(struct mapping_row, ram_huge, "HUGE", false),
	PLACE(struct mapping_row, swap, "SWAP", false),
	PLACE(struct mapping_row, other, "OTHER", false),
	PLACE(struct mapping_row, none, "NONE", false),
	FIELD_END
};

static const struct field name_field =
	FIELD(struct mapping_row, name, FIELD_TEXT, "NAME");

/* The regions, and the fields above with one for each of them. */
static struct {
	int *ids;
	size_t nr;
	struct field *process;
	struct field *mapping;
} columns;

static void append_field(struct field **fields, struct field field)
{
	const struct field end = FIELD_END;
	size_t n = 0;

	while ((*fields)[n].key)
		n++;
	*fields = xrealloc(*fields, (n + 2) * sizeof(field));
	(*fields)[n] = field;
	(*fields)[n + 1] = end;
}

static void add_region_column(struct cdm_region *region, bool only)
{
	size_t n = columns.nr++, nth = n * sizeof(uint64_t);
	const char *name = keep_text(cdm_region_get_name(region));

	columns.ids = xrealloc(columns.ids, columns.nr * sizeof(*columns.ids));
	columns.ids[n] = cdm_region_get_id(region);
	append_field(&columns.process, (struct field){ name, name, FIELD_SIZE,
		     sizeof(struct process_row) + nth, true });
	/* One region is the CDM column; several get their own. */
	append_field(&columns.mapping, (struct field){ name, only ? NULL : name,
		     FIELD_SIZE, sizeof(struct mapping_row) + nth, false });
}

static void add_columns(struct cdm_ctx *ctx)
{
	struct cdm_region *first = cdm_region_get_first(ctx), *r;
	bool only = first && !cdm_region_get_next(first);

	columns.process = xrealloc(NULL, sizeof(process_fields));
	memcpy(columns.process, process_fields, sizeof(process_fields));
	columns.mapping = xrealloc(NULL, sizeof(mapping_fields));
	memcpy(columns.mapping, mapping_fields, sizeof(mapping_fields));
	cdm_region_foreach(ctx, r)
		add_region_column(r, only);
	append_field(&columns.mapping, name_field);
}

static void free_columns(void)
{
	free(columns.ids);
	free(columns.process);
	free(columns.mapping);
}

/* Of a row of that size and the numbers behind it. */
static size_t row_size(size_t size)
{
	return size + columns.nr * sizeof(uint64_t);
}

/* How to ask a process, or a mapping. */
struct asker {
	uint64_t (*bytes)(void *object, int where);
	uint64_t (*huge)(void *object, int where);
};

static uint64_t process_bytes(void *process, int where)
{
	return cdm_process_get_bytes(process, where);
}

static uint64_t process_huge(void *process, int where)
{
	return cdm_process_get_huge(process, where);
}

static uint64_t mapping_bytes(void *mapping, int where)
{
	return cdm_mapping_get_bytes(mapping, where);
}

static uint64_t mapping_huge(void *mapping, int where)
{
	return cdm_mapping_get_huge(mapping, where);
}

static const struct asker ask_process = { process_bytes, process_huge };
static const struct asker ask_mapping = { mapping_bytes, mapping_huge };

/* by_region: what stands behind the row */
static void fill_places(struct places *at, uint64_t *by_region,
			const struct asker *ask, void *object)
{
	at->ram = ask->bytes(object, CDM_WHERE_RAM);
	at->ram_huge = ask->huge(object, CDM_WHERE_RAM);
	at->swap = ask->bytes(object, CDM_WHERE_SWAP);
	at->other = ask->bytes(object, CDM_WHERE_OTHER);
	at->none = ask->bytes(object, CDM_WHERE_NONE);
	for (size_t i = 0; i < columns.nr; i++) {
		by_region[i] = ask->bytes(object, columns.ids[i]);
		at->cdm += by_region[i];
		at->cdm_huge += ask->huge(object, columns.ids[i]);
	}
}

static void fill_process(struct process_row *row, struct cdm_process *p)
{
	row->pid = (uint64_t)cdm_process_get_pid(p);
	row->command = cdm_process_get_comm(p);
	row->cgroup = cdm_process_get_cgroup(p);
	fill_places(&row->at, (uint64_t *)(row + 1), &ask_process, p);
}

static void fill_mapping(struct mapping_row *row, struct cdm_mapping *m)
{
	row->start = cdm_mapping_get_start(m);
	row->end = cdm_mapping_get_end(m);
	row->perms = cdm_mapping_get_perms(m);
	row->name = cdm_mapping_get_name(m);
	fill_places(&row->at, (uint64_t *)(row + 1), &ask_mapping, m);
}

static int print(struct cdm_process *process)
{
	struct table mappings = {
		.key = "mappings",
		.fields = columns.mapping,
		.row_size = row_size(sizeof(struct mapping_row)),
	};
	struct table whole = {
		.fields = columns.process,
		.row_size = row_size(sizeof(struct process_row)),
	};
	struct process_row *row = table_add(&whole);
	struct cdm_mapping *m;
	int rc;

	fill_process(row, process);
	cdm_mapping_foreach(process, m) {
		struct mapping_row *mapping = table_add(&mappings);

		fill_mapping(mapping, m);
		if (opts.only_cdm && !mapping->at.cdm)
			mappings.nr_rows--;
	}
	rc = output_record(columns.process, row, &mappings, 1);
	table_free(&mappings);
	table_free(&whole);
	return rc;
}

static enum exit_code run(int argc, char **argv)
{
	int pid;
	struct cdm_process *process;
	enum exit_code code = EXIT_DONE;
	struct cdm_ctx *ctx;
	int rc;

	(void)argc;
	if (pid_parse("PID", argv[0], &pid))
		return EXIT_USAGE;
	ctx = session_open();
	if (!ctx)
		return EXIT_FAILED;
	add_columns(ctx);
	rc = cdm_process_read(ctx, pid, &process);
	if (rc) {
		code = session_report(ctx, rc);
	} else {
		if (!columns.nr)
			note("there is no region, so all that is present counts as RAM");
		if (print(process))
			code = EXIT_FAILED;
		cdm_process_unref(process);
	}
	free_columns();
	cdm_unref(ctx);
	return code;
}

const struct verb verb_show = {
	.name = "show",
	.operands = "PID",
	.min_operands = 1,
	.max_operands = 1,
	.summary = "Shows where the pages of a process are, by mapping",
	.options = options,
	.run = run,
};
