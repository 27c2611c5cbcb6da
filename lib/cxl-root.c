// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memdevs of a tree that is not /sys. libcxl knows no other; tests need some, so
 * this reads the few attributes that a list shows. Nothing else is possible there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cxl.h"

#define CDM_CXL_BUS	"/sys/bus/cxl/devices"

static bool is_persistent(struct cdm_ctx *ctx, const char *port, const char *decoder)
{
	char mode[CDM_NAME_MAX];

	return cdm_read_file(ctx, mode, sizeof(mode), CDM_CXL_BUS "/%s/%s/mode", port,
			     decoder) >= 0 && !strcmp(mode, "pmem");
}

/*
 * The region that an endpoint decoder of the memdev (endpointN/uport) names, unless it is
 * of persistent memory.
 */
static void read_region(struct cdm_ctx *ctx, const char *memdev, char region[CDM_NAME_MAX])
{
	char uport[CDM_NAME_MAX], name[CDM_NAME_MAX], id[CDM_NAME_MAX];
	struct cdm_names decoders;
	struct cdm_names ports;

	region[0] = '\0';
	if (cdm_scan(ctx, &ports, "endpoint", CDM_CXL_BUS))
		return;
	for (unsigned int i = 0; i < ports.nr; i++) {
		if (cdm_read_link(ctx, uport, sizeof(uport), CDM_CXL_BUS "/%s/uport",
				  ports.name[i]) < 0 || strcmp(uport, memdev))
			continue;
		cdm_copy(id, sizeof(id), ports.name[i] + strlen("endpoint"));
		snprintf(name, sizeof(name), "decoder%.32s.", id);
		if (cdm_scan(ctx, &decoders, name, CDM_CXL_BUS "/%s", ports.name[i]))
			continue;
		for (unsigned int j = 0; j < decoders.nr && !region[0]; j++)
			if (!is_persistent(ctx, ports.name[i], decoders.name[j]))
				cdm_read_file(ctx, region, CDM_NAME_MAX,
					      CDM_CXL_BUS "/%s/%s/region",
					      ports.name[i], decoders.name[j]);
		cdm_names_free(&decoders);
	}
	cdm_names_free(&ports);
}

int cdm_cxl_foreach_memdev_of_root(struct cdm_ctx *ctx,
				   int (*fn)(void *data, const struct cdm_memdev *memdev),
				   void *data)
{
	char region[CDM_NAME_MAX], node[CDM_NAME_MAX], path[PATH_MAX], host[PATH_MAX];
	struct cdm_names names;
	int rc = cdm_scan(ctx, &names, "mem", CDM_CXL_BUS);

	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	for (unsigned int i = 0; !rc && i < names.nr; i++) {
		struct cdm_memdev memdev = { .name = names.name[i], .node = -1 };

		cdm_read_u64(ctx, &memdev.serial, CDM_CXL_BUS "/%s/serial", memdev.name);
		cdm_read_u64(ctx, &memdev.ram_size, CDM_CXL_BUS "/%s/ram/size", memdev.name);
		if (cdm_read_file(ctx, node, sizeof(node), CDM_CXL_BUS "/%s/numa_node",
				  memdev.name) > 0)
			memdev.node = atoi(node);
		memdev.host = "";
		if (!cdm_path(ctx, path, CDM_CXL_BUS "/%s", memdev.name) &&
		    realpath(path, host) && strrchr(host, '/')) {
			*strrchr(host, '/') = '\0';
			memdev.host = strrchr(host, '/') ? strrchr(host, '/') + 1 : "";
		}
		read_region(ctx, memdev.name, region);
		memdev.region = region[0] ? region : NULL;
		rc = fn(data, &memdev);
	}
	cdm_names_free(&names);
	return rc;
}
