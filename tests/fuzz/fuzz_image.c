/* What a picture says of itself, before any decoder: ingest/probe.h, and its camera: ingest/exif.h. */
#include "ingest/exif.h"
#include "ingest/probe.h"
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
    struct probe p;
    const char *fault = NULL;
    struct exif exif = exif_read(bytes, len);
    enum err e = probe_image(&p, &fault, bytes, len);

    PROMISE(exif.orientation >= 1 && exif.orientation <= 8);
    if (e) {
        PROMISE(e == ERR_MALFORMED && fault && *fault);
        return 0;
    }
    PROMISE(p.width >= PROBE_SIDE_MIN && p.height >= PROBE_SIDE_MIN);
    PROMISE(p.width <= PROBE_SIDE_MAX && p.height <= PROBE_SIDE_MAX);
    PROMISE((uint64_t)p.width * p.height <= (p.buffered ? PROBE_PIXELS_MAX_BUFFERED : PROBE_PIXELS_MAX));
    PROMISE(p.scans <= PROBE_SCANS_MAX);
    PROMISE(p.buffered_bytes <= PROBE_BYTES_MAX);
    PROMISE(!p.exif.len || (p.exif.bytes >= bytes && p.exif.len <= len - (size_t)(p.exif.bytes - bytes)));
    return 0;
}
