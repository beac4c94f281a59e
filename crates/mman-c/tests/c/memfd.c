/* memfd_create and memfd_secret: what they refuse, and what they promise. */
#include "check.h"

static void arguments(void)
{
	char name[300];
	memset(name, 'n', sizeof name);
	NUMBER("memfd_create-null", memfd_create(NULL, 0), EFAULT);
	NUMBER("memfd_create-garbage", memfd_create((const char *)(1ul << 63), 0), EFAULT);
	NUMBER("memfd_create-last-byte", memfd_create((const char *)-1, 0), EFAULT);
	NUMBER("memfd_create-unknown-flag", memfd_create("a", 0x80), EINVAL);
	NUMBER("memfd_create-all-flags", memfd_create("a", (unsigned)-1), EINVAL);
	NUMBER("memfd_create-huge-size-alone", memfd_create("a", 21u << 26), EINVAL);
	NUMBER("memfd_create-exec-and-noexec", memfd_create("a", MFD_EXEC | MFD_NOEXEC_SEAL), EINVAL);
	name[250] = 0;
	NUMBER("memfd_create-250-bytes", memfd_create(name, 0), EINVAL);
	name[249] = 0;
	NUMBER("memfd_create-249-bytes", memfd_create(name, MFD_CLOEXEC), OK);
	NUMBER("memfd_create-empty-name", memfd_create("", MFD_CLOEXEC), OK);
	NUMBER("memfd_create-slashes", memfd_create("/a/b", MFD_CLOEXEC), OK);
	/* A name that ends where the memory ends. */
	char *memory = pages_with_hole();
	memcpy(memory + page - 4, "abc", 4);
	NUMBER("memfd_create-name-at-end", memfd_create(memory + page - 4, MFD_CLOEXEC), OK);
	memory[page - 1] = 'd';
	NUMBER("memfd_create-name-without-end", memfd_create(memory + page - 4, MFD_CLOEXEC), EFAULT);
	drop(memory, 3);
}

static void descriptor(const char *name, unsigned flags, int seals, int closes)
{
	char text[64];
	int fd = NUMBER(name, memfd_create("conformance", flags), OK);
	snprintf(text, sizeof text, "%s-seals", name);
	fact(text, fcntl(fd, F_GET_SEALS), seals);
	snprintf(text, sizeof text, "%s-cloexec", name);
	fact(text, fcntl(fd, F_GETFD) == FD_CLOEXEC, closes);
	snprintf(text, sizeof text, "%s-read-write", name);
	fact(text, (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR, 1);
	snprintf(text, sizeof text, "%s-empty", name);
	fact(text, lseek(fd, 0, SEEK_END), 0);
	close(fd);
}

static void objects(void)
{
	descriptor("memfd_create-plain", 0, F_SEAL_SEAL, 0);
	descriptor("memfd_create-cloexec", MFD_CLOEXEC, F_SEAL_SEAL, 1);
	descriptor("memfd_create-sealing", MFD_CLOEXEC | MFD_ALLOW_SEALING, 0, 1);
	if (syscall(SYS_memfd_create, "a", MFD_NOEXEC_SEAL) < 0)
		skip("memfd_create-noexec", "Linux 6.3");
	else
		descriptor("memfd_create-noexec", MFD_NOEXEC_SEAL, F_SEAL_EXEC, 0);
	int fd = memfd_create("conformance", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	NEED(fd >= 0 && ftruncate(fd, page) == 0);
	char *memory = mmap(NULL, page, RW, MAP_SHARED, fd, 0);
	NEED(memory != MAP_FAILED);
	STATUS("memfd-write-seal-over-map", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	drop(memory, 1);
	STATUS("memfd-write-seal", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL), OK);
	STATUS("memfd-sealed-against-seals", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), EPERM);
	close(fd);
}

static void too_many(void)
{
	no_descriptors();
	NUMBER("memfd_create-too-many-descriptors", memfd_create("a", 0), EMFILE);
	NUMBER("memfd_secret-too-many-descriptors", memfd_secret(0), ANY);
}

static void only_noexec(void)
{
	int fd = open("/proc/sys/vm/memfd_noexec", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "2", 1) != 1) {
		skip("memfd_create-noexec-enforced", "vm.memfd_noexec");
		return;
	}
	close(fd);
	NUMBER("memfd_create-noexec-enforced", memfd_create("a", MFD_EXEC), EACCES);
	NUMBER("memfd_create-noexec-enforced-sealed", memfd_create("a", MFD_NOEXEC_SEAL), OK);
}

/* The setting belongs to a namespace of processes: the change is seen by the child of this one alone. */
static void noexec_namespace(void)
{
	if (setting("/proc/sys/vm/memfd_noexec") < 0 || unshare(CLONE_NEWPID) != 0)
		skip("memfd_create-noexec-enforced", "root, and Linux 6.3");
	else
		in_child("memfd_create-noexec-child", only_noexec);
}

static void secret(void)
{
	if (syscall(CALL_MEMFD_SECRET, 0) < 0) {
		skip("memfd_secret", "memfd_secret, switched on");
		return;
	}
	NUMBER("memfd_secret-fd-cloexec", memfd_secret(FD_CLOEXEC), EINVAL);
	NUMBER("memfd_secret-unknown-flag", memfd_secret(0x80), EINVAL);
	NUMBER("memfd_secret-all-flags", memfd_secret((unsigned)-1), EINVAL);
	int plain = NUMBER("memfd_secret", memfd_secret(0), OK);
	fact("memfd_secret-open-over-exec", fcntl(plain, F_GETFD), 0);
	int fd = NUMBER("memfd_secret-cloexec", memfd_secret(O_CLOEXEC), OK);
	fact("memfd_secret-closed-by-exec", fcntl(fd, F_GETFD), FD_CLOEXEC);
	NEED(ftruncate(fd, 3 * page) == 0);
	ADDRESS("memfd_secret-private", mmap(NULL, page, RW, MAP_PRIVATE, fd, 0), EINVAL);
	char *memory = ADDRESS("memfd_secret-shared", mmap(NULL, page, RW, MAP_SHARED, fd, 0), OK);
	memory[0] = 7;
	fact("memfd_secret-is-memory", memory[0], 7);
	drop(memory, 1);
	limit_locked(2 * page);
	ADDRESS("memfd_secret-over-lock-limit", mmap(NULL, 3 * page, RW, MAP_SHARED, fd, 0), EAGAIN);
}

static void test(void)
{
	in_child("memfd_create-arguments", arguments);
	objects();
	in_child("memfd_create-too-many", too_many);
	in_child("memfd_create-noexec-namespace", noexec_namespace);
	in_child("memfd_secret-child", secret);
}
