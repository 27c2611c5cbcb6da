// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 90
 *
 * max_bytes of a region: a user gets that much of it and not a page more, by as many
 * processes and user namespaces as he likes, at level private and reserved, and while
 * the level changes; what he frees he can have again. Others have theirs, root has no
 * limit, and what root moves for a user is not counted.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cdmtest.h"

#define USER	54321
#define OTHER	54322
#define GROUP	54323
#define LIMIT	(8 * MIB)
#define LENGTH	(16 * MIB)
#define SEED	23
#define PATIENCE	30.0	/* s: pages of reserved blocks are seen to be free later */

static int fd, id;
static int to_parent[2], to_child[2];
static char **shared;		/* where the user's second mapping is */

static char *fresh(void)
{
	char *addr = map_anon(LENGTH);

	check(!madvise(addr, LENGTH, MADV_NOHUGEPAGE), "madvise: %m");
	content_write(addr, LENGTH, SEED);
	return addr;
}

static void drop(char *addr)
{
	content_check("moved", addr, LENGTH, SEED);
	munmap(addr, LENGTH);
}

/* Moves what can be moved. Return: how many pages are there now. */
static uint64_t there(pid_t pid, char *addr)
{
	struct cdm_migrate move = {
		.pid = pid,
		.from = CDM_WHERE_ANY,
		.to = id,
		.addr = (uintptr_t)addr,
		.length = LENGTH,
	};

	check_errno("moving", 0, move_loop(fd, &move));
	return move.out_moved + move.out_already;
}

/* In the end @wanted bytes of a mapping are there, and never more. */
static void expect_there(const char *what, char *addr, uint64_t wanted)
{
	double end = now() + PATIENCE;
	uint64_t found;

	do {
		found = there(0, addr);
		check(found <= wanted / PAGE, "%s: %lu pages, more than %lu", what,
		      (unsigned long)found, (unsigned long)(wanted / PAGE));
		sleep_ms(20);
	} while (found < wanted / PAGE && now() < end);
	check_equal(what, wanted / PAGE, found);
	check_equal(what, wanted / PAGE, there(0, addr));
}

static void barrier(int in[2], int out[2])
{
	char byte = 0;

	check(write(out[1], &byte, 1) == 1 && read(in[0], &byte, 1) == 1,
	      "the other one has ended");
}

static void namespace_of_user(void)
{
	check(!unshare(CLONE_NEWUSER), "unshare: %m");
	expect_there("in a user namespace", fresh(), 0);
}

static void user(void)
{
	char *first = fresh(), *second;
	struct cdm_migrate back;
	pid_t pid;

	expect_there("of the first", first, LIMIT);
	back = move_range(fd, first, LENGTH, CDM_WHERE_RAM, 0);
	note("back: %llu", (unsigned long long)back.out_moved);
	expect_there("of the first again", first, LIMIT);

	second = fresh();
	expect_there("of the second beside the first", second, 0);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		namespace_of_user();
		_exit(0);
	}
	child_check(pid, 0);
	drop(first);
	expect_there("of the second", second, LIMIT);

	*shared = second;
	barrier(to_child, to_parent);	/* the level may change */
	first = fresh();
	expect_there("of the first after that", first, 0);
	drop(second);
	expect_there("of the first without the second", first, LIMIT);
	*shared = first;
	barrier(to_child, to_parent);	/* root moves the rest */
	drop(first);
}

static void other(void)
{
	char *addr = fresh();

	expect_there("of somebody else", addr, LIMIT);
	drop(addr);
}

static void without_limit(void)
{
	char *addr = fresh();

	expect_there("without a limit", addr, LENGTH);
	drop(addr);
}

static void limit_set(const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/bus/cdm/devices/cdm%d/max_bytes", id);
	proc_write(path, text);
}

static void level_set(unsigned int level)
{
	struct cdm_set_isolation set = {
		.size = sizeof(set),
		.isolation = level,
		.timeout_ms = 60000,
	};

	check(!ioctl(fd, CDM_SET_ISOLATION, &set), "CDM_SET_ISOLATION: %m");
}

/* A user at work, while the level of the region becomes @next. */
static void round_at(unsigned int next)
{
	char text[32], *addr;
	unsigned int tries;
	pid_t pid;

	region_text(id, "isolation", text, sizeof(text));
	note("%s", text);
	check(!pipe(to_parent) && !pipe(to_child), "pipe: %m");
	pid = child_start_as(USER, GROUP, user);
	/* Its end, should it fail, is the end of the pipe. */
	close(to_parent[1]);
	close(to_child[0]);
	check(read(to_parent[0], text, 1) == 1, "the user has ended");
	child_check(child_start_as(OTHER, GROUP, other), 0);
	addr = fresh();
	expect_there("of root", addr, LENGTH);
	drop(addr);
	limit_set("4096");
	if (next)
		level_set(next);
	limit_set("8388608");
	barrier(to_parent, to_child);
	for (tries = 0; tries < 50 && there(pid, *shared) != LENGTH / PAGE; tries++)
		sleep_ms(20);
	check_equal("moved by root", LENGTH / PAGE, there(pid, *shared));
	check(write(to_child[1], text, 1) == 1, "the user has ended");
	child_check(pid, 0);
	close(to_parent[0]);
	close(to_child[1]);
}

int main(void)
{
	char text[32];

	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	check(shared != MAP_FAILED, "mmap: %m");
	test_begin(1);
	fd = region_open(0);
	id = 0;
	region_text(id, "max_bytes", text, sizeof(text));
	check(!strcmp(text, "max"), "at first the limit is %s", text);
	limit_set("8388608");
	round_at(0);
	round_at(CDM_ISOLATION_RESERVED);
	round_at(0);
	round_at(CDM_ISOLATION_PRIVATE);
	limit_set("max");
	child_check(child_start_as(USER, GROUP, without_limit), 0);
	close(fd);
	test_end();
	return 0;
}
