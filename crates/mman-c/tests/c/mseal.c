/* mseal: what it refuses, and what it makes impossible. Sealed memory stays until the process ends. */
#include "check.h"

static void sealing(void)
{
	char *memory = pages(3, MAP_PRIVATE), *gap = pages(3, MAP_PRIVATE), *room = pages(1, MAP_PRIVATE);
	memset(memory, 7, 3 * page);
	NEED(munmap(gap + page, page) == 0);
	STATUS("mseal-flag", mseal(memory, page, 1), EINVAL);
	STATUS("mseal-high-flag", mseal(memory, page, 1ul << 40), EINVAL);
	STATUS("mseal-unaligned", mseal(memory + 1, page, 0), EINVAL);
	STATUS("mseal-wraps", mseal(memory, -page, 0), EINVAL);
	STATUS("mseal-rounds-to-0", mseal(memory, SIZE_MAX, 0), EINVAL);
	STATUS("mseal-null", mseal(NULL, page, 0), ENOMEM);
	STATUS("mseal-garbage", mseal((void *)(1ul << 63), page, 0), ENOMEM);
	STATUS("mseal-unmapped", mseal(gap + page, page, 0), ENOMEM);
	STATUS("mseal-gap", mseal(gap, 3 * page, 0), ENOMEM);
	STATUS("mseal-gap-seals-nothing", munmap(gap, 3 * page), OK);
	STATUS("mseal-length-0", mseal(memory, 0, 0), OK);
	STATUS("mseal-null-length-0", mseal(NULL, 0, 0), OK);
	STATUS("mseal", mseal(memory + page, 1, 0), OK);
	STATUS("mseal-again", mseal(memory + page, page, 0), OK);
	STATUS("mseal-munmap", munmap(memory + page, page), EPERM);
	STATUS("mseal-mprotect", mprotect(memory + page, page, PROT_READ), EPERM);
	ADDRESS("mseal-mremap", mremap(memory + page, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, room), EPERM);
	ADDRESS("mseal-mmap", mmap(memory + page, page, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EPERM);
	STATUS("mseal-mlock", mlock(memory + page, page), OK);
	STATUS("mseal-munlock", munlock(memory + page, page), OK);
	STATUS("mseal-neighbour-before", munmap(memory, page), OK);
	STATUS("mseal-neighbour-after", munmap(memory + 2 * page, page), OK);
	fact("mseal-keeps-bytes", memory[page], 7);
}

static void test(void)
{
	if (syscall(CALL_MSEAL, NULL, 0, 0) != 0)
		skip("mseal", "Linux 6.10");
	else
		in_child("mseal-child", sealing);
}
