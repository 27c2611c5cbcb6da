// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measure moves beside what the kernel offers for the same, in one process of
 * one guest, in pairs. Prints one line a sample: NAME VALUE UNIT; run collects
 * them, and takes medians and ratios.
 *
 * usage: bench cdm REGION DAX   one round of what cdm does at level private; REGION
 *                               is the N of cdmN, DAX the name of its dax device
 *        bench reserved REGION DAX  likewise at level reserved, which cdmN has
 *        bench kmem NODE        one round of what the kernel does, with the same
 *                               memory onlined by kmem as NODE
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/cdm.h>

#define MiB		(1UL << 20)
#define PAGE		4096UL
#define HUGE		(2 * MiB)
#define MOVE_BYTES	(256 * MiB)
#define COPY_OFFSET	(33 * PAGE)
#define COPY_SPAN	(MOVE_BYTES + HUGE)
#define DRAIN_BYTES	(512 * MiB)
#define HUGE_BYTES	(512 * MiB)
#define RANDOM_READS	(8UL << 20)
#define VICTIM_BYTES	(64 * MiB)

static int region_fd, region_id, kmem_node;
static const char *dax;

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static void sample(const char *name, double value, const char *unit)
{
	printf("%s %.3f %s\n", name, value, unit);
	fflush(stdout);
}

/* Memory ------------------------------------------------------------------- */

static char *map(size_t length, bool huge)
{
	char *raw = mmap(NULL, length + HUGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *start = (char *)(((uintptr_t)raw + HUGE - 1) & ~(HUGE - 1));

	if (raw == MAP_FAILED)
		die("mmap of %zu bytes", length);
	if (start > raw)
		munmap(raw, start - raw);
	munmap(start + length, raw + HUGE - start);
	madvise(start, length, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return start;
}

static void fill(char *start, size_t length, uint64_t seed)
{
	uint64_t *word = (uint64_t *)start, i;

	for (i = 0; i < length / sizeof(*word); i++)
		word[i] = i * 0x9e3779b97f4a7c15 + seed;
}

static void check(const char *start, size_t length, uint64_t seed)
{
	const uint64_t *word = (const uint64_t *)start;
	uint64_t i;

	for (i = 0; i < length / sizeof(*word); i++)
		if (word[i] != i * 0x9e3779b97f4a7c15 + seed)
			die("content changed at byte %zu", i * sizeof(*word));
}

/* One thread, 64-bit loads and stores: what the moves are judged against. */
static double copy_once(char *to, const char *from, size_t length)
{
	volatile uint64_t *dst = (volatile uint64_t *)to;
	const volatile uint64_t *src = (const volatile uint64_t *)from;
	double start = now();
	size_t i;

	for (i = 0; i < length / sizeof(*dst); i++)
		dst[i] = src[i];
	return length / (now() - start) / 1e6;
}

/*
 * The first pass pays for the emulator's tables, so it does not count. The two
 * must not lie a power of two apart: each page of the one would then throw a page
 * of the other out of the emulator's TLB, at every load and store.
 */
static double copy_loop(char *to, const char *from, size_t length)
{
	copy_once(to, from, length);
	return copy_once(to, from, length);
}

/* The two ways to move --------------------------------------------------------- */

static double cdm_move(char *start, size_t length, int to, unsigned int workers)
{
	uint64_t addr = (uintptr_t)start, end = addr + length, moved = 0;
	double begin = now();

	while (addr < end) {
		struct cdm_migrate move = {
			.size = sizeof(move),
			.from = CDM_WHERE_ANY,
			.to = to,
			.workers = workers,
			.addr = addr,
			.length = end - addr,
		};

		if (ioctl(region_fd, CDM_MIGRATE, &move))
			die("CDM_MIGRATE");
		moved += move.out_moved;
		addr = move.out_next;
	}
	begin = now() - begin;
	if (moved < length / PAGE * 99 / 100)
		die("only %llu of %lu pages moved", (unsigned long long)moved,
		    length / PAGE);
	return length / begin / 1e6;
}

static double kernel_move(char *start, size_t length, size_t step, int node)
{
	size_t nr = length / step, i, wrong = 0;
	void **pages = calloc(nr, sizeof(*pages));
	int *nodes = calloc(nr, sizeof(*nodes));
	int *status = calloc(nr, sizeof(*status));
	double begin;

	for (i = 0; i < nr; i++) {
		pages[i] = start + i * step;
		nodes[i] = node;
	}
	begin = now();
	if (syscall(SYS_move_pages, 0, nr, pages, nodes, status, MPOL_MF_MOVE) < 0)
		die("move_pages");
	begin = now() - begin;
	for (i = 0; i < nr; i++)
		wrong += status[i] != node;
	if (wrong > nr / 100)
		die("move_pages left %zu of %zu behind", wrong, nr);
	free(pages);
	free(nodes);
	free(status);
	return length / begin / 1e6;
}

/* Bytes of this process that are in huge pages. */
static size_t huge_bytes(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	unsigned long kib = 0;
	char line[128];

	if (!file)
		die("/proc/self/smaps_rollup");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "AnonHugePages: %lu", &kib) == 1)
			break;
	fclose(file);
	return kib << 10;
}

