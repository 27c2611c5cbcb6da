// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: reading page tables.
 *
 * walk_page_range() and the functions that take a page table lock are not
 * exported, so this reads as gup_fast does: with interrupts off, which holds
 * off the freeing of page tables (MMU_GATHER_RCU_TABLE_FREE), each entry once.
 * The caller holds mmap_lock, so mappings stay; what they map may change at any
 * time, and every answer is a hint that migrate_vma_setup() checks again. A
 * memory map stays too: memunmap_pages() waits for an RCU grace period, which
 * interrupts off hold up.
 */
#include <linux/mm.h>
#include <linux/hugetlb.h>
#include <linux/irqflags.h>

#include "walk.h"

/*
 * The page middle directory entry of @addr; the entry is none, and *@span is
 * the length of what has no entry, where a higher level ends the walk.
 */
static pmd_t pmd_read(struct mm_struct *mm, unsigned long addr,
		      unsigned long *span, bool *leaf)
{
	pgd_t *pgdp = pgd_offset(mm, addr), pgd = READ_ONCE(*pgdp);
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;

	*leaf = false;
	*span = PGDIR_SIZE;
	if (pgd_none(pgd))
		return __pmd(0);
	p4dp = p4d_offset_lockless(pgdp, pgd, addr);
	p4d = READ_ONCE(*p4dp);
	*span = P4D_SIZE;
	if (p4d_none(p4d))
		return __pmd(0);
	pudp = pud_offset_lockless(p4dp, p4d, addr);
	pud = READ_ONCE(*pudp);
	*span = PUD_SIZE;
	*leaf = pud_leaf(pud);
	if (pud_none(pud) || *leaf)
		return __pmd(0);
	*span = PMD_SIZE;
	return READ_ONCE(*pmd_offset_lockless(pudp, pud, addr));
}

/**
 * cdm_walk_gap() - skip addresses without page tables
 * @mm: the address space
 * @addr: where to begin
 * @end: where to stop
 *
 * Context: the caller holds mmap_lock.
 * Return: the first address from @addr on that may have a page, or @end.
 */
unsigned long cdm_walk_gap(struct mm_struct *mm, unsigned long addr,
			   unsigned long end)
{
	unsigned long flags, span, next;
	unsigned int budget = 4 * PTRS_PER_PMD;
	bool leaf, none;

	mmap_assert_locked(mm);
	while (addr < end && budget--) {
		local_irq_save(flags);
		none = pmd_none(pmd_read(mm, addr, &span, &leaf)) && !leaf;
		local_irq_restore(flags);
		if (!none)
			return addr;
		next = ALIGN_DOWN(addr, span) + span;
		addr = next > addr ? min(next, end) : end;
	}
	return addr;
}

static struct cdm_spot folio_spot(struct vm_area_struct *vma,
				  struct folio *folio, unsigned long pfn,
				  bool huge_pmd)
{
	int id = cdm_region_id_of_pfn(pfn);
	struct cdm_spot spot = {
		.where = id < 0 ? CDM_WHERE_RAM : id,
		.kind = CDM_KIND_PAGE,
		.huge = huge_pmd,
		.pfn = pfn,
	};

	if (id < 0 && folio_is_zone_device(folio))
		return (struct cdm_spot) { CDM_WHERE_OTHER, CDM_KIND_OTHER };
	if (!folio_test_anon(folio)) {
		/* Only the (huge) zero page is not anonymous here. */
		if (vma_is_anonymous(vma))
			return (struct cdm_spot) { CDM_WHERE_NONE, CDM_KIND_NONE };
		spot.kind = CDM_KIND_FILE;
	} else if (folio_test_ksm(folio)) {
		spot.kind = CDM_KIND_MERGED;
	} else if (cdm_page_mapped_shared(pfn_to_page(pfn))) {
		spot.kind = CDM_KIND_SHARED;
	} else if (folio_test_large(folio) && !huge_pmd &&
		   !cdm_migrate_vma_splits_pte_mapped()) {
		spot.kind = CDM_KIND_HUGE;
	} else if (huge_pmd && cdm_migrate_vma_leaks_locked_thp() &&
		   folio_test_locked(folio)) {
		spot.kind = CDM_KIND_TRANSIT;
	}
	return spot;
}

