// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdmtest: what the C programs of the guest tests share.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cdmtest.h"

#define REGIONS	"/sys/bus/cdm/devices"

/* Ending */

void fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("FAIL: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

void check_equal(const char *what, uint64_t wanted, uint64_t found)
{
	check(wanted == found, "%s: expected %llu, found %llu", what,
	      (unsigned long long)wanted, (unsigned long long)found);
}

void check_errno(const char *what, int wanted, int rc)
{
	check(rc == -wanted, "%s: expected %s, found %s", what,
	      wanted ? strerrorname_np(wanted) : "success",
	      rc ? strerrorname_np(-rc) : "success");
}

unsigned long env_number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

unsigned int kernel_major(void)
{
	struct utsname name;

	check(!uname(&name), "uname: %m");
	return atoi(name.release);
}

double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

void sleep_ms(unsigned int ms)
{
	const struct timespec time = {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000L,
	};

	nanosleep(&time, NULL);
}

void shell(const char *format, ...)
{
	char path[512], line[1024], command[2048];
	va_list args;
	ssize_t length;
	int status;

	length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	check(length > 0, "/proc/self/exe: %m");
	path[length] = '\0';
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	snprintf(command, sizeof(command), "exec bash -c '. %s/kmod-lib.sh; %s'",
		 dirname(path), line);
	fflush(stdout);
	status = system(command);
	check(status == 0, "'%s' ended with %#x", line, status);
}

void test_begin(unsigned int nr_regions)
{
	test_begin_at(nr_regions, "private");
}

void test_begin_at(unsigned int nr_regions, const char *level)
{
	shell("regions_up %u %s", nr_regions, level);
	frames_scan();
}

void test_end(void)
{
	shell("regions_down");
}

static sigjmp_buf touched;
static siginfo_t bus_told;

static void on_bus(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	bus_told = *info;
	siglongjmp(touched, 1);
}

bool bus_on_touch(char *addr, bool write, siginfo_t *told)
{
	const struct sigaction action = { .sa_sigaction = on_bus,
					  .sa_flags = SA_SIGINFO };
	struct sigaction before;
	volatile bool fatal = false;

	sigaction(SIGBUS, &action, &before);
	if (sigsetjmp(touched, 1))
		fatal = true;
	else if (write)
		*(volatile char *)addr = 1;
	else
		(void)*(volatile char *)addr;
	sigaction(SIGBUS, &before, NULL);
	if (fatal)
		*told = bus_told;
	return fatal;
}

void bus_check(char *addr)
{
	siginfo_t told;

	check(bus_on_touch(addr + 100, false, &told), "reading was not fatal");
	check_equal("si_code", BUS_MCEERR_AR, told.si_code);
	check(((uintptr_t)told.si_addr & -PAGE) == (uintptr_t)addr,
	      "si_addr is %p, the page is at %p", told.si_addr, addr);
	check_equal("si_addr_lsb", 12, told.si_addr_lsb);
	check(bus_on_touch(addr + 200, true, &told), "writing was not fatal");
}

int frame_hard_offline(uint64_t frame)
{
	int file = open("/sys/devices/system/memory/hard_offline_page", O_WRONLY);
	char text[32];
	int length = snprintf(text, sizeof(text), "%#llx",
			      (unsigned long long)frame * PAGE);
	int rc = 0;

	check(file >= 0, "hard_offline_page: %m");
	if (write(file, text, length) != length)
		rc = -errno;
	close(file);
	return rc;
}

pid_t child_start_as(uid_t uid, gid_t gid, void (*part)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	check(pid >= 0, "fork: %m");
	if (pid)
		return pid;
	check(!setgroups(1, &gid) && !setresgid(gid, gid, gid) &&
	      !setresuid(uid, uid, uid), "becoming %u: %m", uid);
	/* What setuid took away: a user's own /proc files. */
	prctl(PR_SET_DUMPABLE, 1);
	part();
	fflush(stdout);
	exit(0);
}

void child_check(pid_t pid, int wanted_status)
{
	int status;

	check(waitpid(pid, &status, 0) == pid, "waitpid: %m");
	check(status == wanted_status, "a child ended with %#x, expected %#x",
	      status, wanted_status);
}

/* Small files */

void file_text(const char *path, char *text, size_t size)
{
	ssize_t length;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	check(fd >= 0, "%s: %m", path);
	length = read(fd, text, size - 1);
	check(length >= 0, "%s: %m", path);
	close(fd);
	text[length] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

void proc_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	check(fd >= 0, "%s: %m", path);
	check(write(fd, text, strlen(text)) == (ssize_t)strlen(text),
	      "%s: writing %s: %m", path, text);
	close(fd);
}

uint64_t proc_kb(const char *path, const char *name)
{
	size_t length = strlen(name);
	unsigned long long value;
	char line[256];
	FILE *file = fopen(path, "re");

	check(file, "%s: %m", path);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, length) || line[length] != ':')
			continue;
		check(sscanf(line + length + 1, "%llu", &value) == 1,
		      "%s: %s", path, line);
		fclose(file);
		return value;
	}
	fail("%s has no %s", path, name);
}

