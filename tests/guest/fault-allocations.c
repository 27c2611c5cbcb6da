// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: debug
 * vm: --expander 512M
 * timeout: 240
 * fresh: yes
 *
 * Each allocation that the module makes, or has the kernel make, fails once: while the
 * region is opened, asked, put online, filled, emptied, drained, hit by a bad page,
 * unbound and bound, and the module unloaded. Every time the call ends with ENOMEM or
 * does without, nothing is lost, and the same call succeeds when it comes again. At
 * the end, with the module gone, all that was allocated below its functions is free
 * again. Says how many sites there are and how many failed. See kmod-faults/.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cdmtest.h"

#define LENGTH		(2 * MIB)
#define PAGES		(LENGTH / PAGE)
#define SEED		7
#define SITES_MAX	300
#define WAYS_MAX	2048
#define LIMIT_S		180	/* for what takes a second, such as a block that is left alone */

#define FAULTS		"/proc/cdm_faults"

static int fd = -1;
static const int id;
static char *memory;
static char dax[64];
static char module[256];

/* SITE: the stack of what failed. Return: whether something did. */
static bool faults_read(char *site, size_t size)
{
	int failed, at = 0;

	file_text(FAULTS, site, size);
	check(sscanf(site, "failed %d %n", &failed, &at) == 1, FAULTS ": %s", site);
	memmove(site, site + at, strlen(site + at) + 1);
	return failed;
}

static bool region_is_there(void)
{
	return !access("/dev/cdm0", F_OK);
}

/* 0 or -errno */
static int write_try(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	rc = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

/* What is tried: prepared without faults, done with them, undone without. */

static int do_load(void)
{
	int file = open(module, O_RDONLY | O_CLOEXEC), rc;

	check(file >= 0, "%s: %m", module);
	rc = syscall(SYS_finit_module, file, "", 0) ? -errno : 0;
	close(file);
	return rc;
}

static int do_unload(void)
{
	return syscall(SYS_delete_module, "cdm", O_NONBLOCK) ? -errno : 0;
}

static bool is_loaded(void)
{
	return !access("/sys/module/cdm", F_OK);
}

static void load(void)
{
	if (!is_loaded())
		check_errno("load", 0, do_load());
}

static void unload(void)
{
	if (is_loaded())
		check_errno("unload", 0, do_unload());
}

static bool is_bound(void)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/dax/drivers/cdm/%s", dax);
	return !access(path, F_OK);
}

static int do_unbind(void)
{
	return write_try("/sys/bus/dax/drivers/cdm/unbind", dax);
}

static void unbound(void)
{
	load();
	if (is_bound())
		check_errno("unbind", 0, do_unbind());
}

/* A device that becomes no region is held without use, so that kmem does not get it. */
static int do_bind(void)
{
	int rc;

	if (is_bound())
		check_errno("unbind", 0, do_unbind());
	rc = write_try("/sys/bus/dax/drivers/cdm/bind", dax);
	check(!rc && is_bound(), "%s is left to other drivers: %s", dax, strerror(-rc));
	return region_is_there() ? 0 : -ENOMEM;
}

static void bound(void)
{
	load();
	if (!is_bound() || !region_is_there())
		check_errno("bind", 0, do_bind());
}

static int do_open(void)
{
	int rc = open("/dev/cdm0", O_RDWR | O_CLOEXEC);

	if (rc < 0)
		return -errno;
	close(rc);
	return 0;
}

static void opened(void)
{
	bound();
	fd = region_open(id);
}

static void closed(void)
{
	close(fd);
	fd = -1;
}

/* At level reserved one block is enough: each of them is a walk through the kernel's hotplug. */
static int online_at(unsigned int isolation)
{
	struct cdm_online online = {
		.size = sizeof(online),
		.isolation = isolation,
		.length = isolation == CDM_ISOLATION_PRIVATE ? 0 :
			  region_read(id, "block_size"),
	};

	return ioctl(fd, CDM_ONLINE, &online) ? -errno : 0;
}

static int do_online(void)
{
	return online_at(CDM_ISOLATION_PRIVATE);
}

static int do_online_reserved(void)
{
	return online_at(CDM_ISOLATION_RESERVED);
}

static void online(void)
{
	opened();
	check_errno("online", 0, do_online());
}

static void online_reserved(void)
{
	opened();
	check_errno("online, reserved", 0, do_online_reserved());
}

static void offline(void)
{
	int rc = region_offline(fd, 0, LIMIT_S * 1000, NULL);

	check(!rc || rc == -EALREADY, "offline: %s", strerror(-rc));
	closed();
}

