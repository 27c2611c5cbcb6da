/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Policy: what an expander should become, from cdm.conf.d (cdm.conf(5)).
 * Only "online --policy" applies it; the library and the kernel know nothing
 * of it.
 */
#ifndef CDMCTL_POLICY_H
#define CDMCTL_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct policy;

/**
 * struct policy_subject - the memory that a policy is wanted for
 * @kind: "cxl" or "hmem"
 * @dax: dax device, or NULL
 * @uuid: of the CXL region, or NULL
 * @serials: of the expanders that it is made of
 * @nr_serials: how many
 */
struct policy_subject {
	const char *kind;
	const char *dax;
	const char *uuid;
	uint64_t serials[32];
	size_t nr_serials;
};

/**
 * struct policy_answer - what the policy says
 * @isolation: enum cdm_isolation; not used if @release
 * @release: driver that gets the dax device instead, or NULL
 * @size: bytes to take into use; 0 for all
 * @memmap_on_block: keep the memory map in the memory itself
 * @max_bytes: that one user may have, CDM_NO_LIMIT, or 0: as it is
 * @create_region: make a CXL region for a memdev that has none
 * @source: "file:line" that decided the level, or NULL for the built-in one
 */
struct policy_answer {
	int isolation;
	const char *release;
	uint64_t size;
	bool memmap_on_block;
	uint64_t max_bytes;
	bool create_region;
	const char *source;
};

/** called for each thing that is wrong, with "file:line: what" */
typedef void (*policy_error_fn)(void *data, const char *text);

/**
 * policy_load() - read the policy files
 * @folder: read *.conf of this folder alone; NULL: the usual folders
 * @on_error: told about each malformed line
 *
 * Returns: 0; -EINVAL: something was malformed; -ENOENT: no such @folder;
 * other negative errno: a file could not be read, after @on_error. Whatever it
 * returns, *@policy is to be freed with policy_free().
 */
int policy_load(const char *folder, policy_error_fn on_error, void *data,
		struct policy **policy);

void policy_free(struct policy *policy);

/** policy_ask() - what it says about @subject; strings belong to @policy */
void policy_ask(const struct policy *policy,
		const struct policy_subject *subject,
		struct policy_answer *answer);

#endif /* CDMCTL_POLICY_H */
