// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernels: all
 * vm: --expander 512M
 * timeout: 180
 *
 * Processes whose pages something has a hold on, or that cannot run: offline with a
 * time limit ends in time, says who and why when it did not succeed, and puts
 * everything back in service; once the holder lets go the region goes offline. At
 * level private, and with a huge page at reserved.
 * Being traced, read, stopped, frozen or stuck in a fault is no hold.
 *
 *	hostage-offline device GROUP	(hostage-vfio)
 *	hostage-offline core ADDRESS	(what the kernel gives the core dump to)
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/fs.h>
#include <linux/nbd.h>
#include <linux/userfaultfd.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cdmtest.h"

#define LENGTH		(2 * MIB)
#define SEED		11
#define LIMIT_S		2	/* where the holder does not let go */
#define PATIENCE_S	60	/* where it holds the pages now and then */
#define SLACK_S		30.0	/* of a slow machine; the holder has no limit */

static const int id;
static int fd;
static unsigned int level = CDM_ISOLATION_PRIVATE;
static char *memory;		/* of the hostage, at the same address in all */
static int ready[2];		/* the hostage is where it should be */
static int go[2];		/* it may let go */

static void say_ready(void)
{
	check(write(ready[1], "r", 1) == 1, "pipe: %m");
}

static void wait_go(void)
{
	char byte;

	while (read(go[0], &byte, 1) < 0 && errno == EINTR)
		;
}

static void in_region(void)
{
	content_write(memory, LENGTH, SEED);
	move_whole(fd, memory, LENGTH, id, 0);
}

/* What the hostage does between being moved and being let go. */

static void in_pipe(void)
{
	struct iovec iov = { .iov_base = memory, .iov_len = PAGE };
	int ends[2];

	in_region();
	check(!pipe(ends) && vmsplice(ends[1], &iov, 1, 0) == (ssize_t)PAGE,
	      "vmsplice: %m");
	say_ready();
	wait_go();
	close(ends[0]);
	close(ends[1]);
}

/*
 * A network block device, whose server is this process: what is read at one place
 * comes when it may, and is what memory held before; all else is zeros, at once.
 */
#define DISK		"/dev/nbd0"
#define DISK_BYTES	(64 * MIB)
#define DISK_BLOCK	4096UL
#define DISK_SLOW	(37 * MIB)	/* where nobody looks for a file system */

static int disk_fd, server_fd, kernel_fd;
static struct nbd_request slow;
static pthread_mutex_t answering = PTHREAD_MUTEX_INITIALIZER;

static void disk_send(const void *data, size_t length)
{
	check(send(server_fd, data, length, 0) == (ssize_t)length,
	      DISK ": send: %m");
}

static void disk_answer(const struct nbd_request *request)
{
	struct nbd_reply reply = {
		.magic = htonl(NBD_REPLY_MAGIC),
		.cookie = request->cookie,
	};
	size_t length = ntohl(request->len);
	char *data = calloc(1, length + 1);

	check(data, "calloc: %m");
	if (be64toh(request->from) == DISK_SLOW)
		content_write(data, length, SEED);
	pthread_mutex_lock(&answering);
	disk_send(&reply, sizeof(reply));
	disk_send(data, length);
	pthread_mutex_unlock(&answering);
	free(data);
}

static void *disk_serve(void *unused)
{
	struct nbd_request request;

	while (1) {
		check(recv(server_fd, &request, sizeof(request), MSG_WAITALL) ==
		      sizeof(request), DISK ": recv: %m");
		if (request.type == htonl(NBD_CMD_DISC))
			break;
		check(request.type == htonl(NBD_CMD_READ), DISK ": type %#x",
		      ntohl(request.type));
		if (be64toh(request.from) == DISK_SLOW) {
			slow = request;
			say_ready();
		} else {
			disk_answer(&request);
		}
	}
	/* That is what detaches it. */
	close(server_fd);
	return NULL;
}

/* Returns when it is detached. */
static void *disk_attach(void *unused)
{
	ioctl(disk_fd, NBD_DO_IT);
	return NULL;
}

static void *disk_read(void *unused)
{
	int direct = open(DISK, O_RDONLY | O_DIRECT | O_CLOEXEC);

	check(direct >= 0, DISK ": %m");
	check(pread(direct, memory, PAGE, DISK_SLOW) == (ssize_t)PAGE,
	      DISK ": pread: %m");
	close(direct);
	return NULL;
}

