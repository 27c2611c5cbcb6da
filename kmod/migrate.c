// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: moving pages, by address and by pfn.
 *
 * The only file that calls migrate_vma_*() and migrate_device_*(). A window is
 * taken apart into runs of pages that are wanted at the destination; a run goes
 * through isolation, copy and remapping as a whole.
 */
#include <linux/delay.h>
#include <linux/hugetlb.h>
#include <linux/jiffies.h>
#include <linux/migrate.h>
#include <linux/sched/mm.h>
#include <linux/userfaultfd_k.h>

#include "migrate.h"
#include "trace.h"
#include "walk.h"

/* Mappings that are passed in one step, so that a step stays short. */
#define MAPPINGS_PER_STEP	512

/* In which a reader lets go of what he had pinned, once he has begun to. */
#define HELD_LET_GO_US		500

/*
 * Pages that could not be read are where they were again, and have to go. Only now:
 * memory_failure() gives up on a page that is isolated, after marking it. Such a one
 * is unmapped here, by the mark; in a huge page, which has to be split for that, it is
 * handed to memory_failure() as if it had not been seen yet.
 */
static void batch_retire(const struct cdm_batch *batch, unsigned long nr)
{
	unsigned long i, pfn = 0;

	/* What has just been put back is in a batch of the LRU's, and can not be split. */
	if (memchr(batch->unread, true, nr))
		cdm_lru_drain_this_cpu();

	for (i = 0; i < nr; i++) {
		pfn = batch->src[i] & MIGRATE_PFN_VALID ?
		      batch->src[i] >> MIGRATE_PFN_SHIFT : pfn + 1;
		if (!batch->unread[i])
			continue;
		if (PageCompound(pfn_to_page(pfn)))
			ClearPageHWPoison(pfn_to_page(pfn));
		if (PageHWPoison(pfn_to_page(pfn)))
			cdm_retire_pfn(pfn);
		else
			memory_failure_queue(pfn, 0);
	}
}

/*
 * A page of RAM that was off the LRU at the wrong moment keeps the reference of the
 * memory_failure() that gave it up, so it can not be isolated and is not among those.
 * Unmapped it can be.
 */
static void run_retire(const struct cdm_batch *batch, const struct cdm_spot *spots,
		       unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++)
		if (!batch->src[i] && spots[i].where == CDM_WHERE_RAM &&
		    spots[i].pfn && !spots[i].huge &&
		    PageHWPoison(pfn_to_page(spots[i].pfn)))
			cdm_retire_pfn(spots[i].pfn);
}

/* A window that one huge page fills, to where it can stay one. */
static bool run_is_huge(const struct cdm_move *move,
			const struct cdm_spot *spots, unsigned long nr)
{
	return CDM_MIGRATE_SELECT_COMPOUND && HPAGE_PMD_NR == CDM_WINDOW_PAGES &&
	       nr == CDM_WINDOW_PAGES && spots[0].huge &&
	       (!move->to || atomic_long_read(&move->to->nr_system));
}

/*
 * May huge pages be collected whole? A huge hole would be filled without a look at its
 * destinations. And one that ends as small pages is split in this mapping alone, while
 * the others keep an entry for a huge page that is none any more: in
 * migrate_vma_split_unmapped_folio(), 7.2.
 */
static bool run_keeps_huge(const struct cdm_move *move, const struct cdm_spot *first,
			   bool huge)
{
	return huge || (!(move->flags & CDM_MIGRATE_POPULATE) &&
			first->kind != CDM_KIND_SHARED);
}

/*
 * May the kernel make pages where there are none? Filling takes the place of a zero page,
 * too, and migrate_vma_insert_page() forgets that it is protected against writing.
 */
static bool mapping_can_fill(const struct cdm_move *move,
			     struct vm_area_struct *vma)
{
	return (move->flags & CDM_MIGRATE_POPULATE) && vma_is_anonymous(vma) &&
	       !userfaultfd_wp(vma);
}

