// SPDX-License-Identifier: GPL-2.0-only
/* Another level with live data in place, against a model of the kernel. */
#include <errno.h>
#include <string.h>

#include "lib/job.h"
#include "test.h"

#define BLOCK		(128ULL << 20)
#define NR_BLOCKS	8

/*
 * Each slice changes one block, the emptiest first. A block whose pages are
 * pinned stays for ever.
 */
static struct model {
	int level[NR_BLOCKS];
	int old[NR_BLOCKS];
	uint64_t used[NR_BLOCKS];	/* pages */
	int stuck;			/* number of a block, or -1 */
	int keeps;			/* one that does not get its old level back, or -1 */
	int error;			/* of CDM_SET_ISOLATION at once */
	bool changing;
	uint64_t length;
	unsigned int slices;
	unsigned int cancels;
	unsigned int onlines;
	struct cdm_job *cancel_job;
	struct cdm_job *late_job;	/* its time is up when only the stuck block is left */
	struct fake *fake;
} model;

static uint64_t size_of(int level)
{
	uint64_t size = 0;

	for (int i = 0; i < NR_BLOCKS; i++)
		size += model.level[i] == level ? BLOCK : 0;
	return size;
}

static void write_levels(void)
{
	for (int i = CDM_ISOLATION_NONE + 1; i <= CDM_ISOLATION_SHARED; i++)
		fake_level(model.fake, 0, i, size_of(i), 0);
}

static int emptiest(int level)
{
	int best = -1;

	for (int i = 0; i < NR_BLOCKS; i++)
		if (model.level[i] != level && i != model.stuck &&
		    (best < 0 || model.used[i] < model.used[best]))
			best = i;
	return best;
}

static void bring_back(void)
{
	model.cancels++;
	model.changing = false;
	for (int i = 0; i < NR_BLOCKS; i++)
		if (i != model.keeps)
			model.level[i] = model.old[i];
	write_levels();
}

static int model_set(struct cdm_set_isolation *arg)
{
	int block;

	if (arg->flags & CDM_SET_ISOLATION_CANCEL) {
		bring_back();
		return 0;
	}
	if (model.error)
		return model.error;
	assert_int_equal(arg->flags, CDM_SET_ISOLATION_KEEP);
	assert_in_range(arg->timeout_ms, 1, CDM_SLICE_MS);
	if (!model.changing)
		memcpy(model.old, model.level, sizeof(model.old));
	model.changing = true;
	model.slices++;
	model.length = arg->length;
	if (model.cancel_job)
		cdm_job_cancel(model.cancel_job);
	block = emptiest(arg->isolation);
	if (block >= 0) {
		arg->out_moved = model.used[block];
		model.level[block] = arg->isolation;
		write_levels();
	}
	arg->out_length = size_of(arg->isolation);
	if (arg->out_length >= (arg->length ? arg->length : NR_BLOCKS * BLOCK)) {
		model.changing = false;
		return 0;
	}
	if (model.late_job && emptiest(arg->isolation) < 0)
		cdm_job_set_timeout(model.late_job, 1);
	arg->out_left = 3;
	arg->out_pinned = model.stuck >= 0 ? 3 : 0;
	return -ETIMEDOUT;
}

static int model_blocks(struct cdm_blocks *arg)
{
	struct cdm_block_info *info = (void *)(uintptr_t)arg->blocks;

	for (int i = 0; i < NR_BLOCKS; i++)
		info[i] = (struct cdm_block_info) {
			.length = BLOCK,
			.role = CDM_ROLE_COHERENT,
			.flags = CDM_BLOCK_ONLINE |
				 (uint32_t)model.level[i] << CDM_BLOCK_ISOLATION_SHIFT,
			.used = model.used[i],
		};
	arg->out_total = NR_BLOCKS;
	arg->out_nr_blocks = NR_BLOCKS;
	return 0;
}

static int model_ioctl(int fd, unsigned long request, void *data)
{
	(void)fd;
	switch (request) {
	case CDM_SET_ISOLATION:
		return model_set(data);
	case CDM_BLOCKS:
		return model_blocks(data);
	case CDM_ONLINE:
		model.onlines++;
		model.length = ((struct cdm_online *)data)->length;
		return model.error;
	default:
		return -EPERM;
	}
}

struct fixture {
	struct fake fake;
	struct cdm_job *job;
	struct cdm_region *region;
};

