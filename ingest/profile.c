#include "ingest/profile.h"

#include <stdint.h>
#include <string.h>

#define HEADER_LEN 128u
#define TAG_LEN    12u

struct profile {
    const unsigned char *bytes;
    size_t len;
};

static uint32_t be32(const unsigned char *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* A tag of the given type (NULL: any) with at least min bytes, or NULL. */
static const unsigned char *find(const struct profile *p, const char *tag, const char *type, size_t min,
                                 size_t *len)
{
    size_t count = be32(p->bytes + HEADER_LEN);

    for (size_t i = 0; i < count && i < (p->len - HEADER_LEN - 4) / TAG_LEN; i++) {
        const unsigned char *entry = p->bytes + HEADER_LEN + 4 + i * TAG_LEN;
        uint32_t offset = be32(entry + 4);

        *len = be32(entry + 8);
        if (memcmp(entry, tag, 4) != 0)
            continue;
        if (offset > p->len || *len > p->len - offset || *len < min ||
            (type && memcmp(p->bytes + offset, type, 4) != 0))
            return NULL;
        return p->bytes + offset;
    }
    return NULL;
}

static bool is_near(uint32_t value, uint32_t wanted, uint32_t tolerance)
{
    return value - (wanted - tolerance) <= 2 * tolerance;
}

/* s15Fixed16 numbers at `at` against wanted ones in the same unit. */
static bool are_near(const unsigned char *at, const uint32_t *wanted, size_t count, uint32_t tolerance)
{
    for (size_t i = 0; i < count; i++)
        if (!is_near(be32(at + 4 * i), wanted[i], tolerance))
            return false;
    return true;
}

static bool has_srgb_primaries(const struct profile *p)
{
    /* IEC 61966-2-1 adapted to D50, in 1/65536. */
    static const struct {
        const char *tag;
        uint32_t xyz[3];
    } primaries[] = {
        {"rXYZ", {28578, 14581, 912}}, {"gXYZ", {25241, 46981, 6362}}, {"bXYZ", {9376, 3972, 46799}}};
    size_t len;

    for (size_t i = 0; i < 3; i++) {
        const unsigned char *at = find(p, primaries[i].tag, "XYZ ", 20, &len);

        if (!at || !are_near(at + 8, primaries[i].xyz, 3, 130))
            return false;
    }
    return true;
}

/* The curve as a table, compared at two points, or as the five parameters of function type 3. */
static bool has_srgb_curve(const struct profile *p, const char *tag)
{
    static const uint32_t parameters[] = {157286, 62119, 3417, 5072, 2651};
    size_t len, count;
    const unsigned char *at = find(p, tag, "para", 32, &len);

    if (at)
        return at[8] == 0 && at[9] == 3 && are_near(at + 12, parameters, 5, 130);
    at = find(p, tag, "curv", 12, &len);
    count = at ? be32(at + 8) : 0;
    if (count < 256 || count > (len - 12) / 2)
        return false;
    at += 12;
    for (size_t i = 0; i < 2; i++) {
        static const struct {
            size_t tenths;
            uint32_t value;
        } points[] = {{5, 14027}, {1, 657}};
        const unsigned char *sample = at + 2 * ((points[i].tenths * (count - 1) + 5) / 10);

        if (!is_near((uint32_t)(sample[0] << 8 | sample[1]), points[i].value, 160))
            return false;
    }
    return true;
}

bool profile_is_srgb(const void *profile, size_t len)
{
    const struct profile p = {profile, len};
    size_t unused;

    if (len < HEADER_LEN + 4 || memcmp(p.bytes + 16, "RGB ", 4) != 0 || find(&p, "A2B0", NULL, 0, &unused))
        return false;
    return has_srgb_primaries(&p) && has_srgb_curve(&p, "rTRC") && has_srgb_curve(&p, "gTRC") &&
           has_srgb_curve(&p, "bTRC");
}
