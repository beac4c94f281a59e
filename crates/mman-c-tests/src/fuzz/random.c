/* Random numbers that depend on the seed and the batch alone (splitmix64). */
#include "driver.h"

static uint64_t state;

void seed_random(uint64_t seed, uint64_t batch)
{
    state = seed * 0x9e3779b97f4a7c15 ^ batch * 0xd1342543de82ef95;
    random_number();
}

uint64_t random_number(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

uint64_t below(uint64_t limit)
{
    return random_number() % limit;
}

int chance(unsigned percent)
{
    return below(100) < percent;
}
