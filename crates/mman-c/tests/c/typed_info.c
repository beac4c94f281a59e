/* Typed memory: posix_typed_mem_get_info. docs/typed-memory.md, info-1 to info-12. */
#include "typed.h"

/* Leaves 60 units free, the longest run of them of 40. */
static void leave_runs(void)
{
	int fixed = opened(PORT_B, 0);
	mapped(fixed, 30, 0);
	mapped(fixed, 100, 70);
	mapped(fixed, UNITS - 190, 190);
}

/* The longest that can be allocated can be, and one byte more cannot. */
static void maximum(const char *name, int tflag, long units)
{
	struct posix_typed_mem_info info = {0};
	char text[64];
	int fd = opened(PORT_A, tflag);
	RETURNED(name, posix_typed_mem_get_info(fd, &info), OK);
	snprintf(text, sizeof text, "%s-units", name);
	fact(text, (long)(info.posix_tmi_length / page), units);
	snprintf(text, sizeof text, "%s-one-more", name);
	ADDRESS(text, mmap(NULL, info.posix_tmi_length + 1, RW, MAP_SHARED, fd, 0), ENOMEM);
	snprintf(text, sizeof text, "%s-as-much", name);
	char *memory = (char *)ADDRESS(text, mmap(NULL, info.posix_tmi_length, RW, MAP_SHARED, fd, 0), OK);
	fill(memory, units, 1);
	unmapped(memory, units);
}

/* With ALLOCATE: all that is free, wherever it lies. */
static void info_1(void)
{
	maximum("info-1-empty", ALLOCATE, UNITS);
	leave_runs();
	maximum("info-1", ALLOCATE, 60);
}

/* With ALLOCATE_CONTIG: the longest run. */
static void info_2(void)
{
	maximum("info-2-empty", CONTIG, UNITS);
	leave_runs();
	maximum("info-2", CONTIG, 40);
}

static void allocates_and_gives_back(const struct other *here)
{
	int fd = opened(PORT_B, ALLOCATE);
	for (;;) {
		char *memory = got(fd, hear(here));
		tell(here, 0);
		if (hear(here) == 0)
			return;
		unmapped(memory, 11);
		tell(here, 0);
	}
}

/* What is told is of now: it changes with what this process and others map. */
static void info_3(void)
{
	struct other other = started(allocates_and_gives_back);
	int fd = opened(PORT_A, ALLOCATE), contig = opened(PORT_A, CONTIG);
	fact("info-3-before", largest(fd) == UNITS && largest(contig) == UNITS, 1);
	char *memory = got(fd, 7);
	fact("info-3-own", largest(fd), UNITS - 7);
	tell(&other, 11);
	hear(&other);
	fact("info-3-another's", largest(fd), UNITS - 18);
	fact("info-3-run", largest(contig) <= UNITS - 18, 1);
	tell(&other, 1);
	hear(&other);
	fact("info-3-given-back", largest(fd), UNITS - 7);
	unmapped(memory, 7);
	fact("info-3-after", largest(fd) == UNITS && largest(contig) == UNITS, 1);
	tell(&other, 11);
	hear(&other);
	tell(&other, 0);
	ended(&other);
}

/* With neither flag it is unspecified, and 0 here. */
static void info_4(void)
{
	fact("info-4-none", largest(opened(PORT_A, 0)), 0);
	fact("info-4-allocatable", largest(opened(PORT_A, ALLOCATABLE)), 0);
}

/* More members are allowed; nothing behind the structure is written. */
static void info_5(void)
{
	struct { struct posix_typed_mem_info info; unsigned char after[64]; } room;
	memset(&room, 0x5a, sizeof room);
	NEED(posix_typed_mem_get_info(opened(PORT_A, ALLOCATE), &room.info) == 0);
	int changed = 0;
	for (size_t index = 0; index < sizeof room.after; index++)
		changed += room.after[index] != 0x5a;
	fact("info-5-behind", changed, 0);
	fact("info-5-length", (long)(room.info.posix_tmi_length / page), UNITS);
}

