// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration jobs against a small model of the kernel: an address space of pages
 * that are somewhere, and regions that have room for some.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/counts.h"
#include "lib/job.h"
#include "test.h"

#define PAGES		20480	/* 80 MiB: more than one piece */
#define BASE		0x10000000ULL
#define WINDOW_PAGES	512
#define ADDR_MAX	(1ULL << 47)	/* where the kernel's addresses begin */
#define REGIONS		3

/* What a page is, beside where. */
enum { PLAIN, PINNED, FILE_PAGE, UNMAPPED, NONE };

static struct model {
	int where[PAGES];
	unsigned char kind[PAGES];
	unsigned int room[REGIONS];	/* pages */
	unsigned int per_call;
	unsigned int calls;
	int fail_at;			/* this call fails ... */
	int fail_rc;			/* ... with this */
	int closed;			/* region that says EBUSY, or -1 */
	struct cdm_job *cancel_at_call;
	unsigned int cancel_after;
	unsigned int cuts;		/* calls that asked for part of a window */
	uint64_t page;
} model;

static bool room_take(int to)
{
	if (to == CDM_WHERE_RAM)
		return true;
	if (!model.room[to])
		return false;
	model.room[to]--;
	return true;
}

static void model_page(struct cdm_migrate *arg, unsigned int i)
{
	bool dry = arg->flags & CDM_MIGRATE_DRY_RUN;

	if (model.kind[i] == UNMAPPED) {
		arg->out_unmapped++;
	} else if (model.kind[i] == NONE) {
		if (!(arg->flags & CDM_MIGRATE_POPULATE)) {
			arg->out_not_present++;
		} else if (dry || room_take(arg->to)) {
			arg->out_populated++;
			if (!dry) {
				model.kind[i] = PLAIN;
				model.where[i] = arg->to;
			}
		} else {
			arg->out_no_space++;
		}
	} else if (model.where[i] == arg->to) {
		arg->out_already++;
	} else if (arg->from != CDM_WHERE_ANY && model.where[i] != arg->from) {
		arg->out_filtered++;
	} else if (model.kind[i] == FILE_PAGE) {
		arg->out_file++;
	} else if (model.kind[i] == PINNED) {
		arg->out_busy++;
	} else if (dry) {
		arg->out_moved++;
	} else if (room_take(arg->to)) {
		if (model.where[i] >= 0)
			model.room[model.where[i]]++;
		model.where[i] = arg->to;
		arg->out_moved++;
	} else {
		arg->out_no_space++;
	}
}

static int model_migrate(struct cdm_migrate *arg)
{
	uint64_t nr = arg->length / model.page, i = (arg->addr - BASE) / model.page;

	assert_int_equal(arg->size, sizeof(*arg));
	if (arg->addr >= ADDR_MAX)
		return -EINVAL;
	assert_true(arg->addr >= BASE && i + nr <= PAGES);
	model.calls++;
	model.cuts += (i + nr) % WINDOW_PAGES && i + nr < PAGES;
	if (model.cancel_at_call && model.calls == model.cancel_after)
		cdm_job_cancel(model.cancel_at_call);
	if (model.fail_at && model.calls == (unsigned int)model.fail_at)
		return model.fail_rc;
	if (arg->to >= 0 && arg->to == model.closed)
		return -EBUSY;
	nr = MIN(nr, model.per_call);
	for (uint64_t n = 0; n < nr; n++)
		model_page(arg, i + n);
	arg->out_next = arg->addr + nr * model.page;
	return 0;
}

static int model_residency(struct cdm_residency *arg)
{
	struct cdm_extent *extent = (void *)(uintptr_t)arg->extents;
	uint64_t nr = arg->length / model.page, i = (arg->addr - BASE) / model.page;

	if (arg->addr >= ADDR_MAX)
		return -EINVAL;
	arg->out_next = arg->addr;
	while (nr-- && arg->out_nr_extents < MIN(arg->nr_extents, 100)) {
		if (model.kind[i] != UNMAPPED)
			extent[arg->out_nr_extents++] = (struct cdm_extent) {
				.addr = arg->out_next,
				.length = model.page,
				.where = model.kind[i] == NONE ? CDM_WHERE_NONE : model.where[i],
			};
		arg->out_next += model.page;
		i++;
	}
	return 0;
}

static int model_ioctl(int fd, unsigned long request, void *arg)
{
	(void)fd;
	if (request == CDM_MIGRATE)
		return model_migrate(arg);
	assert_int_equal(request, CDM_RESIDENCY);
	return model_residency(arg);
}

