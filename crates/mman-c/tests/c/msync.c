/* msync: what it refuses, and what it promises. That it is a cancellation point: cancel.c. */
#include "check.h"
#include <sys/mount.h>

static void arguments(void)
{
	char *memory = pages(1, MAP_SHARED);
	STATUS("msync-unknown-flag", msync(memory, page, 8), EINVAL);
	STATUS("msync-all-flags", msync(memory, page, -1), EINVAL);
	STATUS("msync-sync-and-async", msync(memory, page, MS_SYNC | MS_ASYNC), EINVAL);
	STATUS("msync-unaligned", msync(memory + 1, page, MS_SYNC), EINVAL);
	STATUS("msync-unaligned-length-0", msync(memory + 1, 0, MS_SYNC), EINVAL);
	STATUS("msync-no-flag", msync(memory, page, 0), OK);
	STATUS("msync-async", msync(memory, page, MS_ASYNC), OK);
	STATUS("msync-sync", msync(memory, page, MS_SYNC), OK);
	STATUS("msync-invalidate", msync(memory, page, MS_INVALIDATE), OK);
	STATUS("msync-sync-invalidate", msync(memory, page, MS_SYNC | MS_INVALIDATE), OK);
	STATUS("msync-length-0", msync(memory, 0, MS_SYNC), OK);
	STATUS("msync-null-length-0", msync(NULL, 0, MS_SYNC), OK);
	STATUS("msync-rounds-to-0", msync(NULL, SIZE_MAX, MS_SYNC), OK);
	STATUS("msync-wraps", msync(memory, SIZE_MAX - 2 * page, MS_SYNC), ENOMEM);
	STATUS("msync-null", msync(NULL, page, MS_SYNC), ENOMEM);
	STATUS("msync-garbage", msync((void *)(1ul << 63), page, MS_SYNC), ENOMEM);
	STATUS("msync-last-page", msync((void *)-page, page - 1, MS_SYNC), ENOMEM);
	drop(memory, 1);
}

/* The flags go through as an int: what stands above it in a register means nothing. */
static void wide_flags(void)
{
	char *memory = pages(1, MAP_SHARED);
	int (*wide)(void *, size_t, long) = (int (*)(void *, size_t, long))(void (*)(void))msync;
	STATUS("msync-garbage-above-flags", wide(memory, page, 0x12345678l << 32 | MS_SYNC), OK);
	drop(memory, 1);
}

static void holes(void)
{
	char *memory = pages_with_hole();
	STATUS("msync-hole-sync", msync(memory, 3 * page, MS_SYNC), ENOMEM);
	STATUS("msync-hole-async", msync(memory, 3 * page, MS_ASYNC), ENOMEM);
	STATUS("msync-hole-invalidate", msync(memory, 3 * page, MS_INVALIDATE), ENOMEM);
	STATUS("msync-unmapped", msync(memory + page, page, MS_SYNC), ENOMEM);
	drop(memory, 3);
}

static void locked(void)
{
	char *memory = pages(2, MAP_SHARED);
	NEED(mlock(memory + page, page) == 0);
	STATUS("msync-invalidate-locked", msync(memory, 2 * page, MS_INVALIDATE), EBUSY);
	STATUS("msync-sync-invalidate-locked", msync(memory, 2 * page, MS_SYNC | MS_INVALIDATE), EBUSY);
	STATUS("msync-sync-locked", msync(memory, 2 * page, MS_SYNC), OK);
	STATUS("msync-invalidate-unlocked", msync(memory, page, MS_INVALIDATE), OK);
}

static long dirty(int fd, size_t first, size_t count)
{
	struct cachestat_range range = {first * page, count * page};
	struct cachestat answer;
	if (syscall(CALL_CACHESTAT, fd, &range, &answer, 0) != 0)
		return -1;
	return answer.nr_dirty;
}

