// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod_faults: lets the allocations that module cdm makes fail, site after site.
 *
 * /proc/PID/fail-nth does that for one task, but much of cdm's work is done by
 * kernel threads. So this stands where fail-nth would: at should_failslab() and
 * should_fail_alloc_page(), for whatever task has a function of cdm on its stack,
 * the module's init function included.
 *
 * A site is a stack, from the allocation up to the first function of cdm: one call
 * of cdm into the kernel may have many. What allocators need for themselves, now and
 * then, is no site: to their callers it is one that fails.
 *
 * Write to /proc/cdm_faults: "walk" begins a walk, and "rest" one that leaves out what
 * has failed in others; "fail" lets the next site fail that is met and has not failed in
 * this walk, once; "off" ends that; "settle" waits for what is freed after a grace
 * period. What is read is a line "failed F" that says since "fail", with the site; a
 * line for each site since the module was loaded: how often it was met before anything
 * had failed ("plain"), met afterwards ("later"), and failed, what was asked for, and the
 * stack; then a line for each way from cdm to an allocation: how much of that nobody has
 * freed, and the stack.
 */
#include <linux/gfp.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/stacktrace.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "faults.h"

#define NAME		"cdm_faults"
#define SITES_MAX	1024

struct site {
	struct way way;
	const char *what;
	unsigned long plain;
	unsigned long later;
	unsigned long failed;
	unsigned long walk;			/* in which it failed last */
};

static struct site *sites;
static unsigned int nr_sites;
static bool armed;
static unsigned long this_walk;
static bool only_rest;
static const struct site *failed_site;
static bool second_try;		/* of the site that failed is still to come */

/* Below these nothing is made to fail. */
static const char * const left_alone[] = {
	/* x86, 7.2: phys_pmd_init() writes through a page table that it did not get. */
	"init_memory_mapping+",
	"add_pages+",			/* x86: warns when it fails */
	"bus_register+",		/* 7.2: drops a lock's key that it has not registered */
	"allocate_slab+",		/* the caller's own allocation fails too */
	"alloc_slab_obj_exts+",		/* the same, when a cgroup pays for it */
	"debug_objects_fill_pool+",
	"__kasan_populate_vmalloc+",
	"kasan_mem_notifier+",
	"stack_depot_save",
	"__pcs_replace_",		/* sheaves of the slab allocator */
	"__kfree_rcu_sheaf+",
	/* What comes in between is not the doing of who runs there. */
	"asm_sysvec_",
	"asm_common_interrupt+",
	"handle_softirqs+",
	NULL
};

/* The frame below which there are only the probe and what it stands at. */
static unsigned int frames_of_probe(const unsigned long *stack, unsigned int nr,
				    unsigned long caller)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (stack[i] == caller)
			return i;
	return 0;
}

static struct site *site_find(const char *what, const char *function,
			      const unsigned long *stack, unsigned int nr)
{
	u32 hash = way_hash(function, stack, nr);
	struct site *site;
	unsigned int i;

	for (i = 0; i < nr_sites; i++)
		if (sites[i].way.hash == hash)
			return &sites[i];
	if (nr_sites == SITES_MAX)
		return NULL;
	site = &sites[nr_sites++];
	way_set(&site->way, function, stack, nr);
	site->what = what;
	return site;
}

/*
 * The site is met: is it the one to fail? What could not be had at once, while a lock
 * was held, is tried again in a way that may wait (XArray, IDA). That fails, too.
 */
static bool site_meet(struct site *site, bool may_wait)
{
	if (failed_site) {
		site->later++;
		if (!second_try || !may_wait ||
		    strcmp(site->way.function, failed_site->way.function))
			return false;
		second_try = false;
		site->failed++;
		return true;
	}
	site->plain++;
	if (site->walk == this_walk || (only_rest && site->failed))
		return false;
	site->walk = this_walk;
	site->failed++;
	failed_site = site;
	second_try = !may_wait;
	return true;
}

/* Count this allocation; true if it is the one. */
static bool shall_fail(const char *what, gfp_t gfp, struct pt_regs *regs)
{
	unsigned long stack[DEPTH], caller = *(unsigned long *)regs->sp, flags;
	char function[KSYM_SYMBOL_LEN];
	unsigned int nr, from;
	struct site *site;
	bool fail = false;
	int to;

	/* Behind the int3 the unwinder takes an instruction for done that is not. */
	regs->ip--;
	nr = stack_trace_save(stack, DEPTH, 0);
	regs->ip++;
	from = frames_of_probe(stack, nr, caller);
	to = frames_to_cdm(stack + from, nr - from, function);
	if (to < 0 || is_left_alone(stack + from, to, left_alone))
		return false;

	flags = lock_get();
	if (armed) {
		site = site_find(what, function, stack + from, to);
		fail = site && site_meet(site, gfpflags_allow_blocking(gfp));
	}
	lock_put(flags);
	return fail;
}

