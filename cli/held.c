// SPDX-License-Identifier: GPL-2.0-only
/* What somebody holds by hand. */
#include <fcntl.h>
#include <stdlib.h>
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

/*
 * Only root can hold anything, and root can write here. If not, the policy may
 * come after us once: not worth failing for.
 */
static void mark(const char *name)
{
	int fd;

	make_folder();
	fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0)
		close(fd);
}

void held_set(const char *name, bool held)
{
	if (!name)
		return;
	if (held)
		mark(name);
	else
		unlink(path_of(name));
}

bool held_is(const char *name)
{
	return name && !access(path_of(name), F_OK);
}
