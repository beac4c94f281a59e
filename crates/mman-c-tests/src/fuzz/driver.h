/* What the parts of the driver share: the log, the random numbers, and the memory that calls may harm. */
#ifndef DRIVER_H
#define DRIVER_H

#include <stddef.h>
#include <stdint.h>

#define PAGE ((size_t)4096)
#define PAGES(n) ((n) * PAGE)

/* The arena: reserved at the same address in both twins, and the only place where something is replaced. */
#define ARENA ((uintptr_t)0x200000000000)
#define ARENA_SIZE ((size_t)64 << 20)
/* Everything above that the program does not use is walled up, so that the kernel chooses addresses below it,
 * and the same ones in both twins although one of them has a library more. */
#ifdef __aarch64__
#define WALL ((uintptr_t)0xff0000000000)
#define TOP ((uintptr_t)1 << 48)
#else
#define WALL ((uintptr_t)0x7f0000000000)
#define TOP ((uintptr_t)1 << 47)
#endif
/* Where the program itself lies, and its heap: two thirds up. */
#define PROGRAM_FROM (TOP / 3 * 2 & ~(((uintptr_t)1 << 36) - 1))
#define PROGRAM_TO (PROGRAM_FROM + ((uintptr_t)1 << 37))

/* Descriptors with fixed numbers. */
enum {
    FD_DATA = 50, /* a file, read and write */
    FD_MEMFD,
    FD_SEALED, /* a memfd that takes no more writes */
    FD_READ_ONLY,
    FD_WRITE_ONLY,
    FD_PATH,
    FD_DIRECTORY,
    FD_PIPE,
    FD_PIDFD, /* the process itself */
    FD_CLOSED,
};
#define DATA_SIZE (PAGES(16) + 100)

/* driver.c */
extern const char *shm_prefix; /* what names of shared memory objects begin with, without a slash */
extern int is_ours;            /* the library under test is preloaded */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* random.c */
void seed_random(uint64_t seed, uint64_t batch);
uint64_t random_number(void);
uint64_t below(uint64_t limit);
int chance(unsigned percent);
#define PICK(array) ((array)[below(sizeof(array) / sizeof((array)[0]))])

/* calls.c */
void find_calls(void);
void begin_batch(void);
void random_call(unsigned number);

#endif
