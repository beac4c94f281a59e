/* Calls in signal handlers: one that interrupts calls of the same kind, and one that mends a page fault. */
#include "check.h"
#include <sys/time.h>

static volatile sig_atomic_t interruptions, mistakes;

static void interrupts(int signal)
{
	int before = errno;
	(void)signal;
	char *memory = mmap(NULL, 2 * page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		mistakes++;
	} else {
		memory[page] = 5;
		mistakes += mprotect(memory, page, PROT_READ) != 0;
		mistakes += madvise(memory + page, page, MADV_DONTNEED) != 0;
		mistakes += memory[page] != 0;
		mistakes += msync(memory, page, MS_ASYNC) != 0;
		mistakes += munmap(memory, 2 * page) != 0;
	}
	mistakes += munmap(NULL, 0) != -1 || errno != EINVAL;
	errno = before;
	interruptions++;
}

static char *missing;

static void mends(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	if (info->si_addr != missing
	    || mmap(missing, page, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != (void *)missing)
		_exit(3);
}

static void timer(long microseconds)
{
	struct itimerval every = {{0, microseconds}, {0, microseconds}};
	NEED(setitimer(ITIMER_REAL, &every, NULL) == 0);
}

static void interrupted(void)
{
	struct sigaction action;
	long wrong = 0;
	memset(&action, 0, sizeof action);
	action.sa_handler = interrupts;
	action.sa_flags = SA_RESTART;
	NEED(sigaction(SIGALRM, &action, NULL) == 0);
	timer(300);
	while (interruptions < 300) {
		char *memory = mmap(NULL, page, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		memory[0] = 1;
		wrong += msync(memory, page, MS_SYNC) != 0;
		errno = SENTINEL;
		wrong += mprotect(memory, page, PROT_READ) != 0 || errno != SENTINEL;
		wrong += munmap(memory, page) != 0 || errno != SENTINEL;
		wrong += munmap(memory + 1, page) != -1 || errno != EINVAL;
	}
	timer(0);
	fact("handler-outside", wrong, 0);
	fact("handler-inside", mistakes, 0);
}

static void mended(void)
{
	struct sigaction action;
	memset(&action, 0, sizeof action);
	action.sa_sigaction = mends;
	action.sa_flags = SA_SIGINFO;
	NEED(sigaction(SIGSEGV, &action, NULL) == 0);
	missing = pages(1, MAP_PRIVATE);
	NEED(mprotect(missing, page, PROT_NONE) == 0);
	*(volatile char *)missing = 7;
	fact("handler-mends", *(volatile char *)missing, 7);
}

static void test(void)
{
	in_child("handler-interrupts", interrupted);
	in_child("handler-mends-child", mended);
}