/* Regions */

int region_open(int id)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/cdm%d", id);
	fd = open(path, O_RDWR | O_CLOEXEC);
	check(fd >= 0, "%s: %m", path);
	return fd;
}

void region_text(int id, const char *attribute, char *text, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), REGIONS "/cdm%d/%s", id, attribute);
	file_text(path, text, size);
}

uint64_t region_read(int id, const char *attribute)
{
	char text[64];

	region_text(id, attribute, text, sizeof(text));
	return strtoull(text, NULL, 0);
}

uint64_t region_used(int id)
{
	return region_read(id, "used") / PAGE;
}

void region_wait_used(const char *what, int id, uint64_t wanted)
{
	double end = now() + 30;

	while (region_used(id) != wanted && now() < end) {
		/* Compaction begins with looking at the batches of all processors. */
		proc_write("/proc/sys/vm/compact_memory", "1");
		sleep_ms(20);
	}
	check_equal(what, wanted, region_used(id));
}

void region_check_state(int id, const char *state)
{
	char text[64];

	region_text(id, "state", text, sizeof(text));
	check(!strcmp(text, state), "cdm%d is %s, expected %s", id, text, state);
}

int region_online(int fd)
{
	return region_online_at(fd, CDM_ISOLATION_PRIVATE);
}

int region_online_at(int fd, unsigned int isolation)
{
	struct cdm_online online = {
		.size = sizeof(online),
		.isolation = isolation,
	};

	return ioctl(fd, CDM_ONLINE, &online) ? -errno : 0;
}

int region_offline(int fd, unsigned int flags, uint64_t timeout_ms,
		   struct cdm_offline *result)
{
	struct cdm_offline offline = {
		.size = sizeof(offline),
		.flags = flags,
		.timeout_ms = timeout_ms,
	};
	int rc = ioctl(fd, CDM_OFFLINE, &offline) ? -errno : 0;

	if (result)
		*result = offline;
	return rc;
}

int region_bad_pages(int fd, struct cdm_bad_page *pages, unsigned int max)
{
	struct cdm_bad_pages bad = {
		.size = sizeof(bad),
		.nr_pages = max,
		.pages = (uintptr_t)pages,
	};

	return ioctl(fd, CDM_BAD_PAGES, &bad) ? -errno : (int)bad.out_nr_pages;
}

int region_retire(int fd, uint64_t addr, unsigned int source, uint64_t time)
{
	struct cdm_retire retire = {
		.size = sizeof(retire),
		.source = source,
		.addr = addr,
		.time = time,
	};

	return ioctl(fd, CDM_RETIRE, &retire) ? -errno : 0;
}

/* Moving */

/* The counts follow each other in the struct: as an array. */
#define MOVE_COUNTS	13
/* With those that count some of them again. */
#define MOVE_ALL_COUNTS	(MOVE_COUNTS + 2)
_Static_assert(offsetof(struct cdm_migrate, out_unmapped) -
	       offsetof(struct cdm_migrate, out_moved) ==
	       (MOVE_COUNTS - 1) * sizeof(__u64), "counts of cdm_migrate");

static __u64 *move_counts(struct cdm_migrate *move)
{
	return (__u64 *)((char *)move +
			    offsetof(struct cdm_migrate, out_moved));
}

uint64_t move_sum(const struct cdm_migrate *move)
{
	struct cdm_migrate copy = *move;
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < MOVE_COUNTS; i++)
		sum += move_counts(&copy)[i];
	return sum;
}