static int set_up(void **state)
{
	static struct fixture f;

	memset(&model, 0, sizeof(model));
	model.stuck = -1;
	model.keeps = -1;
	model.fake = &f.fake;
	for (int i = 0; i < NR_BLOCKS; i++) {
		model.level[i] = CDM_ISOLATION_PRIVATE;
		model.used[i] = i * 100;
	}
	fake_set_up(&f.fake);
	f.fake.ctx->ioctl = model_ioctl;
	fake_dax(&f.fake, "dax0.0", NR_BLOCKS * BLOCK, "cdm", NULL);
	fake_region(&f.fake, 0, "dax0.0", "online", "private", NR_BLOCKS * BLOCK, 0);
	fake_write(&f.fake, "/proc/meminfo", "MemTotal: 9 kB\nMemAvailable:  204800 kB\n"
		   "SwapFree:       1024 kB\n");
	assert_int_equal(cdm_job_new(f.fake.ctx, &f.job), 0);
	f.region = cdm_region_find(f.fake.ctx, "cdm0");
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

static bool says(struct fixture *f, const char *words)
{
	return strstr(cdm_get_error(f->fake.ctx), words);
}

static void test_in_place(void **state)
{
	struct fixture *f = *state;
	const struct cdm_drain *drain = cdm_job_get_drain(f->job);

	assert_int_equal(cdm_job_set_isolation(f->job, f->region, CDM_ISOLATION_RESERVED), 0);
	assert_int_equal(model.slices, NR_BLOCKS);
	assert_int_equal(model.cancels, 0);
	assert_int_equal(drain->moved, 2800 * f->fake.ctx->page_size);
	assert_int_equal(drain->needed, 2800 * f->fake.ctx->page_size);
	assert_int_equal(drain->left, 0);
	assert_int_equal(drain->length, NR_BLOCKS * BLOCK);
	assert_int_equal(cdm_region_get_level(f->region, CDM_ISOLATION_RESERVED)->size,
			 NR_BLOCKS * BLOCK);
	assert_null(cdm_region_get_level(f->region, CDM_ISOLATION_PRIVATE));
}

static void test_part(void **state)
{
	struct fixture *f = *state;
	const struct cdm_drain *drain = cdm_job_get_drain(f->job);

	cdm_job_set_length(f->job, 2 * BLOCK);
	cdm_job_set_dry_run(f->job, true);
	assert_int_equal(cdm_job_set_isolation(f->job, f->region, CDM_ISOLATION_SHARED), 0);
	assert_int_equal(model.slices, 0);
	assert_int_equal(drain->needed, 100 * f->fake.ctx->page_size);
	assert_int_equal(drain->length, 2 * BLOCK);
	cdm_job_set_dry_run(f->job, false);
	assert_int_equal(cdm_job_set_isolation(f->job, f->region, CDM_ISOLATION_SHARED), 0);
	assert_int_equal(model.length, 2 * BLOCK);
	assert_int_equal(drain->length, 2 * BLOCK);
	assert_int_equal(model.slices, 2);
	cdm_job_set_dry_run(f->job, true);
	assert_int_equal(cdm_job_set_isolation(f->job, f->region, CDM_ISOLATION_SHARED),
			 CDM_ALREADY);
}

static int dry_run(struct fixture *f, int isolation, uint64_t length)
{
	int rc;

	cdm_job_set_length(f->job, length);
	cdm_job_set_dry_run(f->job, true);
	rc = cdm_job_set_isolation(f->job, f->region, isolation);
	assert_int_equal(model.slices + model.onlines, 0);
	return rc;
}

/* What cannot be beside the new level goes first, however full it is. */
static void test_plan_begins_with_what_is_against(void **state)
{
	struct fixture *f = *state;
	const struct cdm_drain *drain = cdm_job_get_drain(f->job);

	model.level[6] = CDM_ISOLATION_SHARED;
	write_levels();
	assert_int_equal(dry_run(f, CDM_ISOLATION_RESERVED, 2 * BLOCK), 0);
	assert_int_equal(drain->needed, 600 * f->fake.ctx->page_size);
	assert_int_equal(drain->length, 2 * BLOCK);
	assert_int_equal(dry_run(f, CDM_ISOLATION_PRIVATE, 7 * BLOCK), CDM_ALREADY);
	model.level[5] = CDM_ISOLATION_SHARED;
	write_levels();
	assert_int_equal(dry_run(f, CDM_ISOLATION_RESERVED, BLOCK), -EXDEV);
	assert_true(says(f, "node 1 has memory in everybody's reach (cdm0)"));
	assert_int_equal(dry_run(f, CDM_ISOLATION_RESERVED, 0), 0);
}

/* What the kernel will refuse is refused. */
static void test_plan_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dry_run(f, CDM_ISOLATION_SHARED, BLOCK / 2), -EINVAL);
	assert_true(says(f, "64 MiB must be a multiple of 128 MiB and at most 1 GiB"));
	fake_write(&f->fake, "/sys/bus/cdm/devices/cdm0/online_size", "%llu\n", 4 * BLOCK);
	assert_int_equal(dry_run(f, CDM_ISOLATION_SHARED, 5 * BLOCK), -EINVAL);
	assert_true(says(f, "at most 512 MiB"));
	fake_region(&f->fake, 1, "dax1.0", "online", "reserved", BLOCK, 0);
	fake_write(&f->fake, "/sys/bus/cdm/devices/cdm1/node", "1\n");
	assert_int_equal(cdm_refresh(f->fake.ctx), 0);
	f->region = cdm_region_find(f->fake.ctx, "cdm0");
	assert_int_equal(dry_run(f, CDM_ISOLATION_SHARED, 0), -EXDEV);
	assert_true(says(f, "memory at level reserved (cdm1)"));
	fake_region(&f->fake, 0, "dax0.0", "held", "none", NR_BLOCKS * BLOCK, 0);
	assert_int_equal(dry_run(f, CDM_ISOLATION_SHARED, 0), -EXDEV);
	assert_int_equal(dry_run(f, CDM_ISOLATION_RESERVED, 0), 0);
	assert_int_equal(dry_run(f, CDM_ISOLATION_RESERVED, 9 * BLOCK), -EINVAL);
	fake_region(&f->fake, 0, "dax0.0", "draining", "private", NR_BLOCKS * BLOCK, 0);
	assert_int_equal(dry_run(f, CDM_ISOLATION_RESERVED, 0), -EBUSY);
}

