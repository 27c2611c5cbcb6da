// SPDX-License-Identifier: LGPL-2.1-or-later
/* Findings about expanders and regions. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "proc.h"

static void check_expander(struct cdm_expander *expander, struct cdm_check *check)
{
	const char *driver = expander->dax_driver;

	if (!strcmp(driver, "kmem"))
		cdm_check_add(check, CDM_SEVERITY_WARNING, "held-by-kmem",
			      "cdmctl online, which takes it over if its memory can be freed",
			      "%s (%s) is ordinary memory: kmem holds it", expander->name,
			      expander->dax_name);
	else if (!strcmp(driver, "device_dax"))
		cdm_check_add(check, CDM_SEVERITY_INFO, "held-by-device-dax",
			      "cdmctl online, which takes it over",
			      "%s (%s) is a plain dax device: device_dax holds it",
			      expander->name, expander->dax_name);
	else if (expander->dax_name[0] && strcmp(driver, "cdm"))
		cdm_check_add(check, CDM_SEVERITY_INFO, "not-claimed", "cdmctl online",
			      "%s (%s) is held by %s", expander->name, expander->dax_name,
			      driver[0] ? driver : "nobody");
	else if (!expander->dax_name[0])
		cdm_check_add(check, CDM_SEVERITY_INFO, "not-in-use", "cdmctl online",
			      "%s (%s) is not in use%s%s", expander->name,
			      cdm_size_text(expander->ram_size).text,
			      expander->cxl_region[0] ? ": no dax device came of " : "",
			      expander->cxl_region);
}

void cdm_check_expanders(struct cdm_ctx *ctx, struct cdm_check *check)
{
	struct cdm_expander *expander;

	cdm_expander_foreach(ctx, expander)
		check_expander(expander, check);
	if (!cdm_expander_get_first(ctx) && !cdm_region_get_first(ctx))
		cdm_check_add(check, CDM_SEVERITY_WARNING, "no-hardware",
			      "plug an expander; in the firmware setup, CXL memory must be on; "
			      "'lspci -d ::0502' shows what the bus sees",
			      "there is no CXL memory and no other volatile dax device");
}

static bool cpu_has_flag(struct cdm_ctx *ctx, const char *flag)
{
	char *text, *line, *end, *at;
	bool found = false;
	size_t len = strlen(flag);

	if (cdm_read_text(ctx, &text, "/proc/cpuinfo") < 0)
		return false;
	line = strstr(text, "\nflags");
	if (line) {
		end = strchrnul(line + 1, '\n');
		*end = '\0';
		for (at = line; !found && (at = strstr(at, flag)); at += len)
			found = at[-1] == ' ' && (at[len] == ' ' || !at[len]);
	}
	free(text);
	return found;
}

static bool can_make_regions(struct cdm_ctx *ctx)
{
	struct cdm_names names;
	bool found = false;

	if (cdm_scan(ctx, &names, "decoder", "/sys/bus/cxl/devices"))
		return true;
	for (unsigned int i = 0; !found && i < names.nr; i++)
		found = cdm_exists(ctx, "/sys/bus/cxl/devices/%s/create_ram_region",
				   names.name[i]);
	cdm_names_free(&names);
	return found;
}

/* Both concern memdevs that have no region yet. */
void cdm_check_hypervisor(struct cdm_ctx *ctx, struct cdm_check *check)
{
	struct cdm_expander *expander;
	bool bare = false;

	cdm_expander_foreach(ctx, expander)
		bare |= expander->kind == CDM_EXPANDER_CXL && !expander->cxl_region[0];
	if (!bare)
		return;
	if (cpu_has_flag(ctx, "hypervisor"))
		cdm_check_add(check, CDM_SEVERITY_ERROR, "hypervisor-no-flush",
			      "have the firmware set the region up, or hide the hypervisor from "
			      "the guest (QEMU: -cpu ...,hypervisor=off)",
			      "the kernel does not commit CXL regions under a hypervisor, which "
			      "cannot flush CPU caches for it");
	if (!can_make_regions(ctx))
		cdm_check_add(check, CDM_SEVERITY_ERROR, "no-ram-regions",
			      "use a kernel from 6.3 on, and load cxl_acpi",
			      "no CXL window here can be given a volatile region");
}

void cdm_check_regions(struct cdm_ctx *ctx, struct cdm_check *check)
{
	uint64_t used = 0, available, swap_free;
	struct cdm_region *region;

	cdm_region_foreach(ctx, region) {
		used += region->used;
		if (!cdm_exists(ctx, "%s", region->devnode))
			cdm_check_add(check, CDM_SEVERITY_ERROR, "node-missing",
				      "mount -t devtmpfs devtmpfs /dev",
				      "%s has no device node %s", region->name, region->devnode);
		if (region->retired)
			cdm_check_add(check, CDM_SEVERITY_WARNING, "bad-pages",
				      "the device's error log ('cxl list -M --media-errors') "
				      "says more; replace it if the number grows",
				      "%s: %s are bad and out of use", region->name,
				      cdm_size_text(region->retired).text);
		if (region->cut)
			cdm_check_add(check, CDM_SEVERITY_INFO, "cut", NULL,
				      "%s: %s at its ends are no whole block and not used",
				      region->name, cdm_size_text(region->cut).text);
	}
	if (!used || cdm_meminfo_read(ctx, &available, &swap_free) < 0)
		return;
	if (used > available + swap_free)
		cdm_check_add(check, CDM_SEVERITY_WARNING, "ram-too-small",
			      "free memory or add swap before an expander is to go",
			      "%s are in use on regions, and RAM has room for %s: not all can "
			      "be drained", cdm_size_text(used).text,
			      cdm_size_text(available + swap_free).text);
}
