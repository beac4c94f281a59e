/* Typed memory: close, dup, fstat, fork, exec, the ends of processes. docs/typed-memory.md, life-1 to life-25. */
#define HELPER helper
#include "typed.h"
#include <pthread.h>
#include <spawn.h>
#include <sys/socket.h>

static char *block;
static int descriptor;

/* close: the last descriptor goes, the mapping stays. Another open is another description. */
static void life_1(void)
{
	descriptor = opened(PORT_A, ALLOCATE);
	int other = opened(PORT_A, ALLOCATE);
	block = got(descriptor, 5);
	STATUS("life-1", close(descriptor), OK);
	STATUS("life-1-closed", close(descriptor), EBADF);
	ADDRESS("life-1-no-more", map_at(NULL, 0, descriptor, 1, 0), EBADF);
	fill(block, 5, 1);
	fact("life-1-stays", largest(other), UNITS - 5);
	fact("life-1-memory", holds(block, 5, 1), 1);
}

/* dup: the same open file description, with its flag. */
static void life_2(void)
{
	descriptor = opened(PORT_A, CONTIG);
	int same = (int)NUMBER("life-2-dup", dup(descriptor), OK);
	fact("life-2-cloexec", fcntl(same, F_GETFD) & FD_CLOEXEC, 0);
	fact("life-2-flag", largest(same), UNITS);
	NEED(close(descriptor) == 0);
	block = got(same, 5);
	fact("life-2-allocates", largest(same) <= UNITS - 5 && found_at(block, 5).units == 5, 1);
	int more = (int)NUMBER("life-2-fcntl", fcntl(same, F_DUPFD, 100), OK);
	fact("life-2-fcntl-flag", more >= 100 && largest(more) <= UNITS - 5, 1);
}

/* dup2 is unspecified, and works as dup. */
static void life_3(void)
{
	descriptor = opened(PORT_A, ALLOCATE);
	int target = dup(0), null = open("/dev/null", O_RDWR);
	NUMBER("life-3-onto", dup2(descriptor, target), OK);
	fact("life-3-flag", largest(target), UNITS);
	NEED(close(descriptor) == 0);
	block = got(target, 5);
	fact("life-3-allocates", largest(target), UNITS - 5);
	NUMBER("life-3-over", dup2(null, target), OK);
	ADDRESS("life-3-another-object", map_at(NULL, 0, target, 1, 0), ENODEV);
	fact("life-3-memory", holds(block, 5, 0), 1);
}

/* fstat: owner and group. */
static void life_4(void)
{
	struct stat status;
	STATUS("life-4", fstat(opened(PORT_A, ALLOCATE), &status), OK);
	fact("life-4-owner", status.st_uid == geteuid(), 1);
	fact("life-4-group", status.st_gid == getegid(), 1);
}

/* fstat: the size of the object. */
static void life_5(void)
{
	struct stat status;
	NEED(fstat(opened(PORT_A, ALLOCATE), &status) == 0);
	fact("life-5-size", status.st_size == (off_t)(UNITS * page), 1);
	NEED(fstat(opened(PORT_B, 0), &status) == 0);
	fact("life-5-other-port", status.st_size == (off_t)(UNITS * page), 1);
	got(opened(PORT_A, ALLOCATE), 9);
	fact("life-5-allocated-or-not", status.st_size == (off_t)(UNITS * page), 1);
}

/* fstat: the permissions. */
static void life_6(void)
{
	struct stat status;
	NEED(fstat(opened(PORT_A, ALLOCATE), &status) == 0);
	fact("life-6-all", status.st_mode & 0777, 0666);
	NEED(fstat(opened(PORT_PRIVATE, ALLOCATE), &status) == 0);
	fact("life-6-owner", status.st_mode & 0777, 0600);
}

