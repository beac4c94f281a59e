/*
 * <sys/mman.h> of libmman: POSIX's memory mapping and all that Linux adds to it, for C89 to C23 and for C++.
 *
 * It takes the place of the C library's header, or stands beside it, before or after: both have the guard
 * _SYS_MMAN_H, so that the C library's does nothing once this one was read. What was declared already, by the
 * C library's header or by the kernel's, is left as it is: each constant is defined where it is missing only,
 * and each function is declared as glibc and musl declare it.
 *
 * What a program sees depends on its feature-test macros, as with the C library: the names of POSIX always, the
 * older ones of Linux by default and with _DEFAULT_SOURCE, the rest with _GNU_SOURCE. mman(3) describes all of them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef _MMAN_SYS_MMAN_H
#define _MMAN_SYS_MMAN_H 1

#if !defined __linux__ || !defined __LP64__ || !(defined __x86_64__ || defined __aarch64__)
# error "the <sys/mman.h> of libmman is for Linux on x86-64 and aarch64: the numbers differ elsewhere"
#endif

#include <features.h>

/* Whose names are wanted; <features.h> of glibc has turned the program's macros into __USE_*. */
#ifdef __GLIBC__
# ifdef __USE_MISC
#  define _MMAN_DEFAULT 1
#  define _MMAN_MAP 1
# endif
# ifdef __USE_GNU
#  define _MMAN_GNU 1
# endif
# ifdef __USE_LARGEFILE64
#  define _MMAN_LARGEFILE64 1
# endif
#else
# define _MMAN_MAP 1 /* musl shows MAP_* always */
# if defined _GNU_SOURCE || defined _BSD_SOURCE || defined _DEFAULT_SOURCE
#  define _MMAN_DEFAULT 1
# endif
# ifdef _GNU_SOURCE
#  define _MMAN_GNU 1
# endif
# if defined _GNU_SOURCE || defined _LARGEFILE64_SOURCE
#  define _MMAN_LARGEFILE64 1
# endif
#endif

/* POSIX has MAP_ANON since Issue 8. */
#if defined _MMAN_MAP
# define _MMAN_ANON 1
#elif defined _POSIX_C_SOURCE && _POSIX_C_SOURCE - 0 >= 202405L
# define _MMAN_ANON 1
#elif defined _XOPEN_SOURCE && _XOPEN_SOURCE - 0 >= 800
# define _MMAN_ANON 1
#endif

/* ---- Types: mode_t, off_t and size_t; ssize_t for process_madvise, off64_t for mmap64 ---- */

#ifdef __GLIBC__
# include <bits/types.h>
# define __need_size_t
# include <stddef.h>
# ifndef __mode_t_defined
typedef __mode_t mode_t;
#  define __mode_t_defined
# endif
# ifndef __off_t_defined
#  ifdef __USE_FILE_OFFSET64
typedef __off64_t off_t;
#  else
typedef __off_t off_t;
#  endif
#  define __off_t_defined
# endif
# if defined _MMAN_LARGEFILE64 && !defined __off64_t_defined
typedef __off64_t off64_t;
#  define __off64_t_defined
# endif
# if defined _MMAN_GNU && !defined __ssize_t_defined
typedef __ssize_t ssize_t;
#  define __ssize_t_defined
# endif
#else
# define __NEED_mode_t
# define __NEED_off_t
# define __NEED_size_t
# ifdef _MMAN_GNU
#  define __NEED_ssize_t
# endif
# include <bits/alltypes.h>
# if defined _MMAN_LARGEFILE64 && !defined off64_t
#  define off64_t off_t
# endif
#endif

/*
 * The structs of cachestat. The kernel's <linux/mman.h> has them since 6.5, and C allows them once only: so they
 * come from there where it is new enough, which it is if <asm/unistd.h> of the same package knows the call.
 */
#ifdef _MMAN_GNU
# ifdef __has_include
#  if __has_include(<linux/mman.h>)
#   include <asm/unistd.h>
#   ifdef __NR_cachestat
#    include <linux/mman.h>
#    define _MMAN_HAS_CACHESTAT 1
#   endif
#  endif
# endif
# ifndef _MMAN_HAS_CACHESTAT
#  pragma GCC diagnostic push
#  pragma GCC diagnostic ignored "-Wlong-long" /* C89 and C++98 do not have what the kernel uses */
typedef unsigned long long __mman_u64;
#  pragma GCC diagnostic pop
struct cachestat_range {
	__mman_u64 off;
	__mman_u64 len;
};
struct cachestat {
	__mman_u64 nr_cache;
	__mman_u64 nr_dirty;
	__mman_u64 nr_writeback;
	__mman_u64 nr_evicted;
	__mman_u64 nr_recently_evicted;
};
# endif
struct iovec;
#endif

