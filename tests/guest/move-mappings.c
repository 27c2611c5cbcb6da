// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 60
 *
 * What a program does to its mappings with pages on a region in them: huge
 * pages, mlock, mremap, mprotect, MADV_DONTNEED, munmap, fork of a locked
 * mapping, guard pages, write protection of userfaultfd, a probe in its text, reading
 * and writing through /proc/self/mem and O_DIRECT.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cdmtest.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#endif

#define LENGTH	(8 * MIB)
#define PAGES	(LENGTH / PAGE)

static int fd, id;

/* As the caller likes it, and on the region. */
static char *map_on_region(size_t length, uint64_t seed)
{
	char *addr = map_anon(length);

	content_write(addr, length, seed);
	move_whole(fd, addr, length, id, 0);
	check_where("moved in", addr, length, id);
	return addr;
}

/* Pages of locked mappings may sit in batches after their owner has gone. */
static void check_empty(const char *after)
{
	region_wait_used(after, id, 0);
}

static void huge_pages(void)
{
	char *addr = map_aligned(LENGTH, 2 * MIB);
	unsigned int round;

	check(!madvise(addr, LENGTH, MADV_HUGEPAGE), "madvise: %m");
	content_write(addr, LENGTH, 1);
	check_equal("huge pages, kB", LENGTH / 1024,
		    proc_kb("/proc/self/smaps_rollup", "AnonHugePages"));
	for (round = 0; round < 3; round++) {
		move_whole(fd, addr, LENGTH, id, 0);
		check_where("huge pages in", addr, LENGTH, id);
		content_check("huge pages in", addr, LENGTH, 1);
		move_whole(fd, addr, LENGTH, CDM_WHERE_RAM, 0);
		check_where("huge pages back", addr, LENGTH, CDM_WHERE_RAM);
		content_check("huge pages back", addr, LENGTH, 1);
	}
	munmap(addr, LENGTH);

	/* A part of one. */
	addr = map_aligned(2 * MIB, 2 * MIB);
	check(!madvise(addr, 2 * MIB, MADV_HUGEPAGE), "madvise: %m");
	content_write(addr, 2 * MIB, 2);
	move_whole(fd, addr + 17 * PAGE, 100 * PAGE, id, 0);
	check_where("part of a huge page", addr + 17 * PAGE, 100 * PAGE, id);
	check_equal("no more than that part", 100, region_used(id));
	content_check("part of a huge page", addr, 2 * MIB, 2);
	munmap(addr, 2 * MIB);
	check_empty("used after huge pages");
}

/* Counters that come to rest when all batches of pages are looked at, as for this. */
static uint64_t settled_kb(const char *name)
{
	proc_write("/proc/sys/vm/compact_memory", "1");
	return proc_kb("/proc/meminfo", name);
}

/* What somebody else had locked before may have gone meanwhile. */
static void wait_for_kb(const char *what, const char *name, uint64_t wanted)
{
	unsigned int tries;
	uint64_t found;

	for (tries = 0; tries < 50 && settled_kb(name) > wanted; tries++)
		sleep_ms(100);
	found = settled_kb(name);
	check(found <= wanted, "%s: expected %llu at most, found %llu", what,
	      (unsigned long long)wanted, (unsigned long long)found);
}

static void locked(void)
{
	uint64_t before = settled_kb("Mlocked");
	uint64_t unevictable = settled_kb("Unevictable");
	char *addr = map_anon(LENGTH), *later;
	unsigned int round;

	content_write(addr, LENGTH, 3);
	check(!mlock(addr, LENGTH), "mlock: %m");
	for (round = 0; round < 3; round++) {
		move_whole(fd, addr, LENGTH, id, 0);
		content_check("locked, in", addr, LENGTH, 3);
		move_whole(fd, addr, LENGTH, CDM_WHERE_RAM, 0);
		content_check("locked, back", addr, LENGTH, 3);
	}
	move_whole(fd, addr, LENGTH, id, 0);
	/* One half is unlocked there, the other goes as it is. */
	check(!munlock(addr, LENGTH / 2), "munlock: %m");
	munmap(addr, LENGTH);

	/* Locked when it is there already. */
	later = map_on_region(LENGTH, 4);
	check(!mlock(later, LENGTH), "mlock: %m");
	content_check("locked there", later, LENGTH, 4);
	move_whole(fd, later, LENGTH, CDM_WHERE_RAM, 0);
	munmap(later, LENGTH);
	check_empty("used after mlock");
	wait_for_kb("Mlocked, kB", "Mlocked", before);
	wait_for_kb("Unevictable, kB", "Unevictable", unevictable);
}

/* A page is used again after a locked mapping had it: no mark of that is left. */
static void locked_and_reused(void)
{
	uint64_t before = settled_kb("Mlocked");
	char *addr;
	pid_t pid = fork();

	if (!pid) {
		addr = map_anon(LENGTH);
		content_write(addr, LENGTH, 5);
		check(!mlock(addr, LENGTH), "mlock: %m");
		move_whole(fd, addr, LENGTH, id, 0);
		_exit(0);
	}
	child_check(pid, 0);
	check_empty("used after a locked child");
	addr = map_on_region(LENGTH, 6);
	wait_for_kb("Mlocked after reuse, kB", "Mlocked", before);
	munmap(addr, LENGTH);
}

