/* process_madvise, process_mrelease, map_shadow_stack: what they refuse, and what they promise. */
#include "check.h"
#include <sys/prctl.h>

static int pidfd_of(pid_t process)
{
	return syscall(CALL_PIDFD_OPEN, process, 0);
}

/* A process that waits until it is killed. */
static pid_t victim(void)
{
	pid_t child = fork();
	NEED(child >= 0);
	if (child == 0) {
		/* It must not outlive a test that is ended. */
		alarm(200);
		for (;;)
			pause();
	}
	return child;
}

static void end(pid_t child)
{
	NEED(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
}

static struct iovec many[1025];

static void itself(void)
{
	int self = pidfd_of(getpid()), no_process = object(1);
	char *memory = pages(5, MAP_PRIVATE);
	struct iovec ranges[3] = {{memory, 2 * page}, {memory + 3 * page, page}, {memory + 4 * page, page}};
	NEED(self >= 0);
	memset(memory, 7, 5 * page);
	long advised = NUMBER("process_madvise", process_madvise(self, ranges, 3, MADV_COLD, 0), OK);
	fact("process_madvise-bytes-advised", advised == (long)(4 * page), 1);
	advised = NUMBER("process_madvise-no-ranges", process_madvise(self, ranges, 0, MADV_COLD, 0), OK);
	fact("process_madvise-no-bytes", advised, 0);
	NUMBER("process_madvise-bad-fd", process_madvise(-1, ranges, 1, MADV_COLD, 0), EBADF);
	NUMBER("process_madvise-no-process", process_madvise(no_process, ranges, 1, MADV_COLD, 0), EBADF);
	NUMBER("process_madvise-flag", process_madvise(self, ranges, 1, MADV_COLD, 1), EINVAL);
	NUMBER("process_madvise-all-flags", process_madvise(self, ranges, 1, MADV_COLD, (unsigned)-1), EINVAL);
	NUMBER("process_madvise-unknown-advice", process_madvise(self, ranges, 1, 4711, 0), EINVAL);
	NUMBER("process_madvise-null-list", process_madvise(self, NULL, 1, MADV_COLD, 0), EFAULT);
	NUMBER("process_madvise-garbage-list", process_madvise(self, (void *)(1ul << 63), 1, MADV_COLD, 0), EFAULT);
	NUMBER("process_madvise-count-size-max", process_madvise(self, ranges, SIZE_MAX, MADV_COLD, 0), EINVAL);
	for (int index = 0; index < 1025; index++)
		many[index] = ranges[0];
	NUMBER("process_madvise-1025-ranges", process_madvise(self, many, 1025, MADV_COLD, 0), EINVAL);
	NUMBER("process_madvise-1024-ranges", process_madvise(self, many, 1024, MADV_COLD, 0), OK);
	struct iovec negative = {memory, SIZE_MAX};
	NUMBER("process_madvise-negative-length", process_madvise(self, &negative, 1, MADV_COLD, 0), EINVAL);
	struct iovec unaligned = {memory + 1, page};
	NUMBER("process_madvise-unaligned", process_madvise(self, &unaligned, 1, MADV_COLD, 0), EINVAL);
	NEED(munmap(memory + 3 * page, page) == 0);
	advised = NUMBER("process_madvise-stops-at-hole", process_madvise(self, ranges, 3, MADV_COLD, 0), OK);
	fact("process_madvise-part-advised", advised == (long)(2 * page), 1);
	NUMBER("process_madvise-hole-first", process_madvise(self, ranges + 1, 1, MADV_COLD, 0), ENOMEM);
	/* A process may tell itself anything, since 6.13. */
	NUMBER("process_madvise-itself-dontneed", process_madvise(self, ranges, 1, MADV_DONTNEED, 0), ANY);
	fact("process_madvise-keeps-rest", memory[4 * page], 7);
	drop(memory, 5);
	close(self);
	close(no_process);
}

static void others(void)
{
	pid_t child = victim();
	int other = pidfd_of(child);
	char *memory = pages(1, MAP_PRIVATE);
	struct iovec range = {memory, page};
	NEED(other >= 0);
	NUMBER("process_madvise-other-dontneed", process_madvise(other, &range, 1, MADV_DONTNEED, 0), EINVAL);
	NUMBER("process_madvise-other-free", process_madvise(other, &range, 1, MADV_FREE, 0), EINVAL);
	NUMBER("process_madvise-other-normal", process_madvise(other, &range, 1, MADV_NORMAL, 0), EINVAL);
	STATUS("process_mrelease-living", process_mrelease(other, 0), EINVAL);
	STATUS("process_mrelease-flag", process_mrelease(other, 1), EINVAL);
	STATUS("process_mrelease-all-flags", process_mrelease(other, (unsigned)-1), EINVAL);
	end(child);
	NUMBER("process_madvise-gone", process_madvise(other, &range, 1, MADV_COLD, 0), ESRCH);
	STATUS("process_mrelease-gone", process_mrelease(other, 0), ESRCH);
	close(other);
	drop(memory, 1);
	int no_process = object(1);
	STATUS("process_mrelease-bad-fd", process_mrelease(-1, 0), EBADF);
	STATUS("process_mrelease-no-process", process_mrelease(no_process, 0), EBADF);
	close(no_process);
	child = victim();
	other = pidfd_of(child);
	NEED(other >= 0 && kill(child, SIGKILL) == 0);
	/* It may be faster than we are: both answers are right, and which one comes is no difference. */
	errno = 0;
	int answer = process_mrelease(other, 0);
	fact("process_mrelease-killed", answer == 0 || errno == ESRCH, 1);
	NEED(waitpid(child, NULL, 0) == child);
	close(other);
}

static int parent;

static void without_right(void)
{
	int value;
	struct iovec range = {(void *)((uintptr_t)&value / page * page), page};
	become_nobody();
	NUMBER("process_madvise-other-user", process_madvise(parent, &range, 1, MADV_COLD, 0), EACCES);
	/* A process of the same user may be looked at, but to change how it is served takes CAP_SYS_NICE. */
	NEED(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
	pid_t child = victim();
	int other = pidfd_of(child);
	NEED(other >= 0);
	NUMBER("process_madvise-no-right", process_madvise(other, &range, 1, MADV_COLD, 0), EPERM);
	end(child);
}

static void shadow_stack(void)
{
	/* ENOSYS or EOPNOTSUPP where there are none. */
	ADDRESS("map_shadow_stack", map_shadow_stack(NULL, page, 0), ANY);
	ADDRESS("map_shadow_stack-token", map_shadow_stack(NULL, page, 1), ANY);
	ADDRESS("map_shadow_stack-unknown-flag", map_shadow_stack(NULL, page, 0x80), ANY);
	ADDRESS("map_shadow_stack-length-0", map_shadow_stack(NULL, 0, 0), ANY);
	ADDRESS("map_shadow_stack-garbage", map_shadow_stack((void *)-1, page, 0), ANY);
}

static void test(void)
{
	itself();
	others();
	if (is_root()) {
		parent = pidfd_of(getpid());
		NEED(parent >= 0);
		in_child("process_madvise-without-right", without_right);
		close(parent);
	} else {
		skip("process_madvise-no-right", "root, to be two users");
	}
	shadow_stack();
}
