// SPDX-License-Identifier: GPL-2.0-only
/* Online, offline and their failures, against scripted ioctls. */
#include <errno.h>
#include <string.h>

#include "lib/job.h"
#include "test.h"

static struct script {
	int offline_rc[64];	/* of CDM_OFFLINE, call by call; the last for ever */
	unsigned int nr_rc;
	uint64_t left;		/* pages */
	uint64_t per_call;	/* pages moved by each call */
	uint64_t pinned;
	uint64_t no_memory;
	int online_rc;
	unsigned int interrupts;	/* calls of CDM_ONLINE that a signal ends */
	unsigned int offlines;
	unsigned int cancels;
	unsigned int onlines;
	uint64_t length;
	struct cdm_job *cancel_job;
	struct cdm_job *late_job;	/* its time is up after a call */
} script;

static int script_offline(struct cdm_offline *arg)
{
	uint64_t moved;
	int rc;

	if (arg->flags & CDM_OFFLINE_CANCEL) {
		script.cancels++;
		return 0;
	}
	assert_int_equal(arg->flags, CDM_OFFLINE_KEEP);
	assert_in_range(arg->timeout_ms, 1, CDM_SLICE_MS);
	rc = script.offline_rc[MIN(script.offlines, script.nr_rc - 1)];
	script.offlines++;
	if (script.cancel_job)
		cdm_job_cancel(script.cancel_job);
	if (script.late_job)
		cdm_job_set_timeout(script.late_job, 1);
	moved = rc ? MIN(script.per_call, script.left - script.pinned) : script.left;
	script.left -= moved;
	arg->out_moved = moved;
	arg->out_left = script.left;
	arg->out_pinned = script.pinned;
	arg->out_no_memory = script.no_memory;
	return rc;
}

static int script_ioctl(int fd, unsigned long request, void *data)
{
	(void)fd;
	if (request == CDM_OFFLINE)
		return script_offline(data);
	if (request == CDM_RESIDENCY || request == CDM_MIGRATE)
		return -EPERM;
	assert_int_equal(request, CDM_ONLINE);
	script.onlines++;
	if (script.interrupts) {
		script.interrupts--;
		if (script.cancel_job)
			cdm_job_cancel(script.cancel_job);
		return -EINTR;
	}
	script.length = ((struct cdm_online *)data)->length;
	return script.online_rc;
}

static struct fake *fake_now;

struct fixture {
	struct fake fake;
	struct cdm_job *job;
};

static int set_up(void **state)
{
	static struct fixture f;

	memset(&script, 0, sizeof(script));
	script.nr_rc = 1;
	fake_set_up(&f.fake);
	f.fake.ctx->ioctl = script_ioctl;
	fake_dax(&f.fake, "dax0.0", 1 << 30, "cdm", NULL);
	fake_region(&f.fake, 0, "dax0.0", "online", "private", 1 << 30, 100 << 20);
	fake_write(&f.fake, "/proc/meminfo", "MemTotal: 9 kB\nMemAvailable:  204800 kB\n"
		   "SwapFree:       1024 kB\n");
	script.left = (100 << 20) / f.fake.ctx->page_size;
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

static void test_drains_in_slices(void **state)
{
	struct fixture *f = *state;
	const struct cdm_drain *drain = cdm_job_get_drain(f->job);

	script.per_call = 100;
	script.nr_rc = 3;
	script.offline_rc[0] = -ETIMEDOUT;
	script.offline_rc[1] = -EINTR;
	assert_int_equal(cdm_job_offline(f->job, "cdm0"), 0);
	assert_int_equal(script.offlines, 3);
	assert_int_equal(script.cancels, 0);
	assert_int_equal(drain->moved, 100 << 20);
	assert_int_equal(drain->left, 0);
	assert_int_equal(drain->needed, 100 << 20);
	assert_true(drain->fits);
}

static void test_time_is_up(void **state)
{
	struct fixture *f = *state;

	script.offline_rc[0] = -ETIMEDOUT;
	script.per_call = 10000;
	script.pinned = 3;
	script.late_job = f->job;
	assert_int_equal(cdm_job_offline(f->job, "dax0.0"), -ETIMEDOUT);
	assert_int_equal(script.cancels, 1);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "offline dax0.0: not done in "));
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "3 pages pinned"));
	assert_int_equal(cdm_job_get_drain(f->job)->pinned, 3 * f->fake.ctx->page_size);
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;

	script.offline_rc[0] = -ETIMEDOUT;
	script.cancel_job = f->job;
	assert_int_equal(cdm_job_offline(f->job, "cdm0"), -ECANCELED);
	assert_int_equal(script.cancels, 1);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "cancelled"));
}

