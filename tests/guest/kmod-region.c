// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod-region: the ioctls of a region, for scripts. Not a test.
 *
 *   kmod-region online ID [LEVEL]	give it level private, reserved or shared; well
 *					if it has it
 *   kmod-region offline ID [MS]	drain and hold it, within MS milliseconds
 *   kmod-region populate ID [MIB]	use each page once, or so many, and free all
 *   kmod-region read ID		write each page that can be had to stdout
 *
 * The status is 0, or the errno of what failed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cdmtest.h"

static unsigned int level(const char *name)
{
	if (!strcmp(name, "private"))
		return CDM_ISOLATION_PRIVATE;
	if (!strcmp(name, "reserved"))
		return CDM_ISOLATION_RESERVED;
	if (!strcmp(name, "shared"))
		return CDM_ISOLATION_SHARED;
	fail("no level is called '%s'", name);
}

static int online(int id, const char *name)
{
	int rc = region_online_at(region_open(id), level(name));

	return rc == -EALREADY ? 0 : rc;
}

static int offline(int id, uint64_t timeout_ms)
{
	struct cdm_offline result;
	int rc = region_offline(region_open(id), 0, timeout_ms, &result);

	note("offline %s: moved %llu left %llu pinned %llu busy %llu no_memory %llu",
	     rc ? strerrorname_np(-rc) : "0",
	     (unsigned long long)result.out_moved,
	     (unsigned long long)result.out_left,
	     (unsigned long long)result.out_pinned,
	     (unsigned long long)result.out_busy,
	     (unsigned long long)result.out_no_memory);
	return rc;
}

/* Pages of the region in memory of this process: @length bytes, if that is 0 all. */
static void *take(int id, size_t *length)
{
	struct cdm_migrate move;
	void *addr;

	if (!*length)
		*length = region_read(id, "available");
	check(*length, "cdm%d has no page to give", id);
	addr = mmap(NULL, *length, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(addr != MAP_FAILED, "mmap: %m");
	move = move_range(region_open(id), addr, *length, id,
			  CDM_MIGRATE_POPULATE);
	check_equal("populated", *length / PAGE, move.out_populated);
	return addr;
}

static int populate(int id, size_t length)
{
	take(id, &length);
	note("populated %zu pages", length / PAGE);
	return 0;
}

static int dump(int id)
{
	size_t length = 0, done;
	char *addr = take(id, &length);

	for (done = 0; done < length; ) {
		ssize_t got = write(1, addr + done, length - done);

		if (got < 0)
			return -errno;
		done += got;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int id = argc > 2 ? atoi(argv[2]) : -1;

	if (id >= 0 && !strcmp(argv[1], "online"))
		return -online(id, argc > 3 ? argv[3] : "private");
	if (id >= 0 && !strcmp(argv[1], "offline"))
		return -offline(id, argc > 3 ? atoi(argv[3]) : 0);
	if (id >= 0 && !strcmp(argv[1], "populate"))
		return -populate(id, argc > 3 ? atoi(argv[3]) * MIB : 0);
	if (id >= 0 && !strcmp(argv[1], "read"))
		return -dump(id);
	fputs("usage: kmod-region online|offline|populate|read ID [LEVEL|MS|MIB]\n", stderr);
	return 2;
}
