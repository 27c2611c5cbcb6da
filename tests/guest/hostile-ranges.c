// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 120
 *
 * Ranges that nobody should ask for: an error, or work that is over within a
 * second a call and that kill -9 ends.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cdmtest.h"

#define TIB		(1ULL << 40)
#define USER_END	((1ULL << 47) - PAGE)
#define CALL_SECONDS	1.0
/* A machine that stands still for a moment makes a few calls longer, whatever they do. */
#define SLOW_CALLS	3
#define STALL_SECONDS	20.0

static int fd, id;

struct bad {
	const char *name;
	uint64_t addr;
	uint64_t length;
};

static const struct bad bad_ranges[] = {
	{ "nothing", 0x10000, 0 },
	{ "all of nothing", 0, 0 },
	{ "one byte", 0x10000, 1 },
	{ "page and a byte", 0x10000, PAGE + 1 },
	{ "unaligned address", 0x10001, PAGE },
	{ "unaligned by 512", 0x10200, PAGE },
	{ "2^63", 1ULL << 63, PAGE },
	{ "length 2^63", 0, 1ULL << 63 },
	{ "length 2^64 - page", 0, -PAGE },
	{ "wraps to 0", -PAGE, PAGE },
	{ "wraps", -PAGE, 2 * PAGE },
	{ "wraps to user space", 0xffffffff81000000, 0x0000000100000000 },
	{ "kernel text", 0xffffffff81000000, 2 * MIB },
	{ "direct map", 0xffff888000000000, 2 * MIB },
	{ "vsyscall", 0xffffffffff600000, PAGE },
	{ "hole of 57-bit addresses", 0x0100000000000000, PAGE },
	{ "to the kernel", 0, 0xffff888000000000 },
};

static int residency_try(struct cdm_residency *residency, uint64_t addr,
			 uint64_t length)
{
	static struct cdm_extent extents[256];

	*residency = (struct cdm_residency) {
		.size = sizeof(*residency),
		.nr_extents = ARRAY_SIZE(extents),
		.addr = addr,
		.length = length,
		.extents = (uintptr_t)extents,
	};
	return ioctl(fd, CDM_RESIDENCY, residency) ? -errno : 0;
}

static void refuse_bad_ranges(void)
{
	struct cdm_residency residency;
	unsigned int i, flags;

	for (i = 0; i < ARRAY_SIZE(bad_ranges); i++) {
		const struct bad *bad = &bad_ranges[i];

		for (flags = 0; flags < 8; flags++) {
			struct cdm_migrate move = {
				.flags = flags,
				.from = CDM_WHERE_ANY,
				.to = flags & CDM_MIGRATE_DRY_RUN ?
				      CDM_WHERE_RAM : id,
				.addr = bad->addr,
				.length = bad->length,
			};

			check_errno(bad->name, EINVAL, move_try(fd, &move));
		}
		check_errno(bad->name, EINVAL,
			    residency_try(&residency, bad->addr, bad->length));
	}
	note("%zu bad ranges refused", ARRAY_SIZE(bad_ranges));
}

static double slowest;
static unsigned int slow_calls;

static double call_time(double began)
{
	double took = now() - began;

	if (took > slowest)
		slowest = took;
	slow_calls += took >= CALL_SECONDS;
	check(took < STALL_SECONDS && slow_calls <= SLOW_CALLS,
	      "one call took %.3f s, of %u that took long", took, slow_calls);
	return took;
}

/* All of a range, each call in time. Returns the number of calls. */
static unsigned int move_timed(struct cdm_migrate *move, unsigned int limit)
{
	uint64_t end = move->addr + move->length;
	unsigned int calls = 0;
	double began;

	while (move->addr < end && calls < limit) {
		move->length = end - move->addr;
		began = now();
		check_errno("CDM_MIGRATE", 0, move_try(fd, move));
		call_time(began);
		check(move->out_next > move->addr, "no progress at %#llx",
		      (unsigned long long)move->addr);
		move->addr = move->out_next;
		calls++;
	}
	return calls;
}

static void residency_timed(const char *what, uint64_t addr, uint64_t end)
{
	struct cdm_residency residency;
	unsigned int calls = 0;
	double began;

	while (addr < end && calls++ < 64) {
		began = now();
		check_errno(what, 0, residency_try(&residency, addr, end - addr));
		call_time(began);
		check(residency.out_next > addr, "%s: no progress", what);
		addr = residency.out_next;
	}
	note("%s: %u calls of CDM_RESIDENCY", what, calls);
}

/* All addresses that a process can have. */
static void whole_address_space(void)
{
	struct cdm_migrate move = {
		.flags = CDM_MIGRATE_DRY_RUN,
		.from = CDM_WHERE_ANY,
		.to = id,
		.addr = 0,
		.length = USER_END,
	};
	unsigned int calls = move_timed(&move, 64);

	check(move.addr == USER_END, "not done after %u calls", calls);
	note("47 bits of addresses: %u calls", calls);
	residency_timed("47 bits of addresses", 0, USER_END);

	/* All of this program's memory in truth, code and stack too. */
	move = (struct cdm_migrate) {
		.from = CDM_WHERE_ANY,
		.to = id,
		.length = USER_END,
	};
	calls = move_timed(&move, 64);
	note("everything I am: %u calls", calls);
	check(region_used(id) > 0, "nothing of it moved");
	move = (struct cdm_migrate) {
		.from = CDM_WHERE_ANY,
		.to = CDM_WHERE_RAM,
		.length = USER_END,
	};
	move_timed(&move, 64);
	check_equal("used after moving back", 0, region_used(id));
}

