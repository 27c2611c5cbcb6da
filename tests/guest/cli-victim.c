// SPDX-License-Identifier: GPL-2.0-only
/*
 * cli-victim BYTES [untouched] [share]: a process whose memory the tests of the
 * command move about. Prints "ADDRESS LENGTH" when it is ready, and then does
 * what signals say, each time with one line:
 *
 *	SIGUSR1	look whether its memory holds what it wrote: "good" or "bad"
 *	SIGUSR2	put its first page into a pipe, where it stays: "pinned"
 *	SIGTERM	end
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

static uint64_t value_at(size_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15ULL;
}

static void fill(uint64_t *words, size_t nr)
{
	for (size_t i = 0; i < nr; i += 512)
		words[i] = value_at(i);
}

static int is_good(const uint64_t *words, size_t nr)
{
	for (size_t i = 0; i < nr; i += 512)
		if (words[i] != value_at(i))
			return 0;
	return 1;
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
	int touched = 1, share = 0, number;
	sigset_t wanted;
	uint64_t *words;

	for (int i = 2; i < argc; i++) {
		touched &= strcmp(argv[i], "untouched") != 0;
		share |= !strcmp(argv[i], "share");
	}
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGUSR1);
	sigaddset(&wanted, SIGUSR2);
	sigaddset(&wanted, SIGTERM);
	sigprocmask(SIG_BLOCK, &wanted, NULL);

	words = mmap(NULL, length, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (words == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	/* Ordinary pages: what moves is then told to the page. */
	madvise(words, length, MADV_NOHUGEPAGE);
	if (touched)
		fill(words, length / 8);
	if (share && !fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
	}
	printf("%lx %zu\n", (unsigned long)words, length);
	fflush(stdout);

	while (!sigwait(&wanted, &number) && number != SIGTERM) {
		if (number == SIGUSR1)
			puts(is_good(words, length / 8) ? "good" : "bad");
		else
			puts(pin(words, 4096) ? "not pinned" : "pinned");
		fflush(stdout);
	}
	return 0;
}
