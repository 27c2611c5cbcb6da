// SPDX-License-Identifier: GPL-2.0-only
/* Tables and JSON from one field list. */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "keep.h"
#include "message.h"
#include "output.h"
#include "size.h"
#include "text.h"

#define JSON_STYLE (JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | \
		    JSON_C_TO_STRING_NOSLASHESCAPE)

#define CELL_TEXT 96

void *table_add(struct table *table)
{
	size_t size = table->nr_rows * table->row_size;

	table->rows = xrealloc(table->rows, size + table->row_size);
	table->nr_rows++;
	return memset(table->rows + size, 0, table->row_size);
}

void table_free(struct table *table)
{
	free(table->rows);
	table->rows = NULL;
	table->nr_rows = 0;
}

static const void *member(const struct field *field, const void *row)
{
	return (const char *)row + field->offset;
}

static uint64_t number(const struct field *field, const void *row)
{
	uint64_t value;

	memcpy(&value, member(field, row), sizeof(value));
	return value;
}

static const char *text_of(const struct field *field, const void *row)
{
	return *(const char *const *)member(field, row);
}

static bool is_absent(const struct field *field, const void *row)
{
	switch (field->type) {
	case FIELD_TEXT:
	case FIELD_PROSE:
		return !text_of(field, row);
	case FIELD_BOOL:
		return false;
	default:
		return number(field, row) == FIELD_ABSENT;
	}
}

/* A cell for people: the text, or a rendering into @buffer. */
static const char *cell(const struct field *field, const void *row,
			char buffer[CELL_TEXT])
{
	if (is_absent(field, row))
		return "-";
	switch (field->type) {
	case FIELD_TEXT:
	case FIELD_PROSE:
		return text_of(field, row);
	case FIELD_BOOL:
		return *(const bool *)member(field, row) ? "yes" : "no";
	case FIELD_ADDRESS:
		snprintf(buffer, CELL_TEXT, "0x%" PRIx64, number(field, row));
		return buffer;
	case FIELD_SIZE:
		if (ui.human)
			return size_human(number(field, row), buffer);
		if (!ui.bytes)
			return size_table(number(field, row), buffer);
		break;
	case FIELD_NUMBER:
		break;
	}
	snprintf(buffer, CELL_TEXT, "%" PRIu64, number(field, row));
	return buffer;
}

/* Said here once for all who print. */
static int told(int rc)
{
	if (rc)
		error("cannot make the answer: %s", strerror(-rc));
	return rc;
}

/* JSON is UTF-8, whatever somebody called his process. */
static struct json_object *json_text(const char *text)
{
	char *utf8 = text_utf8(text);
	struct json_object *json = json_object_new_string(utf8);

	free(utf8);
	return json;
}

static struct json_object *json_value(const struct field *field,
				      const void *row)
{
	char buffer[SIZE_TEXT];

	if (is_absent(field, row))
		return NULL;	/* json-c's null */
	switch (field->type) {
	case FIELD_TEXT:
	case FIELD_PROSE:
		return json_text(text_of(field, row));
	case FIELD_BOOL:
		return json_object_new_boolean(*(const bool *)member(field, row));
	case FIELD_SIZE:
		if (ui.human)
			return json_object_new_string(
				size_human(number(field, row), buffer));
		break;
	default:
		break;
	}
	return json_object_new_uint64(number(field, row));
}

/* Half of an answer is none. */
static struct json_object *json_drop(struct json_object *whole,
				     struct json_object *part)
{
	json_object_put(part);
	json_object_put(whole);
	return NULL;
}

static struct json_object *json_row(const struct field *fields,
				    const void *row)
{
	struct json_object *object = json_object_new_object(), *value;

	for (; object && fields->key; fields++) {
		value = json_value(fields, row);
		/* a null that is meant is one, too */
		if ((!value && !is_absent(fields, row)) ||
		    json_object_object_add(object, fields->key, value))
			return json_drop(object, value);
	}
	return object;
}

static struct json_object *json_array(const struct table *table)
{
	struct json_object *array = json_object_new_array(), *object;
	const char *row = table->rows;

	for (size_t i = 0; array && i < table->nr_rows; i++) {
		object = json_row(table->fields, row);
		if (!object || json_object_array_add(array, object))
			return json_drop(array, object);
		row += table->row_size;
	}
	return array;
}

static int json_print(struct json_object *json, int style)
{
	const char *text = json ? json_object_to_json_string_ext(json, style) :
				  NULL;

	if (text)
		puts(text);
	json_object_put(json);
	return text ? 0 : -ENOMEM;
}

