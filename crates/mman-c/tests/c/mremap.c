/* mremap and remap_file_pages: what they refuse, and what they promise. Which arguments are read: mremap_garbage.c. */
#include "check.h"

#define MOVE_TO (MREMAP_MAYMOVE | MREMAP_FIXED)
#define KEEP_OLD (MREMAP_MAYMOVE | MREMAP_DONTUNMAP)

static void arguments(void)
{
	char *memory = pages(3, MAP_PRIVATE), *room = pages(3, MAP_PRIVATE);
	ADDRESS("mremap-unaligned-old", mremap(memory + 1, page, page, MREMAP_MAYMOVE), EINVAL);
	ADDRESS("mremap-unaligned-new", mremap(memory, page, page, MOVE_TO, room + 1), EINVAL);
	ADDRESS("mremap-new-size-0", mremap(memory, page, 0, MREMAP_MAYMOVE), EINVAL);
	ADDRESS("mremap-unknown-flag", mremap(memory, page, page, MREMAP_MAYMOVE | 8), EINVAL);
	ADDRESS("mremap-all-flags", mremap(memory, page, page, -1, room), EINVAL);
	ADDRESS("mremap-fixed-alone", mremap(memory, page, page, MREMAP_FIXED, room), EINVAL);
	ADDRESS("mremap-dontunmap-alone", mremap(memory, page, page, MREMAP_DONTUNMAP, room), EINVAL);
	ADDRESS("mremap-overlap-up", mremap(memory, 2 * page, 2 * page, MOVE_TO, memory + page), EINVAL);
	ADDRESS("mremap-overlap-down", mremap(memory + page, 2 * page, 2 * page, MOVE_TO, memory), EINVAL);
	ADDRESS("mremap-dontunmap-smaller", mremap(memory, 3 * page, page, KEEP_OLD, NULL), EINVAL);
	ADDRESS("mremap-dontunmap-larger", mremap(memory, 3 * page, 4 * page, KEEP_OLD, NULL), EINVAL);
	ADDRESS("mremap-old-size-0-private", mremap(memory, 0, page, MREMAP_MAYMOVE), EINVAL);
	ADDRESS("mremap-new-wraps", mremap(memory, page, page, MOVE_TO, (void *)-page), EINVAL);
	ADDRESS("mremap-new-above-space", mremap(memory, page, page, MOVE_TO, (void *)(1ul << 63)), EINVAL);
	ADDRESS("mremap-length-size-max", mremap(memory, page, SIZE_MAX, MREMAP_MAYMOVE), EINVAL);
	ADDRESS("mremap-length-ptrdiff-max", mremap(memory, page, PTRDIFF_MAX, MREMAP_MAYMOVE), ANY);
	ADDRESS("mremap-length-2-to-46", mremap(memory, page, (size_t)1 << 46, MREMAP_MAYMOVE), ENOMEM);
	ADDRESS("mremap-null", mremap(NULL, page, page, MREMAP_MAYMOVE), EFAULT);
	ADDRESS("mremap-null-grows", mremap(NULL, page, 2 * page, MREMAP_MAYMOVE), EFAULT);
	ADDRESS("mremap-garbage", mremap((void *)(1ul << 63), page, 2 * page, MREMAP_MAYMOVE), ANY);
	ADDRESS("mremap-map-failed", mremap(MAP_FAILED, page, 2 * page, MREMAP_MAYMOVE), EINVAL);
	NEED(mprotect(memory + page, page, PROT_READ) == 0);
	ADDRESS("mremap-in-place-no-room", mremap(memory, page, 2 * page, 0), ENOMEM);
	ADDRESS("mremap-grows-two-mappings", mremap(memory, 3 * page, 4 * page, MREMAP_MAYMOVE), EFAULT);
	ADDRESS("mremap-same", mremap(memory, page, page, 0), OK);
	drop(memory, 3);
	ADDRESS("mremap-unmapped", mremap(memory, page, 2 * page, MREMAP_MAYMOVE), EFAULT);
	drop(room, 3);
	memory = pages(1, MAP_SHARED);
	ADDRESS("mremap-old-size-0-in-place", mremap(memory, 0, page, 0), ENOMEM);
	drop(memory, 1);
}

