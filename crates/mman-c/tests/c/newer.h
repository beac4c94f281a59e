/* What the host's headers and its C library may lack. The numbers are those of Linux on x86-64 and aarch64.
 *
 * With HAVE_HEADER the header of this project is used, which lacks nothing. With HOST a call that the C library lacks
 * is made by syscall(2), as its programs have to; a library that is preloaded then has the call, and it is used. */
#ifndef NEWER_H
#define NEWER_H

#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 3
#endif
#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 8
#endif
#ifndef MAP_SYNC
#define MAP_SYNC 0x80000
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif
#ifndef MFD_HUGETLB
#define MFD_HUGETLB 4
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x10
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef MADV_FREE
#define MADV_FREE 8
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#define MADV_KEEPONFORK 19
#endif
#ifndef MADV_COLD
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif
#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif
#ifndef PKEY_DISABLE_ACCESS
#define PKEY_DISABLE_ACCESS 1
#define PKEY_DISABLE_WRITE 2
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#define F_SEAL_SEAL 1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#define F_SEAL_WRITE 8
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif

#define CALL_PIDFD_OPEN 434
#define CALL_PROCESS_MADVISE 440
#define CALL_MEMFD_SECRET 447
#define CALL_PROCESS_MRELEASE 448
#define CALL_CACHESTAT 451
#define CALL_MAP_SHADOW_STACK 453
#define CALL_MSEAL 462

#ifndef HAVE_HEADER
struct cachestat_range { uint64_t off, len; };
struct cachestat { uint64_t nr_cache, nr_dirty, nr_writeback, nr_evicted, nr_recently_evicted; };
#endif

#ifdef HOST
#define NEWER __attribute__((weak))
#else
#define NEWER
#endif

/* Where a header declares them too, the compiler compares; but C++ would want its noexcept repeated. */
#if !defined HAVE_HEADER || !defined __cplusplus
#ifdef __cplusplus
extern "C" {
#endif
NEWER int memfd_secret(unsigned int flags);
NEWER int mseal(void *address, size_t length, unsigned long flags);
NEWER int cachestat(unsigned int fd, struct cachestat_range *range, struct cachestat *answer, unsigned int flags);
NEWER void *map_shadow_stack(void *address, size_t length, unsigned int flags);
NEWER int process_mrelease(int pidfd, unsigned int flags);
NEWER ssize_t process_madvise(int pidfd, const struct iovec *ranges, size_t count, int advice, unsigned int flags);
NEWER int pkey_alloc(unsigned int flags, unsigned int rights);
NEWER int pkey_free(int key);
NEWER int pkey_mprotect(void *address, size_t length, int protection, int key);
NEWER int pkey_get(int key);
NEWER int pkey_set(int key, unsigned int rights);
#ifdef __cplusplus
}
#endif
#endif

#ifdef HOST
#define OR_CALL(function, number, ...) \
	(function ? function(__VA_ARGS__) : (__typeof__(function(__VA_ARGS__)))syscall(number, __VA_ARGS__))
#define memfd_secret(flags) OR_CALL(memfd_secret, CALL_MEMFD_SECRET, flags)
#define mseal(address, length, flags) OR_CALL(mseal, CALL_MSEAL, address, length, flags)
#define cachestat(fd, range, answer, flags) OR_CALL(cachestat, CALL_CACHESTAT, fd, range, answer, flags)
#define map_shadow_stack(address, length, flags) \
	OR_CALL(map_shadow_stack, CALL_MAP_SHADOW_STACK, address, length, flags)
#define process_mrelease(pidfd, flags) OR_CALL(process_mrelease, CALL_PROCESS_MRELEASE, pidfd, flags)
#define process_madvise(pidfd, ranges, count, advice, flags) \
	OR_CALL(process_madvise, CALL_PROCESS_MADVISE, pidfd, ranges, count, advice, flags)
#define pkey_alloc(flags, rights) OR_CALL(pkey_alloc, SYS_pkey_alloc, flags, rights)
#define pkey_free(key) OR_CALL(pkey_free, SYS_pkey_free, key)
#define pkey_mprotect(address, length, protection, key) \
	OR_CALL(pkey_mprotect, SYS_pkey_mprotect, address, length, protection, key)
/* No calls of the kernel, and musl has none of its own. */
#define HAS_PKEY_REGISTER (pkey_get != NULL)
#else
#define HAS_PKEY_REGISTER 1
#endif

#endif
