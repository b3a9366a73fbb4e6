/*
 * The grammar of the channels: photod/wire/message.h.  What decodes is one
 * meaning with one spelling: it encodes to the same bytes.
 */
#include <string.h>
#include "photod/wire/message.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    CLEANUP(buf) struct buf *again = NULL;
    enum err e = message_decode(&m, bytes, len);

    if (e) {
        PROMISE(e == ERR_MALFORMED);
        return 0;
    }
    PROMISE(buf_new(&again, MESSAGE_MAX) == OK);
    PROMISE(message_encode(again, m.type, m.request, &m.is) == OK);
    PROMISE(buf_len(again) == len && memcmp(buf_bytes(again), bytes, len) == 0);
    return 0;
}
