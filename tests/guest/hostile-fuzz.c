// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 120
 *
 * What users without privileges may come up with: every ioctl with every field
 * near and beyond its limits, every file operation, from several threads of
 * several processes, on memory that is unmapped, remapped, protected, locked,
 * forked and swapped for something else meanwhile, while root takes the region
 * offline and online. Nothing is granted that should not be, memory that nobody
 * touches keeps its content, every call ends, and at the end nothing is in use.
 *
 *	FUZZ_SECONDS=3600 FUZZ_SEED=1 hostile-fuzz
 *
 * The seed gives the sequence of calls of each thread; how they interleave is up
 * to the machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cdmtest.h"

#define USER		54321
#define PROCESSES	2
#define THREADS		4
#define SECONDS		60
#define SECONDS_OLDER	20	/* the same code of cdm, and the same minute again */
#define ARENA		(16 * MIB)
#define ANSWER		(4 * MIB)	/* the longest that a call gives, and more */
#define KEPT		(2 * MIB)	/* a thread's own, whose content is checked */
#define CALL_SECONDS	30.0		/* under emulation, with a debug kernel */

enum { ONLINE, OFFLINE, MIGRATE, RESIDENCY, BLOCKS, OTHER, FILES, MAPPINGS,
       FORKS, NR_KINDS };

static const char * const kind_names[] = {
	"online", "offline", "migrate", "residency", "blocks", "other ioctl",
	"file", "mapping", "fork",
};

/* What all processes count together. */
struct shared {
	unsigned long calls[NR_KINDS];
	unsigned long good[NR_KINDS];
	unsigned long moved;
	bool stop;
};

static struct shared *shared;
static const int id;
static char *arena;
static int zero;

struct thread {
	pthread_t thread;
	uint64_t random;
	int fd;
	char *kept;
	uint64_t seed;
};

static uint64_t rnd(struct thread *me)
{
	/* xorshift64* */
	me->random ^= me->random >> 12;
	me->random ^= me->random << 25;
	me->random ^= me->random >> 27;
	return me->random * 0x2545f4914f6cdd1dULL;
}

static uint64_t below(struct thread *me, uint64_t limit)
{
	return rnd(me) % limit;
}

static bool one_in(struct thread *me, unsigned int n)
{
	return !below(me, n);
}

#define PICK(me, ...) \
	pick(me, (const uint64_t[]){ __VA_ARGS__ }, \
	     sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static uint64_t pick(struct thread *me, const uint64_t *values, size_t nr)
{
	return values[below(me, nr)];
}

static uint64_t strange(struct thread *me)
{
	return PICK(me, 0, 1, PAGE - 1, PAGE, PAGE + 1, 1ULL << 31, 1ULL << 32,
		    (1ULL << 47) - PAGE, 1ULL << 47, 1ULL << 63, -1ULL,
		    -PAGE, 0xffff888000000000, 0xffffffff81000000, rnd(me));
}

/* Mostly in the arena, on page boundaries. */
static uint64_t some_addr(struct thread *me)
{
	if (one_in(me, 20))
		return strange(me);
	if (one_in(me, 10))
		return (uintptr_t)me->kept;
	return (uintptr_t)arena + below(me, ARENA / PAGE) * PAGE;
}

static uint64_t some_length(struct thread *me)
{
	if (one_in(me, 20))
		return strange(me);
	if (one_in(me, 20))
		return ARENA;
	return (1 + below(me, one_in(me, 4) ? 2048 : 16)) * PAGE;
}

static int32_t some_where(struct thread *me)
{
	return PICK(me, CDM_WHERE_ANY, CDM_WHERE_RAM, id, id, id,
		    CDM_WHERE_NONE, CDM_WHERE_SWAP, CDM_WHERE_OTHER, id + 1,
		    0x7fffffff, (uint32_t)-6, 0x80000000);
}

static int32_t some_pid(struct thread *me)
{
	if (!one_in(me, 10))
		return one_in(me, 2) ? 0 : getpid();
	return PICK(me, 1, 2, getppid(), -1, 0x7fffffff, 0x80000000, rnd(me));
}

static uint32_t some_size(struct thread *me, uint32_t size)
{
	if (!one_in(me, 10))
		return size;
	return PICK(me, 0, 4, 8, size - 1, size - 8, size + 1, size + 8,
		    PAGE - 1, PAGE, PAGE + 1, 0xffffffff);
}

static uint32_t some_flags(struct thread *me, uint32_t known)
{
	return one_in(me, 10) ? (uint32_t)rnd(me) : rnd(me) & known;
}

static void count(unsigned int kind, bool good)
{
	__atomic_fetch_add(&shared->calls[kind], 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&shared->good[kind], good, __ATOMIC_RELAXED);
}

/* The errors that the ABI has: any other is a mistake. */
static bool errno_is_known(int error)
{
	static const int known[] = {
		EINVAL, EPERM, EFAULT, E2BIG, EAGAIN, EBUSY, ENOMEM, EINTR,
		ESRCH, ENODEV, ENOTTY, ENOSPC, EOPNOTSUPP, EALREADY, ETIMEDOUT,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i] == error)
			return true;
	return false;
}

