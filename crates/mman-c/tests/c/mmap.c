/* mmap: what it refuses, and what it promises. `mmap64.c` is the same for the other name. */
#include "check.h"
#include <sys/ioctl.h>
#include <sys/mount.h>

#ifndef FUNCTION
#define FUNCTION "mmap"
#define MAP mmap
#endif
#define N(what) FUNCTION "-" what

#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

/* Of linux/fs.h, which musl does not bring along. */
#define GET_ATTRIBUTES _IOR('f', 1, long)
#define SET_ATTRIBUTES _IOW('f', 2, long)
#define APPEND_ATTRIBUTE 0x20

static void anonymous(const char *name, int flags, int wanted)
{
	ADDRESS(name, MAP(NULL, page, RW, flags | MAP_ANONYMOUS, -1, 0), wanted);
}

static void of(const char *name, int fd, int protection, int flags, int wanted)
{
	ADDRESS(name, MAP(NULL, page, protection, flags, fd, 0), wanted);
}

static void arguments(void)
{
	int fd = object(1);
	ADDRESS(N("length-0"), MAP(NULL, 0, RW, ANONYMOUS, -1, 0), EINVAL);
	anonymous(N("no-type"), 0, EINVAL);
	anonymous(N("unknown-type"), 5, EINVAL);
	of(N("no-type-of-file"), fd, RW, 0, EINVAL);
	ADDRESS(N("unaligned-offset"), MAP(NULL, page, RW, MAP_SHARED, fd, 1), EINVAL);
	ADDRESS(N("unaligned-offset-anonymous"), MAP(NULL, page, RW, ANONYMOUS, -1, 1), EINVAL);
	ADDRESS(N("unaligned-offset-bad-fd"), MAP(NULL, page, RW, MAP_SHARED, -1, 1), EINVAL);
	ADDRESS(N("unaligned-negative-offset"), MAP(NULL, page, RW, MAP_SHARED, fd, -1), EINVAL);
	ADDRESS(N("offset-anonymous"), MAP(NULL, page, RW, ANONYMOUS, -1, page), OK);
	ADDRESS(N("unaligned-hint"), MAP((void *)(uintptr_t)(page * 4096 + 5), page, RW, ANONYMOUS, -1, 0), OK);
	ADDRESS(N("garbage-hint"), MAP((void *)(uintptr_t)-1, page, RW, ANONYMOUS, -1, 0), OK);
	ADDRESS(N("fd-without-file"), MAP(NULL, page, RW, ANONYMOUS, 12345, 0), OK);
	ADDRESS(N("unknown-flags-private"), MAP(NULL, page, RW, ANONYMOUS | 0x200, -1, 0), OK);
	ADDRESS(N("unknown-flags-shared"), MAP(NULL, page, RW, MAP_SHARED | 0x200, fd, 0), OK);
	ADDRESS(N("unknown-protection"), MAP(NULL, page, RW | 0x4000000, ANONYMOUS, -1, 0), OK);
	ADDRESS(N("length-1-over-page"), MAP(NULL, page + 1, RW, ANONYMOUS, -1, 0), OK);
	ADDRESS(N("length-2-to-62"), MAP(NULL, (size_t)1 << 62, RW, ANONYMOUS, -1, 0), ENOMEM);
	ADDRESS(N("length-ptrdiff-max"), MAP(NULL, PTRDIFF_MAX, RW, ANONYMOUS, -1, 0), ENOMEM);
	ADDRESS(N("length-size-max"), MAP(NULL, SIZE_MAX, RW, ANONYMOUS, -1, 0), ENOMEM);
	of(N("growsdown-file-private"), fd, RW, MAP_PRIVATE | MAP_GROWSDOWN, EINVAL);
	of(N("growsdown-file-shared"), fd, RW, MAP_SHARED | MAP_GROWSDOWN, EINVAL);
	anonymous(N("growsdown-shared"), MAP_SHARED | MAP_GROWSDOWN, EINVAL);
	anonymous(N("growsdown"), MAP_PRIVATE | MAP_GROWSDOWN, OK);
	anonymous(N("unknown-huge-size"), MAP_PRIVATE | MAP_HUGETLB | 17 << MAP_HUGE_SHIFT, EINVAL);
	of(N("huge-ordinary-file"), fd, RW, MAP_SHARED | MAP_HUGETLB, EINVAL);
	/* More than any machine has in its pool. */
	ADDRESS(N("huge-pool-too-small"), MAP(NULL, (size_t)1 << 44, RW, ANONYMOUS | MAP_HUGETLB, -1, 0), ENOMEM);
	anonymous(N("shared-validate-anonymous"), MAP_SHARED_VALIDATE, EINVAL);
	of(N("shared-validate"), fd, RW, MAP_SHARED_VALIDATE, OK);
	of(N("shared-validate-unknown-flag"), fd, RW, MAP_SHARED_VALIDATE | 0x200, EOPNOTSUPP);
	of(N("sync-without-dax"), fd, RW, MAP_SHARED_VALIDATE | MAP_SYNC, EOPNOTSUPP);
	close(fd);
}