static void sizes(void)
{
	char *memory = pages(2, MAP_PRIVATE);
	memset(memory, 7, 2 * page);
	memory = ADDRESS("mremap-grows", mremap(memory, 2 * page, 64 * page, MREMAP_MAYMOVE), OK);
	fact("mremap-keeps-bytes", memory[0] + memory[2 * page - 1] + memory[2 * page] + memory[64 * page - 1], 14);
	char *same = ADDRESS("mremap-shrinks", mremap(memory, 64 * page, page + 1, 0), OK);
	fact("mremap-shrinks-in-place", same == memory, 1);
	fact("mremap-rounds-up", touch(memory + page, 1), 0);
	fact("mremap-unmaps-tail", touch(memory + 2 * page, 0), SIGSEGV);
	drop(memory, 2);
	memory = pages(4, MAP_PRIVATE);
	NEED(mprotect(memory + page, page, PROT_READ) == 0);
	ADDRESS("mremap-shrinks-several", mremap(memory, 4 * page, page, 0), OK);
	fact("mremap-unmaps-several", touch(memory + 3 * page, 0), SIGSEGV);
	drop(memory, 1);
}

static void places(void)
{
	char *memory = pages(1, MAP_PRIVATE), *room = pages(3, MAP_PRIVATE);
	memory[0] = 7;
	memset(room, 1, 3 * page);
	char *at = ADDRESS("mremap-fixed", mremap(memory, page, page, MOVE_TO, room + page), OK);
	fact("mremap-fixed-is-there", at == room + page, 1);
	fact("mremap-fixed-replaces", room[0] * 100 + room[page] * 10 + room[2 * page], 171);
	fact("mremap-fixed-leaves-old", touch(memory, 0), SIGSEGV);
	drop(room, 3);

	char *shared = pages(2, MAP_SHARED);
	char *alias = ADDRESS("mremap-old-size-0-shared", mremap(shared, 0, 2 * page, MREMAP_MAYMOVE), OK);
	fact("mremap-alias-is-elsewhere", alias != shared, 1);
	shared[page] = 4;
	fact("mremap-alias-shows-the-same", alias[page], 4);
	drop(alias, 2);
	char *second = ADDRESS("mremap-dontunmap-shared", mremap(shared, 2 * page, 2 * page, KEEP_OLD, NULL), OK);
	fact("mremap-dontunmap-shared-twice", second[page] * 10 + shared[page], 44);
	drop(second, 2);
	drop(shared, 2);

	char *old = pages(2, MAP_PRIVATE);
	memset(old, 7, 2 * page);
	char *moved = ADDRESS("mremap-dontunmap", mremap(old, 2 * page, 2 * page, KEEP_OLD, NULL), OK);
	fact("mremap-dontunmap-moves", moved[0] * 10 + moved[page], 77);
	fact("mremap-dontunmap-leaves-zeros", old[0] + old[page], 0);
	room = pages(2, MAP_PRIVATE);
	at = ADDRESS("mremap-dontunmap-fixed", mremap(moved, 2 * page, 2 * page, KEEP_OLD | MREMAP_FIXED, room), OK);
	fact("mremap-dontunmap-fixed-is-there", at == room, 1);
	fact("mremap-dontunmap-fixed-moves", room[page] * 10 + moved[page], 70);
	/* Without MREMAP_FIXED the fifth argument is a hint, and DONTUNMAP's flag says that it was given. */
	char *hint = pages(2, MAP_PRIVATE);
	drop(hint, 2);
	at = ADDRESS("mremap-dontunmap-hint", mremap(room, 2 * page, 2 * page, KEEP_OLD, hint), OK);
	fact("mremap-dontunmap-hint-taken", at == hint, 1);
	drop(at, 2);
	drop(old, 2);
	drop(moved, 2);
	drop(room, 2);
}

static void several(void)
{
	char *memory = pages(3, MAP_PRIVATE), *room = pages(3, MAP_PRIVATE);
	NEED(mprotect(memory + page, page, PROT_READ) == 0);
	/* Since Linux 6.17; an error before. */
	ADDRESS("mremap-fixed-several", mremap(memory, 3 * page, 3 * page, MOVE_TO, room), ANY);
}

static void lock_limit(void)
{
	char *memory = pages(2, MAP_PRIVATE);
	limit_locked(2 * page);
	NEED(mlock(memory, 2 * page) == 0);
	ADDRESS("mremap-over-lock-limit", mremap(memory, 2 * page, 3 * page, MREMAP_MAYMOVE), EAGAIN);
	fact("mremap-keeps-locks", locked_pages(), 2);
}

static void address_space(void)
{
	char *memory = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	NEED(memory != MAP_FAILED);
	limit(RLIMIT_AS, (rlim_t)1 << 30);
	ADDRESS("mremap-over-rlimit-as", mremap(memory, page, (size_t)2 << 30, MREMAP_MAYMOVE), ENOMEM);
}

