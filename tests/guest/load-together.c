// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 180
 *
 * Everything that touches a region, at once, for twenty seconds: two programs move
 * their memory in and out, one reads it, one asks where it is, and meanwhile the
 * region goes online and offline at every level, its level is changed, its device is
 * unbound and bound, udev is triggered and every attribute is read. Each of them may
 * be told no; content stays right, and afterwards all is free and the module goes.
 *
 *	LOAD_SECONDS=600 load-together
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cdmtest.h"

#define SECONDS		20
#define LENGTH		(8 * MIB)
#define CALL_SECONDS	60.0	/* no call may take so long, under emulation */

static char dax[64], dax_path[PATH_MAX];
static double end;
static unsigned int seed;

/* The device that is bound again may get another number: the old one may be open. */
static int try_open(int *id)
{
	char path[64];
	int fd = -1;

	for (*id = 0; *id < 8 && fd < 0; ++*id) {
		snprintf(path, sizeof(path), "/dev/cdm%d", *id);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	--*id;
	if (fd < 0)
		sleep_ms(5);
	return fd;
}

static unsigned int any_level(void)
{
	static const unsigned int levels[] = {
		CDM_ISOLATION_PRIVATE, CDM_ISOLATION_RESERVED,
		CDM_ISOLATION_SHARED,
	};

	return levels[rand_r(&seed) % ARRAY_SIZE(levels)];
}

/* Errors that mean "not now", to somebody who is one of many. */
static bool is_no(int rc)
{
	switch (-rc) {
	case 0: case EAGAIN: case EALREADY: case EBUSY: case EINTR: case ENODEV:
	case ENOENT: case ENXIO: case ETIMEDOUT: case EXDEV: case ENOMEM:
	case EADDRNOTAVAIL: case EOPNOTSUPP: case ENOSPC: case ECANCELED:
		return true;
	default:
		return false;
	}
}

static int move_some(int fd, char *addr, int to)
{
	struct cdm_migrate move = {
		.from = CDM_WHERE_ANY, .to = to,
		.addr = (uintptr_t)addr, .length = LENGTH,
	};
	double until = now() + 1;
	int rc;

	while (move.length && now() < until) {
		rc = move_try(fd, &move);
		if (rc == -EAGAIN || rc == -EINTR)
			continue;
		if (rc)
			return rc;
		move.length -= move.out_next - move.addr;
		move.addr = move.out_next;
	}
	return 0;
}

static unsigned long mover(void)
{
	char *addr = map_aligned(LENGTH, 2 * MIB);
	unsigned long moved = 0;
	int fd, id, rc;

	if (seed & 1)
		madvise(addr, LENGTH, MADV_HUGEPAGE);
	content_write(addr, LENGTH, seed);
	while (now() < end) {
		fd = try_open(&id);
		if (fd < 0)
			continue;
		rc = move_some(fd, addr, id);
		check(is_no(rc), "moving in: %s", strerror(-rc));
		moved += !rc;
		content_check("after moving in", addr, LENGTH, seed);
		rc = move_some(fd, addr, CDM_WHERE_RAM);
		check(is_no(rc), "moving back: %s", strerror(-rc));
		content_check("after moving back", addr, LENGTH, seed);
		close(fd);
	}
	return moved;
}

/* Others look at memory while it moves: a child that shares it, by fork. */
static unsigned long forker(void)
{
	char *addr = map_aligned(LENGTH, 2 * MIB);
	unsigned long turns = 0;
	pid_t pid;
	int fd, id;

	content_write(addr, LENGTH, seed);
	for (; now() < end; turns++) {
		fd = try_open(&id);
		if (fd >= 0) {
			move_some(fd, addr, id);
			close(fd);
		}
		pid = fork();
		check(pid >= 0, "fork: %m");
		if (!pid) {
			content_check("child", addr, LENGTH, seed);
			content_write(addr, LENGTH / 2, seed + 1);
			content_check("child, its own", addr, LENGTH / 2, seed + 1);
			_exit(0);
		}
		content_check("parent", addr, LENGTH, seed);
		child_check(pid, 0);
	}
	return turns;
}

static unsigned long switcher(void)
{
	unsigned long turns = 0;
	int fd, id, rc;

	for (; now() < end; turns++) {
		fd = try_open(&id);
		if (fd < 0)
			continue;
		rc = region_offline(fd, 0, 1 + rand_r(&seed) % 2000, NULL);
		check(is_no(rc), "offline: %s", strerror(-rc));
		rc = region_online_at(fd, any_level());
		check(is_no(rc), "online: %s", strerror(-rc));
		close(fd);
		sleep_ms(rand_r(&seed) % 300);
	}
	return turns;
}

static unsigned long level_changer(void)
{
	struct cdm_set_isolation set;
	unsigned long turns = 0;
	int fd, id, rc;

	for (; now() < end; turns++) {
		fd = try_open(&id);
		if (fd < 0)
			continue;
		set = (struct cdm_set_isolation) {
			.size = sizeof(set), .isolation = any_level(),
			.length = rand_r(&seed) % 2 * (128 * MIB),
			.timeout_ms = 1 + rand_r(&seed) % 1000,
			.flags = rand_r(&seed) % 2 ? CDM_SET_ISOLATION_KEEP : 0,
		};
		rc = ioctl(fd, CDM_SET_ISOLATION, &set) ? -errno : 0;
		check(is_no(rc) || rc == -EINVAL, "level: %s", strerror(-rc));
		close(fd);
		sleep_ms(rand_r(&seed) % 200);
	}
	return turns;
}

static void write_quietly(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		errno = 0;
	close(fd);
}

static unsigned long binder(void)
{
	unsigned long turns = 0;

	for (; now() < end; turns++) {
		sleep_ms(500 + rand_r(&seed) % 1000);
		write_quietly("/sys/bus/dax/drivers/cdm/unbind", dax);
		sleep_ms(rand_r(&seed) % 20);
		write_quietly("/sys/bus/dax/drivers/cdm/bind", dax);
	}
	write_quietly("/sys/bus/dax/drivers/cdm/bind", dax);
	return turns;
}

static int read_attribute(const char *path, const struct stat *stat, int type,
			  struct FTW *ftw)
{
	char text[4096];
	int fd;

	if (type != FTW_F)
		return 0;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text)) < 0)
		errno = 0;
	close(fd);
	return 0;
}

