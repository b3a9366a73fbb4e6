/* confine() that gives up nothing: for a worker by which a test proves that its escapes would succeed. */
#include "photod/confine/confine.h"

enum err confine(struct confined *out, enum confine_profile profile, const int *writable_dirs,
                 unsigned dir_count)
{
    (void)profile;
    (void)writable_dirs;
    (void)dir_count;
    *out = (struct confined){.landlock_abi = 0};
    return OK;
}
