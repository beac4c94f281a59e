/* Typed memory for the test programs, which include this file in the place of check.h.
 *
 * usage: PROGRAM ours [HELPER ARGUMENT...]
 *
 * Each assertion of docs/typed-memory.md is a function that is named by its number (`open_1` is open-1), and whose
 * lines begin with it. It runs in a child, finds the pools of typed.conf empty, and has to leave them so.
 * A program defines `test`, which runs them all, and may define HELPER: the function that it is when it is executed anew. */
#ifndef TYPED_H
#define TYPED_H

#define CHECK_NO_MAIN
#include "check.h"
#include <sys/prctl.h>
#include <sys/time.h>

/* Two ports of the pool `main`, which any user may have, with 256 units. */
#define PORT_A "/typed/a"
#define PORT_B "/typed/b"
#define UNITS 256
/* A pool of the superuser's alone, with 16 units. */
#define PORT_PRIVATE "/private"
#define PRIVATE_UNITS 16

#define ALLOCATE POSIX_TYPED_MEM_ALLOCATE
#define CONTIG POSIX_TYPED_MEM_ALLOCATE_CONTIG
#define ALLOCATABLE POSIX_TYPED_MEM_MAP_ALLOCATABLE

/* ---- calls that must succeed; lengths and offsets are in units, which are pages ---- */

UNUSED static int opened(const char *name, int tflag)
{
	int fd = posix_typed_mem_open(name, O_RDWR, tflag);
	NEED(fd >= 0);
	return fd;
}

static void *map_at(void *place, int flags, int fd, size_t units, size_t first)
{
	return mmap(place, units * page, RW, MAP_SHARED | flags, fd, (off_t)(first * page));
}

UNUSED static char *mapped(int fd, size_t units, size_t first)
{
	char *memory = (char *)map_at(NULL, 0, fd, units, first);
	NEED(memory != MAP_FAILED);
	return memory;
}

/* Allocates. */
UNUSED static char *got(int fd, size_t units)
{
	return mapped(fd, units, 0);
}

/* What posix_typed_mem_get_info tells. */
UNUSED static long largest(int fd)
{
	struct posix_typed_mem_info info = {4711};
	NEED(posix_typed_mem_get_info(fd, &info) == 0);
	NEED(info.posix_tmi_length % page == 0);
	return (long)(info.posix_tmi_length / page);
}

/* What is free in the pool of a port, and the longest run of it. */
UNUSED static long free_units(const char *name)
{
	int fd = opened(name, ALLOCATE);
	long units = largest(fd);
	NEED(close(fd) == 0);
	return units;
}

UNUSED static long free_run(const char *name)
{
	int fd = opened(name, CONTIG);
	long units = largest(fd);
	NEED(close(fd) == 0);
	return units;
}

/* What posix_mem_offset tells of an address. */
struct found {
	long first, units;
	int fd;
};

UNUSED static struct found found_at(const void *address, size_t units)
{
	off_t offset = -1;
	size_t length = 0;
	struct found found;
	found.fd = 4711;
	NEED(posix_mem_offset(address, units * page, &offset, &length, &found.fd) == 0);
	NEED(offset % (off_t)page == 0 && length % page == 0);
	found.first = (long)(offset / (off_t)page);
	found.units = (long)(length / page);
	return found;
}

UNUSED static long first_of(const void *address)
{
	return found_at(address, 1).first;
}

UNUSED static void unmapped(void *memory, size_t units)
{
	NEED(munmap(memory, units * page) == 0);
}

/* A byte at the start of each unit. */
UNUSED static void fill(char *memory, size_t units, char byte)
{
	for (size_t unit = 0; unit < units; unit++)
		*(volatile char *)(memory + unit * page) = byte;
}

UNUSED static int holds(const char *memory, size_t units, char byte)
{
	for (size_t unit = 0; unit < units; unit++)
		if (*(const volatile char *)(memory + unit * page) != byte)
			return 0;
	return 1;
}

/* ---- processes that take turns ---- */

struct other {
	pid_t process;
	int in, out;
};

UNUSED static void tell(const struct other *other, long value)
{
	NEED(write(other->out, &value, sizeof value) == sizeof value);
}

