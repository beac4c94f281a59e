/* Calls before main: nothing of the library or of the C library may have to be ready but the thread's errno. */
#include "check.h"

static char *first, *second;
static int first_error, second_error;
static unsigned char there[1] = {9};

static char *before_main(int *error)
{
	char *memory = mmap(NULL, 4096 * 16, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	memory[0] = 7;
	if (mprotect(memory + 65536 - 4096, 1, PROT_READ) == 0 && madvise(memory, 4096, MADV_NORMAL) == 0)
		memory[1] = 8;
	errno = 0;
	if (mmap(NULL, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		*error = errno;
	mincore(memory, 1, there);
	return memory;
}

/* Before the constructors of the libraries, of the program itself; glibc alone has it. */
#if defined __GLIBC__ && !defined STATIC
static void preinit(void) { first = before_main(&first_error); }
__attribute__((section(".preinit_array"), used)) static void (*const preinit_entry)(void) = preinit;
#else
__attribute__((constructor(101))) static void preinit(void) { first = before_main(&first_error); }
#endif

__attribute__((constructor)) static void constructor(void) { second = before_main(&second_error); }

static void test(void)
{
	fact("early-preinit-maps", first != NULL && first[0] * 10 + first[1] == 78, 1);
	fact("early-preinit-errno", first_error == EINVAL, 1);
	fact("early-constructor-maps", second != NULL && second[0] * 10 + second[1] == 78, 1);
	fact("early-constructor-errno", second_error == EINVAL, 1);
	fact("early-mincore", there[0] & 1, 1);
	STATUS("early-munmap", munmap(first, 4096 * 16), OK);
	STATUS("early-munmap-second", munmap(second, 4096 * 16), OK);
}