/* From here on the C library's header does nothing. */
#ifdef _SYS_MMAN_H
# define _MMAN_BESIDE 1
#else
# define _SYS_MMAN_H 1
#endif

/* ---- Protection: mmap, mprotect, pkey_mprotect ---- */

#ifndef PROT_NONE
# define PROT_NONE 0x0
#endif
#ifndef PROT_READ
# define PROT_READ 0x1
#endif
#ifndef PROT_WRITE
# define PROT_WRITE 0x2
#endif
#ifndef PROT_EXEC
# define PROT_EXEC 0x4
#endif

/* mprotect only: to the end of a mapping that grows. */
#ifndef PROT_GROWSDOWN
# define PROT_GROWSDOWN 0x01000000
#endif
#ifndef PROT_GROWSUP
# define PROT_GROWSUP 0x02000000
#endif

#ifdef __aarch64__
/* Branch targets, memory tags. */
# ifndef PROT_BTI
#  define PROT_BTI 0x10
# endif
# ifndef PROT_MTE
#  define PROT_MTE 0x20
# endif
#endif

#ifdef _MMAN_DEFAULT
/* In the kernel's headers; no machine uses it. */
# ifndef PROT_SEM
#  define PROT_SEM 0x8
# endif
#endif

/* ---- Mapping: mmap ---- */

/* What mmap and mremap return for an error. */
#ifndef MAP_FAILED
# define MAP_FAILED ((void *) -1)
#endif

/* Exactly one type, and exactly at the address or not. */
#ifndef MAP_SHARED
# define MAP_SHARED 0x01
#endif
#ifndef MAP_PRIVATE
# define MAP_PRIVATE 0x02
#endif
#ifndef MAP_FIXED
# define MAP_FIXED 0x10
#endif

#ifdef _MMAN_ANON
/* No file: zeros. */
# ifndef MAP_ANONYMOUS
#  define MAP_ANONYMOUS 0x20
# endif
# ifndef MAP_ANON
#  define MAP_ANON MAP_ANONYMOUS
# endif
#endif

#ifdef _MMAN_MAP
/* Further types, and the bits where the type stands. */
# ifndef MAP_SHARED_VALIDATE
#  define MAP_SHARED_VALIDATE 0x03        /* 4.15 */
# endif
# ifndef MAP_DROPPABLE
#  define MAP_DROPPABLE 0x08              /* 6.11 */
# endif
# ifndef MAP_TYPE
#  define MAP_TYPE 0x0f
# endif
# ifndef MAP_FILE
#  define MAP_FILE 0
# endif

/* Flags. */
# ifndef MAP_GROWSDOWN
#  define MAP_GROWSDOWN 0x0100
# endif
# ifndef MAP_DENYWRITE
#  define MAP_DENYWRITE 0x0800            /* ignored */
# endif
# ifndef MAP_EXECUTABLE
#  define MAP_EXECUTABLE 0x1000           /* ignored */
# endif
# ifndef MAP_LOCKED
#  define MAP_LOCKED 0x2000
# endif
# ifndef MAP_NORESERVE
#  define MAP_NORESERVE 0x4000
# endif
# ifndef MAP_POPULATE
#  define MAP_POPULATE 0x008000
# endif
# ifndef MAP_NONBLOCK
#  define MAP_NONBLOCK 0x010000
# endif
# ifndef MAP_STACK
#  define MAP_STACK 0x020000
# endif
# ifndef MAP_HUGETLB
#  define MAP_HUGETLB 0x040000
# endif
# ifndef MAP_SYNC
#  define MAP_SYNC 0x080000               /* 4.15 */
# endif
# ifndef MAP_FIXED_NOREPLACE
#  define MAP_FIXED_NOREPLACE 0x100000    /* 4.17 */
# endif
# ifndef MAP_UNINITIALIZED
#  define MAP_UNINITIALIZED 0x4000000     /* without an MMU */
# endif

# ifdef __x86_64__
/* In the first 2 GiB; above the first 4 GiB. */
#  ifndef MAP_32BIT
#   define MAP_32BIT 0x40
#  endif
#  ifndef MAP_ABOVE4G
#   define MAP_ABOVE4G 0x80               /* 6.6 */
#  endif
# endif

