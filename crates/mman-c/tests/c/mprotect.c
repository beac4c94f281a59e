/* mprotect: what it refuses, and what it promises. */
#include "check.h"

static void arguments(void)
{
	char *memory = pages(3, MAP_PRIVATE);
	STATUS("mprotect-unaligned", mprotect(memory + 1, page, PROT_READ), EINVAL);
	STATUS("mprotect-unaligned-length-0", mprotect(memory + 1, 0, PROT_READ), EINVAL);
	STATUS("mprotect-unknown-bit", mprotect(memory, page, 0x4000000), EINVAL);
	STATUS("mprotect-all-bits", mprotect(memory, page, -1), EINVAL);
	STATUS("mprotect-growsdown-and-up", mprotect(memory, page, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP), EINVAL);
	STATUS("mprotect-growsdown-ordinary", mprotect(memory, page, PROT_READ | PROT_GROWSDOWN), EINVAL);
	STATUS("mprotect-growsup-ordinary", mprotect(memory, page, PROT_READ | PROT_GROWSUP), EINVAL);
	STATUS("mprotect-wraps", mprotect(memory, SIZE_MAX - 2 * page, PROT_READ), ENOMEM);
	STATUS("mprotect-rounds-to-0", mprotect(memory, SIZE_MAX, PROT_READ), ENOMEM);
	STATUS("mprotect-null", mprotect(NULL, page, PROT_READ), ENOMEM);
	STATUS("mprotect-garbage", mprotect((void *)(1ul << 63), page, PROT_READ), ENOMEM);
	STATUS("mprotect-last-page", mprotect((void *)-page, page, PROT_READ), ENOMEM);
	STATUS("mprotect-length-0", mprotect(memory, 0, PROT_READ), OK);
	STATUS("mprotect-null-length-0", mprotect(NULL, 0, PROT_READ), OK);
	STATUS("mprotect-garbage-length-0", mprotect((void *)(1ul << 63), 0, PROT_READ), OK);
	fact("mprotect-refused-changes-nothing", touch(memory, 1), 0);
	STATUS("mprotect-read", mprotect(memory + page, 1, PROT_READ), OK);
	fact("mprotect-rounds-up", touch(memory + 2 * page - 1, 1), SIGSEGV);
	fact("mprotect-read-reads", touch(memory + page, 0), 0);
	fact("mprotect-keeps-next", touch(memory + 2 * page, 1), 0);
	STATUS("mprotect-none", mprotect(memory, page, PROT_NONE), OK);
	fact("mprotect-none-touch", touch(memory, 0), SIGSEGV);
	STATUS("mprotect-several-mappings", mprotect(memory, 3 * page, RW), OK);
	fact("mprotect-write-writes", touch(memory, 1), 0);
	STATUS("mprotect-execute", mprotect(memory, page, PROT_READ | PROT_EXEC), OK);
	drop(memory, 3);
}

static void holes(void)
{
	char *memory = pages_with_hole();
	STATUS("mprotect-hole", mprotect(memory, 3 * page, PROT_READ), ENOMEM);
	fact("mprotect-hole-before-has-changed", touch(memory, 1), SIGSEGV);
	fact("mprotect-hole-after-has-not", touch(memory + 2 * page, 1), 0);
	STATUS("mprotect-unmapped", mprotect(memory + page, page, PROT_READ), ENOMEM);
	drop(memory, 3);
}

static void objects(void)
{
	char name[256];
	int both = temporary(name, sizeof name, 1), reads = open(name, O_RDONLY);
	NEED(reads >= 0 && unlink(name) == 0);
	char *shared = mmap(NULL, page, PROT_READ, MAP_SHARED, reads, 0);
	char *private = mmap(NULL, page, PROT_READ, MAP_PRIVATE, reads, 0);
	NEED(shared != MAP_FAILED && private != MAP_FAILED);
	STATUS("mprotect-shared-of-read-only-fd", mprotect(shared, page, RW), EACCES);
	STATUS("mprotect-private-of-read-only-fd", mprotect(private, page, RW), OK);
	drop(shared, 1);
	drop(private, 1);
	close(reads);
	close(both);
	int seals[2] = {F_SEAL_WRITE, F_SEAL_FUTURE_WRITE};
	for (int index = 0; index < 2; index++) {
		int fd = object(1);
		NEED(fcntl(fd, F_ADD_SEALS, seals[index]) == 0);
		shared = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
		NEED(shared != MAP_FAILED);
		STATUS(index ? "mprotect-future-write-seal" : "mprotect-write-seal", mprotect(shared, page, RW), EACCES);
		drop(shared, 1);
		close(fd);
	}
}

static void locks(void)
{
	char *memory = pages(4, MAP_PRIVATE);
	NEED(mlock(memory, 4 * page) == 0);
	STATUS("mprotect-locked", mprotect(memory, page, PROT_READ), OK);
	fact("mprotect-keeps-locks", locked_pages(), 4);
}

static void too_many(void)
{
	char *memory = pages(3, MAP_PRIVATE);
	all_mappings();
	STATUS("mprotect-one-mapping-too-many", mprotect(memory + page, page, PROT_READ), ENOMEM);
	STATUS("mprotect-whole-mapping", mprotect(memory, 3 * page, RW), OK);
}

static void over_data(void)
{
	limit(RLIMIT_DATA, (rlim_t)64 << 20);
	size_t much = (size_t)128 << 20;
	char *memory = mmap(NULL, much, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(memory != MAP_FAILED);
	STATUS("mprotect-over-rlimit-data", mprotect(memory, much, RW), ENOMEM);
}

static void sealed(void)
{
	char *memory = pages(3, MAP_PRIVATE);
	if (syscall(CALL_MSEAL, memory + page, page, 0) != 0) {
		skip("mprotect-sealed", "Linux 6.10");
		return;
	}
	STATUS("mprotect-sealed", mprotect(memory + page, page, PROT_READ), EPERM);
	STATUS("mprotect-sealed-same", mprotect(memory + page, page, RW), EPERM);
	STATUS("mprotect-touches-sealed", mprotect(memory, 3 * page, PROT_READ), EPERM);
	fact("mprotect-stops-before-sealed", touch(memory, 1), SIGSEGV);
	fact("mprotect-after-sealed", touch(memory + 2 * page, 1), 0);
}

static void test(void)
{
	arguments();
	holes();
	objects();
	in_child("mprotect-locks", locks);
	in_child("mprotect-too-many", too_many);
	in_child("mprotect-over-data", over_data);
	in_child("mprotect-sealed-child", sealed);
}
