/* Typed memory: mmap. docs/typed-memory.md, mmap-1 to mmap-39. */
#define HELPER helper
#include "typed.h"
#include <pthread.h>

/* The range that is answered is mapped, all of it. */
static void mmap_1(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	char *memory = (char *)ADDRESS("mmap-1", map_at(NULL, 0, fd, 9, 0), OK);
	unsigned char there[9];
	STATUS("mmap-1-mapped", mincore(memory, 9 * page, there), OK);
	for (size_t at = 0; at < 9 * page; at++)
		memory[at] = (char)at;
	int same = 1;
	for (size_t at = 0; at < 9 * page; at++)
		same &= memory[at] == (char)at;
	fact("mmap-1-memory", same, 1);
	ADDRESS("mmap-1-mmap64", mmap64(NULL, page, RW, MAP_SHARED, fd, 0), OK);
	fact("mmap-1-both-count", largest(fd), UNITS - 10);
}

/* What is allocated is what is mapped. It is empty. */
static void mmap_2(void)
{
	int fd = opened(PORT_A, CONTIG);
	char *memory = got(fd, UNITS);
	fill(memory, UNITS, 1);
	unmapped(memory, UNITS);
	memory = got(fd, UNITS);
	fact("mmap-2-empty", holds(memory, UNITS, 0), 1);
	fact("mmap-2-one-run", found_at(memory, UNITS).units, UNITS);
}

/* To allocate at an offset is undefined, and EINVAL here. */
static void mmap_3(void)
{
	int fd = opened(PORT_A, ALLOCATE), run = opened(PORT_A, CONTIG);
	ADDRESS("mmap-3", map_at(NULL, 0, fd, 1, 1), EINVAL);
	ADDRESS("mmap-3-contig", map_at(NULL, 0, run, 1, 200), EINVAL);
	fact("mmap-3-nothing-allocated", largest(fd), UNITS);
}

static int helper(char **arguments)
{
	int fd = atoi(arguments[1]);
	if (strcmp(arguments[0], "maps") == 0)
		return map_at(NULL, 0, fd, 1, 0) == MAP_FAILED ? errno : 0;
	return 255;
}

/* ENXIO: an object that this process cannot reach: of a pool that its configuration does not have. */
static void mmap_4(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	fact("mmap-4-reached", helped("maps", fd, NULL), 0);
	NEED(setenv("MMAN_TYPED_CONFIG", getenv("MMAN_TYPED_EMPTY"), 1) == 0);
	fact("mmap-4", helped("maps", fd, NULL), ENXIO);
}

/* What was mapped in the range before is replaced. */
static void mmap_5(void)
{
	char *room = pages(5, MAP_PRIVATE);
	fill(room, 5, 4);
	int fd = opened(PORT_A, ALLOCATE);
	NEED(map_at(room + page, MAP_FIXED, fd, 3, 0) == room + page);
	fact("mmap-5-replaced", holds(room + page, 3, 0), 1);
	fact("mmap-5-around", room[0] == 4 && room[4 * page] == 4, 1);
}

/* A length of 0 is EINVAL, and nothing is mapped. */
static void mmap_6(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	ADDRESS("mmap-6", mmap(NULL, 0, RW, MAP_SHARED, fd, 0), EINVAL);
	ADDRESS("mmap-6-no-flag", mmap(NULL, 0, RW, MAP_SHARED, opened(PORT_A, 0), 0), EINVAL);
	fact("mmap-6-nothing-allocated", largest(fd), UNITS);
}

