// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is allocated below a function of cdm is counted for that call of the function
 * until it is freed, whoever does that: slab objects by their address, pages by
 * the address of struct page. With module cdm gone the counts have to be what they
 * were the last time that it was gone.
 */
#include <linux/hash.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <linux/tracepoint.h>
#include <linux/vmalloc.h>

#include "faults.h"

#define OBJECTS_MAX	32768
#define HEADS_BITS	12
#define CALLS_MAX	2048

struct call {
	struct way way;
	long live;		/* allocated on this way, and not freed */
};

struct object {
	struct hlist_node node;
	const void *addr;
	struct call *call;
};

static struct call *calls;
static unsigned int nr_calls;
static struct object *objects;
static struct hlist_head heads[1 << HEADS_BITS];
static HLIST_HEAD(unused);
static bool full;

/* Below these the kernel keeps what it got, for the next one. */
static const char * const kept[] = {
	"allocate_slab+",
	"alloc_slab_obj_exts+",		/* whose cgroup each object of a slab is */
	"__kasan_populate_vmalloc+",
	"kasan_mem_notifier+",
	"alloc_vmap_area+",
	"debug_objects_fill_pool+",
	"pcpu_alloc",
	"stack_depot_save",
	"__pcs_replace_",
	"__kfree_rcu_sheaf+",
	"idr_get_free+",		/* of kernfs: nodes for the numbers of files */
	"__radix_tree_preload+",
	NULL
};

static struct hlist_head *head_of(const void *addr)
{
	return &heads[hash_ptr(addr, HEADS_BITS)];
}

static struct call *call_find(const char *function, const unsigned long *stack,
			      unsigned int nr)
{
	u32 hash = way_hash(function, stack, nr);
	struct call *call;
	unsigned int i;

	for (i = 0; i < nr_calls; i++)
		if (calls[i].way.hash == hash)
			return &calls[i];
	if (nr_calls == CALLS_MAX)
		return NULL;
	call = &calls[nr_calls++];
	way_set(&call->way, function, stack, nr);
	return call;
}

static void object_forget(const void *addr)
{
	struct object *object;

	hlist_for_each_entry(object, head_of(addr), node) {
		if (object->addr != addr)
			continue;
		object->call->live--;
		hlist_del(&object->node);
		hlist_add_head(&object->node, &unused);
		return;
	}
}

static void object_remember(const void *addr, struct call *call)
{
	struct object *object;

	object = hlist_entry_safe(unused.first, struct object, node);
	if (!call || !object) {
		full = true;
		return;
	}
	hlist_del(&object->node);
	object->addr = addr;
	object->call = call;
	call->live++;
	hlist_add_head(&object->node, head_of(addr));
}

static void allocated(const void *addr)
{
	char function[KSYM_SYMBOL_LEN];
	unsigned long stack[DEPTH], flags;
	unsigned int nr;
	int to;

	if (IS_ERR_OR_NULL(addr))
		return;
	nr = stack_trace_save(stack, DEPTH, 1);
	to = frames_to_cdm(stack, nr, function);
	if (to < 0 || is_left_alone(stack, to, kept))
		return;
	flags = lock_get();
	object_forget(addr);
	object_remember(addr, call_find(function, stack, to));
	lock_put(flags);
}

static void freed(const void *addr)
{
	unsigned long flags = lock_get();

	object_forget(addr);
	lock_put(flags);
}

static void at_cache_alloc(void *data, unsigned long caller, const void *addr,
			   struct kmem_cache *cache, gfp_t gfp, int node)
{
	allocated(addr);
}

static void at_kmalloc(void *data, unsigned long caller, const void *addr,
		       size_t wanted, size_t size, gfp_t gfp, int node)
{
	/* What is larger is pages. */
	if (size <= KMALLOC_MAX_CACHE_SIZE)
		allocated(addr);
}

static void at_page_alloc(void *data, struct page *page, unsigned int order,
			  gfp_t gfp, int type)
{
	allocated(page);
}

static void at_page_free(void *data, struct page *page, unsigned int order)
{
	freed(page);
}

/* The tracepoints do not see what is freed in bulk, or by kfree_rcu(). KASAN does. */
static int at_slab_free(struct kprobe *probe, struct pt_regs *regs)
{
	freed((const void *)regs->si);
	return 0;
}

static struct kprobe slab_free = {
	.symbol_name = "__kasan_slab_free",
	.pre_handler = at_slab_free,
	.post_handler = never_optimized,
};

static struct {
	const char *name;
	void *function;
	struct tracepoint *point;
} points[] = {
	{ "kmem_cache_alloc", at_cache_alloc },
	{ "kmalloc", at_kmalloc },
	{ "mm_page_alloc", at_page_alloc },
	{ "mm_page_free", at_page_free },
};

static void point_find(struct tracepoint *point, void *unused)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(points); i++)
		if (!strcmp(point->name, points[i].name))
			points[i].point = point;
}

void live_show(struct seq_file *seq)
{
	unsigned int i;

	if (full || slab_free.nmissed)
		seq_puts(seq, "uncounted\n");
	for (i = 0; i < nr_calls; i++) {
		seq_printf(seq, "live %08x %ld", calls[i].way.hash, calls[i].live);
		way_show(seq, &calls[i].way);
		seq_putc(seq, '\n');
	}
}

void live_exit(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(points); i++)
		if (points[i].point)
			tracepoint_probe_unregister(points[i].point,
						    points[i].function, NULL);
	tracepoint_synchronize_unregister();
	if (slab_free.addr)
		unregister_kprobe(&slab_free);
	vfree(objects);
	vfree(calls);
}

static int points_register(void)
{
	unsigned int i;
	int rc;

	for_each_kernel_tracepoint(point_find, NULL);
	for (i = 0; i < ARRAY_SIZE(points); i++) {
		rc = points[i].point ?
		     tracepoint_probe_register(points[i].point,
					       points[i].function, NULL) : -ENOENT;
		if (rc) {
			points[i].point = NULL;
			return rc;
		}
	}
	return 0;
}

int live_init(void)
{
	unsigned int i;
	int rc;

	calls = vzalloc(array_size(CALLS_MAX, sizeof(*calls)));
	objects = vzalloc(array_size(OBJECTS_MAX, sizeof(*objects)));
	rc = -ENOMEM;
	if (!calls || !objects)
		goto err;
	for (i = 0; i < OBJECTS_MAX; i++)
		hlist_add_head(&objects[i].node, &unused);
	rc = register_kprobe(&slab_free);
	if (rc) {
		slab_free.addr = NULL;
		goto err;
	}
	rc = points_register();
	if (!rc)
		return 0;
err:
	live_exit();
	return rc;
}
