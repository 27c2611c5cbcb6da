// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 60
 * quick: yes
 *
 * Arguments that nobody should pass: sizes, flags, pointers, numbers and calls
 * that are not known. Each has its errno, and nothing has changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cdmtest.h"

static int fd, id;
static char *memory;		/* two pages, of which one is on the region */
static struct cdm_extent extents[4];
static struct cdm_block_info blocks[4];
static struct cdm_bad_page bad_pages[4];

/* Each call with arguments that it takes, where there are such. */
union argument {
	struct {
		__u32 size;
		__u32 flags;
	};
	struct cdm_online online;
	struct cdm_offline offline;
	struct cdm_migrate migrate;
	struct cdm_residency residency;
	struct cdm_blocks blocks;
	struct cdm_set_isolation set_isolation;
	struct cdm_bad_pages bad_pages;
	struct cdm_retire retire;
	char bytes[8192];
};

struct call {
	const char *name;
	unsigned long number;
	__u32 size;
	__u32 flags;
	int good;		/* errno of the good call, 0 */
};

static const struct call calls[] = {
	{ "CDM_ONLINE", CDM_ONLINE, sizeof(struct cdm_online), 1, EALREADY },
	{ "CDM_OFFLINE", CDM_OFFLINE, sizeof(struct cdm_offline), 3, 0 },
	{ "CDM_MIGRATE", CDM_MIGRATE, sizeof(struct cdm_migrate), 7, 0 },
	{ "CDM_RESIDENCY", CDM_RESIDENCY, sizeof(struct cdm_residency), 1, 0 },
	{ "CDM_BLOCKS", CDM_BLOCKS, sizeof(struct cdm_blocks), 0, 0 },
	{ "CDM_SET_ISOLATION", CDM_SET_ISOLATION,
	  sizeof(struct cdm_set_isolation), 3, EALREADY },
	{ "CDM_BAD_PAGES", CDM_BAD_PAGES, sizeof(struct cdm_bad_pages), 0, 0 },
	/* Of a page that the region does not have. */
	{ "CDM_RETIRE", CDM_RETIRE, sizeof(struct cdm_retire), 0, ERANGE },
};

static union argument good(const struct call *call)
{
	union argument arg;

	memset(&arg, 0, sizeof(arg));
	arg.size = call->size;
	switch (call->number) {
	case CDM_ONLINE:
		arg.online.isolation = CDM_ISOLATION_PRIVATE;
		break;
	case CDM_SET_ISOLATION:
		arg.set_isolation.isolation = CDM_ISOLATION_PRIVATE;
		break;
	case CDM_OFFLINE:
		/* Cancelling a drain that is not there does nothing. */
		arg.offline.flags = CDM_OFFLINE_CANCEL;
		break;
	case CDM_MIGRATE:
		arg.migrate.flags = CDM_MIGRATE_DRY_RUN;
		arg.migrate.from = CDM_WHERE_ANY;
		arg.migrate.to = id;
		arg.migrate.addr = (uintptr_t)memory;
		arg.migrate.length = 2 * PAGE;
		break;
	case CDM_RESIDENCY:
		arg.residency.addr = (uintptr_t)memory;
		arg.residency.length = 2 * PAGE;
		arg.residency.extents = (uintptr_t)extents;
		arg.residency.nr_extents = ARRAY_SIZE(extents);
		break;
	case CDM_BLOCKS:
		arg.blocks.blocks = (uintptr_t)blocks;
		arg.blocks.nr_blocks = ARRAY_SIZE(blocks);
		break;
	case CDM_BAD_PAGES:
		arg.bad_pages.pages = (uintptr_t)bad_pages;
		arg.bad_pages.nr_pages = ARRAY_SIZE(bad_pages);
		break;
	}
	return arg;
}

static int try(const struct call *call, void *arg)
{
	return ioctl(fd, call->number, arg) ? -errno : 0;
}

static void check_unchanged(const char *after)
{
	char state[32];

	region_text(id, "state", state, sizeof(state));
	check(!strcmp(state, "online"), "%s: the region is %s", after, state);
	check(region_used(id) == 1, "%s: %llu pages are used", after,
	      (unsigned long long)region_used(id));
	check(page_where(0, memory) == id &&
	      page_where(0, memory + PAGE) == CDM_WHERE_RAM,
	      "%s: a page has moved", after);
}

