/* mremap with four arguments: what stands where the fifth would be is garbage, and goes nowhere unless a flag says
 * that it was given. A filter traps the system call, and a handler reads the argument that it would have had. */
#include "check.h"
#include <sys/prctl.h>
#include <ucontext.h>

#define GARBAGE 0x4142434445464748

/* `void *four(void *old, size_t old_length, size_t new_length, int flags)` calls mremap with these and garbage in the
 * fifth register, as a caller of a function with a variable argument list may leave it. */
#if defined __x86_64__
__asm__(".text\n"
        ".type four, @function\n"
        "four:\n"
        "	movabs $0x4142434445464748, %r8\n"
        "	xor %eax, %eax\n"
        "	jmp mremap@PLT\n"
        ".size four, . - four\n");
#define FIFTH(context) ((context)->uc_mcontext.gregs[REG_R8])
#define ANSWER(context) ((context)->uc_mcontext.gregs[REG_RAX])
#elif defined __aarch64__
__asm__(".text\n"
        ".type four, @function\n"
        "four:\n"
        "	movz x4, #0x4748\n"
        "	movk x4, #0x4546, lsl #16\n"
        "	movk x4, #0x4344, lsl #32\n"
        "	movk x4, #0x4142, lsl #48\n"
        "	b mremap\n"
        ".size four, . - four\n");
#define FIFTH(context) ((context)->uc_mcontext.regs[4])
#define ANSWER(context) ((context)->uc_mcontext.regs[0])
#endif
extern void *four(void *old, size_t old_length, size_t new_length, int flags);

static volatile uint64_t fifth;

static void trapped(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	fifth = FIFTH((ucontext_t *)context);
	ANSWER((ucontext_t *)context) = -EXDEV;
}

struct instruction { uint16_t code; uint8_t yes, no; uint32_t value; };
struct filter { unsigned short length; struct instruction *first; };

/* mremap raises SIGSYS, everything else goes on (linux/filter.h, linux/seccomp.h). */
static int trap_mremap(void)
{
	static struct instruction rules[4] = {
		{0x20, 0, 0, 0}, {0x15, 0, 1, SYS_mremap}, {0x06, 0, 0, 0x00030000}, {0x06, 0, 0, 0x7fff0000}};
	static struct filter filter = {4, rules};
	static struct sigaction action;
	action.sa_sigaction = trapped;
	action.sa_flags = SA_SIGINFO;
	return sigaction(SIGSYS, &action, NULL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
	       && prctl(PR_SET_SECCOMP, 2, &filter, 0, 0) == 0;
}

static void seen(const char *name, void *answer, uint64_t wanted)
{
	NEED(answer == MAP_FAILED && errno == EXDEV);
	fact(name, fifth == wanted, 1);
	fifth = 1;
}

static void arguments(void)
{
	char *memory = pages(1, MAP_PRIVATE);
	if (!trap_mremap()) {
		skip("mremap-garbage", "seccomp");
		return;
	}
	void *place = (void *)(uintptr_t)(page * 4096);
	seen("mremap-garbage-in-place", four(memory, page, page, 0), 0);
	seen("mremap-garbage-maymove", four(memory, page, page, MREMAP_MAYMOVE), 0);
	seen("mremap-fifth-without-flag", mremap(memory, page, page, MREMAP_MAYMOVE, place), 0);
	seen("mremap-fifth-fixed", mremap(memory, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, place), (uintptr_t)place);
	seen("mremap-fifth-dontunmap", mremap(memory, page, page, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, place),
	     (uintptr_t)place);
	seen("mremap-fifth-both",
	     mremap(memory, page, page, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, place), (uintptr_t)place);
}

static void test(void)
{
	/* That the call itself works with garbage. */
	char *memory = pages(2, MAP_PRIVATE);
	memory[0] = 7;
	char *moved = ADDRESS("mremap-four-arguments-grows", four(memory, 2 * page, 64 * page, MREMAP_MAYMOVE), OK);
	fact("mremap-four-arguments-keeps-bytes", moved[0], 7);
	char *same = ADDRESS("mremap-four-arguments-shrinks", four(moved, 64 * page, page, 0), OK);
	fact("mremap-four-arguments-in-place", same == moved, 1);
	drop(moved, 1);
	in_child("mremap-garbage-child", arguments);
}
