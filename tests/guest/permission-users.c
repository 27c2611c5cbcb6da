// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 60
 * quick: yes
 *
 * Who may do what: the device node is closed to strangers; a member of its group
 * moves memory of his own and of nobody else, and cannot tell a process that he
 * may not touch from one that is not there; neither can the root of a user
 * namespace, a program that runs set-uid, or one that is not dumpable.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cdmtest.h"

#define USER	54321
#define OTHER	54322
#define GROUP	54323
#define LENGTH	(64 * PAGE)
#define NOBODY	4194000	/* a pid that nobody has */

static int fd, id;
static char *memory;

static void run_as(uid_t uid, gid_t gid, void (*part)(void))
{
	child_check(child_start_as(uid, gid, part), 0);
}

static int open_try(void)
{
	char path[32];
	int file;

	snprintf(path, sizeof(path), "/dev/cdm%d", id);
	file = open(path, O_RDWR | O_CLOEXEC);
	return file < 0 ? -errno : file;
}

static int move_of(pid_t pid, unsigned int flags)
{
	struct cdm_migrate move = {
		.pid = pid,
		.flags = flags,
		.from = CDM_WHERE_ANY,
		.to = id,
		.addr = (uintptr_t)memory,
		.length = LENGTH,
	};

	return move_try(fd, &move);
}

static int residency_of(pid_t pid)
{
	struct cdm_extent extents[64];
	struct cdm_residency residency = {
		.size = sizeof(residency),
		.pid = pid,
		.nr_extents = ARRAY_SIZE(extents),
		.addr = (uintptr_t)memory,
		.length = LENGTH,
		.extents = (uintptr_t)extents,
	};

	return ioctl(fd, CDM_RESIDENCY, &residency) ? -errno : 0;
}

