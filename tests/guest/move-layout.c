// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 90
 * quick: yes
 *
 * A range made of every kind of memory, of which the counts by reason are known
 * beforehand: each part for itself, the whole at once, tried and done, and what
 * pagemap says of it afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cdmtest.h"

#define HUGE_SIZE	(2 * MIB)

/* Which count the pages of a part belong to. */
enum reason { MOVED, NOT_PRESENT, BUSY, SHARED, FILE_BACKED, HUGE, UNSUPPORTED,
	      UNMAPPED, NR_REASONS };

struct part {
	const char *name;
	size_t pages;
	void (*make)(char *addr, size_t length);
	enum reason reason;	/* when it is moved */
	enum reason tried;	/* in a dry run */
	bool populates;		/* has no page yet, but can get one */
	char *addr;
};

static char *arena;
static size_t arena_length;
static int pin_pipe[2];

static void map_at(char *addr, size_t length, int flags, int fd)
{
	check(mmap(addr, length, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd,
		   0) == addr, "mmap at %p: %m", addr);
}

static void make_untouched(char *addr, size_t length)
{
	map_at(addr, length, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	check(!madvise(addr, length, MADV_NOHUGEPAGE), "madvise: %m");
}

static void make_anon(char *addr, size_t length)
{
	make_untouched(addr, length);
	content_write(addr, length, 1);
}

static void make_zero_page(char *addr, size_t length)
{
	size_t at;

	make_untouched(addr, length);
	for (at = 0; at < length; at += PAGE)
		check(!*(volatile char *)(addr + at), "not zero");
}

static void make_hole(char *addr, size_t length)
{
	check(!munmap(addr, length), "munmap: %m");
}

static int scratch_file(size_t length)
{
	int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	check(fd >= 0 && !ftruncate(fd, length), "/dev/shm: %m");
	return fd;
}

static void make_file(char *addr, size_t length)
{
	volatile char byte;
	size_t at;

	map_at(addr, length, MAP_PRIVATE, scratch_file(length));
	for (at = 0; at < length; at += PAGE)
		byte = addr[at];
	(void)byte;
}

static void make_file_copied(char *addr, size_t length)
{
	map_at(addr, length, MAP_PRIVATE, scratch_file(length));
	content_write(addr, length, 1);
}

static void make_shmem(char *addr, size_t length)
{
	map_at(addr, length, MAP_SHARED | MAP_ANONYMOUS, -1);
	content_write(addr, length, 1);
}

static void make_hugetlb(char *addr, size_t length)
{
	proc_write("/proc/sys/vm/nr_hugepages", "4");
	map_at(addr, length, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);
	content_write(addr, length, 1);
}

static void make_thp(char *addr, size_t length)
{
	map_at(addr, length, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	check(!madvise(addr, length, MADV_HUGEPAGE), "madvise: %m");
	content_write(addr, length, 1);
	check(proc_kb("/proc/self/smaps_rollup", "AnonHugePages") >= 2048,
	      "no huge page");
}

/* One folio, mapped page by page. */
static void make_thp_split(char *addr, size_t length)
{
	make_thp(addr, length);
	check(!mprotect(addr, PAGE, PROT_READ), "mprotect: %m");
	check(!mprotect(addr, PAGE, PROT_READ | PROT_WRITE), "mprotect: %m");
}

static void make_pinned(char *addr, size_t length)
{
	struct iovec iov = { .iov_base = addr, .iov_len = length };

	make_anon(addr, length);
	check(!pipe(pin_pipe), "pipe: %m");
	check(vmsplice(pin_pipe[1], &iov, 1, 0) == (ssize_t)length,
	      "vmsplice: %m");
}

static void make_swapped(char *addr, size_t length)
{
	unsigned int tries;

	make_anon(addr, length);
	for (tries = 0; tries < 50; tries++) {
		check(!madvise(addr, length, MADV_PAGEOUT), "MADV_PAGEOUT: %m");
		if (pages_at(0, addr, length, CDM_WHERE_SWAP) == length / PAGE)
			return;
		sleep_ms(20);
	}
	fail("nothing is swapped out");
}

static void make_merged(char *addr, size_t length)
{
	unsigned int tries;
	size_t at;

	make_untouched(addr, length);
	for (at = 0; at < length; at += PAGE)
		content_write(addr + at, PAGE, 1);
	check(!madvise(addr, length, MADV_MERGEABLE), "MADV_MERGEABLE: %m");
	proc_write("/sys/kernel/mm/ksm/sleep_millisecs", "1");
	proc_write("/sys/kernel/mm/ksm/run", "1");
	for (tries = 0; tries < 6000; tries++) {
		for (at = PAGE; at < length; at += PAGE)
			if (page_frame(0, addr) != page_frame(0, addr + at))
				break;
		if (at == length) {
			proc_write("/sys/kernel/mm/ksm/run", "0");
			return;
		}
		sleep_ms(10);
	}
	fail("nothing is merged");
}

static pid_t sharer;

/* The first part that is made: the child must not share the others. */
static void make_shared(char *addr, size_t length)
{
	make_anon(addr, length);
	sharer = fork();
	check(sharer >= 0, "fork: %m");
	if (!sharer) {
		pause();
		_exit(0);
	}
}

/*
 * The huge ones first, so that they are aligned; the shared one is made first of
 * all.
 */
static struct part parts[] = {
	{ "hugetlb", 512, make_hugetlb, UNSUPPORTED, UNSUPPORTED },
	{ "huge page", 512, make_thp, MOVED, MOVED },
	{ "huge page, mapped by pages", 512, make_thp_split, HUGE, HUGE },
	{ "anonymous", 64, make_anon, MOVED, MOVED },
	{ "untouched", 40, make_untouched, NOT_PRESENT, NOT_PRESENT, true },
	{ "zero page", 16, make_zero_page, NOT_PRESENT, NOT_PRESENT, true },
	{ "hole", 8, make_hole, UNMAPPED, UNMAPPED },
	{ "file", 9, make_file, FILE_BACKED, FILE_BACKED },
	{ "copied file", 10, make_file_copied, MOVED, MOVED },
	{ "shared memory", 11, make_shmem, FILE_BACKED, FILE_BACKED },
	{ "shared by fork", 12, make_shared, SHARED, SHARED },
	{ "swapped out", 13, make_swapped, NOT_PRESENT, NOT_PRESENT },
	{ "merged", 14, make_merged, SHARED, SHARED },
	{ "pinned", 1, make_pinned, BUSY, MOVED },
	{ "more anonymous", 100, make_anon, MOVED, MOVED },
};

static void parts_make(void)
{
	size_t at = 0, i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		arena_length += parts[i].pages * PAGE;
	arena = map_aligned(arena_length, HUGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		parts[i].addr = arena + at;
		at += parts[i].pages * PAGE;
		if (parts[i].make == make_shared)
			parts[i].make(parts[i].addr, parts[i].pages * PAGE);
	}
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].make != make_shared)
			parts[i].make(parts[i].addr, parts[i].pages * PAGE);

	/* From 7.x on migrate_vma splits a folio that is mapped by pages. */
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].reason == HUGE && kernel_major() >= 7)
			parts[i].reason = parts[i].tried = MOVED;
}

