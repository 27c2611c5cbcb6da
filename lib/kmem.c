// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory that kmem has made ordinary.
 *
 * kmem may be unbound only when all its blocks are offline: else the kernel says
 * "cannot be hotremoved until the next reboot" and keeps them, driver or not.
 * libdaxctl can take a device's memory offline, but not put back exactly what was
 * online before, zone by zone, so blocks are handled here.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dax.h"
#include "kmem.h"

#define CDM_MEMORY	"/sys/devices/system/memory"

static int block_size_read(struct cdm_ctx *ctx, uint64_t *size)
{
	char text[CDM_NAME_MAX];
	int rc = cdm_read_file(ctx, text, sizeof(text), CDM_MEMORY "/block_size_bytes");

	if (rc < 0)
		return rc;
	*size = strtoull(text, NULL, 16);
	return *size ? 0 : -EINVAL;
}

/* The word that brings the block back into the zone it is in. */
static void block_read_zone(struct cdm_ctx *ctx, struct cdm_kmem_block *block)
{
	char zones[CDM_NAME_MAX];

	if (cdm_read_file(ctx, zones, sizeof(zones), CDM_MEMORY "/memory%lu/valid_zones",
			  block->index) < 0)
		zones[0] = '\0';
	cdm_copy(block->online, sizeof(block->online),
		 !strncmp(zones, "Movable", 7) ? "online_movable" : "online_kernel");
}

static int kmem_add_block(struct cdm_ctx *ctx, struct cdm_kmem *kmem, unsigned long index)
{
	struct cdm_kmem_block *grown;
	char state[CDM_NAME_MAX];

	if (cdm_read_file(ctx, state, sizeof(state), CDM_MEMORY "/memory%lu/state", index) < 0 ||
	    !strcmp(state, "offline"))
		return 0;
	grown = realloc(kmem->block, (kmem->nr + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	kmem->block = grown;
	grown += kmem->nr++;
	memset(grown, 0, sizeof(*grown));
	grown->index = index;
	block_read_zone(ctx, grown);
	return 0;
}

/* The whole blocks within [start, end); kmem leaves out what is no whole block. */
static int kmem_add_range(struct cdm_ctx *ctx, struct cdm_kmem *kmem, uint64_t start,
			  uint64_t end, uint64_t block_size)
{
	int rc = 0;

	for (uint64_t i = (start + block_size - 1) / block_size; !rc && i < end / block_size; i++)
		rc = kmem_add_block(ctx, kmem, i);
	return rc;
}

static int kmem_read(struct cdm_ctx *ctx, struct cdm_kmem *kmem)
{
	uint64_t block_size, start = 0, size = 0, end;
	struct cdm_names mappings;
	bool any = false;
	int rc = block_size_read(ctx, &block_size);

	if (rc < 0)
		return rc;
	/* a device of several ranges has a folder for each */
	if (!cdm_scan(ctx, &mappings, "mapping", CDM_DAX_BUS "/%s", kmem->dax)) {
		for (unsigned int i = 0; !rc && i < mappings.nr; i++) {
			if (cdm_read_u64(ctx, &start, CDM_DAX_BUS "/%s/%s/start", kmem->dax,
					 mappings.name[i]) ||
			    cdm_read_u64(ctx, &end, CDM_DAX_BUS "/%s/%s/end", kmem->dax,
					 mappings.name[i]))
				continue;
			any = true;
			rc = kmem_add_range(ctx, kmem, start, end + 1, block_size);
		}
		cdm_names_free(&mappings);
	}
	if (any || rc)
		return rc;
	rc = cdm_read_u64(ctx, &start, CDM_DAX_BUS "/%s/resource", kmem->dax);
	if (!rc)
		rc = cdm_read_u64(ctx, &size, CDM_DAX_BUS "/%s/size", kmem->dax);
	return rc ? rc : kmem_add_range(ctx, kmem, start, start + size, block_size);
}

/*
 * Offlining loops in the kernel until a signal comes. So the write is made by a
 * thread of its own, and cancelling that thread is the signal. The thread does
 * nothing else: everything it leaves behind is cleaned up by who waits for it.
 */
struct block_write {
	int fd;
	int rc;			/* -EINTR until the write has ended */
};

static void *block_write(void *data)
{
	struct block_write *block = data;
	ssize_t n;

	/* stopped or frozen meanwhile; who is cancelled does not come back here */
	do
		n = write(block->fd, "offline", 7);
	while (n < 0 && errno == EINTR);
	block->rc = n < 0 ? -errno : 0;
	return NULL;
}

/* A block that went although we no longer waited for it has gone nevertheless. */
static int block_write_wait(struct cdm_job *job, pthread_t thread, struct block_write *block)
{
	struct timespec ts;
	int rc;

	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		ts.tv_nsec += 100000000;
		if (ts.tv_nsec >= 1000000000) {
			ts.tv_sec++;
			ts.tv_nsec -= 1000000000;
		}
		if (!pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &ts))
			return block->rc;
		rc = cdm_job_tick(job);
		if (rc) {
			pthread_cancel(thread);
			pthread_join(thread, NULL);
			return block->rc ? rc : 0;
		}
	}
}