/* Every way to ask about a process gives the same answer. */
static void check_closed(const char *who, pid_t pid)
{
	static const unsigned int flags[] = { 0, CDM_MIGRATE_DRY_RUN,
					      CDM_MIGRATE_POPULATE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		check_errno(who, EPERM, move_of(pid, flags[i]));
	check_errno(who, EPERM, residency_of(pid));
}

static pid_t victims[8];
static unsigned int nr_victims;

static void check_learns_nothing(void)
{
	unsigned int i;

	check_closed("a pid that nobody has", NOBODY);
	check_closed("init", 1);
	check_closed("a kernel thread", 2);
	for (i = 0; i < nr_victims; i++)
		check_closed("a victim", victims[i]);
}

static void stranger(void)
{
	check_errno("opening the node", EACCES, open_try());
}

static void check_administration_closed(void)
{
	struct cdm_bad_page bad;

	check_errno("CDM_ONLINE", EPERM, region_online(fd));
	check_errno("CDM_OFFLINE", EPERM, region_offline(fd, 0, 100, NULL));
	check_errno("CDM_OFFLINE, cancel", EPERM,
		    region_offline(fd, CDM_OFFLINE_CANCEL, 0, NULL));
	check_errno("CDM_OFFLINE, keep", EPERM,
		    region_offline(fd, CDM_OFFLINE_KEEP, 100, NULL));
	check_errno("CDM_BAD_PAGES", EPERM, region_bad_pages(fd, &bad, 1));
	check_errno("CDM_RETIRE", EPERM, region_retire(fd, 0, 0, 0));
	check_errno("CDM_MIGRATE_SHARED", EPERM, move_of(0, CDM_MIGRATE_SHARED));
	region_check_state(id, "online");
}

static void member(void)
{
	struct cdm_migrate move;

	fd = open_try();
	check(fd >= 0, "a member of the group cannot open the node: %s",
	      strerror(-fd));
	munmap(memory, LENGTH);
	memory = map_anon(LENGTH);
	content_write(memory, LENGTH, 2);
	move = move_range(fd, memory, LENGTH, id, 0);
	check_equal("moved of one's own", LENGTH / PAGE, move.out_moved);
	check_errno("by one's own pid", 0, move_of(getpid(), 0));
	check_errno("where one's own is", 0, residency_of(0));
	content_check("one's own", memory, LENGTH, 2);
	check_equal("used", LENGTH / PAGE, region_used(id));
	move = move_range(fd, memory, LENGTH, CDM_WHERE_RAM, 0);
	check_equal("moved back", LENGTH / PAGE, move.out_moved);
	check_learns_nothing();
	check_administration_closed();
}

/* The root of a namespace of one's own has every capability, there. */
static void namespace_root(void)
{
	pid_t pid;

	fd = open_try();
	check(fd >= 0, "open: %s", strerror(-fd));
	check(!unshare(CLONE_NEWUSER), "unshare: %m");
	proc_write("/proc/self/setgroups", "deny");
	proc_write("/proc/self/uid_map", "0 54321 1");
	check(geteuid() == 0, "not root, but %u", geteuid());
	check_learns_nothing();
	check_administration_closed();

	/* With pids of its own, where the child is number 1 and 2 is nobody. */
	check(!unshare(CLONE_NEWPID), "unshare: %m");
	pid = fork();
	if (!pid) {
		check(getpid() == 1, "pid is %d", getpid());
		check_errno("itself, as number 1", 0, move_of(1, 0));
		check_closed("number 2", 2);
		check_closed("a large number", NOBODY);
		check_administration_closed();
		exit(0);
	}
	child_check(pid, 0);
}

/* Waits with memory of its own, at the same address. */
static void victim(void)
{
	content_write(memory, LENGTH, 3);
	while (1)
		pause();
}

static void victim_not_dumpable(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	victim();
}

/* Effective root, started by the user: as a set-uid program is. */
static void victim_set_uid(void)
{
	victim();
}

/* What it writes is the last thing that it does. */
static void victim_wait(pid_t pid)
{
	double end = now() + 60;

	while (pages_at(pid, memory, LENGTH, CDM_WHERE_RAM) != LENGTH / PAGE &&
	       now() < end)
		sleep_ms(10);
}

static pid_t start_set_uid(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	check(pid >= 0, "fork: %m");
	if (!pid) {
		check(!setresuid(USER, 0, 0), "setresuid: %m");
		victim_set_uid();
	}
	return pid;
}

/* A descriptor that root opened is no capability. */
static void inherited(void)
{
	check_learns_nothing();
	check_administration_closed();
	check_errno("one's own by an inherited file", 0, move_of(0, 0));
}

/* Root may: that is the oracle of all the refusals above. */
static void root_may(void)
{
	unsigned int i;

	for (i = 0; i < nr_victims; i++) {
		check_equal("victim is in RAM", LENGTH / PAGE,
			    pages_at(victims[i], memory, LENGTH, CDM_WHERE_RAM));
		check_residency(fd, victims[i], memory, LENGTH);
		check_errno("root moves a victim", 0, move_of(victims[i], 0));
		check_equal("victim is on the region", LENGTH / PAGE,
			    pages_at(victims[i], memory, LENGTH, id));
		check_residency(fd, victims[i], memory, LENGTH);
	}
	check_equal("used", nr_victims * LENGTH / PAGE, region_used(id));
	check_errno("a pid that nobody has", ESRCH, move_of(NOBODY, 0));
	check_errno("a pid that nobody has", ESRCH, residency_of(NOBODY));
}

static void check_node(void)
{
	struct stat status;
	char path[32];

	snprintf(path, sizeof(path), "/dev/cdm%d", id);
	check(!stat(path, &status), "%s: %m", path);
	check((status.st_mode & 07777) == 0660, "mode is %o",
	      status.st_mode & 07777);
	check(S_ISCHR(status.st_mode) && status.st_uid == 0,
	      "not root's device node");
	check(!chown(path, 0, GROUP), "chown: %m");
}

int main(void)
{
	unsigned int i;

	test_begin(1);
	check_node();
	fd = region_open(id);
	memory = map_anon(LENGTH);
	check(!madvise(memory, LENGTH, MADV_NOHUGEPAGE), "madvise: %m");

	victims[nr_victims++] = child_start_as(OTHER, OTHER, victim);
	victims[nr_victims++] = child_start_as(USER, GROUP, victim_not_dumpable);
	victims[nr_victims++] = child_start_as(USER, GROUP, victim);
	victims[nr_victims++] = start_set_uid();
	for (i = 0; i < nr_victims; i++)
		victim_wait(victims[i]);

	run_as(USER, USER, stranger);
	run_as(USER, GROUP, member);
	run_as(USER, GROUP, namespace_root);
	run_as(USER, USER, inherited);
	root_may();

	for (i = 0; i < nr_victims; i++) {
		kill(victims[i], SIGKILL);
		child_check(victims[i], SIGKILL);
	}
	munmap(memory, LENGTH);
	close(fd);
	test_end();
	return 0;
}
