// SPDX-License-Identifier: GPL-2.0-only
/* What the words behind online and offline mean. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "keep.h"
#include "message.h"
#include "session.h"
#include "target.h"

static bool same_text(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

/* Two memdevs that are interleaved are one thing to take into use. */
static bool same_target(const struct target *a, const struct target *b)
{
	if (a->region && a->region == b->region)
		return true;
	if (a->expander && a->expander == b->expander)
		return true;
	return a->expander && b->expander &&
	       same_text(cdm_expander_get_cxl_region(a->expander),
			 cdm_expander_get_cxl_region(b->expander));
}

static void add_target(struct targets *targets, const char *name,
		       struct cdm_expander *expander,
		       struct cdm_region *region)
{
	struct target new = { name, expander, region };

	for (size_t i = 0; i < targets->nr; i++)
		if (same_target(&targets->list[i], &new))
			return;
	new.name = keep_text(name);
	targets->list = xrealloc(targets->list,
				 (targets->nr + 1) * sizeof(new));
	/* A job that changes something may drop what it made disappear. */
	if (expander)
		cdm_expander_ref(expander);
	if (region)
		cdm_region_ref(region);
	targets->list[targets->nr++] = new;
}

static void add_all(struct cdm_ctx *ctx, bool regions, struct targets *targets)
{
	struct cdm_expander *e;
	struct cdm_region *r;

	if (!regions)
		cdm_expander_foreach(ctx, e)
			add_target(targets, cdm_expander_get_name(e), e,
				   cdm_expander_get_region(e));
	cdm_region_foreach(ctx, r)
		add_target(targets, cdm_region_get_name(r),
			   cdm_region_get_expander(r), r);
}

static enum exit_code add_word(struct cdm_ctx *ctx, const char *word,
			       struct targets *targets)
{
	struct cdm_expander *expander;
	struct cdm_region *region;
	int rc = cdm_find_target(ctx, word, &expander, &region);

	if (!rc) {
		add_target(targets, word, expander, region);
		return EXIT_DONE;
	}
	if (rc == -EINVAL) {
		error("\"%s\" is not a name of a memdev (mem0, serial:0x12, 0000:35:00.0), a CXL region, a dax device or a cdm region",
		      word);
		return EXIT_USAGE;
	}
	if (rc == -ENOENT) {
		error("there is no \"%s\"; \"cdmctl list\" shows what there is",
		      word);
		return EXIT_NOTHING;
	}
	return session_report(ctx, rc);
}

enum exit_code targets_find(struct cdm_ctx *ctx, int nr_words, char **words,
			    bool regions, struct targets *targets)
{
	enum exit_code code;
	int rc = cdm_refresh(ctx);

	targets->list = NULL;
	targets->nr = 0;
	if (rc < 0)
		return session_report(ctx, rc);
	for (int i = 0; i < nr_words; i++) {
		if (!strcmp(words[i], "all")) {
			add_all(ctx, regions, targets);
			continue;
		}
		code = add_word(ctx, words[i], targets);
		if (code != EXIT_DONE) {
			targets_free(targets);
			return code;
		}
	}
	if (targets->nr)
		return EXIT_DONE;
	if (regions)
		error("there is no region; \"cdmctl check\" tells why");
	else
		error("there is no expander; \"cdmctl check\" tells why");
	return EXIT_NOTHING;
}

void targets_free(struct targets *targets)
{
	for (size_t i = 0; i < targets->nr; i++) {
		if (targets->list[i].expander)
			cdm_expander_unref(targets->list[i].expander);
		if (targets->list[i].region)
			cdm_region_unref(targets->list[i].region);
	}
	free(targets->list);
	targets->list = NULL;
	targets->nr = 0;
}

enum exit_code target_place(struct cdm_ctx *ctx, const char *word, int *where)
{
	struct cdm_region *region;

	if (!strcmp(word, "ram")) {
		*where = CDM_WHERE_RAM;
		return EXIT_DONE;
	}
	region = cdm_region_find(ctx, word);
	if (!region) {
		error("there is no region \"%s\"; say ram, or a name that \"cdmctl list -R\" shows",
		      word);
		return EXIT_NOTHING;
	}
	*where = cdm_region_get_id(region);
	return EXIT_DONE;
}
