// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: the device node of a region. Structs of the UAPI stop here.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/nospec.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "cdm.h"
#include "migrate.h"
#include "residency.h"

/* Extents and blocks are handed to user space this many at a time. */
#define ENTRIES_PER_COPY	512U

static_assert(sizeof(struct cdm_online) == 32);
static_assert(sizeof(struct cdm_offline) == 56);
static_assert(sizeof(struct cdm_migrate) == 168);
static_assert(sizeof(struct cdm_residency) == 56);
static_assert(sizeof(struct cdm_extent) == 24);
static_assert(sizeof(struct cdm_blocks) == 32);
static_assert(sizeof(struct cdm_set_isolation) == 80);
static_assert(sizeof(struct cdm_block_info) == 48);
static_assert(sizeof(struct cdm_bad_page) == 24);
static_assert(sizeof(struct cdm_bad_pages) == 32);
static_assert(sizeof(struct cdm_retire) == 32);
static_assert(offsetof(struct cdm_online, length) == 16);
static_assert(offsetof(struct cdm_offline, out_moved) == 16);
static_assert(offsetof(struct cdm_migrate, addr) == 24);
static_assert(offsetof(struct cdm_migrate, out_moved) == 48);
static_assert(offsetof(struct cdm_residency, extents) == 32);
static_assert(offsetof(struct cdm_blocks, out_total) == 24);
static_assert(offsetof(struct cdm_bad_pages, addr) == 16);
static_assert(offsetof(struct cdm_retire, addr) == 16);
static_assert(offsetof(struct cdm_migrate, out_unmapped) -
	      offsetof(struct cdm_migrate, out_moved) ==
	      CDM_UNMAPPED * sizeof(u64));
static_assert(offsetof(struct cdm_migrate, out_split) -
	      offsetof(struct cdm_migrate, out_moved) ==
	      CDM_SPLIT * sizeof(u64));

/* The argument of any ioctl. */
union cdm_arg {
	struct {
		u32 size;
		u32 flags;
	};
	struct cdm_online online;
	struct cdm_offline offline;
	struct cdm_migrate migrate;
	struct cdm_residency residency;
	struct cdm_blocks blocks;
	struct cdm_set_isolation set_isolation;
	struct cdm_bad_pages bad_pages;
	struct cdm_retire retire;
};

/**
 * struct cdm_call - one ioctl
 * @size: of its struct in this kernel
 * @min_size: of its struct in the first kernel that had it
 * @flags: those it knows
 * @cap: capability it needs in the initial user namespace, or -1
 * @unheld: does not need the region to stay, or sees to that itself; only such
 *	a call may touch user memory, whose owner can make a fault last, or let
 *	go of the last reference to an address space
 * @handler: the argument is in and out; called with cdm_region.life held,
 *	unless @unheld
 */
struct cdm_call {
	u32 size;
	u32 min_size;
	u32 flags;
	int cap;
	bool unheld;
	int (*handler)(struct cdm_region *region, struct file *file,
		       union cdm_arg *arg);
};

/*
 * The address space of a process. Somebody else's needs the capability in the
 * initial namespace, and that is asked first: without it nothing is learned,
 * not even whether there is such a process. ptrace_may_access() would be asked
 * too, were it exported; CAP_SYS_PTRACE is what it would ask for.
 */
static int mm_get(s32 nr, struct mm_struct **mm)
{
	struct task_struct *task;
	struct pid *pid;

	if (nr < 0)
		return -EINVAL;
	if (nr && nr != task_tgid_vnr(current) && !capable(CAP_SYS_PTRACE))
		return -EPERM;
	if (!nr || nr == task_tgid_vnr(current)) {
		*mm = get_task_mm(current);
		return *mm ? 0 : -ESRCH;
	}

	pid = find_get_pid(nr);
	task = get_pid_task(pid, PIDTYPE_TGID);
	put_pid(pid);
	if (!task)
		return -ESRCH;
	*mm = get_task_mm(task);
	put_task_struct(task);
	return *mm ? 0 : -ESRCH;
}

static int range_check(u64 addr, u64 length)
{
	if (!PAGE_ALIGNED(addr) || !PAGE_ALIGNED(length) || !length)
		return -EINVAL;
	if (addr >= TASK_SIZE_MAX || length > TASK_SIZE_MAX - addr)
		return -EINVAL;
	return 0;
}

static int call_online(struct cdm_region *region, struct file *file,
		       union cdm_arg *arg)
{
	struct cdm_online *online = &arg->online;

