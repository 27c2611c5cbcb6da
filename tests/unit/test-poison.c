// SPDX-License-Identifier: GPL-2.0-only
/* Lists of bad pages are joined, and remembered by device address. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#define START	(1ULL << 32)		/* of the fake region cdm0 */
#define SIZE	(1ULL << 30)
#define DPA	(256ULL << 20)		/* where it begins in the memory device */
#define SERIAL	0x1234
#define STORE	"/var/lib/cdm/poison/0x1234"
#define INSTANCE "/sys/kernel/tracing/instances/cdm-poison"

/* The kernel's list. */
static struct cdm_bad_page kernel[8];
static unsigned int nr_kernel;
static bool is_root;
static int trigger;		/* a FIFO in the place of trigger_poison_list */

static int model_retire(const struct cdm_retire *retire)
{
	unsigned int at = nr_kernel;

	if (retire->addr < START || retire->addr >= START + SIZE)
		return -ERANGE;
	for (unsigned int i = 0; i < nr_kernel; i++)
		if (kernel[i].addr == retire->addr)
			return -EALREADY;
	assert_in_range(nr_kernel, 0, ARRAY_SIZE(kernel) - 1);
	for (; at && kernel[at - 1].addr > retire->addr; at--)
		kernel[at] = kernel[at - 1];
	kernel[at] = (struct cdm_bad_page) {
		.addr = retire->addr,
		.time = retire->time,
		.source = retire->source,
	};
	nr_kernel++;
	return 0;
}

static int model_ioctl(int fd, unsigned long request, void *arg)
{
	struct cdm_bad_pages *pages = arg;

	(void)fd;
	if (request == CDM_ONLINE)
		return 0;
	if (request == CDM_RETIRE)
		return model_retire(arg);
	assert_int_equal(request, CDM_BAD_PAGES);
	if (!is_root)
		return -EPERM;
	assert_int_equal(pages->addr, 0);
	memcpy((void *)(uintptr_t)pages->pages, kernel, nr_kernel * sizeof(kernel[0]));
	pages->out_nr_pages = nr_kernel;
	return 0;
}

static int set_up(void **state)
{
	static struct fake fake;

	nr_kernel = 0;
	is_root = true;
	fake_set_up(&fake);
	fake.ctx->ioctl = model_ioctl;
	fake_dax(&fake, "dax0.0", SIZE, "cdm", "region0");
	fake_memdev(&fake, 0, SERIAL, 4 * SIZE, "region0");
	fake_region(&fake, 0, "dax0.0", "held", "none", SIZE, 0);
	fake_write(&fake, "/sys/bus/cxl/devices/region0/interleave_ways", "1\n");
	fake_write(&fake, "/sys/bus/cxl/devices/region0/target0", "decoder5.0\n");
	fake_write(&fake, "/sys/bus/cxl/devices/region0/resource", "0x%llx\n", START);
	fake_write(&fake, "/sys/bus/cxl/devices/region0/size", "0x%llx\n", SIZE);
	fake_write(&fake, "/sys/bus/cxl/devices/decoder5.0/dpa_resource", "0x%llx\n", DPA);
	/* so that the folders on the way are there */
	fake_write(&fake, "/var/lib/x", "%s", "");
	*state = &fake;
	return 0;
}

static int tear_down(void **state)
{
	fake_tear_down(*state);
	return 0;
}

static struct cdm_region *region_of(struct fake *fake)
{
	struct cdm_region *region = cdm_region_find(fake->ctx, "cdm0");

	assert_non_null(region);
	return region;
}

static void assert_store(struct fake *fake, const char *wanted)
{
	char text[256];

	assert_true(cdm_read_file(fake->ctx, text, sizeof(text), STORE) >= 0);
	assert_string_equal(text, wanted);
}

static void kernel_finds(uint64_t addr)
{
	const struct cdm_retire retire = { .addr = addr, .time = 77 };

	assert_int_equal(model_retire(&retire), 0);
}

static void test_not_root(void **state)
{
	struct fake *fake = *state;

	is_root = false;
	assert_int_equal(cdm_region_read_poison(region_of(fake)), -EPERM);
	assert_non_null(strstr(cdm_get_error(fake->ctx), "be root"));
}

static void on_log(void *data, int priority, const char *message)
{
	if (priority == LOG_WARNING)
		cdm_copy(data, 512, message);
}

/* That bad pages cannot be known is no reason not to go online, but is to be told. */
static void test_online_without_the_store(void **state)
{
	struct fake *fake = *state;
	char told[512] = "";
	struct cdm_job *job;

	fake_write(fake, "/sys/module/cdm/version", "1\n");
	cdm_set_log_fn(fake->ctx, on_log, told);
	cdm_set_log_priority(fake->ctx, LOG_WARNING);
	assert_int_equal(cdm_job_new(fake->ctx, &job), 0);
	assert_int_equal(cdm_job_online(job, "cdm0", CDM_ISOLATION_PRIVATE), 0);
	assert_string_equal(told, "");
	fake_remove(fake, "/var/lib/cdm/poison");
	fake_write(fake, "/var/lib/cdm/poison", "no folder\n");
	assert_int_equal(cdm_job_online(job, "cdm0", CDM_ISOLATION_PRIVATE), 0);
	assert_non_null(strstr(told, "pages that were bad before"));
	assert_non_null(strstr(told, "/var/lib/cdm/poison"));
	cdm_job_unref(job);
}