static void uses_what_it_has(void)
{
	fact("life-7-memory", holds(block, 5, 7), 1);
	fill(block, 5, 8);
	fact("life-7-descriptor", largest(descriptor), UNITS - 5);
	char *more = got(descriptor, 4);
	fact("life-7-allocates", largest(descriptor), UNITS - 9);
	fill(more, 4, 1);
}

/* fork: the child has mappings and descriptors. */
static void life_7(void)
{
	descriptor = opened(PORT_A, ALLOCATE);
	block = got(descriptor, 5);
	fill(block, 5, 7);
	in_child("life-7", uses_what_it_has);
	fact("life-7-shared", holds(block, 5, 8), 1);
	fact("life-7-child-has-ended", largest(descriptor), UNITS - 5);
}

static void keeps_its_mapping(const struct other *here)
{
	tell(here, 0);
	hear(here);
	fact("life-8-memory", holds(block, 5, 7), 1);
	tell(here, 0);
	hear(here);
	unmapped(block, 5);
	tell(here, 0);
	hear(here);
}

/* fork: what the parent unmaps stays allocated for the child. */
static void life_8(void)
{
	descriptor = opened(PORT_A, ALLOCATE);
	block = got(descriptor, 5);
	fill(block, 5, 7);
	struct other other = started(keeps_its_mapping);
	hear(&other);
	unmapped(block, 5);
	fact("life-8-still", largest(descriptor), UNITS - 5);
	char *rest = got(descriptor, UNITS - 5);
	fill(rest, UNITS - 5, 9);
	tell(&other, 0);
	hear(&other);
	unmapped(rest, UNITS - 5);
	tell(&other, 0);
	hear(&other);
	fact("life-8-free", largest(descriptor), UNITS);
	tell(&other, 0);
	ended(&other);
}

static void unmaps_at_once(void)
{
	unmapped(block, 5);
	fact("life-9-for-the-parent", free_units(PORT_A), UNITS - 5);
}

/* fork: what the child unmaps stays allocated for the parent. */
static void life_9(void)
{
	descriptor = opened(PORT_A, ALLOCATE);
	block = got(descriptor, 5);
	fill(block, 5, 7);
	in_child("life-9", unmaps_at_once);
	fact("life-9-memory", holds(block, 5, 7), 1);
	fact("life-9-still", largest(descriptor), UNITS - 5);
	unmapped(block, 5);
	fact("life-9-free", largest(descriptor), UNITS);
}

static struct other grandchild;

/* Allocates, has a child, and is killed: the pipes are those of who started it. */
static void parent_that_is_killed(const struct other *here)
{
	descriptor = opened(PORT_A, ALLOCATE);
	block = got(descriptor, 5);
	fill(block, 5, 7);
	got(descriptor, 20);
	unmapped(block + 4 * page, 1);
	pid_t child = fork();
	NEED(child >= 0);
	if (child == 0) {
		alarm(60);
		tell(here, getpid());
		hear(here);
		tell(here, holds(block, 4, 7));
		hear(here);
		_exit(0);
	}
	pause();
}