/* The protections of POSIX. */
static void mmap_7(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	char *none = (char *)ADDRESS("mmap-7-none", mmap(NULL, page, PROT_NONE, MAP_SHARED, fd, 0), OK);
	char *reads = (char *)ADDRESS("mmap-7-read", mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0), OK);
	char *writes = (char *)ADDRESS("mmap-7-write", mmap(NULL, page, PROT_WRITE, MAP_SHARED, fd, 0), OK);
	char *both = (char *)ADDRESS("mmap-7-both", mmap(NULL, page, RW, MAP_SHARED, fd, 0), OK);
	fact("mmap-7-none-read", touch(none, 0), SIGSEGV);
	fact("mmap-7-none-write", touch(none, 1), SIGSEGV);
	fact("mmap-7-read-read", touch(reads, 0), 0);
	fact("mmap-7-read-write", touch(reads, 1), SIGSEGV);
	fact("mmap-7-write-write", touch(writes, 1), 0);
	fact("mmap-7-both-write", touch(both, 1), 0);
	fact("mmap-7-all-allocated", largest(fd), UNITS - 4);
	STATUS("mmap-7-mprotect", mprotect(none, page, RW), OK);
	fact("mmap-7-opened-up", touch(none, 1), 0);
}

/* EACCES: the descriptor is not open for reading, or not for writing what is shared. */
static void mmap_8(void)
{
	int reads = posix_typed_mem_open(PORT_A, O_RDONLY, ALLOCATE);
	int writes = posix_typed_mem_open(PORT_A, O_WRONLY, ALLOCATE);
	NEED(reads >= 0 && writes >= 0);
	ADDRESS("mmap-8-not-for-reading", mmap(NULL, page, PROT_WRITE, MAP_SHARED, writes, 0), EACCES);
	ADDRESS("mmap-8-not-for-reading-none", mmap(NULL, page, PROT_NONE, MAP_SHARED, writes, 0), EACCES);
	ADDRESS("mmap-8-not-for-writing", mmap(NULL, page, RW, MAP_SHARED, reads, 0), EACCES);
	fact("mmap-8-nothing-allocated", largest(reads), UNITS);
	ADDRESS("mmap-8-private", mmap(NULL, page, RW, MAP_PRIVATE, reads, 0), OK);
}

static void reads_what_is_written(const struct other *here)
{
	char *memory = mapped(opened(PORT_B, 0), 2, 40);
	tell(here, 0);
	hear(here);
	tell(here, memory[page + 5]);
	memory[6] = 22;
	tell(here, 0);
	hear(here);
}

/* MAP_SHARED: what is written changes the object, at once and for all. */
static void mmap_9(void)
{
	struct other other = started(reads_what_is_written);
	hear(&other);
	char *memory = mapped(opened(PORT_A, 0), 2, 40);
	memory[page + 5] = 21;
	tell(&other, 0);
	fact("mmap-9-seen", hear(&other), 21);
	hear(&other);
	fact("mmap-9-sees", memory[6], 22);
	tell(&other, 0);
	ended(&other);
}

/* MAP_PRIVATE: what is written is this process's alone. */
static void mmap_10(void)
{
	int fixed = opened(PORT_A, 0), fd = opened(PORT_A, ALLOCATE);
	char *memory = mapped(fixed, 2, 0);
	fill(memory, 2, 1);
	char *copy = (char *)mmap(NULL, 2 * page, RW, MAP_PRIVATE, fixed, 0);
	NEED(copy != MAP_FAILED);
	*copy = 2;
	fact("mmap-10-object", *memory, 1);
	fact("mmap-10-copy", *copy == 2 && copy[page] == 1, 1);
	unmapped(memory, 2);
	fact("mmap-10-holds-the-range", free_units(PORT_A), UNITS - 2);
	char *allocated = (char *)ADDRESS("mmap-10-allocate", mmap(NULL, 3 * page, RW, MAP_PRIVATE, fd, 0), OK);
	fill(allocated, 3, 3);
	char *object = mapped(opened(PORT_A, ALLOCATABLE), 3, first_of(allocated));
	fact("mmap-10-allocated-object", holds(object, 3, 0), 1);
	fact("mmap-10-allocated", free_units(PORT_A), UNITS - 5);
}

static char *shared, *private;

static void writes_in_child(void)
{
	*shared = 11;
	*private = 12;
}

