/* Random arguments. */
#include "arguments.h"

#include <linux/mman.h>
#include <sys/mman.h>

#define SLOTS 8u
/* The pages of the arena where most calls meet. */
#define HOT 48u
/* No processor has so many addresses for programs. */
#define BEYOND ((size_t)1 << 57)

static struct place slots[SLOTS];
static unsigned slot_count;

void forget_slots(void)
{
    slot_count = 0;
}

void remember(uintptr_t start, size_t length)
{
    slots[slot_count++ % SLOTS] = (struct place) { start, length };
}

struct place arena_place(void)
{
    uintptr_t offset = PAGES(chance(85) ? below(HOT) : below(ARENA_SIZE / PAGE));
    if (chance(4))
        offset += random_number() % PAGE;
    return (struct place) { ARENA + offset, ARENA_SIZE - offset };
}

static struct place slot_place(void)
{
    struct place slot = slots[below(slot_count < SLOTS ? slot_count : SLOTS)];
    size_t pages = slot.room / PAGE;
    if (pages > 0 && chance(50))
        slot.start += PAGES(below(pages));
    if (chance(4))
        slot.start += random_number() % PAGE;
    /* What lies behind it is another slot, or the wall. */
    slot.room = PAGES(64);
    return slot;
}

struct place any_place(void)
{
    static const uintptr_t nowhere[] = {
        0, 1, PAGE, PAGES(15), TOP - PAGE, TOP, TOP + PAGE, (uintptr_t)1 << 62, (uintptr_t)1 << 63,
        (uintptr_t)0xffff800000000000, -PAGE, -(uintptr_t)1, -PAGES(16),
    };
    if (chance(7))
        return (struct place) { PICK(nowhere), PAGE };
    if (slot_count > 0 && chance(20))
        return slot_place();
    return arena_place();
}

static int wraps(uintptr_t start, size_t length)
{
    size_t rounded = (length + PAGE - 1) & ~(PAGE - 1);
    return (length != 0 && rounded == 0) || start + rounded < start;
}

size_t any_length(struct place place, enum reach reach)
{
    const size_t few[] = { 0, 1, PAGE - 1, PAGE, PAGE, PAGE, PAGE + 1, PAGES(2), PAGES(2) - 1 };
    const size_t many[] = {
        -(size_t)1, -PAGE, -PAGE + 1, -place.start, -place.start - PAGE, -place.start + PAGE,
        (size_t)1 << 63, ((size_t)1 << 63) - PAGE, (size_t)1 << 62, BEYOND,
    };
    size_t length;
    if (chance(5)) {
        length = PICK(many);
        if (wraps(place.start, length) || (reach == BEYOND_SPACE && length >= BEYOND))
            return length;
    } else if (chance(4)) {
        length = place.room;
    } else {
        length = chance(40) ? PICK(few) : PAGES(1 + below(12)) + (chance(10) ? below(PAGE) : 0);
    }
    return length < place.room ? length : place.room;
}

/* Large mappings are made only where the kernel chooses the place; the driver takes them away at once. */
size_t map_length(struct place place, int fixed)
{
    static const size_t large[] = {
        (size_t)1 << 30, (size_t)1 << 40, (size_t)1 << 46, (size_t)1 << 47, (size_t)1 << 48, PAGES(513), 4 << 20,
    };
    if (!fixed && chance(3))
        return PICK(large);
    if (!fixed)
        place.room = PAGES(64);
    return any_length(place, BEYOND_SPACE);
}

int64_t any_offset(void)
{
    static const int64_t odd[] = {
        1, 100, -1, -4096, -8192, 0x100000000, 0x100001000, 0x7ffffffff000, 0x7fffffff, 0x80000000,
        INT64_MAX, INT64_MAX - 4095, INT64_MAX - 8191, INT64_MIN, (int64_t)1 << 40, (int64_t)1 << 44,
    };
    if (chance(50))
        return 0;
    if (chance(75))
        return (int64_t)PAGES(below(20));
    return PICK(odd);
}

int any_prot(void)
{
    static const int odd[] = { 8, 0x10, 0x20, 0x40, PROT_GROWSDOWN, PROT_GROWSUP, 0x03000000, 1 << 30, -1, -8 };
    int prot = (int)below(8);
    if (chance(40))
        prot = PROT_READ | PROT_WRITE;
    return chance(6) ? prot | PICK(odd) : prot;
}

int any_fd(int last)
{
    static const int odd[] = {
        -1, FD_CLOSED, FD_READ_ONLY, FD_WRITE_ONLY, FD_PATH, FD_DIRECTORY, FD_PIPE, FD_PIDFD, FD_SEALED, 1 << 20,
    };
    if (last >= 0 && chance(25))
        return last;
    if (chance(35))
        return PICK(odd);
    return chance(50) ? FD_DATA : FD_MEMFD;
}

int some_bits(const int *bits, unsigned count, unsigned percent)
{
    int all = 0;
    for (unsigned at = 0; at < count; at++)
        if (chance(percent))
            all |= bits[at];
    return all;
}

int map_flags(void)
{
    static const int seldom[] = {
        MAP_POPULATE, MAP_LOCKED, MAP_NONBLOCK, MAP_GROWSDOWN, MAP_STACK, MAP_DENYWRITE, MAP_EXECUTABLE,
        MAP_SYNC, 0x40 /* MAP_32BIT */, 0x80 /* MAP_ABOVE4G */, MAP_UNINITIALIZED, 1 << 21, 1 << 31, 21 << 26,
    };
    int flags = chance(60) ? MAP_PRIVATE : MAP_SHARED;
    if (chance(10))
        flags = (int)below(16);
    if (chance(50))
        flags |= MAP_ANONYMOUS;
    if (chance(10))
        flags |= MAP_NORESERVE;
    if (chance(50))
        flags |= MAP_FIXED;
    if (chance(7))
        flags |= MAP_FIXED_NOREPLACE;
    if (chance(2))
        flags |= MAP_HUGETLB;
    return flags | some_bits(seldom, sizeof(seldom) / sizeof(seldom[0]), 3);
}

int any_advice(void)
{
    static const int odd[] = { 5, 6, 7, 26, 27, 50, 99, 104, 1000, -1, 0x7fffffff, 1 << 31 };
    static const int guard[] = { 102, 103 };
    /* 100 (HWPOISON) and 101 (SOFT_OFFLINE) are never drawn: they take memory from the machine. */
    if (chance(6))
        return PICK(odd);
    if (chance(10))
        return PICK(guard);
    return chance(20) ? (int)below(5) : 8 + (int)below(18);
}
