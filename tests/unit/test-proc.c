// SPDX-License-Identifier: GPL-2.0-only
/* Processes, who uses a region, and findings, on a fake tree. */
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "lib/proc.h"
#include "lib/users.h"
#include "test.h"

static int set_up(void **state)
{
	static struct fake fake;

	fake_set_up(&fake);
	*state = &fake;
	return 0;
}

static int tear_down(void **state)
{
	fake_tear_down(*state);
	return 0;
}

static void test_maps(void **state)
{
	struct fake *fake = *state;
	struct cdm_maps maps;

	fake_write(fake, "/proc/7/maps",
		   "00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus daemon\n"
		   "7f0000000000-7f0000001000 rw-s 00000000 00:00 0 \n"
		   "7fff0000-7fff1000 ---p 00000000 00:00 0           [stack]\n"
		   "nonsense\n"
		   "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n");
	assert_int_equal(cdm_maps_read(fake->ctx, 7, &maps), 0);
	assert_int_equal(maps.nr, 3);
	assert_int_equal(maps.vma[0].start, 0x400000);
	assert_int_equal(maps.vma[0].end, 0x452000);
	assert_string_equal(maps.vma[0].perms, "r-xp");
	assert_string_equal(maps.vma[0].name, "/usr/bin/dbus daemon");
	assert_string_equal(maps.vma[1].name, "");
	assert_string_equal(maps.vma[2].name, "[stack]");
	cdm_maps_free(&maps);
	assert_int_equal(cdm_maps_read(fake->ctx, 8, &maps), -ESRCH);
	fake_write(fake, "/proc/9/maps", "%s", "");
	assert_int_equal(cdm_maps_read(fake->ctx, 9, &maps), 0);
	assert_int_equal(maps.nr, 0);
	cdm_maps_free(&maps);
}

static void test_cgroups(void **state)
{
	struct fake *fake = *state;
	struct cdm_pids pids = { 0 };
	char *path;

	fake_write(fake, "/sys/fs/cgroup/a/cgroup.procs", "1\n2\n");
	fake_write(fake, "/sys/fs/cgroup/a/b/cgroup.procs", "3\n");
	fake_write(fake, "/sys/fs/cgroup/a/b/c/cgroup.procs", "2\n4\n");
	fake_write(fake, "/sys/fs/cgroup/x/cgroup.procs", "5\n");
	assert_int_equal(cdm_pids_read_cgroup(fake->ctx, &pids, "a/"), 0);
	assert_int_equal(pids.nr, 4);
	assert_false(cdm_pids_have(&pids, 5));
	assert_int_equal(cdm_pids_read_cgroup(fake->ctx, &pids, "/sys/fs/cgroup/x"), 0);
	assert_true(cdm_pids_have(&pids, 5));
	assert_int_equal(cdm_pids_read_cgroup(fake->ctx, &pids, "/nope"), -ENOENT);
	assert_int_equal(cdm_pids_read_cgroup(fake->ctx, &pids, "/sys/fs/cgroupx"), -ENOENT);
	cdm_pids_free(&pids);
	fake_write(fake, "/sys/fs/cgroup/cgroup.procs", "6\n");
	assert_int_equal(cdm_pids_read_cgroup(fake->ctx, &pids, "/sys/fs/cgroup"), 0);
	assert_int_equal(pids.nr, 6);
	cdm_pids_free(&pids);

	fake_write(fake, "/proc/7/cgroup", "1:cpu:/old\n0::/system.slice/x.service\n");
	path = cdm_proc_read_cgroup(fake->ctx, 7);
	assert_string_equal(path, "/system.slice/x.service");
	free(path);
	assert_null(cdm_proc_read_cgroup(fake->ctx, 8));
}

static void test_meminfo(void **state)
{
	struct fake *fake = *state;
	uint64_t available, swap_free;

	assert_int_equal(cdm_meminfo_read(fake->ctx, &available, &swap_free), -ENOENT);
	fake_write(fake, "/proc/meminfo", "MemAvailable: 1024 kB\nSwapFree: 0 kB\n");
	assert_int_equal(cdm_meminfo_read(fake->ctx, &available, &swap_free), 0);
	assert_int_equal(available, 1 << 20);
	assert_int_equal(swap_free, 0);
}

/*
 * pid 7 has a page on cdm0 and one, said to be huge, on cdm1, pid 8 three on cdm0,
 * 9 is not ours
 */