static void over_data(void)
{
	char *memory = pages(1, MAP_PRIVATE);
	limit(RLIMIT_DATA, (rlim_t)64 << 20);
	ADDRESS("mremap-over-rlimit-data", mremap(memory, page, (size_t)128 << 20, MREMAP_MAYMOVE), ENOMEM);
}

static void too_many(void)
{
	char *memory = pages(3, MAP_PRIVATE), *room = pages(1, MAP_PRIVATE);
	all_mappings();
	ADDRESS("mremap-too-many-mappings", mremap(memory + page, page, page, MOVE_TO, room), ENOMEM);
}

static void sealed(void)
{
	char *memory = pages(3, MAP_PRIVATE), *other = pages(1, MAP_PRIVATE), *room = pages(1, MAP_PRIVATE);
	if (syscall(CALL_MSEAL, memory, 2 * page, 0) != 0) {
		skip("mremap-sealed", "Linux 6.10");
		return;
	}
	ADDRESS("mremap-sealed-moves", mremap(memory, page, page, MOVE_TO, room), EPERM);
	ADDRESS("mremap-sealed-grows", mremap(memory, 2 * page, 3 * page, MREMAP_MAYMOVE), EPERM);
	ADDRESS("mremap-sealed-shrinks", mremap(memory, 2 * page, page, 0), EPERM);
	ADDRESS("mremap-onto-sealed", mremap(other, page, page, MOVE_TO, memory), EPERM);
}

static void file_pages(void)
{
	int fd = object(4);
	char *memory = mmap(NULL, 4 * page, RW, MAP_SHARED, fd, 0), *private = pages(1, MAP_PRIVATE);
	NEED(memory != MAP_FAILED);
	for (int index = 0; index < 4; index++)
		memory[index * page] = 1 + index;
	STATUS("remap_file_pages-private", remap_file_pages(private, page, 0, 0, 0), EINVAL);
	STATUS("remap_file_pages-null", remap_file_pages(NULL, page, 0, 0, 0), EINVAL);
	STATUS("remap_file_pages-garbage", remap_file_pages((void *)(1ul << 63), page, 0, 0, 0), EINVAL);
	STATUS("remap_file_pages-protection", remap_file_pages(memory, page, PROT_READ, 0, 0), EINVAL);
	STATUS("remap_file_pages-size-0", remap_file_pages(memory, 0, 0, 0, 0), EINVAL);
	STATUS("remap_file_pages-small-size", remap_file_pages(memory, page - 1, 0, 0, 0), EINVAL);
	STATUS("remap_file_pages-past-mapping", remap_file_pages(memory, 5 * page, 0, 0, 0), EINVAL);
	STATUS("remap_file_pages-wraps", remap_file_pages(memory, SIZE_MAX, 0, 0, 0), EINVAL);
	STATUS("remap_file_pages-offset-overflows", remap_file_pages(memory, 2 * page, 0, SIZE_MAX, 0), EINVAL);
	STATUS("remap_file_pages", remap_file_pages(memory, page, 0, 2, 0), OK);
	fact("remap_file_pages-shows-other-page", memory[0], 3);
	STATUS("remap_file_pages-nonblock", remap_file_pages(memory, page, 0, 1, MAP_NONBLOCK), OK);
	STATUS("remap_file_pages-ignored-flags", remap_file_pages(memory, page, 0, 3, 0x200), OK);
	fact("remap_file_pages-ignored-flags-shows", memory[0], 4);
	STATUS("remap_file_pages-unaligned", remap_file_pages(memory + 5, page, 0, 0, 0), OK);
	fact("remap_file_pages-rounds-down", memory[0], 1);
	STATUS("remap_file_pages-size-rounds-down", remap_file_pages(memory, page + 5, 0, 2, 0), OK);
	fact("remap_file_pages-size-rounded", memory[0] * 10 + memory[page], 32);
	STATUS("remap_file_pages-offset-past-end", remap_file_pages(memory, page, 0, 100, 0), OK);
	fact("remap_file_pages-past-end-touch", touch(memory, 0), SIGBUS);
	drop(memory, 4);
	drop(private, 1);
	STATUS("remap_file_pages-unmapped", remap_file_pages(memory, page, 0, 0, 0), EINVAL);
	close(fd);
}

static void test(void)
{
	arguments();
	sizes();
	places();
	in_child("mremap-several", several);
	in_child("mremap-lock-limit", lock_limit);
	in_child("mremap-address-space", address_space);
	in_child("mremap-over-data", over_data);
	in_child("mremap-too-many", too_many);
	in_child("mremap-sealed-child", sealed);
	file_pages();
}
