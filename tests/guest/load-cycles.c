// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 180
 *
 * A region goes online and offline again and again, at every level, each time with
 * the memory of a program on it: its content stays right, and neither the kernel's
 * slabs nor the memory maps of the region grow with the number of cycles.
 *
 *	LOAD_CYCLES=1000 load-cycles
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cdmtest.h"

#define CYCLES		60
#define LENGTH		(4 * MIB)
#define SEED		17
#define LEAK_KB		1024	/* of a cycle in three: a page of each, and noise */

static const unsigned int levels[] = {
	CDM_ISOLATION_PRIVATE, CDM_ISOLATION_PRIVATE, CDM_ISOLATION_RESERVED,
	CDM_ISOLATION_PRIVATE, CDM_ISOLATION_SHARED,
};

static int fd;

static void cycle(unsigned int number, char *addr)
{
	unsigned int level = levels[number % ARRAY_SIZE(levels)];
	int rc;

	check_errno("online", 0, region_online_at(fd, level));
	if (level != CDM_ISOLATION_SHARED)
		move_whole(fd, addr, LENGTH, 0, 0);
	rc = region_offline(fd, 0, 20000, NULL);
	if (rc)
		note("cycle %u, level %u", number, level);
	check_errno("offline", 0, rc);
	content_check("after a cycle", addr, LENGTH, SEED);
}

/* What cycles could leave behind: slabs, page tables, per-CPU memory, all that is used. */
static void books(uint64_t *slab_kb, uint64_t *used_kb)
{
	shell("sync; echo 3 >/proc/sys/vm/drop_caches");
	*slab_kb = proc_kb("/proc/meminfo", "SUnreclaim") +
		   proc_kb("/proc/meminfo", "Percpu") +
		   proc_kb("/proc/meminfo", "PageTables");
	*used_kb = proc_kb("/proc/meminfo", "MemTotal") -
		   proc_kb("/proc/meminfo", "MemFree");
}

int main(void)
{
	unsigned int i, cycles = env_number("LOAD_CYCLES", CYCLES);
	uint64_t slab, used, slab_before, used_before;
	char *addr = map_aligned(LENGTH, 2 * MIB);
	double began, end;

	test_begin(1);
	fd = region_open(0);
	content_write(addr, LENGTH, SEED);
	check_errno("offline", 0, region_offline(fd, 0, 0, NULL));
	for (i = 0; i < 2 * ARRAY_SIZE(levels); i++)
		cycle(i, addr);
	books(&slab_before, &used_before);
	began = now();
	for (i = 0; i < cycles; i++)
		cycle(i, addr);
	note("%u cycles in %.1f s", cycles, now() - began);
	/* Workers of udev, and what is freed after a grace period, go by themselves. */
	end = now() + 60;
	do {
		books(&slab, &used);
	} while ((int64_t)(slab - slab_before) >= LEAK_KB && now() < end &&
		 (sleep_ms(1000), true));
	note("unreclaimable slab, page tables and per-CPU memory: %lld kB more; memory used: %lld kB more",
	     (long long)(slab - slab_before), (long long)(used - used_before));
	check((int64_t)(slab - slab_before) < LEAK_KB, "the kernel's memory grew");
	check_errno("online", 0, region_online(fd));
	munmap(addr, LENGTH);
	close(fd);
	test_end();
	return 0;
}
