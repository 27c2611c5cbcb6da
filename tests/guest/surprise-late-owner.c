// SPDX-License-Identifier: GPL-2.0-only
/*
 * surprise-late-owner: has memory on region 0, one page of it in a pipe, says "ready",
 * and touches that page after SIGUSR1 until that is SIGBUS. Not a test.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cdmtest.h"

#define LENGTH	(2 * MIB)

static sigjmp_buf jump;

static void on_bus(int number, siginfo_t *info, void *context)
{
	siglongjmp(jump, 1);
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_bus,
				    .sa_flags = SA_SIGINFO };
	char *memory = map_aligned(LENGTH, 2 * MIB);
	struct iovec page = { memory + 5 * PAGE, PAGE };
	int fd = region_open(0), ends[2], number;
	sigset_t wanted;

	madvise(memory, LENGTH, MADV_NOHUGEPAGE);
	content_write(memory, LENGTH, 1);
	move_whole(fd, memory, LENGTH, 0, 0);
	close(fd);
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGUSR1);
	sigprocmask(SIG_BLOCK, &wanted, NULL);
	sigaction(SIGBUS, &action, NULL);
	check(!pipe(ends), "pipe: %m");
	check(vmsplice(ends[1], &page, 1, 0) == (ssize_t)PAGE, "vmsplice: %m");
	note("ready");
	sigwait(&wanted, &number);

	if (sigsetjmp(jump, 1)) {
		note("SIGBUS");
		return 0;
	}
	/* The event comes before the pages are taken. */
	alarm(60);
	for (;;) {
		(void)*(volatile char *)page.iov_base;
		usleep(10000);
	}
}
