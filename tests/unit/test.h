/* SPDX-License-Identifier: GPL-2.0-only */
/* cmocka and its prerequisites, and the fake tree. */
#ifndef _CDM_TEST_H
#define _CDM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/private.h"

/*
 * A folder that plays the part of /. Paths are as on a real machine; folders on
 * the way are made.
 */
struct fake {
	char root[64];
	struct cdm_ctx *ctx;
};

void fake_set_up(struct fake *fake);
void fake_tear_down(struct fake *fake);
void fake_write(struct fake *fake, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void fake_link(struct fake *fake, const char *path, const char *target);
void fake_remove(struct fake *fake, const char *path);

/* A region with its dax device; size in bytes. */
void fake_region(struct fake *fake, int id, const char *dax, const char *state,
		 const char *isolation, uint64_t size, uint64_t used);
/* What of a region has a level, after fake_region(). */
void fake_level(struct fake *fake, int id, int isolation, uint64_t size, uint64_t used);
/* A dax device, driven by driver (NULL for none), of a CXL region (or NULL). */
void fake_dax(struct fake *fake, const char *dax, uint64_t size, const char *driver,
	      const char *cxl_region);
/* A memdev with an endpoint; region is the CXL region that it is in, or "". */
void fake_memdev(struct fake *fake, int id, uint64_t serial, uint64_t ram_size,
		 const char *region);

#endif /* _CDM_TEST_H */
