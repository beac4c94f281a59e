/* Typed memory: munmap, and what else takes a mapping away. docs/typed-memory.md, munmap-1 to munmap-15. */
#include "typed.h"
#include <setjmp.h>

static sigjmp_buf back;

static void touched(int signal)
{
	siglongjmp(back, signal);
}

/* Which signal the touch of an address gives, 0 for none: in this process, as a child would map something there. */
static int touch_here(const char *at)
{
	struct sigaction action, before;
	memset(&action, 0, sizeof action);
	action.sa_handler = touched;
	NEED(sigaction(SIGSEGV, &action, &before) == 0);
	int signal = sigsetjmp(back, 1);
	if (signal == 0)
		(void)*(const volatile char *)at;
	NEED(sigaction(SIGSEGV, &before, NULL) == 0);
	return signal;
}

/* Whole pages go; to touch them is SIGSEGV. */
static void munmap_1(void)
{
	char *memory = got(opened(PORT_A, ALLOCATE), 4);
	STATUS("munmap-1", munmap(memory, 2 * page - 1), OK);
	fact("munmap-1-first", touch_here(memory), SIGSEGV);
	fact("munmap-1-part-of-a-page", touch_here(memory + 2 * page - 1), SIGSEGV);
	fact("munmap-1-rest", touch_here(memory + 2 * page), 0);
	fact("munmap-1-free", free_units(PORT_A), UNITS - 2);
}

/* Where nothing is mapped it does nothing. */
static void munmap_2(void)
{
	char *memory = got(opened(PORT_A, ALLOCATE), 4);
	unmapped(memory, 4);
	STATUS("munmap-2", munmap(memory, 4 * page), OK);
	STATUS("munmap-2-again", munmap(memory + page, page), OK);
	fact("munmap-2-free", free_units(PORT_A), UNITS);
}

/* What nobody has mapped any more can be allocated again. */
static void munmap_3(void)
{
	int fd = opened(PORT_A, CONTIG);
	char *memory = got(fd, UNITS);
	ADDRESS("munmap-3-all-taken", map_at(NULL, 0, fd, 1, 0), ENOMEM);
	STATUS("munmap-3", munmap(memory, UNITS * page), OK);
	fact("munmap-3-free", largest(fd), UNITS);
	ADDRESS("munmap-3-again", map_at(NULL, 0, fd, UNITS, 0), OK);
}

static void maps_and_waits(const struct other *here)
{
	long first = hear(here);
	char *memory = mapped(opened(PORT_B, 0), 6, first);
	tell(here, 0);
	hear(here);
	fact("munmap-4-memory", holds(memory, 6, 8), 1);
	unmapped(memory, 6);
	tell(here, 0);
	hear(here);
}

/* As long as another process maps it, it is allocated. */
static void munmap_4(void)
{
	struct other other = started(maps_and_waits);
	char *memory = got(opened(PORT_A, CONTIG), 6);
	fill(memory, 6, 8);
	tell(&other, first_of(memory));
	hear(&other);
	STATUS("munmap-4", munmap(memory, 6 * page), OK);
	fact("munmap-4-still", free_units(PORT_A), UNITS - 6);
	tell(&other, 0);
	hear(&other);
	fact("munmap-4-free", free_units(PORT_A), UNITS);
	tell(&other, 0);
	ended(&other);
}

/* As long as this process maps it elsewhere too, by whichever port. */
static void munmap_5(void)
{
	char *memory = got(opened(PORT_A, CONTIG), 6);
	char *again = mapped(opened(PORT_B, 0), 6, first_of(memory));
	fill(memory, 6, 8);
	unmapped(memory, 6);
	fact("munmap-5-still", free_units(PORT_A), UNITS - 6);
	fact("munmap-5-memory", holds(again, 6, 8), 1);
	unmapped(again + 2 * page, 4);
	fact("munmap-5-part", free_units(PORT_A), UNITS - 2);
	unmapped(again, 6);
	fact("munmap-5-free", free_units(PORT_A), UNITS);
}