	if (online->pad)
		return -EINVAL;
	return cdm_region_online(region, online->isolation, online->length,
				 online->flags & CDM_ONLINE_MEMMAP_ON_BLOCK,
				 &online->out_length);
}

static int call_offline(struct cdm_region *region, struct file *file,
			union cdm_arg *arg)
{
	struct cdm_offline *offline = &arg->offline;

	offline->out_moved = 0;
	offline->out_left = 0;
	offline->out_pinned = 0;
	offline->out_busy = 0;
	offline->out_no_memory = 0;
	if (offline->flags & CDM_OFFLINE_CANCEL) {
		if (offline->flags & CDM_OFFLINE_KEEP)
			return -EINVAL;
		cdm_region_resume(region, file);
		return 0;
	}
	return cdm_region_offline(region, file, offline->timeout_ms,
				  offline->flags & CDM_OFFLINE_KEEP, offline);
}

static int call_set_isolation(struct cdm_region *region, struct file *file,
			      union cdm_arg *arg)
{
	struct cdm_set_isolation *set = &arg->set_isolation;
	const struct cdm_set_isolation wanted = *set;

	set->out_length = 0;
	set->out_moved = 0;
	set->out_left = 0;
	set->out_pinned = 0;
	set->out_busy = 0;
	set->out_no_memory = 0;
	if (set->pad)
		return -EINVAL;
	if (set->flags & CDM_SET_ISOLATION_CANCEL) {
		if (set->flags & CDM_SET_ISOLATION_KEEP)
			return -EINVAL;
		cdm_region_restore_isolation(region, file);
		return 0;
	}
	return cdm_region_set_isolation(region, file, &wanted, set);
}

static int migrate_check(const struct cdm_region *region,
			 const struct cdm_migrate *migrate)
{
	if (migrate->to != CDM_WHERE_RAM && migrate->to != region->id)
		return -EINVAL;
	if (migrate->from < 0 && migrate->from != CDM_WHERE_ANY &&
	    migrate->from != CDM_WHERE_RAM)
		return -EINVAL;
	if (migrate->workers > CDM_MIGRATE_WORKERS_MAX)
		return -EINVAL;
	if ((migrate->flags & CDM_MIGRATE_POPULATE) &&
	    migrate->to == CDM_WHERE_RAM)
		return -EINVAL;
	if ((migrate->flags & CDM_MIGRATE_SHARED) && !capable(CAP_SYS_NICE))
		return -EPERM;
	return range_check(migrate->addr, migrate->length);
}

/* Keep a region from leaving until up_read(&region->life). */
static int region_hold(struct cdm_region *region)
{
	int rc;

	if (READ_ONCE(region->leaving))
		return -ENODEV;
	rc = down_read_killable(&region->life);
	if (rc)
		return rc;
	if (region->state != CDM_GONE)
		return 0;
	up_read(&region->life);
	return -ENODEV;
}

static int call_migrate(struct cdm_region *region, struct file *file,
			union cdm_arg *arg)
{
	struct cdm_migrate *migrate = &arg->migrate;
	bool nice = ns_capable_noaudit(&init_user_ns, CAP_SYS_NICE);
	struct cdm_move move = {
		.to = migrate->to == CDM_WHERE_RAM ? NULL : region,
		.from = migrate->from,
		.flags = migrate->flags,
		.workers = cdm_job_workers(migrate->workers, nice),
		.next = migrate->addr,
		.end = migrate->addr + migrate->length,
	};
	u64 *out = &migrate->out_moved;
	unsigned int i;
	int rc;

	rc = migrate_check(region, migrate);
	if (rc)
		return rc;
	rc = mm_get(migrate->pid, &move.mm);
	if (rc)
		return rc;
	rc = region_hold(region);
	if (!rc) {
		/* What somebody else has to move counts for nobody. */
		if (move.to && move.mm == current->mm)
			rc = cdm_user_get(region, &move.user);
		if (!rc)
			rc = cdm_move_range(&move);
		cdm_user_put(move.user);
		up_read(&region->life);
	}
	/* Perhaps the last reference: what that takes, the region does not wait for. */
	mmput(move.mm);

	migrate->out_next = move.next;
	for (i = 0; i < CDM_NR_RESULTS; i++)
		out[i] = move.counts[i];
	return rc;
}