/* With MAP_HUGETLB: log2 of the page size, in six bits. */
# ifndef MAP_HUGE_SHIFT
#  define MAP_HUGE_SHIFT 26
# endif
# ifndef MAP_HUGE_MASK
#  define MAP_HUGE_MASK 0x3f
# endif
# ifndef MAP_HUGE_16KB
#  define MAP_HUGE_16KB (14U << MAP_HUGE_SHIFT)
# endif
# ifndef MAP_HUGE_64KB
#  define MAP_HUGE_64KB (16U << MAP_HUGE_SHIFT)
# endif
# ifndef MAP_HUGE_512KB
#  define MAP_HUGE_512KB (19U << MAP_HUGE_SHIFT)
# endif
# ifndef MAP_HUGE_1MB
#  define MAP_HUGE_1MB (20U << MAP_HUGE_SHIFT)
# endif
# ifndef MAP_HUGE_2MB
#  define MAP_HUGE_2MB (21U << MAP_HUGE_SHIFT)
# endif
# ifndef MAP_HUGE_8MB
#  define MAP_HUGE_8MB (23U << MAP_HUGE_SHIFT)
# endif
# ifndef MAP_HUGE_16MB
#  define MAP_HUGE_16MB (24U << MAP_HUGE_SHIFT)
# endif
# ifndef MAP_HUGE_32MB
#  define MAP_HUGE_32MB (25U << MAP_HUGE_SHIFT)
# endif
# ifndef MAP_HUGE_256MB
#  define MAP_HUGE_256MB (28U << MAP_HUGE_SHIFT)
# endif
# ifndef MAP_HUGE_512MB
#  define MAP_HUGE_512MB (29U << MAP_HUGE_SHIFT)
# endif
# ifndef MAP_HUGE_1GB
#  define MAP_HUGE_1GB (30U << MAP_HUGE_SHIFT)
# endif
# ifndef MAP_HUGE_2GB
#  define MAP_HUGE_2GB (31U << MAP_HUGE_SHIFT)
# endif
# ifndef MAP_HUGE_16GB
#  define MAP_HUGE_16GB (34U << MAP_HUGE_SHIFT)
# endif
#endif

/* ---- Synchronizing: msync ---- */

#ifndef MS_ASYNC
# define MS_ASYNC 1
#endif
#ifndef MS_INVALIDATE
# define MS_INVALIDATE 2
#endif
#ifndef MS_SYNC
# define MS_SYNC 4
#endif

/* ---- Locking: mlockall, mlock2 ---- */

#ifndef MCL_CURRENT
# define MCL_CURRENT 1
#endif
#ifndef MCL_FUTURE
# define MCL_FUTURE 2
#endif
#ifndef MCL_ONFAULT
# define MCL_ONFAULT 4                    /* 4.4 */
#endif

#ifdef _MMAN_GNU
# ifndef MLOCK_ONFAULT
#  define MLOCK_ONFAULT 0x01              /* 4.4 */
# endif
#endif

/* ---- Typed memory: posix_typed_mem_open; at most one of them ---- */

/* What mmap allocates: in pieces, or in one; or nothing at all, of what is allocated or not. */
#ifndef POSIX_TYPED_MEM_ALLOCATE
# define POSIX_TYPED_MEM_ALLOCATE 1
#endif
#ifndef POSIX_TYPED_MEM_ALLOCATE_CONTIG
# define POSIX_TYPED_MEM_ALLOCATE_CONTIG 2
#endif
#ifndef POSIX_TYPED_MEM_MAP_ALLOCATABLE
# define POSIX_TYPED_MEM_MAP_ALLOCATABLE 4
#endif

/* What posix_typed_mem_get_info tells. */
struct posix_typed_mem_info {
	size_t posix_tmi_length; /* the largest allocation that would succeed now, in bytes */
};

/* ---- Advice: posix_madvise, and madvise and process_madvise ---- */

#ifndef POSIX_MADV_NORMAL
# define POSIX_MADV_NORMAL 0
#endif
#ifndef POSIX_MADV_RANDOM
# define POSIX_MADV_RANDOM 1
#endif
#ifndef POSIX_MADV_SEQUENTIAL
# define POSIX_MADV_SEQUENTIAL 2
#endif
#ifndef POSIX_MADV_WILLNEED
# define POSIX_MADV_WILLNEED 3
#endif
#ifndef POSIX_MADV_DONTNEED
# define POSIX_MADV_DONTNEED 4
#endif

