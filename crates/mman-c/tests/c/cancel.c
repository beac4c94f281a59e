/* msync is a cancellation point, and nothing else is. */
#include "check.h"
#include <pthread.h>

static char *memory;
static int file = -1;
static const char *const absent = "/mman-c-no-such-object";

struct job {
	void (*call)(void);
	int returned;
	/* The handlers that ran, in order: 12 where both did, the inner one first. */
	int cleaned;
};

static void inner(void *job) { ((struct job *)job)->cleaned = ((struct job *)job)->cleaned * 10 + 1; }
static void outer(void *job) { ((struct job *)job)->cleaned = ((struct job *)job)->cleaned * 10 + 2; }

/* Makes a call while a request to end is pending. */
static void *pending(void *argument)
{
	struct job *job = argument;
	int before;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	pthread_cancel(pthread_self());
	pthread_cleanup_push(outer, job);
	pthread_cleanup_push(inner, job);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
	job->call();
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	job->returned = 1;
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

/* 12: ended with its handlers run; 0: returned. */
static long outcome(void (*call)(void))
{
	struct job job = {call, 0, 0};
	pthread_t thread;
	void *answer;
	NEED(pthread_create(&thread, NULL, pending, &job) == 0 && pthread_join(thread, &answer) == 0);
	if (answer == PTHREAD_CANCELED)
		return job.returned ? -1 : job.cleaned;
	return job.returned ? job.cleaned : -2;
}

static void do_msync(void) { msync(memory, page, MS_SYNC); }
static void do_msync_async(void) { msync(memory, page, MS_ASYNC); }
static void do_msync_refused(void) { msync(memory + 1, page, MS_SYNC); }
static void do_msync_nothing(void) { msync(NULL, 0, MS_SYNC); }
static void do_mmap(void) { munmap(mmap(NULL, page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), page); }
static void do_mprotect(void) { mprotect(memory, page, RW); }
static void do_mlock(void) { mlock(memory, page); munlock(memory, page); }
static void do_mlock2(void) { mlock2(memory, page, MLOCK_ONFAULT); munlock(memory, page); }
static void do_mlockall(void) { mlockall(0); munlockall(); }
static void do_mremap(void) { mremap(memory, page, page, 0); }
static void do_remap_file_pages(void) { remap_file_pages(memory, 0, 0, 0, 0); }
static void do_madvise(void) { madvise(memory, page, MADV_NORMAL); }
static void do_posix_madvise(void) { posix_madvise(memory, page, POSIX_MADV_DONTNEED); }
static void do_mincore(void) { unsigned char there; mincore(memory, page, &there); }
static void do_memfd_secret(void) { memfd_secret(1); }
static void do_shm_open(void) { shm_open(absent, O_RDWR, 0); }
static void do_shm_unlink(void) { shm_unlink(absent); }
static void do_pkey(void) { pkey_mprotect(memory, page, RW, -1); pkey_free(15); }
static void do_process_madvise(void) { process_madvise(-1, NULL, 0, 0, 0); process_mrelease(-1, 0); }
static void do_mseal(void) { mseal(NULL, 0, 0); }
static void do_cachestat(void) { cachestat(-1, NULL, NULL, 0); }
static void do_map_shadow_stack(void) { map_shadow_stack(NULL, page, 0x80); }

static void pending_at_entry(void)
{
	fact("cancel-msync", outcome(do_msync), 12);
	fact("cancel-msync-async", outcome(do_msync_async), 12);
	fact("cancel-msync-refused", outcome(do_msync_refused), 12);
	fact("cancel-msync-nothing", outcome(do_msync_nothing), 12);
	fact("cancel-not-mmap", outcome(do_mmap), 0);
	fact("cancel-not-mprotect", outcome(do_mprotect), 0);
	fact("cancel-not-mlock", outcome(do_mlock), 0);
	fact("cancel-not-mlock2", outcome(do_mlock2), 0);
	fact("cancel-not-mlockall", outcome(do_mlockall), 0);
	fact("cancel-not-mremap", outcome(do_mremap), 0);
	fact("cancel-not-remap_file_pages", outcome(do_remap_file_pages), 0);
	fact("cancel-not-madvise", outcome(do_madvise), 0);
	fact("cancel-not-posix_madvise", outcome(do_posix_madvise), 0);
	fact("cancel-not-mincore", outcome(do_mincore), 0);
	fact("cancel-not-memfd_secret", outcome(do_memfd_secret), 0);
	fact("cancel-not-shm_open", outcome(do_shm_open), 0);
	fact("cancel-not-shm_unlink", outcome(do_shm_unlink), 0);
	fact("cancel-not-pkey", outcome(do_pkey), 0);
	fact("cancel-not-process", outcome(do_process_madvise), 0);
	fact("cancel-not-mseal", outcome(do_mseal), 0);
	fact("cancel-not-cachestat", outcome(do_cachestat), 0);
	fact("cancel-not-map_shadow_stack", outcome(do_map_shadow_stack), 0);
}

/* Without a request, or with one that is held back, the call is as ever; and the thread's own setting stays. */
static void *undisturbed(void *argument)
{
	int before, type;
	(void)argument;
	STATUS("cancel-none-msync", msync(memory, page, MS_SYNC), OK);
	STATUS("cancel-none-msync-refused", msync(memory + 1, page, MS_SYNC), EINVAL);
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
	fact("cancel-type-stays-deferred", type == PTHREAD_CANCEL_DEFERRED, 1);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
	STATUS("cancel-none-msync-asynchronous", msync(memory, page, MS_SYNC), OK);
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
	fact("cancel-type-stays-asynchronous", type == PTHREAD_CANCEL_ASYNCHRONOUS, 1);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	pthread_cancel(pthread_self());
	STATUS("cancel-disabled-msync", msync(memory, page, MS_SYNC), OK);
	STATUS("cancel-disabled-msync-refused", msync(memory + 1, page, MS_SYNC), EINVAL);
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
	fact("cancel-disabled-type-stays", type == PTHREAD_CANCEL_DEFERRED, 1);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
	fact("cancel-state-stays-disabled", before == PTHREAD_CANCEL_DISABLE, 1);
	pthread_testcancel();
	return NULL;
}

static volatile int started;

static void *without_end(void *argument)
{
	struct job *job = argument;
	pthread_cleanup_push(outer, job);
	pthread_cleanup_push(inner, job);
	started = 1;
	for (;;) {
		memory[0]++;
		if (msync(memory, page, MS_SYNC) != 0)
			job->returned = 1;
	}
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

/* A request that comes at any moment of the call, from another thread. */
static void at_any_moment(void)
{
	long ended = 0, refused = 0;
	for (int turn = 0; turn < 300; turn++) {
		struct job job = {NULL, 0, 0};
		pthread_t thread;
		void *answer;
		started = 0;
		NEED(pthread_create(&thread, NULL, without_end, &job) == 0);
		while (!started)
			sched_yield();
		usleep(turn * 7 % 400);
		NEED(pthread_cancel(thread) == 0 && pthread_join(thread, &answer) == 0);
		ended += answer == PTHREAD_CANCELED && job.cleaned == 12;
		refused += job.returned;
	}
	fact("cancel-at-any-moment-ended", ended, 300);
	fact("cancel-at-any-moment-refused", refused, 0);
}

static void test(void)
{
	char name[256];
	pthread_t thread;
	void *answer;
	file = temporary(name, sizeof name, 1);
	NEED(unlink(name) == 0);
	memory = mmap(NULL, page, RW, MAP_SHARED, file, 0);
	NEED(memory != MAP_FAILED);
	pending_at_entry();
	NEED(pthread_create(&thread, NULL, undisturbed, NULL) == 0 && pthread_join(thread, &answer) == 0);
	fact("cancel-after-disabled", answer == PTHREAD_CANCELED, 1);
	/* Who is no cancellation point would not end. */
	if (mismatches == 0)
		at_any_moment();
}
