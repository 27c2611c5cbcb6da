/* SPDX-License-Identifier: GPL-2.0-only */
/* Which files the policy consists of: drop-ins in the manner of systemd. */
#ifndef CDMCTL_POLICY_FILES_H
#define CDMCTL_POLICY_FILES_H

#include <stddef.h>

struct policy_files {
	char **paths;
	size_t nr;
	const char *folder;	/* that was read last */
};

/**
 * policy_files_find() - *.conf in the order in which they are to be read
 * @folder: look here alone; NULL: /usr/lib/cdm/cdm.conf.d, then /run, then /etc,
 *	where a file hides one of the same name in the folders before
 * @files: out; to be freed with policy_files_free()
 *
 * Returns: 0; -ENOENT when @folder is not there; other negative errno: of files->folder.
 */
int policy_files_find(const char *folder, struct policy_files *files);

void policy_files_free(struct policy_files *files);

#endif /* CDMCTL_POLICY_FILES_H */
