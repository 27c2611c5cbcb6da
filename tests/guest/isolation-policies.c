// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 60
 * quick: yes
 * fresh: yes
 *
 * Asking the kernel, and not cdm, for memory of the expander's node: by
 * move_pages(2), mbind(2), set_mempolicy(2), migrate_pages(2), cpusets and the
 * hugetlb pool of the node. None of it gets a page, and the node is shown nowhere
 * as one that has any.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cdmtest.h"

#define LENGTH	(4 * MIB)
#define PAGES	(LENGTH / PAGE)

#ifndef MPOL_PREFERRED_MANY
#define MPOL_PREFERRED_MANY	5
#endif
#ifndef MPOL_WEIGHTED_INTERLEAVE
#define MPOL_WEIGHTED_INTERLEAVE	6
#endif

static int fd, id;
static int node;

static void check_untouched(const char *what)
{
	check(region_used(id) == 0, "%s: %llu pages of the region are used", what,
	      (unsigned long long)region_used(id));
}

static void by_move_pages(void)
{
	char *addr = map_anon(LENGTH);
	void *pages[16];
	int nodes[16], status[16];
	unsigned int i;
	long rc;

	content_write(addr, LENGTH, 1);
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = addr + i * PAGE;
		nodes[i] = node;
		status[i] = 12345;
	}
	rc = syscall(SYS_move_pages, 0, ARRAY_SIZE(pages), pages, nodes, status,
		     MPOL_MF_MOVE);
	check(rc < 0 && errno == ENODEV, "move_pages gave %ld: %m", rc);
	check_where("after move_pages", addr, LENGTH, CDM_WHERE_RAM);

	/* Nor out of it, when cdm has moved them there. */
	move_whole(fd, addr, LENGTH, id, 0);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		nodes[i] = 0;
	rc = syscall(SYS_move_pages, 0, ARRAY_SIZE(pages), pages, nodes, status,
		     MPOL_MF_MOVE);
	note("move_pages out of the region: %ld, status %d", rc, status[0]);
	check_where("pages of the region", addr, LENGTH, id);
	content_check("pages of the region", addr, LENGTH, 1);
	munmap(addr, LENGTH);
	check_untouched("move_pages");
}

static void check_policy_memory(const char *what, char *addr)
{
	content_write(addr, LENGTH, 2);
	check_where(what, addr, LENGTH, CDM_WHERE_RAM);
	munmap(addr, LENGTH);
	check_untouched(what);
}

/* With the node alone, and with the node beside one that has memory. */
static void by_policy(int mode, const char *name)
{
	unsigned long alone[2] = { 1UL << node }, both[2] = { 1UL << node | 1 };
	char *addr = map_anon(LENGTH);
	long rc;

	rc = syscall(SYS_mbind, addr, LENGTH, mode, alone, 128, 0);
	check(rc < 0 && errno == EINVAL, "mbind, %s: %ld %m", name, rc);
	rc = syscall(SYS_set_mempolicy, mode, alone, 128);
	check(rc < 0 && errno == EINVAL, "set_mempolicy, %s: %ld %m", name, rc);
	/* The kernel may take the node that it knows; that is not the other. */
	rc = syscall(SYS_mbind, addr, LENGTH, mode, both, 128, 0);
	check_policy_memory(name, addr);

	addr = map_anon(LENGTH);
	if (!syscall(SYS_set_mempolicy, mode, both, 128))
		rc = 0;
	check_policy_memory(name, addr);
	check(!syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0),
	      "set_mempolicy: %m");
	note("%s: with node 0: %s", name, rc ? "refused" : "taken");
}

static void by_migrate_pages(void)
{
	unsigned long from[2] = { 1 }, to[2] = { 1UL << node };
	char *addr = map_anon(LENGTH);
	long rc;

	content_write(addr, LENGTH, 3);
	rc = syscall(SYS_migrate_pages, 0, 128, from, to);
	check(rc < 0, "migrate_pages gave %ld", rc);
	check_where("after migrate_pages", addr, LENGTH, CDM_WHERE_RAM);
	munmap(addr, LENGTH);
	check_untouched("migrate_pages");
}