static void move_run(struct cdm_move *move, struct vm_area_struct *vma,
		     unsigned long start, unsigned long end,
		     const struct cdm_spot *spots, struct cdm_batch *batch,
		     u64 *counts)
{
	unsigned long nr = (end - start) >> PAGE_SHIFT;
	bool huge = run_is_huge(move, spots, nr) &&
		    cdm_batch_reserve_huge(batch, move->to, move->user);
	unsigned long room = huge ? nr :
			     cdm_batch_reserve(batch, move->to, move->user, nr);
	enum cdm_result result;
	struct migrate_vma args = {
		.vma = vma,
		.start = start,
		.end = start + (room << PAGE_SHIFT),
		.src = batch->src,
		.dst = batch->dst,
		.pgmap_owner = cdm_pagemap_owner(),
		.flags = MIGRATE_VMA_SELECT_DEVICE_COHERENT |
			 MIGRATE_VMA_SELECT_SYSTEM,
	};

	if (run_keeps_huge(move, spots, huge))
		args.flags |= CDM_MIGRATE_SELECT_COMPOUND;

	counts[CDM_NO_SPACE] += nr - room;
	if (!room)
		return;

	if (migrate_vma_setup(&args)) {
		counts[CDM_UNSUPPORTED] += room;
	} else if (!args.cpages) {
		counts[CDM_BUSY] += room;
		run_retire(batch, spots, args.npages);
	} else if (huge) {
		cdm_batch_refuse(batch, args.npages, !move->to);
		result = cdm_batch_copy_huge(batch, args.npages);
		migrate_vma_pages(&args);
		cdm_batch_count_huge(batch, room, result, counts);
		migrate_vma_finalize(&args);
		batch_retire(batch, args.npages);
	} else {
		cdm_batch_refuse(batch, args.npages, !move->to);
		cdm_batch_copy(batch, args.npages, mapping_can_fill(move, vma));
		cdm_batch_verify(batch, args.npages);
		migrate_vma_pages(&args);
		cdm_batch_count(batch, args.npages, spots, counts);
		counts[CDM_BUSY] += room - args.npages;
		migrate_vma_finalize(&args);
		batch_retire(batch, args.npages);
		run_retire(batch, spots, args.npages);
	}
	cdm_batch_unreserve(batch);
}

static enum cdm_result judge_page(const struct cdm_move *move,
				  const struct cdm_spot *spot)
{
	int to = move->to ? move->to->id : CDM_WHERE_RAM;

	if (spot->where == to)
		return CDM_ALREADY;
	if (move->from != CDM_WHERE_ANY && spot->where != move->from)
		return CDM_FILTERED;
	switch (spot->kind) {
	case CDM_KIND_PAGE:
		return CDM_WANTED;
	case CDM_KIND_SHARED:
		return move->flags & CDM_MIGRATE_SHARED ? CDM_WANTED : CDM_SHARED;
	case CDM_KIND_MERGED:
		return CDM_SHARED;
	case CDM_KIND_FILE:
		return CDM_FILE;
	case CDM_KIND_HUGE:
		return CDM_HUGE;
	default:
		return CDM_UNSUPPORTED;
	}
}

/*
 * 7.2 takes the breakpoint of a uprobe out of no device page (uprobe_write()): who
 * comes by when the probe has gone is killed. They are where programs are run.
 */
static bool mapping_may_have_probes(const struct vm_area_struct *vma)
{
	return vma->vm_file && (vma->vm_flags & VM_EXEC);
}

static enum cdm_result judge(const struct cdm_move *move,
			     struct vm_area_struct *vma,
			     const struct cdm_spot *spot)
{
	enum cdm_result result;

	switch (spot->kind) {
	case CDM_KIND_NONE:
		return mapping_can_fill(move, vma) ? CDM_WANTED : CDM_NOT_PRESENT;
	case CDM_KIND_SWAP:
		return CDM_NOT_PRESENT;
	case CDM_KIND_TRANSIT:
		return CDM_BUSY;
	default:
		result = judge_page(move, spot);
		if (result == CDM_WANTED && move->to && mapping_may_have_probes(vma))
			return CDM_UNSUPPORTED;
		return result;
	}
}

/* Count a page that a dry run would have tried to move. */
static enum cdm_result would(const struct cdm_spot *spot)
{
	return spot->kind == CDM_KIND_NONE ? CDM_POPULATED : CDM_MOVED;
}

static void move_window(struct cdm_move *move, struct vm_area_struct *vma,
			unsigned long start, unsigned long end,
			struct cdm_batch *batch, u64 *counts)
{
	unsigned long i, run = 0, nr = (end - start) >> PAGE_SHIFT;