/* Parts: from the beginning, from the middle, from the end. */
static void munmap_6(void)
{
	int fd = opened(PORT_A, CONTIG);
	char *memory = got(fd, 20);
	long first = first_of(memory);
	fill(memory, 20, 8);
	unmapped(memory, 3);
	fact("munmap-6-beginning", free_units(PORT_A), UNITS - 17);
	unmapped(memory + 10 * page, 4);
	fact("munmap-6-middle", free_units(PORT_A), UNITS - 13);
	unmapped(memory + 18 * page, 2);
	fact("munmap-6-end", free_units(PORT_A), UNITS - 11);
	fact("munmap-6-rest", holds(memory + 3 * page, 7, 8) && holds(memory + 14 * page, 4, 8), 1);
	fact("munmap-6-first", found_at(memory + 3 * page, 20).first == first + 3 && found_at(memory + 3 * page, 20).units == 7, 1);
	fact("munmap-6-second",
	     found_at(memory + 14 * page, 20).first == first + 14 && found_at(memory + 14 * page, 20).units == 4, 1);
	unmapped(memory, 20);
	fact("munmap-6-free", free_units(PORT_A), UNITS);
}

/* Mappings that were made with MAP_ALLOCATABLE do not keep what they see. */
static void munmap_7(void)
{
	int fd = opened(PORT_A, CONTIG);
	char *memory = got(fd, 6);
	long first = first_of(memory);
	char *seen = mapped(opened(PORT_A, ALLOCATABLE), UNITS, 0);
	fill(memory, 6, 8);
	unmapped(memory, 6);
	fact("munmap-7-free", largest(fd), UNITS);
	ADDRESS("munmap-7-again", map_at(NULL, 0, fd, UNITS, 0), OK);
	fact("munmap-7-emptied", seen[first * page], 0);
}

/* Nor does it change anything that they are unmapped. */
static void munmap_8(void)
{
	int fd = opened(PORT_A, CONTIG);
	char *memory = got(fd, 6);
	char *seen = mapped(opened(PORT_A, ALLOCATABLE), UNITS, 0);
	fill(memory, 6, 8);
	unmapped(seen + 100 * page, 3);
	unmapped(seen, UNITS);
	fact("munmap-8-allocated-stays", largest(fd) <= UNITS - 6 && free_units(PORT_A) == UNITS - 6, 1);
	fact("munmap-8-memory", holds(memory, 6, 8), 1);
	char *rest = got(opened(PORT_A, ALLOCATE), UNITS - 6);
	fact("munmap-8-free-stays", holds(rest, UNITS - 6, 0) && holds(memory, 6, 8), 1);
}

/* One call for several mappings, typed and other, of two pools, and holes. */
static void munmap_9(void)
{
	char *room = pages(40, MAP_PRIVATE);
	int fd = opened(PORT_A, ALLOCATE), other = opened(PORT_PRIVATE, ALLOCATE);
	NEED(map_at(room + 2 * page, MAP_FIXED, fd, 10, 0) == room + 2 * page);
	NEED(map_at(room + 14 * page, MAP_FIXED, other, 5, 0) == room + 14 * page);
	NEED(map_at(room + 25 * page, MAP_FIXED, fd, 10, 0) == room + 25 * page);
	drop(room + 20 * page, 3);
	fill(room + 2 * page, 10, 8);
	STATUS("munmap-9", munmap(room + 6 * page, 24 * page), OK);
	fact("munmap-9-free", free_units(PORT_A), UNITS - 9);
	fact("munmap-9-other-pool", free_units(PORT_PRIVATE), PRIVATE_UNITS);
	fact("munmap-9-left", found_at(room + 2 * page, 10).units + found_at(room + 30 * page, 10).units, 9);
	fact("munmap-9-memory", holds(room + 2 * page, 4, 8), 1);
	STATUS("munmap-9-all", munmap(room, 40 * page), OK);
	fact("munmap-9-all-free", free_units(PORT_A), UNITS);
}

/* What was changed in a private mapping is lost. */
static void munmap_10(void)
{
	int fixed = opened(PORT_A, 0);
	char *memory = mapped(fixed, 1, 3);
	char *copy = (char *)mmap(NULL, page, RW, MAP_PRIVATE, fixed, (off_t)(3 * page));
	NEED(copy != MAP_FAILED);
	*memory = 1;
	*copy = 2;
	STATUS("munmap-10", munmap(copy, page), OK);
	copy = (char *)mmap(NULL, page, RW, MAP_PRIVATE, fixed, (off_t)(3 * page));
	fact("munmap-10-lost", *copy, 1);
}

/* Memory locks go with the mapping. */
static void munmap_11(void)
{
	char *memory = got(opened(PORT_A, ALLOCATE), 8);
	long before = locked_pages();
	STATUS("munmap-11-mlock", mlock(memory, 8 * page), OK);
	fact("munmap-11-locked", locked_pages() - before, 8);
	unmapped(memory, 5);
	fact("munmap-11-part", locked_pages() - before, 3);
	unmapped(memory, 8);
	fact("munmap-11-all", locked_pages() - before, 0);
}