UNUSED static long hear(const struct other *other)
{
	long value;
	NEED(read(other->in, &value, sizeof value) == sizeof value);
	return value;
}

/* Another process. What it runs talks with this one. */
UNUSED static struct other started(void (*body)(const struct other *))
{
	int there[2], back[2];
	NEED(pipe2(there, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0);
	struct other here = {0, back[0], there[1]}, other = {0, there[0], back[1]};
	here.process = fork();
	NEED(here.process >= 0);
	if (here.process == 0) {
		close(here.in);
		close(here.out);
		mismatches = 0;
		alarm(200);
		body(&other);
		_exit(mismatches != 0);
	}
	close(other.in);
	close(other.out);
	return here;
}

/* Waits for its end, by itself. */
UNUSED static void ended(struct other *other)
{
	int status;
	NEED(waitpid(other->process, &status, 0) == other->process);
	NEED(WIFEXITED(status));
	mismatches += WEXITSTATUS(status) != 0;
	close(other->in);
	close(other->out);
}

UNUSED static void killed(struct other *other)
{
	int status;
	NEED(kill(other->process, SIGKILL) == 0);
	NEED(waitpid(other->process, &status, 0) == other->process);
	NEED(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(other->in);
	close(other->out);
}

/* An ordinary user, who can look at the environment as the process was started. */
UNUSED static void become_other_user(void)
{
	become_nobody();
	NEED(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}

/* ---- signals that interrupt what can be interrupted ---- */

static volatile sig_atomic_t interruptions;

static void interrupted(int signal)
{
	(void)signal;
	interruptions++;
}

UNUSED static void interrupt_often(void)
{
	struct sigaction action;
	memset(&action, 0, sizeof action);
	action.sa_handler = interrupted;
	NEED(sigaction(SIGVTALRM, &action, NULL) == 0 && sigaction(SIGPROF, &action, NULL) == 0);
	struct itimerval often = {{0, 100}, {0, 100}};
	NEED(setitimer(ITIMER_PROF, &often, NULL) == 0);
}

UNUSED static void interrupt_no_more(void)
{
	struct itimerval never = {{0, 0}, {0, 0}};
	NEED(setitimer(ITIMER_PROF, &never, NULL) == 0);
}

/* ---- numbers ---- */

static const char *number_of_leftovers;

static void look_for_leftovers(void)
{
	char name[64];
	snprintf(name, sizeof name, "%s-leaves-pools-empty", number_of_leftovers);
	fact(name, free_units(PORT_A) == UNITS && free_units(PORT_PRIVATE) == PRIVATE_UNITS, 1);
}

UNUSED static void numbered(const char *function, void (*body)(void))
{
	char number[32];
	snprintf(number, sizeof number, "%s", function);
	for (char *at = number; *at; at++)
		if (*at == '_')
			*at = '-';
	in_child(number, body);
	number_of_leftovers = number;
	in_child(number, look_for_leftovers);
}

#define RUN(function) numbered(#function, function)

#ifdef HELPER
static int HELPER(char **arguments);

/* In a child: becomes this program anew, as its helper. */
static void become_helper(const char *what, long number, const char *more)
{
	char text[32];
	snprintf(text, sizeof text, "%ld", number);
	execl("/proc/self/exe", "typed", "ours", what, text, more, (char *)NULL);
	broken("execl", __LINE__);
}

/* Starts this program anew, and answers with what status it ended. */
UNUSED static int helped(const char *what, long number, const char *more)
{
	int status;
	pid_t child = fork();
	NEED(child >= 0);
	if (child == 0)
		become_helper(what, number, more);
	NEED(waitpid(child, &status, 0) == child && WIFEXITED(status));
	return WEXITSTATUS(status);
}
#endif

int main(int count, char **arguments)
{
	if (count < 2 || strcmp(arguments[1], "ours") != 0) {
		say(2, "usage: %s ours [HELPER ARGUMENT...]\n", arguments[0]);
		return 2;
	}
	page = sysconf(_SC_PAGESIZE);
	limit(RLIMIT_CORE, 0);
	alarm(240);
#ifdef HELPER
	if (count > 2)
		return HELPER(arguments + 2);
#endif
	test();
	return mismatches != 0;
}

#endif
