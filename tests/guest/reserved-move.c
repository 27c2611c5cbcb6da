// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 120
 * quick: yes
 *
 * Level reserved: the memory of a node that nobody can name. Pages move in and
 * out, huge pages as such where the kernel can; what the kernel counts as memory
 * follows what is in use; offline brings all of it back under its owner.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cdmtest.h"

#define HUGE_LENGTH	(64 * MIB)
#define SMALL_LENGTH	(16 * MIB)
/* What the kernel may count of memory that nobody uses. */
#define SLACK_KB	(64 << 10)

static int fd;

static bool keeps_huge(void)
{
	return kernel_major() >= 7;
}

static uint64_t huge_kb(void)
{
	return proc_kb("/proc/self/smaps_rollup", "AnonHugePages");
}

static void check_huge(const char *what, uint64_t wanted_kb)
{
	check_equal(what, keeps_huge() ? wanted_kb : 0, huge_kb());
}

static void check_not_counted(const char *when, uint64_t total_kb)
{
	int64_t more = proc_kb("/proc/meminfo", "MemTotal") - total_kb;

	note("%s: MemTotal is %lld kB more, exposed %llu kB", when,
	     (long long)more,
	     (unsigned long long)region_read(0, "exposed") >> 10);
	check(more < SLACK_KB && more > -SLACK_KB, "%s: MemTotal grew by %lld kB",
	      when, (long long)more);
}

static void check_node_is_hidden(void)
{
	char text[256];
	int node = region_read(0, "node");

	file_text("/sys/devices/system/node/has_memory", text, sizeof(text));
	check(node > 0 && atoi(text) == 0 && !strchr(text, ',') &&
	      !strchr(text, '-'), "nodes with memory: %s, the region's is %d",
	      text, node);
}

static void move_there_and_back(char *addr, size_t length, bool huge,
				uint64_t seed)
{
	struct cdm_migrate move;

	content_write(addr, length, seed);
	if (huge)
		check_equal("huge before", length >> 10, huge_kb());
	move = move_range(fd, addr, length, 0, 0);
	move_print("in", &move);
	check_equal("moved in", length / PAGE, move.out_moved);
	if (huge) {
		check_equal("whole", keeps_huge() ? length / PAGE : 0,
			    move.out_whole);
		check_equal("split", keeps_huge() ? 0 : length / PAGE,
			    move.out_split);
		check_huge("huge there", length >> 10);
	}
	check_where("after moving in", addr, length, 0);
	check_residency(fd, 0, addr, length);
	check_node_is_hidden();
	content_check("after moving in", addr, length, seed);

	move = move_range(fd, addr, length, CDM_WHERE_RAM, 0);
	move_print("back", &move);
	check_equal("moved back", length / PAGE, move.out_moved);
	check_where("after moving back", addr, length, CDM_WHERE_RAM);
	if (huge)
		check_huge("huge after", length >> 10);
	content_check("after moving back", addr, length, seed);
}

/* The pages of the region that nobody uses any more leave the kernel's books. */
static void check_taken_back(uint64_t total_kb)
{
	unsigned int tries;

	for (tries = 0; tries < 600; tries++) {
		if (region_read(0, "exposed") <= (SLACK_KB << 10) / 2)
			break;
		sleep_ms(100);
	}
	check_not_counted("after use", total_kb);
	region_wait_used("pages in use", 0, 0);
}

static void offline_under_use(char *addr, size_t length, bool huge, uint64_t seed)
{
	struct cdm_offline result;

	content_write(addr, length, seed);
	move_whole(fd, addr, length, 0, 0);
	check_errno("offline", 0, region_offline(fd, 0, 30000, &result));
	note("offline moved %llu pages", (unsigned long long)result.out_moved);
	region_check_state(0, "held");
	check_where("after offline", addr, length, CDM_WHERE_RAM);
	if (huge)
		check_huge("huge after offline", length >> 10);
	content_check("after offline", addr, length, seed);
	shell("no_memory_blocks 0");
}

int main(void)
{
	uint64_t total_kb = proc_kb("/proc/meminfo", "MemTotal");
	char *huge, *small;

	test_begin_at(1, "reserved");
	fd = region_open(0);
	check_not_counted("idle", total_kb);

	small = map_aligned(SMALL_LENGTH, 2 * MIB);
	check(!madvise(small, SMALL_LENGTH, MADV_NOHUGEPAGE), "madvise: %m");
	move_there_and_back(small, SMALL_LENGTH, false, 1);
	munmap(small, SMALL_LENGTH);

	huge = map_aligned(HUGE_LENGTH, 2 * MIB);
	check(!madvise(huge, HUGE_LENGTH, MADV_HUGEPAGE), "madvise: %m");
	move_there_and_back(huge, HUGE_LENGTH, true, 2);
	munmap(huge, HUGE_LENGTH);
	check_taken_back(total_kb);

	small = map_aligned(SMALL_LENGTH, 2 * MIB);
	check(!madvise(small, SMALL_LENGTH, MADV_NOHUGEPAGE), "madvise: %m");
	offline_under_use(small, SMALL_LENGTH, false, 3);
	munmap(small, SMALL_LENGTH);
	check_not_counted("held", total_kb);

	check_errno("online again", 0,
		    region_online_at(fd, CDM_ISOLATION_RESERVED));
	huge = map_aligned(HUGE_LENGTH, 2 * MIB);
	check(!madvise(huge, HUGE_LENGTH, MADV_HUGEPAGE), "madvise: %m");
	offline_under_use(huge, HUGE_LENGTH, true, 4);
	munmap(huge, HUGE_LENGTH);
	close(fd);
	test_end();
	return 0;
}
