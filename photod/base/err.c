#include "photod/base/err.h"

const char *err_name(enum err e)
{
    switch (e) {
    case OK:
        return "ok";
    case ERR_NOMEM:
        return "out of memory";
    case ERR_IO:
        return "input/output error";
    case ERR_FULL:
        return "disk full";
    case ERR_NOTFOUND:
        return "not found";
    case ERR_EXISTS:
        return "already exists";
    case ERR_DENIED:
        return "denied";
    case ERR_LIMIT:
        return "over the limit";
    case ERR_MALFORMED:
        return "malformed input";
    case ERR_CORRUPT:
        return "corrupt data";
    case ERR_BUSY:
        return "busy";
    case ERR_CLOSED:
        return "peer closed";
    }
    return "unknown error";
}
