// SPDX-License-Identifier: LGPL-2.1-or-later
/* Small files: reading, writing and listing them under the context's root. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

static int vpath(struct cdm_ctx *ctx, char buf[PATH_MAX], const char *format, va_list ap)
{
	int len = snprintf(buf, PATH_MAX, "%s", ctx->root);

	if (len < PATH_MAX)
		len += vsnprintf(buf + len, PATH_MAX - len, format, ap);
	return len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int cdm_path(struct cdm_ctx *ctx, char buf[PATH_MAX], const char *format, ...)
{
	va_list ap;
	int rc;

	va_start(ap, format);
	rc = vpath(ctx, buf, format, ap);
	va_end(ap);
	return rc;
}

static int read_path(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = errno;

			close(fd);
			return -err;
		}
		if (!n)
			break;
		len += n;
	}
	close(fd);
	if (len && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return len;
}

int cdm_read_file(struct cdm_ctx *ctx, char *buf, size_t size, const char *format, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int rc;

	va_start(ap, format);
	rc = vpath(ctx, path, format, ap);
	va_end(ap);
	return rc < 0 ? rc : read_path(path, buf, size);
}

/* proc and sysfs files have no size beforehand, so the buffer grows. */
int cdm_read_text(struct cdm_ctx *ctx, char **text, const char *format, ...)
{
	size_t len = 0, size = 16384;
	char path[PATH_MAX], *buf, *grown;
	va_list ap;
	ssize_t n;
	int rc, fd;

	va_start(ap, format);
	rc = vpath(ctx, path, format, ap);
	va_end(ap);
	if (rc < 0)
		return rc;
	/* in folders of configuration there may be a FIFO that nobody writes to */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	buf = malloc(size);
	rc = buf ? 0 : -ENOMEM;
	while (!rc) {
		n = read(fd, buf + len, size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = -errno;
		if (n <= 0)
			break;
		len += n;
		if (len < size - 1)
			continue;
		size *= 2;
		grown = realloc(buf, size);
		if (grown)
			buf = grown;
		else
			rc = -ENOMEM;
	}
	close(fd);
	if (rc < 0) {
		free(buf);
		return rc;
	}
	buf[len] = '\0';
	*text = buf;
	return 0;
}

int cdm_read_u64(struct cdm_ctx *ctx, uint64_t *value, const char *format, ...)
{
	char path[PATH_MAX], buf[CDM_NAME_MAX], *end;
	va_list ap;
	int rc;

	va_start(ap, format);
	rc = vpath(ctx, path, format, ap);
	va_end(ap);
	if (rc < 0)
		return rc;
	rc = read_path(path, buf, sizeof(buf));
	if (rc < 0)
		return rc;
	errno = 0;
	*value = strtoull(buf, &end, 0);
	return end == buf || *end || errno ? -EINVAL : 0;
}

int cdm_write_file(struct cdm_ctx *ctx, const char *value, const char *format, ...)
{
	char path[PATH_MAX];
	size_t len = strlen(value);
	va_list ap;
	ssize_t n;
	int rc, fd;

	va_start(ap, format);
	rc = vpath(ctx, path, format, ap);
	va_end(ap);
	if (rc < 0)
		return rc;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
	} else {
		n = write(fd, value, len);
		rc = n < 0 ? -errno : n < (ssize_t)len ? -EIO : 0;
		close(fd);
	}
	cdm_dbg(ctx, "write '%s' to %s: %s", value, path, rc < 0 ? strerror(-rc) : "done");
	return rc;
}

int cdm_read_link(struct cdm_ctx *ctx, char *buf, size_t size, const char *format, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *base;
	va_list ap;
	ssize_t n;
	int rc;

	va_start(ap, format);
	rc = vpath(ctx, path, format, ap);
	va_end(ap);
	if (rc < 0)
		return rc;
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	base = strrchr(target, '/');
	cdm_copy(buf, size, base ? base + 1 : target);
	return strlen(buf);
}

bool cdm_exists(struct cdm_ctx *ctx, const char *format, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int rc;

	va_start(ap, format);
	rc = vpath(ctx, path, format, ap);
	va_end(ap);
	return !rc && !access(path, F_OK);
}

static int compare_names(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(struct cdm_names *names, const char *name)
{
	char **grown = realloc(names->name, (names->nr + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	names->name = grown;
	grown[names->nr] = strdup(name);
	if (!grown[names->nr])
		return -ENOMEM;
	names->nr++;
	return 0;
}

int cdm_scan(struct cdm_ctx *ctx, struct cdm_names *names, const char *prefix,
	     const char *format, ...)
{
	char path[PATH_MAX];
	struct dirent *entry;
	va_list ap;
	DIR *dir;
	int rc;

	memset(names, 0, sizeof(*names));
	va_start(ap, format);
	rc = vpath(ctx, path, format, ap);
	va_end(ap);
	if (rc < 0)
		return rc;
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (!rc && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    !strncmp(entry->d_name, prefix, strlen(prefix)))
			rc = add_name(names, entry->d_name);
	closedir(dir);
	if (rc < 0) {
		cdm_names_free(names);
		return rc;
	}
	if (names->nr)
		qsort(names->name, names->nr, sizeof(*names->name), compare_names);
	return 0;
}

void cdm_names_free(struct cdm_names *names)
{
	for (unsigned int i = 0; i < names->nr; i++)
		free(names->name[i]);
	free(names->name);
	memset(names, 0, sizeof(*names));
}
