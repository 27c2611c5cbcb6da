/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FAULTS_H
#define FAULTS_H

#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/seq_file.h>
#include <linux/types.h>

#define DEPTH		48

/* stack.c: which of cdm's functions has something done, and what probes need */

/* A way from a function of cdm to an allocation. */
struct way {
	u32 hash;
	char function[64];	/* of cdm, and where in it */
	unsigned int nr;	/* frames below that */
	unsigned long stack[DEPTH];
};

u32 way_hash(const char *function, const unsigned long *stack, unsigned int nr);
void way_set(struct way *way, const char *function, const unsigned long *stack,
	     unsigned int nr);
void way_show(struct seq_file *seq, const struct way *way);

int frames_to_cdm(const unsigned long *stack, unsigned int nr,
		  char name[KSYM_SYMBOL_LEN]);
bool is_left_alone(const unsigned long *stack, unsigned int nr,
		   const char * const *list);

/* A lock that lockdep does not know. To it an int3 is an NMI, in which none may be taken. */
unsigned long lock_get(void);
void lock_put(unsigned long flags);

/*
 * A probe with this behind it is never turned into a jump. Such a one could not return in place
 * of the function, and interrupts come in between, in which other probes are missed.
 */
void never_optimized(struct kprobe *probe, struct pt_regs *regs, unsigned long flags);

/* live.c: what cdm had allocated and nobody has freed */

int live_init(void);
void live_exit(void);
void live_show(struct seq_file *seq);

#endif /* FAULTS_H */
