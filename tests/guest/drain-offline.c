// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 60
 *
 * Taking a region offline: with pages in use, with one of them pinned, with a
 * time limit, kept up by an open file, cancelled, ended by a signal, by two at a
 * time. What was not drained is in service again as if nothing had been.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cdmtest.h"

#define LENGTH	(4 * MIB)
#define PAGES	(LENGTH / PAGE)
#define SOON_S	20	/* on a machine that stands still for a moment; the page is held for ever */

static int fd, id;
static int pin_pipe[2];

static void pin(char *addr)
{
	struct iovec iov = { .iov_base = addr, .iov_len = PAGE };

	check(!pipe(pin_pipe), "pipe: %m");
	check(vmsplice(pin_pipe[1], &iov, 1, 0) == (ssize_t)PAGE,
	      "vmsplice: %m");
}

static void unpin(void)
{
	close(pin_pipe[0]);
	close(pin_pipe[1]);
}

/* Pages can be had, and go back: the region is in service. */
static void check_in_service(const char *after)
{
	uint64_t used = region_used(id);
	char *addr = map_anon(MIB);
	struct cdm_migrate move = move_range(fd, addr, MIB, id,
					     CDM_MIGRATE_POPULATE);

	region_check_state(id, "online");
	check(move.out_populated == MIB / PAGE, "%s: populated %llu pages",
	      after, (unsigned long long)move.out_populated);
	check_equal("used in service", used + MIB / PAGE, region_used(id));
	munmap(addr, MIB);
	check_equal("draining in service", 0, region_read(id, "draining"));
}

/* No page can be had while the region drains, nor when it is held. */
static void check_out_of_service(const char *state)
{
	char *addr = map_anon(MIB);
	struct cdm_migrate move = {
		.flags = CDM_MIGRATE_POPULATE,
		.from = CDM_WHERE_ANY,
		.to = id,
		.addr = (uintptr_t)addr,
		.length = MIB,
	};

	region_check_state(id, state);
	check_errno("moving to it", EBUSY, move_try(fd, &move));
	check_equal("available", 0, region_read(id, "available"));
	munmap(addr, MIB);
}

static void plain(void)
{
	struct cdm_offline result;
	char *addr = map_anon(LENGTH);

	content_write(addr, LENGTH, 1);
	move_whole(fd, addr, LENGTH, id, 0);
	check_errno("offline", 0, region_offline(fd, 0, 0, &result));
	check_equal("moved", PAGES, result.out_moved);
	check_equal("left", 0, result.out_left);
	check_where("after offline", addr, LENGTH, CDM_WHERE_RAM);
	content_check("after offline", addr, LENGTH, 1);
	check_out_of_service("held");
	check_equal("online_size", 0, region_read(id, "online_size"));
	check_equal("RAM for memory maps", 0, region_read(id, "memmap_ram"));
	check_errno("offline again", EALREADY, region_offline(fd, 0, 0, NULL));
	check_errno("online", 0, region_online(fd));
	check_errno("online again", EALREADY, region_online(fd));
	check_in_service("online");
	munmap(addr, LENGTH);
}

static void pinned(void)
{
	struct cdm_offline result;
	char *addr = map_anon(LENGTH);
	double began, took;

	content_write(addr, LENGTH, 2);
	move_whole(fd, addr, LENGTH, id, 0);
	pin(addr + 5 * PAGE);

	began = now();
	check_errno("offline", ETIMEDOUT, region_offline(fd, 0, 4000, &result));
	took = now() - began;
	check(took >= 3.9 && took < 4 + SOON_S, "4 s took %.3f s", took);
	check_equal("moved", PAGES - 1, result.out_moved);
	check_equal("left", 1, result.out_left);
	check_equal("pinned", 1, result.out_pinned);
	check_equal("busy", 0, result.out_busy);
	check_equal("used", 1, region_used(id));
	check_equal("by pagemap", 1, pages_at(0, addr, LENGTH, id));
	check_in_service("a time limit");
	/* Moving reports it too. */
	check_equal("busy to move", 1,
		    move_range(fd, addr, LENGTH, CDM_WHERE_RAM, 0).out_busy);

	unpin();
	check_errno("offline when unpinned", 0,
		    region_offline(fd, 0, 60000, &result));
	check_equal("moved", 1, result.out_moved);
	content_check("pinned and not", addr, LENGTH, 2);
	munmap(addr, LENGTH);
	check_errno("online", 0, region_online(fd));
}

