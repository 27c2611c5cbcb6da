// SPDX-License-Identifier: GPL-2.0-only
/* Bad pages of regions, as rows. */
#include <time.h>

#include "keep.h"
#include "poison.h"

const struct field poison_fields[] = {
	FIELD(struct poison_row, region, FIELD_TEXT, "REGION"),
	FIELD(struct poison_row, address, FIELD_ADDRESS, "ADDRESS"),
	FIELD(struct poison_row, expander, FIELD_TEXT, "EXPANDER"),
	FIELD(struct poison_row, serial, FIELD_ADDRESS, NULL),
	FIELD(struct poison_row, dpa, FIELD_ADDRESS, "DPA"),
	FIELD(struct poison_row, since, FIELD_TEXT, "SINCE"),
	FIELD(struct poison_row, source, FIELD_TEXT, "SOURCE"),
	FIELD_END
};

static const char *time_text(uint64_t seconds)
{
	time_t time = seconds;
	char text[32];
	struct tm tm;

	if (!gmtime_r(&time, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return NULL;
	return keep_text(text);
}

void add_poison(struct table *table, struct cdm_region *region)
{
	struct cdm_expander *e = cdm_region_get_expander(region);
	struct cdm_poison *poison;

	cdm_poison_foreach(region, poison) {
		struct poison_row *row = table_add(table);

		row->region = keep_text(cdm_region_get_name(region));
		row->address = cdm_poison_get_addr(poison);
		row->dpa = cdm_poison_get_dpa(poison);
		row->serial = FIELD_ABSENT;
		if (row->dpa != CDM_DPA_UNKNOWN) {
			row->expander = keep_text(cdm_expander_get_name(e));
			row->serial = cdm_expander_get_serial(e);
		} else {
			row->dpa = FIELD_ABSENT;
		}
		row->since = time_text(cdm_poison_get_time(poison));
		row->source = cdm_bad_source_get_name(
			cdm_poison_get_source(poison));
	}
}
