/* A thread that is cancelled in msync unwinds through our frame: what C++ has to destroy on the way is destroyed. */
#include "check.h"
#include <cxxabi.h>
#include <pthread.h>

static char *memory;
static int destroyed, caught;

struct Guard {
	int weight;
	explicit Guard(int of) : weight(of) {}
	~Guard() { destroyed = destroyed * 10 + weight; }
};

static void *pending(void *)
{
	int before;
	Guard outermost(3);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	pthread_cancel(pthread_self());
	try {
		Guard outer(2);
		Guard inner(1);
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
		msync(memory, page, MS_SYNC);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	} catch (abi::__forced_unwind &) {
		caught = destroyed;
		throw;
	}
	return nullptr;
}

static volatile int started;

static void *without_end(void *)
{
	Guard outer(2);
	Guard inner(1);
	started = 1;
	for (;;) {
		memory[0]++;
		msync(memory, page, MS_SYNC);
	}
	return nullptr;
}

static void test()
{
	pthread_t thread;
	void *answer;
	memory = pages(1, MAP_SHARED);
	NEED(pthread_create(&thread, nullptr, pending, nullptr) == 0 && pthread_join(thread, &answer) == 0);
	fact("unwind-ended", answer == PTHREAD_CANCELED, 1);
	fact("unwind-caught-after-destruction", caught, 12);
	fact("unwind-destroyed", destroyed, 123);
	/* Who is no cancellation point would not end. */
	if (mismatches != 0)
		return;
	long ended = 0;
	for (int turn = 0; turn < 300; turn++) {
		destroyed = started = 0;
		NEED(pthread_create(&thread, nullptr, without_end, nullptr) == 0);
		while (!started)
			sched_yield();
		usleep(turn * 7 % 400);
		NEED(pthread_cancel(thread) == 0 && pthread_join(thread, &answer) == 0);
		ended += answer == PTHREAD_CANCELED && destroyed == 12;
	}
	fact("unwind-at-any-moment", ended, 300);
}
