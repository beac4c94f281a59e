/* The calls: each function of <sys/mman.h>, found by its name as a program finds it. */
#include "arguments.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* What errno holds before each call: a call that succeeds leaves it there. */
#define UNTOUCHED 4095

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#define HUGE_PAGE ((size_t)2 << 20)
#define NR_MEMFD_SECRET 447
#define NR_CACHESTAT 451
#define NR_MAP_SHADOW_STACK 453
#define NR_MSEAL 462

struct cache_range {
    uint64_t offset, length;
};

/* Of the host's library, functions that it has not are made with syscall(2). */
static int host_memfd_secret(unsigned flags)
{
    return (int)syscall(NR_MEMFD_SECRET, flags);
}

static int host_cachestat(unsigned fd, struct cache_range *range, uint64_t *stat, unsigned flags)
{
    return (int)syscall(NR_CACHESTAT, fd, range, stat, flags);
}

static void *host_map_shadow_stack(void *start, size_t length, unsigned flags)
{
    return (void *)syscall(NR_MAP_SHADOW_STACK, start, length, flags);
}

static int host_mseal(void *start, size_t length, unsigned long flags)
{
    return (int)syscall(NR_MSEAL, start, length, flags);
}

static void *(*c_mmap)(void *, size_t, int, int, int, off_t);
static void *(*c_mmap64)(void *, size_t, int, int, int, off_t);
static int (*c_munmap)(void *, size_t);
static int (*c_mprotect)(void *, size_t, int);
static int (*c_msync)(void *, size_t, int);
static int (*c_mlock)(const void *, size_t);
static int (*c_mlock2)(const void *, size_t, unsigned);
static int (*c_munlock)(const void *, size_t);
static int (*c_mlockall)(int);
static int (*c_munlockall)(void);
static void *(*c_mremap)(void *, size_t, size_t, int, ...);
static int (*c_remap_file_pages)(void *, size_t, int, size_t, int);
static int (*c_madvise)(void *, size_t, int);
static int (*c_posix_madvise)(void *, size_t, int);
static int (*c_mincore)(void *, size_t, unsigned char *);
static int (*c_memfd_create)(const char *, unsigned);
static int (*c_memfd_secret)(unsigned);
static int (*c_shm_open)(const char *, int, mode_t);
static int (*c_shm_unlink)(const char *);
static int (*c_pkey_alloc)(unsigned, unsigned);
static int (*c_pkey_free)(int);
static int (*c_pkey_mprotect)(void *, size_t, int, int);
static ssize_t (*c_process_madvise)(int, const struct iovec *, size_t, int, unsigned);
static int (*c_process_mrelease)(int, unsigned);
static int (*c_mseal)(void *, size_t, unsigned long);
static int (*c_cachestat)(unsigned, struct cache_range *, uint64_t *, unsigned);
static void *(*c_map_shadow_stack)(void *, size_t, unsigned);

/* Writes down whose function it is; the test looks whether it is the one it wants to try. */
static void *find(const char *name, void *otherwise)
{
    Dl_info info;
    void *found = dlsym(RTLD_DEFAULT, name);
    const char *object = found && dladdr(found, &info) ? strrchr(info.dli_fname, '/') : NULL;
    if (!found && !otherwise) {
        fprintf(stderr, "no %s\n", name);
        exit(3);
    }
    say("symbol %s %s\n", name, object ? object + 1 : "none");
    return found ? found : otherwise;
}

/* A pointer to a function cannot be cast from one to data in ISO C; POSIX lets it be stored there. */
#define FIND(name, otherwise) (*(void **)&c_##name = find(#name, (void *)(uintptr_t)(otherwise)))