static uint64_t count_of(const struct cdm_migrate *move, enum reason reason)
{
	switch (reason) {
	case MOVED:
		return move->out_moved;
	case NOT_PRESENT:
		return move->out_not_present;
	case BUSY:
		return move->out_busy;
	case SHARED:
		return move->out_shared;
	case FILE_BACKED:
		return move->out_file;
	case HUGE:
		return move->out_huge;
	case UNSUPPORTED:
		return move->out_unsupported;
	default:
		return move->out_unmapped;
	}
}

static const char * const reason_names[NR_REASONS] = {
	"moved", "not_present", "busy", "shared", "file", "huge", "unsupported",
	"unmapped",
};

/* No page is counted elsewhere than it should be. */
static void check_counts(const char *what, const struct cdm_migrate *move,
			 const uint64_t *wanted, uint64_t populated,
			 uint64_t already)
{
	char text[96];
	unsigned int i;

	move_print(what, move);
	for (i = 0; i < NR_REASONS; i++) {
		snprintf(text, sizeof(text), "%s: %s", what, reason_names[i]);
		check_equal(text, wanted[i], count_of(move, i));
	}
	check_equal("populated", populated, move->out_populated);
	check_equal("already", already, move->out_already);
	check_equal("filtered, no_space, retired", 0, move->out_filtered +
		    move->out_no_space + move->out_retired);
}

static void try_parts(int fd, int id)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		struct part *part = &parts[i];
		uint64_t wanted[NR_REASONS] = { 0 };
		struct cdm_migrate move;

		wanted[part->tried] = part->pages;
		move = move_range(fd, part->addr, part->pages * PAGE, id,
				  CDM_MIGRATE_DRY_RUN);
		check_counts(part->name, &move, wanted, 0, 0);
	}
	check_equal("used after dry runs", 0, region_used(id));
}

