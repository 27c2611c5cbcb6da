// SPDX-License-Identifier: LGPL-2.1-or-later
/* Expanders: CXL memdevs and other volatile dax devices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cxl.h"
#include "dax.h"
#include "expander.h"

struct expander_list {
	struct cdm_ctx *ctx;
	struct cdm_expander *old;	/* from the last time, to be used again */
	struct cdm_expander **tail;
};

static struct cdm_expander *expander_take(struct expander_list *list,
					  enum cdm_expander_kind kind,
					  const char *name, uint64_t serial)
{
	struct cdm_expander **at, *expander;

	for (at = &list->old; *at; at = &(*at)->next) {
		expander = *at;
		if (expander->kind == kind && expander->serial == serial &&
		    !strcmp(expander->name, name)) {
			*at = expander->next;
			return expander;
		}
	}
	return NULL;
}

/* The object known from before, with everything but its identity cleared. */
static struct cdm_expander *expander_add(struct expander_list *list,
					 enum cdm_expander_kind kind,
					 const char *name, uint64_t serial)
{
	struct cdm_expander *expander = expander_take(list, kind, name, serial);
	int refs = expander ? expander->refs : 1;

	if (!expander)
		expander = malloc(sizeof(*expander));
	if (!expander)
		return NULL;
	memset(expander, 0, sizeof(*expander));
	expander->refs = refs;
	expander->ctx = list->ctx;
	expander->kind = kind;
	expander->serial = serial;
	expander->node = -1;
	cdm_copy(expander->name, sizeof(expander->name), name);
	*list->tail = expander;
	list->tail = &expander->next;
	return expander;
}

static void expander_set_dax(struct cdm_expander *expander, const char *dax)
{
	struct cdm_ctx *ctx = expander->ctx;
	char text[CDM_NAME_MAX];

	cdm_copy(expander->dax_name, sizeof(expander->dax_name), dax);
	cdm_dax_read_driver(ctx, dax, expander->dax_driver);
	if (cdm_read_file(ctx, text, sizeof(text), CDM_DAX_BUS "/%s/target_node", dax) > 0)
		expander->node = atoi(text);
}

static int add_memdev(void *data, const struct cdm_memdev *memdev)
{
	struct expander_list *list = data;
	struct cdm_expander *expander;
	char dax[CDM_NAME_MAX];

	if (!memdev->ram_size)
		return 0;
	expander = expander_add(list, CDM_EXPANDER_CXL, memdev->name, memdev->serial);
	if (!expander)
		return -ENOMEM;
	expander->ram_size = memdev->ram_size;
	expander->node = memdev->node;
	/* a host that is no PCI device is the platform device of a test bus */
	if (strchr(memdev->host, ':'))
		cdm_copy(expander->pci, sizeof(expander->pci), memdev->host);
	if (memdev->uuid)
		cdm_copy(expander->uuid, sizeof(expander->uuid), memdev->uuid);
	if (!memdev->region)
		return 0;
	cdm_copy(expander->cxl_region, sizeof(expander->cxl_region), memdev->region);
	if (!cdm_dax_find_of_region(list->ctx, memdev->region, dax))
		expander_set_dax(expander, dax);
	return 0;
}

static bool dax_is_known(struct cdm_ctx *ctx, const char *dax)
{
	for (struct cdm_expander *e = ctx->expanders; e; e = e->next)
		if (!strcmp(e->dax_name, dax))
			return true;
	return false;
}

/*
 * The seed of a dynamic dax region (dax0.1 beside dax0.0) is a device of size 0:
 * no memory, no expander.
 */
static int add_dax(struct expander_list *list, const char *dax)
{
	struct cdm_expander *expander;
	uint64_t size = 0;

	if (dax_is_known(list->ctx, dax) || cdm_dax_is_pmem(list->ctx, dax))
		return 0;
	cdm_read_u64(list->ctx, &size, CDM_DAX_BUS "/%s/size", dax);
	if (!size)
		return 0;
	expander = expander_add(list, CDM_EXPANDER_DAX, dax, 0);
	if (!expander)
		return -ENOMEM;
	expander->ram_size = size;
	cdm_dax_read_cxl_region(list->ctx, dax, expander->cxl_region);
	expander_set_dax(expander, dax);
	return 0;
}

static void expanders_free(struct cdm_expander *list)
{
	while (list) {
		struct cdm_expander *next = list->next;

		list->next = NULL;
		cdm_expander_unref(list);
		list = next;
	}
}

void cdm_expanders_drop(struct cdm_ctx *ctx)
{
	expanders_free(ctx->expanders);
	ctx->expanders = NULL;
	ctx->expanders_read = false;
	cdm_cxl_drop(ctx);
}

int cdm_expanders_refresh(struct cdm_ctx *ctx)
{
	struct expander_list list = {
		.ctx = ctx,
		.old = ctx->expanders,
		.tail = &ctx->expanders,
	};
	struct cdm_names names;
	int rc;

	ctx->expanders = NULL;
	ctx->expanders_read = true;
	cdm_cxl_drop(ctx);
	rc = cdm_cxl_foreach_memdev(ctx, add_memdev, &list);
	if (!rc && !cdm_scan(ctx, &names, "dax", CDM_DAX_BUS)) {
		for (unsigned int i = 0; !rc && i < names.nr; i++)
			rc = add_dax(&list, names.name[i]);
		cdm_names_free(&names);
	}
	expanders_free(list.old);
	if (rc < 0)
		return cdm_fail(ctx, -rc, "list expanders: %s", strerror(-rc));
	return 0;
}

struct cdm_expander *cdm_expander_get_first(struct cdm_ctx *ctx)
{
	if (!ctx->expanders_read)
		cdm_expanders_refresh(ctx);
	return ctx->expanders;
}

struct cdm_expander *cdm_expander_get_next(struct cdm_expander *expander)
{
	return expander->next;
}

struct cdm_expander *cdm_expander_ref(struct cdm_expander *expander)
{
	expander->refs++;
	return expander;
}

struct cdm_expander *cdm_expander_unref(struct cdm_expander *expander)
{
	if (expander && --expander->refs == 0)
		free(expander);
	return NULL;
}

static const char *text_or_null(const char *text)
{
	return text[0] ? text : NULL;
}

enum cdm_expander_kind cdm_expander_get_kind(struct cdm_expander *expander)
{
	return expander->kind;
}

const char *cdm_expander_get_name(struct cdm_expander *expander)
{
	return expander->name;
}

uint64_t cdm_expander_get_serial(struct cdm_expander *expander)
{
	return expander->serial;
}

const char *cdm_expander_get_pci(struct cdm_expander *expander)
{
	return text_or_null(expander->pci);
}

uint64_t cdm_expander_get_ram_size(struct cdm_expander *expander)
{
	return expander->ram_size;
}

int cdm_expander_get_node(struct cdm_expander *expander)
{
	return expander->node;
}

const char *cdm_expander_get_cxl_region(struct cdm_expander *expander)
{
	return text_or_null(expander->cxl_region);
}

const char *cdm_expander_get_uuid(struct cdm_expander *expander)
{
	return text_or_null(expander->uuid);
}

const char *cdm_expander_get_dax_name(struct cdm_expander *expander)
{
	return text_or_null(expander->dax_name);
}

const char *cdm_expander_get_dax_driver(struct cdm_expander *expander)
{
	return text_or_null(expander->dax_driver);
}

struct cdm_region *cdm_expander_get_region(struct cdm_expander *expander)
{
	if (!expander->dax_name[0])
		return NULL;
	return cdm_region_find_dax(expander->ctx, expander->dax_name);
}
