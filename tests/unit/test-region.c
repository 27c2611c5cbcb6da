// SPDX-License-Identifier: GPL-2.0-only
/* Regions, blocks and names, on a fake tree. */
#include <errno.h>
#include <string.h>

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

static void test_none_without_module(void **state)
{
	struct fake *fake = *state;

	assert_null(cdm_region_get_first(fake->ctx));
	assert_int_equal(cdm_refresh(fake->ctx), 0);
	assert_false(cdm_module_is_loaded(fake->ctx));
	assert_int_equal(cdm_module_read_claim(fake->ctx), -ENOENT);
}

static void test_attributes(void **state)
{
	struct fake *fake = *state;
	struct cdm_region *region;

	fake_dax(fake, "dax0.0", 1ULL << 40, "cdm", "region3");
	fake_region(fake, 0, "dax0.0", "online", "private", 1ULL << 40, 12288);
	region = cdm_region_find(fake->ctx, "cdm0");
	assert_non_null(region);
	assert_ptr_equal(region, cdm_region_find(fake->ctx, "/dev/cdm0"));
	assert_ptr_equal(region, cdm_region_find_id(fake->ctx, 0));
	assert_string_equal(cdm_region_get_dax_name(region), "dax0.0");
	assert_string_equal(cdm_region_get_cxl_region(region), "region3");
	assert_string_equal(cdm_region_get_devnode(region), "/dev/cdm0");
	assert_int_equal(cdm_region_get_state(region), CDM_STATE_ONLINE);
	assert_int_equal(cdm_region_get_isolation(region), CDM_ISOLATION_PRIVATE);
	assert_int_equal(cdm_region_get_resource(region), 1ULL << 32);
	assert_int_equal(cdm_region_get_size(region), 1ULL << 40);
	assert_int_equal(cdm_region_get_block_size(region), 128 << 20);
	assert_int_equal(cdm_region_get_used(region), 12288);
	assert_int_equal(cdm_region_get_node(region), 1);
	assert_false(cdm_region_get_memmap_on_block(region));
	assert_true(cdm_region_get_max_bytes(region) == CDM_NO_LIMIT);
	assert_int_equal(cdm_module_read_claim(fake->ctx), 1);
}

static void test_order_is_by_number(void **state)
{
	struct fake *fake = *state;
	struct cdm_region *region;
	int last = -1;

	for (int id = 11; id >= 0; id--)
		fake_region(fake, id, "dax0.0", "held", "none", 1 << 30, 0);
	cdm_region_foreach(fake->ctx, region) {
		assert_int_equal(cdm_region_get_id(region), last + 1);
		last = cdm_region_get_id(region);
	}
	assert_int_equal(last, 11);
}

static void test_refresh_keeps_objects(void **state)
{
	struct fake *fake = *state;
	struct cdm_region *region, *gone;

	fake_region(fake, 0, "dax0.0", "online", "private", 1 << 30, 0);
	fake_region(fake, 1, "dax1.0", "online", "private", 1 << 30, 0);
	region = cdm_region_find_id(fake->ctx, 0);
	gone = cdm_region_ref(cdm_region_find_id(fake->ctx, 1));
	fake_write(fake, "/sys/bus/cdm/devices/cdm0/used", "4096\n");
	fake_remove(fake, "/sys/bus/cdm/devices/cdm1");
	assert_int_equal(cdm_region_get_used(region), 0);
	assert_int_equal(cdm_refresh(fake->ctx), 0);
	assert_ptr_equal(region, cdm_region_get_first(fake->ctx));
	assert_int_equal(cdm_region_get_used(region), 4096);
	assert_null(cdm_region_get_next(region));
	assert_int_equal(cdm_region_refresh(gone), -ENODEV);
	assert_non_null(strstr(cdm_get_error(fake->ctx), "cdm1 has gone"));
	cdm_region_unref(gone);
}

static void test_replug_is_another_region(void **state)
{
	struct fake *fake = *state;
	struct cdm_region *old;

	fake_region(fake, 0, "dax0.0", "held", "none", 1 << 30, 0);
	old = cdm_region_ref(cdm_region_get_first(fake->ctx));
	fake_region(fake, 0, "dax1.0", "held", "none", 1 << 30, 0);
	assert_int_equal(cdm_refresh(fake->ctx), 0);
	assert_ptr_not_equal(old, cdm_region_get_first(fake->ctx));
	assert_int_equal(cdm_region_refresh(old), -ENODEV);
	cdm_region_unref(old);
}