static void must_be_huge(const char *when)
{
	if (huge_bytes() < HUGE_BYTES * 99 / 100)
		die("%s: %zu MiB in huge pages", when, huge_bytes() / MiB);
}

static char *map_huge(uint64_t seed)
{
	char *start = map(HUGE_BYTES, true);

	fill(start, HUGE_BYTES, seed);
	must_be_huge("before");
	return start;
}

/* Millions of 64-bit words a second, from all over the memory. */
static double random_reads(const char *start)
{
	const volatile uint64_t *word = (const volatile uint64_t *)start;
	uint64_t state = 88172645463325252ULL, sum = 0;
	double begin = now();
	size_t i;

	for (i = 0; i < RANDOM_READS; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		sum += word[state % (HUGE_BYTES / sizeof(*word))];
	}
	begin = now() - begin;
	if (!sum)
		die("nothing was read");
	return RANDOM_READS / begin / 1e6;
}

/* What kmem's memory can do. */
static void bench_kmem(void)
{
	char *start = map(MOVE_BYTES, false), *to = map(COPY_SPAN, false);
	unsigned long mask = 1UL << kmem_node;

	if (syscall(SYS_mbind, to, COPY_SPAN, MPOL_BIND, &mask, 64, 0))
		die("mbind");
	fill(start, MOVE_BYTES, 1);
	fill(to, COPY_SPAN, 2);
	sample("copy_loop", copy_loop(to + COPY_OFFSET, start, MOVE_BYTES),
	       "MB/s");
	munmap(to, COPY_SPAN);
	munmap(start, MOVE_BYTES);

	start = map(MOVE_BYTES, false);
	fill(start, MOVE_BYTES, 1);
	sample("move_pages_in", kernel_move(start, MOVE_BYTES, PAGE, kmem_node),
	       "MB/s");
	sample("move_pages_back", kernel_move(start, MOVE_BYTES, PAGE, 0), "MB/s");
	check(start, MOVE_BYTES, 1);
	munmap(start, MOVE_BYTES);

	start = map_huge(3);
	sample("move_pages_huge_in", kernel_move(start, HUGE_BYTES, HUGE,
						 kmem_node), "MB/s");
	sample("kmem_reads", random_reads(start), "M/s");
	sample("move_pages_huge_back", kernel_move(start, HUGE_BYTES, HUGE, 0),
	       "MB/s");
	check(start, HUGE_BYTES, 3);
	munmap(start, HUGE_BYTES);
}

