// SPDX-License-Identifier: GPL-2.0-only
/*
 * isolation-hog: takes RAM and looks at each page frame that it gets. Not a test.
 *
 *   isolation-hog file MIB USED	a file on tmpfs
 *   isolation-hog hugetlb MIB USED	huge pages of the pool
 *   isolation-hog reclaim MIB USED	anonymous memory of a control group that
 *					is told to give it back
 *   isolation-hog all 0 USED		anonymous memory, until it is killed
 *
 * USED is how many pages of region 0 are in use, all the time.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cdmtest.h"

static uint64_t used;

static void check_outside(const char *what, const void *addr, size_t length)
{
	uint64_t found = pages_at(0, addr, length, 0);

	check(!found, "%s: %llu page frames of the region", what,
	      (unsigned long long)found);
	check_equal(what, used, region_used(0));
}

/* Different content everywhere but for each 16th page, which can be merged. */
static void fill(char *addr, size_t length)
{
	size_t at;

	for (at = 0; at < length; at += PAGE) {
		memset(addr + at, 1, at / PAGE % 16 ? 64 : PAGE);
		if (at / PAGE % 16)
			*(size_t *)(addr + at) = at;
	}
}

static void hog_file(size_t length)
{
	int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char *addr;

	check(fd >= 0 && !ftruncate(fd, length), "/dev/shm: %m");
	addr = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(addr != MAP_FAILED, "mmap: %m");
	fill(addr, length);
	check_outside("tmpfs", addr, length);
	note("tmpfs: %zu MiB in RAM", length / MIB);
}

static void hog_hugetlb(size_t length)
{
	char *addr = mmap(NULL, length, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	check(addr != MAP_FAILED, "mmap: %m");
	fill(addr, length);
	check_outside("hugetlb", addr, length);
	note("hugetlb: %zu MiB in RAM", length / MIB);
}

static void hog_reclaim(size_t length)
{
	const char *group = "/sys/fs/cgroup/cdm-hog";
	char path[64], *addr = map_anon(length);
	unsigned int round;
	int fd;

	proc_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	check(!mkdir(group, 0755), "%s: %m", group);
	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	proc_write(path, "0");
	check(!madvise(addr, length, MADV_MERGEABLE), "MADV_MERGEABLE: %m");
	for (round = 0; round < 5; round++) {
		fill(addr, length);
		snprintf(path, sizeof(path), "%s/memory.reclaim", group);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		check(fd >= 0, "%s: %m", path);
		/* EAGAIN: less than that could be had. */
		if (write(fd, "48M", 3) < 0)
			note("memory.reclaim: %m");
		close(fd);
		check(!madvise(addr, length / 4, MADV_PAGEOUT), "madvise: %m");
		check_outside("reclaim", addr, length);
		sleep_ms(200);
	}
	note("reclaim: %llu of %zu pages are swapped out",
	     (unsigned long long)pages_at(0, addr, length, CDM_WHERE_SWAP),
	     length / PAGE);
	check(pages_at(0, addr, length, CDM_WHERE_SWAP), "nothing was reclaimed");
	proc_write("/sys/fs/cgroup/cgroup.procs", "0");
	check(!rmdir(group), "%s: %m", group);
}

/* Looks at a step of 32 MiB each time; the last look is before the kill. */
static void hog_all(void)
{
	size_t length = 32 * MIB, total = 0;

	proc_write("/proc/self/oom_score_adj", "1000");
	while (1) {
		char *addr = map_anon(length);

		fill(addr, length);
		check_outside("out of memory", addr, length);
		total += length;
		note("%zu MiB", total / MIB);
	}
}

int main(int argc, char **argv)
{
	size_t length;

	check(argc == 4, "usage: isolation-hog file|hugetlb|reclaim|all MIB USED");
	frames_scan();
	length = atoi(argv[2]) * MIB;
	used = atoi(argv[3]);
	if (!strcmp(argv[1], "file"))
		hog_file(length);
	else if (!strcmp(argv[1], "hugetlb"))
		hog_hugetlb(length);
	else if (!strcmp(argv[1], "reclaim"))
		hog_reclaim(length);
	else if (!strcmp(argv[1], "all"))
		hog_all();
	else
		fail("isolation-hog %s?", argv[1]);
	return 0;
}