struct fixture {
	struct fake fake;
	struct cdm_job *job;
};

static int set_up(void **state)
{
	static struct fixture fixture;

	memset(&model, 0, sizeof(model));
	fake_set_up(&fixture.fake);
	fixture.fake.ctx->ioctl = model_ioctl;
	model.page = fixture.fake.ctx->page_size;
	model.per_call = 300;
	model.closed = -1;
	for (int i = 0; i < REGIONS; i++) {
		char dax[16];

		snprintf(dax, sizeof(dax), "dax%d.0", i);
		fake_region(&fixture.fake, i, dax, "online", "private", 1 << 30, 0);
		model.room[i] = PAGES;
	}
	for (int i = 0; i < PAGES; i++)
		model.where[i] = CDM_WHERE_RAM;
	fake_write(&fixture.fake, "/proc/7/maps",
		   "%llx-%llx rw-p 00000000 00:00 0 [heap]\n"
		   "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0   [vsyscall]\n",
		   BASE, BASE + PAGES * model.page);
	assert_int_equal(cdm_job_new(fixture.fake.ctx, &fixture.job), 0);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	cdm_job_unref(fixture->job);
	fake_tear_down(&fixture->fake);
	return 0;
}

static unsigned int pages_at(int where)
{
	unsigned int nr = 0;

	for (int i = 0; i < PAGES; i++)
		nr += model.kind[i] != UNMAPPED && model.kind[i] != NONE &&
		      model.where[i] == where;
	return nr;
}

static void assert_adds_up(struct cdm_job *job)
{
	const struct cdm_counts *counts = cdm_job_get_counts(job);

	assert_int_equal(cdm_counts_sum(counts), counts->total);
}

static void test_whole_process(void **state)
{
	struct fixture *f = *state;
	const struct cdm_counts *counts = cdm_job_get_counts(f->job);

	for (int i = 0; i < 10; i++)
		model.kind[i] = PINNED;
	for (int i = 20; i < 25; i++)
		model.kind[i] = FILE_PAGE;
	for (int i = 30; i < 33; i++)
		model.kind[i] = NONE;
	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, 1);
	assert_int_equal(cdm_job_migrate(f->job), 0);
	assert_adds_up(f->job);
	assert_int_equal(counts->total, PAGES * model.page);
	assert_int_equal(counts->moved, (PAGES - 18) * model.page);
	assert_int_equal(counts->busy, 10 * model.page);
	assert_int_equal(counts->file, 5 * model.page);
	assert_int_equal(counts->not_present, 3 * model.page);
	assert_int_equal(cdm_counts_get_left(counts), 15 * model.page);
	assert_int_equal(counts->processes, 1);
	assert_int_equal(counts->regions, 1);
	assert_int_equal(pages_at(1), PAGES - 18);
	assert_int_equal(model.calls, (PAGES + 299) / 300);
}

static void test_dry_run_moves_nothing(void **state)
{
	struct fixture *f = *state;

	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, 0);
	cdm_job_set_dry_run(f->job, true);
	assert_int_equal(cdm_job_migrate(f->job), 0);
	assert_int_equal(cdm_job_get_counts(f->job)->moved, PAGES * model.page);
	assert_int_equal(pages_at(0), 0);
}

/* What RAM or the regions have no room for would stay. */
static void test_dry_run_knows_the_room(void **state)
{
	struct fixture *f = *state;
	const struct cdm_counts *counts = cdm_job_get_counts(f->job);

	fake_write(&f->fake, "/sys/bus/cdm/devices/cdm0/available", "%llu\n",
		   1000ULL * model.page);
	fake_write(&f->fake, "/sys/bus/cdm/devices/cdm1/available", "%llu\n",
		   2000ULL * model.page);
	fake_write(&f->fake, "/proc/meminfo", "MemAvailable: %llu kB\nSwapFree: 4 kB\n",
		   500ULL * model.page >> 10);
	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, 0);
	cdm_job_add_to(f->job, 1);
	cdm_job_set_dry_run(f->job, true);
	assert_int_equal(cdm_job_migrate(f->job), 0);
	assert_adds_up(f->job);
	assert_int_equal(counts->moved, 3000 * model.page);
	assert_int_equal(counts->no_space, (PAGES - 3000) * model.page);

	cdm_job_unref(f->job);
	assert_int_equal(cdm_job_new(f->fake.ctx, &f->job), 0);
	counts = cdm_job_get_counts(f->job);
	for (int i = 0; i < PAGES; i++)
		model.where[i] = 2;
	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, CDM_WHERE_RAM);
	cdm_job_set_dry_run(f->job, true);
	assert_int_equal(cdm_job_migrate(f->job), 0);
	assert_adds_up(f->job);
	assert_int_equal(counts->moved, 500 * model.page + 4096);
}