static void test_already(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(cdm_job_set_isolation(f->job, f->region, CDM_ISOLATION_PRIVATE),
			 CDM_ALREADY);
	assert_int_equal(model.slices, 0);
	model.error = -EALREADY;
	cdm_job_set_length(f->job, BLOCK);
	assert_int_equal(cdm_job_set_isolation(f->job, f->region, CDM_ISOLATION_PRIVATE),
			 CDM_ALREADY);
}

static void test_time_is_up(void **state)
{
	struct fixture *f = *state;

	model.stuck = 5;
	model.late_job = f->job;
	assert_int_equal(cdm_job_set_isolation(f->job, f->region, CDM_ISOLATION_RESERVED),
			 -ETIMEDOUT);
	assert_int_equal(model.cancels, 1);
	assert_true(says(f, "set cdm0 to level reserved: not done in "));
	assert_true(says(f, "3 pages pinned"));
	assert_true(says(f, "all levels are as they were"));
	assert_null(cdm_region_get_level(f->region, CDM_ISOLATION_RESERVED));
}

static void test_not_brought_back(void **state)
{
	struct fixture *f = *state;

	model.stuck = 5;
	model.keeps = 1;
	model.late_job = f->job;
	assert_int_equal(cdm_job_set_isolation(f->job, f->region, CDM_ISOLATION_RESERVED),
			 -ETIMEDOUT);
	assert_true(says(f, "128 MiB could not be brought back and have level reserved"));
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;

	model.cancel_job = f->job;
	assert_int_equal(cdm_job_set_isolation(f->job, f->region, CDM_ISOLATION_SHARED),
			 -ECANCELED);
	assert_int_equal(model.slices, 1);
	assert_int_equal(model.cancels, 1);
	assert_true(says(f, "cancelled after"));
	assert_true(says(f, "all levels are as they were"));
}

static void test_no_room_for_a_block(void **state)
{
	struct fixture *f = *state;

	fake_write(&f->fake, "/proc/meminfo", "MemAvailable: 1024 kB\nSwapFree: 0 kB\n");
	fake_write(&f->fake, "/sys/bus/cdm/devices/cdm0/available", "0\n");
	assert_int_equal(cdm_job_set_isolation(f->job, f->region, CDM_ISOLATION_SHARED),
			 -ENOMEM);
	assert_int_equal(model.slices, 0);
	assert_true(says(f, "there is not even room for one block of it"));
	cdm_job_set_force(f->job, true);
	assert_int_equal(cdm_job_set_isolation(f->job, f->region, CDM_ISOLATION_SHARED), 0);
}

