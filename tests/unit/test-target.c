// SPDX-License-Identifier: GPL-2.0-only
/* Expanders and the words that mean them, on a fake tree. */
#include <errno.h>
#include <string.h>

#include "test.h"

static int set_up(void **state)
{
	static struct fake fake;

	fake_set_up(&fake);
	fake_memdev(&fake, 0, 0xcd0000, 512 << 20, "region0");
	fake_memdev(&fake, 1, 0xcd0001, 1ULL << 40, "");
	fake_memdev(&fake, 2, 0xcd0002, 0, "");		/* persistent only */
	fake_dax(&fake, "dax0.0", 512 << 20, "cdm", "region0");
	fake_dax(&fake, "dax0.1", 0, NULL, "region0");	/* a seed, no memory */
	fake_dax(&fake, "dax7.0", 256 << 20, "device_dax", NULL);
	fake_region(&fake, 0, "dax0.0", "online", "private", 512 << 20, 0);
	*state = &fake;
	return 0;
}

static int tear_down(void **state)
{
	fake_tear_down(*state);
	return 0;
}

static void test_expanders(void **state)
{
	struct fake *fake = *state;
	struct cdm_expander *e = cdm_expander_get_first(fake->ctx);

	assert_string_equal(cdm_expander_get_name(e), "mem0");
	assert_int_equal(cdm_expander_get_kind(e), CDM_EXPANDER_CXL);
	assert_int_equal(cdm_expander_get_serial(e), 0xcd0000);
	assert_string_equal(cdm_expander_get_pci(e), "0000:0d:00.0");
	assert_int_equal(cdm_expander_get_ram_size(e), 512 << 20);
	assert_string_equal(cdm_expander_get_cxl_region(e), "region0");
	assert_string_equal(cdm_expander_get_dax_name(e), "dax0.0");
	assert_string_equal(cdm_expander_get_dax_driver(e), "cdm");
	assert_int_equal(cdm_expander_get_node(e), 1);
	assert_string_equal(cdm_region_get_name(cdm_expander_get_region(e)), "cdm0");
	assert_ptr_equal(cdm_region_get_expander(cdm_expander_get_region(e)), e);

	e = cdm_expander_get_next(e);
	assert_string_equal(cdm_expander_get_name(e), "mem1");
	assert_int_equal(cdm_expander_get_ram_size(e), 1ULL << 40);
	assert_null(cdm_expander_get_cxl_region(e));
	assert_null(cdm_expander_get_dax_name(e));
	assert_null(cdm_expander_get_region(e));

	e = cdm_expander_get_next(e);
	assert_string_equal(cdm_expander_get_name(e), "dax7.0");
	assert_int_equal(cdm_expander_get_kind(e), CDM_EXPANDER_DAX);
	assert_string_equal(cdm_expander_get_dax_driver(e), "device_dax");
	assert_null(cdm_expander_get_pci(e));
	assert_null(cdm_expander_get_next(e));
}