static void disk_setup(void)
{
	int ends[2];

	/* Who looks at it because it is new has it open. */
	check(!system("modprobe nbd nbds_max=1 && udevadm settle"), "modprobe nbd");
	disk_fd = open(DISK, O_RDONLY | O_CLOEXEC);
	check(disk_fd >= 0, DISK ": %m");
	check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends),
	      "socketpair: %m");
	server_fd = ends[0], kernel_fd = ends[1];
	check(!ioctl(disk_fd, NBD_SET_BLKSIZE, DISK_BLOCK) &&
	      !ioctl(disk_fd, NBD_SET_SIZE_BLOCKS, DISK_BYTES / DISK_BLOCK) &&
	      !ioctl(disk_fd, NBD_SET_FLAGS,
		     NBD_FLAG_HAS_FLAGS | NBD_FLAG_READ_ONLY) &&
	      !ioctl(disk_fd, NBD_SET_SOCK, kernel_fd), DISK ": ioctl: %m");
}

static void in_flight(void)
{
	pthread_t attach, server, reader;
	uint64_t size = 0;

	in_region();
	memset(memory, 0, PAGE);
	disk_setup();
	pthread_create(&server, NULL, disk_serve, NULL);
	pthread_create(&attach, NULL, disk_attach, NULL);
	while (!ioctl(disk_fd, BLKGETSIZE64, &size) && !size)
		sleep_ms(10);
	pthread_create(&reader, NULL, disk_read, NULL);
	wait_go();
	disk_answer(&slow);
	pthread_join(reader, NULL);
	check(!ioctl(disk_fd, NBD_DISCONNECT), "NBD_DISCONNECT: %m");
	pthread_join(server, NULL);
	pthread_join(attach, NULL);
	close(kernel_fd);
	close(disk_fd);
	check(!system("udevadm settle"), "udevadm settle");
}

/* The kernel takes pages to RAM before it pins them for long; there they stay. */
static void check_pinned(void)
{
	struct cdm_migrate moved;

	check_where("pinned for long", memory, LENGTH, CDM_WHERE_RAM);
	moved = move_range(fd, memory, LENGTH, id, 0);
	check_equal("pinned pages that moved", 0, moved.out_moved);
	region_wait_used("in use", id, 0);
}

static void in_ring(void)
{
	struct iovec iov = { .iov_base = memory, .iov_len = LENGTH };
	struct io_uring ring;
	int rc;

	in_region();
	check(!io_uring_queue_init(4, &ring, 0), "io_uring_queue_init");
	rc = io_uring_register_buffers(&ring, &iov, 1);
	check(!rc, "io_uring_register_buffers: %s", strerror(-rc));
	check_pinned();
	say_ready();
	wait_go();
	io_uring_queue_exit(&ring);
}

#define IOVA	0x10000000

static const char *group;	/* the only device in it is bound to vfio-pci */

static void in_device(void)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)memory,
		.iova = IOVA,
		.size = LENGTH,
	};
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = IOVA,
		.size = LENGTH,
	};
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	int group_fd = open(group, O_RDWR | O_CLOEXEC);

	in_region();
	check(container >= 0, "/dev/vfio/vfio: %m");
	check(group_fd >= 0, "%s: %m", group);
	check(!ioctl(group_fd, VFIO_GROUP_SET_CONTAINER, &container) &&
	      !ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "vfio: %m");
	check(!ioctl(container, VFIO_IOMMU_MAP_DMA, &map), "VFIO_IOMMU_MAP_DMA: %m");
	check_pinned();
	say_ready();
	wait_go();
	check(!ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap) && unmap.size == LENGTH,
	      "VFIO_IOMMU_UNMAP_DMA: %m");
	close(group_fd);
	close(container);
}

static void just_waits(void)
{
	in_region();
	say_ready();
	wait_go();
}

static void *touch_missing(void *addr)
{
	/* Sleeps in the fault until the userfaultfd is closed. */
	*(volatile char *)addr = 1;
	return NULL;
}