static void kept(void)
{
	struct cdm_offline result;
	char *addr = map_anon(LENGTH);
	int other = region_open(id);

	content_write(addr, LENGTH, 3);
	move_whole(fd, addr, LENGTH, id, 0);
	pin(addr);
	check_errno("offline", ETIMEDOUT,
		    region_offline(other, CDM_OFFLINE_KEEP, 4000, &result));
	check_out_of_service("draining");
	check_equal("draining", PAGE, region_read(id, "draining"));
	check_errno("offline by another", EBUSY, region_offline(fd, 0, 100, NULL));
	check_errno("cancel by another", 0,
		    region_offline(fd, CDM_OFFLINE_CANCEL, 0, NULL));
	region_check_state(id, "draining");
	check_errno("online meanwhile", EBUSY, region_online(fd));
	check_errno("offline once more", ETIMEDOUT,
		    region_offline(other, CDM_OFFLINE_KEEP, 100, &result));
	check_equal("moved the second time", 0, result.out_moved);

	check_errno("cancel", 0,
		    region_offline(other, CDM_OFFLINE_CANCEL, 0, NULL));
	check_in_service("a cancel");
	check_errno("offline", ETIMEDOUT,
		    region_offline(other, CDM_OFFLINE_KEEP, 100, NULL));
	close(other);
	check_in_service("a close");

	other = region_open(id);
	check_errno("offline", ETIMEDOUT,
		    region_offline(other, CDM_OFFLINE_KEEP, 100, NULL));
	unpin();
	check_errno("offline", 0,
		    region_offline(other, CDM_OFFLINE_KEEP, 60000, NULL));
	close(other);
	check_out_of_service("held");
	content_check("kept", addr, LENGTH, 3);
	munmap(addr, LENGTH);
	check_errno("online", 0, region_online(fd));
}

static void on_signal(int number)
{
	(void)number;
}

static void interrupted(void)
{
	const struct itimerval each_second = { { 1, 0 }, { 1, 0 } }, never = { 0 };
	struct sigaction action = { .sa_handler = on_signal };
	char *addr = map_anon(LENGTH);
	double began;
	char state[32];
	pid_t pid;

	content_write(addr, LENGTH, 4);
	move_whole(fd, addr, LENGTH, id, 0);
	pin(addr);
	sigaction(SIGALRM, &action, NULL);
	/* The first may come before the call. */
	setitimer(ITIMER_REAL, &each_second, NULL);
	began = now();
	check_errno("offline, a signal comes", EINTR,
		    region_offline(fd, 0, 0, NULL));
	setitimer(ITIMER_REAL, &never, NULL);
	check(now() - began < SOON_S, "a signal took %.1f s", now() - began);
	check_in_service("a signal");

	/* Who is killed keeps nothing up, whatever its flags say. */
	pid = fork();
	if (!pid) {
		region_offline(region_open(id), CDM_OFFLINE_KEEP, 0, NULL);
		_exit(1);
	}
	began = now();
	do {
		sleep_ms(10);
		region_text(id, "state", state, sizeof(state));
	} while (strcmp(state, "draining") && now() - began < 30);
	/* Another drains: that is said at once, not when it is done. */
	alarm(SOON_S);
	check_errno("offline meanwhile", EBUSY, region_offline(fd, 0, 100, NULL));
	check_errno("online meanwhile", EBUSY, region_online(fd));
	alarm(0);
	began = now();
	kill(pid, SIGKILL);
	child_check(pid, SIGKILL);
	check(now() - began < SOON_S, "kill -9 took %.1f s", now() - began);
	check_in_service("kill -9");
	unpin();
	munmap(addr, LENGTH);
}

/* Two offlines at a time, pages that come back from their end, in any order. */
static void *offline_run(void *data)
{
	int file = region_open(id), *rc = data;

	*rc = region_offline(file, 0, 60000, NULL);
	close(file);
	return NULL;
}

static void two_at_a_time(void)
{
	char *addr = map_anon(LENGTH);
	unsigned int round;

	content_write(addr, LENGTH, 5);
	for (round = 0; round < 5; round++) {
		int rc[2] = { 1, 1 };
		pthread_t threads[2];
		unsigned int i;

		move_whole(fd, addr, LENGTH, id, 0);
		for (i = 0; i < 2; i++)
			pthread_create(&threads[i], NULL, offline_run, &rc[i]);
		for (i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		check(!rc[0] || !rc[1], "two offlines gave %d and %d", rc[0],
		      rc[1]);
		for (i = 0; i < 2; i++)
			check(!rc[i] || rc[i] == -EALREADY || rc[i] == -EBUSY,
			      "the other offline gave %d", rc[i]);
		content_check("two at a time", addr, LENGTH, 5);
		check_errno("online", 0, region_online(fd));
	}
	munmap(addr, LENGTH);
}

/* The owner goes while its page is pinned: the pipe holds it alone. */
static void orphaned(void)
{
	struct cdm_offline result;
	char *addr = map_anon(MIB);

	content_write(addr, MIB, 6);
	move_whole(fd, addr, MIB, id, 0);
	pin(addr);
	munmap(addr, MIB);
	check_equal("used by a pipe", 1, region_used(id));
	check_errno("offline", ETIMEDOUT, region_offline(fd, 0, 2000, &result));
	check_equal("pinned by a pipe", 1, result.out_pinned);
	unpin();
	check_equal("used", 0, region_used(id));
	check_in_service("a pipe's page");
}

int main(void)
{
	test_begin(1);
	fd = region_open(id);
	plain();
	pinned();
	kept();
	interrupted();
	two_at_a_time();
	orphaned();
	close(fd);
	test_end();
	return 0;
}
