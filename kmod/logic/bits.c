// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: bitmaps of pages.
 *
 * The kernel's own bitmap functions would do, but not on the host, where these
 * are tested under sanitizers. Searches go a word at a time.
 */
#include "bits.h"

#define WORD_BITS	(8 * sizeof(unsigned long))

/* The bits of a word that lie within the bitmap and at or behind @from. */
static unsigned long word_mask(unsigned long word, unsigned long nr_bits,
			       unsigned long from)
{
	unsigned long mask = ~0UL, first = word * WORD_BITS;

	if (from > first)
		mask &= from - first < WORD_BITS ? ~0UL << (from - first) : 0;
	if (nr_bits - first < WORD_BITS)
		mask &= ~0UL >> (WORD_BITS - (nr_bits - first));
	return mask;
}

static unsigned long take_between(unsigned long *bits, unsigned long from,
				  unsigned long to, unsigned long *out,
				  unsigned long want)
{
	unsigned long word, got = 0;

	for (word = from / WORD_BITS; word * WORD_BITS < to && got < want; word++) {
		unsigned long free = ~bits[word] & word_mask(word, to, from);

		while (free && got < want) {
			unsigned long bit = __builtin_ctzl(free);

			free &= free - 1;
			bits[word] |= 1UL << bit;
			out[got++] = word * WORD_BITS + bit;
		}
	}
	return got;
}

unsigned long cdm_bits_take(unsigned long *bits, unsigned long nr_bits,
			    unsigned long hint, unsigned long *out,
			    unsigned long want)
{
	unsigned long got;

	if (hint >= nr_bits)
		hint = 0;
	got = take_between(bits, hint, nr_bits, out, want);
	return got + take_between(bits, 0, hint, out + got, want - got);
}

/* First bit at or behind @from that is @set, or @nr_bits. */
static unsigned long next_bit(const unsigned long *bits, unsigned long nr_bits,
			      unsigned long from, bool set)
{
	unsigned long word;

	for (word = from / WORD_BITS; word * WORD_BITS < nr_bits; word++) {
		unsigned long found = (set ? bits[word] : ~bits[word]) &
				      word_mask(word, nr_bits, from);

		if (found)
			return word * WORD_BITS + __builtin_ctzl(found);
	}
	return nr_bits;
}

unsigned long cdm_bits_next_run(const unsigned long *bits,
				unsigned long nr_bits, unsigned long from,
				unsigned long max, unsigned long *start)
{
	unsigned long first, limit;

	if (from >= nr_bits)
		return 0;
	first = next_bit(bits, nr_bits, from, true);
	if (first == nr_bits)
		return 0;
	limit = nr_bits - first < max ? nr_bits : first + max;
	*start = first;
	return next_bit(bits, limit, first, false) - first;
}
