// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: 7.2 6.12 6.1
 * vm: --ram 2G --expander 512M
 * timeout: 90
 *
 * Bad pages at level reserved are handled by the kernel, as those of all memory: in
 * small pages of two processes, in a huge page, in pages that are free or that the
 * allocator has not got, and before they are bad (soft offline). Who maps one gets
 * SIGBUS at its address, and nobody gets anything else; the region counts it as
 * retired, and it is never handed out again, also not after offline and online.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cdmtest.h"

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif

#define LENGTH	(4 * MIB)
#define BAD	17		/* page number within it */
/* What a bad page takes with it: the chunk that it is in. */
#define LOST	(4 * MIB)

static const int id;
static int fd;
static sigjmp_buf jump;
static siginfo_t told;
static uint64_t bad_frames[8];
static unsigned int nr_bad;

static void on_bus(int number, siginfo_t *info, void *context)
{
	told = *info;
	siglongjmp(jump, 1);
}

static bool touch_is_fatal(char *addr)
{
	memset(&told, 0, sizeof(told));
	if (sigsetjmp(jump, 1))
		return true;
	(void)*(volatile char *)addr;
	return false;
}

/* All pages but the bad one have their content. */
static void check_others(const char *what, char *addr, uint64_t seed)
{
	size_t i;

	for (i = 0; i < LENGTH / PAGE; i++)
		if (i != BAD)
			content_check(what, addr + i * PAGE, PAGE, seed);
}

static void check_bus(const char *what, char *addr, uint64_t seed)
{
	char *bad = addr + BAD * PAGE;

	check(touch_is_fatal(bad + 100), "%s: reading was not fatal", what);
	check_equal("si_code", BUS_MCEERR_AR, told.si_code);
	check(((uintptr_t)told.si_addr & -PAGE) == (uintptr_t)bad,
	      "si_addr is %p, the page is at %p", told.si_addr, bad);
	check_others(what, addr, seed);
}

static char *map_on_region(int advice, uint64_t seed)
{
	char *addr = map_aligned(LENGTH, 2 * MIB);
	size_t i;

	check(!madvise(addr, LENGTH, advice), "madvise: %m");
	for (i = 0; i < LENGTH / PAGE; i++)
		content_write(addr + i * PAGE, PAGE, seed);
	move_whole(fd, addr, LENGTH, id, 0);
	check_where("moved in", addr, LENGTH, id);
	return addr;
}

static void note_bad(const char *what, uint64_t frame)
{
	note("%s: frame %#llx is bad", what, (unsigned long long)frame);
	check(frame_where(frame) == id, "%s: not on the region", what);
	bad_frames[nr_bad++] = frame;
	check_equal("bytes retired", nr_bad * PAGE, region_read(id, "retired"));
}

/* Who makes a page bad by MADV_HWPOISON is told of it at once. */
static void poison(const char *what, char *addr, int advice)
{
	uint64_t frame = page_frame(0, addr);

	if (!sigsetjmp(jump, 1))
		check(!madvise(addr, PAGE, advice), "%s: madvise: %m", what);
	note_bad(what, frame);
}

static void mapped_by_two(void)
{
	char *addr = map_on_region(MADV_NOHUGEPAGE, 1);
	int go[2];
	pid_t pid;
	char byte;

	check(!pipe(go), "pipe: %m");
	pid = fork();
	if (!pid) {
		check(read(go[0], &byte, 1) == 1, "pipe: %m");
		check_bus("child", addr, 1);
		_exit(0);
	}
	poison("mapped by two", addr + BAD * PAGE, MADV_HWPOISON);
	check(write(go[1], "g", 1) == 1, "pipe: %m");
	check_bus("parent", addr, 1);
	child_check(pid, 0);
	munmap(addr, LENGTH);
	close(go[0]);
	close(go[1]);
}

static void in_a_huge_page(void)
{
	char *addr = map_on_region(MADV_HUGEPAGE, 2);

	poison("in a huge page", addr + BAD * PAGE, MADV_HWPOISON);
	check_bus("huge page", addr, 2);
	munmap(addr, LENGTH);
}

/* The page is still good: its content moves to RAM. */
static void soft_offline(void)
{
	char *addr = map_on_region(MADV_NOHUGEPAGE, 3);

	poison("soft offline", addr + BAD * PAGE, MADV_SOFT_OFFLINE);
	content_check("after soft offline", addr + BAD * PAGE, PAGE, 3);
	check_others("after soft offline", addr, 3);
	check_equal("where its content is", CDM_WHERE_RAM,
		    page_where(0, addr + BAD * PAGE));
	munmap(addr, LENGTH);
}

static void used_by_nobody(void)
{
	char *addr = map_on_region(MADV_NOHUGEPAGE, 4);
	uint64_t frame = page_frame(0, addr + BAD * PAGE);
	uint64_t block = 128 * MIB / PAGE;

	munmap(addr, LENGTH);
	note("free: %s", strerror(-frame_hard_offline(frame)));
	note_bad("free", frame);

	/* The last of its block: not yet exposed. The kernel cannot do anything with it. */
	check(region_read(id, "exposed") < 64 * MIB, "too much is exposed");
	frame = (frame / block + 1) * block - 1;
	note("withheld: %s", strerror(-frame_hard_offline(frame)));
	note_bad("withheld", frame);
}

/* Take every page that the region has: no bad one is among them. */
static void check_never_again(const char *when)
{
	size_t length = region_read(id, "available");
	struct cdm_migrate move;
	unsigned int i;
	char *addr = mmap(NULL, length, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	check(addr != MAP_FAILED, "mmap: %m");
	check(!madvise(addr, length, MADV_NOHUGEPAGE), "madvise: %m");
	move = move_range(fd, addr, length, id, CDM_MIGRATE_POPULATE);
	move_print(when, &move);
	check(move.out_populated * PAGE >= length - nr_bad * LOST,
	      "%s: only %llu pages of %zu could be had", when,
	      (unsigned long long)move.out_populated, length / PAGE);
	for (i = 0; i < nr_bad; i++)
		check(!frame_among(bad_frames[i], addr, length),
		      "%s: frame %#llx was handed out", when,
		      (unsigned long long)bad_frames[i]);
	check_equal("bytes retired", nr_bad * PAGE, region_read(id, "retired"));
	munmap(addr, length);
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_bus,
				    .sa_flags = SA_SIGINFO };
	struct cdm_offline result;

	proc_write("/proc/sys/kernel/numa_balancing", "0");
	test_begin_at(1, "reserved");
	fd = region_open(id);
	sigaction(SIGBUS, &action, NULL);
	mapped_by_two();
	in_a_huge_page();
	soft_offline();
	used_by_nobody();
	check_never_again("at once");
	shell("cdmctl list -R --json | jq -e \".[0].retired == %u\"",
	      nr_bad * (unsigned int)PAGE);

	check_errno("offline", 0, region_offline(fd, 0, 30000, &result));
	check_errno("online", 0, region_online_at(fd, CDM_ISOLATION_RESERVED));
	check_never_again("after offline and online");
	close(fd);
	test_end();
	return 0;
}
