/* madvise: what it refuses, and what it promises. */
#include "check.h"

static void arguments(void)
{
	char *memory = pages(3, MAP_PRIVATE);
	STATUS("madvise-unaligned", madvise(memory + 1, 1, MADV_NORMAL), EINVAL);
	STATUS("madvise-wraps", madvise(memory, SIZE_MAX, MADV_NORMAL), EINVAL);
	STATUS("madvise-wraps-aligned", madvise(memory, -page, MADV_NORMAL), EINVAL);
	STATUS("madvise-unknown-advice", madvise(memory, page, 4711), EINVAL);
	STATUS("madvise-negative-advice", madvise(memory, page, -1), EINVAL);
	STATUS("madvise-advice-5", madvise(memory, page, 5), EINVAL);
	STATUS("madvise-unknown-advice-length-0", madvise(NULL, 0, 4711), EINVAL);
	STATUS("madvise-unaligned-length-0", madvise((void *)1, 0, MADV_DONTNEED), EINVAL);
	STATUS("madvise-length-0", madvise(NULL, 0, MADV_DONTNEED), OK);
	STATUS("madvise-null", madvise(NULL, page, MADV_NORMAL), ENOMEM);
	STATUS("madvise-garbage", madvise((void *)(1ul << 63), page, MADV_NORMAL), ENOMEM);
	STATUS("madvise-normal", madvise(memory, page, MADV_NORMAL), OK);
	STATUS("madvise-random", madvise(memory, page, MADV_RANDOM), OK);
	STATUS("madvise-sequential", madvise(memory, page, MADV_SEQUENTIAL), OK);
	STATUS("madvise-willneed", madvise(memory, page, MADV_WILLNEED), OK);
	STATUS("madvise-cold", madvise(memory, page, MADV_COLD), OK);
	STATUS("madvise-pageout", madvise(memory, page, MADV_PAGEOUT), OK);
	STATUS("madvise-dontdump", madvise(memory, page, MADV_DONTDUMP), OK);
	STATUS("madvise-dodump", madvise(memory, page, MADV_DODUMP), OK);
	STATUS("madvise-dontfork", madvise(memory, page, MADV_DONTFORK), OK);
	STATUS("madvise-dofork", madvise(memory, page, MADV_DOFORK), OK);
	STATUS("madvise-wipeonfork", madvise(memory, page, MADV_WIPEONFORK), OK);
	STATUS("madvise-keeponfork", madvise(memory, page, MADV_KEEPONFORK), OK);
	/* The kernel may be built without these. */
	STATUS("madvise-mergeable", madvise(memory, page, MADV_MERGEABLE), ANY);
	STATUS("madvise-unmergeable", madvise(memory, page, MADV_UNMERGEABLE), ANY);
	STATUS("madvise-hugepage", madvise(memory, page, MADV_HUGEPAGE), ANY);
	STATUS("madvise-nohugepage", madvise(memory, page, MADV_NOHUGEPAGE), ANY);
	STATUS("madvise-collapse-too-small", madvise(memory, page, MADV_COLLAPSE), ANY);
	drop(memory, 3);
}

