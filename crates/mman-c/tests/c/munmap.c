/* munmap: what it refuses, and what it promises. */
#include "check.h"

static void arguments(void)
{
	char *memory = pages(3, MAP_PRIVATE);
	STATUS("munmap-length-0", munmap(memory, 0), EINVAL);
	STATUS("munmap-unaligned", munmap(memory + 1, page), EINVAL);
	STATUS("munmap-wraps", munmap(memory, SIZE_MAX), EINVAL);
	STATUS("munmap-past-space", munmap(memory, (size_t)1 << 62), EINVAL);
	STATUS("munmap-wraps-to-0", munmap((void *)-page, page), EINVAL);
	STATUS("munmap-null-length-0", munmap(NULL, 0), EINVAL);
	STATUS("munmap-garbage", munmap((void *)-1, 1), EINVAL);
	STATUS("munmap-above-space", munmap((void *)(1ul << 63), page), EINVAL);
	STATUS("munmap-map-failed", munmap(MAP_FAILED, page), EINVAL);
	STATUS("munmap-null", munmap(NULL, 1), OK);
	STATUS("munmap-middle", munmap(memory + page, 1), OK);
	fact("munmap-rounds-up", touch(memory + page, 0), SIGSEGV);
	fact("munmap-keeps-before", touch(memory, 1), 0);
	fact("munmap-keeps-after", touch(memory + 2 * page, 1), 0);
	STATUS("munmap-again", munmap(memory + page, page), OK);
	STATUS("munmap-with-hole", munmap(memory, 3 * page), OK);
}

static void locks(void)
{
	char *memory = pages(4, MAP_PRIVATE);
	NEED(mlock(memory, 4 * page) == 0);
	STATUS("munmap-locked", munmap(memory, page), OK);
	fact("munmap-unlocks", locked_pages(), 3);
	NEED(munmap(memory + page, 3 * page) == 0);
}

static void private_changes(void)
{
	int fd = object(1);
	char *memory = mmap(NULL, page, RW, MAP_PRIVATE, fd, 0);
	NEED(memory != MAP_FAILED);
	memory[0] = 7;
	STATUS("munmap-private", munmap(memory, page), OK);
	memory = mmap(NULL, page, RW, MAP_PRIVATE, fd, 0);
	NEED(memory != MAP_FAILED);
	fact("munmap-private-changes-are-lost", memory[0], 0);
	drop(memory, 1);
	close(fd);
}

static void too_many(void)
{
	char *memory = pages(3, MAP_PRIVATE);
	all_mappings();
	STATUS("munmap-one-mapping-too-many", munmap(memory + page, page), ENOMEM);
	STATUS("munmap-whole", munmap(memory, 3 * page), OK);
}

static void sealed(void)
{
	char *memory = pages(3, MAP_PRIVATE);
	if (syscall(CALL_MSEAL, memory + page, page, 0) != 0) {
		skip("munmap-sealed", "Linux 6.10");
		return;
	}
	STATUS("munmap-sealed", munmap(memory + page, page), EPERM);
	STATUS("munmap-touches-sealed", munmap(memory, 3 * page), EPERM);
	fact("munmap-sealed-all-or-nothing", touch(memory, 1), 0);
}

static void test(void)
{
	arguments();
	in_child("munmap-locks", locks);
	private_changes();
	in_child("munmap-too-many", too_many);
	in_child("munmap-sealed-child", sealed);
}