/* @prefix: of the samples' names */
static void bench_moves(const char *prefix)
{
	char *start = map(MOVE_BYTES, false);
	unsigned int workers;
	char name[64];

	fill(start, MOVE_BYTES, 4);
	for (workers = 0; workers < 2; workers++) {
		snprintf(name, sizeof(name), "%s_in_%s", prefix,
			 workers ? "one" : "default");
		sample(name, cdm_move(start, MOVE_BYTES, region_id, workers),
		       "MB/s");
		snprintf(name, sizeof(name), "%s_back_%s", prefix,
			 workers ? "one" : "default");
		sample(name, cdm_move(start, MOVE_BYTES, CDM_WHERE_RAM, workers),
		       "MB/s");
	}
	check(start, MOVE_BYTES, 4);
	munmap(start, MOVE_BYTES);
}

static void bench_huge(void)
{
	char *start = map(MOVE_BYTES, true);

	fill(start, MOVE_BYTES, 5);
	sample("cdm_huge_in", cdm_move(start, MOVE_BYTES, region_id, 0), "MB/s");
	sample("cdm_huge_back", cdm_move(start, MOVE_BYTES, CDM_WHERE_RAM, 0),
	       "MB/s");
	check(start, MOVE_BYTES, 5);
	munmap(start, MOVE_BYTES);
}

/* Victims --------------------------------------------------------------------- */

struct victim {
	pthread_t thread;
	char *start;
	size_t length;
	double longest;
};

static atomic_bool victims_stop;

/* Touches page after page and remembers the longest time between two. */
static void *victim_run(void *data)
{
	struct victim *victim = data;
	double last = now(), this;
	size_t at = 0;

	while (!atomic_load_explicit(&victims_stop, memory_order_relaxed)) {
		(*(volatile char *)(victim->start + at))++;
		at = (at + PAGE) % victim->length;
		this = now();
		if (this - last > victim->longest)
			victim->longest = this - last;
		last = this;
	}
	return NULL;
}

/* Moves to and fro while @nr threads touch; the sum of both ways in MB/s. */
static double move_under(unsigned int nr, double *longest)
{
	char *start = map(VICTIM_BYTES, false);
	struct victim victims[8] = {};
	unsigned int i, rounds = 4;
	double begin;

	fill(start, VICTIM_BYTES, 7);
	atomic_store(&victims_stop, false);
	for (i = 0; i < nr; i++) {
		victims[i].start = start;
		victims[i].length = VICTIM_BYTES;
		if (pthread_create(&victims[i].thread, NULL, victim_run,
				   &victims[i]))
			die("pthread_create");
	}
	usleep(100 * 1000);
	begin = now();
	for (i = 0; i < rounds; i++) {
		cdm_move(start, VICTIM_BYTES, region_id, 0);
		cdm_move(start, VICTIM_BYTES, CDM_WHERE_RAM, 0);
	}
	begin = now() - begin;
	atomic_store(&victims_stop, true);
	*longest = 0;
	for (i = 0; i < nr; i++) {
		pthread_join(victims[i].thread, NULL);
		if (victims[i].longest > *longest)
			*longest = victims[i].longest;
	}
	munmap(start, VICTIM_BYTES);
	return 2.0 * rounds * VICTIM_BYTES / begin / 1e6;
}

static double idle_jitter(void)
{
	struct victim victim = { .start = map(VICTIM_BYTES, false),
				 .length = VICTIM_BYTES };

	fill(victim.start, VICTIM_BYTES, 8);
	atomic_store(&victims_stop, false);
	if (pthread_create(&victim.thread, NULL, victim_run, &victim))
		die("pthread_create");
	usleep(1000 * 1000);
	atomic_store(&victims_stop, true);
	pthread_join(victim.thread, NULL);
	munmap(victim.start, VICTIM_BYTES);
	return victim.longest;
}

static void bench_victims(void)
{
	double longest;

	sample("stall_idle", idle_jitter() * 1e3, "ms");
	sample("victim_1", move_under(1, &longest), "MB/s");
	sample("stall", longest * 1e3, "ms");
	sample("victim_8", move_under(8, &longest), "MB/s");
}

/* Leaving ----------------------------------------------------------------------- */

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("write %s to %s", text, path);
	close(fd);
}

