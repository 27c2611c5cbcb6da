/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libcdm: find, take into use, fill, empty and give back CXL memory expanders.
 *
 * Rules for all functions:
 *
 *  - What can fail returns a negative errno; cdm_get_error() then has a sentence
 *    for people: what was tried, what stood in the way, what to do. 0 is done,
 *    and CDM_ALREADY (1) is "it was so already, nothing was changed".
 *  - Sizes, addresses, counts of pages: always bytes. Times: milliseconds.
 *  - cdm_X_get_Y() does no I/O and cannot fail; what does I/O is called read,
 *    refresh, run or find.
 *  - Strings and objects that a getter returns belong to the object that was
 *    asked. Getters return NULL for "there is none".
 *  - Structs that are handed out by pointer (struct cdm_progress and others) may
 *    grow at the end in later releases: do not copy or allocate them.
 *  - A context, and everything that comes from it, is used by one thread at a
 *    time; contexts are independent of each other. cdm_job_cancel() alone may be
 *    called from anywhere.
 *  - The library never prints, never exits, installs no signal handler and
 *    starts no process.
 *
 * isolation levels, roles and the CDM_WHERE_* places are the kernel's and come
 * from <linux/cdm.h>.
 */
#ifndef _CDM_LIBCDM_H
#define _CDM_LIBCDM_H

#include <cdm/context.h>
#include <cdm/region.h>
#include <cdm/job.h>
#include <cdm/process.h>
#include <cdm/monitor.h>
#include <cdm/check.h>

#endif /* _CDM_LIBCDM_H */