/* Collect a few extents without, then copy them with a chance to fault. */
static int residency_copy(struct cdm_residency *residency,
			  struct cdm_survey *survey)
{
	struct cdm_extent __user *to = u64_to_user_ptr(residency->extents);
	unsigned long deadline = jiffies + msecs_to_jiffies(CDM_CALL_MS);
	int rc = 0;

	do {
		survey->nr = 0;
		survey->max = min(ENTRIES_PER_COPY, residency->nr_extents -
						    residency->out_nr_extents);
		rc = cdm_survey(survey, deadline);
		if (rc)
			break;
		if (copy_to_user(to + residency->out_nr_extents, survey->extents,
				 survey->nr * sizeof(*to)))
			return -EFAULT;
		residency->out_nr_extents += survey->nr;
		residency->out_next = survey->next;
	} while (residency->out_nr_extents < residency->nr_extents &&
		 survey->next < survey->end && time_before(jiffies, deadline));
	return residency->out_next > residency->addr ? 0 : rc;
}

static int call_residency(struct cdm_region *region, struct file *file,
			  union cdm_arg *arg)
{
	struct cdm_residency *residency = &arg->residency;
	struct cdm_survey survey = {
		.next = residency->addr,
		.end = residency->addr + residency->length,
		.huge = residency->flags & CDM_RESIDENCY_HUGE,
	};
	int rc;

	if (residency->pad || !residency->nr_extents ||
	    residency->nr_extents > CDM_EXTENTS_MAX)
		return -EINVAL;
	rc = range_check(residency->addr, residency->length);
	if (rc)
		return rc;
	rc = mm_get(residency->pid, &survey.mm);
	if (rc)
		return rc;

	residency->out_next = residency->addr;
	residency->out_nr_extents = 0;
	survey.extents = kcalloc(ENTRIES_PER_COPY, sizeof(*survey.extents),
				 GFP_KERNEL_ACCOUNT);
	rc = survey.extents ? residency_copy(residency, &survey) : -ENOMEM;
	kfree(survey.extents);
	mmput(survey.mm);
	return rc;
}

static int call_blocks(struct cdm_region *region, struct file *file,
		       union cdm_arg *arg)
{
	struct cdm_blocks *blocks = &arg->blocks;
	struct cdm_block_info __user *to = u64_to_user_ptr(blocks->blocks);
	bool physical = ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
	struct cdm_block_info info;
	u32 i, nr;

	if (blocks->nr_blocks > CDM_BLOCKS_MAX)
		return -EINVAL;
	blocks->out_total = region->nr_blocks;
	blocks->out_nr_blocks = 0;
	if (blocks->first >= region->nr_blocks)
		return 0;

	nr = min(blocks->nr_blocks, region->nr_blocks - blocks->first);
	for (i = 0; i < nr; i++) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cdm_block_info(&region->blocks[blocks->first + i], &info);
		if (!physical)
			info.start = 0;
		if (copy_to_user(to + i, &info, sizeof(info)))
			return -EFAULT;
	}
	blocks->out_nr_blocks = nr;
	return 0;
}

static int call_bad_pages(struct cdm_region *region, struct file *file,
			  union cdm_arg *arg)
{
	struct cdm_bad_pages *bad = &arg->bad_pages;
	struct cdm_bad_page *pages;
	int rc = 0;

	if (!bad->nr_pages || bad->nr_pages > CDM_BAD_PAGES_MAX)
		return -EINVAL;
	pages = kvcalloc(bad->nr_pages, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	bad->out_nr_pages = cdm_poison_list(region, bad->addr, pages,
					    bad->nr_pages);
	if (copy_to_user(u64_to_user_ptr(bad->pages), pages,
			 bad->out_nr_pages * sizeof(*pages)))
		rc = -EFAULT;
	kvfree(pages);
	return rc;
}

static int call_retire(struct cdm_region *region, struct file *file,
		       union cdm_arg *arg)
{
	const struct cdm_retire *retire = &arg->retire;