static void droppable(void)
{
	void *memory = MAP(NULL, page, RW, MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		skip(N("droppable"), "Linux 6.11");
		return;
	}
	int fd = object(1);
	anonymous(N("droppable"), MAP_DROPPABLE, OK);
	of(N("droppable-file"), fd, RW, MAP_DROPPABLE, EINVAL);
	anonymous(N("droppable-private"), MAP_DROPPABLE | MAP_PRIVATE, EINVAL);
	anonymous(N("droppable-locked"), MAP_DROPPABLE | MAP_LOCKED, EINVAL);
	close(fd);
}

static void descriptors(void)
{
	char name[256];
	int both = temporary(name, sizeof name, 1);
	int writes = open(name, O_WRONLY), reads = open(name, O_RDONLY), path = open(name, O_PATH);
	int appends = open(name, O_RDWR | O_APPEND);
	NEED(unlink(name) == 0);
	of(N("cannot-read-shared-none"), writes, PROT_NONE, MAP_SHARED, EACCES);
	of(N("cannot-read-shared-write"), writes, PROT_WRITE, MAP_SHARED, EACCES);
	of(N("cannot-read-private-none"), writes, PROT_NONE, MAP_PRIVATE, EACCES);
	of(N("cannot-read-private-read"), writes, PROT_READ, MAP_PRIVATE, EACCES);
	of(N("cannot-write-shared"), reads, RW, MAP_SHARED, EACCES);
	of(N("cannot-write-private"), reads, RW, MAP_PRIVATE, OK);
	of(N("appending-fd"), appends, RW, MAP_SHARED, OK);
	of(N("path-fd"), path, PROT_READ, MAP_PRIVATE, EBADF);
	of(N("fd-minus-1"), -1, PROT_READ, MAP_SHARED, EBADF);
	of(N("fd-too-large"), 1 << 30, PROT_READ, MAP_PRIVATE, EBADF);
	of(N("fd-int-min"), INT32_MIN, PROT_READ, MAP_PRIVATE, EBADF);
	close(writes);
	of(N("closed-fd"), writes, PROT_READ, MAP_SHARED, EBADF);
	of(N("noexec-not"), both, PROT_READ | PROT_EXEC, MAP_PRIVATE, OK);
	of(N("sync-without-dax-disk"), both, RW, MAP_SHARED_VALIDATE | MAP_SYNC, EOPNOTSUPP);
	ADDRESS(N("offset-over-file-maximum"), MAP(NULL, page, RW, MAP_SHARED, both, INT64_MIN), EOVERFLOW);
	ADDRESS(N("end-over-offset"), MAP(NULL, 2 * page, RW, MAP_SHARED, both, -(off_t)page), EOVERFLOW);
	close(both);
	close(reads);
	close(path);
	close(appends);

	int ends[2], folder = open("/", O_RDONLY | O_DIRECTORY);
	NEED(folder >= 0 && pipe(ends) == 0);
	of(N("pipe"), ends[0], PROT_READ, MAP_PRIVATE, ENODEV);
	of(N("folder"), folder, PROT_READ, MAP_PRIVATE, ENODEV);
	close(ends[0]);
	close(ends[1]);
	close(folder);
}

