/* Typed memory: posix_typed_mem_open. docs/typed-memory.md, open-1 to open-36. */
#define HELPER helper
#include "typed.h"
#include <pthread.h>

/* Connects a name with a descriptor, by which other calls use the object. */
static void open_1(void)
{
	int fd = (int)NUMBER("open-1", posix_typed_mem_open(PORT_A, O_RDWR, ALLOCATE), OK);
	char *memory = (char *)ADDRESS("open-1-mmap", mmap(NULL, page, RW, MAP_SHARED, fd, 0), OK);
	*memory = 7;
	fact("open-1-memory", *memory, 7);
}

/* A new open file description each time. */
static void open_2(void)
{
	int one = opened(PORT_A, 0), two = opened(PORT_A, 0), same = dup(one);
	NEED(fcntl(one, F_SETFL, fcntl(one, F_GETFL) | O_NONBLOCK) == 0);
	fact("open-2-another-open", (fcntl(two, F_GETFL) & O_NONBLOCK) != 0, 0);
	fact("open-2-dup", (fcntl(same, F_GETFL) & O_NONBLOCK) != 0, 1);
	int allocates = opened(PORT_A, ALLOCATE);
	fact("open-2-flags-of-its-own", largest(allocates) == UNITS && largest(one) == 0, 1);
}

/* The lowest number that is free. */
static void open_3(void)
{
	int low = dup(0), next = dup(0);
	NEED(low >= 0 && next == low + 1 && close(low) == 0);
	fact("open-3-hole", opened(PORT_A, 0) - low, 0);
	fact("open-3-next", opened(PORT_A, ALLOCATE) - next, 1);
	NEED(close(0) == 0);
	fact("open-3-zero", opened(PORT_B, 0), 0);
}

