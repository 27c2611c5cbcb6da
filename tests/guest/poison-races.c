// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --ram 2G --expander 512M
 * timeout: 60
 *
 * Pages go bad in the middle of things, wherever they are just then: while two move
 * them in opposite directions, and while the region drains; mapped by a process and
 * its child, small and huge, at private and at reserved. Whatever the moment: each
 * page has its content or is a SIGBUS, at most as many are as went bad, nobody keeps a
 * mapping of a bad page, but of one at reserved that the kernel gave up on, and the
 * region has all of its own among those it retired.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cdmtest.h"

#define LENGTH		(32 * MIB)
#define PAGES		(LENGTH / PAGE)
#define BAD_IN_MOVES	48
#define BAD_IN_DRAIN	8
#define MAX_BAD		(4 * (BAD_IN_MOVES + BAD_IN_DRAIN))

static const int id;
static int fd;
static char *memory;
static atomic_bool stop;
static struct bad_frame {
	uint64_t frame;
	bool kept;	/* ordinary memory of the region that the kernel gave up on */
} bad[MAX_BAD];
static unsigned int nr_bad, nr_bad_of_region;
static unsigned int level;

/* The kernel gives up on pages that are on their way just then. Return: whether it did. */
static bool hard_offline(uint64_t frame)
{
	int rc = frame_hard_offline(frame);

	if (rc)
		note("frame %#llx: %s", (unsigned long long)frame, strerror(-rc));
	return rc;
}

static const struct bad_frame *bad_find(uint64_t frame)
{
	unsigned int i;

	for (i = 0; i < nr_bad; i++)
		if (bad[i].frame == frame)
			return &bad[i];
	return NULL;
}

/* One more page frame that held a page of the memory a moment ago goes bad. */
static void go_bad(void)
{
	bool of_region, gave_up;
	uint64_t frame = 0;

	while (!frame || bad_find(frame))
		frame = page_frame(0, memory + random() % PAGES * PAGE);
	of_region = frame_where(frame) == id;
	gave_up = hard_offline(frame);
	nr_bad_of_region += of_region;
	bad[nr_bad++] = (struct bad_frame) {
		.frame = frame,
		.kept = gave_up && of_region && level == CDM_ISOLATION_RESERVED,
	};
}

/* Two opposite ones, until they are told to stop. */
static void *mover_run(void *data)
{
	const int *to = data;

	while (!atomic_load(&stop)) {
		struct cdm_migrate move = {
			.from = CDM_WHERE_ANY,
			.to = *to,
			.flags = CDM_MIGRATE_SHARED,
			.addr = (uintptr_t)memory,
			.length = LENGTH,
		};

		check_errno("move", 0, move_loop(fd, &move));
		check_equal("pages counted", PAGES, move_sum(&move));
	}
	return NULL;
}

static void *drain_run(void *data)
{
	struct cdm_offline *result = data;

	check_errno("offline", 0, region_offline(fd, 0, 120000, result));
	return NULL;
}

/* The bad pages are the region's, and out of use, as far as they will be. */
static bool settled(void)
{
	const struct bad_frame *found;
	size_t at;

	for (at = 0; at < LENGTH; at += PAGE) {
		found = bad_find(page_frame(0, memory + at));
		if (found && !found->kept)
			return false;
	}
	return region_read(id, "retired") == nr_bad_of_region * PAGE;
}

/*
 * Pages that the kernel gave up on are still mapped: whoever tries to move them next
 * must not copy them, but take them away, or have the kernel do it.
 */
static void sweep(void)
{
	do {
		move_range(fd, memory, LENGTH, id, CDM_MIGRATE_SHARED);
		move_range(fd, memory, LENGTH, CDM_WHERE_RAM, CDM_MIGRATE_SHARED);
		sleep_ms(50);
	} while (!settled());
}

/* Each page is a SIGBUS, or good. Return: how many are the first. */
static unsigned int lost_pages(const char *who)
{
	const struct bad_frame *found;
	unsigned int lost = 0;
	siginfo_t told;
	size_t at;

	for (at = 0; at < LENGTH; at += PAGE) {
		if (bus_on_touch(memory + at, false, &told)) {
			bus_check(memory + at);
			lost++;
			continue;
		}
		content_check(who, memory + at, PAGE, at / PAGE);
		found = bad_find(page_frame(0, memory + at));
		check(!found || found->kept,
		      "%s: page %zu is in a bad page frame", who, at / PAGE);
	}
	return lost;
}