void find_calls(void)
{
    FIND(mmap, NULL);
    FIND(mmap64, NULL);
    FIND(munmap, NULL);
    FIND(mprotect, NULL);
    FIND(msync, NULL);
    FIND(mlock, NULL);
    FIND(mlock2, NULL);
    FIND(munlock, NULL);
    FIND(mlockall, NULL);
    FIND(munlockall, NULL);
    FIND(mremap, NULL);
    FIND(remap_file_pages, NULL);
    FIND(madvise, NULL);
    FIND(posix_madvise, NULL);
    FIND(mincore, NULL);
    FIND(memfd_create, NULL);
    FIND(memfd_secret, host_memfd_secret);
    FIND(shm_open, NULL);
    FIND(shm_unlink, NULL);
    FIND(pkey_alloc, NULL);
    FIND(pkey_free, NULL);
    FIND(pkey_mprotect, NULL);
    FIND(process_madvise, NULL);
    FIND(process_mrelease, NULL);
    FIND(mseal, host_mseal);
    FIND(cachestat, host_cachestat);
    FIND(map_shadow_stack, host_map_shadow_stack);
}

/* The descriptor that a call made last; mmap uses it. */
static int last_fd;
static unsigned char residency[ARENA_SIZE / PAGE + 64];

void begin_batch(void)
{
    last_fd = -1;
    forget_slots();
}

/* ` = RESULT` and the errno, a dash where it was left alone. */
static void say_number(long result, int error)
{
    if (error == UNTOUCHED)
        say(" = %ld -\n", result);
    else
        say(" = %ld e%d\n", result, error);
}

static void say_address(void *result, int error)
{
    if (result == MAP_FAILED)
        say_number(-1, error);
    else
        say(" = %p %s\n", result, error == UNTOUCHED ? "-" : "errno changed");
}

#define ANSWER(type, call) \
    errno = UNTOUCHED; \
    type result = call; \
    int error = errno

static int in_arena(uintptr_t start)
{
    return start >= ARENA && start < ARENA + ARENA_SIZE;
}

/* Keeps what the kernel chose a place for, unless it is large or the place is known anyway. */
static void keep(void *start, size_t length)
{
    if (length > ((size_t)4 << 20) && !in_arena((uintptr_t)start))
        syscall(SYS_munmap, start, length);
    else if (!in_arena((uintptr_t)start))
        remember((uintptr_t)start, length);
}

