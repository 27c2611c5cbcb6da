// SPDX-License-Identifier: GPL-2.0-only
/*
 * surprise-owner REGION: has memory on a region and in RAM, says "ready", and after
 * SIGUSR1 touches all of it: every page that was on the region has to be SIGBUS at its
 * address, every other has to hold its content. Not a test.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cdmtest.h"

#define LENGTH	(8 * MIB)
#define PAGES	(LENGTH / PAGE)

static sigjmp_buf jump;
static siginfo_t told;

static void on_bus(int number, siginfo_t *info, void *context)
{
	told = *info;
	siglongjmp(jump, 1);
}

static bool is_fatal(const char *addr)
{
	if (sigsetjmp(jump, 1))
		return true;
	(void)*(const volatile char *)addr;
	return false;
}

static void touch_lost(const char *who, const char *memory)
{
	size_t i;

	for (i = 0; i < PAGES; i++) {
		const char *addr = memory + i * PAGE;

		check(is_fatal(addr), "%s: page %zu can be read", who, i);
		check(((uintptr_t)told.si_addr & -PAGE) == (uintptr_t)addr,
		      "%s: si_addr is %p, not %p", who, told.si_addr, addr);
		check_equal("si_code", BUS_MCEERR_AR, told.si_code);
	}
	note("%s: SIGBUS for each of %zu pages", who, PAGES);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = on_bus,
				    .sa_flags = SA_SIGINFO };
	int id = argc > 1 ? atoi(argv[1]) : 0, fd = region_open(id), number;
	char *lost = map_aligned(LENGTH, 2 * MIB), *kept = map_anon(LENGTH);
	sigset_t wanted;
	pid_t pid;

	frames_scan();
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGUSR1);
	sigprocmask(SIG_BLOCK, &wanted, NULL);
	sigaction(SIGBUS, &action, NULL);
	/* At level reserved the first half stays huge pages. */
	madvise(lost, LENGTH / 2, MADV_HUGEPAGE);
	madvise(lost + LENGTH / 2, LENGTH / 2, MADV_NOHUGEPAGE);
	content_write(lost, LENGTH, 1);
	content_write(kept, LENGTH, 2);
	move_whole(fd, lost, LENGTH, id, 0);
	check_where("what will be lost", lost, LENGTH, id);
	note("ready");
	sigwait(&wanted, &number);

	pid = fork();
	if (!pid) {
		touch_lost("child", lost);
		_exit(0);
	}
	touch_lost("owner", lost);
	content_check("in RAM", kept, LENGTH, 2);
	child_check(pid, 0);
	munmap(lost, LENGTH);
	return 0;
}