/* A child that has all pages too, and looks at them when the pipe is closed. */
static pid_t child_start(int *go)
{
	int ends[2];
	pid_t pid;
	char byte;

	check(!pipe(ends), "pipe: %m");
	fflush(stdout);
	pid = fork();
	check(pid >= 0, "fork: %m");
	if (!pid) {
		close(ends[1]);
		check(read(ends[0], &nr_bad, sizeof(nr_bad)) == sizeof(nr_bad) &&
		      read(ends[0], bad, sizeof(bad)) == sizeof(bad) &&
		      !read(ends[0], &byte, 1), "pipe: %m");
		lost_pages("child");
		exit(0);
	}
	close(ends[0]);
	*go = ends[1];
	return pid;
}

static void look(const char *when, pid_t child, int go, unsigned int before)
{
	unsigned int lost;

	check(write(go, &nr_bad, sizeof(nr_bad)) == sizeof(nr_bad) &&
	      write(go, bad, sizeof(bad)) == sizeof(bad), "pipe: %m");
	close(go);
	lost = lost_pages("parent");
	child_check(child, 0);
	note("%s: %u page frames went bad, %u pages are lost", when,
	     nr_bad - before, lost);
	check(lost <= nr_bad - before, "%s: more were lost than went bad", when);
	check_equal("bytes retired", nr_bad_of_region * PAGE,
		    region_read(id, "retired"));
	munmap(memory, LENGTH);
	/* What munmap() freed may be in a processor's batch for a while. */
	while (region_used(id))
		sleep_ms(100);
}

static pid_t memory_fill(int *go)
{
	size_t at;

	memory = map_aligned(LENGTH, 2 * MIB);
	check(!madvise(memory, LENGTH / 2, MADV_HUGEPAGE) &&
	      !madvise(memory + LENGTH / 2, LENGTH / 2, MADV_NOHUGEPAGE),
	      "madvise: %m");
	for (at = 0; at < LENGTH; at += PAGE)
		content_write(memory + at, PAGE, at / PAGE);
	return child_start(go);
}

static void in_moves(void)
{
	const int to[] = { id, CDM_WHERE_RAM };
	unsigned int i, before = nr_bad;
	pthread_t movers[2];
	pid_t child;
	int go;

	child = memory_fill(&go);
	atomic_store(&stop, false);
	for (i = 0; i < 2; i++)
		pthread_create(&movers[i], NULL, mover_run, (void *)&to[i]);
	for (i = 0; i < BAD_IN_MOVES; i++) {
		go_bad();
		sleep_ms(random() % 20);
	}
	atomic_store(&stop, true);
	for (i = 0; i < 2; i++)
		pthread_join(movers[i], NULL);
	sweep();
	look("moves", child, go, before);
}

static void in_a_drain(void)
{
	unsigned int i, before = nr_bad;
	struct cdm_offline result;
	pthread_t drain;
	pid_t child;
	int go;

	child = memory_fill(&go);
	move_range(fd, memory, LENGTH, id, CDM_MIGRATE_SHARED);
	pthread_create(&drain, NULL, drain_run, &result);
	for (i = 0; i < BAD_IN_DRAIN; i++)
		go_bad();
	pthread_join(drain, NULL);
	check_equal("used after the drain", 0, region_used(id));
	check_errno("online", 0, region_online_at(fd, level));
	sweep();
	look("drain", child, go, before);
}

int main(void)
{
	static const unsigned int levels[] = { CDM_ISOLATION_PRIVATE,
					       CDM_ISOLATION_RESERVED };
	struct cdm_offline result;
	unsigned int i;

	proc_write("/proc/sys/kernel/numa_balancing", "0");
	test_begin(1);
	fd = region_open(id);
	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		level = levels[i];
		note("level %u", level);
		check_errno("offline", 0, region_offline(fd, 0, 120000, &result));
		check_errno("online", 0, region_online_at(fd, level));
		in_moves();
		in_a_drain();
	}
	close(fd);
	test_end();
	return 0;
}