static int move_all(int to, unsigned int flags, uint64_t *stayed)
{
	struct cdm_migrate move = {
		.flags = flags,
		.from = CDM_WHERE_ANY,
		.to = to,
		.addr = (uintptr_t)memory,
		.length = LENGTH,
	};
	int rc = move_loop(fd, &move);

	*stayed = PAGES - move.out_moved - move.out_populated - move.out_already;
	return rc;
}

/* Pages that stayed are what a failed allocation looks like from outside. */
static int move_result(int rc, uint64_t stayed)
{
	return rc ?: stayed ? -ENOMEM : 0;
}

static int do_fill(void)
{
	uint64_t stayed;
	int rc = move_all(id, CDM_MIGRATE_POPULATE, &stayed);

	return move_result(rc, stayed);
}

static int do_in(void)
{
	uint64_t stayed;
	int rc = move_all(id, 0, &stayed);

	return move_result(rc, stayed);
}

static int do_out(void)
{
	uint64_t stayed;
	int rc = move_all(CDM_WHERE_RAM, 0, &stayed);

	return move_result(rc, stayed);
}

static void empty_memory(void)
{
	online();
	memory = map_aligned(LENGTH, 2 * MIB);
}

static void write_memory(int advice)
{
	memory = map_aligned(LENGTH, 2 * MIB);
	madvise(memory, LENGTH, advice);
	content_write(memory, LENGTH, SEED);
}

static void huge_memory(void)
{
	online();
	write_memory(MADV_HUGEPAGE);
}

static void small_memory(void)
{
	online();
	write_memory(MADV_NOHUGEPAGE);
}

static void memory_on_region(void)
{
	small_memory();
	move_whole(fd, memory, LENGTH, id, 0);
}

static void huge_for_reserved(void)
{
	online_reserved();
	write_memory(MADV_HUGEPAGE);
}

static void small_for_reserved(void)
{
	online_reserved();
	write_memory(MADV_NOHUGEPAGE);
}

static void huge_on_reserved(void)
{
	huge_for_reserved();
	move_whole(fd, memory, LENGTH, id, 0);
}

/* Ordinary pages may sit in some processor's batch for a while. */
static void drop_memory(void)
{
	char level[32];

	munmap(memory, LENGTH);
	memory = NULL;
	region_text(id, "isolation", level, sizeof(level));
	if (!strcmp(level, "private"))
		check_equal("used", 0, region_used(id));
	offline();
}

static void drop_content(void)
{
	content_check("after faults", memory, LENGTH, SEED);
	drop_memory();
}

static int do_residency(void)
{
	struct cdm_extent extents[64];
	struct cdm_residency residency = {
		.size = sizeof(residency),
		.nr_extents = ARRAY_SIZE(extents),
		.addr = (uintptr_t)memory,
		.length = LENGTH,
		.extents = (uintptr_t)extents,
	};

	return ioctl(fd, CDM_RESIDENCY, &residency) ? -errno : 0;
}

static int do_blocks(void)
{
	struct cdm_block_info info[8];
	struct cdm_blocks blocks = {
		.size = sizeof(blocks),
		.nr_blocks = ARRAY_SIZE(info),
		.blocks = (uintptr_t)info,
	};

	return ioctl(fd, CDM_BLOCKS, &blocks) ? -errno : 0;
}

static int do_offline(void)
{
	int rc = region_offline(fd, 0, LIMIT_S * 1000, NULL);

	return rc == -EALREADY ? 0 : rc;
}

static int set_level(unsigned int isolation)
{
	struct cdm_set_isolation set = {
		.size = sizeof(set),
		.isolation = isolation,
		.timeout_ms = LIMIT_S * 1000,
	};

	if (isolation != CDM_ISOLATION_PRIVATE)
		set.length = region_read(id, "block_size");
	return ioctl(fd, CDM_SET_ISOLATION, &set) && errno != EALREADY ? -errno : 0;
}

static int do_make_reserved(void)
{
	return set_level(CDM_ISOLATION_RESERVED);
}

static int do_make_private(void)
{
	return set_level(CDM_ISOLATION_PRIVATE);
}

static int do_bad_pages(void)
{
	struct cdm_bad_page pages[8];
	int rc = region_bad_pages(fd, pages, ARRAY_SIZE(pages));

	return rc < 0 ? rc : 0;
}

/* Before the region is online, the first page of it. */
static int do_retire(void)
{
	char path[128], start[32];
	int rc;

	snprintf(path, sizeof(path), "/sys/bus/dax/devices/%s/resource", dax);
	file_text(path, start, sizeof(start));
	rc = region_retire(fd, strtoull(start, NULL, 0), CDM_BAD_DEVICE, 1);
	return rc == -EALREADY ? 0 : rc;
}