static void sizes(const struct call *call)
{
	static const __u32 wrong[] = { 0, 1, 4, 7 };
	static const __u32 huge[] = { 4097, 8192, INT_MAX, UINT_MAX };
	union argument arg;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		arg = good(call);
		arg.size = wrong[i];
		check_errno(call->name, EINVAL, try(call, &arg));
	}
	for (i = 0; i < ARRAY_SIZE(huge); i++) {
		arg = good(call);
		arg.size = huge[i];
		check(try(call, &arg) == -EINVAL || errno == E2BIG,
		      "%s: size %u: %m", call->name, huge[i]);
	}
	/* Longer, of a program from the future: well, while the rest is zero. */
	arg = good(call);
	arg.size = 4096;
	check_errno(call->name, call->good, try(call, &arg));
	arg = good(call);
	arg.size = 4096;
	arg.bytes[4095] = 1;
	check_errno(call->name, E2BIG, try(call, &arg));
	arg = good(call);
	arg.size = call->size + 8;
	arg.bytes[call->size] = 1;
	check_errno(call->name, E2BIG, try(call, &arg));
	/* Nothing is written behind what the caller has. */
	arg = good(call);
	memset(arg.bytes + call->size, 0x5a, 64);
	check_errno(call->name, call->good, try(call, &arg));
	for (i = 0; i < 64; i++)
		check(arg.bytes[call->size + i] == 0x5a,
		      "%s wrote behind its struct", call->name);
	check_unchanged("sizes");
}

static void flags(const struct call *call)
{
	union argument arg;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		if (call->flags & 1U << bit)
			continue;
		arg = good(call);
		arg.flags |= 1U << bit;
		check_errno(call->name, EINVAL, try(call, &arg));
	}
	arg = good(call);
	arg.flags = UINT_MAX;
	check_errno(call->name, EINVAL, try(call, &arg));
	check_unchanged("flags");
}

static void pointers(const struct call *call)
{
	char *edge = map_anon(2 * PAGE), *read_only = map_anon(PAGE);
	union argument arg = good(call);
	static const uintptr_t bad[] = { 0, 1, 8, 0x800000000000,
					 0xffff888000000000, -8UL };
	unsigned int i;
	int rc;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		check_errno(call->name, EFAULT, try(call, (void *)bad[i]));
	check(!munmap(edge + PAGE, PAGE), "munmap: %m");
	memcpy(edge + PAGE - 8, &arg, 8);
	check_errno(call->name, EFAULT, try(call, edge + PAGE - 8));
	/* Unaligned is no crime on this machine. */
	memcpy(edge + 3, &arg, call->size);
	check_errno(call->name, call->good, try(call, edge + 3));
	/* An answer that cannot be written. */
	memcpy(read_only, &arg, call->size);
	check(!mprotect(read_only, PAGE, PROT_READ), "mprotect: %m");
	rc = try(call, read_only);
	check(rc == -EFAULT || rc == -call->good, "%s: read-only: %d",
	      call->name, rc);
	munmap(edge, PAGE);
	munmap(read_only, PAGE);
	check_unchanged("pointers");
}

static void unknown_calls(void)
{
	union argument arg = good(&calls[2]);
	unsigned int number;

	for (number = 0; number < 256; number++) {
		if (number <= _IOC_NR(CDM_RETIRE))
			continue;
		check_errno("unknown number", ENOTTY,
			    ioctl(fd, _IO(CDM_IOCTL_TYPE, number), &arg) ?
			    -errno : 0);
	}
	check_errno("another type", ENOTTY,
		    ioctl(fd, _IO(0xCE, 2), &arg) ? -errno : 0);
	check_errno("with a direction", ENOTTY,
		    ioctl(fd, _IOWR(CDM_IOCTL_TYPE, 2, struct cdm_migrate),
			  &arg) ? -errno : 0);
	check_errno("all ones", ENOTTY, ioctl(fd, 0xffffffff, &arg) ? -errno : 0);
	check_unchanged("unknown calls");
}