/* Which of the two it is stays so over fork. */
static void mmap_11(void)
{
	int fixed = opened(PORT_A, 0);
	shared = mapped(fixed, 1, 0);
	private = (char *)mmap(NULL, page, RW, MAP_PRIVATE, fixed, page);
	NEED(private != MAP_FAILED);
	*shared = *private = 1;
	in_child("mmap-11", writes_in_child);
	fact("mmap-11-shared", *shared, 11);
	fact("mmap-11-private", *private, 1);
}

static void allocates_a_third(const struct other *here)
{
	char *memory = got(opened(hear(here) ? PORT_A : PORT_B, ALLOCATE), 80);
	fill(memory, 80, 5);
	tell(here, 0);
	fact("mmap-12-kept", hear(here) == 0 && holds(memory, 80, 5), 1);
}

/* What is allocated was nobody's: not of this process, not of another, not of another port. */
static void mmap_12(void)
{
	struct other one = started(allocates_a_third), two = started(allocates_a_third);
	tell(&one, 0);
	tell(&two, 1);
	hear(&one);
	hear(&two);
	int fd = opened(PORT_A, ALLOCATE);
	char *memory = got(fd, 80);
	fact("mmap-12-empty", holds(memory, 80, 0), 1);
	fill(memory, 80, 6);
	ADDRESS("mmap-12-no-more", map_at(NULL, 0, fd, UNITS - 239, 0), ENOMEM);
	tell(&one, 0);
	tell(&two, 0);
	ended(&one);
	ended(&two);
	fact("mmap-12-own", holds(memory, 80, 6), 1);
}

/* ENOMEM: the pool has not enough; it stays as it was. */
static void mmap_13(void)
{
	int fd = opened(PORT_A, ALLOCATE), run = opened(PORT_B, CONTIG);
	ADDRESS("mmap-13-more-than-all", map_at(NULL, 0, fd, UNITS + 1, 0), ENOMEM);
	ADDRESS("mmap-13-contig", map_at(NULL, 0, run, UNITS + 1, 0), ENOMEM);
	ADDRESS("mmap-13-huge", mmap(NULL, PTRDIFF_MAX, RW, MAP_SHARED, fd, 0), ENOMEM);
	ADDRESS("mmap-13-size-max", mmap(NULL, SIZE_MAX, RW, MAP_SHARED, fd, 0), ENOMEM);
	fact("mmap-13-as-it-was", largest(run), UNITS);
	char *memory = got(fd, 200);
	ADDRESS("mmap-13-more-than-free", map_at(NULL, 0, fd, UNITS - 199, 0), ENOMEM);
	fact("mmap-13-left", largest(fd), UNITS - 200);
	unmapped(memory, 200);
}

/* With no flag it is as with a file: from the offset on, again and again. */
static void mmap_14(void)
{
	int fixed = opened(PORT_A, 0);
	char *one = mapped(fixed, 4, 8), *two = mapped(fixed, 4, 10);
	fill(one, 4, 7);
	fact("mmap-14-overlap", two[0] == 7 && two[page] == 7 && two[2 * page] == 0, 1);
	fact("mmap-14-counted-once", free_units(PORT_A), UNITS - 6);
	fact("mmap-14-all", mapped(fixed, UNITS, 0)[8 * page], 7);
	fact("mmap-14-none-left", free_units(PORT_A), 0);
}

static void maps_through(const struct other *here)
{
	char *memory = mapped(opened(hear(here) ? PORT_A : PORT_B, 0), 3, 77);
	tell(here, memory[2 * page]);
	fill(memory, 3, 9);
	tell(here, 0);
	hear(here);
}

/* Two processes with the same offset and length have the same storage, by one port and by two. */
static void mmap_15(void)
{
	char *memory = mapped(opened(PORT_A, 0), 3, 77);
	for (int same = 0; same < 2; same++) {
		struct other other = started(maps_through);
		fill(memory, 3, 8);
		tell(&other, same);
		fact(same ? "mmap-15-same-port" : "mmap-15-other-port", hear(&other), 8);
		hear(&other);
		fact(same ? "mmap-15-same-port-back" : "mmap-15-other-port-back", holds(memory, 3, 9), 1);
		tell(&other, 0);
		ended(&other);
	}
}