static void forget_retired(void)
{
	closed();
	unbound();
}

static int do_poison(void)
{
	return madvise(memory, PAGE, MADV_HWPOISON) ? -errno : 0;
}

/* It is remembered, whatever cannot be had: nobody may get it ever again. */
static void drop_poisoned(void)
{
	struct cdm_bad_page pages[2];

	check_equal("bad pages", 1, region_bad_pages(fd, pages, ARRAY_SIZE(pages)));
	munmap(memory, LENGTH);
	memory = NULL;
	check_equal("used", 0, region_used(id));
	offline();
	unbound();
}

/* With pages in use: they are all brought back. */
static void content_stays(void)
{
	closed();
	content_check("after the region went", memory, LENGTH, SEED);
	munmap(memory, LENGTH);
	memory = NULL;
}

static void nothing(void)
{
}

static const struct step {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	void (*undo)(void);
	bool certain;		/* cannot fail, whatever cannot be had */
	bool once;		/* not the same thing a second time */
	bool rest;		/* only sites that have not failed yet, if there are any */
} steps[] = {
	{ "open", bound, do_open, nothing, .rest = true },
	{ "online", opened, do_online, offline },
	{ "populate", empty_memory, do_fill, drop_memory },
	{ "move in, small pages", small_memory, do_in, drop_content },
	{ "move in, huge pages", huge_memory, do_in, drop_content, .rest = true },
	{ "move out", memory_on_region, do_out, drop_content },
	{ "residency", memory_on_region, do_residency, drop_content },
	{ "blocks", memory_on_region, do_blocks, drop_content, .rest = true },
	{ "list of bad pages", opened, do_bad_pages, closed },
	{ "retire", opened, do_retire, forget_retired },
	{ "offline", memory_on_region, do_offline, drop_content },
	{ "bad page", memory_on_region, do_poison, drop_poisoned, .certain = true, .once = true },
	{ "online, reserved", opened, do_online_reserved, offline },
	{ "move in, small pages, reserved", small_for_reserved, do_in, drop_content },
	{ "move in, huge pages, reserved", huge_for_reserved, do_in, drop_content, .rest = true },
	{ "move out, reserved", huge_on_reserved, do_out, drop_content },
	{ "offline, reserved", huge_on_reserved, do_offline, drop_content, .rest = true },
	{ "private to reserved", memory_on_region, do_make_reserved, drop_content, .rest = true },
	{ "reserved to private", huge_on_reserved, do_make_private, drop_content, .rest = true },
	{ "unbind", memory_on_region, do_unbind, content_stays, .certain = true, .once = true },
	{ "unbind, reserved", huge_on_reserved, do_unbind, content_stays, .certain = true, .once = true,
	  .rest = true },
	{ "bind", unbound, do_bind, nothing },
	{ "unload", bound, do_unload, load, .certain = true, .once = true, .rest = true },
};

/* The same call again, without faults: has to succeed. */
static void again(const struct step *step, const char *site)
{
	double end = now() + LIMIT_S;
	int rc;

	do {
		rc = step->run();
		if (!rc)
			return;
		sleep_ms(100);
	} while (now() < end);
	fail("%s: does not succeed afterwards: %s; failed was %s", step->name,
	     strerror(-rc), site);
}

/* Return: whether a site failed. */
static bool step_fail(const struct step *step, unsigned int *errors)
{
	char site[2048];
	bool failed;
	int rc;

	step->prepare();
	proc_write(FAULTS, "fail");
	rc = step->run();
	proc_write(FAULTS, "off");
	failed = faults_read(site, sizeof(site));
	if (getenv("FAULT_VERBOSE") && failed)
		note("%s: %s: %s", step->name, strerror(-rc), site);
	check(!rc || !step->certain, "%s: %s: %s", step->name, strerror(-rc), site);
	/* Pages that somebody else looks at for a moment stay without a fault, too. */
	check(!rc || rc == -ENOMEM, "%s: %s: %s", step->name, strerror(-rc), site);
	*errors += failed && rc;
	if (rc && !step->once)
		again(step, site);
	step->undo();
	return failed;
}

static void step_walk(const struct step *step)
{
	unsigned int sites = 0, errors = 0;
	double began = now();

	proc_write(FAULTS, step->rest ? "rest" : "walk");
	while (step_fail(step, &errors))
		check(++sites < SITES_MAX, "%s: more than %d sites", step->name,
		      SITES_MAX);
	check(sites || step->rest, "%s: nothing failed", step->name);
	note("%s: %u sites failed one after another, %u times it ended with an error; %.1f s",
	     step->name, sites, errors, now() - began);
}