static void remapped(void)
{
	char *addr = map_on_region(LENGTH, 7), *place = map_anon(2 * LENGTH);
	char *moved;

	moved = mremap(addr, LENGTH, 2 * LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED,
		       place);
	check(moved == place, "mremap: %m");
	check_where("mremap", moved, LENGTH, id);
	content_check("mremap", moved, LENGTH, 7);
	check_equal("used after mremap", PAGES, region_used(id));
	moved = mremap(moved, 2 * LENGTH, LENGTH / 2, 0);
	check(moved == place, "mremap: %m");
	check_equal("used after shrinking", PAGES / 2, region_used(id));
	move_whole(fd, moved, LENGTH / 2, CDM_WHERE_RAM, 0);
	munmap(moved, LENGTH / 2);
	check_empty("used after mremap");
}

static void protections(void)
{
	char *addr = map_on_region(LENGTH, 8);
	struct cdm_migrate move;

	check(!mprotect(addr, LENGTH, PROT_READ), "mprotect: %m");
	content_check("read only", addr, LENGTH, 8);
	move_whole(fd, addr, LENGTH, CDM_WHERE_RAM, 0);
	move_whole(fd, addr, LENGTH, id, 0);
	check(!mprotect(addr, LENGTH, PROT_NONE), "mprotect: %m");
	move = move_range(fd, addr, LENGTH, CDM_WHERE_RAM, 0);
	move_print("without permissions", &move);
	check(!mprotect(addr, LENGTH, PROT_READ | PROT_WRITE), "mprotect: %m");
	content_check("after all permissions", addr, LENGTH, 8);
	content_write(addr, LENGTH, 9);
	move_whole(fd, addr, LENGTH, CDM_WHERE_RAM, 0);
	content_check("after all permissions", addr, LENGTH, 9);
	munmap(addr, LENGTH);
	check_empty("used after mprotect");
}

static void given_up(void)
{
	char *addr = map_on_region(LENGTH, 10);
	size_t i;

	check(!madvise(addr, LENGTH / 2, MADV_DONTNEED), "madvise: %m");
	check_equal("used after MADV_DONTNEED", PAGES / 2, region_used(id));
	for (i = 0; i < LENGTH / 2; i++)
		check(!addr[i], "not zero after MADV_DONTNEED");
	/* Each second page, so that what is free is in pieces; then fill them. */
	for (i = 0; i < LENGTH; i += 2 * PAGE)
		munmap(addr + i, PAGE);
	check_equal("used in pieces", PAGES / 4, region_used(id));
	munmap(addr, LENGTH);
	addr = map_on_region(LENGTH, 11);
	content_check("in pieces", addr, LENGTH, 11);
	/* These do nothing to such pages, and no harm. */
	madvise(addr, LENGTH, MADV_PAGEOUT);
	madvise(addr, LENGTH, MADV_COLD);
	madvise(addr, LENGTH, MADV_COLLAPSE);
	check_where("after MADV_PAGEOUT", addr, LENGTH, id);
	content_check("after MADV_PAGEOUT", addr, LENGTH, 11);
	munmap(addr, LENGTH);
	check_empty("used after MADV_DONTNEED");
}

/* The kernel reads and writes such pages where they are. */
static void through_the_kernel(void)
{
	char *addr = map_on_region(LENGTH, 12), *copy = map_anon(LENGTH);
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	int file = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	check(mem >= 0 && file >= 0, "open: %m");
	check(pread(mem, copy, LENGTH, (uintptr_t)addr) == (ssize_t)LENGTH,
	      "/proc/self/mem: %m");
	content_check("/proc/self/mem", copy, LENGTH, 12);
	check(write(file, addr, LENGTH) == (ssize_t)LENGTH, "write: %m");
	memset(addr, 0, LENGTH);
	check(pread(file, addr, LENGTH, 0) == (ssize_t)LENGTH, "read: %m");
	content_check("through a file", addr, LENGTH, 12);
	content_write(copy, LENGTH, 13);
	check(pwrite(mem, copy, LENGTH, (uintptr_t)addr) == (ssize_t)LENGTH,
	      "/proc/self/mem: %m");
	content_check("/proc/self/mem", addr, LENGTH, 13);
	check_where("after all that", addr, LENGTH, id);
	close(mem);
	close(file);
	munmap(addr, LENGTH);
	munmap(copy, LENGTH);
	check_empty("used after reads and writes");
}