static void dropping(void)
{
	char *memory = pages(3, MAP_PRIVATE);
	memset(memory, 7, 3 * page);
	STATUS("madvise-dontneed", madvise(memory + page, 1, MADV_DONTNEED), OK);
	fact("madvise-dontneed-drops", memory[0] * 100 + memory[page] * 10 + memory[2 * page], 707);
	STATUS("madvise-free", madvise(memory, page, MADV_FREE), OK);
	memory[0] = 8;
	fact("madvise-store-after-free", memory[0], 8);
	NEED(munmap(memory + page, page) == 0);
	STATUS("madvise-hole", madvise(memory, 3 * page, MADV_DONTNEED), ENOMEM);
	fact("madvise-hole-rest-is-done", memory[0] + memory[2 * page], 0);
	STATUS("madvise-unmapped", madvise(memory + page, page, MADV_DONTNEED), ENOMEM);
	drop(memory, 3);

	int fd = object(1);
	NEED(pwrite(fd, "f", 1, 0) == 1);
	char *shared = mmap(NULL, page, RW, MAP_SHARED, fd, 0), *private = mmap(NULL, page, RW, MAP_PRIVATE, fd, 0);
	NEED(shared != MAP_FAILED && private != MAP_FAILED);
	private[0] = 'p';
	STATUS("madvise-dontneed-private-file", madvise(private, page, MADV_DONTNEED), OK);
	fact("madvise-dontneed-brings-file-back", private[0], 'f');
	STATUS("madvise-free-file", madvise(private, page, MADV_FREE), EINVAL);
	STATUS("madvise-free-shared", madvise(shared, page, MADV_FREE), EINVAL);
	STATUS("madvise-wipeonfork-file", madvise(private, page, MADV_WIPEONFORK), EINVAL);
	STATUS("madvise-wipeonfork-shared", madvise(shared, page, MADV_WIPEONFORK), EINVAL);
	STATUS("madvise-remove-private-file", madvise(private, page, MADV_REMOVE), EACCES);
	STATUS("madvise-remove-shared", madvise(shared, page, MADV_REMOVE), OK);
	fact("madvise-remove-punches", shared[0], 0);
	NEED(mprotect(shared, page, PROT_READ) == 0);
	STATUS("madvise-populate-write-unwritable", madvise(shared, page, MADV_POPULATE_WRITE), EINVAL);
	char name[256];
	int both = temporary(name, sizeof name, 1), reads = open(name, O_RDONLY);
	NEED(reads >= 0 && unlink(name) == 0);
	char *unwritable = mmap(NULL, page, PROT_READ, MAP_SHARED, reads, 0);
	NEED(unwritable != MAP_FAILED);
	STATUS("madvise-remove-unwritable", madvise(unwritable, page, MADV_REMOVE), EACCES);
	drop(unwritable, 1);
	close(both);
	close(reads);
	drop(shared, 1);
	drop(private, 1);
	memory = pages(1, MAP_PRIVATE);
	STATUS("madvise-remove-anonymous", madvise(memory, page, MADV_REMOVE), EINVAL);
	drop(memory, 1);
	close(fd);
}

static void locked(void)
{
	char *memory = pages(1, MAP_PRIVATE), *shared = pages(1, MAP_SHARED);
	NEED(mlock(memory, page) == 0 && mlock(shared, page) == 0);
	memory[0] = 7;
	STATUS("madvise-dontneed-locked-memory", madvise(memory, page, MADV_DONTNEED), EINVAL);
	STATUS("madvise-free-locked-memory", madvise(memory, page, MADV_FREE), EINVAL);
	STATUS("madvise-remove-locked-memory", madvise(shared, page, MADV_REMOVE), EINVAL);
	STATUS("madvise-pageout-locked-memory", madvise(memory, page, MADV_PAGEOUT), EINVAL);
	STATUS("madvise-cold-locked-memory", madvise(memory, page, MADV_COLD), EINVAL);
	fact("madvise-locked-keeps", memory[0], 7);
	STATUS("madvise-guard-locked-memory", madvise(memory, page, MADV_GUARD_INSTALL), EINVAL);
	STATUS("madvise-dontneed-locked", madvise(memory, page, MADV_DONTNEED_LOCKED), OK);
	fact("madvise-dontneed-locked-drops", memory[0], 0);
}

static void populating(void)
{
	int fd = object(1);
	unsigned char there[2] = {9, 9};
	char *memory = mmap(NULL, 2 * page, RW, MAP_SHARED, fd, 0);
	char *none = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(memory != MAP_FAILED && none != MAP_FAILED);
	STATUS("madvise-populate-read-past-end", madvise(memory, 2 * page, MADV_POPULATE_READ), EFAULT);
	STATUS("madvise-populate-write-past-end", madvise(memory, 2 * page, MADV_POPULATE_WRITE), EFAULT);
	STATUS("madvise-populate-write", madvise(memory, page, MADV_POPULATE_WRITE), OK);
	STATUS("madvise-populate-read-no-access", madvise(none, page, MADV_POPULATE_READ), EINVAL);
	drop(memory, 2);
	drop(none, 1);
	close(fd);
	memory = pages(2, MAP_PRIVATE);
	STATUS("madvise-populate-read", madvise(memory, page, MADV_POPULATE_READ), OK);
	NEED(mincore(memory, 2 * page, there) == 0);
	fact("madvise-populate-brings-in", (there[0] & 1) * 10 + (there[1] & 1), 10);
	NEED(munmap(memory + page, page) == 0);
	STATUS("madvise-populate-hole", madvise(memory, 2 * page, MADV_POPULATE_READ), ENOMEM);
	drop(memory, 2);
}