static void call_mmap(void)
{
    int wide = chance(30), flags = map_flags(), prot = any_prot(), fd = any_fd(last_fd);
    int64_t offset = any_offset();
    struct place place = chance(30) && !(flags & MAP_FIXED) ? (struct place) { 0, PAGES(64) } : any_place();
    if (flags & MAP_HUGETLB)
        /* Whether there are huge pages, and whose, is the machine's: only the refusals are compared. */
        flags &= ~(MAP_FIXED | MAP_POPULATE | MAP_LOCKED);
    size_t length = map_length(place, flags & (MAP_FIXED | MAP_FIXED_NOREPLACE));
    if (length > (4u << 20))
        flags &= ~(MAP_POPULATE | MAP_LOCKED);
    if (flags & MAP_ANONYMOUS && chance(80)) {
        fd = -1;
        offset = 0;
    }
    say("mmap%s(%#lx, %#lx, %#x, %#x, %d, %#lx)", wide ? "64" : "", place.start, length, prot, flags, fd,
        (long)offset);
    ANSWER(void *, (wide ? c_mmap64 : c_mmap)((void *)place.start, length, prot, flags, fd, offset));
    if (flags & MAP_HUGETLB && (result != MAP_FAILED || error == ENOMEM)) {
        say(" = huge pages, or none\n");
        if (result != MAP_FAILED)
            syscall(SYS_munmap, result, (length + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
        return;
    }
    say_address(result, error);
    if (result != MAP_FAILED)
        keep(result, length);
}

static void call_munmap(void)
{
    struct place place = any_place();
    size_t length = any_length(place, BEYOND_SPACE);
    say("munmap(%#lx, %#lx)", place.start, length);
    ANSWER(int, c_munmap((void *)place.start, length));
    say_number(result, error);
}

static void call_mprotect(void)
{
    struct place place = any_place();
    size_t length = any_length(place, WRAPS_ONLY);
    int prot = any_prot();
    say("mprotect(%#lx, %#lx, %#x)", place.start, length, prot);
    ANSWER(int, c_mprotect((void *)place.start, length, prot));
    say_number(result, error);
}

static void call_msync(void)
{
    static const int odd[] = { 0, MS_SYNC | MS_ASYNC, 8, -1, 1 << 31, MS_INVALIDATE | 16 };
    struct place place = any_place();
    size_t length = any_length(place, BEYOND_SPACE);
    int flags = chance(15) ? PICK(odd) : (chance(50) ? MS_SYNC : MS_ASYNC) | (chance(20) ? MS_INVALIDATE : 0);
    say("msync(%#lx, %#lx, %#x)", place.start, length, flags);
    ANSWER(int, c_msync((void *)place.start, length, flags));
    say_number(result, error);
}

static void call_mlock(void)
{
    struct place place = any_place();
    size_t length = any_length(place, BEYOND_SPACE);
    say("mlock(%#lx, %#lx)", place.start, length);
    ANSWER(int, c_mlock((void *)place.start, length));
    say_number(result, error);
}

static void call_mlock2(void)
{
    static const unsigned odd[] = { 2, 3, 4, ~0u, 1u << 31 };
    struct place place = any_place();
    size_t length = any_length(place, BEYOND_SPACE);
    unsigned flags = chance(10) ? PICK(odd) : (unsigned)below(2);
    say("mlock2(%#lx, %#lx, %#x)", place.start, length, flags);
    ANSWER(int, c_mlock2((void *)place.start, length, flags));
    say_number(result, error);
}

static void call_munlock(void)
{
    struct place place = any_place();
    size_t length = any_length(place, BEYOND_SPACE);
    say("munlock(%#lx, %#lx)", place.start, length);
    ANSWER(int, c_munlock((void *)place.start, length));
    say_number(result, error);
}

/* What is locked from now on counts against a small limit: later calls fail, in both twins. */
static void call_mlockall(void)
{
    static const int flags_of[] = { 0, 1, 2, 2, 3, 4, 5, 6, 6, 7, 8, -1, 1 << 31 };
    int flags = PICK(flags_of);
    say("mlockall(%#x)", flags);
    ANSWER(int, c_mlockall(flags));
    say_number(result, error);
}

static void call_munlockall(void)
{
    say("munlockall()");
    ANSWER(int, c_munlockall());
    say_number(result, error);
}

static void call_mremap(void)
{
    static const int odd[] = { 8, 16, -1, 1 << 31, 0x100 };
    struct place old = any_place(), new = any_place();
    size_t old_length = any_length(old, BEYOND_SPACE), new_length;
    int flags = chance(80) ? MREMAP_MAYMOVE : 0;
    flags |= (chance(40) ? MREMAP_FIXED : 0) | (chance(20) ? MREMAP_DONTUNMAP : 0);
    if (chance(4))
        flags |= PICK(odd);
    if (chance(30))
        old_length = PAGES(1 + below(4));
    new_length = flags & MREMAP_FIXED ? any_length(new, BEYOND_SPACE) : map_length(old, 0);
    if (chance(30) && old_length < new.room)
        new_length = old_length;
    /* glibc before 2.41 passes a new address on for MREMAP_FIXED alone, newer ones and we also for
     * MREMAP_DONTUNMAP: there it is NULL, with which they agree. Without both flags it is never read. */
    if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) == MREMAP_DONTUNMAP)
        new.start = 0;
    say("mremap(%#lx, %#lx, %#lx, %#x, %#lx)", old.start, old_length, new_length, flags, new.start);
    ANSWER(void *, c_mremap((void *)old.start, old_length, new_length, flags, (void *)new.start));
    say_address(result, error);
    if (result != MAP_FAILED)
        keep(result, new_length);
}