/* MAP_FIXED: there, exactly; also what is in several pieces. */
static void mmap_16(void)
{
	char *room = pages(40, MAP_PRIVATE);
	int fd = opened(PORT_A, ALLOCATE), fixed = opened(PORT_A, 0);
	mapped(fixed, 100, 0);
	mapped(fixed, UNITS - 120, 105);
	NEED(largest(fd) == 20);
	fact("mmap-16", (char *)map_at(room + 3 * page, MAP_FIXED, fd, 20, 0) == room + 3 * page, 1);
	fact("mmap-16-pieces", found_at(room + 3 * page, 20).units < 20, 1);
	fact("mmap-16-empty", holds(room + 3 * page, 20, 0), 1);
	fact("mmap-16-no-flag", (char *)map_at(room + 30 * page, MAP_FIXED, fixed, 2, 7) == room + 30 * page, 1);
}

/* Typed memory that MAP_FIXED replaces is given back, as if it were unmapped first. */
static void mmap_17(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	char *memory = got(fd, 20);
	fill(memory, 20, 5);
	NEED(map_at(memory + 5 * page, MAP_FIXED, fd, 4, 0) == memory + 5 * page);
	fact("mmap-17-by-typed", largest(fd), UNITS - 20);
	fact("mmap-17-new", holds(memory + 5 * page, 4, 0) && holds(memory, 5, 5) && holds(memory + 9 * page, 11, 5), 1);
	NEED(mmap(memory, 3 * page, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory);
	fact("mmap-17-by-anonymous", largest(fd), UNITS - 17);
	NEED(mmap(memory + 18 * page, 2 * page, RW, MAP_SHARED | MAP_FIXED, object(2), 0) == memory + 18 * page);
	fact("mmap-17-by-a-file", largest(fd), UNITS - 15);
	NEED(mmap64(memory, 20 * page, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory);
	fact("mmap-17-all", largest(fd), UNITS);
}

/* A pool that is all allocated: what is replaced is not there for what replaces it, and stays. */
static void mmap_18(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	char *memory = got(fd, UNITS);
	fill(memory, UNITS, 5);
	ADDRESS("mmap-18", map_at(memory, MAP_FIXED, fd, 3, 0), ENOMEM);
	fact("mmap-18-stays", holds(memory, UNITS, 5), 1);
	fact("mmap-18-allocated", largest(fd), 0);
	fact("mmap-18-known", found_at(memory, UNITS).units, UNITS);
}

/* Without MAP_FIXED nothing is replaced: an address is a wish. */
static void mmap_19(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	char *memory = got(fd, 4);
	fill(memory, 4, 5);
	char *other = (char *)map_at(memory, 0, fd, 4, 0);
	NEED(other != MAP_FAILED);
	fact("mmap-19-elsewhere", other + 4 * page <= memory || other >= memory + 4 * page, 1);
	fact("mmap-19-stays", holds(memory, 4, 5), 1);
	ADDRESS("mmap-19-noreplace", map_at(memory, MAP_FIXED_NOREPLACE, fd, 4, 0), EEXIST);
	fact("mmap-19-nothing-allocated", largest(fd), UNITS - 8);
	char *room = pages(4, MAP_PRIVATE);
	drop(room, 4);
	fact("mmap-19-wish", (char *)map_at(room, 0, fd, 4, 0) == room, 1);
	unmapped(room, 4);
	fact("mmap-19-noreplace-free", (char *)map_at(room, MAP_FIXED_NOREPLACE, fd, 4, 0) == room, 1);
}

/* An offset, or an address for MAP_FIXED, that is no page boundary: EINVAL. */
static void mmap_20(void)
{
	int fixed = opened(PORT_A, 0), fd = opened(PORT_A, ALLOCATE);
	char *room = pages(4, MAP_PRIVATE);
	ADDRESS("mmap-20-offset", mmap(NULL, page, RW, MAP_SHARED, fixed, 1), EINVAL);
	ADDRESS("mmap-20-offset-half", mmap(NULL, page, RW, MAP_SHARED, fixed, (off_t)(page / 2)), EINVAL);
	ADDRESS("mmap-20-address", mmap(room + 1, page, RW, MAP_SHARED | MAP_FIXED, fd, 0), EINVAL);
	ADDRESS("mmap-20-address-no-flag", mmap(room + 1, page, RW, MAP_SHARED | MAP_FIXED, fixed, 0), EINVAL);
	ADDRESS("mmap-20-wish", mmap(room + 1, page, RW, MAP_SHARED, fd, 0), OK);
	fact("mmap-20-allocated", largest(fd), UNITS - 1);
}

/* Part of a page is a whole one. */
static void mmap_21(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	char *memory = (char *)mmap(NULL, 2 * page + 1, RW, MAP_SHARED, fd, 0);
	NEED(memory != MAP_FAILED);
	fact("mmap-21-allocated", largest(fd), UNITS - 3);
	fact("mmap-21-found", found_at(memory, 100).units, 3);
	fill(memory, 3, 1);
	memory[3 * page - 1] = 1;
	NEED(munmap(memory, 2 * page + 1) == 0);
	fact("mmap-21-given-back", largest(fd), UNITS);
}

/* A mapping needs no descriptor: it outlives the last one, and so does what is allocated. */
static void mmap_22(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	char *memory = got(fd, 10);
	NEED(close(fd) == 0);
	fill(memory, 10, 3);
	fact("mmap-22-memory", holds(memory, 10, 3), 1);
	fact("mmap-22-allocated", free_units(PORT_A), UNITS - 10);
	unmapped(memory, 10);
	fact("mmap-22-given-back", free_units(PORT_A), UNITS);
}

/* A call that fails takes nothing away. */
static void mmap_23(void)
{
	int fd = opened(PORT_A, ALLOCATE), fixed = opened(PORT_A, 0);
	char *memory = got(fd, 10);
	fill(memory, 10, 3);
	ADDRESS("mmap-23-enomem", map_at(memory, MAP_FIXED, fd, UNITS, 0), ENOMEM);
	ADDRESS("mmap-23-enxio", map_at(memory, MAP_FIXED, fixed, 2, UNITS), ENXIO);
	ADDRESS("mmap-23-einval", map_at(memory, MAP_FIXED, fd, 2, 3), EINVAL);
	ADDRESS("mmap-23-ebadf", map_at(memory, MAP_FIXED, -1, 2, 0), EBADF);
	int reads = posix_typed_mem_open(PORT_A, O_RDONLY, 0);
	ADDRESS("mmap-23-eacces", map_at(memory, MAP_FIXED, reads, 2, 0), EACCES);
	fact("mmap-23-memory", holds(memory, 10, 3), 1);
	fact("mmap-23-found", found_at(memory, 10).units, 10);
	fact("mmap-23-allocated", largest(fd), UNITS - 10);
}

/* EBADF: no open descriptor. */
static void mmap_24(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	NEED(close(fd) == 0);
	ADDRESS("mmap-24-closed", map_at(NULL, 0, fd, 1, 0), EBADF);
	ADDRESS("mmap-24-negative", map_at(NULL, 0, -1, 1, 0), EBADF);
}

/* ENODEV: something that cannot be mapped; and what is no typed memory is mapped as ever. */
static void mmap_25(void)
{
	int pipes[2];
	opened(PORT_A, ALLOCATE);
	NEED(pipe(pipes) == 0);
	ADDRESS("mmap-25-pipe", mmap(NULL, page, PROT_READ, MAP_SHARED, pipes[0], 0), ENODEV);
	ADDRESS("mmap-25-file", mmap(NULL, page, RW, MAP_SHARED, object(1), 0), OK);
	ADDRESS("mmap-25-anonymous", mmap(NULL, page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), OK);
	fact("mmap-25-nothing-allocated", free_units(PORT_A), UNITS);
}

/* ENXIO: a range that is not within the object. */
static void mmap_26(void)
{
	int fixed = opened(PORT_A, 0), looks = opened(PORT_A, ALLOCATABLE);
	ADDRESS("mmap-26-behind", map_at(NULL, 0, fixed, 1, UNITS), ENXIO);
	ADDRESS("mmap-26-reaches-over", map_at(NULL, 0, fixed, 2, UNITS - 1), ENXIO);
	ADDRESS("mmap-26-far", mmap(NULL, page, RW, MAP_SHARED, fixed, INT64_MAX / page * page), ENXIO);
	ADDRESS("mmap-26-negative", mmap(NULL, page, RW, MAP_SHARED, fixed, -(off_t)page), ENXIO);
	ADDRESS("mmap-26-allocatable", map_at(NULL, 0, looks, 2, UNITS - 1), ENXIO);
	ADDRESS("mmap-26-last", map_at(NULL, 0, fixed, 1, UNITS - 1), OK);
}

/* EINVAL: neither shared nor private. */
static void mmap_27(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	ADDRESS("mmap-27", mmap(NULL, page, RW, 0, fd, 0), EINVAL);
	ADDRESS("mmap-27-no-flag", mmap(NULL, page, RW, 0, opened(PORT_A, 0), 0), EINVAL);
	fact("mmap-27-nothing-allocated", largest(fd), UNITS);
}

/* A combination of accesses that is not supported would be ENOTSUP: Linux has none, or says EPERM for PROT_EXEC. */
static void mmap_28(void)
{
	int fd = opened(PORT_A, ALLOCATE), combinations[] = {PROT_EXEC, PROT_EXEC | PROT_READ, PROT_EXEC | RW};
	for (int index = 0; index < 3; index++) {
		void *memory = mmap(NULL, page, combinations[index], MAP_SHARED, fd, 0);
		fact("mmap-28", memory != MAP_FAILED || errno == EPERM, 1);
		if (memory != MAP_FAILED)
			unmapped((char *)memory, 1);
	}
	fact("mmap-28-nothing-left", largest(fd), UNITS);
}

/* EAGAIN: it cannot be locked, as mlockall wants it; nothing is allocated. */
static void mmap_29(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	if (!is_root()) {
		skip("mmap-29", "the superuser");
		return;
	}
	limit_locked(8 * page);
	STATUS("mmap-29-mlockall", mlockall(MCL_FUTURE), OK);
	ADDRESS("mmap-29", map_at(NULL, 0, fd, 100, 0), EAGAIN);
	STATUS("mmap-29-munlockall", munlockall(), OK);
	fact("mmap-29-nothing-allocated", largest(fd), UNITS);
	ADDRESS("mmap-29-again", map_at(NULL, 0, fd, 100, 0), OK);
}

/* ENOMEM, for EMFILE: the process has as many mappings as it may have; nothing is allocated. */
static void mmap_30(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	unmapped(got(fd, 1), 1);
	char *room = all_mappings();
	ADDRESS("mmap-30", map_at(NULL, 0, fd, 3, 0), ENOMEM);
	long most = setting("/proc/sys/vm/max_map_count");
	NEED(syscall(SYS_munmap, room, 2 * most * page) == 0);
	fact("mmap-30-nothing-allocated", largest(fd), UNITS);
	ADDRESS("mmap-30-again", map_at(NULL, 0, fd, 3, 0), OK);
}

/* ENOMEM: no room in the addresses; nothing is allocated. */
static void mmap_31(void)
{
	int fd = opened("/large/a", ALLOCATE), fixed = opened(PORT_A, ALLOCATE);
	unmapped(got(fd, 1), 1);
	unmapped(got(fixed, 1), 1);
	limit(RLIMIT_AS, 64 * page);
	ADDRESS("mmap-31", map_at(NULL, 0, fd, 4096, 0), ENOMEM);
	ADDRESS("mmap-31-fixed", mmap((void *)(UINTPTR_MAX - page + 1), page, RW, MAP_SHARED | MAP_FIXED, fixed, 0), ENOMEM);
	limit(RLIMIT_AS, RLIM_INFINITY);
	fact("mmap-31-nothing-allocated", largest(fd), 8192);
	fact("mmap-31-nothing-allocated-fixed", largest(fixed), UNITS);
}

/* MAP_ANONYMOUS: the descriptor does not count. */
static void mmap_32(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	char *memory = (char *)ADDRESS("mmap-32", mmap(NULL, page, RW, MAP_PRIVATE | MAP_ANONYMOUS, fd, 0), OK);
	*memory = 1;
	fact("mmap-32-nothing-allocated", largest(fd), UNITS);
}

/* With MAP_ALLOCATABLE the range is mapped that is named, whosever it is. */
static void mmap_33(void)
{
	int fd = opened(PORT_A, ALLOCATE), looks = opened(PORT_B, ALLOCATABLE);
	char *block = got(fd, 4);
	long first = first_of(block);
	char *seen = mapped(looks, 4, first);
	fill(block, 4, 6);
	fact("mmap-33-sees", holds(seen, 4, 6), 1);
	fill(seen, 4, 7);
	fact("mmap-33-writes", holds(block, 4, 7), 1);
	fact("mmap-33-changes-nothing", largest(fd), UNITS - 4);
}

#define THREADS 4

static volatile int wrong;
static int descriptor;

static void *allocates_again_and_again(void *argument)
{
	char mark = (char)(intptr_t)argument;
	for (int turn = 0; turn < 200; turn++) {
		size_t units = 1 + (turn * mark) % 40;
		char *memory = got(descriptor, units);
		wrong += !holds(memory, units, 0);
		fill(memory, units, mark);
		wrong += !holds(memory, units, mark);
		wrong += found_at(memory, 1).fd != descriptor;
		unmapped(memory, units);
	}
	return NULL;
}

/* Threads allocate beside each other. */
static void mmap_34(void)
{
	pthread_t threads[THREADS];
	descriptor = opened(PORT_A, ALLOCATE);
	for (intptr_t index = 0; index < THREADS; index++)
		NEED(pthread_create(&threads[index], NULL, allocates_again_and_again, (void *)(index + 1)) == 0);
	for (int index = 0; index < THREADS; index++)
		NEED(pthread_join(threads[index], NULL) == 0);
	fact("mmap-34-wrong", wrong, 0);
	fact("mmap-34-given-back", largest(descriptor), UNITS);
}

/* Other errors are allowed: the table was cut short, EIO. A pool that is whole goes on, and so does this one afterwards. */
static void mmap_35(void)
{
	char path[512];
	struct stat status;
	struct posix_typed_mem_info info;
	descriptor = opened("/spoiled", ALLOCATE);
	char *memory = got(descriptor, 4);
	fill(memory, 4, 7);
	snprintf(path, sizeof path, "%s/spoiled.table", getenv("MMAN_TYPED_TESTS"));
	int table = open(path, O_RDWR | O_CLOEXEC);
	NEED(table >= 0 && fstat(table, &status) == 0);
	char *whole = (char *)malloc((size_t)status.st_size);
	NEED(pread(table, whole, (size_t)status.st_size, 0) == status.st_size);
	NEED(ftruncate(table, 4096) == 0);
	ADDRESS("mmap-35", map_at(NULL, 0, descriptor, 1, 0), EIO);
	RETURNED("mmap-35-info", posix_typed_mem_get_info(descriptor, &info), EIO);
	STATUS("mmap-35-munmap", munmap(memory + page, page), EIO);
	fact("mmap-35-memory", *memory, 7);
	unmapped(got(opened(PORT_A, ALLOCATE), 3), 3);
	NEED(ftruncate(table, status.st_size) == 0);
	NEED(pwrite(table, whole, (size_t)status.st_size, 0) == status.st_size);
	fact("mmap-35-whole-again", largest(descriptor) >= 12, 1);
	unmapped(memory, 4);
	fact("mmap-35-given-back", largest(descriptor), 16);
}

/* The memory of a pool with commit=yes is there before it is touched. */
static long blocks_of(int fd)
{
	struct stat status;
	NEED(fstat(fd, &status) == 0);
	return (long)status.st_blocks;
}

static void mmap_36(void)
{
	int fd = opened("/committed", ALLOCATE), plain = opened(PORT_A, ALLOCATE);
	long before = blocks_of(fd), plain_before = blocks_of(plain);
	char *memory = got(fd, 6);
	fact("mmap-36-there", blocks_of(fd) - before, (long)(6 * page / 512));
	got(plain, 6);
	fact("mmap-36-otherwise-not", blocks_of(plain) - plain_before, 0);
	fact("mmap-36-empty", holds(memory, 6, 0), 1);
	unmapped(memory, 6);
	fact("mmap-36-given-back", blocks_of(fd) - before, 0);
}

/* EOVERFLOW is for regular files whose offsets have too few bits; the object is one here, and says ENXIO all the same. */
static void mmap_37(void)
{
	struct stat status;
	int fixed = opened(PORT_A, 0);
	NEED(fstat(fixed, &status) == 0);
	fact("mmap-37-regular", S_ISREG(status.st_mode), 1);
	ADDRESS("mmap-37", mmap(NULL, 2 * page, RW, MAP_SHARED, fixed, INT64_MAX / page * page), ENXIO);
}

/* ENOTSUP is for an implementation that lacks MAP_FIXED or MAP_PRIVATE. */
static void mmap_38(void)
{
	char *room = pages(2, MAP_PRIVATE);
	int fixed = opened(PORT_A, 0);
	ADDRESS("mmap-38-fixed", map_at(room, MAP_FIXED, fixed, 1, 0), OK);
	ADDRESS("mmap-38-private", mmap(NULL, page, RW, MAP_PRIVATE, fixed, 0), OK);
	ADDRESS("mmap-38-both", mmap(room + page, page, RW, MAP_PRIVATE | MAP_FIXED, fixed, 0), OK);
}

/* Nothing is placed at address 0, whatever the flag and the wish. */
static void mmap_39(void)
{
	int flags[] = {0, ALLOCATE, CONTIG, ALLOCATABLE};
	for (int index = 0; index < 4; index++) {
		int fd = opened(PORT_A, flags[index]);
		for (size_t wish = 0; wish < 2; wish++) {
			void *memory = mmap((void *)wish, page, RW, MAP_SHARED, fd, 0);
			fact("mmap-39", memory != NULL && memory != MAP_FAILED, 1);
		}
	}
}

static void test(void)
{
	RUN(mmap_1);
	RUN(mmap_2);
	RUN(mmap_3);
	RUN(mmap_4);
	RUN(mmap_5);
	RUN(mmap_6);
	RUN(mmap_7);
	RUN(mmap_8);
	RUN(mmap_9);
	RUN(mmap_10);
	RUN(mmap_11);
	RUN(mmap_12);
	RUN(mmap_13);
	RUN(mmap_14);
	RUN(mmap_15);
	RUN(mmap_16);
	RUN(mmap_17);
	RUN(mmap_18);
	RUN(mmap_19);
	RUN(mmap_20);
	RUN(mmap_21);
	RUN(mmap_22);
	RUN(mmap_23);
	RUN(mmap_24);
	RUN(mmap_25);
	RUN(mmap_26);
	RUN(mmap_27);
	RUN(mmap_28);
	RUN(mmap_29);
	RUN(mmap_30);
	RUN(mmap_31);
	RUN(mmap_32);
	RUN(mmap_33);
	RUN(mmap_34);
	RUN(mmap_35);
	RUN(mmap_36);
	RUN(mmap_37);
	RUN(mmap_38);
	RUN(mmap_39);
}