static void test_ram_too_small(void **state)
{
	struct fixture *f = *state;

	fake_write(&f->fake, "/proc/meminfo", "MemAvailable: 51200 kB\nSwapFree: 1024 kB\n");
	assert_int_equal(cdm_job_offline(f->job, "cdm0"), -ENOMEM);
	assert_int_equal(script.offlines, 0);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "100 MiB of cdm0 are in use"));
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "51 MiB"));
	cdm_job_set_dry_run(f->job, true);
	assert_int_equal(cdm_job_offline(f->job, "cdm0"), 0);
	assert_false(cdm_job_get_drain(f->job)->fits);
	assert_int_equal(script.offlines, 0);
	cdm_job_set_dry_run(f->job, false);
	cdm_job_set_force(f->job, true);
	assert_int_equal(cdm_job_offline(f->job, "cdm0"), 0);
	assert_int_equal(script.offlines, 1);
}

/* What leaves with the region is no room for what is on it. */
static void test_shared_is_no_room(void **state)
{
	struct fixture *f = *state;

	fake_region(&f->fake, 0, "dax0.0", "online", "shared", 1 << 30, 100 << 20);
	fake_level(&f->fake, 0, CDM_ISOLATION_SHARED, 1 << 30, 100 << 20);
	fake_write(&f->fake, "/proc/meminfo", "MemAvailable: 1000000 kB\nSwapFree: 1024 kB\n");
	cdm_refresh(f->fake.ctx);
	assert_int_equal(cdm_job_offline(f->job, "cdm0"), -ENOMEM);
	assert_int_equal(script.offlines, 0);
	fake_write(&f->fake, "/proc/meminfo", "MemAvailable: 1100000 kB\nSwapFree: 1024 kB\n");
	assert_int_equal(cdm_job_offline(f->job, "cdm0"), 0);
	assert_int_equal(script.offlines, 1);
}

static void test_no_room_in_ram(void **state)
{
	struct fixture *f = *state;

	script.offline_rc[0] = -ETIMEDOUT;
	script.no_memory = 1000;
	script.late_job = f->job;
	assert_int_equal(cdm_job_offline(f->job, "cdm0"), -ETIMEDOUT);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "RAM has no room"));
}

static void test_already_held(void **state)
{
	struct fixture *f = *state;

	fake_region(&f->fake, 0, "dax0.0", "held", "none", 1 << 30, 0);
	assert_int_equal(cdm_job_offline(f->job, "cdm0"), CDM_ALREADY);
	assert_int_equal(script.offlines, 0);
}

static void test_errors_of_the_kernel(void **state)
{
	static const struct {
		int rc;
		const char *words;
	} cases[] = {
		{ -EBUSY, "somebody else drains it" },
		{ -EPERM, "be root" },
		{ -ENODEV, "has gone" },
		{ -EIO, "Input/output error" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		script.offline_rc[0] = cases[i].rc;
		assert_int_equal(cdm_job_offline(f->job, "cdm0"), cases[i].rc);
		assert_non_null(strstr(cdm_get_error(f->fake.ctx), "offline cdm0: "));
		assert_non_null(strstr(cdm_get_error(f->fake.ctx), cases[i].words));
	}
}

static void test_not_ours(void **state)
{
	struct fixture *f = *state;

	fake_dax(&f->fake, "dax1.0", 1 << 30, "kmem", NULL);
	assert_int_equal(cdm_job_offline(f->job, "dax1.0"), -ENOENT);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "kmem"));
	assert_int_equal(cdm_job_offline(f->job, "mem5"), -ENOENT);
	assert_int_equal(cdm_job_offline(f->job, "what?"), -EINVAL);
	cdm_job_set_destroy_region(f->job, true);
	assert_int_equal(cdm_job_offline(f->job, "cdm0"), -EINVAL);
	assert_int_equal(script.offlines, 0);
	assert_int_equal(cdm_job_set_release(f->job, "nvidia"), -EINVAL);
}

static void test_online_held_region(void **state)
{
	struct fixture *f = *state;

	fake_region(&f->fake, 0, "dax0.0", "held", "none", 1 << 30, 0);
	cdm_job_set_length(f->job, 256 << 20);
	assert_int_equal(cdm_job_online(f->job, "dax0.0", CDM_ISOLATION_PRIVATE), 0);
	assert_int_equal(script.onlines, 1);
	assert_int_equal(script.length, 256 << 20);
	assert_string_equal(cdm_region_get_name(cdm_job_get_region(f->job)), "cdm0");
}