static unsigned long reader(void)
{
	unsigned long turns = 0;

	for (; now() < end; turns++) {
		nftw("/sys/bus/dax/drivers/cdm/", read_attribute, 8, FTW_PHYS);
		nftw(dax_path, read_attribute, 8, FTW_PHYS);
		sleep_ms(20);
	}
	return turns;
}

static unsigned long asker(void)
{
	unsigned long turns = 0;

	for (; now() < end; turns++)
		if (system("cdmctl list -R -B -u >list.out 2>&1; udevadm trigger --action=change --subsystem-match=cdm --subsystem-match=dax; cdmctl check --json >check.out 2>&1"))
			errno = 0;
	return turns;
}

static const struct part {
	const char *name;
	unsigned long (*run)(void);
} parts[] = {
	{ "mover", mover }, { "mover of huge pages", mover }, { "forker", forker },
	{ "online and offline", switcher }, { "level", level_changer },
	{ "bind", binder }, { "attributes", reader }, { "cdmctl and udev", asker },
};

static pid_t part_start(unsigned int number)
{
	unsigned long turns;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	check(pid >= 0, "fork: %m");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	seed = 100 + number;
	turns = parts[number].run();
	note("%s: %lu times", parts[number].name, turns);
	_exit(0);
}

int main(void)
{
	unsigned int i, seconds = env_number("LOAD_SECONDS", SECONDS);
	pid_t pids[ARRAY_SIZE(parts)];
	char link[128];
	int status;

	test_begin(1);
	/* Here the policy is one of many. */
	shell("rm /run/systemd/system/cdm-online@.service");
	region_text(0, "dax", dax, sizeof(dax));
	snprintf(link, sizeof(link), "/sys/bus/dax/devices/%s", dax);
	check(realpath(link, dax_path), "%s: %m", link);
	end = now() + seconds;
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		pids[i] = part_start(i);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		check(waitpid(pids[i], &status, 0) == pids[i], "waitpid: %m");
		check(!status, "%s ended with %#x", parts[i].name, status);
		check(now() < end + CALL_SECONDS, "%s took %.0f s", parts[i].name,
		      now() - end + seconds);
	}
	shell("udevadm settle; wait_until 10 \"%s has no region\" region_of_dax %s", dax, dax);
	test_end();
	return 0;
}
