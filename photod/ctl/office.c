#include "photod/ctl/office.h"

#include <string.h>
#include "photod/base/text.h"

enum ctl_exit office_check(const struct office *o)
{
    if (!text_is_digits(o->district, 4))
        return say_fail(CTL_USAGE, "--district is the four-digit School System code, leading zeros included");
    return CTL_OK;
}

bool office_is_batch(const char *id)
{
    return *id && strlen(id) < 48 && strspn(id, "0123456789abcdef") == strlen(id);
}

enum ctl_exit office_open(struct http **out, const struct office *o)
{
    const struct http_options options = {.url = o->url, .ca = o->ca, .bearer_file = o->key_file};

    return http_open(out, &options);
}