#ifdef _MMAN_DEFAULT
/* How the range will be used. */
# ifndef MADV_NORMAL
#  define MADV_NORMAL 0
# endif
# ifndef MADV_RANDOM
#  define MADV_RANDOM 1
# endif
# ifndef MADV_SEQUENTIAL
#  define MADV_SEQUENTIAL 2
# endif
# ifndef MADV_WILLNEED
#  define MADV_WILLNEED 3
# endif

/* These drop bytes: at once, when memory is short, from the object too, of locked pages too. */
# ifndef MADV_DONTNEED
#  define MADV_DONTNEED 4
# endif
# ifndef MADV_FREE
#  define MADV_FREE 8                     /* 4.5 */
# endif
# ifndef MADV_REMOVE
#  define MADV_REMOVE 9
# endif
# ifndef MADV_DONTNEED_LOCKED
#  define MADV_DONTNEED_LOCKED 24         /* 5.18 */
# endif

/* What a child gets. */
# ifndef MADV_DONTFORK
#  define MADV_DONTFORK 10
# endif
# ifndef MADV_DOFORK
#  define MADV_DOFORK 11
# endif
# ifndef MADV_WIPEONFORK
#  define MADV_WIPEONFORK 18              /* 4.14 */
# endif
# ifndef MADV_KEEPONFORK
#  define MADV_KEEPONFORK 19              /* 4.14 */
# endif

/* Equal pages merged; huge pages; core dumps. */
# ifndef MADV_MERGEABLE
#  define MADV_MERGEABLE 12
# endif
# ifndef MADV_UNMERGEABLE
#  define MADV_UNMERGEABLE 13
# endif
# ifndef MADV_HUGEPAGE
#  define MADV_HUGEPAGE 14
# endif
# ifndef MADV_NOHUGEPAGE
#  define MADV_NOHUGEPAGE 15
# endif
# ifndef MADV_COLLAPSE
#  define MADV_COLLAPSE 25                /* 6.1 */
# endif
# ifndef MADV_DONTDUMP
#  define MADV_DONTDUMP 16
# endif
# ifndef MADV_DODUMP
#  define MADV_DODUMP 17
# endif

/* Out of memory, and into it. */
# ifndef MADV_COLD
#  define MADV_COLD 20                    /* 5.4 */
# endif
# ifndef MADV_PAGEOUT
#  define MADV_PAGEOUT 21                 /* 5.4 */
# endif
# ifndef MADV_POPULATE_READ
#  define MADV_POPULATE_READ 22           /* 5.14 */
# endif
# ifndef MADV_POPULATE_WRITE
#  define MADV_POPULATE_WRITE 23          /* 5.14 */
# endif

/* Guards: a touch is SIGSEGV. */
# ifndef MADV_GUARD_INSTALL
#  define MADV_GUARD_INSTALL 102          /* 6.13 */
# endif
# ifndef MADV_GUARD_REMOVE
#  define MADV_GUARD_REMOVE 103           /* 6.13 */
# endif

/* Broken memory, for tests and for repair. */
# ifndef MADV_HWPOISON
#  define MADV_HWPOISON 100
# endif
# ifndef MADV_SOFT_OFFLINE
#  define MADV_SOFT_OFFLINE 101
# endif
#endif

#ifdef _MMAN_GNU
/* ---- Moving: mremap ---- */

# ifndef MREMAP_MAYMOVE
#  define MREMAP_MAYMOVE 1
# endif
# ifndef MREMAP_FIXED
#  define MREMAP_FIXED 2
# endif
# ifndef MREMAP_DONTUNMAP
#  define MREMAP_DONTUNMAP 4              /* 5.7 */
# endif

/* ---- Memory objects: memfd_create; memfd_secret takes O_CLOEXEC of <fcntl.h> ---- */

# ifndef MFD_CLOEXEC
#  define MFD_CLOEXEC 0x0001U
# endif
# ifndef MFD_ALLOW_SEALING
#  define MFD_ALLOW_SEALING 0x0002U
# endif
# ifndef MFD_HUGETLB
#  define MFD_HUGETLB 0x0004U             /* 4.14 */
# endif
# ifndef MFD_NOEXEC_SEAL
#  define MFD_NOEXEC_SEAL 0x0008U         /* 6.3 */
# endif
# ifndef MFD_EXEC
#  define MFD_EXEC 0x0010U                /* 6.3 */
# endif