static void test_dry_run_to_a_region_that_is_held(void **state)
{
	struct fixture *f = *state;

	fake_region(&f->fake, 1, "dax1.0", "held", "private", 1 << 30, 0);
	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, 1);
	cdm_job_set_dry_run(f->job, true);
	assert_int_equal(cdm_job_migrate(f->job), -EBUSY);
	assert_int_equal(cdm_job_get_counts(f->job)->total, 0);
}

/* Nothing moves, so there is nothing to wait for: this would take a week. */
static void test_dry_run_does_not_wait(void **state)
{
	struct fixture *f = *state;

	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, 0);
	cdm_job_set_dry_run(f->job, true);
	cdm_job_set_rate(f->job, 25);
	cdm_job_set_timeout(f->job, 60000);
	assert_int_equal(cdm_job_migrate(f->job), 0);
	assert_int_equal(cdm_job_get_counts(f->job)->moved, PAGES * model.page);
}

static void test_next_when_one_is_full(void **state)
{
	struct fixture *f = *state;
	const struct cdm_counts *counts = cdm_job_get_counts(f->job);

	model.room[2] = 1000;
	model.room[0] = 2000;
	for (int i = 500; i < 600; i++)
		model.where[i] = 1;
	for (int i = 700; i < 750; i++)
		model.where[i] = 0;
	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, 2);
	cdm_job_add_to(f->job, 0);
	assert_int_equal(cdm_job_migrate(f->job), 0);
	assert_adds_up(f->job);
	assert_int_equal(pages_at(2), 1000);
	assert_int_equal(pages_at(0), 2050);
	assert_int_equal(counts->already, 50 * model.page);
	assert_int_equal(counts->moved, 3000 * model.page);
	assert_int_equal(counts->no_space, (PAGES - 3050) * model.page);
	assert_int_equal(counts->regions, 2);
}

static void test_closed_destination_is_passed_over(void **state)
{
	struct fixture *f = *state;

	model.closed = 2;
	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, 2);
	cdm_job_add_to(f->job, 0);
	assert_int_equal(cdm_job_migrate(f->job), 0);
	assert_adds_up(f->job);
	assert_int_equal(pages_at(0), PAGES);
}

static void test_only_destination_closed(void **state)
{
	struct fixture *f = *state;

	model.closed = 2;
	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, 2);
	assert_int_equal(cdm_job_migrate(f->job), -EBUSY);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "cdm2"));
}

/* Whatever the model holds: each page counted once, and counted as what it is. */
static void test_random_models_add_up(void **state)
{
	struct fixture *f = *state;
	unsigned int seed = 1;

	for (int round = 0; round < 200; round++) {
		unsigned int before = 0, after = 0;
		struct cdm_job *job;

		srand(seed++);
		model.per_call = 1 + rand() % 2000;
		for (int i = 0; i < PAGES; i++) {
			model.kind[i] = rand() % 10 ? PLAIN : rand() % 5;
			model.where[i] = rand() % 3 ? CDM_WHERE_RAM : rand() % REGIONS;
		}
		for (int i = 0; i < REGIONS; i++)
			model.room[i] = rand() % 2000;
		assert_int_equal(cdm_job_new(f->fake.ctx, &job), 0);
		cdm_job_add_pid(job, 7);
		cdm_job_set_populate(job, rand() % 2);
		if (rand() % 2)
			cdm_job_set_from(job, CDM_WHERE_RAM);
		for (int i = 0; i < REGIONS; i++)
			if (rand() % 2 || !i)
				cdm_job_add_to(job, (i + round) % REGIONS);
		for (unsigned int i = 0; i < job->nr_to; i++)
			before += pages_at(job->to[i]);
		assert_int_equal(cdm_job_migrate(job), 0);
		assert_adds_up(job);
		for (unsigned int i = 0; i < job->nr_to; i++)
			after += pages_at(job->to[i]);
		assert_int_equal(job->counts.already, before * model.page);
		assert_int_equal(job->counts.moved + job->counts.populated,
				 (after - before) * model.page);
		cdm_job_unref(job);
	}
}