void move_print(const char *what, const struct cdm_migrate *move)
{
	static const char * const names[MOVE_COUNTS] = {
		"moved", "populated", "already", "filtered", "not_present",
		"busy", "shared", "file", "huge", "unsupported", "no_space",
		"retired", "unmapped",
	};
	struct cdm_migrate copy = *move;
	unsigned int i;

	printf("%s:", what);
	for (i = 0; i < MOVE_COUNTS; i++)
		if (move_counts(&copy)[i])
			printf(" %s %llu", names[i],
			       (unsigned long long)move_counts(&copy)[i]);
	if (move->out_whole || move->out_split)
		printf(" (whole %llu, split %llu)",
		       (unsigned long long)move->out_whole,
		       (unsigned long long)move->out_split);
	putchar('\n');
	fflush(stdout);
}

int move_try(int fd, struct cdm_migrate *move)
{
	move->size = sizeof(*move);
	if (ioctl(fd, CDM_MIGRATE, move))
		return -errno;
	check(move->out_next >= move->addr &&
	      move->out_next <= move->addr + move->length,
	      "out_next %#llx is not in %#llx + %#llx",
	      (unsigned long long)move->out_next,
	      (unsigned long long)move->addr, (unsigned long long)move->length);
	check_equal("sum of the counts of one call",
		    (move->out_next - move->addr) / PAGE, move_sum(move));
	return 0;
}

int move_loop(int fd, struct cdm_migrate *move)
{
	struct cdm_migrate part = *move;
	uint64_t end = move->addr + move->length;
	unsigned int i;
	int rc;

	memset(move_counts(move), 0, MOVE_ALL_COUNTS * sizeof(__u64));
	while (part.addr < end) {
		part.length = end - part.addr;
		rc = move_try(fd, &part);
		if (rc == -EINTR || rc == -EAGAIN)
			continue;
		if (rc)
			return rc;
		for (i = 0; i < MOVE_ALL_COUNTS; i++)
			move_counts(move)[i] += move_counts(&part)[i];
		part.addr = part.out_next;
	}
	move->out_next = part.addr;
	return 0;
}

struct cdm_migrate move_range(int fd, const void *addr, size_t length, int to,
			      unsigned int flags)
{
	struct cdm_migrate move = {
		.flags = flags,
		.from = CDM_WHERE_ANY,
		.to = to,
		.addr = (uintptr_t)addr,
		.length = length,
	};
	int rc = move_loop(fd, &move);

	check(!rc, "moving %#zx bytes at %p to %d: %s", length, addr, to,
	      strerror(-rc));
	return move;
}

void move_whole(int fd, const void *addr, size_t length, int to,
		unsigned int flags)
{
	struct cdm_migrate move = { 0 };
	unsigned int tries;

	for (tries = 0; tries < 50; tries++) {
		move = move_range(fd, addr, length, to, flags);
		if (!move.out_busy)
			break;
		sleep_ms(20);
	}
	if (move.out_moved + move.out_populated + move.out_already !=
	    length / PAGE) {
		move_print("not everything moved", &move);
		fail("%#zx bytes at %p did not go to %d", length, addr, to);
	}
}

/* Content */

void *map_anon(size_t length)
{
	void *addr = mmap(NULL, length, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(addr != MAP_FAILED, "mmap of %zu bytes: %m", length);
	return addr;
}

void *map_aligned(size_t length, size_t alignment)
{
	char *addr = map_anon(length + alignment);
	size_t lead = -(uintptr_t)addr % alignment;

	if (lead)
		munmap(addr, lead);
	munmap(addr + lead + length, alignment - lead);
	return addr + lead;
}

static uint64_t content_word(uint64_t seed, size_t index)
{
	return (seed << 40 | index) * 0x9e3779b97f4a7c15ULL;
}

void content_write(void *addr, size_t length, uint64_t seed)
{
	uint64_t *words = addr;
	size_t i;

	for (i = 0; i < length / 8; i++)
		words[i] = content_word(seed, i);
}

const uint64_t *content_find_wrong(const void *addr, size_t length,
				   uint64_t seed)
{
	const volatile uint64_t *words = addr;
	size_t i;

	for (i = 0; i < length / 8; i++)
		if (words[i] != content_word(seed, i))
			return (const uint64_t *)&words[i];
	return NULL;
}

void content_check(const char *what, const void *addr, size_t length,
		   uint64_t seed)
{
	const uint64_t *wrong = content_find_wrong(addr, length, seed);

	check(!wrong, "%s: wrong content at offset %#zx: %#llx", what,
	      (size_t)((const char *)wrong - (const char *)addr),
	      (unsigned long long)*wrong);
}
