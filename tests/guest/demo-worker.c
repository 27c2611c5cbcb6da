// SPDX-License-Identifier: GPL-2.0-only
/*
 * demo-worker MIB STATUS-FILE: a program with data in memory that it cannot do
 * without. Goes over all of it again and again, checks every word, changes it, and
 * writes to STATUS-FILE: passes done, wrong words found, and the longest time that
 * one page kept it waiting.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define WORDS_PER_PAGE (4096 / sizeof(uint64_t))

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

static uint64_t value(uint64_t word, uint64_t pass)
{
	return (word + 1) * 0x9e3779b97f4a7c15ull + pass;
}

static void tell(int fd, uint64_t pass, uint64_t wrong, uint64_t longest_us)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "passes=%-8llu wrong=%-4llu longest_wait_ms=%-6.1f\n",
			   (unsigned long long)pass, (unsigned long long)wrong,
			   longest_us / 1000.0);

	if (pwrite(fd, line, len, 0) != len)
		perror("status file");
}

int main(int argc, char **argv)
{
	size_t bytes = argc == 3 ? strtoull(argv[1], NULL, 0) << 20 : 0;
	size_t words = bytes / sizeof(uint64_t);
	uint64_t wrong = 0, longest = 0, last;
	uint64_t *memory;
	int fd;

	if (!bytes) {
		fprintf(stderr, "usage: demo-worker MIB STATUS-FILE\n");
		return 2;
	}
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (memory == MAP_FAILED || fd < 0) {
		perror("demo-worker");
		return 1;
	}
	for (size_t i = 0; i < words; i++)
		memory[i] = value(i, 0);
	tell(fd, 0, 0, 0);

	for (uint64_t pass = 0;; pass++) {
		last = now_us();
		for (size_t i = 0; i < words; i++) {
			wrong += memory[i] != value(i, pass);
			memory[i] = value(i, pass + 1);
			if (i % WORDS_PER_PAGE == 0) {
				uint64_t now = now_us();

				if (now - last > longest)
					longest = now - last;
				last = now;
			}
		}
		tell(fd, pass + 1, wrong, longest);
	}
}