static int ioctl_residency(int fd, unsigned long request, void *data)
{
	struct cdm_residency *arg = data;
	struct cdm_extent *extent = (void *)(uintptr_t)arg->extents;

	(void)fd;
	assert_int_equal(request, CDM_RESIDENCY);
	arg->out_next = arg->addr + arg->length;
	if (arg->pid == 9)
		return -EPERM;
	if (arg->pid == 7) {
		extent[0] = (struct cdm_extent) { 0x1000, 0x1000, 0, 0 };
		extent[1] = (struct cdm_extent) { 0x2000, 0x1000, CDM_WHERE_RAM, 0 };
		extent[2] = (struct cdm_extent) {
			0x5000, 0x1000, 1,
			arg->flags & CDM_RESIDENCY_HUGE ? CDM_EXTENT_HUGE : 0,
		};
		extent[3] = (struct cdm_extent) { 0x6000, 0x1000, CDM_WHERE_NONE, 0 };
		arg->out_nr_extents = 4;
	} else {
		extent[0] = (struct cdm_extent) { 0x1000, 0x3000, 0, 0 };
		arg->out_nr_extents = 1;
	}
	return 0;
}

static void fake_processes(struct fake *fake)
{
	fake_region(fake, 0, "dax0.0", "online", "private", 1 << 30, 16384);
	fake_region(fake, 1, "dax1.0", "online", "private", 1 << 30, 4096);
	for (int pid = 7; pid < 10; pid++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/maps", pid);
		fake_write(fake, path, "1000-4000 rw-p 0 00:00 0 [heap]\n"
			   "5000-7000 rw-p 0 00:00 0 \n");
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		fake_write(fake, path, "prog%d\n", pid);
	}
	fake_write(fake, "/proc/10/maps", "%s", "");	/* a kernel thread */
	fake->ctx->ioctl = ioctl_residency;
}

static void test_process(void **state)
{
	struct fake *fake = *state;
	struct cdm_process *process;
	struct cdm_mapping *mapping;

	fake_processes(fake);
	assert_int_equal(cdm_process_read(fake->ctx, 7, &process), 0);
	assert_string_equal(cdm_process_get_comm(process), "prog7");
	assert_int_equal(cdm_process_get_bytes(process, 0), 0x1000);
	assert_int_equal(cdm_process_get_bytes(process, 1), 0x1000);
	assert_int_equal(cdm_process_get_bytes(process, CDM_WHERE_RAM), 0x1000);
	assert_int_equal(cdm_process_get_bytes(process, CDM_WHERE_SWAP), 0);
	assert_int_equal(cdm_process_get_huge(process, 0), 0);
	assert_int_equal(cdm_process_get_huge(process, 1), 0x1000);
	mapping = cdm_mapping_get_first(process);
	assert_string_equal(cdm_mapping_get_name(mapping), "[heap]");
	assert_int_equal(cdm_mapping_get_bytes(mapping, 0), 0x1000);
	assert_int_equal(cdm_mapping_get_bytes(mapping, 1), 0);
	assert_int_equal(cdm_mapping_get_huge(mapping, 1), 0);
	mapping = cdm_mapping_get_next(mapping);
	assert_int_equal(cdm_mapping_get_bytes(mapping, 1), 0x1000);
	assert_int_equal(cdm_mapping_get_huge(mapping, 1), 0x1000);
	assert_int_equal(cdm_mapping_get_bytes(mapping, CDM_WHERE_NONE), 0x1000);
	assert_null(cdm_mapping_get_next(mapping));
	cdm_process_unref(process);
	assert_int_equal(cdm_process_read(fake->ctx, 9, &process), -EPERM);
	assert_non_null(strstr(cdm_get_error(fake->ctx), "CAP_SYS_PTRACE"));
	assert_int_equal(cdm_process_read(fake->ctx, 77, &process), -ESRCH);
}

static void test_process_without_module(void **state)
{
	struct fake *fake = *state;
	struct cdm_process *process;

	fake_write(fake, "/proc/7/maps", "1000-4000 rw-p 0 00:00 0 [heap]\n"
		   "5000-7000 rw-p 0 00:00 0 \n");
	fake_write(fake, "/proc/7/smaps", "1000-4000 rw-p 0 00:00 0 [heap]\n"
		   "Rss:  8 kB\nAnonHugePages:  4 kB\nSwap: 4 kB\nSwapPss: 0 kB\n"
		   "5000-7000 rw-p 0 00:00 0 \nRss: 4 kB\nAnonHugePages: 0 kB\nSwap: 0 kB\n");
	assert_int_equal(cdm_process_read(fake->ctx, 7, &process), 0);
	assert_int_equal(cdm_process_get_bytes(process, CDM_WHERE_RAM), 0x3000);
	assert_int_equal(cdm_process_get_huge(process, CDM_WHERE_RAM), 0x1000);
	assert_int_equal(cdm_process_get_bytes(process, CDM_WHERE_SWAP), 0x1000);
	assert_int_equal(cdm_process_get_bytes(process, CDM_WHERE_NONE), 0x1000);
	cdm_process_unref(process);
}

