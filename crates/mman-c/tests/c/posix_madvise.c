/* posix_madvise: it returns the error number and leaves errno alone, and no advice changes a byte. */
#include "check.h"

static void advice(void)
{
	char *memory = pages(2, MAP_PRIVATE);
	memset(memory, 7, 2 * page);
	RETURNED("posix_madvise-normal", posix_madvise(memory, 2 * page, POSIX_MADV_NORMAL), OK);
	RETURNED("posix_madvise-random", posix_madvise(memory, 2 * page, POSIX_MADV_RANDOM), OK);
	RETURNED("posix_madvise-sequential", posix_madvise(memory, 2 * page, POSIX_MADV_SEQUENTIAL), OK);
	RETURNED("posix_madvise-willneed", posix_madvise(memory, 2 * page, POSIX_MADV_WILLNEED), OK);
	RETURNED("posix_madvise-dontneed", posix_madvise(memory, 2 * page, POSIX_MADV_DONTNEED), OK);
	fact("posix_madvise-keeps-bytes", memory[0] * 10 + memory[page], 77);
	RETURNED("posix_madvise-part-of-page", posix_madvise(memory, 1, POSIX_MADV_DONTNEED), OK);
	drop(memory, 2);
	int fd = object(1);
	memory = mmap(NULL, page, RW, MAP_PRIVATE, fd, 0);
	NEED(memory != MAP_FAILED);
	memory[0] = 7;
	RETURNED("posix_madvise-dontneed-private-file", posix_madvise(memory, page, POSIX_MADV_DONTNEED), OK);
	fact("posix_madvise-keeps-private-change", memory[0], 7);
	drop(memory, 1);
	memory = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	NEED(memory != MAP_FAILED);
	RETURNED("posix_madvise-willneed-file", posix_madvise(memory, page, POSIX_MADV_WILLNEED), OK);
	drop(memory, 1);
	memory = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(memory != MAP_FAILED);
	RETURNED("posix_madvise-no-access", posix_madvise(memory, page, POSIX_MADV_DONTNEED), OK);
	drop(memory, 1);
	close(fd);
}

static void refused(void)
{
	char *memory = pages(1, MAP_PRIVATE);
	RETURNED("posix_madvise-unknown-advice", posix_madvise(memory, page, 4711), EINVAL);
	RETURNED("posix_madvise-advice-5", posix_madvise(memory, page, 5), EINVAL);
	RETURNED("posix_madvise-negative-advice", posix_madvise(memory, page, -1), EINVAL);
	RETURNED("posix_madvise-int-min-advice", posix_madvise(memory, page, INT32_MIN), EINVAL);
	/* Advice of madvise, which POSIX does not know; the first destroys. */
	memory[0] = 7;
	RETURNED("posix_madvise-linux-free", posix_madvise(memory, page, MADV_FREE), EINVAL);
	RETURNED("posix_madvise-linux-dontneed-locked", posix_madvise(memory, page, MADV_DONTNEED_LOCKED), EINVAL);
	RETURNED("posix_madvise-linux-dontfork", posix_madvise(memory, page, MADV_DONTFORK), EINVAL);
	RETURNED("posix_madvise-linux-cold", posix_madvise(memory, page, MADV_COLD), EINVAL);
	int unaligned[5] = {POSIX_MADV_NORMAL, POSIX_MADV_RANDOM, POSIX_MADV_SEQUENTIAL, POSIX_MADV_WILLNEED,
	                    POSIX_MADV_DONTNEED};
	static const char *const words[5] = {"normal", "random", "sequential", "willneed", "dontneed"};
	for (int index = 0; index < 5; index++) {
		char name[64];
		snprintf(name, sizeof name, "posix_madvise-unaligned-%s", words[index]);
		RETURNED(name, posix_madvise(memory + 1, 1, unaligned[index]), EINVAL);
		snprintf(name, sizeof name, "posix_madvise-length-0-%s", words[index]);
		RETURNED(name, posix_madvise(memory, 0, unaligned[index]), OK);
		snprintf(name, sizeof name, "posix_madvise-null-%s", words[index]);
		RETURNED(name, posix_madvise(NULL, page, unaligned[index]), ENOMEM);
		snprintf(name, sizeof name, "posix_madvise-garbage-%s", words[index]);
		RETURNED(name, posix_madvise((void *)(1ul << 63), page, unaligned[index]), ENOMEM);
	}
	drop(memory, 1);
}

static void holes(void)
{
	char *memory = pages_with_hole();
	RETURNED("posix_madvise-hole-normal", posix_madvise(memory, 3 * page, POSIX_MADV_NORMAL), ENOMEM);
	RETURNED("posix_madvise-hole-random", posix_madvise(memory, 3 * page, POSIX_MADV_RANDOM), ENOMEM);
	RETURNED("posix_madvise-hole-sequential", posix_madvise(memory, 3 * page, POSIX_MADV_SEQUENTIAL), ENOMEM);
	RETURNED("posix_madvise-hole-willneed", posix_madvise(memory, 3 * page, POSIX_MADV_WILLNEED), ENOMEM);
	RETURNED("posix_madvise-hole-dontneed", posix_madvise(memory, 3 * page, POSIX_MADV_DONTNEED), ENOMEM);
	RETURNED("posix_madvise-unmapped-dontneed", posix_madvise(memory + page, page, POSIX_MADV_DONTNEED), ENOMEM);
	drop(memory, 3);
}

/* A range that wraps: advice is refused as madvise refuses it, and DONTNEED as a hole. */
static void wraps(void)
{
	char *memory = pages(1, MAP_PRIVATE);
	RETURNED("posix_madvise-wraps-normal", posix_madvise(memory, -page, POSIX_MADV_NORMAL), EINVAL);
	RETURNED("posix_madvise-wraps-dontneed", posix_madvise(memory, -page, POSIX_MADV_DONTNEED), ANY);
	RETURNED("posix_madvise-rounds-to-0-normal", posix_madvise(memory, SIZE_MAX, POSIX_MADV_NORMAL), EINVAL);
	RETURNED("posix_madvise-rounds-to-0-dontneed", posix_madvise(memory, SIZE_MAX, POSIX_MADV_DONTNEED), ANY);
	drop(memory, 1);
}

/* Locked memory, where msync with another flag would say EBUSY. */
static void locked(void)
{
	char *memory = pages(1, MAP_SHARED);
	NEED(mlock(memory, page) == 0);
	RETURNED("posix_madvise-dontneed-locked", posix_madvise(memory, page, POSIX_MADV_DONTNEED), OK);
}

static void test(void)
{
	advice();
	refused();
	holes();
	wraps();
	in_child("posix_madvise-locked", locked);
}