static void guards(void)
{
	char *memory = pages(3, MAP_PRIVATE);
	memset(memory, 7, 3 * page);
	if (syscall(SYS_madvise, memory, 0, MADV_GUARD_INSTALL) != 0) {
		skip("madvise-guard", "Linux 6.13");
		return;
	}
	STATUS("madvise-guard", madvise(memory + page, page, MADV_GUARD_INSTALL), OK);
	fact("madvise-guard-touch", touch(memory + page, 0), SIGSEGV);
	fact("madvise-guard-neighbour", memory[0] * 10 + memory[2 * page], 77);
	STATUS("madvise-guard-dontneed", madvise(memory, 3 * page, MADV_DONTNEED), OK);
	STATUS("madvise-guard-free", madvise(memory, 3 * page, MADV_FREE), OK);
	fact("madvise-guard-survives", touch(memory + page, 0), SIGSEGV);
	STATUS("madvise-populate-guard", madvise(memory, 3 * page, MADV_POPULATE_READ), EFAULT);
	STATUS("madvise-guard-remove", madvise(memory, 3 * page, MADV_GUARD_REMOVE), OK);
	fact("madvise-guard-removed", memory[page], 0);
	drop(memory, 3);
}

static void forks(void)
{
	char *memory = pages(2, MAP_PRIVATE);
	memset(memory, 7, 2 * page);
	NEED(madvise(memory, page, MADV_DONTFORK) == 0 && madvise(memory + page, page, MADV_WIPEONFORK) == 0);
	fact("madvise-dontfork-child", touch(memory, 0), SIGSEGV);
	pid_t child = fork();
	if (child == 0)
		_exit(memory[page]);
	int status;
	NEED(waitpid(child, &status, 0) == child && WIFEXITED(status));
	fact("madvise-wipeonfork-child", WEXITSTATUS(status), 0);
	fact("madvise-wipeonfork-parent", memory[page], 7);
	drop(memory, 2);
}

static void too_many(void)
{
	char *memory = pages(3, MAP_PRIVATE);
	all_mappings();
	STATUS("madvise-one-mapping-too-many", madvise(memory + page, page, MADV_DONTDUMP), EAGAIN);
}

static void without_privilege(void)
{
	char *memory = pages(1, MAP_PRIVATE);
	if (is_root())
		become_nobody();
	/* EINVAL from a kernel that was built without it. */
	STATUS("madvise-hwpoison-without-privilege", madvise(memory, page, MADV_HWPOISON), ANY);
}

static void sealed(void)
{
	char *memory = pages(1, MAP_PRIVATE), *writable = pages(1, MAP_PRIVATE);
	memory[0] = writable[0] = 7;
	NEED(mprotect(memory, page, PROT_READ) == 0);
	if (syscall(CALL_MSEAL, memory, page, 0) != 0) {
		skip("madvise-sealed", "Linux 6.10");
		return;
	}
	NEED(syscall(CALL_MSEAL, writable, page, 0) == 0);
	STATUS("madvise-dontneed-sealed", madvise(memory, page, MADV_DONTNEED), EPERM);
	STATUS("madvise-free-sealed", madvise(memory, page, MADV_FREE), EPERM);
	STATUS("madvise-dontneed-locked-sealed", madvise(memory, page, MADV_DONTNEED_LOCKED), EPERM);
	STATUS("madvise-dontfork-sealed", madvise(memory, page, MADV_DONTFORK), EPERM);
	STATUS("madvise-wipeonfork-sealed", madvise(memory, page, MADV_WIPEONFORK), EPERM);
	fact("madvise-sealed-keeps", memory[0], 7);
	STATUS("madvise-dontneed-sealed-writable", madvise(writable, page, MADV_DONTNEED), OK);
}

static void test(void)
{
	arguments();
	dropping();
	in_child("madvise-locked", locked);
	populating();
	guards();
	forks();
	in_child("madvise-too-many", too_many);
	in_child("madvise-without-privilege", without_privilege);
	in_child("madvise-sealed-child", sealed);
}