/* Another object is undefined, and ENODEV here, as for one that the function does not support. */
static void info_6(void)
{
	struct posix_typed_mem_info info = {4711};
	char name[300], path[512];
	int file = temporary(name, sizeof name, 4), pipes[2];
	NEED(unlink(name) == 0 && pipe(pipes) == 0);
	RETURNED("info-6-file", posix_typed_mem_get_info(file, &info), ENODEV);
	RETURNED("info-6-memfd", posix_typed_mem_get_info(object(4), &info), ENODEV);
	RETURNED("info-6-pipe", posix_typed_mem_get_info(pipes[0], &info), ENODEV);
	/* The file in which the pool is, opened plainly. */
	opened(PORT_A, 0);
	snprintf(path, sizeof path, "%s/main.pool", getenv("MMAN_TYPED_TESTS"));
	int store = open(path, O_RDWR);
	NEED(store >= 0);
	RETURNED("info-6-store", posix_typed_mem_get_info(store, &info), ENODEV);
	fact("info-6-nothing-written", info.posix_tmi_length == 4711, 1);
}

/* 0, or the number of the error; errno is left alone. RETURNED looks at both. */
static void info_7(void)
{
	struct posix_typed_mem_info info;
	errno = 0;
	fact("info-7-success", posix_typed_mem_get_info(opened(PORT_A, ALLOCATE), &info), 0);
	fact("info-7-error", posix_typed_mem_get_info(-1, &info), EBADF);
	fact("info-7-errno", errno, 0);
	RETURNED("info-7", posix_typed_mem_get_info(opened(PORT_A, CONTIG), &info), OK);
}

/* EBADF: no open descriptor. */
static void info_8(void)
{
	struct posix_typed_mem_info info;
	int fd = opened(PORT_A, ALLOCATE);
	RETURNED("info-8-negative", posix_typed_mem_get_info(-1, &info), EBADF);
	RETURNED("info-8-large", posix_typed_mem_get_info(1 << 30, &info), EBADF);
	NEED(close(fd) == 0);
	RETURNED("info-8-closed", posix_typed_mem_get_info(fd, &info), EBADF);
}

/* ENODEV: a descriptor of something that the function does not support. */
static void info_9(void)
{
	struct posix_typed_mem_info info;
	int null = open("/dev/null", O_RDWR), folder = open("/", O_RDONLY | O_DIRECTORY);
	NEED(null >= 0 && folder >= 0);
	RETURNED("info-9-device", posix_typed_mem_get_info(null, &info), ENODEV);
	RETURNED("info-9-directory", posix_typed_mem_get_info(folder, &info), ENODEV);
	RETURNED("info-9-path", posix_typed_mem_get_info(open("/", O_PATH), &info), ENODEV);
	int fd = opened(PORT_A, ALLOCATE);
	NEED(dup2(null, fd) == fd);
	RETURNED("info-9-replaced", posix_typed_mem_get_info(fd, &info), ENODEV);
}

/* Never EINTR. */
static void info_10(void)
{
	struct posix_typed_mem_info info;
	int failed = 0, fd = opened(PORT_A, ALLOCATE);
	interrupt_often();
	for (int turn = 0; turn < 2000000 && interruptions < 50; turn++)
		failed += posix_typed_mem_get_info(fd, &info) != 0;
	interrupt_no_more();
	fact("info-10-interrupted", interruptions >= 50, 1);
	fact("info-10-failed", failed, 0);
}

/* The descriptor need not allow to read or to write. */
static void info_11(void)
{
	struct posix_typed_mem_info info;
	RETURNED("info-11-read", posix_typed_mem_get_info(posix_typed_mem_open(PORT_A, O_RDONLY, ALLOCATE), &info), OK);
	RETURNED("info-11-write", posix_typed_mem_get_info(posix_typed_mem_open(PORT_A, O_WRONLY, CONTIG), &info), OK);
	fact("info-11-units", (long)(info.posix_tmi_length / page), UNITS);
}

static void allocates_and_waits(const struct other *here)
{
	fill(got(opened(PORT_B, ALLOCATE), 100), 100, 9);
	tell(here, 0);
	hear(here);
}

/* What processes that were killed have had is part of the maximum. */
static void info_12(void)
{
	int fd = opened(PORT_A, CONTIG);
	struct other other = started(allocates_and_waits);
	hear(&other);
	fact("info-12-alive", largest(fd) <= UNITS - 100, 1);
	killed(&other);
	fact("info-12-killed", largest(fd), UNITS);
	char *memory = got(fd, UNITS);
	fact("info-12-empty", holds(memory, UNITS, 0), 1);
}

static void test(void)
{
	RUN(info_1);
	RUN(info_2);
	RUN(info_3);
	RUN(info_4);
	RUN(info_5);
	RUN(info_6);
	RUN(info_7);
	RUN(info_8);
	RUN(info_9);
	RUN(info_10);
	RUN(info_11);
	RUN(info_12);
}