	cdm_walk_window(vma, start, end, batch->spots);
	for (i = 0; i <= nr; i++) {
		enum cdm_result result = CDM_UNMAPPED;

		if (i < nr)
			result = judge(move, vma, &batch->spots[i]);
		if (result == CDM_WANTED) {
			if (move->flags & CDM_MIGRATE_DRY_RUN)
				counts[would(&batch->spots[i])]++;
			else
				run++;
			continue;
		}
		if (i < nr)
			counts[result]++;
		if (run)
			move_run(move, vma, start + ((i - run) << PAGE_SHIFT),
				 start + (i << PAGE_SHIFT),
				 &batch->spots[i - run], batch, counts);
		run = 0;
	}
}

/* What migrate_vma_setup() refuses. */
static bool mapping_can_move(struct vm_area_struct *vma)
{
	return !is_vm_hugetlb_page(vma) && !(vma->vm_flags & VM_SPECIAL) &&
	       !vma_is_dax(vma);
}

/*
 * Pass what needs no work from move->next on, and claim the next window.
 * Return: its mapping, or NULL with *@start saying where this got to.
 */
static struct vm_area_struct *window_claim(struct cdm_move *move,
					   unsigned long *start,
					   unsigned long *end, u64 *counts)
{
	unsigned int budget = MAPPINGS_PER_STEP;
	unsigned long addr = move->next, limit, gap;
	struct vm_area_struct *vma = NULL;

	lockdep_assert_held(&move->job.lock);

	while (addr < move->end && budget--) {
		vma = find_vma(move->mm, addr);
		limit = vma ? clamp(vma->vm_start, addr, move->end) : move->end;
		counts[CDM_UNMAPPED] += (limit - addr) >> PAGE_SHIFT;
		addr = limit;
		if (addr == move->end)
			break;

		limit = min(vma->vm_end, move->end);
		if (!mapping_can_move(vma)) {
			counts[CDM_UNSUPPORTED] += (limit - addr) >> PAGE_SHIFT;
			addr = limit;
			continue;
		}
		if (!mapping_can_fill(move, vma)) {
			gap = cdm_walk_gap(move->mm, addr, limit);
			counts[CDM_NOT_PRESENT] += (gap - addr) >> PAGE_SHIFT;
			addr = gap;
			if (addr == limit)
				continue;
		}
		*start = addr;
		*end = min(limit, ALIGN_DOWN(addr, CDM_WINDOW_SIZE) +
				  CDM_WINDOW_SIZE);
		move->next = *end;
		return vma;
	}
	move->next = addr;
	return NULL;
}

static void counts_add(struct cdm_move *move, const u64 *counts)
{
	unsigned int i;

	mutex_lock(&move->job.lock);
	for (i = 0; i < CDM_NR_RESULTS; i++)
		move->counts[i] += counts[i];
	mutex_unlock(&move->job.lock);
}

/* Room for what all workers may need next; no room at all is not an error. */
static bool move_make_room(struct cdm_move *move)
{
	int rc;

	if (!move->to || (move->flags & CDM_MIGRATE_DRY_RUN))
		return true;
	cdm_user_recount(move->to, move->user, move->workers * CDM_WINDOW_PAGES);
	rc = cdm_blocks_grow(move->to, move->workers * CDM_WINDOW_PAGES);
	if (!rc)
		return true;
	mutex_lock(&move->job.lock);
	move->error = rc;
	mutex_unlock(&move->job.lock);
	return false;
}

/* The process whose memory this is has gone: its pages are not worth moving. */
static bool move_is_orphaned(struct cdm_move *move)
{
	return atomic_read(&move->mm->mm_users) == 1;
}

/*
 * Take mmap_lock for reading. Its holder may be stuck in a page fault for as
 * long as somebody likes (FUSE, userfaultfd), and a kernel thread can not be
 * killed: so the deadline and the signals of the caller end the wait.
 */
static bool mm_lock(struct cdm_job *job, struct mm_struct *mm)
{
	while (!mmap_read_trylock(mm)) {
		if (cdm_job_is_over(job))
			return false;
		usleep_range(100, 300);
	}
	return true;
}

static bool move_step(struct cdm_job *job, struct cdm_batch *batch)
{
	struct cdm_move *move = container_of(job, struct cdm_move, job);
	u64 counts[CDM_NR_RESULTS] = {};
	unsigned long start = 0, end = 0;
	struct vm_area_struct *vma;
	bool more;

	if (READ_ONCE(move->error) || move_is_orphaned(move) ||
	    !move_make_room(move))
		return false;

	if (!mm_lock(job, move->mm))
		return false;
	mutex_lock(&job->lock);
	vma = window_claim(move, &start, &end, counts);
	more = move->next < move->end;
	mutex_unlock(&job->lock);
	if (vma) {
		move_window(move, vma, start, end, batch, counts);
		trace_cdm_migrate_window(move->to ? move->to->id : CDM_WHERE_RAM,
					 start, (end - start) >> PAGE_SHIFT,
					 counts[CDM_MOVED],
					 counts[CDM_POPULATED]);
	}
	mmap_read_unlock(move->mm);

	counts_add(move, counts);
	return more;
}

