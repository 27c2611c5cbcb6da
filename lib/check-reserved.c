// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Findings about level reserved: its pages are ordinary ones on the LRU, so some of
 * the kernel's own machinery sees them, and who names their node can get there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "proc.h"

#define SYS_NODE	"/sys/devices/system/node"
#define SYS_DAMON	"/sys/kernel/mm/damon/admin"
#define SYS_THP		"/sys/kernel/mm/transparent_hugepage"

/* Is it in a list such as "0-1,3"? */
static bool list_has(const char *list, long number)
{
	char *end;

	while (*list >= '0' && *list <= '9') {
		long first = strtol(list, &end, 10), last = first;

		if (*end == '-')
			last = strtol(end + 1, &end, 10);
		if (number >= first && number <= last)
			return true;
		list = *end == ',' ? end + 1 : end;
	}
	return false;
}

static uint64_t number_in(struct cdm_ctx *ctx, const char *path)
{
	uint64_t value = 0;

	return cdm_read_u64(ctx, &value, "%s", path) < 0 ? 0 : value;
}

/* --- what is wrong or has happened --- */

/* Every fallback list is made of the nodes in has_memory. */
static void check_in_reach(struct cdm_ctx *ctx, struct cdm_check *check,
			   struct cdm_region *region)
{
	char list[256];

	if (cdm_read_file(ctx, list, sizeof(list), SYS_NODE "/has_memory") > 0 &&
	    list_has(list, region->node))
		cdm_check_add(check, CDM_SEVERITY_ERROR, "reserved-in-reach",
			      "take offline what else is online there ('daxctl list', "
			      "'lsmem -o+NODE'), then this region, and online it again",
			      "%s is at level reserved, and its node %d is one that the kernel "
			      "allocates from", region->name, region->node);
}

static void check_tiers(struct cdm_ctx *ctx, struct cdm_check *check,
			struct cdm_region *region)
{
	struct cdm_names names;
	char list[256];

	if (cdm_scan(ctx, &names, "memory_tier", "/sys/devices/virtual/memory_tiering"))
		return;
	for (unsigned int i = 0; i < names.nr; i++)
		if (cdm_read_file(ctx, list, sizeof(list),
				  "/sys/devices/virtual/memory_tiering/%s/nodelist",
				  names.name[i]) > 0 && list_has(list, region->node))
			cdm_check_add(check, CDM_SEVERITY_WARNING, "reserved-in-tier",
				      "echo false > /sys/kernel/mm/numa/demotion_enabled",
				      "node %d of %s, level reserved, is in %s: demotion may put "
				      "pages there", region->node, region->name, names.name[i]);
	cdm_names_free(&names);
}

static void check_foreign(struct cdm_check *check, struct cdm_region *region)
{
	uint64_t bytes;

	if (!cdm_region_read_foreign(region, &bytes) && bytes)
		cdm_check_add(check, CDM_SEVERITY_WARNING, "reserved-foreign",
			      "find out who named the node; 'cdmctl offline' moves them out",
			      "%s: %s at level reserved are in use that cdm did not place there",
			      region->name, cdm_size_text(bytes).text);
}

/* --- who names the node --- */

static void check_hugetlb(struct cdm_ctx *ctx, struct cdm_check *check,
			  struct cdm_region *region)
{
	struct cdm_names names;
	uint64_t nr;

	if (cdm_scan(ctx, &names, "hugepages-", SYS_NODE "/node%d/hugepages", region->node))
		return;
	for (unsigned int i = 0; i < names.nr; i++)
		if (!cdm_read_u64(ctx, &nr, SYS_NODE "/node%d/hugepages/%s/nr_hugepages",
				  region->node, names.name[i]) && nr)
			cdm_check_add(check, CDM_SEVERITY_WARNING, "reserved-hugetlb",
				      "write 0 into that file",
				      "node %d of %s, level reserved, has a pool of %llu huge pages "
				      "(" SYS_NODE "/node%d/hugepages/%s/nr_hugepages)",
				      region->node, region->name, (unsigned long long)nr,
				      region->node, names.name[i]);
	cdm_names_free(&names);
}

/* Does a scheme of DAMON name the node? path: the scheme's folder. */
static bool scheme_names_node(struct cdm_ctx *ctx, const char *path, int node)
{
	char action[CDM_NAME_MAX], target[CDM_NAME_MAX];
	struct cdm_names dests;
	bool found = false;

	if (cdm_read_file(ctx, action, sizeof(action), "%s/action", path) <= 0 ||
	    strncmp(action, "migrate_", 8))
		return false;
	/* "-1" is none */
	if (cdm_read_file(ctx, target, sizeof(target), "%s/target_nid", path) > 0)
		found = atoi(target) == node;
	if (found || cdm_scan(ctx, &dests, "", "%s/dests", path))
		return found;
	for (unsigned int i = 0; !found && i < dests.nr; i++)
		found = cdm_read_file(ctx, target, sizeof(target), "%s/dests/%s/id", path,
				      dests.name[i]) > 0 &&
			strcmp(dests.name[i], "nr_dests") && atoi(target) == node;
	cdm_names_free(&dests);
	return found;
}