/* EINVAL: length 0, no page boundary, outside the address space; nothing goes then. */
static void munmap_12(void)
{
	char *memory = got(opened(PORT_A, ALLOCATE), 8);
	fill(memory, 8, 8);
	STATUS("munmap-12-nothing", munmap(memory, 0), EINVAL);
	STATUS("munmap-12-unaligned", munmap(memory + 1, page), EINVAL);
	STATUS("munmap-12-outside", munmap((void *)(UINTPTR_MAX - page + 1), page), EINVAL);
	STATUS("munmap-12-over-the-end", munmap(memory, SIZE_MAX - page), EINVAL);
	fact("munmap-12-memory", holds(memory, 8, 8), 1);
	fact("munmap-12-allocated", free_units(PORT_A), UNITS - 8);
	fact("munmap-12-found", found_at(memory, 8).units, 8);
}

/* mremap, of Linux: moves and cuts; typed memory does not grow, and is not doubled. */
static void munmap_13(void)
{
	int fd = opened(PORT_A, CONTIG);
	char *memory = got(fd, 10);
	fill(memory, 10, 8);
	long first = first_of(memory);
	ADDRESS("munmap-13-grow", mremap(memory, 10 * page, 11 * page, MREMAP_MAYMOVE), ENOMEM);
	ADDRESS("munmap-13-double", mremap(memory, 0, 10 * page, MREMAP_MAYMOVE), EINVAL);
	ADDRESS("munmap-13-dontunmap",
		mremap(memory, 10 * page, 10 * page, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL), EINVAL);
	ADDRESS("munmap-13-cut", mremap(memory, 10 * page, 6 * page, 0), OK);
	fact("munmap-13-cut-free", free_units(PORT_A), UNITS - 6);
	char *over = got(fd, 6);
	fact("munmap-13-move", (char *)mremap(memory, 6 * page, 6 * page, MREMAP_MAYMOVE | MREMAP_FIXED, over) == over, 1);
	fact("munmap-13-moved", holds(over, 6, 8) && first_of(over) == first, 1);
	fact("munmap-13-replaced-is-free", free_units(PORT_A), UNITS - 6);
	unmapped(over, 6);
	fact("munmap-13-free", free_units(PORT_A), UNITS);
}

/* What else Linux does to mappings changes nothing of what is allocated. */
static void munmap_14(void)
{
	char *memory = got(opened(PORT_A, ALLOCATE), 8);
	fill(memory, 8, 8);
	STATUS("munmap-14-dontneed", madvise(memory, 8 * page, MADV_DONTNEED), OK);
	fact("munmap-14-memory", holds(memory, 8, 8), 1);
	STATUS("munmap-14-remove", madvise(memory, page, MADV_REMOVE), OK);
	fact("munmap-14-removed", *memory, 0);
	STATUS("munmap-14-msync", msync(memory, 8 * page, MS_SYNC), OK);
	STATUS("munmap-14-mprotect", mprotect(memory + page, page, PROT_NONE), OK);
	fact("munmap-14-allocated", free_units(PORT_A), UNITS - 8);
	fact("munmap-14-found", found_at(memory, 8).units, 8);
	STATUS("munmap-14-mlock", mlock(memory, page), OK);
	unmapped(memory, 8);
	fact("munmap-14-free", free_units(PORT_A), UNITS);
}

/* A raw system call goes round the library: what it unmaps stays allocated until the process ends. */
static void goes_round(const struct other *here)
{
	char *memory = got(opened(PORT_A, ALLOCATE), 30);
	NEED(syscall(SYS_munmap, memory, 30 * page) == 0);
	tell(here, 0);
	hear(here);
}

static void munmap_15(void)
{
	struct other other = started(goes_round);
	hear(&other);
	fact("munmap-15-still", free_units(PORT_A), UNITS - 30);
	tell(&other, 0);
	ended(&other);
	fact("munmap-15-ended", free_units(PORT_A), UNITS);
}

static void test(void)
{
	RUN(munmap_1);
	RUN(munmap_2);
	RUN(munmap_3);
	RUN(munmap_4);
	RUN(munmap_5);
	RUN(munmap_6);
	RUN(munmap_7);
	RUN(munmap_8);
	RUN(munmap_9);
	RUN(munmap_10);
	RUN(munmap_11);
	RUN(munmap_12);
	RUN(munmap_13);
	RUN(munmap_14);
	RUN(munmap_15);
}
