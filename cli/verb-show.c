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

/* Regions that get a column of their own. */
#define REGIONS_MAX 64

/* Bytes at each place, of a process or of one of its mappings. */
struct places {
	uint64_t cdm;
	uint64_t ram;
	uint64_t swap;
	uint64_t other;
	uint64_t none;
	uint64_t cdm_huge;
	uint64_t ram_huge;
	uint64_t by_region[REGIONS_MAX];
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

/* Room for the fields below and one for each region. */
#define FIELDS_MAX (16 + REGIONS_MAX)

static struct field process_fields[FIELDS_MAX] = {
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
};

static struct field mapping_fields[FIELDS_MAX] = {
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
};

static const struct field name_field =
	FIELD(struct mapping_row, name, FIELD_TEXT, "NAME");

static struct {
	int ids[REGIONS_MAX];
	size_t nr;
} columns;

static void append_field(struct field *fields, struct field field)
{
	while (fields->key)
		fields++;
	*fields = field;
}

static void add_columns(struct cdm_ctx *ctx)
{
	struct cdm_region *r;

	cdm_region_foreach(ctx, r) {
		size_t n = columns.nr, nth = n * sizeof(uint64_t);
		const char *name = keep_text(cdm_region_get_name(r));

		if (n == REGIONS_MAX)
			break;
		columns.ids[columns.nr++] = cdm_region_get_id(r);
		append_field(process_fields, (struct field){ name, name,
			FIELD_SIZE,
			offsetof(struct process_row, at.by_region) + nth, true });
		append_field(mapping_fields, (struct field){ name, NULL,
			FIELD_SIZE,
			offsetof(struct mapping_row, at.by_region) + nth, false });
	}
	/* One region is the CDM column; several get their own. */
	for (struct field *f = mapping_fields; columns.nr > 1 && f->key; f++)
		if (!f->title)
			f->title = f->key;
	append_field(mapping_fields, name_field);
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

static void fill_places(struct places *at, const struct asker *ask, void *object)
{
	at->ram = ask->bytes(object, CDM_WHERE_RAM);
	at->ram_huge = ask->huge(object, CDM_WHERE_RAM);
	at->swap = ask->bytes(object, CDM_WHERE_SWAP);
	at->other = ask->bytes(object, CDM_WHERE_OTHER);
	at->none = ask->bytes(object, CDM_WHERE_NONE);
	for (size_t i = 0; i < columns.nr; i++) {
		at->by_region[i] = ask->bytes(object, columns.ids[i]);
		at->cdm += at->by_region[i];
		at->cdm_huge += ask->huge(object, columns.ids[i]);
	}
}

static void fill_process(struct process_row *row, struct cdm_process *p)
{
	row->pid = (uint64_t)cdm_process_get_pid(p);
	row->command = cdm_process_get_comm(p);
	row->cgroup = cdm_process_get_cgroup(p);
	fill_places(&row->at, &ask_process, p);
}

static void fill_mapping(struct mapping_row *row, struct cdm_mapping *m)
{
	row->start = cdm_mapping_get_start(m);
	row->end = cdm_mapping_get_end(m);
	row->perms = cdm_mapping_get_perms(m);
	row->name = cdm_mapping_get_name(m);
	fill_places(&row->at, &ask_mapping, m);
}

static int print(struct cdm_process *process)
{
	struct table table = TABLE("mappings", mapping_fields,
				   struct mapping_row);
	struct process_row row = { 0 };
	struct cdm_mapping *m;
	int rc;

	fill_process(&row, process);
	cdm_mapping_foreach(process, m) {
		struct mapping_row *mapping = table_add(&table);

		fill_mapping(mapping, m);
		if (opts.only_cdm && !mapping->at.cdm)
			table.nr_rows--;
	}
	rc = output_record(process_fields, &row, &table, 1);
	table_free(&table);
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