/**
 * cdm_move_range() - move the pages of a range of addresses
 * @move: everything but @job, @error and @counts is set; @next is the start
 *
 * Works for at most CDM_CALL_MS; move->next says how far it got, and
 * move->counts what became of each page up to there.
 *
 * Context: may sleep; call without mmap_lock. Takes mmap_lock for reading, one
 * window at a time.
 * Return: 0, -EINTR if a signal came before anything was done, -EAGAIN if
 * mmap_lock could not be had, -EBUSY if the destination is not online, -ENOMEM.
 */
int cdm_move_range(struct cdm_move *move)
{
	unsigned long start = move->next;
	int rc;

	mutex_init(&move->job.lock);
	move->job.step = move_step;
	move->job.has_deadline = true;
	move->job.deadline = jiffies + msecs_to_jiffies(CDM_CALL_MS);
	if (move->end - start <= CDM_WINDOW_SIZE)
		move->workers = 1;

	rc = cdm_job_run(&move->job, move->workers, true);
	if (!rc)
		rc = move->error;
	if (!rc && move->next < move->end && move_is_orphaned(move))
		rc = -ESRCH;
	if (!rc && move->next == start)
		rc = -EAGAIN;
	/* What has been done is told; the next call meets the error again. */
	return move->next > start ? 0 : rc;
}

/* The pages of batch->src are unmapped, or passed over: move those that are. */
static void evict_unmapped(struct cdm_batch *batch, unsigned long nr, u64 *counts)
{
	cdm_batch_refuse(batch, nr, false);
	cdm_batch_copy(batch, nr, false);
	cdm_batch_verify(batch, nr);
	migrate_device_pages(batch->src, batch->dst, nr);
	cdm_batch_count(batch, nr, NULL, counts);
	migrate_device_finalize(batch->src, batch->dst, nr);
	batch_retire(batch, nr);
	cdm_batch_unreserve(batch);
}

/**
 * cdm_evict_pfns() - move pages out of a block
 * @pfn: first page, of a block that is being drained
 * @nr: how many, up to CDM_WINDOW_PAGES
 * @to: where to: a region, NULL for RAM
 * @batch: buffers
 * @counts: by enum cdm_result; CDM_MOVED, CDM_BUSY, CDM_NO_SPACE and
 *	CDM_RETIRED are added to
 *
 * Pages that are free, locked or referenced are passed over, and counted as
 * CDM_BUSY all of them.
 *
 * Context: may sleep.
 */
void cdm_evict_pfns(unsigned long pfn, unsigned long nr, struct cdm_region *to,
		    struct cdm_batch *batch, u64 *counts)
{
	unsigned long room = cdm_batch_reserve_same(batch, to, nr);

	counts[CDM_NO_SPACE] += nr - room;
	if (!room)
		return;
	migrate_device_range(batch->src, pfn, room);
	evict_unmapped(batch, room, counts);
}

/* Unmap one page as soon as nobody has it pinned. Return: false if it did not come to that. */
static bool unmap_in_gap(unsigned long pfn, ktime_t until, unsigned long *src)
{
	struct page *page = pfn_to_page(pfn);

	while (page_ref_count(page) && ktime_before(ktime_get(), until)) {
		if (!cdm_folio_is_pinned(page_folio(page))) {
			migrate_device_range(src, pfn, 1);
			if (*src & MIGRATE_PFN_MIGRATE)
				return true;
		}
		cond_resched();
		cpu_relax();
	}
	return false;
}

/**
 * cdm_evict_held() - move pages that something holds again and again
 * @pfn: first page, of a block that is being drained; pinned when last looked at
 * @nr: how many, up to CDM_WINDOW_PAGES
 * @to: where to: a region, NULL for RAM
 * @until: for how long to wait for a moment in which the first is not pinned
 * @batch: buffers
 * @counts: as for cdm_evict_pfns()
 *
 * Who reads a process's memory from outside pins all that he reads, copies, lets go,
 * and has it again within microseconds. But he takes pages one by one: when the first
 * is unmapped he waits at it for the end of the migration, and those behind it are free.
 *
 * Context: may sleep; spins until @until.
 * Return: false if that moment did not come, and nothing was done.
 */
