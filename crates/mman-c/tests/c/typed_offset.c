/* Typed memory: posix_mem_offset. docs/typed-memory.md, offset-1 to offset-16. */
#include "typed.h"

/* Where in the object the memory at an address is. */
static void offset_1(void)
{
	off_t offset = -1;
	size_t length = 0;
	int which = -1, fd = opened(PORT_A, 0);
	char *memory = mapped(fd, 10, 20);
	RETURNED("offset-1-call", posix_mem_offset(memory, 10 * page, &offset, &length, &which), OK);
	fact("offset-1-start", offset == (off_t)(20 * page), 1);
	NEED(posix_mem_offset(memory + 3 * page + 17, 100, &offset, &length, &which) == 0);
	fact("offset-1-within", offset == (off_t)(23 * page + 17) && length == 100, 1);
	NEED(posix_mem_offset(memory + 10 * page - 1, 1, &offset, &length, &which) == 0);
	fact("offset-1-last-byte", offset == (off_t)(30 * page - 1) && length == 1, 1);
	char *block = got(opened(PORT_A, ALLOCATE), 10);
	fill(block, 10, 3);
	long first = first_of(block);
	fact("offset-1-allocated", holds(mapped(opened(PORT_A, ALLOCATABLE), 10, first), 10, 3), 1);
}

/* The descriptor by which it was mapped. */
static void offset_2(void)
{
	int one = opened(PORT_A, ALLOCATE), two = opened(PORT_A, ALLOCATE), fixed = opened(PORT_B, 0);
	fact("offset-2-one", found_at(got(one, 3), 3).fd - one, 0);
	fact("offset-2-two", found_at(got(two, 3), 3).fd - two, 0);
	fact("offset-2-other-port", found_at(mapped(fixed, 1, 200), 1).fd - fixed, 0);
	int looks = opened(PORT_A, ALLOCATABLE);
	fact("offset-2-allocatable", found_at(mapped(looks, 1, 0), 1).fd - looks, 0);
	int same = dup(one);
	fact("offset-2-dup", found_at(got(same, 3), 3).fd - same, 0);
}

/* -1 once it was closed, whatever has its number later. */
static void offset_3(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	char *memory = got(fd, 3);
	NEED(close(fd) == 0);
	fact("offset-3-closed", found_at(memory, 3).fd, -1);
	fact("offset-3-offset-stays", found_at(memory, 3).units, 3);
	fact("offset-3-number-again", opened(PORT_A, ALLOCATE) - fd, 0);
	fact("offset-3-same-object", found_at(memory, 3).fd, -1);
	fact("offset-3-new-mapping", found_at(got(fd, 1), 1).fd - fd, 0);
	NEED(close(fd) == 0);
	int null = open("/dev/null", O_RDWR);
	NEED(dup2(null, fd) == fd);
	fact("offset-3-another-object", found_at(memory, 3).fd, -1);
}

/* The length asked for, or what is mapped in a row of the object from there on: the smaller. */
static void offset_4(void)
{
	off_t offset;
	size_t length;
	int which, fixed = opened(PORT_A, 0);
	char *memory = mapped(fixed, 10, 20);
	fact("offset-4-less", found_at(memory, 4).units, 4);
	fact("offset-4-all", found_at(memory, 10).units, 10);
	fact("offset-4-more", found_at(memory, 400).units, 10);
	fact("offset-4-from-within", found_at(memory + 7 * page, 10).units, 3);
	NEED(posix_mem_offset(memory + 1, SIZE_MAX, &offset, &length, &which) == 0);
	fact("offset-4-to-the-end", length == 10 * page - 1, 1);
	NEED(posix_mem_offset(memory + 1, 0, &offset, &length, &which) == 0);
	fact("offset-4-nothing", length == 0 && offset == (off_t)(20 * page + 1), 1);
	unmapped(memory + 5 * page, 1);
	fact("offset-4-hole", found_at(memory, 10).units, 5);
}

/* A block in pieces: each of them is found. */
static void offset_5(void)
{
	int fixed = opened(PORT_A, 0), fd = opened(PORT_B, ALLOCATE);
	mapped(fixed, 100, 0);
	mapped(fixed, 100, 103);
	mapped(fixed, UNITS - 208, 208);
	char *block = got(fd, 8);
	struct found one = found_at(block, 8);
	struct found two = found_at(block + one.units * page, 8);
	fact("offset-5-shorter", one.units < 8, 1);
	fact("offset-5-whole", one.units + two.units, 8);
	fact("offset-5-apart", one.first + one.units != two.first, 1);
}