static void bad_migrate(void)
{
	static const int bad_to[] = { -1, -3, -4, -5, -6, 1, 7, INT_MAX, INT_MIN };
	static const int bad_from[] = { -3, -4, -5, -6, INT_MIN };
	static const __u32 bad_workers[] = { 65, 1000, INT_MAX, UINT_MAX };
	union argument arg;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad_to); i++) {
		arg = good(&calls[2]);
		arg.migrate.to = bad_to[i];
		check_errno("to", EINVAL, try(&calls[2], &arg));
	}
	for (i = 0; i < ARRAY_SIZE(bad_from); i++) {
		arg = good(&calls[2]);
		arg.migrate.from = bad_from[i];
		check_errno("from", EINVAL, try(&calls[2], &arg));
	}
	for (i = 0; i < ARRAY_SIZE(bad_workers); i++) {
		arg = good(&calls[2]);
		arg.migrate.workers = bad_workers[i];
		check_errno("workers", EINVAL, try(&calls[2], &arg));
	}
	arg = good(&calls[2]);
	arg.migrate.pid = -1;
	check_errno("pid -1", EINVAL, try(&calls[2], &arg));
	arg = good(&calls[2]);
	arg.migrate.pid = 4194304;
	check_errno("a pid that cannot be", ESRCH, try(&calls[2], &arg));
	/* A kernel thread has no memory. */
	arg = good(&calls[2]);
	arg.migrate.pid = 2;
	check_errno("a kernel thread", ESRCH, try(&calls[2], &arg));
	check_unchanged("bad numbers of CDM_MIGRATE");
}

static void bad_residency(void)
{
	static const __u32 bad_nr[] = { 0, CDM_EXTENTS_MAX + 1, UINT_MAX };
	union argument arg;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad_nr); i++) {
		arg = good(&calls[3]);
		arg.residency.nr_extents = bad_nr[i];
		check_errno("nr_extents", EINVAL, try(&calls[3], &arg));
	}
	arg = good(&calls[3]);
	arg.residency.extents = 8;
	check_errno("extents", EFAULT, try(&calls[3], &arg));
	arg = good(&calls[3]);
	arg.residency.pad = 1;
	check_errno("pad", EINVAL, try(&calls[3], &arg));

	/* With room for one, the second page is left for the next call. */
	arg = good(&calls[3]);
	arg.residency.nr_extents = 1;
	check_errno("one extent", 0, try(&calls[3], &arg));
	check_equal("entries", 1, arg.residency.out_nr_extents);
	check_equal("next", (uintptr_t)memory + PAGE, arg.residency.out_next);
	check(extents[0].where == id && extents[0].length == PAGE,
	      "the first page is at %d", extents[0].where);
}

static void bad_blocks(void)
{
	union argument arg = good(&calls[4]);
	unsigned int total;

	check_errno("CDM_BLOCKS", 0, try(&calls[4], &arg));
	total = arg.blocks.out_total;
	check_equal("blocks", region_read(id, "size") /
		    region_read(id, "block_size"), total);
	arg = good(&calls[4]);
	arg.blocks.nr_blocks = CDM_BLOCKS_MAX + 1;
	check_errno("nr_blocks", EINVAL, try(&calls[4], &arg));
	arg = good(&calls[4]);
	arg.blocks.first = UINT_MAX;
	check_errno("first behind the end", 0, try(&calls[4], &arg));
	check_equal("entries behind the end", 0, arg.blocks.out_nr_blocks);
	arg = good(&calls[4]);
	arg.blocks.first = total - 1;
	arg.blocks.nr_blocks = CDM_BLOCKS_MAX;
	check_errno("the last one", 0, try(&calls[4], &arg));
	check_equal("entries", 1, arg.blocks.out_nr_blocks);
	arg = good(&calls[4]);
	arg.blocks.blocks = 8;
	check_errno("blocks", EFAULT, try(&calls[4], &arg));
}

