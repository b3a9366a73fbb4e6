#ifndef PHOTOD_TESTS_TOOLS_DEMO_RANDOM_H
#define PHOTOD_TESTS_TOOLS_DEMO_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Repeatable chance (splitmix64) for the synthetic district: one stream per
 * purpose and student, so that a change in how faces are drawn leaves the
 * roster as it was.  Not for anything secret.
 */
struct random {
    uint64_t state;
};

enum random_stream { RANDOM_DISTRICT, RANDOM_STUDENT, RANDOM_PORTRAIT, RANDOM_PICTURE };

static inline uint64_t random_next(struct random *r)
{
    uint64_t z = r->state += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static inline struct random random_init(uint64_t seed, enum random_stream stream, uint64_t index)
{
    struct random r = {seed};

    r.state = random_next(&r) ^ ((uint64_t)stream + 1);
    r.state = random_next(&r) ^ index;
    (void)random_next(&r);
    return r;
}

/* 0 to n - 1. */
static inline unsigned random_below(struct random *r, unsigned n)
{
    return (unsigned)(random_next(r) >> 33) % n;
}

/* low to high, both included. */
static inline int random_between(struct random *r, int low, int high)
{
    return low + (int)random_below(r, (unsigned)(high - low + 1));
}

static inline bool random_chance(struct random *r, unsigned percent)
{
    return random_below(r, 100) < percent;
}

#endif
