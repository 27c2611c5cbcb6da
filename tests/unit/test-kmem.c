// SPDX-License-Identifier: GPL-2.0-only
/* Taking memory blocks offline, all or none, on a fake tree. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/kmem.h"
#include "test.h"

#define BLOCK	(128ULL << 20)

struct fixture {
	struct fake fake;
	struct cdm_job *job;
};

static void block(struct fake *fake, int index, const char *state, const char *zones)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%d/state", index);
	fake_write(fake, path, "%s", state);
	snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%d/valid_zones", index);
	fake_write(fake, path, "%s\n", zones);
}

/* dax0.0 is 4 GiB to 4.5 GiB: blocks 32 to 35 */
static int set_up(void **state)
{
	static struct fixture f;

	fake_set_up(&f.fake);
	fake_write(&f.fake, "/sys/devices/system/memory/block_size_bytes", "%llx\n", BLOCK);
	fake_dax(&f.fake, "dax0.0", 4 * BLOCK, "kmem", NULL);
	block(&f.fake, 31, "online", "Normal");
	block(&f.fake, 32, "online", "Movable");
	block(&f.fake, 33, "offline", "Movable");
	block(&f.fake, 34, "online", "Normal");
	block(&f.fake, 35, "online", "Movable");
	block(&f.fake, 36, "online", "Normal");
	assert_int_equal(cdm_job_new(f.fake.ctx, &f.job), 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	cdm_job_unref(f->job);
	fake_tear_down(&f->fake);
	return 0;
}

static void assert_state(struct fixture *f, int index, const char *want)
{
	char text[64];

	assert_true(cdm_read_file(f->fake.ctx, text, sizeof(text),
				  "/sys/devices/system/memory/memory%d/state", index) > 0);
	assert_string_equal(text, want);
}

static void test_all_go(void **state)
{
	struct fixture *f = *state;
	struct cdm_kmem kmem;

	assert_int_equal(cdm_kmem_offline(f->job, "dax0.0", &kmem), 0);
	assert_int_equal(kmem.nr, 3);
	for (int i = 32; i < 36; i++)
		assert_state(f, i, "offline");
	assert_state(f, 31, "online");
	assert_state(f, 36, "online");
	cdm_kmem_restore(f->fake.ctx, &kmem);
	assert_state(f, 32, "online_movable");
	assert_state(f, 33, "offline");
	assert_state(f, 34, "online_kernel");
	cdm_kmem_free(&kmem);
}

static void test_one_does_not_go(void **state)
{
	struct fixture *f = *state;
	struct cdm_kmem kmem;

	fake_write(&f->fake, "/proc/7/numa_maps",
		   "7f00 default anon=9 N0=9 N1=2 N11=7 kernelpagesize_kB=4\n");
	fake_write(&f->fake, "/proc/8/numa_maps", "7f00 default file=/x N1=1 kernelpagesize_kB=4\n"
		   "7f01 default anon=2 N1=2 kernelpagesize_kB=4\n");
	fake_write(&f->fake, "/proc/8/comm", "big\n");
	/* reads as something that is not "offline", writes fail */
	fake_link(&f->fake, "/sys/devices/system/memory/memory35/state", "/dev/full");
	assert_int_equal(cdm_kmem_offline(f->job, "dax0.0", &kmem), -ENOSPC);
	assert_state(f, 32, "online_movable");
	assert_state(f, 33, "offline");
	assert_state(f, 34, "online_kernel");
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "memory block 35"));
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "nothing was changed"));
	assert_non_null(strstr(cdm_get_error(f->fake.ctx),
			       "pid 8 (big) has most on node 1: 12 KiB"));
}

static int stop_at_kmem(void *data, const struct cdm_progress *progress)
{
	unsigned int *ticks = data;

	return !strcmp(progress->step, "offline memory of kmem") && (*ticks)++;
}

/* A block that does not go until it is given up: a pipe that is full. */
static void test_online_is_given_up(void **state)
{
	static const char memory[] = "/sys/devices/system/memory/memory35/state";
	struct fixture *f = *state;
	unsigned int ticks = 0;
	char path[256], full[4096];
	int fd;

	fake_write(&f->fake, "/proc/8/numa_maps",
		   "7f01 default anon=2 N1=3 kernelpagesize_kB=4\n");
	fake_write(&f->fake, "/proc/8/comm", "big\n");
	fake_write(&f->fake, "/sys/module/cdm/version", "1\n");
	fake_remove(&f->fake, memory);
	snprintf(path, sizeof(path), "%s%s", f->fake.root, memory);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_NONBLOCK);
	assert_true(fd >= 0);
	memset(full, 'x', sizeof(full));
	while (write(fd, full, sizeof(full)) > 0)
		;
	cdm_job_set_progress(f->job, stop_at_kmem, &ticks, 1);
	assert_int_equal(cdm_job_online(f->job, "dax0.0", CDM_ISOLATION_PRIVATE), -ECANCELED);
	close(fd);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx),
			       "online dax0.0: take dax0.0 from kmem: memory block 3"));
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "does not go offline: cancelled"));
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "pid 8 (big) has most on node 1"));
}

static void test_cancelled(void **state)
{
	struct fixture *f = *state;
	struct cdm_kmem kmem;

	cdm_job_cancel(f->job);
	assert_int_equal(cdm_kmem_offline(f->job, "dax0.0", &kmem), -ECANCELED);
	assert_state(f, 32, "online");
}

static void test_several_ranges(void **state)
{
	struct fixture *f = *state;
	struct cdm_kmem kmem;

	/* the second range has no whole block */
	fake_write(&f->fake, "/sys/devices/platform/hmem.0/dax0.0/mapping0/start", "0x%llx\n",
		   32 * BLOCK);
	fake_write(&f->fake, "/sys/devices/platform/hmem.0/dax0.0/mapping0/end", "0x%llx\n",
		   33 * BLOCK - 1);
	fake_write(&f->fake, "/sys/devices/platform/hmem.0/dax0.0/mapping1/start", "0x%llx\n",
		   34 * BLOCK + 4096);
	fake_write(&f->fake, "/sys/devices/platform/hmem.0/dax0.0/mapping1/end", "0x%llx\n",
		   35 * BLOCK - 1);
	assert_int_equal(cdm_kmem_offline(f->job, "dax0.0", &kmem), 0);
	assert_int_equal(kmem.nr, 1);
	assert_state(f, 32, "offline");
	assert_state(f, 34, "online");
	cdm_kmem_free(&kmem);
}

#define test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_all_go),
		test(test_one_does_not_go),
		test(test_online_is_given_up),
		test(test_cancelled),
		test(test_several_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