/* What a probed function becomes when it is not to run: its result is in a register. */
static noinline notrace void return_at_once(void)
{
	asm volatile("");
}

static int give(struct pt_regs *regs, unsigned long result)
{
	regs->ax = result;
	regs->ip = (unsigned long)return_at_once;
	return 1;
}

static int at_slab(struct kprobe *probe, struct pt_regs *regs)
{
	gfp_t gfp = regs->si;

	if (!READ_ONCE(armed) || (gfp & __GFP_NOFAIL) ||
	    !shall_fail("slab", gfp, regs))
		return 0;
	return give(regs, -ENOMEM);
}

static int at_pages(struct kprobe *probe, struct pt_regs *regs)
{
	gfp_t gfp = regs->di;

	if (!READ_ONCE(armed) || (gfp & __GFP_NOFAIL) ||
	    !shall_fail("pages", gfp, regs))
		return 0;
	return give(regs, true);
}

static struct kprobe probes[] = {
	{
		.symbol_name = "should_failslab",
		.pre_handler = at_slab,
		.post_handler = never_optimized,
	},
	{
		.symbol_name = "should_fail_alloc_page",
		.pre_handler = at_pages,
		.post_handler = never_optimized,
	},
};

static void site_show(struct seq_file *seq, const struct site *site)
{
	seq_printf(seq, " %s", site->what);
	way_show(seq, &site->way);
}

static int faults_show(struct seq_file *seq, void *unused)
{
	unsigned int i;

	seq_printf(seq, "failed %d", !!failed_site);
	if (failed_site)
		site_show(seq, failed_site);
	seq_putc(seq, '\n');
	for (i = 0; i < nr_sites; i++) {
		seq_printf(seq, "site %08x plain %lu later %lu failed %lu",
			   sites[i].way.hash, sites[i].plain, sites[i].later,
			   sites[i].failed);
		site_show(seq, &sites[i]);
		seq_putc(seq, '\n');
	}
	if (nr_sites == SITES_MAX)
		seq_puts(seq, "uncounted\n");
	live_show(seq);
	return 0;
}

static int faults_open(struct inode *inode, struct file *file)
{
	return single_open(file, faults_show, NULL);
}

static ssize_t faults_write(struct file *file, const char __user *from,
			    size_t size, loff_t *pos)
{
	unsigned long flags;
	char word[8] = "";

	if (!size || size >= sizeof(word))
		return -EINVAL;
	if (copy_from_user(word, from, size))
		return -EFAULT;
	if (!strcmp(word, "settle")) {
		kvfree_rcu_barrier();
		rcu_barrier();
		return size;
	}
	flags = lock_get();
	WRITE_ONCE(armed, !strcmp(word, "fail"));
	if (armed)
		failed_site = NULL;
	only_rest = !strcmp(word, "rest") || (only_rest && strcmp(word, "walk"));
	if (!strcmp(word, "rest") || !strcmp(word, "walk"))
		this_walk++;
	lock_put(flags);
	return size;
}

static const struct proc_ops faults_ops = {
	.proc_open = faults_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
	.proc_write = faults_write,
};

static void probes_unregister(unsigned int nr)
{
	while (nr--)
		unregister_kprobe(&probes[nr]);
}

static int probes_register(void)
{
	unsigned int i;
	int rc;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		rc = register_kprobe(&probes[i]);
		if (rc) {
			probes_unregister(i);
			return rc;
		}
	}
	return 0;
}

static int __init faults_init(void)
{
	int rc;

	sites = vzalloc(array_size(SITES_MAX, sizeof(*sites)));
	if (!sites)
		return -ENOMEM;
	rc = live_init();
	if (rc)
		goto err_free;
	rc = probes_register();
	if (rc)
		goto err_live;
	rc = -ENOMEM;
	if (proc_create(NAME, 0600, NULL, &faults_ops))
		return 0;

	probes_unregister(ARRAY_SIZE(probes));
err_live:
	live_exit();
err_free:
	vfree(sites);
	return rc;
}

static void __exit faults_exit(void)
{
	remove_proc_entry(NAME, NULL);
	probes_unregister(ARRAY_SIZE(probes));
	live_exit();
	vfree(sites);
}

module_init(faults_init);
module_exit(faults_exit);

MODULE_DESCRIPTION("Lets one allocation of module cdm fail");
MODULE_LICENSE("GPL v2");
