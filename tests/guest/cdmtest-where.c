// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdmtest: where pages are, by /proc/PID/pagemap and the dax devices.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cdmtest.h"

#define REGIONS		"/sys/bus/cdm/devices"
#define REGIONS_MAX	8

struct frames {
	int id;
	uint64_t first;
	uint64_t last;
};

static struct frames frames[REGIONS_MAX];
static unsigned int nr_frames;

void frames_scan(void)
{
	char path[384], dax[64], text[64];
	struct dirent *entry;
	DIR *dir = opendir(REGIONS);

	check(dir, REGIONS ": %m");
	nr_frames = 0;
	while ((entry = readdir(dir))) {
		struct frames *one = &frames[nr_frames];
		uint64_t start;

		if (sscanf(entry->d_name, "cdm%d", &one->id) != 1)
			continue;
		check(nr_frames < REGIONS_MAX, "too many regions");
		region_text(one->id, "dax", dax, sizeof(dax));
		snprintf(path, sizeof(path), "/sys/bus/dax/devices/%s/resource",
			 dax);
		file_text(path, text, sizeof(text));
		start = strtoull(text, NULL, 0);
		check(start, "%s says %s", path, text);
		snprintf(path, sizeof(path), "/sys/bus/dax/devices/%s/size", dax);
		file_text(path, text, sizeof(text));
		one->first = start / PAGE;
		one->last = (start + strtoull(text, NULL, 0)) / PAGE - 1;
		nr_frames++;
	}
	closedir(dir);
}

int frame_where(uint64_t pfn)
{
	unsigned int i;

	for (i = 0; i < nr_frames; i++)
		if (pfn >= frames[i].first && pfn <= frames[i].last)
			return frames[i].id;
	return CDM_WHERE_RAM;
}

#define PAGEMAP_PFN	((1ULL << 55) - 1)
#define PAGEMAP_UFFD_WP	(1ULL << 57)
#define PAGEMAP_SWAP	(1ULL << 62)
#define PAGEMAP_PRESENT	(1ULL << 63)

static void pagemap_read(pid_t pid, const void *addr, size_t nr,
			 uint64_t *entries)
{
	size_t done = 0;
	char path[64];
	int fd;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	else
		snprintf(path, sizeof(path), "/proc/self/pagemap");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	check(fd >= 0, "%s: %m", path);
	while (done < nr * 8) {
		ssize_t got = pread(fd, (char *)entries + done, nr * 8 - done,
				    (uintptr_t)addr / PAGE * 8 + done);

		check(got > 0, "%s at %p: %m", path, addr);
		done += got;
	}
	close(fd);
}

static int entry_where(uint64_t entry)
{
	if (entry & PAGEMAP_PRESENT) {
		check(entry & PAGEMAP_PFN, "pagemap shows no page frames");
		return frame_where(entry & PAGEMAP_PFN);
	}
	return entry & PAGEMAP_SWAP ? CDM_WHERE_SWAP : CDM_WHERE_NONE;
}

int page_where(pid_t pid, const void *addr)
{
	uint64_t entry;

	pagemap_read(pid, addr, 1, &entry);
	return entry_where(entry);
}

uint64_t page_frame(pid_t pid, const void *addr)
{
	uint64_t entry;

	pagemap_read(pid, addr, 1, &entry);
	return entry & PAGEMAP_PRESENT ? entry & PAGEMAP_PFN : 0;
}

bool page_is_uffd_protected(const void *addr)
{
	uint64_t entry;

	pagemap_read(0, addr, 1, &entry);
	return entry & PAGEMAP_UFFD_WP;
}

static uint64_t *entries_of(pid_t pid, const void *addr, size_t nr)
{
	uint64_t *entries = malloc(nr * 8);

	check(entries, "no memory for %zu entries", nr);
	pagemap_read(pid, addr, nr, entries);
	return entries;
}

uint64_t pages_at(pid_t pid, const void *addr, size_t length, int where)
{
	size_t i, nr = length / PAGE;
	uint64_t *entries = entries_of(pid, addr, nr), count = 0;

	for (i = 0; i < nr; i++)
		count += entry_where(entries[i]) == where;
	free(entries);
	return count;
}

bool frame_among(uint64_t frame, const void *addr, size_t length)
{
	size_t i, nr = length / PAGE;
	uint64_t *entries = entries_of(0, addr, nr);
	bool found = false;

	for (i = 0; i < nr && !found; i++)
		found = entries[i] & PAGEMAP_PRESENT &&
			(entries[i] & PAGEMAP_PFN) == frame;
	free(entries);
	return found;
}

void check_where(const char *what, const void *addr, size_t length, int where)
{
	uint64_t found = pages_at(0, addr, length, where);

	check(found == length / PAGE, "%s: %llu of %zu pages are at %d", what,
	      (unsigned long long)found, length / PAGE, where);
}

static void residency_of(int fd, pid_t pid, const void *addr, size_t length,
			 int *where)
{
	struct cdm_extent extents[64];
	struct cdm_residency residency = {
		.size = sizeof(residency),
		.pid = pid,
		.nr_extents = ARRAY_SIZE(extents),
		.addr = (uintptr_t)addr,
		.length = length,
		.extents = (uintptr_t)extents,
	};
	uint64_t end = residency.addr + length, seen = residency.addr, at;
	unsigned int i;

	while (residency.addr < end) {
		residency.length = end - residency.addr;
		check(!ioctl(fd, CDM_RESIDENCY, &residency), "CDM_RESIDENCY: %m");
		for (i = 0; i < residency.out_nr_extents; i++) {
			check(extents[i].addr >= seen && extents[i].length &&
			      extents[i].addr + extents[i].length <=
			      residency.out_next,
			      "extent %u is out of order or range", i);
			seen = extents[i].addr + extents[i].length;
			for (at = extents[i].addr; at < seen; at += PAGE)
				where[(at - (uintptr_t)addr) / PAGE] =
					extents[i].where;
		}
		check(residency.out_next > residency.addr,
		      "CDM_RESIDENCY stands still");
		residency.addr = residency.out_next;
	}
}

void check_residency(int fd, pid_t pid, const void *addr, size_t length)
{
	size_t i, nr = length / PAGE;
	uint64_t *entries = entries_of(pid, addr, nr);
	int *told = malloc(nr * sizeof(*told));

	check(told, "no memory for %zu pages", nr);
	for (i = 0; i < nr; i++)
		told[i] = CDM_WHERE_NONE;
	residency_of(fd, pid, addr, length, told);
	for (i = 0; i < nr; i++) {
		int found = entry_where(entries[i]);

		check(found == told[i],
		      "page %zu: CDM_RESIDENCY says %d, pagemap %d", i,
		      told[i], found);
	}
	free(entries);
	free(told);
}