/* A parent that is killed leaves its child what that has mapped. */
static void life_10(void)
{
	NEED(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
	grandchild = started(parent_that_is_killed);
	pid_t child = (pid_t)hear(&grandchild);
	NEED(kill(grandchild.process, SIGKILL) == 0 && waitpid(grandchild.process, NULL, 0) == grandchild.process);
	fact("life-10-still", free_units(PORT_A), UNITS - 24);
	fill(got(opened(PORT_A, ALLOCATE), UNITS - 24), UNITS - 24, 1);
	tell(&grandchild, 0);
	fact("life-10-memory", hear(&grandchild), 1);
	tell(&grandchild, 0);
	NEED(waitpid(child, NULL, 0) == child);
	fact("life-10-free", free_units(PORT_A), 24);
}

static int helper(char **arguments)
{
	int fd = atoi(arguments[1]);
	if (strcmp(arguments[0], "uses") == 0) {
		off_t offset;
		size_t length;
		int which;
		fact("life-12-open", fcntl(fd, F_GETFD), 0);
		fact("life-12-info", largest(fd), UNITS);
		char *memory = (char *)ADDRESS("life-12-mmap", map_at(NULL, 0, fd, 5, 0), OK);
		fill(memory, 5, 1);
		fact("life-12-counted", largest(fd), UNITS - 5);
		fact("life-12-offset", found_at(memory, 5).fd - fd, 0);
		RETURNED("life-12-no-mapping-of-before",
			 posix_mem_offset((void *)strtoul(arguments[2], NULL, 16), page, &offset, &length, &which), EACCES);
		unmapped(memory, 5);
		fact("life-12-given-back", largest(fd), UNITS);
		return mismatches != 0;
	}
	if (strcmp(arguments[0], "asks") == 0)
		return largest(fd) == atoi(arguments[2]) ? 0 : 1;
	if (strcmp(arguments[0], "waits") == 0) {
		struct other other = {0, fd, atoi(arguments[2])};
		tell(&other, 0);
		hear(&other);
		return 0;
	}
	return 9;
}

static void executes(const struct other *here)
{
	char text[32];
	fill(got(opened(PORT_A, ALLOCATE), 40), 40, 1);
	tell(here, 0);
	hear(here);
	NEED(fcntl(here->in, F_SETFD, 0) == 0 && fcntl(here->out, F_SETFD, 0) == 0);
	snprintf(text, sizeof text, "%d", here->out);
	become_helper("waits", here->in, text);
}

/* exec: what was mapped is unmapped, as if by munmap. */
static void life_11(void)
{
	struct other other = started(executes);
	hear(&other);
	fact("life-11-before", free_units(PORT_A), UNITS - 40);
	tell(&other, 0);
	hear(&other);
	fact("life-11-after", free_units(PORT_A), UNITS);
	tell(&other, 0);
	ended(&other);
}

static void becomes_another_program(void)
{
	char text[32];
	snprintf(text, sizeof text, "%lx", (unsigned long)(uintptr_t)got(descriptor, 3));
	become_helper("uses", descriptor, text);
}

/* exec: the descriptor stays open, and the new program maps by it. */
static void life_12(void)
{
	descriptor = opened(PORT_A, ALLOCATE);
	in_child("life-12", becomes_another_program);
}

/* vfork and exec: nothing of the parent's goes. */
static void life_13(void)
{
	int status;
	descriptor = opened(PORT_A, ALLOCATE);
	block = got(descriptor, 5);
	fill(block, 5, 7);
	pid_t child = vfork();
	if (child == 0) {
		execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
		_exit(1);
	}
	NEED(child > 0 && waitpid(child, &status, 0) == child);
	fact("life-13-executed", WIFEXITED(status) ? WEXITSTATUS(status) : -1, 7);
	fact("life-13-memory", holds(block, 5, 7), 1);
	fact("life-13-still", largest(descriptor), UNITS - 5);
	unmapped(block, 5);
	fact("life-13-free", largest(descriptor), UNITS);
}

/* vfork: the child has the parent's memory, and what it maps is the parent's. */
static void life_14(void)
{
	int status;
	descriptor = opened(PORT_A, ALLOCATE);
	static char *volatile left;
	pid_t child = vfork();
	if (child == 0) {
		left = mmap(NULL, 5 * page, RW, MAP_SHARED, descriptor, 0);
		_exit(left == MAP_FAILED);
	}
	NEED(child > 0 && waitpid(child, &status, 0) == child);
	fact("life-14-mapped", status, 0);
	fill(left, 5, 7);
	fact("life-14-still", largest(descriptor), UNITS - 5);
	fact("life-14-found", found_at(left, 5).units, 5);
	unmapped(left, 5);
	fact("life-14-free", largest(descriptor), UNITS);
}

/* posix_spawn, system: programs that are started meanwhile change nothing. */
static void life_15(void)
{
	char fd[32], units[32];
	int status;
	pid_t child;
	descriptor = opened(PORT_A, ALLOCATE);
	block = got(descriptor, 5);
	fill(block, 5, 7);
	snprintf(fd, sizeof fd, "%d", descriptor);
	snprintf(units, sizeof units, "%d", UNITS - 5);
	char *arguments[] = {"typed", "ours", "asks", fd, units, NULL};
	extern char **environ;
	NEED(posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ) == 0);
	NEED(waitpid(child, &status, 0) == child);
	fact("life-15-sees-what-is-free", status, 0);
	NEED(system("exit 0") == 0);
	fact("life-15-memory", holds(block, 5, 7), 1);
	unmapped(block, 5);
	fact("life-15-free", largest(descriptor), UNITS);
}