static void test_interrupted_calls_go_on(void **state)
{
	struct fixture *f = *state;

	model.fail_at = 3;
	model.fail_rc = -EINTR;
	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, 0);
	assert_int_equal(cdm_job_migrate(f->job), 0);
	assert_int_equal(pages_at(0), PAGES);
}

static void test_restless_address_space(void **state)
{
	struct fixture *f = *state;

	model.fail_at = 2;
	model.fail_rc = -EAGAIN;
	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, 0);
	assert_int_equal(cdm_job_migrate(f->job), 0);
	assert_int_equal(pages_at(0), PAGES);
}

static void test_cancel_keeps_the_counts(void **state)
{
	struct fixture *f = *state;

	model.cancel_at_call = f->job;
	model.cancel_after = 4;
	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, 0);
	assert_int_equal(cdm_job_migrate(f->job), -ECANCELED);
	assert_adds_up(f->job);
	assert_int_equal(cdm_job_get_counts(f->job)->moved, 1200 * model.page);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "cancelled"));
	/* the flag is cleared: the job can be run again to its end */
	assert_int_equal(cdm_job_migrate(f->job), 0);
	assert_int_equal(pages_at(0), PAGES);
}

static void test_kernel_that_does_not_advance(void **state)
{
	struct fixture *f = *state;

	model.per_call = 0;
	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, 0);
	assert_int_equal(cdm_job_migrate(f->job), -EIO);
}

static void test_dead_process(void **state)
{
	struct fixture *f = *state;

	cdm_job_add_pid(f->job, 8);
	cdm_job_add_to(f->job, 0);
	assert_int_equal(cdm_job_migrate(f->job), -ESRCH);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "no such process"));
	cdm_job_add_pid(f->job, 7);
	assert_int_equal(cdm_job_migrate(f->job), 0);
	assert_int_equal(cdm_job_get_counts(f->job)->vanished, 1);
	assert_int_equal(cdm_job_get_counts(f->job)->processes, 2);
}

static void test_refused_process(void **state)
{
	struct fixture *f = *state;

	model.fail_at = 1;
	model.fail_rc = -EPERM;
	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, 0);
	assert_int_equal(cdm_job_migrate(f->job), -EPERM);
	assert_int_equal(cdm_job_get_counts(f->job)->refused, 1);
	/* the message is of him, not of the last one, who has gone */
	model.calls = 0;
	cdm_job_add_pid(f->job, 8);
	assert_int_equal(cdm_job_migrate(f->job), -EPERM);
	assert_non_null(strstr(cdm_get_error(f->fake.ctx), "pid 7 "));
}

static void test_cgroup(void **state)
{
	struct fixture *f = *state;

	fake_write(&f->fake, "/sys/fs/cgroup/a/cgroup.procs", "%s", "");
	fake_write(&f->fake, "/sys/fs/cgroup/a/b/cgroup.procs", "7\n9\n");
	assert_int_equal(cdm_job_add_cgroup(f->job, "/nonsense"), -ENOENT);
	assert_int_equal(cdm_job_add_cgroup(f->job, "/a"), 0);
	cdm_job_add_to(f->job, 0);
	assert_int_equal(cdm_job_migrate(f->job), 0);
	assert_int_equal(pages_at(0), PAGES);
	assert_int_equal(cdm_job_get_counts(f->job)->processes, 2);
	assert_int_equal(cdm_job_get_counts(f->job)->vanished, 1);
}

static void test_rate(void **state)
{
	struct fixture *f = *state;
	uint64_t start = cdm_now_ms(), elapsed;

	/* a tenth of a second of credit, then at the rate: about 0.4 s */
	cdm_job_set_rate(f->job, PAGES * model.page * 2);
	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, 0);
	assert_int_equal(cdm_job_migrate(f->job), 0);
	elapsed = cdm_now_ms() - start;
	assert_true(elapsed >= 300);
	assert_true(elapsed < 3000);
	assert_int_equal(pages_at(0), PAGES);
}

/* What is cut in a window is a huge page that is split. */
static void test_rate_cuts_no_window(void **state)
{
	struct fixture *f = *state;

	model.per_call = PAGES;
	cdm_job_set_rate(f->job, PAGES * model.page * 5 / 2);
	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, 0);
	assert_int_equal(cdm_job_migrate(f->job), 0);
	assert_true(model.calls > 1);
	assert_int_equal(model.cuts, 0);
	assert_int_equal(pages_at(0), PAGES);
}