/* Mappings that follow each other in the addresses and in the object are one run. */
static void offset_6(void)
{
	int fixed = opened(PORT_A, 0);
	char *room = pages(10, MAP_PRIVATE);
	NEED(map_at(room, MAP_FIXED, fixed, 4, 50) == room);
	NEED(map_at(room + 4 * page, MAP_FIXED, fixed, 3, 54) == room + 4 * page);
	NEED(map_at(room + 7 * page, MAP_FIXED, fixed, 3, 90) == room + 7 * page);
	fact("offset-6-run", found_at(room, 10).units, 7);
	fact("offset-6-from-within", found_at(room + 5 * page, 10).units, 2);
	fact("offset-6-next", found_at(room + 7 * page, 10).units, 3);
}

/* Whether the pairs that are told of a block map the very same memory, through a port. */
static int maps_the_same(char *block, size_t units, const char *port, int tflag)
{
	int fd = opened(port, tflag), same = 1;
	for (size_t at = 0; at < units;) {
		struct found found = found_at(block + at * page, units - at);
		char *again = mapped(fd, found.units, found.first);
		for (long unit = 0; unit < found.units; unit++) {
			block[(at + unit) * page] = (char)(at + unit + 1);
			same &= again[unit * page] == (char)(at + unit + 1);
			again[unit * page + 1] = (char)(at + unit + 2);
			same &= block[(at + unit) * page + 1] == (char)(at + unit + 2);
		}
		unmapped(again, found.units);
		at += found.units;
	}
	return same;
}

static char *block_in_pieces(void)
{
	int fixed = opened(PORT_A, 0);
	mapped(fixed, 100, 0);
	mapped(fixed, 100, 103);
	mapped(fixed, UNITS - 208, 208);
	return got(opened(PORT_A, ALLOCATE), 8);
}

/* Offset and length, given to mmap with a descriptor of the pool without an allocating flag, are that memory. */
static void offset_7(void)
{
	char *block = block_in_pieces();
	fact("offset-7-no-flag", maps_the_same(block, 8, PORT_A, 0), 1);
	fact("offset-7-allocatable", maps_the_same(block, 8, PORT_A, ALLOCATABLE), 1);
}

/* Also through another port. */
static void offset_8(void)
{
	char *block = block_in_pieces();
	fact("offset-8-no-flag", maps_the_same(block, 8, PORT_B, 0), 1);
	fact("offset-8-allocatable", maps_the_same(block, 8, PORT_B, ALLOCATABLE), 1);
}

/* Of other objects it is left to the implementation: EACCES, as where nothing is. */
static void offset_9(void)
{
	off_t offset;
	size_t length;
	int which, here = 0;
	opened(PORT_A, 0);
	RETURNED("offset-9-anonymous", posix_mem_offset(pages(1, MAP_PRIVATE), page, &offset, &length, &which), EACCES);
	void *file = mmap(NULL, page, RW, MAP_SHARED, object(1), 0);
	NEED(file != MAP_FAILED);
	RETURNED("offset-9-memfd", posix_mem_offset(file, page, &offset, &length, &which), EACCES);
	RETURNED("offset-9-stack", posix_mem_offset(&here, 1, &offset, &length, &which), EACCES);
}

/* 0, or the number of the error; errno is left alone. RETURNED looks at both. */
static void offset_10(void)
{
	off_t offset;
	size_t length;
	int which;
	char *memory = got(opened(PORT_A, ALLOCATE), 1);
	errno = 0;
	fact("offset-10-success", posix_mem_offset(memory, page, &offset, &length, &which), 0);
	fact("offset-10-error", posix_mem_offset(NULL, page, &offset, &length, &which), EACCES);
	fact("offset-10-errno", errno, 0);
	RETURNED("offset-10", posix_mem_offset(memory, page, &offset, &length, &which), OK);
}