static void test_nothing_is_bad(void **state)
{
	struct fake *fake = *state;

	assert_int_equal(cdm_region_sync_poison(region_of(fake)), 0);
	assert_false(cdm_exists(fake->ctx, STORE));
	assert_int_equal(cdm_region_read_poison(region_of(fake)), 0);
	assert_null(cdm_poison_get_first(region_of(fake)));
}

static void test_remembers(void **state)
{
	struct fake *fake = *state;

	kernel_finds(START + 0x3000);
	assert_int_equal(cdm_region_sync_poison(region_of(fake)), 0);
	assert_store(fake, "0x10003000 77 kernel");
	kernel_finds(START + 0x1000);
	assert_int_equal(cdm_region_sync_poison(region_of(fake)), 0);
	assert_store(fake, "0x10001000 77 kernel\n0x10003000 77 kernel");
}

static void test_retires_what_is_remembered(void **state)
{
	struct fake *fake = *state;
	struct cdm_poison *poison;

	/* One of another region of the device, one that is no line, two of this one. */
	fake_write(fake, STORE, "0x1000 5 kernel\nnonsense\n0x10002000 6 device\n"
				"0x10001000 7 kernel\n");
	assert_int_equal(cdm_region_sync_poison(region_of(fake)), 2);
	assert_int_equal(nr_kernel, 2);
	assert_int_equal(kernel[0].addr, START + 0x1000);
	assert_int_equal(kernel[0].time, 7);
	assert_int_equal(kernel[0].source, CDM_BAD_KERNEL);
	assert_int_equal(kernel[1].addr, START + 0x2000);
	assert_int_equal(kernel[1].source, CDM_BAD_DEVICE);
	assert_int_equal(cdm_region_sync_poison(region_of(fake)), 0);
	/* Nothing new: left as it was. */
	assert_store(fake, "0x1000 5 kernel\nnonsense\n0x10002000 6 device\n"
			   "0x10001000 7 kernel");

	assert_int_equal(cdm_region_read_poison(region_of(fake)), 2);
	poison = cdm_poison_get_next(cdm_poison_get_first(region_of(fake)));
	assert_int_equal(cdm_poison_get_addr(poison), START + 0x2000);
	assert_int_equal(cdm_poison_get_dpa(poison), DPA + 0x2000);
	assert_int_equal(cdm_poison_get_time(poison), 6);
	assert_string_equal(cdm_bad_source_get_name(cdm_poison_get_source(poison)), "device");
	assert_null(cdm_poison_get_next(poison));
}

/* What the kernel tells of the device's list, as a reader of its own instance has it. */
static void device_has(struct fake *fake, const char *lines)
{
	fake_write(fake, "/sys/bus/cxl/devices/mem0/trigger_poison_list", "%s", "");
	fake_write(fake, INSTANCE "/trace", "%s", lines);
	fake_write(fake, INSTANCE "/events/cxl/cxl_poison/enable", "0");
}

static void test_joins_the_devices_own(void **state)
{
	struct fake *fake = *state;
	char text[256];

	device_has(fake, "# tracer: nop\n"
		   "x-1 [0] 1.1: cxl_poison: memdev=mem01 dpa=0x10001000 dpa_length=0x40\n"
		   "x-1 [0] 1.1: cxl_poison: memdev=mem0 host=0000:0d:00.0 serial=4660 "
		   "dpa=0x10004fc0 dpa_length=0x80 source=Injected\n"
		   "x-1 [0] 1.1: cxl_poison: memdev=mem0 dpa=0x10006000");
	assert_int_equal(cdm_region_sync_poison(region_of(fake)), 2);
	assert_int_equal(nr_kernel, 2);
	assert_int_equal(kernel[0].addr, START + 0x4000);
	assert_int_equal(kernel[0].source, CDM_BAD_DEVICE);
	assert_int_equal(kernel[1].addr, START + 0x5000);
	assert_true(cdm_read_file(fake->ctx, text, sizeof(text), STORE) > 0);
	assert_int_equal(strncmp(text, "0x10004000 ", 11), 0);
	assert_int_equal(cdm_region_sync_poison(region_of(fake)), 0);
}

