// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 60
 * quick: yes
 *
 * A bad page on a region: who maps it gets SIGBUS at its address, nobody else
 * gets anything; it is retired, moved by nobody, never handed out again, also
 * not after offline and online; everything else goes on. The list of bad pages tells
 * which and since when, and takes what somebody else knows.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cdmtest.h"

#define LENGTH	(4 * MIB)
#define PAGES	(LENGTH / PAGE)
#define BAD	17		/* page number within it */

static int fd, id;

/* All but the bad page has its content. */
static void check_others(const char *what, char *addr, uint64_t seed)
{
	char *bad = addr + BAD * PAGE;
	size_t i;

	for (i = 0; i < PAGES; i++)
		if (addr + i * PAGE != bad)
			content_check(what, addr + i * PAGE, PAGE, seed);
}

static char *map_pages(uint64_t seed)
{
	char *addr = map_anon(LENGTH);
	size_t i;

	check(!madvise(addr, LENGTH, MADV_NOHUGEPAGE), "madvise: %m");
	for (i = 0; i < PAGES; i++)
		content_write(addr + i * PAGE, PAGE, seed);
	move_whole(fd, addr, LENGTH, id, 0);
	return addr;
}

static void check_retired(const char *when, uint64_t wanted)
{
	check(region_read(id, "retired") == wanted * PAGE,
	      "%s: %llu bytes are retired, expected %llu pages", when,
	      (unsigned long long)region_read(id, "retired"),
	      (unsigned long long)wanted);
}