/* The table of all sites. */
static void report(void)
{
	unsigned long all = 0, hit = 0, later_only = 0, plain, later, failed;
	char *line = NULL;
	size_t size = 0;
	FILE *file = fopen(FAULTS, "re");

	check(file, FAULTS ": %m");
	while (getline(&line, &size, file) > 0) {
		if (sscanf(line, "site %*s plain %lu later %lu failed %lu", &plain,
			   &later, &failed) != 3)
			continue;
		all++;
		hit += failed > 0;
		later_only += !plain;
		if (!failed)
			printf("never failed: %s", line);
	}
	free(line);
	fclose(file);
	note("%lu allocation sites, %lu of them failed; %lu were met only after another had failed",
	     all, hit, later_only);
}

/* What was allocated on one way from the module, and is not free again. */
struct live {
	unsigned int way;
	long nr;
	char *line;
};

/* Names that somebody looked up in sysfs hold what they named. */
static size_t live_read(struct live *live)
{
	char *line = NULL;
	size_t size = 0, nr = 0;
	FILE *file;

	proc_write("/proc/sys/vm/drop_caches", "2");
	proc_write(FAULTS, "settle");
	file = fopen(FAULTS, "re");
	check(file, FAULTS ": %m");
	while (getline(&line, &size, file) > 0) {
		check(strcmp(line, "uncounted\n"), "not all that was allocated was counted");
		if (sscanf(line, "live %x %ld", &live[nr].way, &live[nr].nr) != 2)
			continue;
		live[nr].line = line;
		line = NULL;
		size = 0;
		check(++nr < WAYS_MAX, "more than %d ways", WAYS_MAX);
	}
	free(line);
	fclose(file);
	return nr;
}

static void live_free(struct live *live, size_t nr)
{
	while (nr--)
		free(live[nr].line);
}

static long live_of(const struct live *live, size_t nr, unsigned int way)
{
	while (nr--)
		if (live[nr].way == way)
			return live[nr].nr;
	return 0;
}

/* How many objects more than WAS there are. */
static long live_excess(const struct live *was, size_t nr_was, bool show)
{
	static struct live live[WAYS_MAX];
	size_t nr = live_read(live), i;
	long more, all = 0;

	for (i = 0; i < nr; i++) {
		more = live[i].nr - live_of(was, nr_was, live[i].way);
		if (more <= 0)
			continue;
		all += more;
		if (show)
			note("%ld objects that nobody has freed: %s", more, live[i].line);
	}
	live_free(live, nr);
	return all;
}

/* What goes after a grace period, or by a worker, is waited for. */
static void check_leaks(const struct live *was, size_t nr_was)
{
	double end = now() + LIMIT_S;

	while (live_excess(was, nr_was, false) && now() < end)
		sleep_ms(500);
	check(!live_excess(was, nr_was, true), "memory is lost");
}

/* FAULT_STEP: a pattern for those that somebody looks into */
static bool is_wanted(const struct step *step)
{
	const char *only = getenv("FAULT_STEP");

	return !only || !fnmatch(only, step->name, FNM_EXTMATCH);
}

static void step_plain(const struct step *step)
{
	step->prepare();
	if (step->run())
		again(step, "nothing");
	step->undo();
}

/* Nobody starts a unit for each of the hundreds of regions that come and go. */
static void no_policy(void)
{
	shell("mkdir -p /run/udev/rules.d");
	shell("ln -sf /dev/null /run/udev/rules.d/90-cdm.rules");
	shell("udevadm control --reload; udevadm settle --timeout=60");
}

static void find_module(void)
{
	FILE *pipe = popen("modinfo -n cdm", "re");

	check(pipe && fgets(module, sizeof(module), pipe), "where is cdm.ko?");
	pclose(pipe);
	module[strcspn(module, "\n")] = '\0';
}

int main(void)
{
	static struct live before[WAYS_MAX];
	size_t nr_before, i;

	find_module();
	shell("insmod \"$here/$(uname -r)/kmod_faults.ko\"");
	test_begin(1);
	region_text(id, "dax", dax, sizeof(dax));
	shell("\"$here\"/kmod-region offline 0");
	no_policy();

	for (i = 0; i < ARRAY_SIZE(steps); i++)
		if (is_wanted(&steps[i]))
			step_plain(&steps[i]);
	unload();
	nr_before = live_read(before);
	note("each step was done without faults: %zu ways lead to allocations", nr_before);

	for (i = 0; i < ARRAY_SIZE(steps); i++)
		if (is_wanted(&steps[i]))
			step_walk(&steps[i]);
	unload();
	report();
	check_leaks(before, nr_before);
	shell("rmmod kmod_faults");
	return 0;
}
