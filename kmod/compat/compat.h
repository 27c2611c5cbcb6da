/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cdm: the newest kernel's names on older kernels.
 *
 * The only place of the module that knows that kernels differ. Each CDM_HAVE_X
 * is found by compiling compat/probes/x.c through the Kbuild of the kernel;
 * each shim names the change it bridges and when it may go.
 */
#ifndef _CDM_COMPAT_H
#define _CDM_COMPAT_H

#include <linux/device.h>
#include <linux/gfp.h>
#include <linux/memremap.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/page-flags.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/version.h>

#include "config.h"

#if CDM_HAVE_SOFTLEAF
#include <linux/leafops.h>
#endif

/*
 * Free callback of a pagemap. 6.19 "mm/zone_device: rename page_free callback
 * to folio_free"; may go when 6.12 is no longer supported.
 */
#if CDM_HAVE_FOLIO_FREE
#define CDM_PAGEMAP_FREE(fn)						\
	static void cdm_folio_free(struct folio *folio)			\
	{								\
		fn(&folio->page);					\
	}
#define CDM_PAGEMAP_FREE_OP	.folio_free = cdm_folio_free
#else
#define CDM_PAGEMAP_FREE(fn)						\
	static void cdm_page_free(struct page *page)			\
	{								\
		fn(page);						\
	}
#define CDM_PAGEMAP_FREE_OP	.page_free = cdm_page_free
#endif

/*
 * 6.19 gave zone_device_page_init() the pagemap and an order, and
 * 6.14 "mm: Introduce page_pgmap()" an accessor; may go with 6.12.
 */
#if !CDM_HAVE_PAGE_PGMAP
static inline struct dev_pagemap *page_pgmap(const struct page *page)
{
	return page->pgmap;
}
#endif

static inline void cdm_zone_device_page_init(struct page *page,
					     struct dev_pagemap *pgmap)
{
#if CDM_HAVE_ZONE_DEVICE_PAGE_INIT_ORDER
	zone_device_page_init(page, pgmap, 0);
#else
	zone_device_page_init(page);
#endif
}

/*
 * Is a page mapped more than once, as far as can be told without its lock?
 * 6.16 folio_maybe_mapped_shared(), 6.9 folio_likely_mapped_shared(), before
 * that page_mapcount(); may go with 6.12.
 */
static inline bool cdm_page_mapped_shared(struct page *page)
{
#if CDM_HAVE_FOLIO_MAYBE_MAPPED_SHARED
	return folio_maybe_mapped_shared(page_folio(page));
#elif CDM_HAVE_FOLIO_LIKELY_MAPPED_SHARED
	return folio_likely_mapped_shared(page_folio(page));
#else
	return page_mapcount(page) > 1;
#endif
}

/*
 * How many mappings a folio has, those of its pages added up. 6.1 does not export
 * folio_mapcount(); may go with 6.1.
 */
static inline int cdm_folio_mapcount(struct folio *folio)
{
#if CDM_HAVE_PAGE_MAPCOUNT
	/* Without a reference it may have become something else: then any value is read. */
	long i, nr = min_t(long, folio_nr_pages(folio), MAX_ORDER_NR_PAGES);
	int count;

	if (nr == 1)
		return page_mapcount(&folio->page);
	count = folio_entire_mapcount(folio);
	for (i = 0; i < nr; i++)
		count += atomic_read(&folio_page(folio, i)->_mapcount) + 1;
	return PageDoubleMap(&folio->page) ? count - nr : count;
#else
	return folio_mapcount(folio);
#endif
}

/*
 * Can migrate_vma_setup() split a large folio that is mapped by ptes? Since
 * 6.19 ("mm/migrate_device: handle partially mapped folios during collection"),
 * which came with MIGRATE_VMA_SELECT_COMPOUND; may go with 6.12.
 */
static inline bool cdm_migrate_vma_splits_pte_mapped(void)
{
	return CDM_HAVE_MIGRATE_COMPOUND;
}

/*
 * With that, a huge page that is mapped as one can be collected and unmapped as
 * one, and is split without being mapped when its destinations are small. May go
 * with 6.12.
 */
#if CDM_HAVE_MIGRATE_COMPOUND
#define CDM_MIGRATE_SELECT_COMPOUND	MIGRATE_VMA_SELECT_COMPOUND
#define CDM_MIGRATE_PFN_COMPOUND	MIGRATE_PFN_COMPOUND
#else
#define CDM_MIGRATE_SELECT_COMPOUND	0
#define CDM_MIGRATE_PFN_COMPOUND	0
#endif

/*
 * Before the same change migrate_vma_collect_pmd() forgets its reference to a
 * huge page that is locked, and leaks it. Such a page is better left alone; in
 * the moment between the look and the try the leak is still possible. May go
 * with 6.12.
 */
