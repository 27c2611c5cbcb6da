// SPDX-License-Identifier: GPL-2.0-only
/* Which files the policy consists of. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "keep.h"
#include "policy-files.h"

/* Weakest first. */
static const char *const usual_folders[] = {
	CDM_CONF_LIB,
	"/run/cdm/cdm.conf.d",
	CDM_CONF_ETC,
};

static const char *name_of(const char *path)
{
	return strrchr(path, '/') + 1;
}

static int is_conf(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 &&
	       !strcmp(entry->d_name + length - 5, ".conf");
}

/* A file of the same name replaces the one that came before. */
static void add_path(struct policy_files *files, const char *folder,
		     const char *name)
{
	char *path = xrealloc(NULL, strlen(folder) + strlen(name) + 2);

	sprintf(path, "%s/%s", folder, name);
	for (size_t i = 0; i < files->nr; i++)
		if (!strcmp(name_of(files->paths[i]), name)) {
			free(files->paths[i]);
			files->paths[i] = path;
			return;
		}
	files->paths = xrealloc(files->paths,
				(files->nr + 1) * sizeof(*files->paths));
	files->paths[files->nr++] = path;
}

static int add_folder(struct policy_files *files, const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, is_conf, alphasort);

	files->folder = folder;
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		add_path(files, folder, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(name_of(*(char *const *)a), name_of(*(char *const *)b));
}

int policy_files_find(const char *folder, struct policy_files *files)
{
	const char *root = secure_getenv("LIBCDM_ROOT");
	int rc;

	files->paths = NULL;
	files->nr = 0;
	if (folder)
		return add_folder(files, folder);
	for (size_t i = 0; i < ARRAY_SIZE(usual_folders); i++) {
		rc = add_folder(files, keep("%s%s", root ? root : "",
					    usual_folders[i]));
		if (rc && rc != -ENOENT)
			return rc;
	}
	if (files->nr)
		qsort(files->paths, files->nr, sizeof(*files->paths), by_name);
	return 0;
}

void policy_files_free(struct policy_files *files)
{
	for (size_t i = 0; i < files->nr; i++)
		free(files->paths[i]);
	free(files->paths);
	files->paths = NULL;
	files->nr = 0;
}
