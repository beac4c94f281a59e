/* What the test programs share: one line for each case, and the means to make a case.
 *
 * usage: PROGRAM host|ours
 *
 * Each case prints `NAME RESULT ERRNO`, where a result tells no address and no size of the machine. As `ours` the
 * result must be the one that the case demands; as `host` it is only told, and whoever runs the program compares.
 * A program includes this file first, and defines `test`. */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "newer.h"

/* What `errno` holds before each call: no call has reason to write it but to tell an error. */
#define SENTINEL 4711
/* No demand: the machine decides, and only the runs are compared. */
#define ANY (-1)
#define OK 0

#define UNUSED __attribute__((unused))

static int mismatches;
static int is_host;

static void test(void);

/* ---- lines ---- */

static void say(int to, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line in one write: no buffer that a fork would double, and no malloc that a limit would break. */
static void say(int to, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (length < 0 || length >= (int)sizeof text || write(to, text, length) != length)
		abort();
}

static const char *error_name(int error)
{
	static char number[16];
	switch (error) {
#define NAME_OF(error) case error: return #error;
	case 0: return "-";
	NAME_OF(EACCES) NAME_OF(EAGAIN) NAME_OF(EBADF) NAME_OF(EBUSY) NAME_OF(EEXIST) NAME_OF(EFAULT) NAME_OF(EFBIG)
	NAME_OF(EINTR) NAME_OF(EINVAL) NAME_OF(EIO) NAME_OF(EISDIR) NAME_OF(ELOOP) NAME_OF(EMFILE) NAME_OF(ENAMETOOLONG)
	NAME_OF(ENFILE) NAME_OF(ENODEV) NAME_OF(ENOENT) NAME_OF(ENOMEM) NAME_OF(ENOSPC) NAME_OF(ENOSYS)
	NAME_OF(ENOTDIR) NAME_OF(ENXIO) NAME_OF(EOPNOTSUPP) NAME_OF(EOVERFLOW) NAME_OF(EPERM) NAME_OF(EROFS)
	NAME_OF(ESRCH) NAME_OF(ETXTBSY)
#undef NAME_OF
	}
	snprintf(number, sizeof number, "E%d", error);
	return number;
}

static void mismatch(const char *name, const char *got, const char *wanted)
{
	if (is_host)
		return;
	say(1, "MISMATCH %s: got %s, wanted %s\n", name, got, wanted);
	mismatches++;
}

/* The line of a call: what came of it, and what `errno` holds after it. */
static void told(const char *name, int succeeded, int error, int wanted)
{
	if (succeeded && error != SENTINEL) {
		say(1, "%s success-and-errno %s\n", name, error_name(error));
		mismatch(name, "an errno after success", "none");
	} else {
		say(1, "%s %s %s\n", name, succeeded ? "success" : "failure", error_name(succeeded ? 0 : error));
	}
	if (wanted != ANY && (succeeded ? 0 : error) != wanted)
		mismatch(name, error_name(succeeded ? 0 : error), error_name(wanted));
}

static void odd(const char *name, long answer)
{
	say(1, "%s odd %ld\n", name, answer);
	mismatch(name, "an answer of no convention", "one");
}

UNUSED static int status_case(const char *name, int answer, int wanted)
{
	int error = errno;
	if (answer == 0 || answer == -1)
		told(name, answer == 0, error, wanted);
	else
		odd(name, answer);
	return answer;
}

UNUSED static long number_case(const char *name, long answer, int wanted)
{
	int error = errno;
	if (answer >= -1)
		told(name, answer >= 0, error, wanted);
	else
		odd(name, answer);
	return answer;
}

UNUSED static void *address_case(const char *name, void *answer, int wanted)
{
	int error = errno;
	/* What the kernel itself answers is never an address of C. */
	if (answer != MAP_FAILED && (uintptr_t)answer > (uintptr_t)-4096)
		odd(name, (long)(intptr_t)answer);
	else
		told(name, answer != MAP_FAILED, error, wanted);
	return answer;
}

UNUSED static int returned_case(const char *name, int answer, int wanted)
{
	int error = errno;
	if (error != SENTINEL) {
		say(1, "%s errno-touched %s\n", name, error_name(error));
		mismatch(name, "an errno", "none");
	} else if (answer < 0) {
		odd(name, answer);
	} else {
		told(name, answer == 0, answer == 0 ? SENTINEL : answer, wanted);
	}
	return answer;
}

/* Calls that answer 0 or -1; a number or -1; an address or MAP_FAILED; 0 or an error number. */
#define STATUS(name, call, wanted) status_case((name), (errno = SENTINEL, (call)), (wanted))
#define NUMBER(name, call, wanted) number_case((name), (errno = SENTINEL, (call)), (wanted))
#define ADDRESS(name, call, wanted) address_case((name), (errno = SENTINEL, (call)), (wanted))
#define RETURNED(name, call, wanted) returned_case((name), (errno = SENTINEL, (call)), (wanted))

/* What can be seen after a call. */
UNUSED static void fact(const char *name, long value, long wanted)
{
	char got[32], demanded[32];
	say(1, "%s is %ld\n", name, value);
	snprintf(got, sizeof got, "%ld", value);
	snprintf(demanded, sizeof demanded, "%ld", wanted);
	if (wanted != value)
		mismatch(name, got, demanded);
}

/* A case that this machine cannot make. */
UNUSED static void skip(const char *name, const char *needs)
{
	say(2, "skipped: needs %s (%s)\n", needs, name);
	say(1, "%s skipped -\n", name);
}

/* The making of a case went wrong: nothing that follows means anything. */
#define NEED(what) ((what) ? (void)0 : broken(#what, __LINE__))
static void broken(const char *what, int line)
{
	say(1, "MISMATCH line %d: %s: %s\n", line, what, error_name(errno));
	_exit(1);
}

/* ---- processes ---- */

/* Runs a body in a child. That it dies is a case of its own, with the name given here. */
UNUSED static void in_child(const char *name, void (*body)(void))
{
	pid_t child = fork();
	NEED(child >= 0);
	if (child == 0) {
		mismatches = 0;
		alarm(200);
		body();
		_exit(mismatches != 0);
	}
	int status;
	NEED(waitpid(child, &status, 0) == child);
	if (WIFSIGNALED(status)) {
		int killer = WTERMSIG(status);
		say(1, "%s killed %s\n", name,
		    killer == SIGSEGV ? "SIGSEGV" : killer == SIGBUS ? "SIGBUS" : killer == SIGILL ? "SIGILL" : "signal");
		mismatch(name, "a signal", "an answer");
	} else if (WEXITSTATUS(status) != 0) {
		mismatches++;
	}
}

/* Whether a touch of an address ends the process, and by which signal; 0 where it does not. */
UNUSED static int touch(char *at, int write_it)
{
	pid_t child = fork();
	NEED(child >= 0);
	if (child == 0) {
		if (write_it)
			*(volatile char *)at = 1;
		else
			(void)*(volatile char *)at;
		_exit(0);
	}
	int status;
	NEED(waitpid(child, &status, 0) == child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* ---- rights and limits, for children ---- */

#define CAP_NUMBER_IPC_LOCK 14
#define CAP_NUMBER_SYS_RAWIO 17

struct capability_header { uint32_t version; int pid; };
struct capability_set { uint32_t effective, permitted, inheritable; };

UNUSED static int has_capability(int capability)
{
	struct capability_header header = {0x20080522, 0};
	struct capability_set sets[2] = {{0, 0, 0}, {0, 0, 0}};
	NEED(syscall(SYS_capget, &header, sets) == 0);
	return sets[0].effective >> capability & 1;
}

UNUSED static void drop_capability(int capability)
{
	struct capability_header header = {0x20080522, 0};
	struct capability_set sets[2] = {{0, 0, 0}, {0, 0, 0}};
	NEED(syscall(SYS_capget, &header, sets) == 0);
	sets[0].effective &= ~(1u << capability);
	sets[0].permitted &= ~(1u << capability);
	NEED(syscall(SYS_capset, &header, sets) == 0);
}

UNUSED static void limit(int resource, rlim_t soft)
{
	struct rlimit both;
	NEED(getrlimit(resource, &both) == 0);
	both.rlim_cur = soft;
	NEED(setrlimit(resource, &both) == 0);
}

UNUSED static void limit_locked(rlim_t bytes)
{
	drop_capability(CAP_NUMBER_IPC_LOCK);
	limit(RLIMIT_MEMLOCK, bytes);
}

/* Becomes an ordinary user for good, by the calls themselves: a C library would tell its threads. */
UNUSED static void become_nobody(void)
{
	NEED(syscall(SYS_setgroups, 0, NULL) == 0);
	NEED(syscall(SYS_setresgid, 65534, 65534, 65534) == 0);
	NEED(syscall(SYS_setresuid, 65534, 65534, 65534) == 0);
}

UNUSED static int is_root(void)
{
	return geteuid() == 0;
}

UNUSED static void no_descriptors(void)
{
	limit(RLIMIT_NOFILE, 3);
}

/* ---- memory ---- */

static size_t page;

#define RW (PROT_READ | PROT_WRITE)

/* Anonymous pages. */
UNUSED static char *pages(size_t count, int flags)
{
	char *memory = (char *)mmap(NULL, count * page, RW, flags | MAP_ANONYMOUS, -1, 0);
	NEED(memory != MAP_FAILED);
	return memory;
}

/* Three private pages without the one in the middle. Nothing may be mapped until they are dropped. */
UNUSED static char *pages_with_hole(void)
{
	char *memory = pages(3, MAP_PRIVATE);
	NEED(munmap(memory + page, page) == 0);
	return memory;
}

UNUSED static void drop(void *memory, size_t count)
{
	NEED(munmap(memory, count * page) == 0);
}

/* An object of so many pages: in memory, or a file of the folder for temporary files. */
UNUSED static int object(size_t count)
{
	int fd = memfd_create("conformance", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	NEED(fd >= 0 && ftruncate(fd, count * page) == 0);
	return fd;
}

/* A new name in the folder for temporary files, and its descriptor. */
UNUSED static int temporary(char *name, size_t size, size_t count)
{
	const char *folder = getenv("TMPDIR");
	snprintf(name, size, "%s/mman-c-XXXXXX", folder ? folder : "/tmp");
	int fd = mkstemp(name);
	NEED(fd >= 0 && ftruncate(fd, count * page) == 0);
	return fd;
}

/* Pages of locked memory of this process. */
UNUSED static long locked_pages(void)
{
	char text[4096];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	NEED(fd >= 0);
	ssize_t length = read(fd, text, sizeof text - 1);
	close(fd);
	NEED(length > 0);
	text[length] = 0;
	const char *line = strstr(text, "VmLck:");
	NEED(line != NULL);
	return strtol(line + 6, NULL, 10) * 1024 / (long)page;
}

/* A number in a file of /proc/sys; -1 where there is none. */
UNUSED static long setting(const char *file)
{
	char text[64];
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t length = read(fd, text, sizeof text - 1);
	close(fd);
	if (length <= 0)
		return -1;
	text[length] = 0;
	return strtol(text, NULL, 10);
}

/* As many mappings as the process may have, of pages that lie side by side; where they begin. */
UNUSED static char *all_mappings(void)
{
	long most = setting("/proc/sys/vm/max_map_count");
	NEED(most > 0);
	char *room = (char *)mmap(NULL, 2 * most * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	NEED(room != MAP_FAILED);
	/* Every second page with another protection: two mappings more each time. */
	for (long index = 0; index < most; index++)
		if (syscall(SYS_mprotect, room + 2 * index * page, page, PROT_READ) != 0)
			break;
	/* The last one, where two did not fit. */
	if (syscall(SYS_mmap, NULL, page, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != -1)
		(void)syscall(SYS_mmap, NULL, page, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return room;
}

#ifndef CHECK_NO_MAIN
int main(int count, char **arguments)
{
	if (count != 2 || (strcmp(arguments[1], "host") != 0 && strcmp(arguments[1], "ours") != 0)) {
		say(2, "usage: %s host|ours\n", arguments[0]);
		return 2;
	}
	is_host = strcmp(arguments[1], "host") == 0;
	page = sysconf(_SC_PAGESIZE);
	limit(RLIMIT_CORE, 0);
	/* No test waits without end. */
	alarm(240);
	test();
	return mismatches != 0;
}
#endif

#endif