static void in_fault(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	pthread_t thread;
	char *missing = map_anon(PAGE);
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	check(uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api), "userfaultfd: %m");
	reg.range.start = (uintptr_t)missing;
	reg.range.len = PAGE;
	check(!ioctl(uffd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER: %m");
	in_region();
	pthread_create(&thread, NULL, touch_missing, missing);
	sleep_ms(200);
	say_ready();
	wait_go();
	close(uffd);
	pthread_join(thread, NULL);
}

/* What somebody else does to it meanwhile, and undoes. */

static pid_t helper;

static void start_nothing(pid_t pid)
{
}

static void end_nothing(pid_t pid)
{
}

static void start_stop(pid_t pid)
{
	int status;

	kill(pid, SIGSTOP);
	check(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status),
	      "it does not stop");
}

static void end_stop(pid_t pid)
{
	kill(pid, SIGCONT);
}

static void start_trace(pid_t pid)
{
	int status;

	check(!ptrace(PTRACE_ATTACH, pid, 0, 0), "PTRACE_ATTACH: %m");
	check(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status),
	      "it does not stop for its tracer");
	errno = 0;
	ptrace(PTRACE_PEEKDATA, pid, memory, 0);
	check(!errno, "PTRACE_PEEKDATA: %m");
}

static void end_trace(pid_t pid)
{
	check(!ptrace(PTRACE_DETACH, pid, 0, 0), "PTRACE_DETACH: %m");
}

static void start_reader(pid_t pid)
{
	static char copy[LENGTH];
	struct iovec to = { copy, LENGTH }, from = { memory, LENGTH };

	helper = fork();
	if (helper)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (process_vm_readv(pid, &to, 1, &from, 1, 0) == (ssize_t)LENGTH)
		content_check("read from outside", copy, LENGTH, SEED);
	_exit(1);
}

static void end_reader(pid_t pid)
{
	int status;

	kill(helper, SIGKILL);
	check(waitpid(helper, &status, 0) == helper && WIFSIGNALED(status),
	      "the reader ended by itself, with %#x", status);
}

#define FROZEN	"/sys/fs/cgroup/cdm-hostage"

static void start_freeze(pid_t pid)
{
	char text[32];
	unsigned int i;

	check(!mkdir(FROZEN, 0755) || errno == EEXIST, FROZEN ": %m");
	snprintf(text, sizeof(text), "%d", pid);
	proc_write(FROZEN "/cgroup.procs", text);
	proc_write(FROZEN "/cgroup.freeze", "1");
	for (i = 0; i < 1000; i++) {
		if (!system("grep -q 'frozen 1' " FROZEN "/cgroup.events"))
			return;
		sleep_ms(50);
	}
	fail("it does not freeze");
}

static void end_freeze(pid_t pid)
{
	proc_write(FROZEN "/cgroup.freeze", "0");
}

/*
 * A core dump goes to this program too. It reads as far as the region's memory, and
 * the rest when it may: the kernel keeps the page that it is about to write.
 */
#define CORE_PATTERN	"/proc/sys/kernel/core_pattern"
#define CORE_WAITS	"/run/cdm-hostage-core"
#define CORE_DONE	"/run/cdm-hostage-core-done"
#define CORE_NEW	"/run/cdm-hostage-core-new"

static char core_pattern[128];

/* Whoever waits for the file finds all of it. */
static void file_make(const char *path, unsigned int number)
{
	FILE *file = fopen(CORE_NEW, "w");

	check(file && fprintf(file, "%u\n", number) > 0 && !fclose(file) &&
	      !rename(CORE_NEW, path), CORE_NEW ": %m");
}

static void core_read(char *addr)
{
	static char page[PAGE];
	unsigned int right = 0;

	check(mmap(addr, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
		   MAP_FIXED_NOREPLACE, -1, 0) == addr, "mmap: %m");
	content_write(addr, LENGTH, SEED);
	while (fread(page, sizeof(page), 1, stdin)) {
		if (right == LENGTH / PAGE ||
		    memcmp(page, addr + right * PAGE, sizeof(page)))
			continue;
		if (!right++) {
			file_make(CORE_WAITS, right);
			while (!access(CORE_WAITS, F_OK))
				sleep_ms(10);
		}
	}
	file_make(CORE_DONE, right);
}

static void wait_file(const char *path)
{
	while (access(path, F_OK))
		sleep_ms(10);
}

static void start_dump(pid_t pid)
{
	char self[64], line[128];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	check(length > 0, "/proc/self/exe: %m");
	self[length] = 0;
	file_text(CORE_PATTERN, core_pattern, sizeof(core_pattern));
	snprintf(line, sizeof(line), "|%s core %p", self, memory);
	proc_write(CORE_PATTERN, line);
	unlink(CORE_DONE);
	kill(pid, SIGSEGV);
	wait_file(CORE_WAITS);
}