/* In a container without the device nodes: what is on a region is not said to be RAM. */
static void test_process_without_nodes(void **state)
{
	struct fake *fake = *state;
	struct cdm_process *process;

	fake_processes(fake);
	fake_write(fake, "/proc/7/smaps", "1000-4000 rw-p 0 00:00 0 [heap]\n"
		   "Rss:  8 kB\nAnonHugePages:  0 kB\nSwap: 0 kB\n");
	fake_remove(fake, "/dev");
	assert_int_equal(cdm_process_read(fake->ctx, 7, &process), -ENODEV);
	assert_non_null(strstr(cdm_get_error(fake->ctx), "no device node"));
	assert_null(strstr(cdm_get_error(fake->ctx), "no cdm region"));
	/* all regions are gone since they were listed */
	fake_remove(fake, "/sys/bus/cdm");
	assert_int_equal(cdm_process_read(fake->ctx, 7, &process), 0);
	assert_int_equal(cdm_process_get_bytes(process, CDM_WHERE_RAM), 0x2000);
	cdm_process_unref(process);
}

static void test_users(void **state)
{
	struct fake *fake = *state;
	struct cdm_users *users;
	struct cdm_user *user;

	fake_processes(fake);
	assert_int_equal(cdm_users_read(fake->ctx, cdm_region_find_id(fake->ctx, 0), &users), 0);
	user = cdm_user_get_first(users);
	assert_int_equal(cdm_user_get_pid(user), 8);
	assert_string_equal(cdm_user_get_comm(user), "prog8");
	assert_int_equal(cdm_user_get_bytes(user), 0x3000);
	assert_int_equal(cdm_user_get_hold(user), CDM_HOLD_USES);
	user = cdm_user_get_next(user);
	assert_int_equal(cdm_user_get_pid(user), 7);
	assert_int_equal(cdm_user_get_bytes(user), 0x1000);
	assert_null(cdm_user_get_next(user));
	assert_int_equal(cdm_users_get_hidden(users), 1);
	cdm_users_unref(users);

	assert_int_equal(cdm_users_read(fake->ctx, NULL, &users), 0);
	user = cdm_user_get_next(cdm_user_get_first(users));
	assert_int_equal(cdm_user_get_bytes(user), 0x2000);
	cdm_users_unref(users);
}

/* What pid 8 has can be moved after all, the page of pid 7 is pinned. */
static int ioctl_holders(int fd, unsigned long request, void *data)
{
	struct cdm_migrate *arg = data;

	if (request != CDM_MIGRATE)
		return ioctl_residency(fd, request, data);
	assert_int_equal(arg->to, CDM_WHERE_RAM);
	assert_int_equal(arg->from, 0);
	arg->out_next = arg->addr + arg->length;
	if (arg->pid == 8)
		arg->out_moved = 3;
	else
		arg->out_busy = 1;
	return 0;
}

static void test_holders(void **state)
{
	struct fake *fake = *state;
	uint64_t page = fake->ctx->page_size;
	struct cdm_drain drain = { .left = 6 * page, .pinned = 3 * page };
	struct cdm_users *users;
	struct cdm_user *user;
	char text[128];

	fake_processes(fake);
	fake_remove(fake, "/proc/9");
	fake->ctx->ioctl = ioctl_holders;
	assert_int_equal(cdm_holders_read(fake->ctx, cdm_region_find_id(fake->ctx, 0), 0, &drain,
					  &users), 0);
	/* three were moved by the try, one is mapped, two are nobody's */
	assert_int_equal(drain.left, 3 * page);
	assert_int_equal(drain.moved, 3 * page);
	user = cdm_user_get_first(users);
	assert_int_equal(cdm_user_get_pid(user), 7);
	assert_int_equal(cdm_user_get_hold(user), CDM_HOLD_PINNED);
	assert_int_equal(cdm_user_get_bytes(user), 0x1000);
	user = cdm_user_get_next(user);
	assert_int_equal(cdm_user_get_pid(user), 0);
	assert_true(cdm_user_get_uid(user) == (uid_t)-1);
	assert_int_equal(cdm_user_get_hold(user), CDM_HOLD_KERNEL);
	assert_int_equal(cdm_user_get_bytes(user), 2 * page);
	assert_null(cdm_user_get_next(user));
	cdm_users_describe(users, text, sizeof(text));
	assert_string_equal(text, "pid 7 (prog7)");
	cdm_users_unref(users);
}