/* A signal ends the call, and not the job, unless that is what it was for. */
static void test_online_is_interrupted(void **state)
{
	struct fixture *f = *state;

	fake_region(&f->fake, 0, "dax0.0", "held", "none", 1 << 30, 0);
	script.interrupts = 2;
	assert_int_equal(cdm_job_online(f->job, "cdm0", CDM_ISOLATION_PRIVATE), 0);
	assert_int_equal(script.onlines, 3);
	script.interrupts = 2;
	assert_int_equal(cdm_job_set_isolation(f->job, cdm_region_find(f->fake.ctx, "cdm0"),
					       CDM_ISOLATION_PRIVATE), 0);
	assert_int_equal(script.onlines, 6);
	script.cancel_job = f->job;
	script.interrupts = 2;
	assert_int_equal(cdm_job_online(f->job, "cdm0", CDM_ISOLATION_PRIVATE), -ECANCELED);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "online cdm0: cancelled after"));
	assert_int_equal(cdm_job_set_isolation(f->job, cdm_region_find(f->fake.ctx, "cdm0"),
					       CDM_ISOLATION_PRIVATE), -ECANCELED);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "cancelled after"));
	assert_int_equal(script.onlines, 8);
}

static void test_online_already(void **state)
{
	struct fixture *f = *state;

	script.online_rc = -EALREADY;
	assert_int_equal(cdm_job_online(f->job, "cdm0", CDM_ISOLATION_PRIVATE), CDM_ALREADY);
	assert_non_null(cdm_job_get_region(f->job));
	assert_int_equal(cdm_job_online(f->job, "cdm0", CDM_ISOLATION_NONE), CDM_ALREADY);
	assert_int_equal(script.onlines, 1);
}

static void test_online_errors(void **state)
{
	static const struct {
		int rc;
		const char *words;
	} cases[] = {
		{ -EBUSY, "is online at level private with 1 GiB; 'cdmctl set-isolation cdm0 "
			  "shared' changes that" },
		{ -EOPNOTSUPP, "level shared does not exist" },
		{ -EXDEV, "cannot keep that and shared apart on one node" },
		{ -ERANGE, "its blocks of 128 MiB are no whole memory blocks" },
		{ -EPERM, "be root" },
		{ -EINVAL, "multiple of 128 MiB" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		script.online_rc = cases[i].rc;
		assert_int_equal(cdm_job_online(f->job, "cdm0", CDM_ISOLATION_SHARED),
				 cases[i].rc);
		assert_non_null(strstr(cdm_get_error(f->fake.ctx), cases[i].words));
	}
	assert_int_equal(cdm_job_online(f->job, "cdm0", 17), -EINVAL);
	assert_int_equal(cdm_job_online(f->job, "cdm9", CDM_ISOLATION_PRIVATE), -ENOENT);
	assert_string_equal(cdm_get_error(f->fake.ctx), "online cdm9: there is no cdm9 here");
}

/* -ENOENT is a target that is not there; a driver that is not there is another thing. */
static void test_online_without_a_driver(void **state)
{
	struct fixture *f = *state;

	fake_dax(&f->fake, "dax1.0", 1 << 30, NULL, NULL);
	assert_int_equal(cdm_job_online(f->job, "dax1.0", CDM_ISOLATION_PRIVATE), -ENOPKG);
	assert_string_equal(cdm_get_error(f->fake.ctx),
			    "online dax1.0: bind dax1.0: driver cdm is not loaded");
}

/* What a failed run has set is as it was. */
static void test_online_puts_the_limit_back(void **state)
{
	struct fixture *f = *state;
	struct cdm_region *region = cdm_region_find(f->fake.ctx, "cdm0");

	fake_write(&f->fake, "/sys/bus/cdm/devices/cdm0/max_bytes", "8192\n");
	cdm_job_set_max_bytes(f->job, 4096);
	script.online_rc = -EXDEV;
	assert_int_equal(cdm_job_online(f->job, "cdm0", CDM_ISOLATION_SHARED), -EXDEV);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "cannot keep that"));
	assert_int_equal(cdm_region_refresh(region), 0);
	assert_int_equal(cdm_region_get_max_bytes(region), 8192);
	script.online_rc = 0;
	assert_int_equal(cdm_job_online(f->job, "cdm0", CDM_ISOLATION_SHARED), 0);
	assert_int_equal(cdm_region_refresh(region), 0);
	assert_int_equal(cdm_region_get_max_bytes(region), 4096);
}

static void test_online_dry_run(void **state)
{
	struct fixture *f = *state;

	fake_dax(&f->fake, "dax1.0", 1 << 30, "device_dax", NULL);
	cdm_job_set_dry_run(f->job, true);
	assert_int_equal(cdm_job_online(f->job, "dax1.0", CDM_ISOLATION_PRIVATE), 0);
	assert_int_equal(script.onlines, 0);
}

