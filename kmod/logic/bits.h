/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cdm: bitmaps of pages, plain C for the module and for unit tests on the host.
 */
#ifndef _CDM_LOGIC_BITS_H
#define _CDM_LOGIC_BITS_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#endif

/**
 * cdm_bits_take() - set up to @want clear bits and say which
 * @bits: the bitmap
 * @nr_bits: its length
 * @hint: where to look first; the search goes on from 0 at the end
 * @out: numbers of the bits that were set, room for @want
 * @want: how many
 *
 * Context: the caller serializes access to @bits.
 * Return: how many bits were set, less than @want only if no more are clear.
 */
unsigned long cdm_bits_take(unsigned long *bits, unsigned long nr_bits,
			    unsigned long hint, unsigned long *out,
			    unsigned long want);

/**
 * cdm_bits_next_run() - find the next run of set bits
 * @bits: the bitmap
 * @nr_bits: its length
 * @from: where to begin
 * @max: longest run to report, at least 1
 * @start: first bit of the run
 *
 * Return: length of the run, 0 if there is none.
 */
unsigned long cdm_bits_next_run(const unsigned long *bits,
				unsigned long nr_bits, unsigned long from,
				unsigned long max, unsigned long *start);

/**
 * cdm_bits_get() - is a bit set?
 * @bits: the bitmap
 * @bit: its number
 */
static inline bool cdm_bits_get(const unsigned long *bits, unsigned long bit)
{
	return bits[bit / (8 * sizeof(long))] >> (bit % (8 * sizeof(long))) & 1;
}

/**
 * cdm_bits_set() - set a bit
 * @bits: the bitmap
 * @bit: its number
 */
static inline void cdm_bits_set(unsigned long *bits, unsigned long bit)
{
	bits[bit / (8 * sizeof(long))] |= 1UL << (bit % (8 * sizeof(long)));
}

/**
 * cdm_bits_clear() - clear a bit
 * @bits: the bitmap
 * @bit: its number
 */
static inline void cdm_bits_clear(unsigned long *bits, unsigned long bit)
{
	bits[bit / (8 * sizeof(long))] &= ~(1UL << (bit % (8 * sizeof(long))));
}

#endif /* _CDM_LOGIC_BITS_H */
