// SPDX-License-Identifier: GPL-2.0-only
/* kmod/logic/bits.c against the plainest implementation there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "logic/bits.h"

#define BITS		777	/* not a multiple of a word */
#define WORDS		((BITS + 63) / 64)

static void random_bits(unsigned long bits[WORDS], int density)
{
	memset(bits, 0, WORDS * sizeof(*bits));
	for (unsigned long i = 0; i < BITS; i++)
		if (rand() % 100 < density)
			cdm_bits_set(bits, i);
}

static void test_set_clear_get(void **state)
{
	unsigned long bits[WORDS] = { 0 };

	(void)state;
	for (unsigned long i = 0; i < BITS; i++) {
		assert_false(cdm_bits_get(bits, i));
		cdm_bits_set(bits, i);
		assert_true(cdm_bits_get(bits, i));
		if (i)
			assert_true(cdm_bits_get(bits, i - 1));
	}
	cdm_bits_clear(bits, 64);
	assert_false(cdm_bits_get(bits, 64));
	assert_true(cdm_bits_get(bits, 63) && cdm_bits_get(bits, 65));
}

static unsigned long count_clear(const unsigned long *bits)
{
	unsigned long nr = 0;

	for (unsigned long i = 0; i < BITS; i++)
		nr += !cdm_bits_get(bits, i);
	return nr;
}

static void test_take(void **state)
{
	unsigned long bits[WORDS], before[WORDS], out[BITS];

	(void)state;
	for (unsigned int seed = 0; seed < 2000; seed++) {
		unsigned long clear, want, got, hint;

		srand(seed);
		random_bits(bits, rand() % 101);
		memcpy(before, bits, sizeof(bits));
		clear = count_clear(bits);
		want = rand() % (BITS + 1);
		hint = rand() % BITS;
		got = cdm_bits_take(bits, BITS, hint, out, want);
		assert_int_equal(got, want < clear ? want : clear);
		for (unsigned long i = 0; i < got; i++) {
			assert_true(out[i] < BITS);
			/* free before, and given out once */
			assert_false(cdm_bits_get(before, out[i]));
			cdm_bits_set(before, out[i]);
		}
		assert_memory_equal(before, bits, sizeof(bits));
	}
}

/* What next_run is to say, bit by bit. */
static unsigned long plain_run(const unsigned long *bits, unsigned long from,
			       unsigned long max, unsigned long *start)
{
	unsigned long nr = 0;

	while (from < BITS && !cdm_bits_get(bits, from))
		from++;
	*start = from;
	while (from + nr < BITS && nr < max && cdm_bits_get(bits, from + nr))
		nr++;
	return nr;
}

static void test_next_run(void **state)
{
	unsigned long bits[WORDS], start = 0, want_start = 0, got, want;

	(void)state;
	for (unsigned int seed = 0; seed < 5000; seed++) {
		unsigned long from, max;

		srand(seed);
		random_bits(bits, rand() % 101);
		from = rand() % (BITS + 1);
		max = 1 + rand() % BITS;
		want = plain_run(bits, from, max, &want_start);
		got = cdm_bits_next_run(bits, BITS, from, max, &start);
		assert_int_equal(got, want);
		if (want)
			assert_int_equal(start, want_start);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_clear_get),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_next_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