/* A mapping of 64 TiB with three pages in it. */
static void huge_mapping(void)
{
	char *addr = mmap(NULL, 64 * TIB, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct cdm_migrate move;
	unsigned int calls;
	uint64_t moved = 0;

	check(addr != MAP_FAILED, "mmap of 64 TiB: %m");
	madvise(addr, 64 * TIB, MADV_NOHUGEPAGE);
	addr[0] = addr[33 * TIB + 5 * PAGE] = addr[64 * TIB - 1] = 1;
	move = (struct cdm_migrate) {
		.from = CDM_WHERE_ANY,
		.to = id,
		.addr = (uintptr_t)addr,
		.length = 64 * TIB,
	};
	calls = 0;
	while (move.addr < (uintptr_t)addr + 64 * TIB && calls < 256) {
		move.length = (uintptr_t)addr + 64 * TIB - move.addr;
		calls += move_timed(&move, 1);
		moved += move.out_moved;
	}
	note("64 TiB: %u calls", calls);
	check_equal("pages found in 64 TiB", 3, moved);
	check_equal("used", 3, region_used(id));
	residency_timed("64 TiB", (uintptr_t)addr, (uintptr_t)addr + 64 * TIB);

	/* Populating it is endless: as much as there is room, each in time. */
	move = (struct cdm_migrate) {
		.flags = CDM_MIGRATE_POPULATE,
		.from = CDM_WHERE_ANY,
		.to = id,
		.addr = (uintptr_t)addr,
		.length = 64 * TIB,
	};
	calls = move_timed(&move, 6);
	note("%u calls of populating 64 TiB: %llu pages used", calls,
	     (unsigned long long)region_used(id));
	check(region_used(id) > 3, "nothing was populated");
	munmap(addr, 64 * TIB);
	check_equal("used", 0, region_used(id));
}

/* Populating without an end in a child, which is killed. */
static void killed_while(const char *what, unsigned int flags, char *addr,
			 uint64_t length)
{
	double began;
	pid_t pid = fork();

	check(pid >= 0, "fork: %m");
	if (!pid) {
		while (1) {
			struct cdm_migrate move = {
				.flags = flags,
				.from = CDM_WHERE_ANY,
				.to = id,
				.workers = CDM_MIGRATE_WORKERS_MAX,
				.addr = (uintptr_t)addr,
				.length = length,
			};

			move_try(fd, &move);
		}
	}
	sleep_ms(400);
	began = now();
	kill(pid, SIGKILL);
	child_check(pid, SIGKILL);
	note("%s: killed in %.3f s", what, now() - began);
	check(now() - began < STALL_SECONDS, "%s: kill -9 took %.3f s", what,
	      now() - began);
	region_wait_used("used after kill -9", id, 0);
}

/* Protections that alternate make a mapping of each page. */
#define MAPPINGS	1000000UL

static void million_mappings(void)
{
	char *addr = mmap(NULL, MAPPINGS * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	double began = now();
	struct cdm_migrate move;
	unsigned int calls;
	size_t i;

	check(addr != MAP_FAILED, "mmap: %m");
	proc_write("/proc/sys/vm/max_map_count", "2000000");
	for (i = 0; i < MAPPINGS; i += 2)
		check(!mprotect(addr + i * PAGE, PAGE, PROT_READ),
		      "mprotect %zu: %m", i);
	note("a million mappings made in %.1f s", now() - began);
	for (i = 1; i < MAPPINGS; i += 10000)
		addr[i * PAGE] = 1;

	move = (struct cdm_migrate) {
		.from = CDM_WHERE_ANY,
		.to = id,
		.addr = (uintptr_t)addr,
		.length = MAPPINGS * PAGE,
	};
	calls = move_timed(&move, 1000);
	check(move.addr == (uintptr_t)addr + MAPPINGS * PAGE,
	      "not done after %u calls", calls);
	check_equal("pages of a million mappings", 100, region_used(id));
	note("a million mappings: %u calls", calls);
	residency_timed("a million mappings", (uintptr_t)addr,
			(uintptr_t)addr + MAPPINGS * PAGE);
	munmap(addr, MAPPINGS * PAGE);
	check_equal("used", 0, region_used(id));
	proc_write("/proc/sys/vm/max_map_count", "65530");
}

int main(void)
{
	char *addr;

	test_begin(1);
	fd = region_open(id);
	proc_write("/proc/sys/vm/overcommit_memory", "1");
	refuse_bad_ranges();
	whole_address_space();
	huge_mapping();

	addr = mmap(NULL, 64 * TIB, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(addr != MAP_FAILED, "mmap of 64 TiB: %m");
	killed_while("looking through 64 TiB", 0, addr, 64 * TIB);
	killed_while("populating 64 TiB", CDM_MIGRATE_POPULATE, addr, 64 * TIB);
	munmap(addr, 64 * TIB);
	million_mappings();
	note("the slowest call took %.3f s", slowest);
	close(fd);
	test_end();
	return 0;
}
