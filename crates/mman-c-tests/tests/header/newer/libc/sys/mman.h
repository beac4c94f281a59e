/*
 * glibc's <sys/mman.h> with what later versions add to the one that is installed, as they say it: another form
 * of the same number, a struct instead of its name, a further attribute.
 */
#ifndef _SYS_MMAN_H
#include_next <sys/mman.h>
#ifdef __USE_MISC
# define MAP_DROPPABLE	0x08
# define MADV_COLLAPSE	 25
# define MADV_GUARD_INSTALL 102
# define MADV_GUARD_REMOVE 103
# ifdef __x86_64__
#  define MAP_ABOVE4G	0x80
# endif
#endif
#ifdef __USE_GNU
# include <sys/uio.h>
# define MFD_NOEXEC_SEAL 8U
# define MFD_EXEC 0x10U
# define PKEY_UNRESTRICTED 0x0
__BEGIN_DECLS
extern int mlock2 (const void *__addr, size_t __length, unsigned int __flags) __THROW
  __attribute__ ((__access__ (__none__, 1)));
extern int mseal (void *__addr, size_t __len, unsigned long int __flags) __THROW;
extern int memfd_secret (unsigned int __flags) __THROW;
__END_DECLS
#endif
#endif