	if (retire->pad || retire->source > CDM_BAD_DEVICE ||
	    !PAGE_ALIGNED(retire->addr) || retire->time > U32_MAX)
		return -EINVAL;
	return cdm_poison_retire(region, retire);
}

#define CALL(nr, type, known_flags, needs_cap, fn)			\
	[_IOC_NR(nr)] = {						\
		.size = sizeof(struct type),				\
		.min_size = sizeof(struct type),			\
		.flags = known_flags,					\
		.cap = needs_cap,					\
		.handler = fn,						\
	}

#define UNHELD_CALL(nr, type, last, known_flags, needs_cap, fn)		\
	[_IOC_NR(nr)] = {						\
		.size = sizeof(struct type),				\
		.min_size = offsetofend(struct type, last),		\
		.flags = known_flags,					\
		.cap = needs_cap,					\
		.unheld = true,						\
		.handler = fn,						\
	}

static const struct cdm_call calls[] = {
	CALL(CDM_ONLINE, cdm_online, CDM_ONLINE_MEMMAP_ON_BLOCK, CAP_SYS_ADMIN,
	     call_online),
	CALL(CDM_OFFLINE, cdm_offline, CDM_OFFLINE_KEEP | CDM_OFFLINE_CANCEL,
	     CAP_SYS_ADMIN, call_offline),
	UNHELD_CALL(CDM_MIGRATE, cdm_migrate, out_unmapped, CDM_MIGRATE_POPULATE |
		    CDM_MIGRATE_SHARED | CDM_MIGRATE_DRY_RUN, -1, call_migrate),
	UNHELD_CALL(CDM_RESIDENCY, cdm_residency, pad, CDM_RESIDENCY_HUGE,
		    -1, call_residency),
	UNHELD_CALL(CDM_BLOCKS, cdm_blocks, out_nr_blocks, 0, -1, call_blocks),
	CALL(CDM_SET_ISOLATION, cdm_set_isolation, CDM_SET_ISOLATION_KEEP |
	     CDM_SET_ISOLATION_CANCEL, CAP_SYS_ADMIN, call_set_isolation),
	UNHELD_CALL(CDM_BAD_PAGES, cdm_bad_pages, pages, 0, CAP_SYS_ADMIN,
		    call_bad_pages),
	CALL(CDM_RETIRE, cdm_retire, 0, CAP_SYS_ADMIN, call_retire),
};

static int arg_read(const struct cdm_call *call, void __user *user,
		    union cdm_arg *arg)
{
	u32 size;
	int rc;

	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < call->min_size || size > PAGE_SIZE)
		return -EINVAL;
	memset(arg, 0, sizeof(*arg));
	rc = copy_struct_from_user(arg, call->size, user, size);
	arg->size = size;
	return rc;
}

static int call_run(const struct cdm_call *call, struct cdm_region *region,
		    struct file *file, union cdm_arg *arg)
{
	int rc;

	if (READ_ONCE(region->leaving))
		return -ENODEV;
	if (call->unheld)
		return call->handler(region, file, arg);
	rc = region_hold(region);
	if (rc)
		return rc;
	rc = call->handler(region, file, arg);
	up_read(&region->life);
	return rc;
}

static long cdm_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	const struct cdm_call *call;
	union cdm_arg arg;
	u32 size;
	int rc;

	if (_IOC_TYPE(cmd) != CDM_IOCTL_TYPE || _IOC_DIR(cmd) != _IOC_NONE ||
	    _IOC_SIZE(cmd) || _IOC_NR(cmd) >= ARRAY_SIZE(calls))
		return -ENOTTY;
	call = &calls[array_index_nospec(_IOC_NR(cmd), ARRAY_SIZE(calls))];
	rc = arg_read(call, (void __user *)user, &arg);
	if (rc)
		return rc;
	if (arg.flags & ~call->flags)
		return -EINVAL;
	if (call->cap >= 0 && !capable(call->cap))
		return -EPERM;

	size = min(arg.size, call->size);
	rc = call_run(call, file->private_data, file, &arg);
	if (copy_to_user((void __user *)user, &arg, size) && !rc)
		return -EFAULT;
	return rc;
}

static int cdm_open(struct inode *inode, struct file *file)
{
	struct cdm_region *region = container_of(inode->i_cdev,
						 struct cdm_region, cdev);

	get_device(&region->dev);
	file->private_data = region;
	return 0;
}

static int cdm_release(struct inode *inode, struct file *file)
{
	struct cdm_region *region = file->private_data;

	/* If the region leaves it stays drained, and nobody waits for that. */
	if (down_read_trylock(&region->life)) {
		cdm_region_resume(region, file);
		cdm_region_restore_isolation(region, file);
		up_read(&region->life);
	}
	put_device(&region->dev);
	return 0;
}

const struct file_operations cdm_file_operations = {
	.owner = THIS_MODULE,
	.open = cdm_open,
	.release = cdm_release,
	.unlocked_ioctl = cdm_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};
