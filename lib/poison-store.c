// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Bad pages that are remembered: /var/lib/cdm/poison/SERIAL has a line for each page
 * of the memory device, "DPA TIME SOURCE".
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "poison.h"

#define STATE_FOLDER	"/var/lib/cdm"
#define STORE_FOLDER	STATE_FOLDER "/poison"

static int store_fail(struct cdm_ctx *ctx, int rc)
{
	return cdm_fail(ctx, -rc, STORE_FOLDER ": %s%s", strerror(-rc),
			rc == -EACCES ? "; be root" : "");
}

int cdm_folder_lock(const char *path)
{
	int rc, fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	do
		rc = flock(fd, LOCK_EX) ? -errno : 0;
	while (rc == -EINTR);
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

int cdm_poison_store_lock(struct cdm_ctx *ctx)
{
	char folder[PATH_MAX], store[PATH_MAX];
	int lock;

	if (cdm_path(ctx, folder, STATE_FOLDER) < 0 || cdm_path(ctx, store, STORE_FOLDER) < 0)
		return -ENAMETOOLONG;
	if ((mkdir(folder, 0755) && errno != EEXIST) || (mkdir(store, 0700) && errno != EEXIST))
		return store_fail(ctx, -errno);
	lock = cdm_folder_lock(store);
	return lock < 0 ? store_fail(ctx, lock) : lock;
}

static int source_from_name(const char *name)
{
	for (int i = CDM_BAD_KERNEL; i <= CDM_BAD_DEVICE; i++)
		if (!strcmp(name, cdm_bad_source_get_name(i)))
			return i;
	return CDM_BAD_KERNEL;
}

int cdm_poison_store_read(struct cdm_ctx *ctx, uint64_t serial, struct cdm_bad_list *list)
{
	char *text, *line, *rest;
	int rc = cdm_read_text(ctx, &text, STORE_FOLDER "/%#" PRIx64, serial);

	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return store_fail(ctx, rc);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct cdm_bad bad;
		char source[16];

		if (sscanf(line, "%" SCNx64 " %" SCNu64 " %15s", &bad.dpa, &bad.time,
			   source) != 3)
			continue;
		bad.dpa &= -ctx->page_size;
		bad.source = source_from_name(source);
		rc = cdm_bad_list_add(list, &bad);
		if (rc < 0)
			break;
	}
	free(text);
	return rc < 0 ? rc : 0;
}

static int write_lines(const char *path, const struct cdm_bad_list *list)
{
	FILE *file = fopen(path, "we");
	int rc = 0;

	if (!file)
		return -errno;
	/* each: what could not be written in between is lost, though the end may fit */
	for (unsigned int i = 0; !rc && i < list->nr; i++)
		if (fprintf(file, "%#" PRIx64 " %" PRIu64 " %s\n", list->bad[i].dpa,
			    list->bad[i].time,
			    cdm_bad_source_get_name(list->bad[i].source)) < 0)
			rc = -errno;
	if (!rc && (fflush(file) || fsync(fileno(file))))
		rc = -errno;
	if (fclose(file) && !rc)
		rc = -errno;
	return rc;
}

/* The old list or the new one, whatever happens. */
int cdm_poison_store_write(struct cdm_ctx *ctx, uint64_t serial,
			   const struct cdm_bad_list *list)
{
	char path[PATH_MAX], part[PATH_MAX];
	int rc;

	if (cdm_path(ctx, path, STORE_FOLDER "/%#" PRIx64, serial) < 0 ||
	    cdm_path(ctx, part, STORE_FOLDER "/.%#" PRIx64, serial) < 0)
		return -ENAMETOOLONG;
	rc = write_lines(part, list);
	if (!rc && rename(part, path))
		rc = -errno;
	if (rc < 0)
		unlink(part);
	return rc < 0 ? store_fail(ctx, rc) : 0;
}
