/* Runs every file of the corpus folders through a fuzz target, once, and says how many there were. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "photod/base/buf.h"
#include "photod/base/cleanup.h"
#include "tests/fuzz/target.h"

#define INPUT_MAX (16u << 20)

static enum err read_whole(struct buf *out, const char *path)
{
    CLEANUP(file) FILE *f = fopen(path, "rb");
    unsigned char chunk[65536];
    size_t n;

    if (!f)
        return ERR_IO;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        TRY(buf_append(out, chunk, n));
    return ferror(f) ? ERR_IO : OK;
}

/* An input of exact size, so that a read past its end is one past the allocation's. */
static enum err run_file(const char *path)
{
    CLEANUP(buf) struct buf *content = NULL;
    CLEANUP(heap) uint8_t *exact = NULL;

    TRY(buf_new(&content, INPUT_MAX));
    TRY(read_whole(content, path));
    exact = malloc(buf_len(content) ? buf_len(content) : 1);
    if (!exact)
        return ERR_NOMEM;
    memcpy(exact, buf_bytes(content), buf_len(content));
    (void)LLVMFuzzerTestOneInput(exact, buf_len(content));
    return OK;
}

static int run_folder(const char *folder)
{
    DIR *d = opendir(folder);
    const struct dirent *entry;
    int count = 0;

    if (!d)
        return -1;
    while ((entry = readdir(d))) {
        char path[4096];

        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path ||
            run_file(path)) {
            (void)fprintf(stderr, "cannot read %s/%s\n", folder, entry->d_name);
            count = -1;
            break;
        }
        count++;
    }
    (void)closedir(d);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;

    (void)LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        int count = run_folder(argv[i]);

        if (count <= 0) {
            (void)fprintf(stderr, "%s: no corpus there\n", argv[i]);
            return EXIT_FAILURE;
        }
        total += count;
    }
    (void)printf("%d inputs replayed\n", total);
    return total ? EXIT_SUCCESS : EXIT_FAILURE;
}
