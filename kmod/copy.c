// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: copying the content of pages.
 *
 * A step of its own, so that an engine can take its place.
 */
#include <linux/highmem.h>
#include <linux/uaccess.h>

#include "copy.h"

/**
 * cdm_copy_page() - copy a page that may be bad
 * @dst: written in full, unless an error is returned
 * @src: read machine-check safe, as copy_mc_highpage() does
 *
 * Context: any.
 * Return: 0, or -EHWPOISON if @src can not be read: it has to be retired once it is
 * where it was again.
 */
int cdm_copy_page(struct page *dst, struct page *src)
{
	unsigned long left;
	void *to, *from;

	/* Without a machine-check safe copy reading it would be the end. */
	if (PageHWPoison(src))
		return -EHWPOISON;
	from = kmap_local_page(src);
	to = kmap_local_page(dst);
	left = copy_mc_to_kernel(to, from, PAGE_SIZE);
	kunmap_local(to);
	kunmap_local(from);
	return left ? -EHWPOISON : 0;
}