static void call_remap_file_pages(void)
{
    static const int flags_of[] = { 0, 0, 0, MAP_NONBLOCK, 1, -1, MAP_SHARED };
    struct place place = any_place();
    size_t length = any_length(place, BEYOND_SPACE);
    int prot = chance(90) ? 0 : any_prot(), flags = PICK(flags_of);
    size_t page = chance(90) ? below(20) : random_number();
    say("remap_file_pages(%#lx, %#lx, %#x, %#lx, %#x)", place.start, length, prot, page, flags);
    ANSWER(int, c_remap_file_pages((void *)place.start, length, prot, page, flags));
    say_number(result, error);
}

/* Whether a huge page can be put together is the machine's at the moment. */
static int depends_on_memory(int advice, long result, int error)
{
    return advice == MADV_COLLAPSE && (result >= 0 || error == EAGAIN || error == EBUSY || error == ENOMEM);
}

static void call_madvise(void)
{
    struct place place = any_place();
    size_t length = any_length(place, WRAPS_ONLY);
    int advice = any_advice();
    say("madvise(%#lx, %#lx, %d)", place.start, length, advice);
    ANSWER(int, c_madvise((void *)place.start, length, advice));
    if (depends_on_memory(advice, result, error))
        say(" = huge pages, or none\n");
    else
        say_number(result, error);
}

/* Two differences are documented, and stand here and nowhere else. Advice that only madvise(2) knows is EINVAL
 * for us and done by glibc: it is not drawn. POSIX_MADV_DONTNEED does nothing and returns 0 in glibc; ours does
 * nothing either, and checks the range as MS_ASYNC does: that is made besides, by the raw call. */
static void call_posix_madvise(void)
{
    static const int odd[] = { 5, 6, 7, 50, 99, 1000, -1, 1 << 31 };
    struct place place = any_place();
    size_t length = any_length(place, WRAPS_ONLY);
    int advice = chance(10) ? PICK(odd) : (int)below(5);
    say("posix_madvise(%#lx, %#lx, %d)", place.start, length, advice);
    ANSWER(int, c_posix_madvise((void *)place.start, length, advice));
    if (advice == POSIX_MADV_DONTNEED) {
        int checked = syscall(SYS_msync, place.start, length, MS_ASYNC) == 0 ? 0 : errno;
        if (result == (is_ours ? checked : 0) && error == UNTOUCHED) {
            say(" = as documented\n");
            return;
        }
    }
    say_number(result, error);
}

/* What is resident is the machine's; how many bytes were written is not, nor that bit 0 alone is used. */
static void call_mincore(void)
{
    struct place place = any_place();
    size_t length = any_length(place, BEYOND_SPACE), written = 0;
    unsigned char *where = chance(95) ? residency : PICK(((unsigned char *[]) { NULL, (void *)-PAGE, (void *)TOP }));
    size_t pages = (length + PAGE - 1) / PAGE;
    if (pages > sizeof(residency))
        pages = sizeof(residency);
    memset(residency, 0xaa, pages < sizeof(residency) ? pages + 1 : pages);
    say("mincore(%#lx, %#lx, %s)", place.start, length, where == residency ? "vec" : "bad");
    ANSWER(int, c_mincore((void *)place.start, length, where));
    while (written < pages && residency[written] <= 1)
        written++;
    say(" %zu written", written);
    if (pages < sizeof(residency) && residency[pages] != 0xaa)
        say(" AND MORE");
    say_number(result, error);
}