static int block_offline(struct cdm_job *job, unsigned long index)
{
	struct block_write block = { .rc = -EINTR };
	char path[PATH_MAX];
	pthread_t thread;
	int rc = cdm_path(job->ctx, path, CDM_MEMORY "/memory%lu/state", index);

	if (rc < 0)
		return rc;
	block.fd = open(path, O_WRONLY | O_CLOEXEC);
	if (block.fd < 0)
		return -errno;
	rc = -pthread_create(&thread, NULL, block_write, &block);
	if (!rc)
		rc = block_write_wait(job, thread, &block);
	close(block.fd);
	cdm_dbg(job->ctx, "offline memory block %lu: %s", index, rc ? strerror(-rc) : "done");
	return rc;
}

/* "; pid 812 (x) has most there, 24 MiB", or nothing */
static void node_user_text(struct cdm_ctx *ctx, const char *dax, char text[256])
{
	char node[CDM_NAME_MAX], comm[CDM_NAME_MAX];
	uint64_t bytes = 0;
	pid_t pid = 0;

	text[0] = '\0';
	if (cdm_read_file(ctx, node, sizeof(node), CDM_DAX_BUS "/%s/target_node", dax) > 0)
		pid = cdm_proc_find_node_user(ctx, atoi(node), &bytes);
	if (!pid)
		return;
	cdm_proc_read_comm(ctx, pid, comm);
	snprintf(text, 256, "; of all processes pid %d (%s) has most on node %s: %s", (int)pid,
		 comm, node, cdm_size_text(bytes).text);
}

static int block_fail(struct cdm_job *job, const struct cdm_kmem *kmem,
		      const struct cdm_kmem_block *block, int rc)
{
	const char *why = strerror(-rc);
	char user[256];

	if (rc == -ETIMEDOUT)
		why = "not done in time";
	else if (rc == -ECANCELED)
		why = "cancelled";
	else if (rc == -EBUSY && !strcmp(block->online, "online_kernel"))
		why = "it is in a kernel zone and holds memory that the kernel cannot move";
	else if (rc == -EBUSY)
		why = "pages in it are pinned, or RAM has no room for them";
	else if (rc == -EACCES || rc == -EPERM)
		why = "permission denied; be root";
	node_user_text(job->ctx, kmem->dax, user);
	return cdm_fail(job->ctx, rc == -EACCES ? EPERM : -rc,
			"take %s from kmem: memory block %lu does not go offline: %s%s; nothing was "
			"changed", kmem->dax, block->index, why, user);
}

int cdm_kmem_offline(struct cdm_job *job, const char *dax, struct cdm_kmem *kmem)
{
	int rc;

	memset(kmem, 0, sizeof(*kmem));
	cdm_copy(kmem->dax, sizeof(kmem->dax), dax);
	rc = kmem_read(job->ctx, kmem);
	if (rc < 0) {
		cdm_kmem_free(kmem);
		return cdm_fail(job->ctx, -rc, "take %s from kmem: its memory blocks cannot be "
				"read: %s", dax, strerror(-rc));
	}
	for (unsigned int i = 0; i < kmem->nr; i++) {
		rc = cdm_job_tick(job);
		if (!rc)
			rc = block_offline(job, kmem->block[i].index);
		if (rc < 0) {
			block_fail(job, kmem, &kmem->block[i], rc);
			cdm_kmem_restore(job->ctx, kmem);
			cdm_kmem_free(kmem);
			return rc == -EACCES ? -EPERM : rc;
		}
		kmem->block[i].went = true;
	}
	return 0;
}

void cdm_kmem_restore(struct cdm_ctx *ctx, struct cdm_kmem *kmem)
{
	char state[CDM_NAME_MAX];

	for (unsigned int i = 0; i < kmem->nr; i++) {
		struct cdm_kmem_block *block = &kmem->block[i];

		if (!block->went)
			continue;
		block->went = false;
		if (cdm_read_file(ctx, state, sizeof(state), CDM_MEMORY "/memory%lu/state",
				  block->index) >= 0 && !strcmp(state, "offline"))
			cdm_write_file(ctx, block->online, CDM_MEMORY "/memory%lu/state",
				       block->index);
	}
}

void cdm_kmem_free(struct cdm_kmem *kmem)
{
	free(kmem->block);
	memset(kmem, 0, sizeof(*kmem));
}