/* 5000 blocks: more than one call of CDM_BLOCKS. */
static int ioctl_blocks(int fd, unsigned long request, void *data)
{
	struct cdm_blocks *arg = data;
	struct cdm_block_info *info = (void *)(uintptr_t)arg->blocks;

	(void)fd;
	assert_int_equal(request, CDM_BLOCKS);
	assert_int_equal(arg->size, sizeof(*arg));
	arg->out_total = 5000;
	for (arg->out_nr_blocks = 0; arg->out_nr_blocks < arg->nr_blocks &&
	     arg->first + arg->out_nr_blocks < arg->out_total; arg->out_nr_blocks++)
		info[arg->out_nr_blocks] = (struct cdm_block_info) {
			.start = (arg->first + arg->out_nr_blocks) * 0x1000ULL,
			.length = 0x1000,
			.role = CDM_ROLE_COHERENT,
			.flags = CDM_BLOCK_ONLINE,
			.total = 512,
			.used = 3,
		};
	return 0;
}

static void test_blocks(void **state)
{
	struct fake *fake = *state;
	struct cdm_region *region;
	struct cdm_block *block;
	unsigned int nr = 0;

	fake_region(fake, 0, "dax0.0", "online", "private", 1 << 30, 0);
	region = cdm_region_get_first(fake->ctx);
	fake->ctx->ioctl = ioctl_blocks;
	assert_null(cdm_block_get_first(region));
	assert_int_equal(cdm_region_read_blocks(region), 5000);
	assert_int_equal(cdm_region_read_blocks(region), 5000);
	cdm_block_foreach(region, block) {
		assert_int_equal(cdm_block_get_index(block), nr);
		assert_int_equal(cdm_block_get_start(block), nr * 0x1000ULL);
		nr++;
	}
	assert_int_equal(nr, 5000);
	block = cdm_block_get_first(region);
	assert_int_equal(cdm_block_get_used(block), 3 * fake->ctx->page_size);
	assert_true(cdm_block_is_online(block));
	assert_false(cdm_block_is_draining(block));
}

static void test_no_device_node(void **state)
{
	struct fake *fake = *state;

	fake_region(fake, 0, "dax0.0", "online", "private", 1 << 30, 0);
	fake_remove(fake, "/dev/cdm0");
	assert_int_equal(cdm_region_read_blocks(cdm_region_get_first(fake->ctx)), -ENODEV);
	assert_string_equal(cdm_get_error(fake->ctx), "blocks of cdm0: open /dev/cdm0: cdm0 has "
			    "no device node here; 'cdmctl check' tells more");
	fake_remove(fake, "/sys/bus/cdm/devices/cdm0");
	assert_int_equal(cdm_region_read_blocks(cdm_region_get_first(fake->ctx)), -ENODEV);
	assert_string_equal(cdm_get_error(fake->ctx),
			    "blocks of cdm0: open /dev/cdm0: cdm0 has gone");
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i <= CDM_ISOLATION_SHARED; i++)
		assert_int_equal(cdm_isolation_from_name(cdm_isolation_get_name(i)), i);
	assert_int_equal(cdm_isolation_from_name("private "), -EINVAL);
	assert_int_equal(cdm_isolation_from_name(""), -EINVAL);
	assert_string_equal(cdm_isolation_get_name(-1), "unknown");
	assert_string_equal(cdm_isolation_get_name(5), "unknown");
	assert_string_equal(cdm_role_get_name(CDM_ROLE_LOST), "lost");
	assert_string_equal(cdm_role_get_name(99), "unknown");
	assert_string_equal(cdm_state_get_name(CDM_STATE_HELD), "held");
	assert_int_equal(cdm_state_from_name("gone"), CDM_STATE_UNKNOWN);
	assert_string_equal(cdm_hold_get_name(CDM_HOLD_NO_MEMORY), "no-memory");
	assert_string_equal(cdm_severity_get_name(CDM_SEVERITY_ERROR), "error");
}

#define test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_none_without_module),
		test(test_attributes),
		test(test_order_is_by_number),
		test(test_refresh_keeps_objects),
		test(test_replug_is_another_region),
		test(test_blocks),
		test(test_no_device_node),
		test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