static void allocates_and(const struct other *here)
{
	long how = hear(here);
	char *memory = got(opened(PORT_A, ALLOCATE), 60);
	fill(memory, 60, 6);
	tell(here, 0);
	hear(here);
	if (how == 0)
		exit(0);
	if (how == 1)
		_exit(0);
	if (how == 2)
		abort();
	if (how == 3)
		*(volatile char *)NULL = 1;
	pause();
}

/* An end of a process, whichever: what it had mapped is given back, and empty for the next. */
static void end(const char *name, long how)
{
	char text[64];
	struct other other = started(allocates_and);
	tell(&other, how);
	hear(&other);
	snprintf(text, sizeof text, "%s-before", name);
	fact(text, free_units(PORT_A), UNITS - 60);
	tell(&other, 0);
	if (how == 4)
		NEED(kill(other.process, SIGKILL) == 0);
	NEED(waitpid(other.process, NULL, 0) == other.process);
	snprintf(text, sizeof text, "%s-after", name);
	fact(text, free_units(PORT_A), UNITS);
	int fd = opened(PORT_A, CONTIG);
	char *memory = got(fd, UNITS);
	snprintf(text, sizeof text, "%s-empty", name);
	fact(text, holds(memory, UNITS, 0), 1);
	unmapped(memory, UNITS);
	close(other.in);
	close(other.out);
}

static void life_16(void)
{
	end("life-16-exit", 0);
	end("life-16-_exit", 1);
}

static void life_17(void)
{
	end("life-17-abort", 2);
	end("life-17-segv", 3);
	end("life-17-kill", 4);
}

static void *maps_in_a_thread(void *argument)
{
	block = got(*(int *)argument, 5);
	fill(block, 5, 7);
	return NULL;
}

/* The end of a thread is none of a process. */
static void life_18(void)
{
	pthread_t thread;
	descriptor = opened(PORT_A, ALLOCATE);
	NEED(pthread_create(&thread, NULL, maps_in_a_thread, &descriptor) == 0 && pthread_join(thread, NULL) == 0);
	fact("life-18-still", largest(descriptor), UNITS - 5);
	fact("life-18-memory", holds(block, 5, 7), 1);
}

static volatile int stopping;

/* Allocates, also while what others have unmapped waits for a child that has not come to itself yet. */
static char *got_in_time(int fd, size_t units)
{
	for (int turn = 0; turn < 20000; turn++) {
		char *memory = (char *)map_at(NULL, 0, fd, units, 0);
		if (memory != MAP_FAILED)
			return memory;
		NEED(errno == ENOMEM);
		usleep(1000);
	}
	broken("memory in time", __LINE__);
	return NULL;
}

static void *allocates_meanwhile(void *argument)
{
	while (!stopping)
		unmapped(got_in_time(*(int *)argument, 3), 3);
	return NULL;
}

static void works_in_child(void)
{
	NEED(holds(block, 5, 7));
	unmapped(got_in_time(descriptor, 9), 9);
	unmapped(block, 5);
}