/* What a descriptor is, for the functions that make one; it stays for mmap until the next comes. */
static void keep_fd(int fd, int huge)
{
    struct stat stat;
    char path[64], name[512];
    ssize_t length;
    if (fd < 0)
        return;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    length = readlink(path, name, sizeof(name) - 1);
    name[length > 0 ? length : 0] = 0;
    char *prefix = strstr(name, shm_prefix);
    fstat(fd, &stat);
    if (S_ISDIR(stat.st_mode)) /* /dev/shm itself: its size is how many names it holds */
        stat.st_size = 1;
    say(" fd %d: mode %o size %ld flags %#x %#x seals %d %s\n", fd, stat.st_mode, (long)stat.st_size,
        fcntl(fd, F_GETFD), fcntl(fd, F_GETFL), fcntl(fd, F_GET_SEALS),
        prefix ? prefix + strlen(shm_prefix) : name);
    if (last_fd >= 0)
        close(last_fd);
    last_fd = fd;
    if (huge) {
        close(fd);
        last_fd = -1;
    } else if (stat.st_size == 0 && syscall(SYS_ftruncate, fd, (long)PAGES(3)) != 0) {
        /* Not all of them can be written. */
    }
}

static void call_memfd_create(void)
{
    static const int bits[] = { MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_ALLOW_SEALING };
    static const int odd[] = { MFD_HUGETLB, MFD_HUGETLB | 21 << 26, 8, 0x10, 0x18, 0x20, 1 << 31, -1, 21 << 26 };
    static char longest[251];
    static const char *const names[] = { "", "a", "a name", "a/b", longest + 1, longest, NULL, (char *)-PAGE };
    unsigned name = chance(70) ? (unsigned)below(4) : 4 + (unsigned)below(4);
    unsigned flags = (unsigned)(some_bits(bits, 3, 50) | (chance(20) ? PICK(odd) : 0));
    memset(longest, 'n', 250);
    say("memfd_create(name %u, %#x)", name, flags);
    ANSWER(int, c_memfd_create(names[name], flags));
    say_number(result, error);
    keep_fd(result, (flags & MFD_HUGETLB) != 0);
}

static void call_memfd_secret(void)
{
    static const unsigned flags_of[] = { 0, 0, O_CLOEXEC, O_CLOEXEC, 1, ~0u, O_NONBLOCK };
    unsigned flags = PICK(flags_of);
    say("memfd_secret(%#x)", flags);
    ANSWER(int, c_memfd_secret(flags));
    say_number(result, error);
    keep_fd(result, 0);
}

/* Names, most of them behind the run's own prefix. A NULL or unreadable name ends the host's library, which
 * reads it; ours has EFAULT. It is not drawn. */
static const char *object_name(unsigned *number)
{
    static char buffer[600];
    static const char *const own[] = { "/%sa", "/%sb", "%sc", "//%sd", "///%sa", "/%sa/b", "/%sa/", "%s/a" };
    static const char *const odd[] = { "", "/", "//", ".", "..", "/.", "/..", "/./", "/a/b", "//." };
    size_t prefix = strlen(shm_prefix), length;
    *number = (unsigned)(chance(70) ? below(4) : below(20));
    if (*number < 8) {
        snprintf(buffer, sizeof(buffer), own[*number], shm_prefix);
    } else if (*number < 18) {
        snprintf(buffer, sizeof(buffer), "%s", odd[*number - 8]);
    } else {
        /* 255 and 256 characters without the slash. */
        length = *number == 18 ? 255 : 256;
        buffer[0] = '/';
        memcpy(buffer + 1, shm_prefix, prefix);
        memset(buffer + 1 + prefix, 'x', length - prefix);
        buffer[1 + length] = 0;
    }
    return buffer;
}

