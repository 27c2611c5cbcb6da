// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 90
 *
 * Pages move while everything else goes on: threads that write them, four that
 * move in opposite directions, mappings that come and go, forks, and processes
 * that end by exit() or kill -9 in the middle.
 *
 *	LOAD_SECONDS=600 move-races
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cdmtest.h"

#define LENGTH		(16 * MIB)
#define PAGES		(LENGTH / PAGE)
#define SECONDS		3.0
#define MOVERS		4	/* every other one the other way */
#define WRITERS		2
#define ROUNDS		10	/* of changes, at least */

static int fd, id;
static char *memory;
static volatile bool over;	/* the threads may end */

struct mover {
	pthread_t thread;
	int to;
	uint64_t moved;
};

struct writer {
	pthread_t thread;
	char *start;
	uint64_t rounds;
};

static void *mover_run(void *data)
{
	struct mover *mover = data;

	while (!over) {
		struct cdm_migrate move = {
			.from = CDM_WHERE_ANY,
			.to = mover->to,
			.addr = (uintptr_t)memory,
			.length = LENGTH,
		};

		check_errno("move", 0, move_loop(fd, &move));
		check_equal("pages counted", PAGES, move_sum(&move));
		__atomic_add_fetch(&mover->moved, move.out_moved,
				   __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Writers own every WRITERS-th page; each holds what the last round wrote. */
static void *writer_run(void *data)
{
	struct writer *writer = data;
	size_t at;

	while (!over) {
		for (at = 0; at < LENGTH; at += WRITERS * PAGE) {
			content_check("a page that moves", writer->start + at,
				      PAGE, writer->rounds);
			content_write(writer->start + at, PAGE,
				      writer->rounds + 1);
		}
		writer->rounds++;
	}
	return NULL;
}

/* What every other mover has moved, from the FIRST on. */
static uint64_t moved_by(const struct mover *movers, unsigned int first)
{
	uint64_t moved = 0;
	unsigned int i;

	for (i = first; i < MOVERS; i += 2)
		moved += __atomic_load_n(&movers[i].moved, __ATOMIC_RELAXED);
	return moved;
}

/* Movers in opposite directions, under two writers. */
static void opposite_directions(void)
{
	uint64_t moved_in = 0, moved_back = 0;
	struct mover movers[MOVERS] = {};
	struct writer writers[WRITERS];
	unsigned int i;
	double end;
	size_t at;

	memory = map_anon(LENGTH);
	for (at = 0; at < LENGTH; at += PAGE)
		content_write(memory + at, PAGE, 0);
	over = false;
	for (i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer) { .start = memory + i * PAGE };
		pthread_create(&writers[i].thread, NULL, writer_run, &writers[i]);
	}
	for (i = 0; i < MOVERS; i++) {
		movers[i].to = i % 2 ? CDM_WHERE_RAM : 0;
		pthread_create(&movers[i].thread, NULL, mover_run, &movers[i]);
	}
	/* Until they met, however slow the machine is. */
	end = now() + env_number("LOAD_SECONDS", SECONDS);
	do {
		sleep_ms(100);
		moved_in = moved_by(movers, 0);
		moved_back = moved_by(movers, 1);
	} while (now() < end || moved_in <= PAGES || !moved_back);
	over = true;
	for (i = 0; i < MOVERS; i++)
		pthread_join(movers[i].thread, NULL);
	moved_in = moved_by(movers, 0);
	moved_back = moved_by(movers, 1);
	for (i = 0; i < WRITERS; i++)
		pthread_join(writers[i].thread, NULL);

	note("moved in %llu and back %llu pages under %llu and %llu rounds",
	     (unsigned long long)moved_in, (unsigned long long)moved_back,
	     (unsigned long long)writers[0].rounds,
	     (unsigned long long)writers[1].rounds);
	check_equal("used and pagemap agree", region_used(id),
		    pages_at(0, memory, LENGTH, id));
	check_equal("in minus out is what is there", region_used(id),
		    moved_in - moved_back);
	for (i = 0; i < WRITERS; i++)
		for (at = 0; at < LENGTH; at += WRITERS * PAGE)
			content_check("at the end", writers[i].start + at, PAGE,
				      writers[i].rounds);
	munmap(memory, LENGTH);
	check_equal("used", 0, region_used(id));
}

/* Mappings change under a mover; only what a remap leaves is looked at. */
static void changing_mappings(void)
{
	struct mover mover = { .to = 0 };
	size_t piece = 256 * PAGE, at;
	unsigned int rounds = 0;
	double end;
	char *other;

	memory = map_anon(LENGTH);
	over = false;
	end = now() + env_number("LOAD_SECONDS", SECONDS);
	pthread_create(&mover.thread, NULL, mover_run, &mover);
	while (now() < end || rounds < ROUNDS ||
	       !__atomic_load_n(&mover.moved, __ATOMIC_RELAXED)) {
		at = rounds * 7 % (LENGTH / piece) * piece;
		content_write(memory + at, piece, rounds);
		/* One mapping after another: mremap() takes no more than one. */
		other = mremap(memory + at, piece, piece, MREMAP_MAYMOVE |
			       MREMAP_DONTUNMAP, NULL);
		check(other != MAP_FAILED, "mremap: %m");
		mprotect(other, piece / 2, PROT_READ);
		content_check("after mremap", other, piece, rounds);
		madvise(other + piece / 2, piece / 2, MADV_DONTNEED);
		munmap(other, piece);
		check(mmap(memory + at, piece, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		      memory + at, "mmap: %m");
		if (rounds % 16 == 0) {
			pid_t pid = fork();

			if (!pid) {
				content_write(memory, piece, 5);
				content_check("in a child", memory, piece, 5);
				_exit(0);
			}
			child_check(pid, 0);
		}
		rounds++;
	}
	over = true;
	pthread_join(mover.thread, NULL);
	note("%u rounds of remapping under %llu moves", rounds,
	     (unsigned long long)mover.moved);
	munmap(memory, LENGTH);
	check_equal("used", 0, region_used(id));
}

/* A child whose memory moves to and fro, by itself or by its parent. */
static void child_run(bool moves)
{
	int where = id;

	memory = map_anon(LENGTH);
	content_write(memory, LENGTH, 1);
	while (1) {
		if (moves) {
			move_range(fd, memory, LENGTH, where, 0);
			where = where == id ? CDM_WHERE_RAM : id;
		}
		memory[random() % LENGTH]++;
	}
}

/* How the call on a process that ends may end, and no other way. */
static void move_of_dying(pid_t pid, uintptr_t addr)
{
	int where = id, rc = 0;

	do {
		struct cdm_migrate move = {
			.pid = pid,
			.from = CDM_WHERE_ANY,
			.to = where,
			.addr = addr,
			.length = LENGTH,
		};

		rc = move_loop(fd, &move);
		where = where == id ? CDM_WHERE_RAM : id;
	} while (!rc);
	check_errno("the process has gone", ESRCH, rc);
}

/*
 * Whoever looks at a process, as by a file in /proc, may be the last to let its
 * memory go, so that is not over when the process is. It has to be soon.
 */
static void check_soon_empty(void)
{
	double began = now();

	region_wait_used("used after a kill", id, 0);
	if (now() - began > 0.1)
		note("pages of a killed process came free after %.2f s",
		     now() - began);
}

static void killed_in_the_middle(bool moves)
{
	unsigned int round, killed = 0;
	double began, slowest = 0;

	/* The child's mapping is where ours would be. */
	memory = map_anon(LENGTH);
	munmap(memory, LENGTH);
	for (round = 0; round < 8; round++) {
		pid_t pid = fork(), killer;

		check(pid >= 0, "fork: %m");
		if (!pid)
			child_run(moves);
		killer = fork();
		if (!killer) {
			sleep_ms(100 + 37 * round);
			kill(pid, SIGKILL);
			_exit(0);
		}
		if (!moves)
			move_of_dying(pid, (uintptr_t)memory);
		child_check(killer, 0);
		began = now();
		child_check(pid, SIGKILL);
		if (now() - began > slowest)
			slowest = now() - began;
		killed++;
		check_soon_empty();
	}
	note("%u children killed while %s, the slowest took %.3f s", killed,
	     moves ? "they moved" : "they were moved", slowest);
	check(slowest < 10, "a killed process took %.1f s to end", slowest);
}

int main(void)
{
	test_begin(1);
	fd = region_open(id);
	opposite_directions();
	changing_mappings();
	killed_in_the_middle(true);
	killed_in_the_middle(false);
	close(fd);
	test_end();
	return 0;
}
