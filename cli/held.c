// SPDX-License-Identifier: GPL-2.0-only
/* What somebody holds by hand. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "held.h"
#include "keep.h"

static const char *path_of(const char *name)
{
	const char *root = secure_getenv("LIBCDM_ROOT");

	return keep("%s/run/cdm/held%s%s", root ? root : "", name ? "/" : "",
		    name ? name : "");
}

static void make_folder(void)
{
	const char *root = secure_getenv("LIBCDM_ROOT");

	mkdir(keep("%s/run/cdm", root ? root : ""), 0755);
	mkdir(path_of(NULL), 0755);
}

static int mark_open(const char *name)
{
	make_folder();
	return open(path_of(name), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
}

/*
 * Only root can hold anything, and root can write here. If not, the policy may
 * come after us once: not worth failing for.
 */
static void mark_write(int fd)
{
	static const char text[] = "held by hand\n";

	if (pwrite(fd, text, strlen(text), 0) < 0)
		return;
}

void held_set(const char *name, bool held)
{
	int fd;

	if (!name)
		return;
	if (!held) {
		unlink(path_of(name));
		return;
	}
	fd = mark_open(name);
	if (fd >= 0) {
		mark_write(fd);
		close(fd);
	}
}

/* What held_begin() has begun. */
static const char *begun;
static int begun_fd = -1;

void held_begin(const char *name)
{
	if (!name || held_is(name))
		return;
	begun_fd = mark_open(name);
	/* somebody else may have begun just now: then it is for him to end it */
	if (begun_fd < 0 || flock(begun_fd, LOCK_EX | LOCK_NB)) {
		if (begun_fd >= 0)
			close(begun_fd);
		begun_fd = -1;
		return;
	}
	begun = keep_text(name);
}

void held_end(bool done)
{
	if (begun_fd < 0)
		return;
	if (done)
		mark_write(begun_fd);
	else
		unlink(path_of(begun));
	close(begun_fd);
	begun_fd = -1;
}

bool held_is(const char *name)
{
	struct stat st;
	bool is;
	int fd;

	fd = name ? open(path_of(name), O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	if (fd < 0)
		return false;
	is = (!fstat(fd, &st) && st.st_size) || flock(fd, LOCK_SH | LOCK_NB);
	close(fd);
	return is;
}