/* What would have the level; then, of a region that has gone, the job has the only reference. */
static void test_held_in_a_dry_run(void **state)
{
	struct fixture *f = *state;

	fake_region(&f->fake, 0, "dax0.0", "held", "none", NR_BLOCKS * BLOCK, 0);
	cdm_job_set_dry_run(f->job, true);
	assert_int_equal(cdm_job_set_isolation(f->job, cdm_region_get_first(f->fake.ctx),
					       CDM_ISOLATION_RESERVED), 0);
	assert_int_equal(cdm_job_get_drain(f->job)->length, NR_BLOCKS * BLOCK);
	fake_remove(&f->fake, "/sys/bus/cdm/devices/cdm0");
	assert_int_equal(cdm_refresh(f->fake.ctx), 0);
	assert_int_equal(cdm_job_set_isolation(f->job, cdm_job_get_region(f->job),
					       CDM_ISOLATION_RESERVED), -ENODEV);
}

static void test_held_goes_online(void **state)
{
	struct fixture *f = *state;

	fake_region(&f->fake, 0, "dax0.0", "held", "none", NR_BLOCKS * BLOCK, 0);
	cdm_job_set_length(f->job, 2 * BLOCK);
	assert_int_equal(cdm_job_set_isolation(f->job, f->region, CDM_ISOLATION_SHARED), 0);
	assert_int_equal(model.onlines, 1);
	assert_int_equal(model.length, 2 * BLOCK);
	assert_int_equal(model.slices, 0);
}

static void test_refusals(void **state)
{
	static const struct {
		int rc;
		const char *words;
	} cases[] = {
		{ -EXDEV, "node 1 has memory in everybody's reach (cdm1)" },
		{ -ERANGE, "no whole memory blocks of the kernel" },
		{ -EOPNOTSUPP, "level reserved does not exist" },
		{ -EBUSY, "somebody else changes it" },
		{ -EPERM, "be root" },
		{ -EINVAL, "64 MiB must be a multiple of 128 MiB and at most 1 GiB" },
		{ -EIO, "Input/output error" },
	};
	struct fixture *f = *state;

	fake_region(&f->fake, 1, "dax1.0", "online", "shared", BLOCK, 0);
	fake_write(&f->fake, "/sys/bus/cdm/devices/cdm1/node", "1\n");
	assert_int_equal(cdm_refresh(f->fake.ctx), 0);
	cdm_job_set_length(f->job, 64 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		model.error = cases[i].rc;
		assert_int_equal(cdm_job_set_isolation(f->job, f->region,
						       CDM_ISOLATION_RESERVED), cases[i].rc);
		assert_true(says(f, "set cdm0 to level reserved: "));
		assert_true(says(f, cases[i].words));
	}
}

static void test_no_such_level(void **state)
{
	static const int levels[] = { CDM_ISOLATION_SHARED + 1, CDM_ISOLATION_MIXED, -1 };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		assert_int_equal(cdm_job_set_isolation(f->job, f->region, levels[i]), -EINVAL);
		assert_true(says(f, "is no level"));
		assert_int_equal(model.slices, 0);
	}
}

static void test_memmap_in_blocks(void **state)
{
	struct fixture *f = *state;

	fake_write(&f->fake, "/sys/bus/cdm/devices/cdm0/memmap", "block\n");
	model.error = -EOPNOTSUPP;
	assert_int_equal(cdm_job_set_isolation(f->job, f->region, CDM_ISOLATION_SHARED),
			 -EOPNOTSUPP);
	assert_true(says(f, "online with --memmap ram"));
}

static void test_mixed(void **state)
{
	struct fixture *f = *state;

	fake_region(&f->fake, 0, "dax0.0", "online", "mixed", NR_BLOCKS * BLOCK, 0);
	model.level[3] = CDM_ISOLATION_RESERVED;
	write_levels();
	assert_int_equal(cdm_region_refresh(f->region), 0);
	assert_int_equal(cdm_region_get_isolation(f->region), CDM_ISOLATION_MIXED);
	assert_string_equal(cdm_isolation_get_name(CDM_ISOLATION_MIXED), "mixed");
	assert_int_equal(cdm_isolation_from_name("mixed"), -EINVAL);
	assert_int_equal(cdm_job_set_isolation(f->job, f->region, CDM_ISOLATION_PRIVATE), 0);
	assert_int_equal(model.slices, 1);
	assert_int_equal(cdm_region_read_blocks(f->region), NR_BLOCKS);
	assert_int_equal(cdm_block_get_isolation(cdm_block_get_first(f->region)),
			 CDM_ISOLATION_PRIVATE);
}

#define test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_in_place),
		test(test_part),
		test(test_plan_begins_with_what_is_against),
		test(test_plan_is_refused),
		test(test_already),
		test(test_time_is_up),
		test(test_not_brought_back),
		test(test_cancel),
		test(test_no_room_for_a_block),
		test(test_held_goes_online),
		test(test_held_in_a_dry_run),
		test(test_refusals),
		test(test_no_such_level),
		test(test_memmap_in_blocks),
		test(test_mixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