/* A piece of a mapping that begins anywhere ends where a window does. */
static void test_pieces_cut_no_window(void **state)
{
	const uint64_t page = sysconf(_SC_PAGESIZE), start = BASE + 100 * page;
	struct fixture *f = *state;

	model.per_call = PAGES;
	cdm_job_add_pid(f->job, 7);
	cdm_job_add_range(f->job, start, (PAGES - 100) * page);
	cdm_job_add_to(f->job, 1);
	cdm_job_add_to(f->job, 0);
	assert_int_equal(cdm_job_migrate(f->job), 0);
	assert_int_equal(model.cuts, 0);
	assert_int_equal(pages_at(1), PAGES - 100);
}

/* The kernel refuses it, and that is all that comes of it. */
static void test_range_at_the_end_of_all_addresses(void **state)
{
	struct fixture *f = *state;

	cdm_job_add_pid(f->job, 7);
	cdm_job_add_range(f->job, 0xffffffffff600000, 0x1000);
	cdm_job_add_to(f->job, 1);
	cdm_job_add_to(f->job, 0);
	assert_int_equal(cdm_job_migrate(f->job), -EINVAL);
	assert_int_equal(pages_at(CDM_WHERE_RAM), PAGES);
}

static void test_bad_settings(void **state)
{
	struct fixture *f = *state;
	struct cdm_job *job = f->job;

	assert_int_equal(cdm_job_migrate(job), -EINVAL);
	assert_int_equal(cdm_job_add_range(job, BASE, 0), -EINVAL);
	assert_int_equal(cdm_job_add_range(job, BASE + 1, model.page), -EINVAL);
	assert_int_equal(cdm_job_add_range(job, BASE, 1), -EINVAL);
	assert_int_equal(cdm_job_add_range(job, 0 - model.page, 2 * model.page), -EINVAL);
	assert_int_equal(cdm_job_add_pid(job, -1), -EINVAL);
	assert_int_equal(cdm_job_add_to(job, CDM_WHERE_ANY), -EINVAL);
	assert_int_equal(cdm_job_add_to(job, CDM_WHERE_NONE), -EINVAL);
	assert_int_equal(cdm_job_add_to(job, CDM_WHERE_RAM), 0);
	assert_int_equal(cdm_job_add_to(job, 0), -EINVAL);
	assert_int_equal(cdm_job_set_workers(job, 65), -EINVAL);
	assert_int_equal(cdm_job_migrate(job), -EINVAL);
	cdm_job_add_pid(job, 7);
	cdm_job_set_populate(job, true);
	assert_int_equal(cdm_job_migrate(job), -EINVAL);
	cdm_job_set_populate(job, false);
	cdm_job_set_from(job, 99);
	assert_int_equal(cdm_job_migrate(job), -ENODEV);
	cdm_job_set_from(job, CDM_WHERE_SWAP);
	assert_int_equal(cdm_job_migrate(job), -EINVAL);
}

static int count_steps(void *data, const struct cdm_progress *progress)
{
	struct cdm_progress *last = data;

	assert_true(progress->done <= progress->total);
	assert_int_equal(progress->left, progress->total - progress->done);
	*last = *progress;
	return progress->done > 2000 * model.page;
}

static void test_progress_can_cancel(void **state)
{
	struct fixture *f = *state;
	struct cdm_progress last = { 0 };

	cdm_job_set_rate(f->job, PAGES * model.page);
	cdm_job_set_progress(f->job, count_steps, &last, 1);
	cdm_job_add_pid(f->job, 7);
	cdm_job_add_to(f->job, 0);
	assert_int_equal(cdm_job_migrate(f->job), -ECANCELED);
	assert_string_equal(last.step, "migrate");
	assert_int_equal(last.total, PAGES * model.page);
	assert_in_range(pages_at(0), 2000, PAGES - 1);
}

#define test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_whole_process),
		test(test_dry_run_moves_nothing),
		test(test_dry_run_knows_the_room),
		test(test_dry_run_to_a_region_that_is_held),
		test(test_dry_run_does_not_wait),
		test(test_next_when_one_is_full),
		test(test_closed_destination_is_passed_over),
		test(test_only_destination_closed),
		test(test_random_models_add_up),
		test(test_interrupted_calls_go_on),
		test(test_restless_address_space),
		test(test_cancel_keeps_the_counts),
		test(test_kernel_that_does_not_advance),
		test(test_dead_process),
		test(test_refused_process),
		test(test_cgroup),
		test(test_rate),
		test(test_rate_cuts_no_window),
		test(test_pieces_cut_no_window),
		test(test_range_at_the_end_of_all_addresses),
		test(test_bad_settings),
		test(test_progress_can_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