static void bad_poison(void)
{
	union argument arg = good(&calls[6]);
	unsigned int i;

	arg.bad_pages.nr_pages = 0;
	check_errno("nr_pages", EINVAL, try(&calls[6], &arg));
	arg.bad_pages.nr_pages = CDM_BAD_PAGES_MAX + 1;
	check_errno("nr_pages", EINVAL, try(&calls[6], &arg));
	arg = good(&calls[6]);
	arg.bad_pages.addr = -1;
	check_errno("the end of all addresses", 0, try(&calls[6], &arg));
	check_equal("bad pages there", 0, arg.bad_pages.out_nr_pages);

	for (i = 0; i < 64; i++) {
		arg = good(&calls[7]);
		arg.retire.addr = 1ULL << i & -PAGE;
		if (frame_where(arg.retire.addr / PAGE) == CDM_WHERE_RAM)
			check_errno("not of the region", ERANGE,
				    try(&calls[7], &arg));
	}
	arg = good(&calls[7]);
	arg.retire.addr = region_read(id, "resource") + 8;
	check_errno("no whole page", EINVAL, try(&calls[7], &arg));
	arg = good(&calls[7]);
	arg.retire.source = CDM_BAD_DEVICE + 1;
	check_errno("source", EINVAL, try(&calls[7], &arg));
	arg = good(&calls[7]);
	arg.retire.pad = 1;
	check_errno("pad", EINVAL, try(&calls[7], &arg));
	arg = good(&calls[7]);
	arg.retire.time = -1;
	check_errno("time", EINVAL, try(&calls[7], &arg));
	check_equal("retired", 0, region_read(id, "retired"));
}

static void bad_online(void)
{
	union argument arg;
	unsigned int level;

	check_errno("offline", 0, region_offline(fd, 0, 0, NULL));
	for (level = 0; level < 8; level++) {
		if (level >= CDM_ISOLATION_PRIVATE &&
		    level <= CDM_ISOLATION_SHARED)
			continue;
		arg = good(&calls[0]);
		arg.online.isolation = level;
		check_errno("isolation", level == CDM_ISOLATION_EXCLUSIVE ?
			    EOPNOTSUPP : EINVAL, try(&calls[0], &arg));
	}
	for (level = CDM_ISOLATION_RESERVED; level <= CDM_ISOLATION_SHARED; level++) {
		arg = good(&calls[0]);
		arg.online.isolation = level;
		arg.online.flags = CDM_ONLINE_MEMMAP_ON_BLOCK;
		check_errno("memory map in the block", EOPNOTSUPP,
			    try(&calls[0], &arg));
	}
	arg = good(&calls[0]);
	arg.online.length = PAGE;
	check_errno("a page", EINVAL, try(&calls[0], &arg));
	arg.online.length = 1ULL << 62;
	check_errno("too long", EINVAL, try(&calls[0], &arg));
	arg.online.length = -region_read(id, "block_size");
	check_errno("nearly 2^64", EINVAL, try(&calls[0], &arg));
	arg = good(&calls[0]);
	arg.online.pad = 1;
	check_errno("pad", EINVAL, try(&calls[0], &arg));
	region_check_state(id, "held");

	/* A part of it. */
	arg = good(&calls[0]);
	arg.online.length = region_read(id, "block_size");
	check_errno("one block", 0, try(&calls[0], &arg));
	check_equal("out_length", arg.online.length, arg.online.out_length);
	check_equal("online_size", arg.online.length,
		    region_read(id, "online_size"));
	check_equal("available", arg.online.length, region_read(id, "available"));
	arg = good(&calls[0]);
	check_errno("another length", EBUSY, try(&calls[0], &arg));
	check_errno("offline", 0, region_offline(fd, 0, 0, NULL));
	check_errno("online", 0, region_online(fd));
}

/* What else a file can be asked for. */
static void other_calls(void)
{
	char byte = 0;

	check(read(fd, &byte, 1) < 0, "it can be read");
	check(write(fd, &byte, 1) < 0, "it can be written");
	check(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED,
	      "it can be mapped");
	check(ftruncate(fd, 0) < 0, "it can be truncated");
}

int main(void)
{
	unsigned int i;

	test_begin(1);
	fd = region_open(id);
	memory = map_anon(2 * PAGE);
	content_write(memory, 2 * PAGE, 1);
	move_whole(fd, memory, PAGE, id, 0);
	check_unchanged("the beginning");
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		sizes(&calls[i]);
		flags(&calls[i]);
		pointers(&calls[i]);
	}
	unknown_calls();
	bad_migrate();
	bad_residency();
	bad_blocks();
	bad_poison();
	other_calls();
	content_check("at the end", memory, 2 * PAGE, 1);
	munmap(memory, 2 * PAGE);
	bad_online();
	close(fd);
	test_end();
	return 0;
}
