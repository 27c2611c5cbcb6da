// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: whose the pages of a region are, and how many one user may have.
 *
 * A page counts for the user who had it moved there until it is freed, whoever maps
 * it then. Device pages tell when that is. Of ordinary pages it is seen when they are
 * looked at, by census.c; so that happens before anybody is told that he has too many.
 */
#include <linux/cred.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "cdm.h"

/* For how long the last look at all pages is good enough. */
#define RECOUNT_AFTER	(HZ / 5 ?: 1)

/**
 * struct cdm_user - somebody who has pages of a region
 * @uid: who
 * @id: his number in cdm_region.users, from CDM_OWNER_FIRST
 * @nr_calls: calls of his that are under way
 * @nr_pages: his pages, and those that are being taken for him
 */
struct cdm_user {
	kuid_t uid;
	u32 id;
	atomic_t nr_calls;
	atomic_long_t nr_pages;
};

/* Whoever he is in user namespaces of his own. */
static kuid_t caller_uid(void)
{
	struct user_namespace *ns = current_user_ns();
	kuid_t uid = current_uid();

	for (; ns != &init_user_ns; ns = ns->parent)
		uid = ns->owner;
	return uid;
}

/* His entry, or one of somebody who has nothing any more: that is his from now on. */
static struct cdm_user *user_entry(struct cdm_region *region, kuid_t uid)
{
	struct cdm_user *user, *unused = NULL;
	unsigned long id;

	lockdep_assert_held(&region->users_lock);

	xa_for_each(&region->users, id, user) {
		if (uid_eq(user->uid, uid))
			return user;
		if (!atomic_read_acquire(&user->nr_calls) &&
		    !atomic_long_read(&user->nr_pages))
			unused = user;
	}
	if (unused)
		unused->uid = uid;
	return unused;
}

/**
 * cdm_user_get() - the caller, as somebody who has pages
 * @region: the region
 * @user: out: him until cdm_user_put(); NULL for who has CAP_SYS_RESOURCE
 *
 * Context: may sleep.
 * Return: 0, -ENOMEM, or -EUSERS if too many others have pages.
 */
int cdm_user_get(struct cdm_region *region, struct cdm_user **user)
{
	kuid_t uid = caller_uid();
	struct cdm_user *found;
	int rc = 0;

	*user = NULL;
	if (ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE))
		return 0;
	mutex_lock(&region->users_lock);
	found = user_entry(region, uid);
	if (!found) {
		found = kzalloc(sizeof(*found), GFP_KERNEL);
		rc = found ? 0 : -ENOMEM;
		if (!rc) {
			found->uid = uid;
			rc = xa_alloc(&region->users, &found->id, found,
				      XA_LIMIT(CDM_OWNER_FIRST, CDM_OWNER_LAST),
				      GFP_KERNEL);
		}
		if (rc)
			kfree(found);
	}
	if (!rc) {
		atomic_inc(&found->nr_calls);
		*user = found;
	}
	mutex_unlock(&region->users_lock);
	return rc == -EBUSY ? -EUSERS : rc;
}

/**
 * cdm_user_put() - the call for which cdm_user_get() was is over
 * @user: the user, or NULL
 *
 * Without pages his entry may be somebody else's from now on.
 *
 * Context: any.
 */
void cdm_user_put(struct cdm_user *user)
{
	if (user)
		atomic_dec_return_release(&user->nr_calls);
}

/**
 * cdm_users_free() - forget all users of a region
 * @region: nobody uses it any more
 */
void cdm_users_free(struct cdm_region *region)
{
	struct cdm_user *user;
	unsigned long id;

	xa_for_each(&region->users, id, user)
		kfree(user);
	xa_destroy(&region->users);
}

static bool recounted_lately(const struct cdm_region *region)
{
	return time_before(jiffies, READ_ONCE(region->recounted) + RECOUNT_AFTER);
}

/**
 * cdm_user_recount() - look whether a user has fewer pages than is known
 * @region: the region
 * @user: the user, or NULL
 * @nr: how many pages he is about to have more
 *
 * Context: may sleep; takes cdm_region.chunks. Call without mmap_lock.
 */
void cdm_user_recount(struct cdm_region *region, struct cdm_user *user,
		      unsigned long nr)
{
	struct cdm_usage usage = {};
	unsigned int i;

	if (!user || !atomic_long_read(&region->nr_system) ||
	    atomic_long_read(&user->nr_pages) + (long)nr <=
	    READ_ONCE(region->max_pages) || recounted_lately(region))
		return;
	/* One looks for all: that may take longer than it is good for. */
	mutex_lock(&region->recount_lock);
	if (!recounted_lately(region)) {
		for (i = 0; i < region->nr_blocks; i++)
			if (READ_ONCE(region->blocks[i].role) == CDM_ROLE_SYSTEM)
				cdm_system_usage(&region->blocks[i], &usage);
		WRITE_ONCE(region->recounted, jiffies);
	}
	mutex_unlock(&region->recount_lock);
}