/* A dry run says of what is so already, and of what cannot be, that it is. */
static void test_dry_run_looks_at_the_region(void **state)
{
	struct fixture *f = *state;
	struct cdm_job *job = f->job;

	cdm_job_set_dry_run(job, true);
	assert_int_equal(cdm_job_offline(job, "cdm0"), 0);
	assert_int_equal(cdm_job_online(job, "cdm0", CDM_ISOLATION_PRIVATE), CDM_ALREADY);
	assert_int_equal(cdm_job_online(job, "cdm0", CDM_ISOLATION_NONE), CDM_ALREADY);
	cdm_job_set_max_bytes(job, 1 << 20);
	assert_int_equal(cdm_job_online(job, "cdm0", CDM_ISOLATION_PRIVATE), 0);
	cdm_job_set_max_bytes(job, 0);
	assert_int_equal(cdm_job_online(job, "cdm0", CDM_ISOLATION_SHARED), -EBUSY);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "'cdmctl set-isolation cdm0 shared'"));
	cdm_job_set_memmap_on_block(job, true);
	assert_int_equal(cdm_job_online(job, "cdm0", CDM_ISOLATION_PRIVATE), -EBUSY);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "online with its struct pages in RAM"));
	cdm_job_set_memmap_on_block(job, false);
	cdm_job_set_length(job, 512 << 20);
	assert_int_equal(cdm_job_online(job, "cdm0", CDM_ISOLATION_PRIVATE), -EBUSY);
	cdm_job_set_length(job, 1 << 20);
	assert_int_equal(cdm_job_online(job, "cdm0", CDM_ISOLATION_PRIVATE), -EINVAL);

	fake_region(&f->fake, 0, "dax0.0", "held", "none", 1 << 30, 0);
	assert_int_equal(cdm_job_online(job, "cdm0", CDM_ISOLATION_PRIVATE), -EINVAL);
	cdm_job_set_length(job, 512 << 20);
	assert_int_equal(cdm_job_online(job, "cdm0", CDM_ISOLATION_PRIVATE), 0);
	assert_int_equal(cdm_job_online(job, "cdm0", CDM_ISOLATION_NONE), CDM_ALREADY);
	assert_int_equal(cdm_job_offline(job, "cdm0"), CDM_ALREADY);
	assert_int_equal(cdm_job_set_release(job, "kmem"), 0);
	assert_int_equal(cdm_job_offline(job, "cdm0"), 0);
	assert_int_equal(script.onlines + script.offlines, 0);
}

/* Somebody binds famfs between two tries of ours. */
static int famfs_comes(void *data, const struct cdm_progress *progress)
{
	unsigned int *claims = data;

	if (!strcmp(progress->step, "claim") && (*claims)++)
		fake_link(fake_now, "/sys/devices/platform/hmem.0/dax1.0/driver",
			  "../../../bus/dax/drivers/famfs");
	return 0;
}

/* What a failed run undoes is its own. */
static void test_undo_leaves_others_alone(void **state)
{
	struct fixture *f = *state;
	unsigned int claims = 0;
	char text[64];

	fake_now = &f->fake;
	fake_dax(&f->fake, "dax1.0", 1 << 30, "device_dax", NULL);
	fake_write(&f->fake, "/sys/bus/dax/drivers/device_dax/unbind", "%s", "");
	fake_write(&f->fake, "/sys/bus/dax/drivers/famfs/unbind", "%s", "");
	cdm_job_set_progress(f->job, famfs_comes, &claims, 1);
	assert_int_equal(cdm_job_online(f->job, "dax1.0", CDM_ISOLATION_PRIVATE), -EBUSY);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "dax1.0 is held by driver famfs"));
	assert_true(cdm_read_file(f->fake.ctx, text, sizeof(text),
				  "/sys/bus/dax/drivers/device_dax/unbind") >= 0);
	assert_string_equal(text, "dax1.0");
	assert_true(cdm_read_file(f->fake.ctx, text, sizeof(text),
				  "/sys/bus/dax/drivers/famfs/unbind") >= 0);
	assert_string_equal(text, "");
}

static void test_foreign_driver_is_left_alone(void **state)
{
	struct fixture *f = *state;

	fake_dax(&f->fake, "dax1.0", 1 << 30, "famfs", NULL);
	assert_int_equal(cdm_job_online(f->job, "dax1.0", CDM_ISOLATION_PRIVATE), -EBUSY);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "famfs"));
}

#define test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_drains_in_slices),
		test(test_time_is_up),
		test(test_cancel),
		test(test_ram_too_small),
		test(test_shared_is_no_room),
		test(test_no_room_in_ram),
		test(test_already_held),
		test(test_errors_of_the_kernel),
		test(test_not_ours),
		test(test_online_held_region),
		test(test_online_is_interrupted),
		test(test_online_already),
		test(test_online_errors),
		test(test_online_without_a_driver),
		test(test_online_puts_the_limit_back),
		test(test_online_dry_run),
		test(test_dry_run_looks_at_the_region),
		test(test_undo_leaves_others_alone),
		test(test_foreign_driver_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
