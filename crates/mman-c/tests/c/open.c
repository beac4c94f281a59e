/* The library opened at run time, beside the C library's functions: usage: PROGRAM LIBRARY FUNCTION... */
#define CHECK_NO_MAIN
#include "check.h"
#include <dlfcn.h>

typedef void *(*map_function)(void *, size_t, int, int, int, off_t);
typedef int (*unmap_function)(void *, size_t);

static void test(void) {}

int main(int count, char **arguments)
{
	if (count < 3)
		return 2;
	page = sysconf(_SC_PAGESIZE);
	void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		say(1, "MISMATCH %s\n", dlerror());
		return 1;
	}
	for (int index = 2; index < count; index++)
		fact(arguments[index], dlsym(library, arguments[index]) != NULL, 1);
	void *map = dlsym(library, "mmap"), *unmap = dlsym(library, "munmap");
	fact("open-is-another-mmap", map != (void *)(uintptr_t)mmap, 1);
	/* The errno is that of the program. */
	ADDRESS("open-refused", ((map_function)(uintptr_t)map)(NULL, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
	char *memory = ADDRESS("open-maps", ((map_function)(uintptr_t)map)(NULL, page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), OK);
	memory[0] = 7;
	STATUS("open-unmaps", ((unmap_function)(uintptr_t)unmap)(memory, page), OK);
	fact("open-closes", dlclose(library), 0);
	(void)test;
	return mismatches != 0;
}
