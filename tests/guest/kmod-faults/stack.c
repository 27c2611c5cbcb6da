// SPDX-License-Identifier: GPL-2.0-only
#include <linux/irqflags.h>
#include <linux/jhash.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <asm/pgtable.h>

#include "faults.h"

#define WANTED	"[cdm]"

static arch_spinlock_t lock = __ARCH_SPIN_LOCK_UNLOCKED;

unsigned long lock_get(void)
{
	unsigned long flags;

	raw_local_irq_save(flags);
	arch_spin_lock(&lock);
	return flags;
}

void lock_put(unsigned long flags)
{
	arch_spin_unlock(&lock);
	raw_local_irq_restore(flags);
}

void never_optimized(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

u32 way_hash(const char *function, const unsigned long *stack, unsigned int nr)
{
	return jhash(stack, nr * sizeof(*stack),
		     jhash(function, strlen(function), 0));
}

void way_set(struct way *way, const char *function, const unsigned long *stack,
	     unsigned int nr)
{
	way->hash = way_hash(function, stack, nr);
	strscpy(way->function, function, sizeof(way->function));
	way->nr = nr;
	memcpy(way->stack, stack, nr * sizeof(*stack));
}

void way_show(struct seq_file *seq, const struct way *way)
{
	unsigned int i;

	for (i = 0; i < way->nr; i++)
		seq_printf(seq, " %ps", (void *)way->stack[i]);
	seq_printf(seq, " %s", way->function);
}

/* Frames below the first that belongs to cdm, and its NAME; or -1. */
int frames_to_cdm(const unsigned long *stack, unsigned int nr,
		  char name[KSYM_SYMBOL_LEN])
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (stack[i] < MODULES_VADDR || stack[i] >= MODULES_END)
			continue;
		sprint_symbol(name, stack[i]);
		if (strstr(name, WANTED))
			return i;
	}
	return -1;
}

/* LIST: how the names of functions begin; NULL behind the last. */
bool is_left_alone(const unsigned long *stack, unsigned int nr,
		   const char * const *list)
{
	char name[KSYM_SYMBOL_LEN];
	const char * const *start;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		sprint_symbol(name, stack[i]);
		for (start = list; *start; start++)
			if (!strncmp(name, *start, strlen(*start)))
				return true;
	}
	return false;
}