/* Who was killed while he read leaves an instance: the next one takes it away. */
static void test_leaves_no_instance(void **state)
{
	struct fake *fake = *state;

	fake_write(fake, "/sys/bus/cxl/devices/mem0/trigger_poison_list", "%s", "");
	fake_write(fake, INSTANCE "/x", "%s", "");
	fake_remove(fake, INSTANCE "/x");
	assert_int_equal(cdm_region_sync_poison(region_of(fake)), 0);
	assert_false(cdm_exists(fake->ctx, INSTANCE));
	assert_true(cdm_exists(fake->ctx, "/sys/kernel/tracing/instances"));
}

/* While the device is asked for its list: does the place where that is told become ours? */
static void *other_container(void *data)
{
	struct fake *fake = data;
	static bool yes;
	void *locked = NULL;
	char path[256];
	int instances;

	snprintf(path, sizeof(path), "%s/sys/kernel/tracing/instances", fake->root);
	instances = open(path, O_RDONLY | O_DIRECTORY);
	for (int i = 0; instances >= 0 && !locked && i < 30000; i++) {
		if (flock(instances, LOCK_EX | LOCK_NB))
			locked = &yes;
		else
			flock(instances, LOCK_UN);
		usleep(1000);
	}
	close(instances);
	while (read(trigger, path, sizeof(path)) > 0)
		;
	return locked;
}

/* Containers may have a /var each, and all have the one place in tracefs. */
static void test_one_reads_at_a_time(void **state)
{
	struct fake *fake = *state;
	char path[256], full[4096] = "";
	pthread_t thread;
	void *locked;

	device_has(fake, "# tracer: nop\n");
	fake_remove(fake, "/sys/bus/cxl/devices/mem0/trigger_poison_list");
	snprintf(path, sizeof(path), "%s/sys/bus/cxl/devices/mem0/trigger_poison_list",
		 fake->root);
	assert_int_equal(mkfifo(path, 0600), 0);
	/* full: who asks the device waits */
	trigger = open(path, O_RDWR | O_NONBLOCK);
	assert_true(trigger >= 0);
	while (write(trigger, full, sizeof(full)) > 0)
		;
	assert_int_equal(pthread_create(&thread, NULL, other_container, fake), 0);
	assert_true(cdm_region_sync_poison(region_of(fake)) >= 0);
	assert_int_equal(pthread_join(thread, &locked), 0);
	close(trigger);
	assert_non_null(locked);
}

/* What cannot be read is not replaced, and what is known else is not used for that. */
static void test_retires_without_the_store(void **state)
{
	struct fake *fake = *state;

	fake_write(fake, STORE "/x", "%s", "");
	device_has(fake, "x: cxl_poison: memdev=mem0 dpa=0x10004000 dpa_length=0x40\n");
	assert_int_equal(cdm_region_sync_poison(region_of(fake)), -EISDIR);
	assert_int_equal(nr_kernel, 1);
	assert_int_equal(kernel[0].addr, START + 0x4000);
	assert_true(cdm_exists(fake->ctx, STORE "/x"));
}

/* The list is of the region, which is the same one after a look at all of them. */
static void test_stays_with_its_region(void **state)
{
	struct fake *fake = *state;
	struct cdm_region *region = region_of(fake);
	struct cdm_poison *poison;

	kernel_finds(START + 0x3000);
	assert_int_equal(cdm_region_read_poison(region), 1);
	poison = cdm_poison_get_first(region);
	assert_int_equal(cdm_refresh(fake->ctx), 0);
	assert_ptr_equal(region_of(fake), region);
	assert_ptr_equal(cdm_poison_get_first(region), poison);
	assert_int_equal(cdm_poison_get_addr(poison), START + 0x3000);
}

/* What others of the device had is kept when something is added. */
static void test_keeps_what_it_adds_to(void **state)
{
	struct fake *fake = *state;

	fake_write(fake, STORE, "0x1000 5 device\n");
	kernel_finds(START);
	assert_int_equal(cdm_region_sync_poison(region_of(fake)), 0);
	assert_store(fake, "0x1000 5 device\n0x10000000 77 kernel");
	assert_int_equal(nr_kernel, 1);
}

static void test_interleaved_is_left_alone(void **state)
{
	struct fake *fake = *state;

	fake_write(fake, "/sys/bus/cxl/devices/region0/interleave_ways", "2\n");
	fake_write(fake, STORE, "0x10001000 5 device\n");
	kernel_finds(START);
	assert_int_equal(cdm_region_sync_poison(region_of(fake)), 0);
	assert_store(fake, "0x10001000 5 device");
	assert_int_equal(cdm_region_read_poison(region_of(fake)), 1);
	assert_true(cdm_poison_get_dpa(cdm_poison_get_first(region_of(fake))) ==
		    CDM_DPA_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_not_root, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_is_bad, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_online_without_the_store, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_remembers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_retires_what_is_remembered, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_joins_the_devices_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_leaves_no_instance, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_reads_at_a_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_retires_without_the_store, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_stays_with_its_region, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keeps_what_it_adds_to, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_interleaved_is_left_alone, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