static void region_open(int isolation)
{
	struct cdm_online online = {
		.size = sizeof(online),
		.isolation = isolation,
	};
	char path[32];

	snprintf(path, sizeof(path), "/dev/cdm%d", region_id);
	region_fd = open(path, O_RDWR);
	if (region_fd < 0)
		die("open %s", path);
	if (ioctl(region_fd, CDM_ONLINE, &online) && errno != EALREADY)
		die("CDM_ONLINE");
}

/* What an unplug does to the driver: remove(), with the region in use. */
static void bench_drain(const char *name, bool huge)
{
	char *start = map(DRAIN_BYTES, huge);
	double begin;

	fill(start, DRAIN_BYTES, 9);
	cdm_move(start, DRAIN_BYTES, region_id, 0);
	close(region_fd);
	begin = now();
	write_to("/sys/bus/dax/drivers/cdm/unbind", dax);
	sample(name, DRAIN_BYTES / (now() - begin) / 1e6, "MB/s");
	check(start, DRAIN_BYTES, 9);
	munmap(start, DRAIN_BYTES);
}

/* Level reserved ------------------------------------------------------------------ */

static void bench_reserved_huge(void)
{
	char *start = map_huge(10), name[64];
	unsigned int workers;

	for (workers = 0; workers < 2; workers++) {
		const char *what = workers ? "one" : "default";

		snprintf(name, sizeof(name), "reserved_huge_in_%s", what);
		sample(name, cdm_move(start, HUGE_BYTES, region_id, workers),
		       "MB/s");
		must_be_huge("there");
		if (!workers)
			sample("reserved_reads", random_reads(start), "M/s");
		snprintf(name, sizeof(name), "reserved_huge_back_%s", what);
		sample(name, cdm_move(start, HUGE_BYTES, CDM_WHERE_RAM,
				      workers), "MB/s");
		must_be_huge("back");
	}
	check(start, HUGE_BYTES, 10);
	munmap(start, HUGE_BYTES);
}

/* All of the region, of which HUGE_BYTES are in use: bytes of these a second. */
static double set_level(int isolation)
{
	struct cdm_set_isolation set = {
		.size = sizeof(set),
		.isolation = isolation,
	};
	double begin = now();

	if (ioctl(region_fd, CDM_SET_ISOLATION, &set))
		die("CDM_SET_ISOLATION %d", isolation);
	begin = now() - begin;
	if (set.out_moved * PAGE < HUGE_BYTES * 99 / 100)
		die("only %llu pages had to move",
		    (unsigned long long)set.out_moved);
	return HUGE_BYTES / begin / 1e6;
}

/* Begins and ends at level reserved. */
static void bench_levels(void)
{
	char *start = map(HUGE_BYTES, false);

	fill(start, HUGE_BYTES, 11);
	cdm_move(start, HUGE_BYTES, region_id, 0);
	sample("level_private", set_level(CDM_ISOLATION_PRIVATE), "MB/s");
	sample("level_reserved", set_level(CDM_ISOLATION_RESERVED), "MB/s");
	check(start, HUGE_BYTES, 11);
	munmap(start, HUGE_BYTES);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "kmem")) {
		kmem_node = atoi(argv[2]);
		bench_kmem();
		return 0;
	}
	if (argc != 4 || (strcmp(argv[1], "cdm") && strcmp(argv[1], "reserved"))) {
		fprintf(stderr, "usage: bench cdm|reserved REGION DAX | bench kmem NODE\n");
		return 2;
	}
	region_id = atoi(argv[2]);
	dax = argv[3];
	if (!strcmp(argv[1], "reserved")) {
		region_open(CDM_ISOLATION_RESERVED);
		bench_moves("reserved");
		bench_reserved_huge();
		bench_levels();
		bench_drain("reserved_drain", true);
		return 0;
	}
	region_open(CDM_ISOLATION_PRIVATE);
	bench_moves("cdm");
	bench_huge();
	bench_victims();
	bench_drain("drain", false);
	return 0;
}