/* ARGUMENT is in a page of its own, with garbage or nothing behind it. */
static int call(struct thread *me, unsigned int kind, unsigned long cmd,
		const void *argument, size_t size)
{
	char page[PAGE] __attribute__((aligned(16))) = { 0 };
	void *pointer = page;
	double began = now();
	int rc;

	memcpy(page, argument, size);
	if (one_in(me, 30))
		page[size + below(me, PAGE - size)] = rnd(me) | 1;
	/* Where it has no pointer: that must not lead to what this test relies on. */
	if (kind != RESIDENCY && kind != BLOCKS && one_in(me, 50))
		((char *)page)[below(me, size)] = rnd(me);
	if (one_in(me, 50))
		pointer = (void *)some_addr(me);
	rc = ioctl(me->fd, cmd, pointer) ? errno : 0;
	count(kind, !rc);
	check(!rc || errno_is_known(rc), "%s: %s", kind_names[kind], strerror(rc));
	check(now() - began < CALL_SECONDS, "%s took %.1f s", kind_names[kind],
	      now() - began);
	if (pointer == page && !rc && kind == MIGRATE)
		__atomic_fetch_add(&shared->moved,
				   ((struct cdm_migrate *)page)->out_moved,
				   __ATOMIC_RELAXED);
	return rc;
}

static void try_online(struct thread *me)
{
	struct cdm_online online = {
		.size = some_size(me, sizeof(online)),
		.flags = some_flags(me, CDM_ONLINE_MEMMAP_ON_BLOCK),
		.isolation = below(me, 7),
		.length = one_in(me, 2) ? 0 : some_length(me),
	};

	check(call(me, ONLINE, CDM_ONLINE, &online, sizeof(online)),
	      "a user took a region online");
}

static void try_offline(struct thread *me)
{
	struct cdm_offline offline = {
		.size = some_size(me, sizeof(offline)),
		.flags = some_flags(me, CDM_OFFLINE_KEEP | CDM_OFFLINE_CANCEL),
		.timeout_ms = PICK(me, 0, 1, 1000, -1ULL),
	};

	check(call(me, OFFLINE, CDM_OFFLINE, &offline, sizeof(offline)),
	      "a user took a region offline");
}

static void try_migrate(struct thread *me)
{
	struct cdm_migrate move = {
		.size = some_size(me, sizeof(move)),
		.flags = some_flags(me, CDM_MIGRATE_POPULATE |
				    CDM_MIGRATE_DRY_RUN),
		.pid = some_pid(me),
		.from = some_where(me),
		.to = one_in(me, 8) ? some_where(me) :
		      one_in(me, 2) ? id : CDM_WHERE_RAM,
		.workers = PICK(me, 0, 0, 0, 1, 2, 64, 65, 0xffffffff),
		.addr = some_addr(me),
		.length = some_length(me),
	};

	if (one_in(me, 2))
		move.from = CDM_WHERE_ANY;
	call(me, MIGRATE, CDM_MIGRATE, &move, sizeof(move));
}

static void try_residency(struct thread *me)
{
	struct cdm_extent extents[64];
	struct cdm_residency residency = {
		.size = some_size(me, sizeof(residency)),
		.flags = one_in(me, 20) ? rnd(me) : 0,
		.pid = some_pid(me),
		.nr_extents = PICK(me, 1, 2, 63, 64, 64, 64, 0, 65536, 65537),
		.addr = some_addr(me),
		.length = some_length(me),
		.extents = (uintptr_t)extents,
		.pad = one_in(me, 30),
	};

	/* More than the array holds goes to the arena, which may not be there. */
	if (residency.nr_extents > ARRAY_SIZE(extents) || one_in(me, 5))
		residency.extents = (uintptr_t)arena + below(me, ARENA - ANSWER);
	call(me, RESIDENCY, CDM_RESIDENCY, &residency, sizeof(residency));
}