static void written_back(void)
{
	char name[256];
	int fd = temporary(name, sizeof name, 4);
	NEED(unlink(name) == 0);
	char *memory = mmap(NULL, 4 * page, RW, MAP_SHARED, fd, 0);
	NEED(memory != MAP_FAILED);
	memset(memory, 1, 4 * page);
	if (dirty(fd, 0, 4) < 0) {
		skip("msync-writes-back", "Linux 6.5");
	} else {
		STATUS("msync-writes-back", msync(memory, 2 * page, MS_SYNC), OK);
		fact("msync-dirty-after-sync", dirty(fd, 0, 2), 0);
		memset(memory, 2, 4 * page);
		NEED(munmap(memory + page, page) == 0);
		STATUS("msync-hole-in-file", msync(memory, 4 * page, MS_SYNC), ENOMEM);
		fact("msync-hole-does-not-stop-it", dirty(fd, 0, 1) + dirty(fd, 2, 2), 0);
	}
	char *private = mmap(NULL, page, RW, MAP_PRIVATE, fd, 0);
	NEED(private != MAP_FAILED);
	private[0] = 9;
	STATUS("msync-private", msync(private, page, MS_SYNC), OK);
	fact("msync-private-keeps-change", private[0], 9);
	char byte;
	NEED(pread(fd, &byte, 1, 0) == 1);
	fact("msync-private-writes-nothing", byte, 2);
	drop(private, 1);
	drop(memory, 4);
	close(fd);
}

static int run(const char *format, const char *folder)
{
	char command[700];
	snprintf(command, sizeof command, format, folder, folder, folder);
	return system(command);
}

/* A disk that turns out to have no room: an ext4 on a loop device, whose sparse image lies on a full tmpfs. All of it
 * is seen by this process alone, and goes with it. */
static void disk_without_room(void)
{
	char folder[200], path[256], block[4096] = {1};
	const char *temporary_folder = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%s/mman-c-XXXXXX", temporary_folder ? temporary_folder : "/tmp");
	if (!is_root() || unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
	    || access("/dev/loop-control", R_OK | W_OK) != 0) {
		skip("msync-disk-without-room", "root that may mount, and loop devices");
		return;
	}
	NEED(mkdtemp(folder) != NULL && mount("tmpfs", folder, "tmpfs", 0, "size=12m") == 0);
	if (run("truncate -s 64M %s/image && mkfs.ext4 -q -F -O ^has_journal -E lazy_itable_init=0 %s/image >/dev/null 2>&1"
	        " && mkdir %s/disk", folder) != 0
	    || run("mount -o loop %s/image %s/disk 2>/dev/null", folder) != 0) {
		skip("msync-disk-without-room", "mkfs.ext4 and a free loop device");
	} else {
		snprintf(path, sizeof path, "%s/disk/file", folder);
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		NEED(fd >= 0);
		for (int count = 0; count < 1024; count++)
			NEED(write(fd, block, sizeof block) == sizeof block);
		char *memory = mmap(NULL, 1024 * sizeof block, RW, MAP_SHARED, fd, 0);
		NEED(memory != MAP_FAILED);
		/* No room is left for the image to grow. */
		snprintf(path, sizeof path, "%s/rest", folder);
		int rest = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		while (write(rest, block, sizeof block) > 0)
			continue;
		memset(memory, 7, 1024 * sizeof block);
		STATUS("msync-disk-without-room", msync(memory, 1024 * sizeof block, MS_SYNC), ENOSPC);
		drop(memory, 1024 * sizeof block / page);
		close(fd);
		close(rest);
		NEED(run("umount -l %s/disk", folder) == 0);
	}
	NEED(umount2(folder, MNT_DETACH) == 0 && rmdir(folder) == 0);
}

static void test(void)
{
	arguments();
	wide_flags();
	holes();
	in_child("msync-locked", locked);
	written_back();
	in_child("msync-disk-without-room-child", disk_without_room);
}
