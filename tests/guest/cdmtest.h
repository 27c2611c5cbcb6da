/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cdmtest: what the C programs of the guest tests share.
 *
 * They talk to the module alone, by its UAPI header; libcdm has tests of its
 * own. A program ends with status 1, and says why, at the first thing that is
 * not as it should be. Where a page is, is always asked of /proc/PID/pagemap,
 * and which page frames belong to a region, of the dax device: neither goes
 * through the module.
 */
#ifndef CDMTEST_H
#define CDMTEST_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/cdm.h>

#define PAGE	4096UL
#define MIB	(1UL << 20)

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Ending, and what is checked on the way */

void fail(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define check(condition, ...) \
	do { if (!(condition)) fail(__VA_ARGS__); } while (0)

void check_equal(const char *what, uint64_t wanted, uint64_t found);
/* RC is that of a system call or a *_try(): has to be -WANTED, or 0. */
void check_errno(const char *what, int wanted, int rc);

/* A number of the environment: how long a test runs where somebody asks for more. */
unsigned long env_number(const char *name, unsigned long otherwise);
/* The first number of the running kernel's version. */
unsigned int kernel_major(void);
double now(void);
void sleep_ms(unsigned int ms);

/* The whole of a test: module, regions online at the start; at the end nothing
 * is in use and the module goes within ten seconds. */
void test_begin(unsigned int nr_regions);	/* at level private */
void test_begin_at(unsigned int nr_regions, const char *level);
void test_end(void);
/* Runs a line of shell with kmod-lib.sh at hand; its status has to be 0. */
void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Regions */

int region_open(int id);
uint64_t region_read(int id, const char *attribute);
void region_text(int id, const char *attribute, char *text, size_t size);
uint64_t region_used(int id);			/* pages */
/* So many pages are in use, soon: the last reference to one may be in a batch of some
 * processor, or go with whoever looks at the process that had it. */
void region_wait_used(const char *what, int id, uint64_t wanted);
void region_check_state(int id, const char *state);
int region_online(int fd);	/* at level private; 0 or -errno */
int region_online_at(int fd, unsigned int isolation);	/* 0 or -errno */
int region_offline(int fd, unsigned int flags, uint64_t timeout_ms,
		   struct cdm_offline *result);	/* 0 or -errno */

/* Bad pages: how many of the first MAX, or -errno; 0 or -errno. */
int region_bad_pages(int fd, struct cdm_bad_page *pages, unsigned int max);
int region_retire(int fd, uint64_t addr, unsigned int source, uint64_t time);

/* Moving */

/* One call; the counts are checked against out_next. 0 or -errno. */
int move_try(int fd, struct cdm_migrate *move);
/* As many calls as it takes; the counts of all are summed up in MOVE. */
int move_loop(int fd, struct cdm_migrate *move);
/* As move_loop() for the caller's memory, and has to succeed. */
struct cdm_migrate move_range(int fd, const void *addr, size_t length, int to,
			      unsigned int flags);
uint64_t move_sum(const struct cdm_migrate *move);
/* The same again while pages are busy for a moment: everything has to move. */
void move_whole(int fd, const void *addr, size_t length, int to,
		unsigned int flags);
void move_print(const char *what, const struct cdm_migrate *move);

/* Where pages are */

void frames_scan(void);		/* after regions came or went */
int frame_where(uint64_t pfn);
int page_where(pid_t pid, const void *addr);
uint64_t page_frame(pid_t pid, const void *addr);	/* 0: not present */
bool page_is_uffd_protected(const void *addr);	/* of this process */
uint64_t pages_at(pid_t pid, const void *addr, size_t length, int where);
/* Whether one of the pages is in that page frame. */
bool frame_among(uint64_t frame, const void *addr, size_t length);
void check_where(const char *what, const void *addr, size_t length, int where);
/* CDM_RESIDENCY says what pagemap says. */
void check_residency(int fd, pid_t pid, const void *addr, size_t length);

/* Content: each word tells where it is and whose it is */

void *map_anon(size_t length);
void *map_aligned(size_t length, size_t alignment);
void content_write(void *addr, size_t length, uint64_t seed);
void content_check(const char *what, const void *addr, size_t length,
		   uint64_t seed);
/* Address of the first wrong word, or NULL. */
const uint64_t *content_find_wrong(const void *addr, size_t length,
				   uint64_t seed);

/* Bad pages: touching one is a SIGBUS */

/* Whether touching ADDR is fatal; if so TOLD is what the signal said. */
bool bus_on_touch(char *addr, bool write, siginfo_t *told);
/* Touching the page at ADDR is fatal, with the code, address and size of a bad page. */
void bus_check(char *addr);
/* A page frame goes bad, as mcelog(8) says it; 0 or -errno: bad it is all the same. */
int frame_hard_offline(uint64_t frame);

/* Values of "Name:  123 kB" lines, in kB; fails if there is none. */
uint64_t proc_kb(const char *path, const char *name);
/* The first line of a file. */
void file_text(const char *path, char *text, size_t size);
void proc_write(const char *path, const char *text);
/* Runs PART as somebody else, in a child that ends with status 0 after it. */
pid_t child_start_as(uid_t uid, gid_t gid, void (*part)(void));
/* Waits for a child and checks how it ended. */
void child_check(pid_t pid, int wanted_status);

#endif /* CDMTEST_H */