/* fork while other threads map and unmap: the child can use its memory, and the parent too. */
static void life_19(void)
{
	pthread_t threads[2];
	int failed = 0;
	descriptor = opened(PORT_A, ALLOCATE);
	block = got(descriptor, 5);
	fill(block, 5, 7);
	for (int index = 0; index < 2; index++)
		NEED(pthread_create(&threads[index], NULL, allocates_meanwhile, &descriptor) == 0);
	for (int turn = 0; turn < 60; turn++) {
		int status;
		pid_t child = fork();
		NEED(child >= 0);
		if (child == 0) {
			alarm(60);
			works_in_child();
			_exit(0);
		}
		NEED(waitpid(child, &status, 0) == child);
		failed += status != 0;
	}
	stopping = 1;
	for (int index = 0; index < 2; index++)
		NEED(pthread_join(threads[index], NULL) == 0);
	fact("life-19-failed", failed, 0);
	fact("life-19-memory", holds(block, 5, 7), 1);
	fact("life-19-free", largest(descriptor), UNITS - 5);
}

/* fork without the C library's knowledge: the child keeps what it has, until it ends. */
static void life_20(void)
{
	int status, ready[2], go[2];
	char byte = 0;
	descriptor = opened(PORT_A, ALLOCATE);
	block = got(descriptor, 5);
	fill(block, 5, 7);
	NEED(pipe(ready) == 0 && pipe(go) == 0);
	long child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	NEED(child >= 0);
	if (child == 0) {
		if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(1);
		_exit(!holds(block, 5, 7));
	}
	NEED(read(ready[0], &byte, 1) == 1);
	unmapped(block, 5);
	fact("life-20-still", largest(descriptor), UNITS - 5);
	fill(got(descriptor, UNITS - 5), UNITS - 5, 9);
	NEED(write(go[1], &byte, 1) == 1 && waitpid((pid_t)child, &status, 0) == child);
	fact("life-20-memory", status, 0);
	fact("life-20-free", largest(descriptor), 5);
}

/* close_range and fcntl take descriptors away without a word: posix_mem_offset then looks at the object. */
static void life_21(void)
{
	descriptor = opened(PORT_A, ALLOCATE);
	block = got(descriptor, 5);
	NEED(syscall(SYS_close, descriptor) == 0);
	fact("life-21-closed", found_at(block, 5).fd, -1);
	NEED(open("/dev/null", O_RDWR) == descriptor);
	fact("life-21-another-object", found_at(block, 5).fd, -1);
}

/* A descriptor that is sent to another process by a socket is the same object there. */
static void receives(const struct other *here)
{
	char room[CMSG_SPACE(sizeof(int))] = {0}, byte;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
	int socket = (int)hear(here), fd;
	NEED(recvmsg(socket, &message, 0) == 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	fact("life-22-info", largest(fd), UNITS - 5);
	char *memory = (char *)ADDRESS("life-22-mmap", map_at(NULL, 0, fd, 6, 0), OK);
	fill(memory, 6, 3);
	fact("life-22-counted", largest(fd), UNITS - 11);
}

static void life_22(void)
{
	char room[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
	int sockets[2];
	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets) == 0);
	struct other other = started(receives);
	descriptor = opened(PORT_A, ALLOCATE);
	block = got(descriptor, 5);
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof descriptor);
	memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
	NEED(sendmsg(sockets[0], &message, 0) == 1);
	tell(&other, sockets[1]);
	ended(&other);
	fact("life-22-given-back", largest(descriptor), UNITS - 5);
}

/* Another user, who may use the pool, allocates beside the superuser, and what was theirs is given back. */
static void another_user_allocates(const struct other *here)
{
	become_other_user();
	int fd = opened(PORT_A, ALLOCATE);
	char *memory = got(fd, 30);
	fill(memory, 30, 2);
	fact("life-23-other-user", largest(fd), UNITS - 40);
	tell(here, first_of(memory));
	hear(here);
}

static void life_23(void)
{
	if (!is_root()) {
		skip("life-23", "the superuser");
		return;
	}
	descriptor = opened(PORT_A, ALLOCATE);
	block = got(descriptor, 10);
	struct other other = started(another_user_allocates);
	long first = hear(&other);
	fact("life-23-same-storage", holds(mapped(opened(PORT_B, ALLOCATABLE), 30, first), 30, 2), 1);
	killed(&other);
	fact("life-23-given-back", largest(descriptor), UNITS - 10);
}