/* Take every page that the region has: the bad frame is not among them. */
static void check_never_again(const char *when, uint64_t bad_frame)
{
	size_t length = region_read(id, "available");
	char *addr = mmap(NULL, length, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	check(addr != MAP_FAILED, "mmap: %m");
	check_equal("all but the bad one", region_read(id, "online_size") - PAGE,
		    length);
	move_whole(fd, addr, length, id, CDM_MIGRATE_POPULATE);
	check_equal("available", 0, region_read(id, "available"));
	check(!frame_among(bad_frame, addr, length),
	      "%s: frame %#llx was handed out", when,
	      (unsigned long long)bad_frame);
	munmap(addr, length);
	check_equal("used", 0, region_used(id));
}

static uint64_t poison(char *addr)
{
	uint64_t frame = page_frame(0, addr);

	check(frame_where(frame) == id, "the page is not on the region");
	check(!madvise(addr, PAGE, MADV_HWPOISON), "MADV_HWPOISON: %m");
	note("frame %#llx is bad now", (unsigned long long)frame);
	return frame;
}

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

/* Who dies closes what the other one reads. */
static pid_t child_start(void)
{
	pid_t pid;

	check(!pipe(to_child) && !pipe(to_parent), "pipe: %m");
	fflush(stdout);
	pid = fork();
	check(pid >= 0, "fork: %m");
	close(pid ? to_child[0] : to_child[1]);
	close(pid ? to_parent[1] : to_parent[0]);
	return pid;
}

static void child_end(pid_t pid)
{
	child_check(pid, 0);
	close(to_child[1]);
	close(to_parent[0]);
}

/* A page of one's own; another one's memory is none of its business. */
static uint64_t mapped_by_one(void)
{
	char *addr = map_pages(1), *other = map_pages(2);
	struct cdm_migrate move;
	uint64_t frame;
	pid_t bystander = child_start();

	if (!bystander) {
		/* It shares nothing that is bad: a copy of its own. */
		content_write(addr + BAD * PAGE, PAGE, 9);
		turn_give(to_parent);
		turn_wait(to_child);
		content_check("bystander", addr + BAD * PAGE, PAGE, 9);
		content_check("bystander", other, PAGE, 2);
		_exit(0);
	}
	turn_wait(to_parent);
	frame = poison(addr + BAD * PAGE);
	turn_give(to_child);
	check_retired("one bad page", 1);
	bus_check(addr + BAD * PAGE);
	check_others("beside a bad page", addr, 1);
	child_end(bystander);
	region_wait_used("used", id, 2 * PAGES - 1);

	move = move_range(fd, addr, LENGTH, CDM_WHERE_RAM, 0);
	move_print("moving what is around it", &move);
	check_equal("moved around it", PAGES - 1, move.out_moved);
	check_others("moved from a bad page's side", addr, 1);
	bus_check(addr + BAD * PAGE);
	move_whole(fd, other, LENGTH, CDM_WHERE_RAM, 0);
	munmap(addr, LENGTH);
	munmap(other, LENGTH);
	check_equal("used", 0, region_used(id));
	check_retired("when its owner has gone", 1);
	return frame;
}

/* Shared after a fork: both are told, when they touch it. */
static void mapped_by_two(void)
{
	char *addr = map_pages(3);
	pid_t pid = child_start();

	if (!pid) {
		turn_wait(to_child);
		bus_check(addr + BAD * PAGE);
		check_others("child", addr, 3);
		_exit(0);
	}
	poison(addr + BAD * PAGE);
	turn_give(to_child);
	bus_check(addr + BAD * PAGE);
	check_others("parent", addr, 3);
	child_end(pid);
	munmap(addr, LENGTH);
	check_retired("shared by two", 2);
}

/* Offline forgets the struct pages, but not which of them were bad. */
static void survives_offline(uint64_t frame)
{
	struct cdm_offline result;
	char *addr = map_pages(4);

	check_errno("offline", 0, region_offline(fd, 0, 5000, &result));
	check_equal("moved", PAGES, result.out_moved);
	for (size_t i = 0; i < PAGES; i++)
		content_check("after offline", addr + i * PAGE, PAGE, 4);
	munmap(addr, LENGTH);
	check_errno("online", 0, region_online(fd));
	shell("\"$here\"/kmod-region populate %d", id);
	check_retired("after offline and online", 1);
	check_never_again("after offline and online", frame);
}

/* The list says what happened, and a page is retired by being put on it. */
static void listed(uint64_t frame)
{
	uint64_t unused, size = region_read(id, "size"),
		 start = region_read(id, "resource");
	struct cdm_bad_page pages[4];
	char *addr;

	check_equal("bad pages listed", 2, region_bad_pages(fd, pages, 4));
	check(pages[0].addr == frame * PAGE || pages[1].addr == frame * PAGE,
	      "frame %#llx is not listed", (unsigned long long)frame);
	check_equal("source", CDM_BAD_KERNEL, pages[0].source);
	check(pages[0].time <= time(NULL) && pages[0].time + 120 > time(NULL),
	      "bad since %llu", (unsigned long long)pages[0].time);
	check_errno("known", EALREADY,
		    region_retire(fd, pages[0].addr, CDM_BAD_DEVICE, 1));
	check_errno("before", ERANGE, region_retire(fd, start - PAGE, 0, 1));
	check_errno("behind", ERANGE, region_retire(fd, start + size, 0, 1));

	/* One that nobody has is out of use at once. */
	unused = start + size - PAGE;
	check_errno("a free page", 0,
		    region_retire(fd, unused, CDM_BAD_DEVICE, 12345));
	check_equal("bad pages listed", 3, region_bad_pages(fd, pages, 4));
	check_equal("address", unused, pages[2].addr);
	check_equal("source", CDM_BAD_DEVICE, pages[2].source);
	check_equal("time", 12345, pages[2].time);
	check_retired("a free page", 3);

	/* One that somebody has is taken away soon. */
	addr = map_pages(5);
	check_errno("a page in use", 0,
		    region_retire(fd, page_frame(0, addr + BAD * PAGE) * PAGE,
				  CDM_BAD_KERNEL, 1));
	region_wait_used("used", id, PAGES - 1);
	bus_check(addr + BAD * PAGE);
	check_others("beside a page put on the list", addr, 5);
	munmap(addr, LENGTH);
	check_retired("a page in use", 4);
}

int main(void)
{
	uint64_t before, frame;

	test_begin(1);
	fd = region_open(id);
	before = proc_kb("/proc/meminfo", "HardwareCorrupted");
	frame = mapped_by_one();
	/* All struct pages are there, so that the attributes count them all. */
	shell("\"$here\"/kmod-region populate %d", id);
	check_never_again("at once", frame);
	survives_offline(frame);
	mapped_by_two();
	listed(frame);
	close(fd);
	test_end();
	/* The kernel was told of three pages, and goes on counting them. */
	check_equal("HardwareCorrupted", before + 3 * PAGE / 1024,
		    proc_kb("/proc/meminfo", "HardwareCorrupted"));
	return 0;
}
