/* Random arguments: mostly such as make sense, some of them wrong in one place. */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include "driver.h"

/* An address, and how far what lies there may be harmed: no call may reach the memory the driver lives in. */
struct place {
    uintptr_t start;
    size_t room;
};

/* How a call takes a length that leaves the room. */
enum reach {
    WRAPS_ONLY,   /* it would go on behind holes: only what wraps around is refused at once */
    BEYOND_SPACE, /* it refuses what reaches beyond the address space */
};

void forget_slots(void);
/* The memory that the kernel chose a place for is used again by later calls. */
void remember(uintptr_t start, size_t length);

struct place any_place(void);
struct place arena_place(void);
size_t any_length(struct place place, enum reach reach);
size_t map_length(struct place place, int fixed);
int64_t any_offset(void);
int any_prot(void);
int any_fd(int last);
int map_flags(void);
int some_bits(const int *bits, unsigned count, unsigned percent);
int any_advice(void);

#endif