/* With MFD_HUGETLB: log2 of the page size, in six bits. */
# ifndef MFD_HUGE_SHIFT
#  define MFD_HUGE_SHIFT 26
# endif
# ifndef MFD_HUGE_MASK
#  define MFD_HUGE_MASK 0x3f
# endif
# ifndef MFD_HUGE_64KB
#  define MFD_HUGE_64KB (16U << MFD_HUGE_SHIFT)
# endif
# ifndef MFD_HUGE_512KB
#  define MFD_HUGE_512KB (19U << MFD_HUGE_SHIFT)
# endif
# ifndef MFD_HUGE_1MB
#  define MFD_HUGE_1MB (20U << MFD_HUGE_SHIFT)
# endif
# ifndef MFD_HUGE_2MB
#  define MFD_HUGE_2MB (21U << MFD_HUGE_SHIFT)
# endif
# ifndef MFD_HUGE_8MB
#  define MFD_HUGE_8MB (23U << MFD_HUGE_SHIFT)
# endif
# ifndef MFD_HUGE_16MB
#  define MFD_HUGE_16MB (24U << MFD_HUGE_SHIFT)
# endif
# ifndef MFD_HUGE_32MB
#  define MFD_HUGE_32MB (25U << MFD_HUGE_SHIFT)
# endif
# ifndef MFD_HUGE_256MB
#  define MFD_HUGE_256MB (28U << MFD_HUGE_SHIFT)
# endif
# ifndef MFD_HUGE_512MB
#  define MFD_HUGE_512MB (29U << MFD_HUGE_SHIFT)
# endif
# ifndef MFD_HUGE_1GB
#  define MFD_HUGE_1GB (30U << MFD_HUGE_SHIFT)
# endif
# ifndef MFD_HUGE_2GB
#  define MFD_HUGE_2GB (31U << MFD_HUGE_SHIFT)
# endif
# ifndef MFD_HUGE_16GB
#  define MFD_HUGE_16GB (34U << MFD_HUGE_SHIFT)
# endif

/* ---- Protection keys: pkey_alloc, pkey_set, pkey_get ---- */

# ifndef PKEY_UNRESTRICTED
#  define PKEY_UNRESTRICTED 0x0
# endif
# ifndef PKEY_DISABLE_ACCESS
#  define PKEY_DISABLE_ACCESS 0x1
# endif
# ifndef PKEY_DISABLE_WRITE
#  define PKEY_DISABLE_WRITE 0x2
# endif
# ifdef __aarch64__
#  ifndef PKEY_DISABLE_EXECUTE
#   define PKEY_DISABLE_EXECUTE 0x4
#  endif
#  ifndef PKEY_DISABLE_READ
#   define PKEY_DISABLE_READ 0x8
#  endif
#  ifndef PKEY_ACCESS_MASK
#   define PKEY_ACCESS_MASK (PKEY_DISABLE_ACCESS | PKEY_DISABLE_WRITE | PKEY_DISABLE_READ | PKEY_DISABLE_EXECUTE)
#  endif
# else
#  ifndef PKEY_ACCESS_MASK
#   define PKEY_ACCESS_MASK (PKEY_DISABLE_ACCESS | PKEY_DISABLE_WRITE)
#  endif
# endif

/* ---- Shadow stacks: map_shadow_stack ---- */

# ifndef SHADOW_STACK_SET_TOKEN
#  define SHADOW_STACK_SET_TOKEN 0x1
# endif
# ifndef SHADOW_STACK_SET_MARKER
#  define SHADOW_STACK_SET_MARKER 0x2     /* aarch64 */
# endif

/* ---- What vm.overcommit_memory holds ---- */

# ifndef OVERCOMMIT_GUESS
#  define OVERCOMMIT_GUESS 0
# endif
# ifndef OVERCOMMIT_ALWAYS
#  define OVERCOMMIT_ALWAYS 1
# endif
# ifndef OVERCOMMIT_NEVER
#  define OVERCOMMIT_NEVER 2
# endif
#endif

/* ---- Functions ---- */

/* glibc promises that all but the cancellation point and shm_* throw nothing; both promises have to be the same. */
#ifdef __GLIBC__
# define _MMAN_NOTHROW __THROW
#else
# define _MMAN_NOTHROW
#endif