/*
 * Since its entry was read the page may have been freed and become part of
 * another folio, so it is held while it is looked at, as gup_fast does.
 */
static struct cdm_spot page_spot(struct vm_area_struct *vma, unsigned long pfn,
				 bool huge_pmd)
{
	struct cdm_spot spot = { CDM_WHERE_OTHER, CDM_KIND_TRANSIT };
	struct page *page = pfn_to_page(pfn);
	struct folio *folio = page_folio(page);

	if (!folio_try_get(folio))
		return spot;
	if (page_folio(page) == folio)
		spot = folio_spot(vma, folio, pfn, huge_pmd);
	folio_put(folio);
	return spot;
}

static struct cdm_spot pte_spot(struct vm_area_struct *vma, pte_t pte)
{
	if (pte_none(pte))
		return (struct cdm_spot) { CDM_WHERE_NONE, CDM_KIND_NONE };
	if (!pte_present(pte)) {
		if (cdm_pte_is_swap(pte))
			return (struct cdm_spot) { CDM_WHERE_SWAP, CDM_KIND_SWAP };
		if (cdm_pte_is_marker(pte))
			return (struct cdm_spot) { CDM_WHERE_NONE, CDM_KIND_SWAP };
		return (struct cdm_spot) { CDM_WHERE_OTHER, CDM_KIND_TRANSIT };
	}
	if (is_zero_pfn(pte_pfn(pte)))
		return (struct cdm_spot) { CDM_WHERE_NONE, CDM_KIND_NONE };
	if (pte_special(pte) || !pfn_valid(pte_pfn(pte)))
		return (struct cdm_spot) { CDM_WHERE_OTHER, CDM_KIND_OTHER };
	return page_spot(vma, pte_pfn(pte), false);
}

/* Of a window that one entry of a page middle directory, or more, maps. */
static struct cdm_spot leaf_spot(struct vm_area_struct *vma, pmd_t pmd,
				 bool pud_leaf)
{
	if (pmd_none(pmd) && !pud_leaf)
		return (struct cdm_spot) { CDM_WHERE_NONE, CDM_KIND_NONE };
	if (is_vm_hugetlb_page(vma))
		return (struct cdm_spot) { CDM_WHERE_RAM, CDM_KIND_OTHER };
	if (pud_leaf)
		return (struct cdm_spot) { CDM_WHERE_OTHER, CDM_KIND_OTHER };
	if (!pmd_present(pmd))
		return (struct cdm_spot) { CDM_WHERE_OTHER, CDM_KIND_TRANSIT };
	if (!pfn_valid(pmd_pfn(pmd)))
		return (struct cdm_spot) { CDM_WHERE_OTHER, CDM_KIND_OTHER };
	return page_spot(vma, pmd_pfn(pmd), true);
}

/**
 * cdm_walk_window() - say what stands at the addresses of a window
 * @vma: the mapping that covers [@addr, @end)
 * @addr: first byte
 * @end: end, in the same window as @addr
 * @spots: out: one entry a page
 *
 * Context: the caller holds mmap_lock.
 */
void cdm_walk_window(struct vm_area_struct *vma, unsigned long addr,
		     unsigned long end, struct cdm_spot *spots)
{
	unsigned long flags, span, i, nr = (end - addr) >> PAGE_SHIFT;
	bool pud_leaf;
	pte_t *ptep;
	pmd_t pmd;

	mmap_assert_locked(vma->vm_mm);

	local_irq_save(flags);
	pmd = pmd_read(vma->vm_mm, addr, &span, &pud_leaf);
	if (pmd_none(pmd) || !pmd_present(pmd) || pmd_leaf(pmd)) {
		struct cdm_spot spot = leaf_spot(vma, pmd, pud_leaf);

		for (i = 0; i < nr; i++)
			spots[i] = spot;
	} else {
		ptep = pte_offset_kernel(&pmd, addr);
		for (i = 0; i < nr; i++)
			spots[i] = pte_spot(vma, ptep_get_lockless(ptep + i));
	}
	local_irq_restore(flags);
}