/* FD_CLOEXEC is clear; that of shm_open is set. */
static void open_4(void)
{
	fact("open-4", fcntl(opened(PORT_A, 0), F_GETFD) & FD_CLOEXEC, 0);
	fact("open-4-allocate", fcntl(opened(PORT_A, ALLOCATE), F_GETFD) & FD_CLOEXEC, 0);
	int shm = shm_open("/mman-c-typed-open-4", O_RDWR | O_CREAT, 0600);
	NEED(shm >= 0 && shm_unlink("/mman-c-typed-open-4") == 0);
	fact("open-4-shm_open", fcntl(shm, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

/* The names are none of the file system. */
static void open_5(void)
{
	opened(PORT_A, 0);
	NUMBER("open-5-open", open(PORT_A, O_RDWR), ENOENT);
	NUMBER("open-5-shm_open", shm_open(PORT_PRIVATE, O_RDWR, 0), ENOENT);
}

static void writes_there(const struct other *here)
{
	char *memory = mapped(opened(PORT_A, 0), 1, 5);
	*memory = 33;
	tell(here, 0);
	hear(here);
}

/* A name with a leading slash is one object for all processes. */
static void open_6(void)
{
	struct other other = started(writes_there);
	hear(&other);
	fact("open-6-same-object", *mapped(opened(PORT_A, 0), 1, 5), 33);
	fact("open-6-counted-once", free_units(PORT_A), UNITS - 1);
	tell(&other, 0);
	ended(&other);
}

/* One without means the first port whose last parts it is. */
static void open_7(void)
{
	fill(mapped(opened(PORT_A, 0), 1, 9), 1, 44);
	fact("open-7-last-part", *mapped(opened("a", 0), 1, 9), 44);
	fact("open-7-last-parts", *mapped(opened("typed/b", 0), 1, 9), 44);
	fact("open-7-first-of-two", largest(opened("b", ALLOCATE)), UNITS - 1);
	NUMBER("open-7-part-of-a-part", posix_typed_mem_open("yped/b", O_RDWR, 0), ENOENT);
	NUMBER("open-7-not-last", posix_typed_mem_open("typed", O_RDWR, 0), ENOENT);
	NUMBER("open-7-empty", posix_typed_mem_open("", O_RDWR, 0), ENOENT);
}

/* Names are compared byte by byte: a slash more is another name. */
static void open_8(void)
{
	const char *names[] = {"/typed//a", "/typed/a/", "//typed/a", "/typed/./a", "/TYPED/a", "/typed", "/"};
	for (size_t index = 0; index < sizeof names / sizeof *names; index++)
		NUMBER("open-8", posix_typed_mem_open(names[index], O_RDWR, 0), ENOENT);
}

/* How long a name may be: may fail with ENAMETOOLONG. */
static void open_9(void)
{
	char name[5000];
	memset(name, 'n', sizeof name);
	name[0] = '/';
	name[255] = 0;
	NUMBER("open-9-255", posix_typed_mem_open(name, O_RDWR, 0), ENOENT);
	name[255] = 'n';
	name[256] = 0;
	NUMBER("open-9-256", posix_typed_mem_open(name, O_RDWR, 0), ENAMETOOLONG);
	name[256] = 'n';
	name[4999] = 0;
	NUMBER("open-9-4999", posix_typed_mem_open(name, O_RDWR, 0), ENAMETOOLONG);
	name[0] = 'n';
	NUMBER("open-9-no-slash", posix_typed_mem_open(name, O_RDWR, 0), ENAMETOOLONG);
}

/* A pool that is reached in several ways has several names. */
static void open_10(void)
{
	char *one = mapped(opened(PORT_A, 0), 4, 3), *two = mapped(opened(PORT_B, 0), 4, 3);
	fill(one, 4, 55);
	fact("open-10-same-pool", holds(two, 4, 55), 1);
	unmapped(one, 4);
	fact("open-10-one-count", free_units(PORT_B), UNITS - 4);
	unmapped(two, 4);
	fact("open-10-one-count-again", free_units(PORT_A), UNITS);
	fact("open-10-another-pool", free_units(PORT_PRIVATE), PRIVATE_UNITS);
}

/* Names are bound by the configuration. */
static void open_11(void)
{
	fact("open-11-first-line", free_units(PORT_A), UNITS);
	fact("open-11-later", free_units("/later/b"), PRIVATE_UNITS);
	NUMBER("open-11-wrong-pool", posix_typed_mem_open("/wrong", O_RDWR, 0), ENOENT);
	NUMBER("open-11-no-pool", posix_typed_mem_open("/nowhere", O_RDWR, 0), ENOENT);
	NUMBER("open-11-no-defaults", posix_typed_mem_open("/shm", O_RDWR, 0), ENOENT);
}

/* No program makes an object. */
static void open_12(void)
{
	NUMBER("open-12-creat", posix_typed_mem_open("/new", O_RDWR | O_CREAT, 0), EINVAL);
	NUMBER("open-12-not-made", posix_typed_mem_open("/new", O_RDWR, 0), ENOENT);
	NUMBER("open-12-trunc", posix_typed_mem_open(PORT_A, O_RDWR | O_TRUNC, 0), EINVAL);
}

/* With ALLOCATE each mmap allocates. */
static void open_13(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	char *one = got(fd, 3), *two = got(fd, 5);
	long first = first_of(one), second = first_of(two);
	fact("open-13-apart", first + 3 <= second || second + 5 <= first, 1);
	fact("open-13-fewer", largest(fd), UNITS - 8);
}

/* Leaves only two runs free, of 2 and of 6 units. */
static void leave_two_runs(void)
{
	int fixed = opened(PORT_A, 0);
	mapped(fixed, 100, 0);
	mapped(fixed, 50, 102);
	mapped(fixed, UNITS - 158, 158);
	NEED(free_units(PORT_A) == 8);
}

/* What is allocated may lie in several places of the pool, and lies in one of the addresses. */
static void open_14(void)
{
	leave_two_runs();
	int fd = opened(PORT_A, ALLOCATE);
	char *memory = got(fd, 8);
	fill(memory, 8, 66);
	struct found one = found_at(memory, 8), two = found_at(memory + one.units * page, 8 - one.units);
	fact("open-14-pieces", one.units + two.units, 8);
	fact("open-14-these", one.units < two.units ? one.first == 100 && two.first == 152
						    : one.first == 152 && two.first == 100, 1);
	char *through = mapped(opened(PORT_B, ALLOCATABLE), UNITS, 0);
	fact("open-14-memory", holds(through + 100 * page, 2, 66) && holds(through + 152 * page, 6, 66), 1);
}

/* With ALLOCATE_CONTIG it lies in one place of the pool. */
static void open_15(void)
{
	leave_two_runs();
	int fd = opened(PORT_A, CONTIG);
	ADDRESS("open-15-too-long", map_at(NULL, 0, fd, 7, 0), ENOMEM);
	char *memory = got(fd, 6);
	struct found found = found_at(memory, 6);
	fact("open-15-one-piece", found.units, 6);
	fact("open-15-this", found.first, 152);
	fact("open-15-next", largest(fd), 2);
	fact("open-15-two", first_of(got(fd, 2)), 100);
}

static void maps_the_same(const struct other *here)
{
	char *memory = mapped(opened(PORT_B, 0), 20, 10);
	tell(here, 0);
	hear(here);
	unmapped(memory, 20);
	tell(here, 0);
	hear(here);
}

/* With no flag the program says which part; nobody is given it until all have unmapped it. */
static void open_16(void)
{
	struct other other = started(maps_the_same);
	hear(&other);
	int fixed = opened(PORT_A, 0), fd = opened(PORT_A, CONTIG);
	char *memory = mapped(fixed, 20, 10);
	fact("open-16-chosen", first_of(memory), 10);
	fact("open-16-unavailable", free_units(PORT_A), UNITS - 20);
	ADDRESS("open-16-too-long", map_at(NULL, 0, fd, UNITS - 29, 0), ENOMEM);
	unmapped(memory, 20);
	fact("open-16-still", free_units(PORT_A), UNITS - 20);
	tell(&other, 0);
	hear(&other);
	fact("open-16-available", free_units(PORT_A), UNITS);
	char *all = got(fd, UNITS);
	unmapped(all, UNITS);
	tell(&other, 0);
	ended(&other);
}

/* With MAP_ALLOCATABLE what is free stays free, and what is allocated allocated. */
static void open_17(void)
{
	int fd = opened(PORT_A, CONTIG), looks = opened(PORT_A, ALLOCATABLE);
	char *block = got(fd, 10);
	fill(block, 10, 77);
	long first = first_of(block);
	char *all = mapped(looks, UNITS, 0);
	fact("open-17-sees", holds(all + first * page, 10, 77), 1);
	fact("open-17-counts-not", free_units(PORT_A), UNITS - 10);
	fact("open-17-free-stays-free", first_of(got(fd, UNITS - 10)) != first, 1);
	unmapped(all, UNITS);
	fact("open-17-allocated-stays-allocated", free_units(PORT_A), 0);
	fact("open-17-block", holds(block, 10, 77), 1);
}

static void another_user_asks(void)
{
	become_other_user();
	NUMBER("open-18-owner-no", posix_typed_mem_open(PORT_A, O_RDWR, ALLOCATABLE), EPERM);
	NUMBER("open-18-root-no", posix_typed_mem_open("/typed/root", O_RDWR, ALLOCATABLE), EPERM);
	NUMBER("open-18-any", posix_typed_mem_open("/typed/any", O_RDWR, ALLOCATABLE), OK);
	NUMBER("open-18-others", posix_typed_mem_open(PORT_A, O_RDWR, ALLOCATE), OK);
}

/* Who may say MAP_ALLOCATABLE is configured. */
static void open_18(void)
{
	NUMBER("open-18-owner", posix_typed_mem_open(PORT_A, O_RDWR, ALLOCATABLE), OK);
	NUMBER("open-18-root", posix_typed_mem_open("/typed/root", O_RDWR, ALLOCATABLE), is_root() ? OK : EPERM);
	if (is_root())
		in_child("open-18", another_user_asks);
	else
		skip("open-18-owner-no", "the superuser");
}

/* The status flags of the description are those of the call. */
static void open_19(void)
{
	int modes[] = {O_RDONLY, O_WRONLY, O_RDWR};
	const char *names[] = {"open-19-read", "open-19-write", "open-19-both"};
	for (int index = 0; index < 3; index++) {
		int fd = posix_typed_mem_open(PORT_A, modes[index], 0);
		NEED(fd >= 0);
		fact(names[index], fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC), modes[index]);
	}
}

/* Exactly one of the three is what a program may say. */
static void open_20(void)
{
	int modes[] = {O_ACCMODE, O_ACCMODE | O_CLOEXEC, O_RDWR | O_APPEND, O_RDWR | O_EXCL, -1};
	for (size_t index = 0; index < sizeof modes / sizeof *modes; index++)
		NUMBER("open-20", posix_typed_mem_open(PORT_A, modes[index], 0), EINVAL);
	int fd = (int)NUMBER("open-20-cloexec", posix_typed_mem_open(PORT_A, O_RDWR | O_CLOEXEC, ALLOCATE), OK);
	fact("open-20-cloexec-set", fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void open_21(void)
{
	fill(mapped(opened(PORT_A, 0), 1, 0), 1, 88);
	int fd = posix_typed_mem_open(PORT_A, O_RDONLY, 0);
	NEED(fd >= 0);
	char *memory = (char *)ADDRESS("open-21-read", mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0), OK);
	fact("open-21-memory", *memory, 88);
	ADDRESS("open-21-write", mmap(NULL, page, RW, MAP_SHARED, fd, 0), EACCES);
	STATUS("open-21-mprotect", mprotect(memory, page, RW), EACCES);
	ADDRESS("open-21-private", mmap(NULL, page, RW, MAP_PRIVATE, fd, 0), OK);
}

static void open_22(void)
{
	int fd = posix_typed_mem_open(PORT_A, O_WRONLY, ALLOCATE);
	NEED(fd >= 0);
	ADDRESS("open-22-read", mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0), EACCES);
	ADDRESS("open-22-write", mmap(NULL, page, PROT_WRITE, MAP_SHARED, fd, 0), EACCES);
	fact("open-22-nothing-allocated", largest(fd), UNITS);
}

static void open_23(void)
{
	int fd = opened(PORT_A, ALLOCATE);
	char *memory = (char *)ADDRESS("open-23", mmap(NULL, page, RW, MAP_SHARED, fd, 0), OK);
	*memory = 5;
	STATUS("open-23-read", mprotect(memory, page, PROT_READ), OK);
	fact("open-23-memory", *memory, 5);
}

/* The calls that POSIX has for such a descriptor. */
static void open_24(void)
{
	struct stat status;
	struct posix_typed_mem_info info;
	off_t offset;
	size_t length;
	int which, fd = opened(PORT_A, ALLOCATE);
	char *memory = (char *)ADDRESS("open-24-mmap", mmap(NULL, page, RW, MAP_SHARED, fd, 0), OK);
	RETURNED("open-24-posix_mem_offset", posix_mem_offset(memory, page, &offset, &length, &which), OK);
	RETURNED("open-24-posix_typed_mem_get_info", posix_typed_mem_get_info(fd, &info), OK);
	STATUS("open-24-fstat", fstat(fd, &status), OK);
	int two = (int)NUMBER("open-24-dup", dup(fd), OK);
	NUMBER("open-24-dup2", dup2(fd, two), OK);
	STATUS("open-24-close", close(two), OK);
}

static void another_user_opens(void)
{
	become_other_user();
	NUMBER("open-25-mode", posix_typed_mem_open(PORT_PRIVATE, O_RDWR, 0), EACCES);
	NUMBER("open-25-mode-read", posix_typed_mem_open(PORT_PRIVATE, O_RDONLY, 0), EACCES);
	NUMBER("open-25-readable", posix_typed_mem_open("/readable", O_RDONLY, 0), EACCES);
	NUMBER("open-25-mode-allows", posix_typed_mem_open(PORT_A, O_RDWR, 0), OK);
}

static void owner_opens(void)
{
	NUMBER("open-25-readable-owner", posix_typed_mem_open("/readable", O_RDONLY, 0), OK);
}

/* EACCES: what oflag says is not permitted. */
static void open_25(void)
{
	NUMBER("open-25-port", posix_typed_mem_open("/typed/read", O_RDWR, 0), EACCES);
	NUMBER("open-25-port-write", posix_typed_mem_open("/typed/read", O_WRONLY, ALLOCATE), EACCES);
	int fd = (int)NUMBER("open-25-port-read", posix_typed_mem_open("/typed/read", O_RDONLY, 0), OK);
	ADDRESS("open-25-port-maps", mmap(NULL, page, RW, MAP_SHARED, fd, 0), EACCES);
	NEED(close(opened(PORT_PRIVATE, 0)) == 0);
	in_child("open-25", owner_opens);
	if (is_root())
		in_child("open-25", another_user_opens);
	else
		skip("open-25-mode", "the superuser");
}

/* Signals do not interrupt it: there is no EINTR. */
static void open_26(void)
{
	int failed = 0;
	interrupt_often();
	for (int turn = 0; turn < 200000 && interruptions < 50; turn++) {
		int fd = posix_typed_mem_open(PORT_A, O_RDWR, ALLOCATE);
		failed += fd < 0;
		close(fd);
	}
	interrupt_no_more();
	fact("open-26-interrupted", interruptions >= 50, 1);
	fact("open-26-failed", failed, 0);
}

/* Who may not use the third flag is told that there are two. */
static void several_flags_without_privilege(void)
{
	become_other_user();
	NUMBER("open-27-one-without-privilege", posix_typed_mem_open("/typed/root", O_RDWR, ALLOCATABLE), EPERM);
	NUMBER("open-27-before-privilege", posix_typed_mem_open("/typed/root", O_RDWR, ALLOCATE | ALLOCATABLE), EINVAL);
}

/* EINVAL: more than one flag, or one that there is not. */
static void open_27(void)
{
	int flags[] = {ALLOCATE | CONTIG, ALLOCATE | ALLOCATABLE, CONTIG | ALLOCATABLE, ALLOCATE | CONTIG | ALLOCATABLE,
		       8, 0x40000000, -1};
	for (size_t index = 0; index < sizeof flags / sizeof *flags; index++)
		NUMBER("open-27", posix_typed_mem_open(PORT_A, O_RDWR, flags[index]), EINVAL);
	/* A name that there is not shows that the flags are looked at first. */
	NUMBER("open-27-before-the-name", posix_typed_mem_open("/no/such/port", O_RDWR, ALLOCATE | CONTIG), EINVAL);
	NUMBER("open-27-one-is-none-too-many", posix_typed_mem_open(PORT_A, O_RDWR, ALLOCATE), OK);
	if (is_root())
		in_child("open-27", several_flags_without_privilege);
}

/* EMFILE: the process has no descriptor left; before the pool was attached, and after. */
static void open_28(void)
{
	NEED(close(opened(PORT_PRIVATE, 0)) == 0);
	no_descriptors();
	NUMBER("open-28-attached", posix_typed_mem_open(PORT_PRIVATE, O_RDWR, 0), EMFILE);
	NUMBER("open-28", posix_typed_mem_open(PORT_A, O_RDWR, 0), EMFILE);
	limit(RLIMIT_NOFILE, 64);
	NUMBER("open-28-again", posix_typed_mem_open(PORT_A, O_RDWR, 0), OK);
}

/* Has the kernel answer with an error where a descriptor is opened that stays open over exec: that of the object. */
static int refuse_descriptors_that_stay(int error)
{
	struct { uint16_t code; uint8_t yes, no; uint32_t value; } program[] = {
		{0x20, 0, 0, 0},			/* the number of the call */
		{0x15, 0, 3, SYS_openat},
		{0x20, 0, 0, 32},			/* its third argument */
		{0x45, 1, 0, O_CLOEXEC},
		{0x06, 0, 0, 0x00050000u | (uint32_t)error},
		{0x06, 0, 0, 0x7fff0000u},
	};
	struct { unsigned short length; const void *program; } filter = {6, program};
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, 2, &filter, 0, 0) == 0;
}

/* ENFILE: the machine has none left. */
static void open_29(void)
{
	NEED(close(opened(PORT_A, 0)) == 0);
	if (!refuse_descriptors_that_stay(ENFILE)) {
		skip("open-29", "seccomp");
		return;
	}
	NUMBER("open-29", posix_typed_mem_open(PORT_A, O_RDWR, ALLOCATE), ENFILE);
	NUMBER("open-29-not-attached", posix_typed_mem_open(PORT_PRIVATE, O_RDWR, ALLOCATE), ENFILE);
}

/* ENOENT: no object has the name. */
static void open_30(void)
{
	NUMBER("open-30", posix_typed_mem_open("/no/such/port", O_RDWR, 0), ENOENT);
	NUMBER("open-30-allocatable", posix_typed_mem_open("/no/such/port", O_RDWR, ALLOCATABLE), ENOENT);
}

static void another_user_lacks_privilege(void)
{
	become_other_user();
	NUMBER("open-31", posix_typed_mem_open(PORT_A, O_RDWR, ALLOCATABLE), EPERM);
}

/* EPERM: MAP_ALLOCATABLE takes more rights than the caller has. */
static void open_31(void)
{
	if (is_root())
		in_child("open-31", another_user_lacks_privilege);
	else
		NUMBER("open-31", posix_typed_mem_open("/typed/root", O_RDWR, ALLOCATABLE), EPERM);
}

/* Writes over the beginning of a file of the configuration's directory. */
static void damage(const char *file)
{
	char path[512], bytes[64];
	memset(bytes, 0x55, sizeof bytes);
	snprintf(path, sizeof path, "%s/%s", getenv("MMAN_TYPED_TESTS"), file);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	NEED(fd >= 0 && write(fd, bytes, sizeof bytes) == sizeof bytes && close(fd) == 0);
}

static void tries_the_spoiled_one(void)
{
	NUMBER("open-32", posix_typed_mem_open("/spoiled", O_RDWR, ALLOCATE), EIO);
	NUMBER("open-32-other-pools", posix_typed_mem_open(PORT_A, O_RDWR, ALLOCATE), OK);
}

static void opens_the_spoiled_one(void)
{
	NUMBER("open-32-whole", posix_typed_mem_open("/spoiled", O_RDWR, ALLOCATE), OK);
}

/* EIO, not of POSIX: the table of the pool is damaged. */
static void open_32(void)
{
	in_child("open-32", opens_the_spoiled_one);
	damage("spoiled.table");
	in_child("open-32", tries_the_spoiled_one);
}

/* ENODEV, not of POSIX: the machine lacks what the pool is made of. */
static void open_33(void)
{
	NUMBER("open-33-device", posix_typed_mem_open("/dax/none", O_RDWR, 0), ENODEV);
	NUMBER("open-33-node", posix_typed_mem_open("/node/60", O_RDWR, 0), ENODEV);
}

static int opened_while_cancelled = -1;

static void *opens_while_cancelled(void *argument)
{
	(void)argument;
	pthread_cancel(pthread_self());
	opened_while_cancelled = posix_typed_mem_open(PORT_A, O_RDWR, ALLOCATE);
	struct posix_typed_mem_info info;
	posix_typed_mem_get_info(opened_while_cancelled, &info);
	munmap(mmap(NULL, page, RW, MAP_SHARED, opened_while_cancelled, 0), page);
	opened_while_cancelled++;
	pthread_testcancel();
	opened_while_cancelled = -2;
	return NULL;
}

/* It may be a cancellation point, and is none; neither are the others. */
static void open_34(void)
{
	pthread_t thread;
	void *answer;
	NEED(pthread_create(&thread, NULL, opens_while_cancelled, NULL) == 0);
	NEED(pthread_join(thread, &answer) == 0);
	fact("open-34-cancelled", answer == PTHREAD_CANCELED, 1);
	fact("open-34-after-the-calls", opened_while_cancelled > 0, 1);
}

static int helper(char **arguments)
{
	if (strcmp(arguments[0], "opens") == 0)
		return posix_typed_mem_open(arguments[2], O_RDWR, atoi(arguments[1])) < 0;
	return 9;
}

/* It works in a process that never opened anything, executed anew. */
static void open_35(void)
{
	fact("open-35-there", helped("opens", ALLOCATE, PORT_A), 0);
	fact("open-35-not-there", helped("opens", ALLOCATE, "/no/such/port"), 1);
}

/* A name that cannot be read, and one that ends at the last byte that can be. */
static void open_36(void)
{
	char *room = pages_with_hole();
	memset(room, 'n', page);
	NUMBER("open-36-null", posix_typed_mem_open(NULL, O_RDWR, 0), EFAULT);
	NUMBER("open-36-hole", posix_typed_mem_open(room + page, O_RDWR, 0), EFAULT);
	NUMBER("open-36-runs-into-it", posix_typed_mem_open(room + page - 8, O_RDWR, 0), EFAULT);
	memcpy(room + page - sizeof PORT_A, PORT_A, sizeof PORT_A);
	NUMBER("open-36-just-fits", posix_typed_mem_open(room + page - sizeof PORT_A, O_RDWR, 0), OK);
}

static void test(void)
{
	RUN(open_1);
	RUN(open_2);
	RUN(open_3);
	RUN(open_4);
	RUN(open_5);
	RUN(open_6);
	RUN(open_7);
	RUN(open_8);
	RUN(open_9);
	RUN(open_10);
	RUN(open_11);
	RUN(open_12);
	RUN(open_13);
	RUN(open_14);
	RUN(open_15);
	RUN(open_16);
	RUN(open_17);
	RUN(open_18);
	RUN(open_19);
	RUN(open_20);
	RUN(open_21);
	RUN(open_22);
	RUN(open_23);
	RUN(open_24);
	RUN(open_25);
	RUN(open_26);
	RUN(open_27);
	RUN(open_28);
	RUN(open_29);
	RUN(open_30);
	RUN(open_31);
	RUN(open_32);
	RUN(open_33);
	RUN(open_34);
	RUN(open_35);
	RUN(open_36);
}