static void try_blocks(struct thread *me)
{
	struct cdm_block_info info[16] = { 0 };
	struct cdm_blocks blocks = {
		.size = some_size(me, sizeof(blocks)),
		.flags = one_in(me, 20) ? rnd(me) : 0,
		.first = PICK(me, 0, 1, 3, 4, 0xffffffff, rnd(me)),
		.nr_blocks = PICK(me, 0, 1, 4, 16),
		.blocks = (uintptr_t)info,
	};
	size_t i;

	if (one_in(me, 20))
		blocks.nr_blocks = PICK(me, 4096, 4097, 0xffffffff);
	if (one_in(me, 5) || blocks.nr_blocks > ARRAY_SIZE(info))
		blocks.blocks = (uintptr_t)arena + below(me, ARENA - ANSWER);
	call(me, BLOCKS, CDM_BLOCKS, &blocks, sizeof(blocks));
	for (i = 0; i < ARRAY_SIZE(info); i++)
		check(!info[i].start, "a user was told a physical address");
}

static void try_other(struct thread *me)
{
	unsigned char bytes[256];
	unsigned long cmd = PICK(me, CDM_IOCTL_TYPE << 8 | below(me, 256),
				 rnd(me) & 0xffffffff, 0,
				 CDM_MIGRATE | 1UL << 30, CDM_MIGRATE | 0x98 << 16);
	size_t i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = rnd(me);
	/* The known ones have their turn with better arguments. */
	if (cmd >= CDM_ONLINE && cmd <= CDM_BLOCKS)
		return;
	call(me, OTHER, cmd, bytes, sizeof(bytes));
}

static void try_files(struct thread *me)
{
	struct pollfd poll_fd = { .fd = me->fd, .events = POLLIN | POLLOUT };
	char text[256], path[128];
	static const char * const names[] = {
		"state", "isolation", "used", "available", "retired", "resource",
		"uevent", "size", "online_size", "draining", "memmap",
	};
	void *addr;
	int file;

	switch (below(me, 6)) {
	case 0:
		addr = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, me->fd, 0);
		check(addr == MAP_FAILED, "the device can be mapped");
		break;
	case 1:
		check(read(me->fd, text, sizeof(text)) < 0, "it can be read");
		check(write(me->fd, text, sizeof(text)) < 0, "it can be written");
		break;
	case 2:
		poll(&poll_fd, 1, 0);
		lseek(me->fd, rnd(me), SEEK_SET);
		fcntl(me->fd, F_SETFL, rnd(me) & (O_NONBLOCK | O_ASYNC));
		break;
	case 3:
		close(me->fd);
		me->fd = region_open(id);
		break;
	default:
		snprintf(path, sizeof(path), "/sys/bus/cdm/devices/cdm%d/%s", id,
			 names[below(me, ARRAY_SIZE(names))]);
		file = open(path, one_in(me, 4) ? O_RDWR : O_RDONLY);
		if (file < 0)
			break;
		check(pread(file, text, 1 + below(me, sizeof(text)),
			    below(me, 8)) >= 0 || errno == EIO || errno == ENODEV,
		      "%s: %m", path);
		close(file);
	}
	count(FILES, true);
}

static void try_mappings(struct thread *me)
{
	char *addr = arena + below(me, ARENA / PAGE) * PAGE;
	size_t length = (1 + below(me, one_in(me, 3) ? 1024 : 16)) * PAGE, i;
	int flags = MAP_FIXED | MAP_ANONYMOUS;

	if (length > (size_t)(arena + ARENA - addr))
		length = arena + ARENA - addr;
	switch (below(me, 10)) {
	case 0:
		munmap(addr, length);
		break;
	case 1:
	case 2:
		flags |= one_in(me, 5) ? MAP_SHARED : MAP_PRIVATE;
		if (one_in(me, 4))
			flags |= MAP_POPULATE;
		mmap(addr, length, PROT_READ | PROT_WRITE, flags, -1, 0);
		break;
	case 3:
		mprotect(addr, length, PICK(me, PROT_NONE, PROT_READ,
					    PROT_READ | PROT_WRITE));
		break;
	case 4:
		mremap(addr, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
		       arena + below(me, (ARENA - length) / PAGE + 1) * PAGE);
		break;
	case 5:
		if (one_in(me, 2))
			mlock(addr, length);
		else
			munlock(addr, length);
		break;
	case 6:
	case 7:
		madvise(addr, length,
			PICK(me, MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE,
			     MADV_NOHUGEPAGE, MADV_MERGEABLE, MADV_PAGEOUT,
			     MADV_COLD, MADV_POPULATE_WRITE, MADV_COLLAPSE,
			     MADV_DONTFORK, MADV_WIPEONFORK));
		break;
	default:
		/* Another thread may have taken it away: by a system call. */
		for (i = 0; i < length; i += PAGE)
			if (pread(zero, addr + i, 8, 0) < 0)
				break;
	}
	count(MAPPINGS, true);
}