bool cdm_evict_held(unsigned long pfn, unsigned long nr, struct cdm_region *to,
		    ktime_t until, struct cdm_batch *batch, u64 *counts)
{
	unsigned long room = cdm_batch_reserve_same(batch, to, nr);
	struct page *last;
	ktime_t soon;
	bool met;

	counts[CDM_NO_SPACE] += nr - room;
	if (!room)
		return true;
	met = unmap_in_gap(pfn, until, batch->src);
	if (met && room > 1) {
		/* He may be about to let go of the others, one after the other. */
		soon = ktime_add_us(ktime_get(), HELD_LET_GO_US);
		last = pfn_to_page(pfn + room - 1);
		while (cdm_folio_is_pinned(page_folio(last)) &&
		       ktime_before(ktime_get(), soon))
			cpu_relax();
		migrate_device_range(batch->src + 1, pfn + 1, room - 1);
	}
	if (met)
		evict_unmapped(batch, room, counts);
	else
		cdm_batch_unreserve(batch);
	return met;
}

/**
 * cdm_evict_huge() - move a huge page of a system block to RAM, where it stays huge
 * @pfn: its first page
 * @until: for how long to wait for a moment in which it is not pinned; 0: not at all
 * @batch: buffers
 * @counts: by enum cdm_result, added to
 *
 * Context: may sleep; spins until @until.
 */
void cdm_evict_huge(unsigned long pfn, ktime_t until, struct cdm_batch *batch,
		    u64 *counts)
{
	struct page *page = pfn_to_page(pfn);
	enum cdm_result result;

	if (!cdm_batch_reserve_huge(batch, NULL, NULL)) {
		counts[CDM_NO_SPACE] += CDM_WINDOW_PAGES;
		return;
	}
	memset(batch->src, 0, CDM_WINDOW_PAGES * sizeof(*batch->src));
	do {
		if (!cdm_folio_is_pinned(page_folio(page)))
			migrate_device_range(batch->src, pfn, CDM_WINDOW_PAGES);
		if (batch->src[0] & MIGRATE_PFN_MIGRATE)
			break;
		cond_resched();
		/* Parts of it are isolated if it is another by now: not again. */
	} while (PageHead(page) && folio_order(page_folio(page)) == HPAGE_PMD_ORDER &&
		 ktime_before(ktime_get(), until));
	cdm_batch_refuse(batch, CDM_WINDOW_PAGES, false);
	result = cdm_batch_copy_huge(batch, CDM_WINDOW_PAGES);
	migrate_device_pages(batch->src, batch->dst, CDM_WINDOW_PAGES);
	cdm_batch_count_huge(batch, CDM_WINDOW_PAGES, result, counts);
	migrate_device_finalize(batch->src, batch->dst, CDM_WINDOW_PAGES);
	batch_retire(batch, CDM_WINDOW_PAGES);
	cdm_batch_unreserve(batch);
}

/**
 * cdm_retire_pfn() - take a bad page away from those that map it
 * @pfn: the page, marked PageHWPoison
 *
 * try_to_migrate() puts hwpoison entries in the place of a marked page, and
 * nothing is ever put back: the next touch is SIGBUS (BUS_MCEERR_AR), and the
 * page is freed into retirement. A page that is locked or referenced stays as
 * it is; try again.
 *
 * Context: may sleep.
 */
void cdm_retire_pfn(unsigned long pfn)
{
	unsigned long src = 0, dst = 0;

	migrate_device_range(&src, pfn, 1);
	migrate_device_pages(&src, &dst, 1);
	migrate_device_finalize(&src, &dst, 1);
}

/**
 * cdm_lose_pfns() - take pages whose content is lost away from those that map them
 * @pfn: first page, of a region that is lost
 * @nr: how many, up to CDM_WINDOW_PAGES
 * @batch: buffers
 *
 * As cdm_retire_pfn(), for many.
 *
 * Context: may sleep.
 */
void cdm_lose_pfns(unsigned long pfn, unsigned long nr, struct cdm_batch *batch)
{
	unsigned long i;

	for (i = 0; i < nr; i++)
		SetPageHWPoison(pfn_to_page(pfn + i));
	memset(batch->dst, 0, nr * sizeof(*batch->dst));
	migrate_device_range(batch->src, pfn, nr);
	migrate_device_pages(batch->src, batch->dst, nr);
	migrate_device_finalize(batch->src, batch->dst, nr);
}
