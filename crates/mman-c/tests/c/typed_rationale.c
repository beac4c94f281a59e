/* Typed memory: the scenario of POSIX's rationale, and the requirements of its general chapter. docs/typed-memory.md,
 * general-1 to general-5. */
#define HELPER helper
#include "typed.h"

#define LARGE_A "/large/a"
#define LARGE_B "/large/b"
#define LARGE_UNITS 8192

/* A pair of the rationale: where in the pool a fragment is, and how long. */
struct fragment {
	off_t offset;
	size_t length;
};

static unsigned char byte_of(size_t unit)
{
	return (unsigned char)(unit % 251 + 1);
}

/* The other process: another program, started anew, which is handed nothing but the pairs. It maps them in a row through
 * the other port, and looks at the bytes. */
static int helper(char **arguments)
{
	struct fragment fragments[16];
	int in = atoi(arguments[1]), out = atoi(arguments[2]);
	ssize_t length = read(in, fragments, sizeof fragments);
	NEED(length > 0);
	size_t count = (size_t)length / sizeof *fragments, units = 0, at = 0;
	for (size_t index = 0; index < count; index++)
		units += fragments[index].length / page;
	char *room = (char *)mmap(NULL, units * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(room != MAP_FAILED);
	int fd = opened(LARGE_B, 0), same = 1;
	for (size_t index = 0; index < count; index++) {
		char *place = room + at * page;
		NEED(mmap(place, fragments[index].length, RW, MAP_SHARED | MAP_FIXED, fd, fragments[index].offset) == place);
		at += fragments[index].length / page;
	}
	for (size_t unit = 0; unit < units; unit++)
		same &= *(unsigned char *)(room + unit * page) == byte_of(unit);
	fact("general-1-other-process-units", (long)units, 4096);
	fact("general-1-other-process-bytes", same, 1);
	for (size_t unit = 0; unit < units; unit++)
		*(unsigned char *)(room + unit * page + 1) = byte_of(unit + 7);
	char byte = 0;
	NEED(write(out, &byte, 1) == 1 && read(in, &byte, 1) == 1);
	fact("general-1-other-process-keeps", *(unsigned char *)(room + 4095 * page) == byte_of(4095), 1);
	return mismatches != 0;
}

static void general_1(void)
{
	int fixed = opened(LARGE_A, 0), to[2], from[2], status;
	/* What is free: 1024 units, and 3072. */
	mapped(fixed, 2048, 0);
	mapped(fixed, 1024, 3072);
	mapped(fixed, 1024, 7168);
	int fd = opened(LARGE_A, ALLOCATE);
	fact("general-1-free", largest(fd), 4096);
	fact("general-1-longest", free_run(LARGE_A), 3072);
	char *block = (char *)ADDRESS("general-1-allocate", mmap(NULL, 4096 * page, RW, MAP_SHARED, fd, 0), OK);
	for (size_t unit = 0; unit < 4096; unit++)
		*(unsigned char *)(block + unit * page) = byte_of(unit);
	/* The loop of the rationale. */
	struct fragment fragments[16];
	size_t count = 0, done = 0;
	while (done < 4096 * page && count < 16) {
		int which;
		struct fragment *next = &fragments[count++];
		NEED(posix_mem_offset(block + done, 4096 * page - done, &next->offset, &next->length, &which) == 0);
		NEED(which == fd && next->length > 0);
		done += next->length;
	}
	fact("general-1-fragments", (long)count, 2);
	size_t shorter = fragments[0].length < fragments[1].length ? 0 : 1;
	fact("general-1-shorter", (long)(fragments[shorter].length / page), 1024);
	fact("general-1-longer", (long)(fragments[1 - shorter].length / page), 3072);
	fact("general-1-shorter-at", (long)(fragments[shorter].offset / (off_t)page), 2048);
	fact("general-1-longer-at", (long)(fragments[1 - shorter].offset / (off_t)page), 4096);
	/* To the other process. */
	NEED(pipe(to) == 0 && pipe(from) == 0);
	pid_t child = fork();
	NEED(child >= 0);
	if (child == 0) {
		char text[32];
		snprintf(text, sizeof text, "%d", from[1]);
		become_helper("maps", to[0], text);
	}
	char byte = 0;
	NEED(write(to[1], fragments, count * sizeof *fragments) == (ssize_t)(count * sizeof *fragments));
	NEED(read(from[0], &byte, 1) == 1);
	int same = 1;
	for (size_t unit = 0; unit < 4096; unit++)
		same &= *(unsigned char *)(block + unit * page + 1) == byte_of(unit + 7);
	fact("general-1-written-back", same, 1);
	/* The memory stays as long as the other process has it. */
	unmapped(block, 4096);
	fact("general-1-still", largest(fd), 0);
	NEED(write(to[1], &byte, 1) == 1 && waitpid(child, &status, 0) == child);
	fact("general-1-other-process", status, 0);
	fact("general-1-free-again", largest(fd), 4096);
}

/* A name stands for a pool and a port; what is allocated by one port is gone for all. */
static void general_2(void)
{
	int a = opened(PORT_A, ALLOCATE), b = opened(PORT_B, ALLOCATE);
	char *memory = got(a, 100);
	fact("general-2-same-pool", largest(b), UNITS - 100);
	fact("general-2-other-pool", free_units(PORT_PRIVATE), PRIVATE_UNITS);
	unmapped(memory, 100);
	fact("general-2-given-back", largest(b), UNITS);
}

/* For a pool and a port there is allocation, giving back, and mapping where the program says. */
static void general_3(void)
{
	const char *ports[] = {PORT_A, PORT_B, PORT_PRIVATE};
	for (int index = 0; index < 3; index++) {
		int fd = opened(ports[index], ALLOCATE), fixed = opened(ports[index], 0);
		long all = largest(fd);
		char *memory = got(fd, 3), *again = mapped(fixed, 3, first_of(memory));
		fill(memory, 3, 1);
		fact("general-3-same", holds(again, 3, 1), 1);
		unmapped(memory, 3);
		unmapped(again, 3);
		fact("general-3-given-back", largest(fd) == all, 1);
	}
}

/* A pool of a NUMA node: its memory is there. */
static void general_4(void)
{
	/* Whether the kernel has NUMA is asked without the library. */
	int has_numa = syscall(SYS_get_mempolicy, NULL, NULL, 0, NULL, 0) == 0;
	if (!has_numa && errno != ENOSYS) {
		/* A sandbox keeps the calls from the program: then they cannot be had by the library either. */
		skip("general-4", "the right to call get_mempolicy");
		return;
	}
	int fd = posix_typed_mem_open("/node/0", O_RDWR, ALLOCATE);
	if (!has_numa) {
		fact("general-4-no-numa", fd < 0 && errno == ENODEV, 1);
		skip("general-4", "NUMA in the kernel");
		return;
	}
	NEED(fd >= 0);
	long units = largest(fd);
	char *memory = got(fd, units);
	fill(memory, units, 1);
	int node = -1;
	/* get_mempolicy with MPOL_F_NODE | MPOL_F_ADDR: the node of the page at an address. */
	if (syscall(SYS_get_mempolicy, &node, NULL, 0, memory, 3) == 0)
		fact("general-4-node", node, 0);
	else
		skip("general-4-node", "get_mempolicy");
	unmapped(memory, units);
	fact("general-4-given-back", largest(fd), units);
}

/* A pool of huge pages: its units are theirs. The memory is there when mmap succeeds. */
static void general_5(void)
{
	const size_t huge = 2 << 20;
	struct posix_typed_mem_info info;
	int fd = getenv("MMAN_TYPED_HUGE") ? posix_typed_mem_open("/huge/2M", O_RDWR, ALLOCATE) : -1;
	if (!getenv("MMAN_TYPED_HUGE")) {
		skip("general-5", "huge pages of 2 MiB and the right to mount a hugetlbfs");
		return;
	}
	NEED(fd >= 0 && posix_typed_mem_get_info(fd, &info) == 0);
	fact("general-5-all", info.posix_tmi_length == 4 * huge, 1);
	char *memory = (char *)ADDRESS("general-5-one-byte", mmap(NULL, 1, RW, MAP_SHARED, fd, 0), OK);
	fact("general-5-aligned", (uintptr_t)memory % huge == 0, 1);
	NEED(posix_typed_mem_get_info(fd, &info) == 0);
	fact("general-5-a-whole-page", info.posix_tmi_length == 3 * huge, 1);
	memory[huge - 1] = 1;
	STATUS("general-5-part", munmap(memory, page), EINVAL);
	ADDRESS("general-5-offset", mmap(NULL, huge, RW, MAP_SHARED, opened("2M", 0), (off_t)page), EINVAL);
	ADDRESS("general-5-too-much", mmap(NULL, 3 * huge + 1, RW, MAP_SHARED, fd, 0), ENOMEM);
	STATUS("general-5-munmap", munmap(memory, huge), OK);
	NEED(posix_typed_mem_get_info(fd, &info) == 0);
	fact("general-5-given-back", info.posix_tmi_length == 4 * huge, 1);
}

static void test(void)
{
	RUN(general_1);
	RUN(general_2);
	RUN(general_3);
	RUN(general_4);
	RUN(general_5);
}
