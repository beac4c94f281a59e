/* shm_open and shm_unlink: names, what they refuse, and what they promise. */
#include "check.h"
#include <sys/mount.h>

/* A name that no other run of this program has. */
static char own[64], path[128], linked[64];

static void name_case(const char *what, const char *name, int opened, int unlinked)
{
	char text[128];
	snprintf(text, sizeof text, "shm_open-%s", what);
	int fd = NUMBER(text, shm_open(name, O_RDWR | O_CREAT, 0600), opened);
	if (fd >= 0)
		close(fd);
	snprintf(text, sizeof text, "shm_unlink-%s", what);
	STATUS(text, shm_unlink(name), unlinked);
}

static int opens_for_reading(const char *name)
{
	int fd = shm_open(name, O_RDONLY, 0);
	return fd < 0 ? -1 : close(fd);
}

static void names(void)
{
	char name[5100];
	name_case("empty", "", EINVAL, ENOENT);
	name_case("slash", "/", EINVAL, ENOENT);
	name_case("slashes", "//", EINVAL, ENOENT);
	name_case("slash-inside", "a/b", EINVAL, ENOENT);
	name_case("slash-inside-after-slash", "/a/b", EINVAL, ENOENT);
	name_case("dot", ".", EINVAL, EISDIR);
	name_case("dot-dot", "..", EINVAL, EISDIR);
	name_case("slash-dot", "/.", EINVAL, EISDIR);
	name_case("slash-dot-dot", "/..", EINVAL, EISDIR);
	STATUS("shm_open-dot-read-only", opens_for_reading("/."), EINVAL);
	STATUS("shm_open-dot-dot-read-only", opens_for_reading(".."), EINVAL);
	name_case("dots-slash", "../a", EINVAL, ENOENT);
	snprintf(name, sizeof name, "%s/", own);
	name_case("trailing-slash", name, EINVAL, ENOENT);
	snprintf(name, sizeof name, "///%s", own);
	name_case("leading-slashes", name, OK, OK);
	snprintf(name, sizeof name, "%s", own + 1);
	name_case("no-slash", name, OK, OK);
	/* 255 bytes, the end of them our own. */
	memset(name, 'n', 255);
	snprintf(name + 255 - strlen(own + 1), strlen(own + 1) + 1, "%s", own + 1);
	name_case("255-bytes", name, OK, OK);
	memmove(name + 1, name, 256);
	name_case("256-bytes", name, ENAMETOOLONG, ENAMETOOLONG);
	name[0] = '/';
	name_case("slash-and-255-bytes", name, OK, OK);
	name[0] = 'n';
	name[10] = '/';
	name_case("256-bytes-slash-inside", name, EINVAL, ENOENT);
	memset(name, 'n', sizeof name);
	name[5000] = 0;
	name_case("5000-bytes", name, ENAMETOOLONG, ENAMETOOLONG);
	/* So many slashes that the kernel would not read the name. */
	memset(name, '/', 5000);
	snprintf(name + 5000, 64, "%s", own + 1);
	name_case("5000-slashes", name, ENAMETOOLONG, ENAMETOOLONG);
	/* A name that ends where the memory ends. */
	char *memory = pages_with_hole();
	size_t length = strlen(own) + 1;
	memcpy(memory + page - length, own, length);
	name_case("name-at-end", memory + page - length, OK, OK);
	drop(memory, 3);
}

static void open_null(void) { NUMBER("shm_open-null", shm_open(NULL, O_RDWR, 0), EFAULT); }
static void unlink_null(void) { STATUS("shm_unlink-null", shm_unlink(NULL), EFAULT); }
static void open_garbage(void) { NUMBER("shm_open-garbage", shm_open((char *)(1ul << 63), O_RDWR, 0), EFAULT); }
static void unlink_garbage(void) { STATUS("shm_unlink-garbage", shm_unlink((char *)(1ul << 63)), EFAULT); }

static void open_without_end(void)
{
	char *memory = pages_with_hole();
	memset(memory, 'n', page);
	NUMBER("shm_open-name-without-end", shm_open(memory + page - 4, O_RDWR, 0), EFAULT);
}