/* EACCES: the process has not mapped, or has no longer mapped, such an object there. */
static void offset_11(void)
{
	off_t offset;
	size_t length;
	int which, fd = opened(PORT_A, ALLOCATE);
	char *memory = got(fd, 5);
	RETURNED("offset-11-null", posix_mem_offset(NULL, page, &offset, &length, &which), EACCES);
	RETURNED("offset-11-before", posix_mem_offset(memory - 1, page, &offset, &length, &which), EACCES);
	RETURNED("offset-11-behind", posix_mem_offset(memory + 5 * page, page, &offset, &length, &which), EACCES);
	RETURNED("offset-11-last", posix_mem_offset((void *)UINTPTR_MAX, 1, &offset, &length, &which), EACCES);
	unmapped(memory + 2 * page, 1);
	RETURNED("offset-11-hole", posix_mem_offset(memory + 2 * page, page, &offset, &length, &which), EACCES);
	NEED(mmap(memory, page, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory);
	RETURNED("offset-11-replaced", posix_mem_offset(memory, page, &offset, &length, &which), EACCES);
	unmapped(memory, 5);
	RETURNED("offset-11-unmapped", posix_mem_offset(memory + page, page, &offset, &length, &which), EACCES);
}

/* Never EINTR. */
static void offset_12(void)
{
	off_t offset;
	size_t length;
	int which, failed = 0;
	char *memory = got(opened(PORT_A, ALLOCATE), 5);
	interrupt_often();
	for (int turn = 0; turn < 20000000 && interruptions < 50; turn++)
		failed += posix_mem_offset(memory, page, &offset, &length, &which) != 0;
	interrupt_no_more();
	fact("offset-12-interrupted", interruptions >= 50, 1);
	fact("offset-12-failed", failed, 0);
}

static char *block;
static struct found of_parent;

static void asks_in_child(void)
{
	struct found found = found_at(block, 5);
	fact("offset-13-offset", found.first == of_parent.first && found.units == of_parent.units, 1);
	fact("offset-13-descriptor", found.fd == of_parent.fd, 1);
	NEED(close(found.fd) == 0);
	fact("offset-13-closed-in-child", found_at(block, 5).fd, -1);
}

/* A forked child is told the same, and closes for itself. */
static void offset_13(void)
{
	block = got(opened(PORT_A, ALLOCATE), 5);
	of_parent = found_at(block, 5);
	in_child("offset-13", asks_in_child);
	fact("offset-13-open-in-parent", found_at(block, 5).fd == of_parent.fd, 1);
}

/* One descriptor of several for the same description is closed: it is that one that was used, or it is not. */
static void offset_14(void)
{
	int fd = opened(PORT_A, ALLOCATE), same = dup(fd);
	char *one = got(fd, 1), *two = got(same, 1);
	NEED(close(fd) == 0);
	fact("offset-14-used", found_at(one, 1).fd, -1);
	fact("offset-14-other", found_at(two, 1).fd - same, 0);
}

/* dup2 and dup3 close what they replace. */
static void offset_15(void)
{
	int fd = opened(PORT_A, ALLOCATE), more = opened(PORT_A, ALLOCATE);
	char *memory = got(fd, 1);
	NEED(dup2(more, fd) == fd);
	fact("offset-15-dup2", found_at(memory, 1).fd, -1);
	char *again = got(fd, 1);
	fact("offset-15-new", found_at(again, 1).fd - fd, 0);
	NEED(dup2(fd, fd) == fd);
	fact("offset-15-itself", found_at(again, 1).fd - fd, 0);
	NEED(dup2(-1, fd) == -1 && close(-1) == -1);
	fact("offset-15-failed", found_at(again, 1).fd - fd, 0);
	/* The same open file description under the same number cannot be told from one that was never closed. */
	NEED(close(fd) == 0 && dup2(more, fd) == fd);
	fact("offset-15-same-again", found_at(again, 1).fd - fd, 0);
	int third = opened(PORT_A, ALLOCATE);
	NEED(dup3(third, fd, O_CLOEXEC) == fd);
	fact("offset-15-dup3", found_at(again, 1).fd, -1);
}

/* What is moved is found where it is. */
static void offset_16(void)
{
	int fd = opened(PORT_A, CONTIG);
	char *memory = got(fd, 6), *room = pages(6, MAP_PRIVATE);
	long first = first_of(memory);
	NEED(mremap(memory + 2 * page, 2 * page, 2 * page, MREMAP_MAYMOVE | MREMAP_FIXED, room) == room);
	fact("offset-16-moved", found_at(room, 6).first, first + 2);
	fact("offset-16-run", found_at(room, 6).units, 2);
	fact("offset-16-left", found_at(memory, 6).units, 2);
}

static void test(void)
{
	RUN(offset_1);
	RUN(offset_2);
	RUN(offset_3);
	RUN(offset_4);
	RUN(offset_5);
	RUN(offset_6);
	RUN(offset_7);
	RUN(offset_8);
	RUN(offset_9);
	RUN(offset_10);
	RUN(offset_11);
	RUN(offset_12);
	RUN(offset_13);
	RUN(offset_14);
	RUN(offset_15);
	RUN(offset_16);
}
