/*
 * The archive as the worker sees it.  Runs in photod-intake.  What must stay
 * true: libzip and our map agree on every entry, nothing is unpacked that
 * was not judged by archive_describe() first, and no more bytes come out than
 * the directory claims.
 */
#include "ingest/archive.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>
#include "ingest/archive_map.h"
#include "ingest/archive_name.h"

struct archive {
    struct archive_source source;
    struct archive_map map;
    struct zip *zip;
    zip_error_t error;   /* of the source functions below */
    enum err source_err; /* what source.read answered last, if not OK */
    uint64_t at;         /* where libzip reads next */
    uint64_t unpacked;
};

/* The source that libzip reads from: one function per command it may give. */
typedef zip_int64_t command_fn(struct archive *a, void *data, zip_uint64_t len);

static zip_int64_t source_none(struct archive *a, void *data, zip_uint64_t len)
{
    (void)a, (void)data, (void)len;
    return 0;
}

static zip_int64_t source_open(struct archive *a, void *data, zip_uint64_t len)
{
    (void)data, (void)len;
    a->at = 0;
    return 0;
}

static zip_int64_t source_read(struct archive *a, void *data, zip_uint64_t len)
{
    if (len > a->source.size - a->at)
        len = a->source.size - a->at;
    if (!len)
        return 0;
    a->source_err = a->source.read(a->source.context, a->at, data, (size_t)len);
    if (a->source_err) {
        zip_error_set(&a->error, ZIP_ER_READ, 0);
        return -1;
    }
    a->at += len;
    return (zip_int64_t)len;
}

static zip_int64_t source_stat(struct archive *a, void *data, zip_uint64_t len)
{
    struct zip_stat *st = data;

    (void)len;
    zip_stat_init(st);
    st->valid = ZIP_STAT_SIZE;
    st->size = a->source.size;
    return sizeof *st;
}

static zip_int64_t source_error(struct archive *a, void *data, zip_uint64_t len)
{
    return zip_error_to_data(&a->error, data, len);
}

static zip_int64_t source_seek(struct archive *a, void *data, zip_uint64_t len)
{
    zip_int64_t at = zip_source_seek_compute_offset(a->at, a->source.size, data, len, &a->error);

    if (at < 0)
        return -1;
    a->at = (uint64_t)at;
    return 0;
}

static zip_int64_t source_tell(struct archive *a, void *data, zip_uint64_t len)
{
    (void)data, (void)len;
    return (zip_int64_t)a->at;
}

static zip_int64_t serve(void *context, void *data, zip_uint64_t len, zip_source_cmd_t command)
{
    static command_fn *const commands[] = {
        [ZIP_SOURCE_OPEN] = source_open, [ZIP_SOURCE_READ] = source_read,   [ZIP_SOURCE_CLOSE] = source_none,
        [ZIP_SOURCE_STAT] = source_stat, [ZIP_SOURCE_ERROR] = source_error, [ZIP_SOURCE_FREE] = source_none,
        [ZIP_SOURCE_SEEK] = source_seek, [ZIP_SOURCE_TELL] = source_tell,
    };
    struct archive *a = context;

    if (command == ZIP_SOURCE_SUPPORTS)
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                              ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
                                              ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, -1);
    if ((size_t)command < sizeof commands / sizeof commands[0] && commands[command])
        return commands[command](a, data, len);
    zip_error_set(&a->error, ZIP_ER_OPNOTSUPP, 0);
    return -1;
}

/* Whose fault a failure of libzip is: the source's, the machine's, else that of the bytes. */
static enum err blame(struct archive *a, const char **fault, int zip_code, const char *code)
{
    if (a->source_err)
        return a->source_err;
    return zip_code == ZIP_ER_MEMORY ? ERR_NOMEM : fault_found(fault, code);
}

static bool stat_entry(struct zip_stat *st, struct archive *a, size_t index)
{
    const zip_uint64_t wanted =
        ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_CRC | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;

    return zip_stat_index(a->zip, index, 0, st) == 0 && (st->valid & wanted) == wanted;
}

/* Two readings of hostile bytes must not differ: one judges, the other unpacks. */
static bool is_same_reading(struct archive *a)
{
    struct zip_stat st;

    if (zip_get_num_entries(a->zip, 0) != (zip_int64_t)a->map.count)
        return false;
    for (size_t i = 0; i < a->map.count; i++) {
        const struct archive_place *p = &a->map.places[i];

        if (!stat_entry(&st, a, i) || st.size != p->size || st.comp_size != p->packed || st.crc != p->crc)
            return false;
    }
    return true;
}

static enum err open_zip(struct archive *a, const char **fault)
{
    zip_error_t error;
    zip_source_t *source;
    enum err e = OK;

    zip_error_init(&error);
    source = zip_source_function_create(serve, a, &error);
    a->zip = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
    if (!a->zip) {
        zip_source_free(source);
        e = blame(a, fault, zip_error_code_zip(&error),
                  zip_error_code_zip(&error) == ZIP_ER_INCONS ? FAULT_ZIP_INCONSISTENT : FAULT_NOT_A_ZIP);
    }
    zip_error_fini(&error);
    return e;
}

