// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: 7.2 6.12
 * vm: --expander 512M --cpu max,hypervisor=off,vendor=GenuineIntel
 * timeout: 60
 *
 * The processor announces a bad page by a machine check, as after patrol scrubbing:
 * at private and at reserved it is retired, who has it is told when he touches it, and
 * everything else goes on.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cdmtest.h"

#define LENGTH	(4 * MIB)
#define PAGES	(LENGTH / PAGE)
#define BAD	33

/* Valid, uncorrected, enabled, with address and its size, no action is due: SRAO. */
#define STATUS	0xbd000000000000c0ULL
#define MISC	0x8c		/* a physical address, of 2^12 bytes */
#define MCG	0x5		/* in progress, and the interrupted program can go on */

static int fd, id;

static void machine_check(uint64_t frame)
{
	note("frame %#llx is bad now", (unsigned long long)frame);
	shell("hw monitor mce 0 9 %#llx %#x %#llx %#x", STATUS, MCG,
	      (unsigned long long)(frame * PAGE), MISC);
}

/* The handler queues what it found. */
static void wait_retired(uint64_t pages)
{
	double end = now() + 30;

	while (region_read(id, "retired") != pages * PAGE && now() < end)
		sleep_ms(50);
	check_equal("bytes retired", pages * PAGE, region_read(id, "retired"));
}

static void in_use(uint64_t seed, uint64_t retired_before)
{
	char *addr = map_anon(LENGTH);
	struct cdm_bad_page bad[4];
	siginfo_t told;
	uint64_t frame;
	double end;
	size_t i;

	check(!madvise(addr, LENGTH, MADV_NOHUGEPAGE), "madvise: %m");
	for (i = 0; i < PAGES; i++)
		content_write(addr + i * PAGE, PAGE, seed);
	move_whole(fd, addr, LENGTH, id, 0);
	frame = page_frame(0, addr + BAD * PAGE);
	check(frame_where(frame) == id, "the page is not on the region");
	machine_check(frame);
	wait_retired(retired_before + 1);
	/* It is counted a moment before it is taken from who has it. */
	for (end = now() + 30; now() < end; sleep_ms(20))
		if (bus_on_touch(addr + BAD * PAGE, false, &told))
			break;
	bus_check(addr + BAD * PAGE);
	for (i = 0; i < PAGES; i++)
		if (i != BAD)
			content_check("beside a bad page", addr + i * PAGE, PAGE, seed);
	check_equal("bad pages listed", retired_before + 1, region_bad_pages(fd, bad, 4));
	for (i = 0; i <= retired_before && bad[i].addr != frame * PAGE; i++)
		;
	check(i <= retired_before, "frame %#llx is not listed", (unsigned long long)frame);
	check_equal("source", CDM_BAD_KERNEL, bad[i].source);
	munmap(addr, LENGTH);
}

int main(void)
{
	test_begin(1);
	fd = region_open(id);
	in_use(1, 0);
	check_errno("offline", 0, region_offline(fd, 0, 20000, NULL));
	check_errno("online", 0, region_online_at(fd, CDM_ISOLATION_RESERVED));
	in_use(2, 1);
	close(fd);
	test_end();
	return 0;
}
