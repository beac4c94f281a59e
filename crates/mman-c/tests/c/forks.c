/* Calls in children: of a process whose other threads were in the midst of such calls, and of vfork. */
#include "check.h"
#include <pthread.h>

#define THREADS 3
#define CHILDREN 60

static volatile int stopping;

static void *busy(void *argument)
{
	(void)argument;
	while (!stopping) {
		char *memory = mmap(NULL, 4 * page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED)
			continue;
		memory[0] = 1;
		madvise(memory, page, MADV_DONTNEED);
		msync(memory, page, MS_ASYNC);
		mprotect(memory, page, PROT_READ);
		munmap(memory, 4 * page);
		close(shm_open("/mman-c-no-such-object", O_RDWR, 0));
		free(malloc(300000));
	}
	return NULL;
}

static int works(void)
{
	unsigned char there;
	char *memory = mmap(NULL, 2 * page, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	memory[0] = 7;
	if (mprotect(memory + page, page, PROT_NONE) != 0 || mincore(memory, page, &there) != 0)
		return 2;
	if (msync(memory, page, MS_SYNC) != 0 || mlock(memory, page) != 0 || munlock(memory, page) != 0)
		return 3;
	if (shm_open("/mman-c-no-such-object", O_RDWR, 0) != -1 || errno != ENOENT)
		return 4;
	int fd = memfd_create("child", MFD_CLOEXEC);
	if (fd < 0 || close(fd) != 0 || munmap(memory, 2 * page) != 0)
		return 5;
	return 0;
}

static void threaded(void)
{
	pthread_t threads[THREADS];
	int failed = 0;
	for (int index = 0; index < THREADS; index++)
		NEED(pthread_create(&threads[index], NULL, busy, NULL) == 0);
	for (int turn = 0; turn < CHILDREN; turn++) {
		int status;
		pid_t child = fork();
		NEED(child >= 0);
		if (child == 0) {
			alarm(60);
			_exit(works());
		}
		NEED(waitpid(child, &status, 0) == child);
		failed += status != 0;
	}
	stopping = 1;
	for (int index = 0; index < THREADS; index++)
		NEED(pthread_join(threads[index], NULL) == 0);
	fact("forks-of-threaded-process", failed, 0);
}

/* The child has the parent's memory: what it maps is there afterwards. */
static char *volatile left;

static void borrowed(void)
{
	int status;
	pid_t child = vfork();
	if (child == 0) {
		left = mmap(NULL, page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (left == MAP_FAILED)
			_exit(1);
		*left = 7;
		_exit(msync(left, page, MS_SYNC) != 0 || mprotect(left, page, PROT_READ) != 0);
	}
	NEED(child > 0 && waitpid(child, &status, 0) == child);
	fact("vfork-exits", status, 0);
	fact("vfork-leaves-its-map", *left, 7);
	STATUS("vfork-munmap", munmap(left, page), OK);
	child = vfork();
	if (child == 0) {
		left = mmap(NULL, page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (left == MAP_FAILED || munmap(left, page) != 0 || munmap(left, 0) != -1)
			_exit(1);
		execl("/bin/sh", "sh", "-c", "exit 9", (char *)NULL);
		_exit(2);
	}
	NEED(child > 0 && waitpid(child, &status, 0) == child);
	fact("vfork-executes", WIFEXITED(status) ? WEXITSTATUS(status) : -1, 9);
}

static void test(void)
{
	threaded();
	borrowed();
}