static bool found(struct cdm_check *check, const char *id)
{
	struct cdm_finding *finding;

	cdm_finding_foreach(check, finding)
		if (!strcmp(cdm_finding_get_id(finding), id))
			return true;
	return false;
}

static void test_check_of_a_bad_machine(void **state)
{
	struct fake *fake = *state;
	struct cdm_finding *finding;
	struct cdm_check *check;
	int last = CDM_SEVERITY_ERROR;

	fake_memdev(fake, 0, 1, 1 << 30, "");
	fake_dax(fake, "dax1.0", 1 << 30, "kmem", NULL);
	fake_dax(fake, "dax2.0", 1 << 30, "device_dax", NULL);
	fake_dax(fake, "dax3.0", 1 << 30, NULL, NULL);
	fake_write(fake, "/proc/cpuinfo", "processor: 0\nflags\t\t: fpu hypervisor lm\n");
	fake_write(fake, "/sys/bus/cxl/devices/decoder0.0/size", "0\n");
	fake_write(fake, "/sys/devices/system/memory/auto_online_blocks", "online\n");
	fake_write(fake, "/usr/lib/udev/rules.d/40-x.rules",
		   "# SUBSYSTEM==\"memory\", ATTR{state}=\"online\"\n"
		   "SUBSYSTEM==\"memory\", ACTION==\"add\", ATTR{state}=\"online\"\n");
	fake_write(fake, "/etc/daxctl.conf.d/d.conf", "[reconfigure-device x]\n");
	fake_write(fake, "/etc/group", "root:x:0:\nnotcdm:x:1:\n");
	assert_int_equal(cdm_check_run(fake->ctx, &check), 0);
	assert_true(found(check, "module-missing"));
	assert_true(found(check, "auto-online"));
	assert_true(found(check, "udev-onlines-memory"));
	assert_true(found(check, "daxctl-reconfigures"));
	assert_true(found(check, "group-missing"));
	assert_true(found(check, "held-by-kmem"));
	assert_true(found(check, "held-by-device-dax"));
	assert_true(found(check, "not-claimed"));
	assert_true(found(check, "not-in-use"));
	assert_true(found(check, "hypervisor-no-flush"));
	assert_true(found(check, "no-ram-regions"));
	assert_false(found(check, "no-hardware"));
	cdm_finding_foreach(check, finding) {
		assert_true((int)cdm_finding_get_severity(finding) <= last);
		last = cdm_finding_get_severity(finding);
		assert_true(strlen(cdm_finding_get_what(finding)) > 0);
	}
	cdm_check_unref(check);
}

static void test_check_of_a_good_machine(void **state)
{
	struct fake *fake = *state;
	struct cdm_finding *finding;
	struct cdm_check *check;

	fake_dax(fake, "dax0.0", 1 << 30, "cdm", NULL);
	fake_region(fake, 0, "dax0.0", "online", "private", 1 << 30, 4096);
	fake_write(fake, "/proc/meminfo", "MemAvailable: 1024 kB\nSwapFree: 0 kB\n");
	fake_write(fake, "/etc/group", "root:x:0:\ncdm:x:1:\n");
	assert_int_equal(cdm_check_run(fake->ctx, &check), 0);
	cdm_finding_foreach(check, finding)
		assert_string_equal(cdm_finding_get_id(finding), "unprivileged");
	cdm_check_unref(check);

	fake_write(fake, "/proc/meminfo", "MemAvailable: 0 kB\nSwapFree: 0 kB\n");
	fake_write(fake, "/sys/module/cdm/parameters/claim", "N\n");
	fake_write(fake, "/sys/bus/cdm/devices/cdm0/retired", "4096\n");
	fake_remove(fake, "/dev/cdm0");
	assert_int_equal(cdm_check_run(fake->ctx, &check), 0);
	assert_true(found(check, "ram-too-small"));
	assert_true(found(check, "claim-off"));
	assert_true(found(check, "bad-pages"));
	assert_true(found(check, "node-missing"));
	cdm_check_unref(check);
}

#define test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_maps),
		test(test_cgroups),
		test(test_meminfo),
		test(test_process),
		test(test_process_without_module),
		test(test_process_without_nodes),
		test(test_users),
		test(test_holders),
		test(test_check_of_a_bad_machine),
		test(test_check_of_a_good_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