enum err archive_open(struct archive **out, const char **fault, struct archive_source source)
{
    CLEANUP(archive) struct archive *a = calloc(1, sizeof *a);

    if (!a)
        return ERR_NOMEM;
    a->source = source;
    zip_error_init(&a->error);
    TRY(archive_map_init(&a->map, fault, &a->source));
    TRY(open_zip(a, fault));
    if (!is_same_reading(a))
        return fault_found(fault, FAULT_ZIP_INCONSISTENT);
    *out = TAKE(a);
    return OK;
}

void archive_close(struct archive *a)
{
    if (!a)
        return;
    if (a->zip)
        zip_discard(a->zip);
    zip_error_fini(&a->error);
    archive_map_clear(&a->map);
    free(a);
}

size_t archive_count(const struct archive *a)
{
    return a->map.count;
}

/* The file type that Unix systems put into the upper half of the attributes; 0 when there is none. */
static unsigned file_type(struct archive *a, size_t index)
{
    zip_uint8_t system;
    zip_uint32_t attributes;

    if (zip_file_get_external_attributes(a->zip, index, 0, &system, &attributes) != 0 ||
        (system != ZIP_OPSYS_UNIX && system != ZIP_OPSYS_OS_X))
        return 0;
    return attributes >> 16 & S_IFMT;
}

static const char *judge(struct archive *a, size_t index, const char *name)
{
    const struct archive_place *p = &a->map.places[index];
    unsigned type = file_type(a, index);
    struct zip_stat st;

    if (archive_name_is_unsafe(name) || memchr(p->name, '\0', p->name_len))
        return FAULT_ENTRY_NAME_UNSAFE;
    if (archive_name_is_debris(name) || type == S_IFDIR)
        return FAULT_SKIPPED;
    if ((type != 0 && type != S_IFREG) || archive_name_is_archive(name))
        return FAULT_ENTRY_NOT_A_FILE;
    if (!stat_entry(&st, a, index))
        return FAULT_ENTRY_DAMAGED;
    if (st.encryption_method != ZIP_EM_NONE)
        return FAULT_ENTRY_ENCRYPTED;
    if (p->size > ARCHIVE_ENTRY_MAX)
        return FAULT_ENTRY_TOO_LARGE;
    if (p->size > ARCHIVE_RATIO_FLOOR && p->size / ARCHIVE_RATIO_MAX > p->packed)
        return FAULT_ZIP_BOMB;
    if (st.comp_method != ZIP_CM_STORE && st.comp_method != ZIP_CM_DEFLATE)
        return FAULT_ENTRY_DAMAGED;
    return NULL;
}

/* Cuts between characters, not inside one. */
static void copy_name(char to[static ARCHIVE_NAME], const char *name)
{
    size_t len = strnlen(name, ARCHIVE_NAME);

    if (len == ARCHIVE_NAME)
        for (len--; len && ((unsigned char)name[len] & 0xc0) == 0x80; len--)
            ;
    memcpy(to, name, len);
    to[len] = '\0';
}

void archive_describe(struct archive_entry *out, struct archive *a, size_t index)
{
    const char *name = zip_get_name(a->zip, index, 0);

    *out = (struct archive_entry){.size = a->map.places[index].size};
    copy_name(out->name, name ? name : "");
    out->fault = judge(a, index, name ? name : "");
}

static void file_cleanup_zip(zip_file_t **file)
{
    if (*file)
        (void)zip_fclose(*file);
}

enum err archive_extract(struct archive *a, const char **fault, size_t index, void *to, size_t len)
{
    __attribute__((cleanup(file_cleanup_zip))) zip_file_t *file = NULL;
    struct archive_entry entry;
    unsigned char surplus;
    zip_int64_t n;

    if (index >= a->map.count)
        return ERR_NOTFOUND;
    archive_describe(&entry, a, index);
    if (entry.fault || len != entry.size)
        return fault_found(fault, entry.fault ? entry.fault : FAULT_ENTRY_DAMAGED);
    if (len > ARCHIVE_TOTAL_MAX - a->unpacked)
        return fault_found(fault, FAULT_ZIP_BOMB);
    a->unpacked += len;
    a->source_err = OK;
    TRY(archive_map_check_local(&a->map, fault, &a->source, index));
    file = zip_fopen_index(a->zip, index, 0);
    if (!file)
        return blame(a, fault, zip_error_code_zip(zip_get_error(a->zip)), FAULT_ENTRY_DAMAGED);
    for (size_t done = 0; done < len; done += (size_t)n) {
        n = zip_fread(file, (char *)to + done, len - done);
        if (n <= 0)
            return blame(a, fault, zip_error_code_zip(zip_file_get_error(file)), FAULT_ENTRY_DAMAGED);
    }
    /* The checksum is compared only where libzip sees the end; one byte more is a lie about the size. */
    n = zip_fread(file, &surplus, 1);
    if (n != 0)
        return blame(a, fault, zip_error_code_zip(zip_file_get_error(file)), FAULT_ENTRY_DAMAGED);
    return OK;
}
