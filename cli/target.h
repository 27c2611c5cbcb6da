/* SPDX-License-Identifier: GPL-2.0-only */
/* What the words behind online and offline mean. */
#ifndef CDMCTL_TARGET_H
#define CDMCTL_TARGET_H

#include <cdm/libcdm.h>

#include "cmd.h"

/**
 * struct target - one thing to work on
 * @name: how it is called, to give to the library
 * @expander: where it comes from; NULL: unknown
 * @region: its cdm region; NULL: it has none yet
 */
struct target {
	const char *name;
	struct cdm_expander *expander;
	struct cdm_region *region;
};

struct targets {
	struct target *list;
	size_t nr;
};

/* What "all" stands for. */
#define TARGETS_REGIONS true
#define TARGETS_EXPANDERS false

/**
 * targets_find() - look words up
 * @words: as typed; "all" stands for everything there is
 * @regions: TARGETS_REGIONS or TARGETS_EXPANDERS, for "all"
 * @targets: out: what was found, each thing once; free with targets_free()
 *
 * Returns: EXIT_DONE; EXIT_NOTHING or EXIT_USAGE after a message when one of
 * the words means nothing: then nothing should be done at all.
 */
enum exit_code targets_find(struct cdm_ctx *ctx, int nr_words, char **words,
			    bool regions, struct targets *targets);

void targets_free(struct targets *targets);

/**
 * target_place() - a place for migrate: "ram" or the name of a region
 * @where: out: CDM_WHERE_RAM, or the id of the region
 *
 * Returns: EXIT_DONE, or EXIT_NOTHING after a message.
 */
enum exit_code target_place(struct cdm_ctx *ctx, const char *word, int *where);

#endif /* CDMCTL_TARGET_H */