static void call_shm_open(void)
{
    static const int bits[] = { O_TRUNC, O_APPEND, O_NONBLOCK, O_NOFOLLOW, O_CLOEXEC, O_SYNC, O_DIRECTORY, O_PATH,
                                O_NOATIME, O_NOCTTY, 1 << 30, O_ASYNC };
    static const int access[] = { O_RDWR, O_RDWR, O_RDWR, O_RDONLY, O_WRONLY, 3 };
    unsigned number;
    const char *name = object_name(&number);
    int flags = PICK(access) | (chance(60) ? O_CREAT : 0) | (chance(25) ? O_EXCL : 0) | some_bits(bits, 12, 4);
    mode_t mode = (mode_t)(chance(70) ? 0600 : below(010000));
    /* Together O_CREAT and O_DIRECTORY are EINVAL: a name that is too long besides may be called either. */
    if (number == 19)
        flags &= ~O_DIRECTORY;
    /* The host's library refuses . and .. only where the kernel does, which opens them for reading, or has another
     * error first; ours looks at the name (docs/c-differences.md). */
    if ((number >= 11 && number <= 14) || number == 17)
        flags = O_RDWR;
    say("shm_open(name %u, %#x, %#o)", number, flags, mode);
    ANSWER(int, c_shm_open(name, flags, mode));
    say_number(result, error);
    keep_fd(result, 0);
}

static void call_shm_unlink(void)
{
    unsigned number;
    const char *name = object_name(&number);
    say("shm_unlink(name %u)", number);
    ANSWER(int, c_shm_unlink(name));
    say_number(result, error);
}

static void call_pkey_alloc(void)
{
    unsigned flags = chance(90) ? 0 : (unsigned)random_number(), rights = (unsigned)below(chance(90) ? 4 : 1 << 20);
    say("pkey_alloc(%#x, %#x)", flags, rights);
    ANSWER(int, c_pkey_alloc(flags, rights));
    say_number(result, error);
}

static void call_pkey_free(void)
{
    static const int keys[] = { -1, 0, 1, 2, 3, 15, 16, 1 << 31, 0x7fffffff };
    int key = PICK(keys);
    say("pkey_free(%d)", key);
    ANSWER(int, c_pkey_free(key));
    say_number(result, error);
}

static void call_pkey_mprotect(void)
{
    static const int keys[] = { -1, -1, -1, 0, 1, 2, 15, 16, -2, 1 << 31 };
    struct place place = any_place();
    size_t length = any_length(place, WRAPS_ONLY);
    int prot = any_prot(), key = PICK(keys);
    say("pkey_mprotect(%#lx, %#lx, %#x, %d)", place.start, length, prot, key);
    ANSWER(int, c_pkey_mprotect((void *)place.start, length, prot, key));
    say_number(result, error);
}

static void call_process_madvise(void)
{
    static const int fds[] = { FD_PIDFD, FD_PIDFD, FD_PIDFD, FD_PIDFD, FD_CLOSED, FD_DATA, FD_PATH, -1 };
    static const size_t counts[] = { 5, 1024, 1025, (size_t)1 << 32, -(size_t)1 };
    static struct iovec ranges[1024];
    size_t number = chance(95) ? below(5) : PICK(counts);
    const struct iovec *where = chance(95) ? ranges : (void *)-PAGE;
    int fd = PICK(fds), advice = any_advice();
    unsigned flags = chance(95) ? 0 : (unsigned)random_number();
    say("process_madvise(%d, %s [", fd, where == ranges ? "" : "bad");
    for (size_t at = 0; at < 4; at++) {
        struct place place = any_place();
        ranges[at] = (struct iovec) { (void *)place.start, any_length(place, WRAPS_ONLY) };
        say("(%#lx, %#lx)", place.start, ranges[at].iov_len);
    }
    say("], %zu, %d, %#x)", number, advice, flags);
    ANSWER(ssize_t, c_process_madvise(fd, where, number, advice, flags));
    if (depends_on_memory(advice, result, error))
        say(" = huge pages, or none\n");
    else
        say_number(result, error);
}

static void call_process_mrelease(void)
{
    static const int fds[] = { FD_PIDFD, FD_PIDFD, FD_CLOSED, FD_DATA, FD_PATH, -1 };
    int fd = PICK(fds);
    unsigned flags = chance(80) ? 0 : (unsigned)random_number();
    say("process_mrelease(%d, %#x)", fd, flags);
    ANSWER(int, c_process_mrelease(fd, flags));
    say_number(result, error);
}