/* fn for each numbered folder in path/folder. */
static void each_number(struct cdm_ctx *ctx, const char *path, const char *folder,
			void (*fn)(struct cdm_ctx *ctx, const char *path, void *data), void *data)
{
	struct cdm_names names;
	char child[256];

	if (cdm_scan(ctx, &names, "", "%s/%s", path, folder))
		return;
	for (unsigned int i = 0; i < names.nr; i++)
		if (names.name[i][0] >= '0' && names.name[i][0] <= '9' &&
		    snprintf(child, sizeof(child), "%s/%s/%s", path, folder, names.name[i]) <
		    (int)sizeof(child))
			fn(ctx, child, data);
	cdm_names_free(&names);
}

struct damon_walk {
	struct cdm_check *check;
	struct cdm_region *region;
};

static void check_scheme(struct cdm_ctx *ctx, const char *path, void *data)
{
	struct damon_walk *walk = data;

	if (scheme_names_node(ctx, path, walk->region->node))
		cdm_check_add(walk->check, CDM_SEVERITY_WARNING, "reserved-damon",
			      "give the scheme another node, or write off into the state of its "
			      "kdamond", "a scheme of DAMON moves pages to node %d of %s, level "
			      "reserved (%s)", walk->region->node, walk->region->name, path);
}

static void check_context(struct cdm_ctx *ctx, const char *path, void *data)
{
	each_number(ctx, path, "schemes", check_scheme, data);
}

static void check_kdamond(struct cdm_ctx *ctx, const char *path, void *data)
{
	each_number(ctx, path, "contexts", check_context, data);
}

/* --- what takes pages away --- */

static void check_kernel_movers(struct cdm_ctx *ctx, struct cdm_check *check)
{
	char text[CDM_NAME_MAX];

	if (number_in(ctx, "/proc/sys/kernel/numa_balancing"))
		cdm_check_add(check, CDM_SEVERITY_WARNING, "reserved-numa-balancing",
			      "sysctl kernel.numa_balancing=0, or level private",
			      "NUMA balancing is on: it may move pages at level reserved to RAM "
			      "when they are used");
	if (number_in(ctx, "/sys/kernel/mm/ksm/run") == 1)
		cdm_check_add(check, CDM_SEVERITY_INFO, "reserved-ksm",
			      "echo 2 > /sys/kernel/mm/ksm/run, or level private",
			      "KSM is on: of equal pages that programs let it merge one stays, "
			      "and that may be one at level reserved or one in RAM");
	if (cdm_read_file(ctx, text, sizeof(text), SYS_THP "/enabled") > 0 &&
	    !strstr(text, "[never]"))
		cdm_check_add(check, CDM_SEVERITY_INFO, "reserved-khugepaged",
			      "MADV_NOHUGEPAGE in the program, echo never > " SYS_THP "/enabled, or "
			      "level private",
			      "transparent huge pages are on: khugepaged may gather small pages at "
			      "level reserved into huge ones in RAM");
	if (cdm_read_file(ctx, text, sizeof(text), "/sys/kernel/mm/numa/demotion_enabled") > 0 &&
	    !strcmp(text, "true"))
		cdm_check_add(check, CDM_SEVERITY_INFO, "reserved-demotion", NULL,
			      "demotion is on: it goes past level reserved, which is in no "
			      "memory tier");
}

static void check_reclaim(struct cdm_ctx *ctx, struct cdm_check *check)
{
	char *text, *line;
	unsigned long long kib = 0;

	if (cdm_read_text(ctx, &text, "/proc/meminfo") < 0)
		return;
	line = strstr(text, "SwapTotal:");
	if (line && sscanf(line, "SwapTotal: %llu", &kib) == 1 && kib)
		cdm_check_add(check, CDM_SEVERITY_INFO, "reserved-reclaim",
			      "mlock what must stay, or level private",
			      "there is swap: MADV_PAGEOUT and DAMON's pageout may swap pages at "
			      "level reserved out, and they come back to RAM");
	free(text);
}

/* Once, since it is true of every machine: who may come although nobody asked cdm. */
static void check_doors(struct cdm_ctx *ctx, struct cdm_check *check,
			struct cdm_region *region)
{
	bool hugetlb = cdm_exists(ctx, SYS_NODE "/node%d/hugepages", region->node);
	bool damon = cdm_exists(ctx, SYS_DAMON);

	if (hugetlb || damon)
		cdm_check_add(check, CDM_SEVERITY_INFO, "reserved-doors", NULL,
			      "root can still name a node of level reserved by%s%s%s; what comes "
			      "there is counted as foreign",
			      hugetlb ? " the hugetlb files of the node" : "",
			      hugetlb && damon ? " and" : "",
			      damon ? " a target node of DAMON" : "");
}

void cdm_check_reserved(struct cdm_ctx *ctx, struct cdm_check *check)
{
	struct cdm_region *region, *first = NULL;

	cdm_region_foreach(ctx, region) {
		struct damon_walk walk = { check, region };

		if (!cdm_region_get_level(region, CDM_ISOLATION_RESERVED))
			continue;
		if (!first)
			first = region;
		check_in_reach(ctx, check, region);
		check_tiers(ctx, check, region);
		check_foreign(check, region);
		check_hugetlb(ctx, check, region);
		each_number(ctx, SYS_DAMON, "kdamonds", check_kdamond, &walk);
	}
	if (!first)
		return;
	check_kernel_movers(ctx, check);
	check_reclaim(ctx, check);
	check_doors(ctx, check, first);
}
