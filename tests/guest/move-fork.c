// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 60
 *
 * Pages that a parent and its child share, small and huge: they stay without
 * CDM_MIGRATE_SHARED and go with it, for both; copy-on-write gives each what is its
 * own; the last one to go frees the page.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cdmtest.h"

#define HALF	(2 * MIB)
#define HALF_PAGES	(HALF / PAGE)

static int fd, id;
static char *first, *second;	/* the halves of what is shared */

/* One step after the other, in parent and child. */
static int to_child[2], to_parent[2];

static void turn_give(const int *turn)
{
	check(write(turn[1], "", 1) == 1, "pipe: %m");
}

static void turn_wait(const int *turn)
{
	char byte;

	check(read(turn[0], &byte, 1) == 1, "the other one is gone");
}

static void child(void)
{
	turn_wait(to_child);
	content_check("child reads what has moved", first, HALF, 1);
	content_check("child reads what has moved", second, HALF, 2);
	check_where("the child's view", first, 2 * HALF, id);
	turn_give(to_parent);

	turn_wait(to_child);
	content_check("child after the parent's write", first, HALF, 1);
	content_write(second, HALF, 4);
	check_where("what the child wrote", second, HALF, CDM_WHERE_RAM);
	turn_give(to_parent);

	turn_wait(to_child);
	content_check("child at the end", first, HALF, 1);
	content_check("child at the end", second, HALF, 4);
	_exit(0);
}

static void parent(pid_t pid)
{
	struct cdm_migrate move = move_range(fd, first, 2 * HALF, id, 0);

	check_equal("shared pages that stayed", 2 * HALF_PAGES, move.out_shared);
	check_equal("used", 0, region_used(id));

	move = move_range(fd, first, 2 * HALF, id, CDM_MIGRATE_SHARED);
	check_equal("shared pages moved when asked", 2 * HALF_PAGES,
		    move.out_moved);
	check_equal("used", 2 * HALF_PAGES, region_used(id));
	check_where("the parent's view", first, 2 * HALF, id);
	check_equal("the child's view", 2 * HALF_PAGES,
		    pages_at(pid, first, 2 * HALF, id));
	check_residency(fd, pid, first, 2 * HALF);
	turn_give(to_child);
	turn_wait(to_parent);

	content_write(first, HALF, 3);
	check_where("what the parent wrote", first, HALF, CDM_WHERE_RAM);
	check_equal("used after the parent's write", 2 * HALF_PAGES,
		    region_used(id));
	turn_give(to_child);
	turn_wait(to_parent);

	content_check("parent", first, HALF, 3);
	content_check("parent", second, HALF, 2);
	/* Nobody shares them any more, so they may come back unasked. */
	move = move_range(fd, second, HALF, CDM_WHERE_RAM, 0);
	check_equal("back to RAM", HALF_PAGES, move.out_moved);
	check_equal("used by the child alone", HALF_PAGES, region_used(id));
	turn_give(to_child);
	child_check(pid, 0);
	check_equal("used after the child", 0, region_used(id));
	content_check("parent at the end", first, HALF, 3);
	content_check("parent at the end", second, HALF, 2);
}

static void share(int advice)
{
	pid_t pid;

	check(!pipe(to_child) && !pipe(to_parent), "pipe: %m");
	first = map_aligned(2 * HALF, HALF);
	second = first + HALF;
	check(!madvise(first, 2 * HALF, advice), "madvise: %m");
	content_write(first, HALF, 1);
	content_write(second, HALF, 2);
	check_equal("kB in huge pages", advice == MADV_HUGEPAGE ? 2 * HALF / 1024 : 0,
		    proc_kb("/proc/self/smaps_rollup", "AnonHugePages"));

	fflush(stdout);
	pid = fork();
	check(pid >= 0, "fork: %m");
	if (!pid)
		child();
	parent(pid);
	munmap(first, 2 * HALF);
}

int main(void)
{
	test_begin(1);
	fd = region_open(id);
	share(MADV_NOHUGEPAGE);
	share(MADV_HUGEPAGE);
	close(fd);
	test_end();
	return 0;
}
