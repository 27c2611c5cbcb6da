// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 180
 *
 * Changing the level of a region with live data in place: every pair of levels,
 * a part of a region, and the old state back when a page is held.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cdmtest.h"

#define LENGTH	(96 * MIB)

static const char * const names[] = {
	[CDM_ISOLATION_PRIVATE] = "private",
	[CDM_ISOLATION_RESERVED] = "reserved",
	[CDM_ISOLATION_SHARED] = "shared",
};

static int fd;

static int change(unsigned int level, uint64_t length, uint64_t timeout_ms,
		  unsigned int flags, struct cdm_set_isolation *result)
{
	struct cdm_set_isolation set = {
		.size = sizeof(set),
		.flags = flags,
		.isolation = level,
		.length = length,
		.timeout_ms = timeout_ms,
	};
	double began = now();
	int rc = ioctl(fd, CDM_SET_ISOLATION, &set) ? -errno : 0;

	note("to %s, %llu MiB: %s in %.3f s; %llu MiB have it, moved %llu, left %llu, pinned %llu, busy %llu, no memory %llu",
	     level < 5 && names[level] ? names[level] : "?",
	     (unsigned long long)length / MIB, rc ? strerrorname_np(-rc) : "0",
	     now() - began, (unsigned long long)set.out_length / MIB,
	     (unsigned long long)set.out_moved, (unsigned long long)set.out_left,
	     (unsigned long long)set.out_pinned, (unsigned long long)set.out_busy,
	     (unsigned long long)set.out_no_memory);
	if (result)
		*result = set;
	return rc;
}

static void check_level(const char *wanted)
{
	char text[32];

	region_text(0, "isolation", text, sizeof(text));
	check(!strcmp(text, wanted), "the level is %s, expected %s", text, wanted);
}

/* Blocks whose flags are @wanted, as far as @mask goes. */
static uint64_t blocks_flagged(uint32_t mask, uint32_t wanted)
{
	static struct cdm_block_info info[64];
	struct cdm_blocks blocks = {
		.size = sizeof(blocks),
		.nr_blocks = ARRAY_SIZE(info),
		.blocks = (uintptr_t)info,
	};
	unsigned int i, nr = 0;

	check(!ioctl(fd, CDM_BLOCKS, &blocks), "CDM_BLOCKS: %m");
	for (i = 0; i < blocks.out_nr_blocks; i++)
		nr += (info[i].flags & mask) == wanted;
	return nr;
}

static uint64_t blocks_with(unsigned int level)
{
	return blocks_flagged(CDM_BLOCK_ISOLATION,
			      level << CDM_BLOCK_ISOLATION_SHIFT);
}

static uint64_t blocks_closed(void)
{
	return blocks_flagged(CDM_BLOCK_DRAINING, CDM_BLOCK_DRAINING);
}

static void has_memory(bool wanted)
{
	char text[64];

	file_text("/sys/devices/system/node/has_memory", text, sizeof(text));
	check(!!strpbrk(text, ",-") == wanted, "nodes with memory: %s", text);
}

/* From one level to the next, with data on the region that stays right. */
static void pairs(char *addr)
{
	static const unsigned int way[] = {
		CDM_ISOLATION_RESERVED, CDM_ISOLATION_PRIVATE,
		CDM_ISOLATION_SHARED, CDM_ISOLATION_RESERVED,
		CDM_ISOLATION_SHARED, CDM_ISOLATION_PRIVATE,
	};
	struct cdm_set_isolation result;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(way); i++) {
		move_whole(fd, addr, LENGTH, 0, 0);
		check_where("before a change", addr, LENGTH, 0);
		check_errno("change", 0, change(way[i], 0, 60000, 0, &result));
		check_level(names[way[i]]);
		check_equal("bytes with the level", region_read(0, "size"),
			    result.out_length);
		has_memory(way[i] == CDM_ISOLATION_SHARED);
		note("after it: %llu pages on the region",
		     (unsigned long long)pages_at(0, addr, LENGTH, 0));
		content_check("after a change", addr, LENGTH, 7);
		check_errno("again", EALREADY, change(way[i], 0, 0, 0, NULL));
	}
}