/* New pages are zero, also where somebody else's content was before. */
static void populated(void)
{
	char *addr = map_on_region(LENGTH, 14);
	size_t i;

	munmap(addr, LENGTH);
	addr = map_anon(LENGTH);
	move_whole(fd, addr, LENGTH, id, CDM_MIGRATE_POPULATE);
	check_where("populated", addr, LENGTH, id);
	check_equal("used", PAGES, region_used(id));
	for (i = 0; i < LENGTH / 8; i++)
		check(!((uint64_t *)addr)[i], "old content at %zu", i * 8);
	munmap(addr, LENGTH);
	check_empty("used after populating");
}

/* Where a program put guard pages there is nothing, and nothing is put there. */
static void guarded(void)
{
	char *addr = map_on_region(LENGTH, 15);
	struct cdm_migrate move;

	if (madvise(addr + LENGTH / 2, LENGTH / 2, MADV_GUARD_INSTALL)) {
		check(errno == EINVAL, "madvise: %m");
		note("no guard pages before 6.13");
		munmap(addr, LENGTH);
		return;
	}
	check_equal("used after guard pages", PAGES / 2, region_used(id));
	move = move_range(fd, addr, LENGTH, CDM_WHERE_RAM, 0);
	check_equal("guard pages, to RAM", PAGES / 2, move.out_not_present);
	move = move_range(fd, addr, LENGTH, id, CDM_MIGRATE_POPULATE);
	check_equal("guard pages, populated", PAGES / 2, move.out_not_present);
	content_check("beside guard pages", addr, LENGTH / 2, 15);
	munmap(addr, LENGTH);
	check_empty("used after guard pages");
}

/*
 * Zero pages that are protected so that userfaultfd hears of writes: filling would take
 * their place, and nobody would hear of any.
 */
static void write_protected(void)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	};
	char *addr = map_anon(LENGTH);
	struct uffdio_range range = { (uintptr_t)addr, LENGTH };
	struct uffdio_register area = { range, UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect protect = { range, UFFDIO_WRITEPROTECT_MODE_WP };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	struct cdm_migrate move;
	size_t i;

	check(uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api), "userfaultfd: %m");
	check(!madvise(addr, LENGTH, MADV_NOHUGEPAGE), "madvise: %m");
	for (i = 0; i < LENGTH; i += PAGE)
		check(!*(volatile char *)(addr + i), "not zero");
	check(!ioctl(uffd, UFFDIO_REGISTER, &area), "UFFDIO_REGISTER: %m");
	check(!ioctl(uffd, UFFDIO_WRITEPROTECT, &protect), "UFFDIO_WRITEPROTECT: %m");
	move = move_range(fd, addr, LENGTH, id, CDM_MIGRATE_POPULATE);
	check_equal("protected zero pages, not present", PAGES, move.out_not_present);
	for (i = 0; i < LENGTH; i += PAGE)
		check(page_is_uffd_protected(addr + i),
		      "page %zu may be written to, and nobody hears of it", i / PAGE);
	close(uffd);
	munmap(addr, LENGTH);
	check_empty("used after write protection");
}

static __attribute__((noinline, aligned(4096))) unsigned int probed_function(unsigned int n)
{
	__asm__ volatile("" : "+r"(n));
	return n + 1;
}

/* Where a mapping of this program has the function, in its file. */
static unsigned long file_offset(const void *where)
{
	unsigned long start, end, offset;
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];

	check(maps, "/proc/self/maps: %m");
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) == 3 &&
		    (uintptr_t)where >= start && (uintptr_t)where < end) {
			fclose(maps);
			return (uintptr_t)where - start + offset;
		}
	check(false, "no mapping of %p", where);
	return 0;
}

/* A breakpoint in a page that cdm has moved is taken out again, or the program dies of it. */
static void probed(void)
{
	static const char tracing[] = "/sys/kernel/tracing";
	char path[256], file[PATH_MAX], text[PATH_MAX + 64];
	void *function = (void *)probed_function;
	struct cdm_migrate move;
	ssize_t length = readlink("/proc/self/exe", file, sizeof(file) - 1);

	check(length > 0, "/proc/self/exe: %m");
	file[length] = '\0';
	snprintf(path, sizeof(path), "%s/uprobe_events", tracing);
	snprintf(text, sizeof(text), "p:cdmtest/probed %s:0x%lx", file, file_offset(function));
	proc_write(path, text);
	snprintf(path, sizeof(path), "%s/events/cdmtest/probed/enable", tracing);
	proc_write(path, "1");
	check_equal("with a probe", 2, probed_function(1));
	move = move_range(fd, (char *)function, PAGE, id, 0);
	check_equal("a page with a probe in it, not moved", 1, move.out_unsupported);
	check_equal("after a move", 3, probed_function(2));
	proc_write(path, "0");
	snprintf(path, sizeof(path), "%s/uprobe_events", tracing);
	proc_write(path, "-:cdmtest/probed");
	check_equal("without the probe", 4, probed_function(3));
	check_empty("used after a probe");
}

int main(void)
{
	test_begin(1);
	fd = region_open(id);
	huge_pages();
	locked();
	locked_and_reused();
	remapped();
	protections();
	given_up();
	through_the_kernel();
	populated();
	guarded();
	write_protected();
	probed();
	close(fd);
	test_end();
	return 0;
}