static inline bool cdm_migrate_vma_leaks_locked_thp(void)
{
	return !CDM_HAVE_MIGRATE_COMPOUND;
}

/*
 * Non-present ptes. 6.19 "mm: introduce leaf entry type and use to simplify
 * leaf entry logic" replaced pte_to_swp_entry(); may go with 6.12.
 */
static inline bool cdm_pte_is_swap(pte_t pte)
{
#if CDM_HAVE_SOFTLEAF
	return softleaf_is_swap(softleaf_from_pte(pte));
#else
	return !non_swap_entry(pte_to_swp_entry(pte));
#endif
}

/* With the same change is_pte_marker() became pte_is_marker(); may go with 6.12. */
static inline bool cdm_pte_is_marker(pte_t pte)
{
#if CDM_HAVE_SOFTLEAF
	return pte_is_marker(pte);
#else
	return is_pte_marker(pte);
#endif
}

/*
 * Let go of the pages that this CPU's batches hold. lru_add_drain() is not
 * exported, but releasing a batch calls it. 6.3 "mm: remove struct pagevec"
 * renamed the caller; may go with 6.1.
 */
#if CDM_HAVE_FOLIO_BATCH_H
#include <linux/folio_batch.h>
#else
#include <linux/pagevec.h>
#endif
static inline void cdm_lru_drain_this_cpu(void)
{
#if CDM_HAVE_FOLIO_BATCH_RELEASE
	struct folio_batch batch;

	folio_batch_init(&batch);
	__folio_batch_release(&batch);
#else
	struct pagevec batch;

	pagevec_init(&batch);
	__pagevec_release(&batch);
#endif
}

/*
 * 6.16 "mm/page_alloc: pass ACR flags to alloc_contig_range()" in the place of
 * the migrate type; may go with 6.12.
 */
static inline int cdm_alloc_contig_range(unsigned long start, unsigned long end)
{
#if CDM_HAVE_ACR_FLAGS
	return alloc_contig_range(start, end, ACR_FLAGS_NONE, GFP_KERNEL);
#else
	return alloc_contig_range(start, end, MIGRATE_MOVABLE, GFP_KERNEL);
#endif
}

/*
 * 6.7 "mm: page_alloc: skip memoryless nodes entirely": before that a node that is
 * not in N_MEMORY is still in its own fallback list, and who asks for memory near a
 * device there gets it. Taken out of that list, which is rebuilt whenever a zone
 * gets its first or loses its last memory; as that does it, under the eyes of those
 * who read it. Nothing to do since; may go with 6.1.
 */
static inline void cdm_zonelist_forget_self(int nid)
{
	struct zoneref *from =
		NODE_DATA(nid)->node_zonelists[ZONELIST_FALLBACK]._zonerefs;
	struct zoneref *to = from;

	for (; from->zone; from++)
		if (zonelist_node_idx(from) != nid)
			*to++ = *from;
	if (to != from)
		*to = *from;
}

/*
 * How often kswapd has tried a node in vain; from MAX_RECLAIM_RETRIES on it leaves
 * the node alone. An int up to 6.12, an atomic_t in 7.2; may go with 6.12.
 */
static inline void cdm_kswapd_set_failures(int nid, int failures)
{
#if CDM_HAVE_KSWAPD_FAILURES_ATOMIC
	atomic_set(&NODE_DATA(nid)->kswapd_failures, failures);
#else
	WRITE_ONCE(NODE_DATA(nid)->kswapd_failures, failures);
#endif
}

/*
 * Are pages that go online PageOffline until the allocator gets them, and not
 * PageReserved, and does offlining count only pages that the allocator has? Since
 * 6.11 ("mm/memory_hotplug: initialize memmap of !ZONE_DEVICE with PageOffline()
 * instead of PageReserved()" and the change that follows it), which no
 * declaration tells. May go with 6.1.
 */
static inline bool cdm_hotplug_pages_begin_offline(void)
{
	return LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0);
}

/*
 * 6.2 "driver core: make struct device_type.devnode() take a const *"; may go
 * with 6.1.
 */
#if CDM_HAVE_DEVNODE_CONST
#define CDM_DEVNODE_DEVICE	const struct device
#else
#define CDM_DEVNODE_DEVICE	struct device
#endif

/*
 * Does the dax bus match drivers by type (6.3, e9ee9fe3a6d7 "dax: Assign RAM
 * regions to memory-hotplug by default")? The header of the bus is private, so
 * the probe looks for vm_flags_set(), which came in the same release. May go
 * with 6.1.
 */
static inline bool cdm_dax_bus_matches_types(void)
{
	return CDM_HAVE_DAX_TYPE_MATCH;
}

#endif /* _CDM_COMPAT_H */
