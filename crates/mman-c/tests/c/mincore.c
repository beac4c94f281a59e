/* mincore and cachestat: what they refuse, and what they promise. */
#include "check.h"

static void core(void)
{
	unsigned char there[8] = {9, 9, 9, 9, 9, 9, 9, 9};
	char *memory = pages(3, MAP_PRIVATE);
	STATUS("mincore-unaligned", mincore(memory + 1, page, there), EINVAL);
	STATUS("mincore-null-answer", mincore(memory, page, NULL), EFAULT);
	STATUS("mincore-garbage-answer", mincore(memory, page, (unsigned char *)(1ul << 63)), EFAULT);
	STATUS("mincore-last-byte-answer", mincore(memory, page, (unsigned char *)-1), EFAULT);
	STATUS("mincore-null", mincore(NULL, page, there), ENOMEM);
	STATUS("mincore-garbage", mincore((void *)(1ul << 63), page, there), ENOMEM);
	STATUS("mincore-too-long", mincore(memory, (size_t)1 << 62, there), ENOMEM);
	STATUS("mincore-wraps", mincore(memory, SIZE_MAX, there), ENOMEM);
	STATUS("mincore-length-0", mincore(memory, 0, there), OK);
	STATUS("mincore-length-0-no-answer", mincore(memory, 0, NULL), OK);
	fact("mincore-length-0-writes-nothing", there[0], 9);
	memory[page] = 1;
	STATUS("mincore", mincore(memory, 2 * page + 1, there), OK);
	fact("mincore-answer", (there[0] & 1) * 100 + (there[1] & 1) * 10 + (there[2] & 1), 10);
	fact("mincore-rounds-up", there[3], 9);
	NEED(munmap(memory + page, page) == 0);
	STATUS("mincore-hole", mincore(memory, 3 * page, there), ENOMEM);
	STATUS("mincore-unmapped", mincore(memory + page, page, there), ENOMEM);
	drop(memory, 3);
	char *answer = pages(1, MAP_PRIVATE);
	memory = pages(2, MAP_PRIVATE);
	NEED(mprotect(answer, page, PROT_READ) == 0);
	STATUS("mincore-unwritable-answer", mincore(memory, page, (unsigned char *)answer), EFAULT);
	drop(memory, 2);
	drop(answer, 1);
	int fd = object(2);
	NEED(pwrite(fd, "x", 1, page) == 1);
	memory = mmap(NULL, 2 * page, PROT_READ, MAP_SHARED, fd, 0);
	NEED(memory != MAP_FAILED);
	STATUS("mincore-object", mincore(memory, 2 * page, there), OK);
	fact("mincore-object-is-there-for-all", there[1] & 1, 1);
	drop(memory, 2);
	close(fd);
}

static void cache(void)
{
	struct cachestat answer;
	struct cachestat_range whole = {0, 0}, first = {0, page};
	memset(&answer, 0xff, sizeof answer);
	int fd = object(4), ends[2];
	if (syscall(CALL_CACHESTAT, fd, &whole, &answer, 0) != 0) {
		skip("cachestat", "Linux 6.5");
		return;
	}
	char *memory = mmap(NULL, 4 * page, RW, MAP_SHARED, fd, 0);
	NEED(memory != MAP_FAILED && pipe(ends) == 0);
	memset(memory, 1, 3 * page);
	STATUS("cachestat-bad-fd", cachestat(-1, &whole, &answer, 0), EBADF);
	STATUS("cachestat-large-fd", cachestat(1 << 30, &whole, &answer, 0), EBADF);
	STATUS("cachestat-flag", cachestat(fd, &whole, &answer, 1), EINVAL);
	STATUS("cachestat-all-flags", cachestat(fd, &whole, &answer, (unsigned)-1), EINVAL);
	STATUS("cachestat-null-range", cachestat(fd, NULL, &answer, 0), EFAULT);
	STATUS("cachestat-null-answer", cachestat(fd, &whole, NULL, 0), EFAULT);
	STATUS("cachestat-garbage-range", cachestat(fd, (void *)(1ul << 63), &answer, 0), EFAULT);
	STATUS("cachestat-garbage-answer", cachestat(fd, &whole, (void *)-8, 0), EFAULT);
	STATUS("cachestat-whole", cachestat(fd, &whole, &answer, 0), OK);
	fact("cachestat-whole-counts", answer.nr_cache, 3);
	STATUS("cachestat-first", cachestat(fd, &first, &answer, 0), OK);
	fact("cachestat-first-counts", answer.nr_cache, 1);
	STATUS("cachestat-pipe", cachestat(ends[0], &whole, &answer, 0), ANY);
	drop(memory, 4);
	close(fd);
	fd = memfd_create("conformance", MFD_CLOEXEC | MFD_HUGETLB);
	if (fd < 0) {
		skip("cachestat-huge", "huge pages");
	} else {
		STATUS("cachestat-huge", cachestat(fd, &whole, &answer, 0), EOPNOTSUPP);
		close(fd);
	}
	char name[256];
	fd = temporary(name, sizeof name, 1);
	int path = open(name, O_PATH | O_CLOEXEC);
	NEED(unlink(name) == 0);
	STATUS("cachestat-path-fd", cachestat(path, &whole, &answer, 0), EBADF);
	close(path);
	close(fd);
	close(ends[0]);
	close(ends[1]);
}

static void test(void)
{
	core();
	cache();
}
