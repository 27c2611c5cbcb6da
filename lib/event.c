// SPDX-License-Identifier: LGPL-2.1-or-later
/* One event: a copy of what udev said of it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libudev.h>

#include "event.h"

struct property {
	char *key;		/* "CDM_LEFT" */
	char *word;		/* "left"; NULL: not one of cdm's */
	char *value;
};

struct cdm_event {
	int refs;
	uint64_t time_us;
	char *subsystem;
	char *device;
	char *kind;
	struct property *property;
	unsigned int nr;
};

static char *detail_word(const char *key)
{
	char *word;

	if (strncmp(key, "CDM_", 4) || !strcmp(key, "CDM_EVENT"))
		return NULL;
	word = strdup(key + 4);
	/* tolower() would ask the locale: a Turkish one has another small I */
	for (char *c = word; c && *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	return word;
}

static int event_add_property(struct cdm_event *event, const char *key, const char *value)
{
	struct property *grown = realloc(event->property, (event->nr + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	event->property = grown;
	grown += event->nr;
	grown->key = strdup(key);
	grown->value = strdup(value ? value : "");
	grown->word = detail_word(key);
	event->nr++;
	return grown->key && grown->value ? 0 : -ENOMEM;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

int cdm_event_from_udev(struct udev_device *device, struct cdm_event **out)
{
	struct cdm_event *event = calloc(1, sizeof(*event));
	struct udev_list_entry *entry;
	const char *kind;
	int rc = 0;

	if (!event)
		return -ENOMEM;
	event->refs = 1;
	event->time_us = now_us();
	udev_list_entry_foreach(entry, udev_device_get_properties_list_entry(device))
		if (!rc)
			rc = event_add_property(event, udev_list_entry_get_name(entry),
						udev_list_entry_get_value(entry));
	kind = cdm_event_get_value(event, "CDM_EVENT");
	/* properties of an earlier change may stay in udev's data base */
	if (!kind || strcmp(text_or_empty(udev_device_get_action(device)), "change"))
		kind = udev_device_get_action(device);
	event->kind = strdup(kind ? kind : "change");
	event->subsystem = strdup(text_or_empty(udev_device_get_subsystem(device)));
	event->device = strdup(text_or_empty(udev_device_get_sysname(device)));
	if (rc < 0 || !event->kind || !event->subsystem || !event->device) {
		cdm_event_unref(event);
		return -ENOMEM;
	}
	*out = event;
	return 0;
}

struct cdm_event *cdm_event_ref(struct cdm_event *event)
{
	event->refs++;
	return event;
}

struct cdm_event *cdm_event_unref(struct cdm_event *event)
{
	if (!event || --event->refs > 0)
		return NULL;
	for (unsigned int i = 0; i < event->nr; i++) {
		free(event->property[i].key);
		free(event->property[i].word);
		free(event->property[i].value);
	}
	free(event->property);
	free(event->subsystem);
	free(event->device);
	free(event->kind);
	free(event);
	return NULL;
}

uint64_t cdm_event_get_time_us(struct cdm_event *event)
{
	return event->time_us;
}

const char *cdm_event_get_subsystem(struct cdm_event *event)
{
	return event->subsystem;
}

const char *cdm_event_get_device(struct cdm_event *event)
{
	return event->device;
}

const char *cdm_event_get_kind(struct cdm_event *event)
{
	return event->kind;
}

const char *cdm_event_get_value(struct cdm_event *event, const char *key)
{
	for (unsigned int i = 0; i < event->nr; i++)
		if (!strcmp(event->property[i].key, key))
			return event->property[i].value;
	return NULL;
}

bool cdm_event_get_detail(struct cdm_event *event, unsigned int index,
			  const char **key, const char **value)
{
	for (unsigned int i = 0; i < event->nr; i++) {
		if (!event->property[i].word || index--)
			continue;
		*key = event->property[i].word;
		*value = event->property[i].value;
		return true;
	}
	return false;
}