/**
 * cdm_user_charge() - let a user have pages
 * @region: the region
 * @user: the user, or NULL for somebody without a limit
 * @nr: how many he wants
 *
 * Context: any.
 * Return: how many he may have, that are his from now on.
 */
unsigned long cdm_user_charge(struct cdm_region *region, struct cdm_user *user,
			      unsigned long nr)
{
	long max = READ_ONCE(region->max_pages), has, more;

	if (!user)
		return nr;
	has = atomic_long_read(&user->nr_pages);
	do {
		more = clamp(max - has, 0L, (long)nr);
	} while (more && !atomic_long_try_cmpxchg(&user->nr_pages, &has, has + more));
	return more;
}

/**
 * cdm_user_uncharge() - a user does not have pages that he was to have
 * @user: the user, or NULL
 * @nr: how many
 *
 * Context: any.
 */
void cdm_user_uncharge(struct cdm_user *user, unsigned long nr)
{
	if (user)
		atomic_long_sub(nr, &user->nr_pages);
}

/**
 * cdm_user_owner() - how the pages of a user are marked
 * @user: the user, or NULL for somebody without a limit
 *
 * Context: any.
 */
u16 cdm_user_owner(const struct cdm_user *user)
{
	return user ? user->id : CDM_OWNER_UNLIMITED;
}

/**
 * cdm_owner_uncharge() - a page is not charged to whose it was any more
 * @region: its region
 * @owner: how it was marked
 *
 * Context: any.
 */
void cdm_owner_uncharge(struct cdm_region *region, u16 owner)
{
	if (owner >= CDM_OWNER_FIRST)
		cdm_user_uncharge(xa_load(&region->users, owner), 1);
}

/**
 * cdm_owner_take() - take the mark of a page away
 * @block: its block, which has a memory map
 * @bit: its number within the block
 *
 * Context: any.
 * Return: the mark, for cdm_owner_uncharge() or cdm_owner_give_back().
 */
u16 cdm_owner_take(struct cdm_block *block, unsigned long bit)
{
	return xchg(&block->owners[bit], CDM_OWNER_NONE);
}

/**
 * cdm_owner_give_back() - undo cdm_owner_take()
 * @block: the block of the page
 * @bit: its number within the block
 * @owner: the mark
 *
 * If the page has another one by now the old one counts no more.
 *
 * Context: any.
 */
void cdm_owner_give_back(struct cdm_block *block, unsigned long bit, u16 owner)
{
	if (cmpxchg(&block->owners[bit], CDM_OWNER_NONE, owner) != CDM_OWNER_NONE)
		cdm_owner_uncharge(block->region, owner);
}

/**
 * cdm_owner_set() - say whose a page is
 * @block: its block, which has a memory map
 * @bit: its number within the block
 * @owner: from cdm_user_owner(), to whom it is charged already; or CDM_OWNER_NONE
 *
 * It is not charged to whoever owned it before any more.
 *
 * Context: any.
 */
void cdm_owner_set(struct cdm_block *block, unsigned long bit, u16 owner)
{
	cdm_owner_uncharge(block->region, xchg(&block->owners[bit], owner));
}

/**
 * cdm_owner_pass() - a page takes the place of another one of its region
 * @to: the page, in use
 * @from: the other one
 *
 * The owner is charged for both as long as there are both.
 *
 * Context: any.
 */
void cdm_owner_pass(struct page *to, struct page *from)
{
	struct cdm_block *dst = cdm_block_of_pfn(page_to_pfn(to));
	struct cdm_block *src = cdm_block_of_pfn(page_to_pfn(from));
	struct cdm_user *user;
	u16 owner;

	if (!dst || !src || dst->region != src->region)
		return;
	owner = READ_ONCE(src->owners[page_to_pfn(from) - src->start_pfn]);
	if (owner >= CDM_OWNER_FIRST) {
		user = xa_load(&dst->region->users, owner);
		atomic_long_inc(&user->nr_pages);
	}
	cdm_owner_set(dst, page_to_pfn(to) - dst->start_pfn, owner);
}

/**
 * cdm_owners_alloc() - marks for the pages of a block
 * @block: the block
 *
 * Context: may sleep.
 * Return: CDM_OWNER_NONE for each page, or NULL.
 */
u16 *cdm_owners_alloc(const struct cdm_block *block)
{
	return kvcalloc(block->nr_pages, sizeof(u16), GFP_KERNEL);
}

/**
 * cdm_owners_forget() - no page of a block is anybody's any more
 * @block: the block, which has marks, and whose pages nobody takes or frees
 *
 * Context: any.
 */
void cdm_owners_forget(struct cdm_block *block)
{
	unsigned long bit;

	for (bit = 0; bit < block->nr_pages; bit++)
		if (block->owners[bit])
			cdm_owner_set(block, bit, CDM_OWNER_NONE);
}

/**
 * cdm_owners_free() - the same, and nobody will have one
 * @block: the block
 *
 * Context: may sleep.
 */
void cdm_owners_free(struct cdm_block *block)
{
	if (!block->owners)
		return;
	cdm_owners_forget(block);
	kvfree(block->owners);
	block->owners = NULL;
}
