/* Functions with a mistake in them, one for each name: the fuzzer must find every one. */
#include <dlfcn.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(PROTECTION_BIT_IGNORED)
int mprotect(void *start, size_t length, int prot)
{
    return (int)syscall(SYS_mprotect, start, length, prot & ~PROT_EXEC);
}
#elif defined(UNKNOWN_PROTECTION_IGNORED)
int mprotect(void *start, size_t length, int prot)
{
    return (int)syscall(SYS_mprotect, start, length, prot & 0x0300000f);
}
#elif defined(WRONG_ERRNO)
void *mremap(void *start, size_t old, size_t new, int flags, ...)
{
    __builtin_va_list rest;
    __builtin_va_start(rest, flags);
    void *result = (void *)syscall(SYS_mremap, start, old, new, flags, __builtin_va_arg(rest, void *));
    __builtin_va_end(rest);
    if (result == MAP_FAILED && errno == EFAULT)
        errno = EINVAL;
    return result;
}
#elif defined(OFFSET_CUT)
void *mmap(void *start, size_t length, int prot, int flags, int fd, off_t offset)
{
    return (void *)syscall(SYS_mmap, start, length, prot, flags, fd, (long)(unsigned)offset);
}
#elif defined(ALWAYS_SUCCEEDS)
int munlock(const void *start, size_t length)
{
    int error = errno;
    syscall(SYS_munlock, start, length);
    errno = error;
    return 0;
}
#elif defined(ERRNO_ON_SUCCESS)
int msync(void *start, size_t length, int flags)
{
    int result = (int)syscall(SYS_msync, start, length, flags);
    if (result == 0)
        errno = 0;
    return result;
}
#elif defined(FLAGS_DROPPED)
int memfd_create(const char *name, unsigned flags)
{
    return (int)syscall(SYS_memfd_create, name, flags & ~MFD_CLOEXEC);
}
#elif defined(OTHER_ADVICE)
int madvise(void *start, size_t length, int advice)
{
    return (int)syscall(SYS_madvise, start, length, advice == MADV_DONTDUMP ? MADV_NORMAL : advice);
}
#elif defined(LENGTH_CUT)
int munmap(void *start, size_t length)
{
    return (int)syscall(SYS_munmap, start, length & ~(size_t)0xfff);
}
#elif defined(NOTHING_DONE)
int munlockall(void)
{
    return 0;
}
#else
#error "which mistake?"
#endif