/* Beside the C library's header most of these are said a second time, in the same words. */
#ifdef _MMAN_BESIDE
# pragma GCC diagnostic push
# pragma GCC diagnostic ignored "-Wredundant-decls"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Mapping. */
extern void *mmap(void *__addr, size_t __len, int __prot, int __flags, int __fd, off_t __offset) _MMAN_NOTHROW;
extern int munmap(void *__addr, size_t __len) _MMAN_NOTHROW;
extern int mprotect(void *__addr, size_t __len, int __prot) _MMAN_NOTHROW;
extern int msync(void *__addr, size_t __len, int __flags);

/* The same as mmap: off_t has 64 bits. In musl's header it is a macro. */
#if defined _MMAN_LARGEFILE64 && !defined mmap64
extern void *mmap64(void *__addr, size_t __len, int __prot, int __flags, int __fd, off64_t __offset) _MMAN_NOTHROW;
#endif

/* Locking. */
extern int mlock(const void *__addr, size_t __len) _MMAN_NOTHROW;
extern int munlock(const void *__addr, size_t __len) _MMAN_NOTHROW;
extern int mlockall(int __flags) _MMAN_NOTHROW;
extern int munlockall(void) _MMAN_NOTHROW;

/* Advice that harms nothing. It returns the error number. */
extern int posix_madvise(void *__addr, size_t __len, int __advice) _MMAN_NOTHROW;

/* Typed memory objects. The last two return the error number. */
extern int posix_typed_mem_open(const char *__name, int __oflag, int __tflag);
extern int posix_typed_mem_get_info(int __fd, struct posix_typed_mem_info *__info) _MMAN_NOTHROW;
extern int posix_mem_offset(const void *__restrict __addr, size_t __len, off_t *__restrict __off,
			    size_t *__restrict __contig_len, int *__restrict __fd) _MMAN_NOTHROW;

/* Shared memory objects. */
extern int shm_open(const char *__name, int __oflag, mode_t __mode);
extern int shm_unlink(const char *__name);

#ifdef _MMAN_DEFAULT
/* Linux's advice, and what is in memory. */
extern int madvise(void *__addr, size_t __len, int __advice) _MMAN_NOTHROW;
extern int mincore(void *__addr, size_t __len, unsigned char *__vec) _MMAN_NOTHROW;
#endif

#ifdef _MMAN_GNU
/* Moving. The last argument of mremap is a `void *`, for MREMAP_FIXED and MREMAP_DONTUNMAP. */
extern void *mremap(void *__addr, size_t __old_len, size_t __new_len, int __flags, ...) _MMAN_NOTHROW;
extern int remap_file_pages(void *__addr, size_t __len, int __prot, size_t __pgoff, int __flags) _MMAN_NOTHROW;

/* Memory objects without a name, and secret ones. */
extern int memfd_create(const char *__name, unsigned int __flags) _MMAN_NOTHROW;
extern int memfd_secret(unsigned int __flags) _MMAN_NOTHROW;

/* Locking each page when it is touched. */
extern int mlock2(const void *__addr, size_t __len, unsigned int __flags) _MMAN_NOTHROW;

/* Protection keys. */
extern int pkey_alloc(unsigned int __flags, unsigned int __rights) _MMAN_NOTHROW;
extern int pkey_free(int __key) _MMAN_NOTHROW;
extern int pkey_mprotect(void *__addr, size_t __len, int __prot, int __key) _MMAN_NOTHROW;
extern int pkey_get(int __key) _MMAN_NOTHROW;
extern int pkey_set(int __key, unsigned int __rights) _MMAN_NOTHROW;

/* Other processes, by their descriptors. */
extern ssize_t process_madvise(int __pidfd, const struct iovec *__iov, size_t __count, int __advice,
			       unsigned int __flags) _MMAN_NOTHROW;
extern int process_mrelease(int __pidfd, unsigned int __flags) _MMAN_NOTHROW;

/* Sealing, the page cache, shadow stacks. */
extern int mseal(void *__addr, size_t __len, unsigned long __flags) _MMAN_NOTHROW;
extern int cachestat(unsigned int __fd, struct cachestat_range *__range, struct cachestat *__stat,
		     unsigned int __flags) _MMAN_NOTHROW;
extern void *map_shadow_stack(void *__addr, size_t __len, unsigned int __flags) _MMAN_NOTHROW;
#endif

#ifdef __cplusplus
}
#endif

#ifdef _MMAN_BESIDE
# pragma GCC diagnostic pop
#endif

#endif