static void end_dump(pid_t pid)
{
	char right[16];
	int status;

	proc_write(CORE_PATTERN, core_pattern);
	unlink(CORE_WAITS);
	wait_file(CORE_DONE);
	file_text(CORE_DONE, right, sizeof(right));
	check_equal("pages in the core dump", LENGTH / PAGE, atoi(right));
	check(waitpid(pid, &status, 0) == pid && WCOREDUMP(status),
	      "it ended without a core dump, with %#x", status);
}

static const struct scene {
	const char *name;
	void (*hostage)(void);
	void (*start)(pid_t pid);
	void (*end)(pid_t pid);
	bool holds;		/* offline can not succeed before the end */
	bool ends;		/* the end is the hostage's as well */
} scenes[] = {
	{ "a pipe", in_pipe, start_nothing, end_nothing, true },
	{ "a read from a slow disk", in_flight, start_nothing, end_nothing, true },
	{ "buffers of io_uring", in_ring, start_nothing, end_nothing },
	{ "a fault that waits", in_fault, start_nothing, end_nothing },
	{ "stopped", just_waits, start_stop, end_stop },
	{ "traced", just_waits, start_trace, end_trace },
	{ "read from outside", just_waits, start_reader, end_reader },
	{ "frozen", just_waits, start_freeze, end_freeze },
	{ "dumping core", just_waits, start_dump, end_dump, true, true },
};

static const struct scene device = {
	"a device", in_device, start_nothing, end_nothing
};

static pid_t hostage_start(const struct scene *scene)
{
	char byte;
	pid_t pid;

	check(!pipe(ready) && !pipe(go), "pipe: %m");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(go[1]);
		scene->hostage();
		content_check(scene->name, memory, LENGTH, SEED);
		_exit(0);
	}
	close(ready[1]);
	check(read(ready[0], &byte, 1) == 1, "the hostage died");
	return pid;
}

static void hostage_end(const struct scene *scene, pid_t pid)
{
	close(go[1]);
	if (!scene->ends)
		child_check(pid, 0);
	close(go[0]);
	close(ready[0]);
}

/* cdmctl: in time, with the name of the holder if there is one. */
static int offline_named(pid_t pid, int limit_s)
{
	char line[256];
	double began = now(), took;
	int rc;

	snprintf(line, sizeof(line),
		 "cdmctl offline cdm0 --timeout %d --json >out 2>err", limit_s);
	rc = system(line);
	took = now() - began;
	note("offline: status %d after %.1f s", WEXITSTATUS(rc), took);
	check(took < limit_s + SLACK_S * atoi(getenv("CDM_SLOW") ?: "1"),
	      "it took %.1f s", took);
	if (rc)
		shell("jq -e \"any(.holders[]; .pid == %d and .reason == \\\"pinned\\\")\" out || { cat out err; exit 1; }",
		      pid);
	return rc;
}

static void play(const struct scene *scene)
{
	pid_t pid = hostage_start(scene);
	int rc;

	note("-- %s (pid %d), %llu pages in use", scene->name, pid,
	     (unsigned long long)region_used(id));
	scene->start(pid);
	rc = offline_named(pid, scene->holds ? LIMIT_S : PATIENCE_S);
	check(!rc == !scene->holds, "%s: offline %s", scene->name,
	      rc ? "failed" : "succeeded");
	region_check_state(id, rc ? "online" : "held");
	scene->end(pid);
	hostage_end(scene, pid);
	if (rc)
		check_errno("offline afterwards", 0,
			    region_offline(fd, 0, 60000, NULL));
	check_errno("online again", 0, region_online_at(fd, level));
}

static void play_all(void)
{
	size_t i;

	if (group)
		play(&device);
	else
		for (i = 0; i < ARRAY_SIZE(scenes); i++)
			play(&scenes[i]);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "core")) {
		core_read((char *)strtoul(argv[2], NULL, 16));
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "device"))
		group = argv[2];
	test_begin(1);
	fd = region_open(id);
	memory = map_aligned(LENGTH, 2 * MIB);
	play_all();
	level = CDM_ISOLATION_RESERVED;
	check_errno("offline", 0, region_offline(fd, 0, 0, NULL));
	check_errno("online, reserved", 0, region_online_at(fd, level));
	play_all();
	close(fd);
	test_end();
	return 0;
}