/* A control group with that node alone, if the kernel lets one have it. */
static void by_cpuset(void)
{
	const char *group = "/sys/fs/cgroup/cdm-test";
	char text[32], path[64];
	int file;
	pid_t pid;

	proc_write("/sys/fs/cgroup/cgroup.subtree_control", "+cpuset");
	check(!mkdir(group, 0755), "%s: %m", group);
	snprintf(path, sizeof(path), "%s/cpuset.mems", group);
	snprintf(text, sizeof(text), "%d", node);
	file = open(path, O_WRONLY);
	check(file >= 0, "%s: %m", path);
	note("cpuset.mems=%s: %s", text,
	     write(file, text, strlen(text)) < 0 ? strerrorname_np(errno) :
	     "taken");
	snprintf(text, sizeof(text), "0,%d", node);
	note("cpuset.mems=%s: %s", text,
	     write(file, text, strlen(text)) < 0 ? strerrorname_np(errno) :
	     "taken");
	close(file);

	pid = fork();
	if (!pid) {
		char *addr;

		snprintf(path, sizeof(path), "%s/cgroup.procs", group);
		proc_write(path, "0");
		addr = map_anon(LENGTH);
		content_write(addr, LENGTH, 4);
		check_where("in a cpuset", addr, LENGTH, CDM_WHERE_RAM);
		check_untouched("cpuset.mems");
		_exit(0);
	}
	child_check(pid, 0);
	check(!rmdir(group), "%s: %m", group);
}

/* Lists of nodes say "0" or "0-1,3". */
static bool list_has(const char *list, int wanted)
{
	int first, last, length;

	while (*list) {
		if (sscanf(list, "%d%n", &first, &length) != 1)
			return false;
		list += length;
		last = first;
		if (*list == '-' && sscanf(list + 1, "%d%n", &last, &length) == 1)
			list += 1 + length;
		if (wanted >= first && wanted <= last)
			return true;
		if (*list == ',')
			list++;
	}
	return false;
}

static void check_not_listed(const char *name)
{
	char path[96], list[256] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/sys/devices/system/node/%s", name);
	file = fopen(path, "re");
	check(file, "%s: %m", path);
	check(fgets(list, sizeof(list), file), "%s is empty", path);
	fclose(file);
	check(list_has(list, 0), "%s does not name node 0: %s", path, list);
	check(!list_has(list, node), "%s names node %d: %s", path, node, list);
}

/* Free pages of the node, as the files of the allocator count them. */
static void check_nothing_in(const char *path)
{
	char line[512], prefix[32];
	bool any = false;
	int zone_of = -1;
	unsigned long value;
	FILE *file = fopen(path, "re");

	check(file, "%s: %m", path);
	snprintf(prefix, sizeof(prefix), "Node %d,", node);
	while (fgets(line, sizeof(line), file)) {
		any = true;
		if (!strncmp(line, "Node ", 5))
			zone_of = atoi(line + 5);
		if (zone_of != node)
			continue;
		if (strstr(path, "buddyinfo"))
			fail("%s: %s", path, line);
		if (sscanf(line, " managed %lu", &value) == 1 ||
		    sscanf(line, " pages free %lu", &value) == 1)
			check(!value, "%s: node %d: %s", path, node, line);
	}
	check(any, "%s is empty", path);
	fclose(file);
}

static void shown_nowhere(void)
{
	char path[96];

	check_not_listed("online");
	check_not_listed("has_memory");
	check_not_listed("has_normal_memory");
	check_nothing_in("/proc/buddyinfo");
	check_nothing_in("/proc/zoneinfo");
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/hugepages",
		 node);
	check(access(path, F_OK), "there is a hugetlb pool of node %d", node);
	shell("no_memory_blocks %d", id);
}

int main(void)
{
	test_begin(1);
	fd = region_open(id);
	node = region_read(id, "node");
	check(node > 0, "the expander is on node %d", node);
	/* Pages that could be taken, if there were a way. */
	shell("\"$here\"/kmod-region populate %d", id);

	by_move_pages();
	by_policy(MPOL_BIND, "MPOL_BIND");
	by_policy(MPOL_PREFERRED, "MPOL_PREFERRED");
	by_policy(MPOL_INTERLEAVE, "MPOL_INTERLEAVE");
	by_policy(MPOL_PREFERRED_MANY, "MPOL_PREFERRED_MANY");
	by_policy(MPOL_WEIGHTED_INTERLEAVE, "MPOL_WEIGHTED_INTERLEAVE");
	by_migrate_pages();
	by_cpuset();
	shown_nowhere();
	close(fd);
	test_end();
	return 0;
}