/* Sealed memory stays as it is to the end of the batch: only little of it, and mostly at one end. */
static void call_mseal(void)
{
    struct place place = chance(50) ? (struct place) { ARENA + PAGES(40 + below(8)), PAGE } : any_place();
    size_t length = any_length(place, WRAPS_ONLY);
    unsigned long flags = chance(70) ? 0 : 1ul << below(64);
    if (chance(50) && length > PAGE && length < ARENA_SIZE)
        length = PAGE;
    say("mseal(%#lx, %#lx, %#lx)", place.start, length, flags);
    ANSWER(int, c_mseal((void *)place.start, length, flags));
    say_number(result, error);
}

/* How much is cached is the machine's; that all five numbers are written is not. */
static void call_cachestat(void)
{
    static struct cache_range range;
    static uint64_t stat[6];
    int fd = any_fd(last_fd), written = 0;
    struct cache_range *from = chance(95) ? &range : PICK(((struct cache_range *[]) { NULL, (void *)-PAGE }));
    uint64_t *to = chance(95) ? stat : PICK(((uint64_t *[]) { NULL, (void *)-PAGE }));
    unsigned flags = chance(90) ? 0 : (unsigned)random_number();
    range = (struct cache_range) { (uint64_t)any_offset(), chance(50) ? 0 : random_number() >> below(64) };
    memset(stat, 0xaa, sizeof(stat));
    say("cachestat(%d, %s (%#lx, %#lx), %s, %#x)", fd, from == &range ? "" : "bad", range.offset, range.length,
        to == stat ? "stat" : "bad", flags);
    ANSWER(int, c_cachestat((unsigned)fd, from, to, flags));
    for (unsigned at = 0; at < 6; at++)
        written += stat[at] != 0xaaaaaaaaaaaaaaaa;
    say(" %d written", written);
    say_number(result, error);
}

static void call_map_shadow_stack(void)
{
    struct place place = chance(50) ? (struct place) { 0, PAGES(4) } : any_place();
    size_t length = any_length(place, WRAPS_ONLY);
    unsigned flags = (unsigned)below(chance(90) ? 4 : 1 << 20);
    say("map_shadow_stack(%#lx, %#lx, %#x)", place.start, length, flags);
    ANSWER(void *, c_map_shadow_stack((void *)place.start, length, flags));
    say_address(result, error);
    if (result != MAP_FAILED)
        keep(result, length);
}

void random_call(unsigned number)
{
    static const struct {
        unsigned weight;
        void (*call)(void);
    } calls[] = {
        { 22, call_mmap }, { 7, call_munmap }, { 9, call_mprotect }, { 4, call_msync }, { 5, call_mlock },
        { 3, call_mlock2 }, { 6, call_munlock }, { 1, call_mlockall }, { 3, call_munlockall },
        { 9, call_mremap }, { 3, call_remap_file_pages }, { 10, call_madvise }, { 4, call_posix_madvise },
        { 4, call_mincore }, { 3, call_memfd_create }, { 1, call_memfd_secret }, { 3, call_shm_open },
        { 2, call_shm_unlink }, { 1, call_pkey_alloc }, { 1, call_pkey_free }, { 2, call_pkey_mprotect },
        { 3, call_process_madvise }, { 1, call_process_mrelease }, { 1, call_mseal }, { 2, call_cachestat },
        { 1, call_map_shadow_stack },
    };
    unsigned total = 0, at = 0;
    for (unsigned each = 0; each < sizeof(calls) / sizeof(calls[0]); each++)
        total += calls[each].weight;
    for (unsigned left = (unsigned)below(total); left >= calls[at].weight; at++)
        left -= calls[at].weight;
    say("%u ", number);
    calls[at].call();
}
