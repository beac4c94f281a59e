/* pkey_alloc, pkey_free, pkey_mprotect, pkey_get, pkey_set: with keys in the processor or without. */
#include "check.h"

static int has_keys(void)
{
	pid_t child = fork();
	NEED(child >= 0);
	/* In a child: a kernel that finds no keys in the processor answers differently the next time. */
	if (child == 0)
		_exit(syscall(SYS_pkey_alloc, 0, 0) < 0);
	int status;
	NEED(waitpid(child, &status, 0) == child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void protecting(void)
{
	char *memory = pages(2, MAP_PRIVATE);
	STATUS("pkey_mprotect-minus-1", pkey_mprotect(memory + page, page, PROT_READ, -1), OK);
	fact("pkey_mprotect-minus-1-is-mprotect", touch(memory + page, 1), SIGSEGV);
	STATUS("pkey_mprotect-unaligned", pkey_mprotect(memory + 1, page, PROT_READ, -1), EINVAL);
	STATUS("pkey_mprotect-unknown-bit", pkey_mprotect(memory, page, 0x4000000, -1), EINVAL);
	STATUS("pkey_mprotect-null", pkey_mprotect(NULL, page, PROT_READ, -1), ENOMEM);
	STATUS("pkey_mprotect-garbage", pkey_mprotect((void *)(1ul << 63), page, PROT_READ, -1), ENOMEM);
	STATUS("pkey_mprotect-length-0", pkey_mprotect(memory, 0, PROT_READ, -1), OK);
	STATUS("pkey_mprotect-not-allocated", pkey_mprotect(memory, page, PROT_READ, 15), EINVAL);
	STATUS("pkey_mprotect-large-key", pkey_mprotect(memory, page, PROT_READ, 4711), EINVAL);
	STATUS("pkey_mprotect-minus-2", pkey_mprotect(memory, page, PROT_READ, -2), EINVAL);
	STATUS("pkey_mprotect-int-min", pkey_mprotect(memory, page, PROT_READ, INT32_MIN), EINVAL);
	fact("pkey_mprotect-refused-changes-nothing", touch(memory, 1), 0);
	drop(memory, 2);
	STATUS("pkey_mprotect-unmapped", pkey_mprotect(memory, page, PROT_READ, -1), ENOMEM);
}

static void sealed(void)
{
	char *memory = pages(1, MAP_PRIVATE);
	if (syscall(CALL_MSEAL, memory, page, 0) != 0)
		skip("pkey_mprotect-sealed", "Linux 6.10");
	else
		STATUS("pkey_mprotect-sealed", pkey_mprotect(memory, page, PROT_READ, -1), EPERM);
}

static void allocating(void)
{
	/* Where the kernel was built without keys, or the processor has none, the errno is the machine's. */
	NUMBER("pkey_alloc-flag", pkey_alloc(1, 0), ANY);
	NUMBER("pkey_alloc-unknown-right", pkey_alloc(0, 0x80), ANY);
	STATUS("pkey_free-not-allocated", pkey_free(15), ANY);
	STATUS("pkey_free-large-key", pkey_free(4711), ANY);
	STATUS("pkey_free-minus-1", pkey_free(-1), ANY);
	NUMBER("pkey_alloc-first", pkey_alloc(0, 0), ANY);
	NUMBER("pkey_alloc-second", pkey_alloc(0, PKEY_DISABLE_WRITE), ANY);
	for (int index = 0; index < 16; index++)
		pkey_alloc(0, 0);
	NUMBER("pkey_alloc-none-left", pkey_alloc(0, 0), ANY);
}

#ifdef HOST
#define REGISTER_CASE(name) if (!HAS_PKEY_REGISTER) { skip(name, "pkey_get in the C library"); return; }
#else
#define REGISTER_CASE(name)
#endif

/* Each in a child: glibc executes the instruction also where the processor lacks it. */
static void get_key_0(void) { REGISTER_CASE("pkey_get-key-0") NUMBER("pkey_get-key-0", pkey_get(0), has_keys() ? OK : ENOSYS); }
static void get_key_15(void) { REGISTER_CASE("pkey_get-key-15") NUMBER("pkey_get-key-15", pkey_get(15), has_keys() ? OK : ENOSYS); }
static void set_key_1(void) { REGISTER_CASE("pkey_set-key-1") STATUS("pkey_set-key-1", pkey_set(1, 0), has_keys() ? OK : ENOSYS); }

static void outside(void)
{
	REGISTER_CASE("pkey_get-outside")
	/* The register has room for sixteen keys: others are refused whether there is a register or not. */
	NUMBER("pkey_get-16", pkey_get(16), EINVAL);
	NUMBER("pkey_get-minus-1", pkey_get(-1), EINVAL);
	NUMBER("pkey_get-int-min", pkey_get(INT32_MIN), EINVAL);
	STATUS("pkey_set-16", pkey_set(16, 0), EINVAL);
	STATUS("pkey_set-minus-1", pkey_set(-1, 0), EINVAL);
	STATUS("pkey_set-unknown-right", pkey_set(1, 4), EINVAL);
	STATUS("pkey_set-all-rights", pkey_set(1, (unsigned)-1), EINVAL);
}

static void rights(void)
{
	if (!has_keys()) {
		skip("pkey-rights", "protection keys in the processor");
		return;
	}
	int key = NUMBER("pkey_alloc", pkey_alloc(0, PKEY_DISABLE_WRITE), OK);
	fact("pkey_get-initial", pkey_get(key), PKEY_DISABLE_WRITE);
	STATUS("pkey_set", pkey_set(key, PKEY_DISABLE_ACCESS), OK);
	fact("pkey_get-after-set", pkey_get(key), PKEY_DISABLE_ACCESS);
	char *memory = pages(1, MAP_PRIVATE);
	STATUS("pkey_mprotect", pkey_mprotect(memory, page, RW, key), OK);
	fact("pkey-denied-touch", touch(memory, 0), SIGSEGV);
	STATUS("pkey_set-unrestricted", pkey_set(key, 0), OK);
	fact("pkey-allowed-touch", touch(memory, 1), 0);
	drop(memory, 1);
	STATUS("pkey_free", pkey_free(key), OK);
	STATUS("pkey_free-again", pkey_free(key), EINVAL);
	NUMBER("pkey_alloc-flag-with-keys", pkey_alloc(1, 0), EINVAL);
	NUMBER("pkey_alloc-unknown-right-with-keys", pkey_alloc(0, 0x80), EINVAL);
}

static void test(void)
{
	protecting();
	in_child("pkey_mprotect-sealed-child", sealed);
	in_child("pkey_alloc-child", allocating);
	in_child("pkey_get-key-0", get_key_0);
	in_child("pkey_get-key-15", get_key_15);
	in_child("pkey_set-key-1", set_key_1);
	in_child("pkey-outside", outside);
	rights();
}