static int column_flags(const struct field *field)
{
	switch (field->type) {
	case FIELD_TEXT:
	case FIELD_BOOL:
		return 0;
	case FIELD_PROSE:
		return SCOLS_FL_WRAP;
	default:
		return SCOLS_FL_RIGHT;
	}
}

static struct libscols_table *new_table(const struct field *fields)
{
	struct libscols_table *t;

	scols_init_debug(0);
	t = scols_new_table();
	if (!t)
		return NULL;
	for (; fields->key; fields++)
		if (fields->title &&
		    !scols_table_new_column(t, fields->title, 0,
					    column_flags(fields))) {
			scols_unref_table(t);
			return NULL;
		}
	return t;
}

static int print_table(const struct table *table)
{
	struct libscols_table *t = new_table(table->fields);
	const char *row = table->rows;
	int rc = t ? 0 : -ENOMEM;

	for (size_t i = 0; !rc && i < table->nr_rows; i++) {
		struct libscols_line *line = scols_table_new_line(t, NULL);
		char buffer[CELL_TEXT];
		size_t column = 0;

		for (const struct field *f = table->fields; !rc && f->key; f++)
			if (f->title)
				rc = line ? scols_line_set_data(line, column++,
						cell(f, row, buffer)) : -ENOMEM;
		row += table->row_size;
	}
	if (!rc)
		rc = scols_print_table(t);
	scols_unref_table(t);
	return rc;
}

/* Titles on the left, values on the right. */
static int print_record(const struct field *fields, const void *row)
{
	struct libscols_table *t;
	int rc = 0;

	t = scols_new_table();
	if (!t)
		return -ENOMEM;
	scols_table_enable_noheadings(t, 1);
	scols_table_new_column(t, "", 0, 0);
	scols_table_new_column(t, "", 0, 0);
	for (; !rc && fields->key; fields++) {
		struct libscols_line *line;
		char buffer[CELL_TEXT];

		if (!fields->title || is_absent(fields, row) ||
		    (fields->not_zero && !number(fields, row)))
			continue;
		line = scols_table_new_line(t, NULL);
		rc = line ? scols_line_set_data(line, 0, fields->title) :
			    -ENOMEM;
		if (!rc)
			rc = scols_line_set_data(line, 1,
						 cell(fields, row, buffer));
	}
	if (!rc)
		rc = scols_print_table(t);
	scols_unref_table(t);
	return rc;
}

static int print_tables(const struct table *tables, size_t nr, bool blank)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < nr; i++) {
		if (!tables[i].nr_rows)
			continue;
		if (blank)
			putchar('\n');
		blank = true;
		rc = print_table(&tables[i]);
	}
	return rc;
}

/* Takes @object; returns it with the arrays, or NULL. */
static struct json_object *add_arrays(struct json_object *object,
				      const struct table *tables, size_t nr)
{
	struct json_object *array;

	for (size_t i = 0; object && i < nr; i++) {
		array = json_array(&tables[i]);
		if (!array ||
		    json_object_object_add(object, tables[i].key, array))
			return json_drop(object, array);
	}
	return object;
}

int output_tables(const struct table *tables, size_t nr)
{
	if (!ui.json)
		return told(print_tables(tables, nr, false));
	if (nr == 1)
		return told(json_print(json_array(tables), JSON_STYLE));
	return told(json_print(add_arrays(json_object_new_object(), tables, nr),
			       JSON_STYLE));
}

int output_record(const struct field *fields, const void *row,
		  const struct table *tables, size_t nr)
{
	int rc;

	if (!ui.json) {
		rc = print_record(fields, row);
		return told(rc ? rc : print_tables(tables, nr, true));
	}
	return told(json_print(add_arrays(json_row(fields, row), tables, nr),
			       JSON_STYLE));
}

int output_event(const struct field *fields, const void *row)
{
	char buffer[CELL_TEXT];
	const char *between = "";
	int rc = 0;

	if (ui.json) {
		rc = json_print(json_row(fields, row), JSON_C_TO_STRING_PLAIN |
				JSON_C_TO_STRING_NOSLASHESCAPE);
		fflush(stdout);
		return told(rc);
	}
	for (; fields->key; fields++) {
		if (!fields->title || is_absent(fields, row))
			continue;
		printf("%s%s%s", between, fields->title,
		       *fields->title ? "=" : "");
		text_print(stdout, cell(fields, row, buffer));
		between = " ";
	}
	putchar('\n');
	fflush(stdout);
	return rc;
}