static void unlink_without_end(void)
{
	char *memory = pages_with_hole();
	memset(memory, 'n', page);
	STATUS("shm_unlink-name-without-end", shm_unlink(memory + page - 4), EFAULT);
}

static void flags(void)
{
	struct stat now;
	NUMBER("shm_open-no-such", shm_open(own, O_RDWR, 0), ENOENT);
	STATUS("shm_unlink-no-such", shm_unlink(own), ENOENT);
	int fd = NUMBER("shm_open-new", shm_open(own, O_RDWR | O_CREAT | O_EXCL, 0640), OK);
	fact("shm_open-cloexec", fcntl(fd, F_GETFD), FD_CLOEXEC);
	fact("shm_open-read-write", fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	/* glibc and the kernel add flags that fcntl shows: what must not be there is what makes reading odd. */
	fact("shm_open-no-other-mode", fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK | O_DIRECT | O_PATH), 0);
	NEED(fstat(fd, &now) == 0);
	fact("shm_open-new-is-empty", now.st_size, 0);
	fact("shm_open-new-is-regular", S_ISREG(now.st_mode), 1);
	fact("shm_open-mode", now.st_mode & 07777, 0640);
	fact("shm_open-owner", now.st_uid == geteuid() && now.st_gid == getegid(), 1);
	struct stat named;
	fact("shm_open-is-a-file-there", stat(path, &named) == 0 && named.st_ino == now.st_ino, 1);
	NUMBER("shm_open-excl", shm_open(own, O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	NEED(ftruncate(fd, 2 * page) == 0);
	char *memory = mmap(NULL, 2 * page, RW, MAP_SHARED, fd, 0);
	NEED(memory != MAP_FAILED);
	fact("shm_open-zero-filled", memory[0] | memory[2 * page - 1], 0);
	memory[0] = 7;
	int again = NUMBER("shm_open-creat-of-old", shm_open(own, O_RDWR | O_CREAT, 0600), OK);
	char byte = 0;
	NEED(pread(again, &byte, 1, 0) == 1);
	fact("shm_open-same-object", byte, 7);
	int reads = NUMBER("shm_open-read-only", shm_open(own, O_RDONLY, 0), OK);
	fact("shm_open-read-only-mode", fcntl(reads, F_GETFL) & O_ACCMODE, O_RDONLY);
	ADDRESS("shm_open-read-only-map", mmap(NULL, page, RW, MAP_SHARED, reads, 0), EACCES);
	int truncated = NUMBER("shm_open-trunc", shm_open(own, O_RDWR | O_TRUNC, 0), OK);
	NEED(fstat(fd, &now) == 0);
	fact("shm_open-trunc-empties", now.st_size, 0);
	NEED(ftruncate(fd, 2 * page) == 0);
	memory[0] = 8;
	STATUS("shm_unlink", shm_unlink(own), OK);
	STATUS("shm_unlink-again", shm_unlink(own), ENOENT);
	fact("shm_unlink-lives-on", memory[0], 8);
	close(fd);
	close(again);
	close(reads);
	close(truncated);
	fact("shm_unlink-lives-on-without-fd", memory[0], 8);
	int other = NUMBER("shm_open-name-is-free", shm_open(own, O_RDWR | O_CREAT | O_EXCL, 0600), OK);
	NEED(fstat(other, &now) == 0);
	fact("shm_open-another-object", now.st_size, 0);
	close(other);
	drop(memory, 2);
	STATUS("shm_unlink-other", shm_unlink(own), OK);
}

static void modes(void)
{
	struct stat now;
	mode_t before = umask(027);
	int fd = NUMBER("shm_open-umask", shm_open(own, O_RDWR | O_CREAT, 0666), OK);
	NEED(fstat(fd, &now) == 0);
	fact("shm_open-umask-mode", now.st_mode & 07777, 0640);
	close(fd);
	NEED(shm_unlink(own) == 0);
	umask(0);
	fd = NUMBER("shm_open-mode-0", shm_open(own, O_RDWR | O_CREAT, 0), OK);
	NEED(fstat(fd, &now) == 0);
	fact("shm_open-mode-0-mode", now.st_mode & 07777, 0);
	close(fd);
	NEED(shm_unlink(own) == 0);
	umask(before);
}

static void links(void)
{
	NEED(symlink("/dev/null", linked) == 0);
	const char *name = strrchr(linked, '/');
	NUMBER("shm_open-symbolic-link", shm_open(name, O_RDWR, 0), ELOOP);
	NUMBER("shm_open-symbolic-link-creat", shm_open(name, O_RDWR | O_CREAT, 0600), ELOOP);
	NUMBER("shm_open-symbolic-link-excl", shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	STATUS("shm_unlink-symbolic-link", shm_unlink(name), OK);
	/* A folder is no object. */
	NEED(mkdir(linked, 0700) == 0);
	NUMBER("shm_open-folder-read-write", shm_open(name, O_RDWR, 0), EINVAL);
	NUMBER("shm_open-folder-creat", shm_open(name, O_RDWR | O_CREAT, 0600), EINVAL);
	STATUS("shm_unlink-folder", shm_unlink(name), EISDIR);
	NEED(rmdir(linked) == 0);
}

static void as_other_user(void)
{
	become_nobody();
	NUMBER("shm_open-no-right", shm_open(own, O_RDWR, 0), EACCES);
	NUMBER("shm_open-no-right-read", shm_open(own, O_RDONLY, 0), EACCES);
	STATUS("shm_unlink-no-right", shm_unlink(own), EACCES);
	char name[80];
	snprintf(name, sizeof name, "%s-nobody", own);
	NUMBER("shm_open-nobody", shm_open(name, O_RDWR | O_CREAT, 0600), OK);
	STATUS("shm_unlink-nobody", shm_unlink(name), OK);
}

static void too_many(void)
{
	no_descriptors();
	NUMBER("shm_open-too-many-descriptors", shm_open(own, O_RDWR | O_CREAT, 0600), EMFILE);
	struct stat now;
	fact("shm_open-too-many-makes-nothing", stat(path, &now), -1);
}

/* A folder of objects with room for one, for this process alone. */
static void no_room(void)
{
	if (!is_root() || unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		skip("shm_open-no-room", "root that may mount");
		return;
	}
	NEED(mount("tmpfs", "/dev/shm", "tmpfs", 0, "nr_inodes=2") == 0);
	NUMBER("shm_open-room", shm_open("/a", O_RDWR | O_CREAT, 0600), OK);
	NUMBER("shm_open-no-room", shm_open("/b", O_RDWR | O_CREAT, 0600), ENOSPC);
}

static void read_only_folder(void)
{
	if (!is_root() || unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		skip("shm_open-read-only-folder", "root that may mount");
		return;
	}
	NEED(mount("tmpfs", "/dev/shm", "tmpfs", MS_RDONLY, NULL) == 0);
	NUMBER("shm_open-read-only-folder", shm_open("/a", O_RDWR | O_CREAT, 0600), EROFS);
	NUMBER("shm_open-read-only-folder-no-such", shm_open("/a", O_RDWR, 0600), ENOENT);
}

static void test(void)
{
	snprintf(own, sizeof own, "/mman-c-%ld", (long)getpid());
	snprintf(path, sizeof path, "/dev/shm%s", own);
	snprintf(linked, sizeof linked, "/dev/shm/mman-c-link-%ld", (long)getpid());
	names();
	in_child("shm_open-null", open_null);
	in_child("shm_unlink-null", unlink_null);
	in_child("shm_open-garbage", open_garbage);
	in_child("shm_unlink-garbage", unlink_garbage);
	in_child("shm_open-name-without-end", open_without_end);
	in_child("shm_unlink-name-without-end", unlink_without_end);
	flags();
	modes();
	links();
	if (is_root()) {
		int fd = shm_open(own, O_RDWR | O_CREAT, 0600);
		NEED(fd >= 0);
		close(fd);
		in_child("shm-as-other-user", as_other_user);
		NEED(shm_unlink(own) == 0);
	} else {
		skip("shm_open-no-right", "root, to be two users");
	}
	in_child("shm_open-too-many", too_many);
	in_child("shm_open-no-room-child", no_room);
	in_child("shm_open-read-only-folder-child", read_only_folder);
}