static void move_all(int fd, int id)
{
	uint64_t wanted[NR_REASONS] = { 0 }, moved, populated = 0, on_region = 0;
	struct cdm_migrate move;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		wanted[parts[i].reason] += parts[i].pages;
	move = move_range(fd, arena, arena_length, id, 0);
	check_counts("all of it", &move, wanted, 0, 0);
	moved = wanted[MOVED];

	/* Moved pages are there already; what has no page can get one. */
	wanted[MOVED] = 0;
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].populates)
			populated += parts[i].pages;
	wanted[NOT_PRESENT] -= populated;
	move = move_range(fd, arena, arena_length, id, CDM_MIGRATE_POPULATE);
	check_counts("again, with what is not there", &move, wanted, populated,
		     moved);

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].addr && parts[i].reason != UNMAPPED)
			on_region += pages_at(0, parts[i].addr,
					      parts[i].pages * PAGE, id);
	check_equal("pages on the region by pagemap", moved + populated, on_region);
	check_equal("pages on the region by its attribute", moved + populated,
		    region_used(id));
}

static void check_contents(void)
{
	unsigned int i;
	size_t at;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		struct part *part = &parts[i];

		if (part->make == make_hole)
			continue;
		for (at = 0; part->populates && at < part->pages * PAGE / 8; at++)
			check(!((uint64_t *)part->addr)[at],
			      "%s: not zero at %zu", part->name, at);
		if (part->populates)
			continue;
		if (part->make == make_merged)
			for (at = 0; at < part->pages; at++)
				content_check(part->name, part->addr + at * PAGE,
					      PAGE, 1);
		else
			content_check(part->name, part->addr,
				      part->make == make_file ? 0 :
				      part->pages * PAGE, 1);
	}
}

/* From one place only: the others are filtered, whatever they are. */
static void move_filtered(int fd, int id)
{
	struct cdm_migrate move = {
		.from = id + 7,
		.to = CDM_WHERE_RAM,
		.addr = (uintptr_t)parts[3].addr,
		.length = parts[3].pages * PAGE,
	};

	check_errno("from a region that is not there", 0, move_loop(fd, &move));
	check_equal("filtered", parts[3].pages, move.out_filtered);
	move.from = CDM_WHERE_RAM;
	check_errno("from RAM to RAM", 0, move_loop(fd, &move));
	check_equal("filtered or already in RAM", parts[3].pages,
		    move.out_filtered + move.out_already);
	move.from = id;
	check_errno("from the region to RAM", 0, move_loop(fd, &move));
	check_equal("moved from the region", parts[3].pages, move.out_moved);
	check_where("what came back", parts[3].addr, parts[3].pages * PAGE,
		    CDM_WHERE_RAM);
}

/* The kernel's own mapping in every process is not for moving. */
static void move_vdso(int fd, int id)
{
	char *vdso = (char *)getauxval(AT_SYSINFO_EHDR);
	struct cdm_migrate move = move_range(fd, vdso, PAGE, id, 0);

	check_equal("unsupported: the vdso", 1, move.out_unsupported);
}

/* A region with room for 100 pages gets 300. */
static void move_no_space(int fd, int id)
{
	size_t room = region_read(id, "available") - 100 * PAGE;
	char *filler = mmap(NULL, room, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *more = map_anon(300 * PAGE);
	struct cdm_migrate move;

	move_whole(fd, filler, room, id, CDM_MIGRATE_POPULATE);
	check_equal("available", 100 * PAGE, region_read(id, "available"));
	content_write(more, 300 * PAGE, 2);
	move = move_range(fd, more, 300 * PAGE, id, 0);
	check_equal("moved to the last room", 100, move.out_moved);
	check_equal("no space for the rest", 200, move.out_no_space);
	check_equal("by pagemap", 100, pages_at(0, more, 300 * PAGE, id));
	check_equal("available", 0, region_read(id, "available"));
	content_check("a full region", more, 300 * PAGE, 2);
	munmap(filler, room);
	munmap(more, 300 * PAGE);
}

int main(void)
{
	int fd, id = 0;

	test_begin(1);
	shell("swap_on 64M");
	fd = region_open(id);
	parts_make();
	try_parts(fd, id);
	move_all(fd, id);
	/* Reading brings back what was swapped: to RAM. */
	check_contents();
	move_filtered(fd, id);
	move_vdso(fd, id);
	move_no_space(fd, id);

	kill(sharer, SIGKILL);
	child_check(sharer, SIGKILL);
	close(pin_pipe[0]);
	close(pin_pipe[1]);
	munmap(arena, arena_length);
	proc_write("/proc/sys/vm/nr_hugepages", "0");
	close(fd);
	shell("swap_off");
	test_end();
	return 0;
}
