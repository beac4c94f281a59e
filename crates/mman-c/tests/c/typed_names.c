/* Typed memory: what the header has to name, by itself. docs/typed-memory.md, names-1 to names-6. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/mman.h>

/* Before any other header. */
static const mode_t a_mode = 0600;
static const off_t an_offset = 1;
static const size_t a_size = sizeof(struct posix_typed_mem_info);

#if !POSIX_TYPED_MEM_ALLOCATE || !POSIX_TYPED_MEM_ALLOCATE_CONTIG || !POSIX_TYPED_MEM_MAP_ALLOCATABLE
#error "a flag is 0"
#endif

/* Whether the header has macros of the functions' names. */
#if defined posix_typed_mem_open || defined posix_typed_mem_get_info || defined posix_mem_offset
#define MACROS 1
#else
#define MACROS 0
#endif

/* Functions that are declared, of exactly these types. */
static int (*const open_it)(const char *, int, int) = posix_typed_mem_open;
static int (*const ask_it)(int, struct posix_typed_mem_info *) = posix_typed_mem_get_info;
static int (*const find_it)(const void *restrict, size_t, off_t *restrict, size_t *restrict, int *restrict) =
	posix_mem_offset;

#include "typed.h"

static void names_1(void)
{
	int flags[] = {POSIX_TYPED_MEM_ALLOCATE, POSIX_TYPED_MEM_ALLOCATE_CONTIG, POSIX_TYPED_MEM_MAP_ALLOCATABLE};
	int seen = 0, shared = 0;
	for (int index = 0; index < 3; index++) {
		shared |= seen & flags[index];
		seen |= flags[index];
	}
	fact("names-1-bits-of-their-own", shared, 0);
	/* Where a constant expression is wanted. */
	switch (seen) {
	case POSIX_TYPED_MEM_ALLOCATE | POSIX_TYPED_MEM_ALLOCATE_CONTIG | POSIX_TYPED_MEM_MAP_ALLOCATABLE:
		fact("names-1-constants", 1, 1);
		break;
	default:
		fact("names-1-constants", 0, 1);
	}
}

static void names_2(void)
{
	struct posix_typed_mem_info info = {0};
	int is_size = _Generic(&info.posix_tmi_length, size_t *: 1, default: 0);
	fact("names-2-size_t", is_size, 1);
	fact("names-2-fits", a_size >= offsetof(struct posix_typed_mem_info, posix_tmi_length) + sizeof(size_t), 1);
}

static void names_3(void)
{
	off_t offset;
	size_t length;
	int fd;
	struct posix_typed_mem_info info;
	NUMBER("names-3-open", open_it("/no/such/port", O_RDWR, 0), ENOENT);
	RETURNED("names-3-info", ask_it(-1, &info), EBADF);
	RETURNED("names-3-offset", find_it(NULL, 1, &offset, &length, &fd), EACCES);
	fact("names-3-macros", MACROS, 0);
	/* A macro of the name would be allowed; the function has to be there below it. */
	NUMBER("names-3-below-a-macro", (posix_typed_mem_open)("/no/such/port", O_RDWR, 0), ENOENT);
}

static void names_4(void)
{
	fact("names-4-types", a_mode == 0600 && an_offset == 1 && a_size != 0, 1);
}

static void names_5(void)
{
	/* The C library's to say: it knows of none. */
	errno = SENTINEL;
	fact("names-5-sysconf", sysconf(_SC_TYPED_MEMORY_OBJECTS), -1);
	fact("names-5-knows-the-name", errno, SENTINEL);
#if defined _POSIX_TYPED_MEMORY_OBJECTS
	fact("names-5-option", _POSIX_TYPED_MEMORY_OBJECTS + 0, -1);
#else
	fact("names-5-option", -1, -1);
#endif
}

static void names_6(void)
{
	struct stat status;
	int is_type = 0, fd = opened(PORT_A, 0);
	NEED(fstat(fd, &status) == 0);
#ifdef S_TYPEISTMO
	is_type = S_TYPEISTMO(&status);
#endif
	fact("names-6-type-of-its-own", is_type, 0);
	fact("names-6-regular", S_ISREG(status.st_mode), 1);
}

static void test(void)
{
	RUN(names_1);
	RUN(names_2);
	RUN(names_3);
	RUN(names_4);
	RUN(names_5);
	RUN(names_6);
}
