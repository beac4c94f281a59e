/* A request to end at each instruction of msync in turn: wherever it comes, the thread is unwound, and what C++ has
 * to destroy is destroyed. The processor stops after each instruction, and the handler is the one who asks. */
#include "check.h"
#include <cxxabi.h>
#include <pthread.h>
#include <ucontext.h>

#if defined __x86_64__
static char *memory;
static int destroyed, steps, request_at, first_bad;
static volatile int stepping;

struct Guard {
	int weight;
	explicit Guard(int of) : weight(of) {}
	~Guard() { destroyed = destroyed * 10 + weight; }
};

#define TRAP_FLAG 0x100

static void stepped(int, siginfo_t *, void *context)
{
	greg_t *registers = static_cast<ucontext_t *>(context)->uc_mcontext.gregs;
	if (!stepping) {
		registers[REG_EFL] &= ~TRAP_FLAG;
		return;
	}
	if (++steps == request_at) {
		pthread_cancel(pthread_self());
		/* It is not acted on at once: then the rest goes on without stops. */
		registers[REG_EFL] &= ~TRAP_FLAG;
	}
}

/* More values than there are registers that a function has to keep. */
static volatile long values[7] = {11, 12, 13, 14, 15, 16, 17};
static int registers_lost;

__attribute__((always_inline)) static inline void call_stepping(void)
{
	stepping = 1;
	__asm__ volatile("sub $128, %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tadd $128, %%rsp" ::: "memory", "cc");
	msync(memory, page, MS_SYNC);
	stepping = 0;
	/* What came too late for the first call is acted on by the second. */
	if (request_at <= steps)
		msync(memory, page, MS_SYNC);
}

/* What was in the registers before the call is there again where the exception is caught. */
static void *stepping_thread(void *)
{
	long a = values[0], b = values[1], c = values[2], d = values[3], e = values[4], f = values[5], g = values[6];
	Guard outer(2);
	Guard inner(1);
	try {
		call_stepping();
	} catch (abi::__forced_unwind &) {
		long after[7] = {a, b, c, d, e, f, g};
		for (int index = 0; index < 7; index++)
			registers_lost += after[index] != values[index];
		throw;
	}
	return nullptr;
}

/* Whether the thread was ended as it should, with the request at this step; 2 where the call has fewer. */
static int unwound(int at)
{
	pthread_t thread;
	void *answer;
	destroyed = steps = stepping = 0;
	request_at = at;
	NEED(pthread_create(&thread, nullptr, stepping_thread, nullptr) == 0 && pthread_join(thread, &answer) == 0);
	if (answer != PTHREAD_CANCELED)
		return steps < at && destroyed == 12 ? 2 : 0;
	return destroyed == 12;
}

static void every_step(void)
{
	int bad = 0, at = 1;
	struct sigaction action;
	memset(&action, 0, sizeof action);
	action.sa_sigaction = stepped;
	action.sa_flags = SA_SIGINFO;
	NEED(sigaction(SIGTRAP, &action, nullptr) == 0);
	/* The first call may be the one that finds the function. */
	NEED(msync(memory, page, MS_SYNC) == 0);
	for (; at < 2000; at++) {
		int answer = unwound(at);
		if (answer == 2)
			break;
		if (answer == 0 && bad++ == 0)
			first_bad = at;
	}
	fact("steps-some", at > 20 && at < 2000, 1);
	fact("steps-not-unwound", bad, 0);
	fact("steps-first-not-unwound", first_bad, 0);
	fact("steps-registers-lost", registers_lost, 0);
}
#endif

static void test()
{
#if defined __x86_64__
	memory = pages(1, MAP_SHARED);
	in_child("steps", every_step);
#else
	skip("steps", "x86-64, to stop after each instruction");
#endif
}
