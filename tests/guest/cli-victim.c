// SPDX-License-Identifier: GPL-2.0-only
/*
 * cli-victim BYTES [untouched] [share] [huge] [same] [busy]: a process whose memory the tests of the
 * command move about. Prints "ADDRESS LENGTH" when it is ready, and then does
 * what signals say, each time with one line:
 *
 *	SIGUSR1	look whether its memory holds what it wrote: "good" or "bad"
 *	SIGUSR2	put its first page into a pipe, where it stays: "pinned"
 *	SIGHUP	have its memory swapped out, by MADV_PAGEOUT: "paged out"
 *	SIGTERM	end
 *
 * same: every page holds the same, and KSM may merge them; busy: a thread reads all
 * the time.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

static int same;

static uint64_t value_at(size_t i)
{
	if (same)
		return 0x5a5a5a5a5a5a5a5aULL;
	return (i + 1) * 0x9e3779b97f4a7c15ULL;
}

static void fill(uint64_t *words, size_t nr)
{
	for (size_t i = 0; i < nr; i += 512)
		words[i] = value_at(i);
}

struct memory {
	volatile uint64_t *words;
	size_t nr;
};

static void *read_on(void *data)
{
	struct memory *memory = data;

	for (;;)
		for (size_t i = 0; i < memory->nr; i += 512)
			(void)memory->words[i];
	return NULL;
}

static int is_good(const uint64_t *words, size_t nr)
{
	for (size_t i = 0; i < nr; i += 512)
		if (words[i] != value_at(i))
			return 0;
	return 1;
}

/* At a multiple of 2 MiB, between pages that nothing maps. */
static void *map(size_t length)
{
	const size_t align = 2 << 20;
	char *start = mmap(NULL, length + 2 * align, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED)
		return NULL;
	start += align - (uintptr_t)start % align;
	return mprotect(start, length, PROT_READ | PROT_WRITE) ? NULL : start;
}

static int pin(void *page, size_t length)
{
	struct iovec vec = { page, length };
	int ends[2];

	return pipe(ends) || vmsplice(ends[1], &vec, 1, 0) != (ssize_t)length;
}

int main(int argc, char **argv)
{
	size_t length = argc > 1 ? strtoull(argv[1], NULL, 0) : 0;
	int touched = 1, share = 0, huge = 0, busy = 0, number;
	struct memory memory;
	pthread_t thread;
	sigset_t wanted;
	uint64_t *words;

	for (int i = 2; i < argc; i++) {
		touched &= strcmp(argv[i], "untouched") != 0;
		share |= !strcmp(argv[i], "share");
		huge |= !strcmp(argv[i], "huge");
		same |= !strcmp(argv[i], "same");
		busy |= !strcmp(argv[i], "busy");
	}
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGUSR1);
	sigaddset(&wanted, SIGUSR2);
	sigaddset(&wanted, SIGHUP);
	sigaddset(&wanted, SIGTERM);
	sigprocmask(SIG_BLOCK, &wanted, NULL);

	words = map(length);
	if (!words) {
		perror("mmap");
		return 1;
	}
	/* Ordinary pages: what moves is then told to the page. */
	madvise(words, length, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	if (same)
		madvise(words, length, MADV_MERGEABLE);
	if (touched)
		fill(words, length / 8);
	memory = (struct memory) { words, length / 8 };
	if (busy && pthread_create(&thread, NULL, read_on, &memory))
		return 1;
	if (share && !fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
	}
	printf("%lx %zu\n", (unsigned long)words, length);
	fflush(stdout);

	while (!sigwait(&wanted, &number) && number != SIGTERM) {
		if (number == SIGUSR1)
			puts(is_good(words, length / 8) ? "good" : "bad");
		else if (number == SIGHUP)
			puts(madvise(words, length, MADV_PAGEOUT) ? "not paged out" :
			     "paged out");
		else
			puts(pin(words, 4096) ? "not pinned" : "pinned");
		fflush(stdout);
	}
	return 0;
}