/* A store that is an object of somebody else, a file here: what is written is in the file. */
static void life_24(void)
{
	char path[512], bytes[8] = {0};
	snprintf(path, sizeof path, "%s/file", getenv("MMAN_TYPED_TESTS"));
	int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	NEED(file >= 0 && ftruncate(file, (off_t)(32 * page)) == 0);
	descriptor = opened("/file", ALLOCATE);
	fact("life-24-size", largest(descriptor), 32);
	block = got(descriptor, 4);
	memcpy(block + page, "typed", 6);
	off_t at = (off_t)(first_of(block) + 1) * (off_t)page;
	NEED(pread(file, bytes, 6, at) == 6);
	fact("life-24-in-the-file", strcmp(bytes, "typed"), 0);
	unmapped(block, 4);
	fact("life-24-free", largest(descriptor), 32);
}

/* A program that closes all descriptors, as daemons do, takes ours away too. Files that it opens then have their numbers,
 * and keep their bytes; what it unmaps is given back when it opens the object again, or ends. */
static void closes_everything(const struct other *here)
{
	static char bytes[16 * 4096];
	char name[300];
	int files[64], whole = 1;
	descriptor = opened(PORT_A, ALLOCATE);
	block = got(descriptor, 8);
	fill(block, 8, 7);
	/* All but the standard ones and the pipes. */
	for (int fd = 3; fd < 1024; fd++)
		if (fd != here->in && fd != here->out)
			close(fd);
	memset(bytes, 5, sizeof bytes);
	files[0] = temporary(name, sizeof name, 0);
	NEED(unlink(name) == 0 && write(files[0], bytes, sizeof bytes) == sizeof bytes);
	/* At all numbers where something of ours may have been. */
	for (int fd = 3; fd < 1024; fd++)
		if (fd != here->in && fd != here->out && fd != files[0])
			NEED(dup2(files[0], fd) == fd);
	fact("life-25-memory", holds(block, 8, 7), 1);
	STATUS("life-25-munmap", munmap(block, 4 * page), OK);
	for (int fd = 900; fd < 1024; fd++)
		close(fd);
	/* Opened again, it can give back again. */
	fact("life-25-waits", free_units(PORT_A) >= UNITS - 8, 1);
	STATUS("life-25-munmap-again", munmap(block + 4 * page, 4 * page), OK);
	fact("life-25-opened-again", free_units(PORT_A), UNITS);
	memset(bytes, 0, sizeof bytes);
	NEED(pread(files[0], bytes, sizeof bytes, 0) == sizeof bytes);
	for (size_t at = 0; at < sizeof bytes; at++)
		whole &= bytes[at] == 5;
	fact("life-25-files", whole, 1);
	fact("life-25-length", lseek(files[0], 0, SEEK_END), sizeof bytes);
	tell(here, 0);
	hear(here);
}

static void life_25(void)
{
	struct other other = started(closes_everything);
	hear(&other);
	tell(&other, 0);
	ended(&other);
	fact("life-25-given-back", free_units(PORT_A), UNITS);
}

static void test(void)
{
	RUN(life_1);
	RUN(life_2);
	RUN(life_3);
	RUN(life_4);
	RUN(life_5);
	RUN(life_6);
	RUN(life_7);
	RUN(life_8);
	RUN(life_9);
	RUN(life_10);
	RUN(life_11);
	RUN(life_12);
	RUN(life_13);
	RUN(life_14);
	RUN(life_15);
	RUN(life_16);
	RUN(life_17);
	RUN(life_18);
	RUN(life_19);
	RUN(life_20);
	RUN(life_21);
	RUN(life_22);
	RUN(life_23);
	RUN(life_24);
	RUN(life_25);
}
