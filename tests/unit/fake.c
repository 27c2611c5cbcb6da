// SPDX-License-Identifier: GPL-2.0-only
/* A folder that plays the part of /. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

void fake_set_up(struct fake *fake)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(fake->root, sizeof(fake->root), "%.40s/cdm-unit-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(fake->root));
	assert_int_equal(cdm_new(&fake->ctx), 0);
	assert_int_equal(cdm_set_root(fake->ctx, fake->root), 0);
}

void fake_tear_down(struct fake *fake)
{
	char command[128];

	cdm_unref(fake->ctx);
	snprintf(command, sizeof(command), "rm -rf '%s'", fake->root);
	assert_int_equal(system(command), 0);
}

static void make_path(struct fake *fake, char buf[512], const char *path)
{
	snprintf(buf, 512, "%s%s", fake->root, path);
	for (char *c = buf + strlen(fake->root) + 1; *c; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		if (mkdir(buf, 0755))
			assert_int_equal(errno, EEXIST);
		*c = '/';
	}
}

void fake_write(struct fake *fake, const char *path, const char *format, ...)
{
	char full[512];
	va_list ap;
	FILE *file;

	make_path(fake, full, path);
	file = fopen(full, "w");
	assert_non_null(file);
	va_start(ap, format);
	vfprintf(file, format, ap);
	va_end(ap);
	fclose(file);
}

void fake_link(struct fake *fake, const char *path, const char *target)
{
	char full[512];

	make_path(fake, full, path);
	unlink(full);
	assert_int_equal(symlink(target, full), 0);
}

void fake_remove(struct fake *fake, const char *path)
{
	char command[640];

	snprintf(command, sizeof(command), "rm -rf '%s%s'", fake->root, path);
	assert_int_equal(system(command), 0);
}

void fake_dax(struct fake *fake, const char *dax, uint64_t size, const char *driver,
	      const char *cxl_region)
{
	char device[128], path[256], target[256];

	if (cxl_region)
		snprintf(device, sizeof(device), "/sys/devices/platform/cxl/root0/%s/dax_%s/%s",
			 cxl_region, cxl_region, dax);
	else
		snprintf(device, sizeof(device), "/sys/devices/platform/hmem.0/%s", dax);
	snprintf(path, sizeof(path), "%s/size", device);
	fake_write(fake, path, "%" PRIu64 "\n", size);
	snprintf(path, sizeof(path), "%s/target_node", device);
	fake_write(fake, path, "1\n");
	snprintf(path, sizeof(path), "%s/resource", device);
	fake_write(fake, path, "0x100000000\n");
	snprintf(path, sizeof(path), "%s/driver", device);
	if (driver) {
		snprintf(target, sizeof(target), "../../../bus/dax/drivers/%s", driver);
		fake_link(fake, path, target);
	} else {
		fake_remove(fake, path);
	}
	snprintf(path, sizeof(path), "/sys/bus/dax/devices/%s", dax);
	snprintf(target, sizeof(target), "../../..%s", device + strlen("/sys"));
	fake_link(fake, path, target);
}

static void attribute(struct fake *fake, const char *dir, const char *name, uint64_t value)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fake_write(fake, path, "%" PRIu64 "\n", value);
}

void fake_level(struct fake *fake, int id, int isolation, uint64_t size, uint64_t used)
{
	char dir[128];

	snprintf(dir, sizeof(dir), "/sys/bus/cdm/devices/cdm%d/%s", id,
		 cdm_isolation_get_name(isolation));
	attribute(fake, dir, "size", size);
	attribute(fake, dir, "used", used);
	attribute(fake, dir, "idle", 0);
	attribute(fake, dir, "draining", 0);
	attribute(fake, dir, "retired", 0);
}

void fake_region(struct fake *fake, int id, const char *dax, const char *state,
		 const char *isolation, uint64_t size, uint64_t used)
{
	char dir[128], path[256];

	snprintf(dir, sizeof(dir), "/sys/bus/cdm/devices/cdm%d", id);
	snprintf(path, sizeof(path), "%s/dax", dir);
	fake_write(fake, path, "%s\n", dax);
	snprintf(path, sizeof(path), "%s/state", dir);
	fake_write(fake, path, "%s\n", state);
	snprintf(path, sizeof(path), "%s/isolation", dir);
	fake_write(fake, path, "%s\n", isolation);
	snprintf(path, sizeof(path), "%s/memmap", dir);
	fake_write(fake, path, "ram\n");
	snprintf(path, sizeof(path), "%s/resource", dir);
	fake_write(fake, path, "0x%" PRIx64 "\n", (uint64_t)(id + 1) << 32);
	snprintf(path, sizeof(path), "%s/node", dir);
	fake_write(fake, path, "%d\n", id + 1);
	attribute(fake, dir, "size", size);
	attribute(fake, dir, "block_size", 128 << 20);
	attribute(fake, dir, "online_size", strcmp(state, "held") ? size : 0);
	attribute(fake, dir, "used", used);
	attribute(fake, dir, "available", strcmp(state, "online") ? 0 : size - used);
	attribute(fake, dir, "draining", strcmp(state, "draining") ? 0 : used);
	attribute(fake, dir, "retired", 0);
	attribute(fake, dir, "cut", 0);
	attribute(fake, dir, "memmap_ram", 4 << 20);
	for (int i = CDM_ISOLATION_NONE + 1; i <= CDM_ISOLATION_SHARED; i++) {
		bool has = !strcmp(isolation, cdm_isolation_get_name(i));

		fake_level(fake, id, i, has ? size : 0, has ? used : 0);
	}
	snprintf(path, sizeof(path), "/dev/cdm%d", id);
	fake_write(fake, path, "%s", "");
	fake_write(fake, "/sys/module/cdm/parameters/claim", "Y\n");
}

void fake_memdev(struct fake *fake, int id, uint64_t serial, uint64_t ram_size,
		 const char *region)
{
	char device[128], path[256], target[256];

	snprintf(device, sizeof(device), "/sys/devices/pci0000:0c/0000:0%x:00.0/mem%d",
		 0xd + id, id);
	snprintf(path, sizeof(path), "%s/serial", device);
	fake_write(fake, path, "0x%" PRIx64 "\n", serial);
	snprintf(path, sizeof(path), "%s/ram/size", device);
	fake_write(fake, path, "0x%" PRIx64 "\n", ram_size);
	snprintf(path, sizeof(path), "%s/numa_node", device);
	fake_write(fake, path, "0\n");
	snprintf(path, sizeof(path), "/sys/bus/cxl/devices/mem%d", id);
	snprintf(target, sizeof(target), "../../..%s", device + strlen("/sys"));
	fake_link(fake, path, target);
	snprintf(path, sizeof(path), "/sys/bus/cxl/devices/endpoint%d/decoder%d.0/region",
		 id + 5, id + 5);
	fake_write(fake, path, "%s\n", region);
	snprintf(path, sizeof(path), "/sys/bus/cxl/devices/endpoint%d/uport", id + 5);
	snprintf(target, sizeof(target), "../mem%d", id);
	fake_link(fake, path, target);
}