/* A file with the append attribute cannot be mapped shared to write. */
static void append_attribute(void)
{
	char name[256];
	int fd = temporary(name, sizeof name, 1);
	int attributes = 0;
	if (ioctl(fd, GET_ATTRIBUTES, &attributes) == 0 && (attributes |= APPEND_ATTRIBUTE, 1)
	    && ioctl(fd, SET_ATTRIBUTES, &attributes) == 0) {
		of(N("append-attribute"), fd, RW, MAP_SHARED, EACCES);
		attributes &= ~APPEND_ATTRIBUTE;
		NEED(ioctl(fd, SET_ATTRIBUTES, &attributes) == 0);
	} else {
		skip(N("append-attribute"), "root and a file system with an append attribute");
	}
	unlink(name);
	close(fd);
}

static void fixed(void)
{
	char *memory = pages(3, MAP_PRIVATE);
	memset(memory, 7, 3 * page);
	int noreplace = ANONYMOUS | MAP_FIXED_NOREPLACE;
	ADDRESS(N("noreplace-taken"), MAP(memory + page, page, RW, noreplace, -1, 0), EEXIST);
	ADDRESS(N("noreplace-and-fixed"), MAP(memory + page, page, RW, noreplace | MAP_FIXED, -1, 0), EEXIST);
	ADDRESS(N("fixed-unaligned"), MAP(memory + 1, page, RW, ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
	ADDRESS(N("noreplace-unaligned"), MAP(memory + 1, page, RW, noreplace, -1, 0), EINVAL);
	ADDRESS(N("fixed-bad-fd"), MAP(memory + page, page, RW, MAP_PRIVATE | MAP_FIXED, -1, 0), EBADF);
	int folder = open("/", O_RDONLY | O_DIRECTORY);
	ADDRESS(N("fixed-folder"), MAP(memory + page, page, PROT_READ, MAP_PRIVATE | MAP_FIXED, folder, 0), ENODEV);
	close(folder);
	fact(N("fixed-that-fails-keeps"), memory[page], 7);
	char *at = ADDRESS(N("fixed"), MAP(memory + page, page, RW, ANONYMOUS | MAP_FIXED, -1, 0), OK);
	fact(N("fixed-is-there"), at == memory + page, 1);
	fact(N("fixed-replaces"), memory[0] * 100 + memory[page] * 10 + memory[2 * page], 707);
	ADDRESS(N("fixed-above-space"), MAP((void *)(1ul << 63), page, RW, ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
	ADDRESS(N("fixed-wraps"), MAP((void *)-page, 2 * page, RW, ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
	drop(memory + page, 1);
	at = ADDRESS(N("noreplace-free"), MAP(memory + page, page, RW, noreplace, -1, 0), OK);
	fact(N("noreplace-is-there"), at == memory + page, 1);
	drop(memory, 3);
}

static void sealed(void)
{
	int seals[2] = {F_SEAL_WRITE, F_SEAL_FUTURE_WRITE};
	for (int index = 0; index < 2; index++) {
		int fd = object(1);
		NEED(fcntl(fd, F_ADD_SEALS, seals[index]) == 0);
		of(index ? N("future-write-seal") : N("write-seal"), fd, RW, MAP_SHARED, EPERM);
		of(index ? N("future-write-seal-read") : N("write-seal-read"), fd, PROT_READ, MAP_SHARED, OK);
		of(index ? N("future-write-seal-private") : N("write-seal-private"), fd, RW, MAP_PRIVATE, OK);
		close(fd);
	}
}

static void sealed_memory(void)
{
	char *memory = pages(1, MAP_PRIVATE);
	if (syscall(CALL_MSEAL, memory, page, 0) != 0)
		skip(N("fixed-over-sealed"), "Linux 6.10");
	else
		ADDRESS(N("fixed-over-sealed"), MAP(memory, page, RW, ANONYMOUS | MAP_FIXED, -1, 0), EPERM);
}

static void over_lock_limit(void)
{
	limit_locked(2 * page);
	int locked = ANONYMOUS | MAP_LOCKED;
	ADDRESS(N("locked-over-limit"), MAP(NULL, 3 * page, RW, locked, -1, 0), EAGAIN);
	ADDRESS(N("locked-in-limit"), MAP(NULL, 2 * page, RW, locked, -1, 0), OK);
	fact(N("locked-pages"), locked_pages(), 2);
}

static void without_lock_limit(void)
{
	limit_locked(0);
	anonymous(N("locked-without-right"), MAP_PRIVATE | MAP_LOCKED, EPERM);
}

static void future_locked(void)
{
	limit_locked(4 * page);
	NEED(mlockall(MCL_FUTURE) == 0);
	void *answer = ADDRESS(N("future-locked-over-limit"), MAP(NULL, 8 * page, RW, ANONYMOUS, -1, 0), EAGAIN);
	NEED(answer == MAP_FAILED && munlockall() == 0);
}

static void too_many(void)
{
	all_mappings();
	ADDRESS(N("too-many-mappings"), MAP(NULL, page, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0), ENOMEM);
}

static void over_address_space(void)
{
	limit(RLIMIT_AS, (rlim_t)1 << 30);
	size_t much = (size_t)2 << 30;
	ADDRESS(N("over-rlimit-as"), MAP(NULL, much, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1, 0), ENOMEM);
	ADDRESS(N("in-rlimit-as"), MAP(NULL, page, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1, 0), OK);
}

static void over_data(void)
{
	limit(RLIMIT_DATA, (rlim_t)64 << 20);
	size_t much = (size_t)128 << 20;
	ADDRESS(N("over-rlimit-data"), MAP(NULL, much, RW, ANONYMOUS, -1, 0), ENOMEM);
	ADDRESS(N("shared-over-rlimit-data"), MAP(NULL, much, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0), OK);
	ADDRESS(N("read-only-over-rlimit-data"), MAP(NULL, much, PROT_READ, ANONYMOUS, -1, 0), OK);
}

static void lowest_address(void)
{
	if (setting("/proc/sys/vm/mmap_min_addr") <= 0) {
		skip(N("fixed-below-lowest"), "vm.mmap_min_addr above 0");
		return;
	}
	drop_capability(CAP_NUMBER_SYS_RAWIO);
	ADDRESS(N("fixed-below-lowest"), MAP(NULL, page, RW, ANONYMOUS | MAP_FIXED, -1, 0), EPERM);
}

/* A file system that forbids to execute, for this process alone. */
static void noexec(void)
{
	char name[256];
	const char *folder = getenv("TMPDIR");
	snprintf(name, sizeof name, "%s/mman-c-XXXXXX", folder ? folder : "/tmp");
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		skip(N("noexec"), "root that may mount");
		return;
	}
	NEED(mkdtemp(name) != NULL);
	NEED(mount("tmpfs", name, "tmpfs", MS_NOEXEC, NULL) == 0);
	strcat(name, "/file");
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0700);
	NEED(fd >= 0 && ftruncate(fd, page) == 0);
	of(N("noexec"), fd, PROT_READ | PROT_EXEC, MAP_PRIVATE, EPERM);
	char *readable = ADDRESS(N("noexec-read"), MAP(NULL, page, PROT_READ, MAP_PRIVATE, fd, 0), OK);
	STATUS(N("noexec-mprotect"), mprotect(readable, page, PROT_READ | PROT_EXEC), EACCES);
	drop(readable, 1);
	close(fd);
	*strrchr(name, '/') = 0;
	NEED(umount2(name, MNT_DETACH) == 0 && rmdir(name) == 0);
}

static void shared_and_private(void)
{
	int fd = object(2);
	char byte = 0;
	char *shared = ADDRESS(N("shared"), MAP(NULL, 2 * page, RW, MAP_SHARED, fd, 0), OK);
	char *private = ADDRESS(N("private"), MAP(NULL, 2 * page, RW, MAP_PRIVATE, fd, 0), OK);
	shared[0] = 1;
	NEED(pread(fd, &byte, 1, 0) == 1);
	fact(N("shared-store-in-object"), byte, 1);
	fact(N("private-follows"), private[0], 1);
	private[0] = 2;
	NEED(pread(fd, &byte, 1, 0) == 1);
	fact(N("private-store-stays"), byte * 10 + shared[0], 11);
	shared[0] = 3;
	fact(N("copied-private-no-longer-follows"), private[0], 2);
	char *second = ADDRESS(N("offset"), MAP(NULL, page, RW, MAP_SHARED, fd, page), OK);
	shared[page] = 5;
	fact(N("offset-shows-second-page"), second[0], 5);
	close(fd);
	shared[0] = 9;
	fact(N("outlives-descriptor"), shared[0], 9);
	drop(shared, 2);
	drop(private, 2);
	drop(second, 1);
}

static void end_of_file(void)
{
	int fd = object(1);
	char byte = 0;
	NEED(ftruncate(fd, 10) == 0);
	char *memory = ADDRESS(N("past-end"), MAP(NULL, 2 * page, RW, MAP_SHARED, fd, 0), OK);
	fact(N("rest-of-page-is-zero"), memory[page - 1], 0);
	memory[20] = 'X';
	struct stat now;
	NEED(fstat(fd, &now) == 0);
	fact(N("store-past-end-keeps-size"), now.st_size, 10);
	fact(N("read-past-end"), pread(fd, &byte, 1, 20), 0);
	fact(N("touch-read-past-end"), touch(memory + page, 0), SIGBUS);
	fact(N("touch-write-past-end"), touch(memory + page, 1), SIGBUS);
	NEED(ftruncate(fd, 2 * page) == 0);
	fact(N("touch-after-growth"), touch(memory + page, 0), 0);
	NEED(ftruncate(fd, page) == 0);
	fact(N("touch-after-shrink"), touch(memory + page, 0), SIGBUS);
	drop(memory, 2);
	close(fd);
}

static void residency(void)
{
	unsigned char there[2] = {9, 9};
	char *memory = ADDRESS(N("populate"), MAP(NULL, 2 * page, RW, ANONYMOUS | MAP_POPULATE, -1, 0), OK);
	NEED(mincore(memory, 2 * page, there) == 0);
	fact(N("populate-brings-in"), (there[0] & 1) + (there[1] & 1), 2);
	drop(memory, 2);
	memory = ADDRESS(N("populate-nonblock"), MAP(NULL, 2 * page, RW, ANONYMOUS | MAP_POPULATE | MAP_NONBLOCK, -1, 0), OK);
	NEED(mincore(memory, 2 * page, there) == 0);
	fact(N("populate-nonblock-does-nothing"), (there[0] & 1) + (there[1] & 1), 0);
	fact(N("populate-nonblock-touch"), touch(memory, 1), 0);
	drop(memory, 2);
	memory = ADDRESS(N("none"), MAP(NULL, page, PROT_NONE, ANONYMOUS, -1, 0), OK);
	fact(N("none-touch"), touch(memory, 0), SIGSEGV);
	drop(memory, 1);
}

static void test(void)
{
	arguments();
	droppable();
	descriptors();
	append_attribute();
	fixed();
	sealed();
	in_child(N("sealed-memory"), sealed_memory);
	in_child(N("over-lock-limit"), over_lock_limit);
	in_child(N("without-lock-limit"), without_lock_limit);
	in_child(N("future-locked"), future_locked);
	in_child(N("too-many"), too_many);
	in_child(N("over-address-space"), over_address_space);
	in_child(N("over-data"), over_data);
	in_child(N("lowest-address"), lowest_address);
	in_child(N("noexec-child"), noexec);
	shared_and_private();
	end_of_file();
	residency();
}
