/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Answers on stdout. A verb fills an array of plain structs ("rows") and names
 * their members once, in a list of fields; tables for people and JSON for
 * programs both come from that list.
 */
#ifndef CDMCTL_OUTPUT_H
#define CDMCTL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a member is stored and shown. */
enum field_type {
	FIELD_TEXT,	/* const char *; NULL is absent */
	FIELD_NUMBER,	/* uint64_t; FIELD_ABSENT is absent */
	FIELD_SIZE,	/* uint64_t bytes; likewise */
	FIELD_ADDRESS,	/* uint64_t, hexadecimal in tables; likewise */
	FIELD_BOOL,	/* bool */
	FIELD_PROSE,	/* as FIELD_TEXT, broken over lines on a terminal */
};

/* "There is no such number": null in JSON, "-" in a table. */
#define FIELD_ABSENT UINT64_MAX

/**
 * struct field - one member of a row
 * @key: its name in JSON
 * @title: its column in tables; NULL: JSON only
 * @type: how it is stored and shown
 * @offset: where in the row
 * @not_zero: leave it out of records for people when it is 0
 */
struct field {
	const char *key;
	const char *title;
	enum field_type type;
	size_t offset;
	bool not_zero;
};

#define FIELD(row, member, type, title) \
	{ #member, title, type, offsetof(row, member), false }
/* A member of a struct within the row, under its own name. */
#define FIELD_OF(row, part, member, type, title) \
	{ #member, title, type, offsetof(row, part.member), false }
#define FIELD_END { NULL, NULL, 0, 0, false }

/**
 * struct table - rows of one kind
 * @key: its name in JSON when there are several tables
 * @fields: ends with FIELD_END
 * @rows: the rows, one behind the other; NULL while there is none
 * @nr_rows: how many
 * @row_size: sizeof one
 */
struct table {
	const char *key;
	const struct field *fields;
	char *rows;
	size_t nr_rows;
	size_t row_size;
};

#define TABLE(key, fields, row) { key, fields, NULL, 0, sizeof(row) }

/** table_add() - one more row, all zero; valid until the next one is added */
void *table_add(struct table *table);

/** table_free() - forget the rows */
void table_free(struct table *table);

/**
 * output_tables() - one table, or several
 * @tables: what to show
 * @nr: how many of them
 *
 * JSON is an array of flat objects for one table, and an object of such
 * arrays for several. For people an empty table is left out.
 *
 * Returns: 0, or -ENOMEM after a message.
 */
int output_tables(const struct table *tables, size_t nr);

/**
 * output_record() - one object and what belongs to it
 * @fields: its members
 * @row: the object
 * @tables: arrays inside it, or NULL
 * @nr: how many of them
 *
 * JSON is one object with the arrays as members. For people the members stand
 * one below the other and the tables follow.
 *
 * Returns: 0, or -ENOMEM.
 */
int output_record(const struct field *fields, const void *row,
		  const struct table *tables, size_t nr);

/**
 * output_event() - one line, now
 * @fields: its members
 * @row: the object
 *
 * One JSON object on a line of its own, or its members that are not absent
 * side by side, and stdout is flushed. Returns: 0, or -ENOMEM.
 */
int output_event(const struct field *fields, const void *row);

#endif /* CDMCTL_OUTPUT_H */