static void try_fork(struct thread *me)
{
	pid_t pid = fork();
	int status;

	check(pid >= 0 || errno == EAGAIN || errno == ENOMEM, "fork: %m");
	if (pid < 0)
		return;
	if (!pid) {
		if (content_find_wrong(me->kept, KEPT, me->seed))
			_exit(2);
		for (status = below(me, 20); status; status--)
			try_migrate(me);
		/* Writes what it shares. */
		content_write(me->kept, KEPT / 4, me->seed + 1);
		_exit(0);
	}
	check(waitpid(pid, &status, 0) == pid && !status,
	      "a forked child ended with %#x", status);
	count(FORKS, true);
}

static void (* const tries[NR_KINDS])(struct thread *me) = {
	try_online, try_offline, try_migrate, try_residency, try_blocks,
	try_other, try_files, try_mappings, try_fork,
};

/* In a hundred. */
static const unsigned int weights[NR_KINDS] = { 2, 2, 40, 12, 3, 3, 6, 30, 2 };

static void *thread_run(void *argument)
{
	struct thread *me = argument;
	unsigned int kind, at;

	me->fd = region_open(id);
	me->kept = map_aligned(KEPT, 2 * MIB);
	content_write(me->kept, KEPT, me->seed);
	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		at = below(me, 100);
		for (kind = 0; at >= weights[kind]; kind++)
			at -= weights[kind];
		tries[kind](me);
		if (one_in(me, 16))
			content_check("kept memory", me->kept, KEPT, me->seed);
	}
	content_check("kept memory", me->kept, KEPT, me->seed);
	return NULL;
}

/* A user who may open the device, as udev lets a group do. */
static void process_run(uint64_t seed)
{
	struct rlimit files = { 1024, 1024 };
	struct thread threads[THREADS] = { 0 };
	struct stat node;
	gid_t group;
	unsigned int i;

	check(!stat("/dev/cdm0", &node), "/dev/cdm0: %m");
	group = node.st_gid;
	check(!setgroups(1, &group) && !setresgid(USER, USER, USER) &&
	      !setresuid(USER, USER, USER), "becoming %u: %m", USER);
	setrlimit(RLIMIT_NOFILE, &files);
	arena = map_aligned(ARENA, 2 * MIB);
	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	for (i = 0; i < THREADS; i++) {
		threads[i].seed = seed * THREADS + i;
		threads[i].random = (threads[i].seed + 1) * 0x9e3779b97f4a7c15ULL;
		check(!pthread_create(&threads[i].thread, NULL, thread_run,
				      &threads[i]), "pthread_create");
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i].thread, NULL);
	exit(0);
}

/* Root, meanwhile: a short try, or one that succeeds. */
static void disturb(int fd, unsigned int turn)
{
	struct cdm_offline result;
	int rc;

	rc = region_offline(fd, 0, turn % 3 ? 50 : 5000, &result);
	check(!rc || rc == -ETIMEDOUT || rc == -EALREADY, "offline: %s",
	      strerror(-rc));
	rc = region_online(fd);
	check(!rc || rc == -EALREADY, "online: %s", strerror(-rc));
}

static void report(double seconds)
{
	unsigned long calls = 0;
	unsigned int i;

	for (i = 0; i < NR_KINDS; i++) {
		calls += shared->calls[i];
		note("%-12s %8lu, %lu succeeded", kind_names[i],
		     shared->calls[i], shared->good[i]);
		check(shared->calls[i], "no %s was tried", kind_names[i]);
	}
	check(shared->good[MIGRATE] && shared->moved, "nothing was moved");
	note("%lu calls in %.0f s, %lu pages moved", calls, seconds,
	     shared->moved);
}

int main(void)
{
	double seconds = env_number("FUZZ_SECONDS", kernel_major() >= 7 ?
				    SECONDS : SECONDS_OLDER), began = now();
	uint64_t seed = env_number("FUZZ_SEED", time(NULL));
	pid_t pids[PROCESSES];
	unsigned int i, turn = 0;
	int fd;

	note("seed %llu", (unsigned long long)seed);
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(shared != MAP_FAILED, "mmap: %m");
	test_begin(1);
	fd = region_open(id);
	for (i = 0; i < PROCESSES; i++) {
		fflush(stdout);
		pids[i] = fork();
		if (!pids[i])
			process_run(seed * PROCESSES + i);
	}
	while (now() - began < seconds) {
		sleep_ms(2000);
		disturb(fd, turn++);
	}
	__atomic_store_n(&shared->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < PROCESSES; i++)
		child_check(pids[i], 0);
	report(now() - began);
	region_wait_used("used", id, 0);
	close(fd);
	test_end();
	return 0;
}
