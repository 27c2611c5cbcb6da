// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod-workload: a program that works on its memory all the time and notices
 * when a word of it is not what it wrote last. Not a test.
 *
 *   kmod-workload MIB [THREADS]
 *
 * Reads commands and writes one line of answer to each:
 *
 *   hello		hello
 *   in ID		move everything to the region, and say how many pages
 *   out		move everything to RAM, and say how many pages
 *   where ID		how many pages are on the region
 *   rounds		how often all of the memory has been checked
 *   pin | unpin	hold the first page by a pipe
 *   longest		the longest time that one page took to check, in ms
 *   quit		"right", and the program ends
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cdmtest.h"

struct worker {
	pthread_t thread;
	char *start;
	size_t length;
	uint64_t round;
	double longest;
};

static char *memory;
static size_t length;
static struct worker workers[16];
static unsigned int nr_workers = 1;
static volatile bool ending;
static int pipe_fds[2] = { -1, -1 };

static uint64_t seed_of(const struct worker *worker, const char *page)
{
	return (page - memory) / PAGE * 31 + worker->round;
}

static void check_all(const struct worker *worker)
{
	size_t at;

	for (at = 0; at < worker->length; at += PAGE)
		content_check("workload at its end", worker->start + at, PAGE,
			      seed_of(worker, worker->start + at));
}

/* Each page holds what the last round wrote, and gets what this one writes. */
static void work_page(struct worker *worker, char *page)
{
	content_check("workload", page, PAGE, seed_of(worker, page));
	content_write(page, PAGE, seed_of(worker, page) + 1);
}

static void *work(void *data)
{
	struct worker *worker = data;
	double began, took;
	size_t at;

	while (!ending) {
		for (at = 0; at < worker->length; at += PAGE) {
			began = now();
			work_page(worker, worker->start + at);
			took = now() - began;
			if (took > worker->longest)
				worker->longest = took;
		}
		worker->round++;
	}
	return NULL;
}

static void start(void)
{
	unsigned int i;
	size_t at;

	memory = map_anon(length);
	for (at = 0; at < length; at += PAGE)
		content_write(memory + at, PAGE, at / PAGE * 31);
	for (i = 0; i < nr_workers; i++) {
		workers[i].length = length / nr_workers / PAGE * PAGE;
		workers[i].start = memory + i * workers[i].length;
		check(!pthread_create(&workers[i].thread, NULL, work,
				      &workers[i]), "pthread_create");
	}
}

/* What is busy for a moment, as a huge page that is just written, comes later. */
static void move_to(int id, int where)
{
	uint64_t moved = 0, busy = 1;
	int fd = region_open(id);
	unsigned int tries;

	for (tries = 0; busy && tries < 20; tries++) {
		struct cdm_migrate move;

		if (tries)
			sleep_ms(20);
		move = move_range(fd, memory, length, where, 0);
		moved += move.out_moved;
		busy = move.out_busy;
	}
	close(fd);
	note("%llu", (unsigned long long)moved);
}

static void pin(void)
{
	struct iovec iov = { .iov_base = memory, .iov_len = PAGE };

	check(!pipe(pipe_fds), "pipe: %m");
	check(vmsplice(pipe_fds[1], &iov, 1, 0) == (ssize_t)PAGE,
	      "vmsplice: %m");
	note("pinned");
}

static void unpin(void)
{
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	note("unpinned");
}

static void tell_workers(const char *what)
{
	uint64_t rounds = UINT64_MAX;
	double longest = 0;
	unsigned int i;

	for (i = 0; i < nr_workers; i++) {
		if (workers[i].round < rounds)
			rounds = workers[i].round;
		if (workers[i].longest > longest)
			longest = workers[i].longest;
	}
	if (!strcmp(what, "rounds"))
		note("%llu", (unsigned long long)rounds);
	else
		note("%.0f", longest * 1e3);
}

static void command(const char *line)
{
	static int last_id;
	char word[16] = "";

	sscanf(line, "%15s %d", word, &last_id);
	if (!strcmp(word, "hello"))
		note("hello");
	else if (!strcmp(word, "in"))
		move_to(last_id, last_id);
	else if (!strcmp(word, "out"))
		move_to(last_id, CDM_WHERE_RAM);
	else if (!strcmp(word, "where"))
		frames_scan(), note("%llu", (unsigned long long)
				    pages_at(0, memory, length, last_id));
	else if (!strcmp(word, "pin"))
		pin();
	else if (!strcmp(word, "unpin"))
		unpin();
	else
		tell_workers(word);
}

int main(int argc, char **argv)
{
	char line[64];
	unsigned int i;

	check(argc > 1, "usage: kmod-workload MIB [THREADS]");
	length = atoi(argv[1]) * MIB;
	if (argc > 2)
		nr_workers = atoi(argv[2]);
	check(length && nr_workers && nr_workers <= ARRAY_SIZE(workers),
	      "kmod-workload %s: not a size, or too many threads", argv[1]);
	start();
	while (fgets(line, sizeof(line), stdin) && strncmp(line, "quit", 4))
		command(line);
	ending = true;
	for (i = 0; i < nr_workers; i++) {
		pthread_join(workers[i].thread, NULL);
		check_all(&workers[i]);
	}
	note("right");
	return 0;
}