static void test_words(void **state)
{
	static const struct {
		const char *word;
		int rc;
		const char *expander;
		const char *region;
	} cases[] = {
		{ "mem0", 0, "mem0", "cdm0" },
		{ "0", 0, "mem0", "cdm0" },
		{ "/dev/cxl/mem0", 0, "mem0", "cdm0" },
		{ "0000:0d:00.0", 0, "mem0", "cdm0" },
		{ "0d:00.0", 0, "mem0", "cdm0" },
		{ "0000:0D:00.0", 0, "mem0", "cdm0" },
		{ "serial:0xcd0000", 0, "mem0", "cdm0" },
		{ "region0", 0, "mem0", "cdm0" },
		{ "dax0.0", 0, "mem0", "cdm0" },
		{ "/dev/dax0.0", 0, "mem0", "cdm0" },
		{ "cdm0", 0, "mem0", "cdm0" },
		{ "/dev/cdm0", 0, "mem0", "cdm0" },
		{ "mem1", 0, "mem1", NULL },
		{ "serial:13434881", 0, "mem1", NULL },
		{ "dax7.0", 0, "dax7.0", NULL },
		{ "mem9", -ENOENT, NULL, NULL },
		{ "cdm1", -ENOENT, NULL, NULL },
		{ "region1", -ENOENT, NULL, NULL },
		{ "dax7.1", -ENOENT, NULL, NULL },
		{ "serial:0", -ENOENT, NULL, NULL },
		{ "serial:0x", -EINVAL, NULL, NULL },
		{ "serial:013434881", 0, "mem1", NULL },	/* decimal */
		{ "0000:ff:00.0", -ENOENT, NULL, NULL },
		{ "", -EINVAL, NULL, NULL },
		{ "mem", -EINVAL, NULL, NULL },
		{ "mem0x", -EINVAL, NULL, NULL },
		{ "mem-1", -EINVAL, NULL, NULL },
		{ "dax0", -EINVAL, NULL, NULL },
		{ "dax0.0.0", -EINVAL, NULL, NULL },
		{ "serial:", -EINVAL, NULL, NULL },
		{ "serial:-1", -EINVAL, NULL, NULL },
		{ "serial:0x1ffffffffffffffff", -EINVAL, NULL, NULL },
		{ "../cdm0", -EINVAL, NULL, NULL },
		{ "cdm0 ", -EINVAL, NULL, NULL },
		{ "all", -EINVAL, NULL, NULL },
	};
	struct fake *fake = *state;
	struct cdm_expander *e;
	struct cdm_region *r;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(cdm_find_target(fake->ctx, cases[i].word, &e, &r),
				 cases[i].rc);
		if (cases[i].expander)
			assert_string_equal(cdm_expander_get_name(e), cases[i].expander);
		else
			assert_null(e);
		if (cases[i].region)
			assert_string_equal(cdm_region_get_name(r), cases[i].region);
		else
			assert_null(r);
	}
}

static void test_long_word(void **state)
{
	struct fake *fake = *state;
	struct cdm_expander *e;
	struct cdm_region *r;
	char word[4096];

	memset(word, '1', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_int_equal(cdm_find_target(fake->ctx, word, &e, &r), -EINVAL);
}

static void test_refresh_keeps_objects(void **state)
{
	struct fake *fake = *state;
	struct cdm_expander *e = cdm_expander_get_first(fake->ctx), *gone;

	gone = cdm_expander_ref(cdm_expander_get_next(e));
	fake_remove(fake, "/sys/bus/cxl/devices/mem1");
	assert_int_equal(cdm_refresh(fake->ctx), 0);
	assert_ptr_equal(cdm_expander_get_first(fake->ctx), e);
	assert_string_equal(cdm_expander_get_dax_name(e), "dax0.0");
	assert_string_equal(cdm_expander_get_name(cdm_expander_get_next(e)), "dax7.0");
	assert_string_equal(cdm_expander_get_name(gone), "mem1");
	cdm_expander_unref(gone);
}

/* Whoever destroys the region of a card must not destroy what is to last. */
static void test_region_of_persistent_memory(void **state)
{
	struct fake *fake = *state;
	struct cdm_expander *e;

	fake_write(fake, "/sys/bus/cxl/devices/endpoint6/decoder6.0/mode", "pmem\n");
	fake_write(fake, "/sys/bus/cxl/devices/endpoint6/decoder6.0/region", "region4\n");
	assert_int_equal(cdm_refresh(fake->ctx), 0);
	e = cdm_expander_get_next(cdm_expander_get_first(fake->ctx));
	assert_string_equal(cdm_expander_get_name(e), "mem1");
	assert_null(cdm_expander_get_cxl_region(e));

	fake_write(fake, "/sys/bus/cxl/devices/endpoint6/decoder6.1/mode", "ram\n");
	fake_write(fake, "/sys/bus/cxl/devices/endpoint6/decoder6.1/region", "region5\n");
	assert_int_equal(cdm_refresh(fake->ctx), 0);
	assert_string_equal(cdm_expander_get_cxl_region(e), "region5");
}

#define test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_expanders),
		test(test_words),
		test(test_long_word),
		test(test_refresh_keeps_objects),
		test(test_region_of_persistent_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