static void part(void)
{
	uint64_t block = region_read(0, "block_size");

	check_errno("half a block", EINVAL,
		    change(CDM_ISOLATION_RESERVED, block / 2, 0, 0, NULL));
	check_errno("a block", 0,
		    change(CDM_ISOLATION_RESERVED, block, 0, 0, NULL));
	check_level("mixed");
	check_equal("reserved blocks", 1, blocks_with(CDM_ISOLATION_RESERVED));
	check_errno("two blocks", 0,
		    change(CDM_ISOLATION_RESERVED, 2 * block, 0, 0, NULL));
	check_errno("shared beside them", EXDEV,
		    change(CDM_ISOLATION_SHARED, block, 0, 0, NULL));
	check_equal("reserved blocks", 2, blocks_with(CDM_ISOLATION_RESERVED));
	check_errno("private again", 0,
		    change(CDM_ISOLATION_PRIVATE, 0, 0, 0, NULL));
	check_level("private");
}

/* A page in a pipe forbids it; then all is as it was, and data still right. */
static void held(char *addr)
{
	struct cdm_set_isolation result;
	struct iovec part = { addr, PAGE };
	unsigned int slices;
	int ends[2];

	move_whole(fd, addr, LENGTH, 0, 0);
	check(!pipe(ends), "pipe: %m");
	check(vmsplice(ends[1], &part, 1, 0) == PAGE, "vmsplice: %m");
	check_errno("with a page held", ETIMEDOUT,
		    change(CDM_ISOLATION_RESERVED, 0, 2000, 0, &result));
	check(result.out_left && result.out_pinned, "nothing is said to be held");
	check_level("private");
	/* A slow machine needs several to get through a block. */
	for (slices = 0; slices < 60 && !blocks_with(CDM_ISOLATION_RESERVED); slices++)
		check_errno("in slices", ETIMEDOUT,
			    change(CDM_ISOLATION_RESERVED, 0, 1000,
				   CDM_SET_ISOLATION_KEEP, &result));
	check(blocks_with(CDM_ISOLATION_RESERVED) > 0, "no block was changed");
	check_errno("cancel", 0, change(CDM_ISOLATION_RESERVED, 0, 0,
					CDM_SET_ISOLATION_CANCEL, &result));
	check_level("private");
	check_errno("all but one in slices", ETIMEDOUT,
		    change(CDM_ISOLATION_RESERVED, 0, 2000,
			   CDM_SET_ISOLATION_KEEP, &result));
	check_errno("that is enough", 0,
		    change(CDM_ISOLATION_RESERVED,
			   region_read(0, "size") - region_read(0, "block_size"),
			   60000, CDM_SET_ISOLATION_KEEP, &result));
	check_equal("blocks that hand out nothing", 0, blocks_closed());
	check_errno("back", 0, change(CDM_ISOLATION_PRIVATE, 0, 60000, 0, NULL));
	check_level("private");
	close(ends[0]);
	close(ends[1]);
	content_check("after a change that failed", addr, LENGTH, 7);
	check_errno("when it is free", 0,
		    change(CDM_ISOLATION_RESERVED, 0, 60000, 0, NULL));
	check_level("reserved");
}

int main(void)
{
	char *addr = map_aligned(LENGTH, 2 * MIB);

	test_begin(1);
	fd = region_open(0);
	check_errno("no level", EINVAL, change(0, 0, 0, 0, NULL));
	check_errno("exclusive", EOPNOTSUPP, change(1, 0, 0, 0, NULL));
	check(!madvise(addr, LENGTH / 2, MADV_HUGEPAGE), "madvise: %m");
	check(!madvise(addr + LENGTH / 2, LENGTH / 2, MADV_NOHUGEPAGE),
	      "madvise: %m");
	content_write(addr, LENGTH, 7);
	pairs(addr);
	part();
	held(addr);
	content_check("at the end", addr, LENGTH, 7);
	munmap(addr, LENGTH);
	close(fd);
	test_end();
	return 0;
}
