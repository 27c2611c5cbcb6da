// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 180
 *
 * All of a reserved region can be used, again and again, up to the last page:
 * wherever the allocator has put what was given back. What was placed stays, though
 * the module takes back what nobody uses at the same time.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cdmtest.h"

#define ROUNDS	4

int main(void)
{
	struct cdm_migrate move;
	unsigned int round;
	size_t length;
	char *addr;
	int fd;

	shell("regions_up 1 reserved");
	frames_scan();
	fd = region_open(0);
	length = region_read(0, "size");
	for (round = 0; round < ROUNDS; round++) {
		addr = map_anon(length);
		move = move_range(fd, addr, length, 0, CDM_MIGRATE_POPULATE);
		move_print("filled", &move);
		check_equal("populated", length / PAGE, move.out_populated);
		check_equal("there", length / PAGE, pages_at(0, addr, length, 0));
		check(!munmap(addr, length), "munmap: %m");
	}
	close(fd);
	shell("wait_until 60 'pages of nobody are in use' unused 0; regions_down");
	return 0;
}
