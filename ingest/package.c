/* Finds a package's index and binds its rows to files.  Runs in photod-intake. */
#include "ingest/package.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "ingest/package_names.h"

#define PATH_TEXT (4 * INDEX_PATH)

struct binding {
    const struct package_names *names;
    char folder[INDEX_PATH]; /* where the index lies; "": on top */
    package_take *take;
    void *context;
};

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void set_folder(struct binding *b, const char *index)
{
    size_t len = (size_t)(base_of(index) - index);

    if (len)
        len--; /* without the slash */
    if (len >= sizeof b->folder)
        len = 0;
    memcpy(b->folder, index, len);
    b->folder[len] = '\0';
}

/* Joins what is not empty. */
static void join(char to[static PATH_TEXT], const char *const *parts, size_t count)
{
    size_t len = 0;

    to[0] = '\0';
    for (size_t i = 0; i < count; i++)
        if (*parts[i] && len < PATH_TEXT)
            len += (size_t)snprintf(to + len, PATH_TEXT - len, "%s%s", len ? "/" : "", parts[i]);
}

/* Below the index: in the image folder, in the volume's folder, or beside it; else wherever it is alone. */
static enum package_match find_file(const struct binding *b, const struct index_row *row, size_t *entry)
{
    const char *const tries[][4] = {
        {b->folder, row->folder, row->file, ""},
        {b->folder, row->volume, row->folder, row->file},
        {b->folder, row->file, "", ""},
    };
    char path[PATH_TEXT];

    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        enum package_match m;

        join(path, tries[i], 4);
        m = package_names_path(b->names, path, entry);
        if (m != PACKAGE_NONE)
            return m;
    }
    return package_names_base(b->names, b->folder, row->file, entry);
}

static enum err take_index_row(void *context, const struct index_row *row)
{
    const struct binding *b = context;
    size_t entry = 0;
    enum package_match m = *row->file ? find_file(b, row, &entry) : PACKAGE_NONE;

    return b->take(b->context, row, m, entry);
}

static bool names_file(void *context, const char *name)
{
    const struct binding *b = context;
    const struct index_row row = {.line = 0};
    struct index_row wanted = row;
    size_t entry;

    (void)snprintf(wanted.file, sizeof wanted.file, "%s", name);
    return find_file(b, &wanted, &entry) != PACKAGE_NONE;
}

static enum err unpack(struct buf **out, struct archive *a, size_t entry, uint64_t size)
{
    CLEANUP(buf) struct buf *bytes = NULL;
    const char *fault = NULL;
    unsigned char *space;

    if (size > INDEX_BYTES_MAX || !size)
        return ERR_MALFORMED;
    TRY(buf_new(&bytes, (size_t)size));
    TRY(buf_extend(bytes, (size_t)size, &space));
    TRY(archive_extract(a, &fault, entry, space, (size_t)size));
    *out = TAKE(bytes);
    return OK;
}

/* A summary of all indexes: what the first one says of its form, and the sums. */
static void add_summary(struct package *p, enum package_form form, const struct index_summary *s)
{
    if (!p->indexes++) {
        p->form = form;
        p->first = *s;
        return;
    }
    p->first.rows += s->rows;
    p->first.faulty += s->faulty;
    if (s->columns > p->first.columns)
        p->first.columns = s->columns;
}

static enum err read_one(struct package *p, struct archive *a, struct binding *b, enum package_form form,
                         size_t entry)
{
    CLEANUP(buf) struct buf *bytes = NULL;
    struct index_summary s;
    const char *name;
    uint64_t size;

    if (!package_names_at(b->names, entry, &name, &size))
        return ERR_MALFORMED;
    TRY(unpack(&bytes, a, entry, size));
    set_folder(b, name);
    if (form == PACKAGE_INDEX)
        TRY(index_parse(&s, buf_bytes(bytes), buf_len(bytes), take_index_row, b));
    else
        TRY(mapping_parse(&s, buf_bytes(bytes), buf_len(bytes), names_file, take_index_row, b));
    add_summary(p, form, &s);
    return p->first.rows > INDEX_ROWS_MAX ? ERR_LIMIT : OK;
}

static bool is_index(const char *name)
{
    return strcasecmp(base_of(name), "INDEX.TXT") == 0;
}

/* A table on top, or in the one folder that a whole ZIP often lies in. */
static bool may_be_mapping(const char *name)
{
    static const char *const endings[] = {".txt", ".csv", ".tsv", ".tab"};
    const char *slash = strchr(name, '/'), *dot = strrchr(base_of(name), '.');

    if (slash && strchr(slash + 1, '/'))
        return false;
    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}

/* Every file that is one, in the ZIP's order; what turns out to be something else is passed over. */
static enum err read_all(struct package *p, struct archive *a, struct binding *b, enum package_form form,
                         bool (*is_it)(const char *name))
{
    for (size_t i = 0; i < package_names_count(b->names); i++) {
        const char *name;
        uint64_t size;
        enum err e;

        if (!package_names_at(b->names, i, &name, &size) || !is_it(name))
            continue;
        e = read_one(p, a, b, form, i);
        if (e && e != ERR_MALFORMED)
            return e;
        if (!e && form == PACKAGE_MAPPING)
            return OK;
    }
    return OK;
}

enum err package_read(struct package *out, struct archive *a, package_take *take, void *context)
{
    CLEANUP(package_names) struct package_names *names = NULL;
    struct binding b = {.take = take, .context = context};
    struct package p = {.form = PACKAGE_BY_NAME};

    TRY(package_names_new(&names, a));
    b.names = names;
    TRY(read_all(&p, a, &b, PACKAGE_INDEX, is_index));
    if (p.form == PACKAGE_BY_NAME)
        TRY(read_all(&p, a, &b, PACKAGE_MAPPING, may_be_mapping));
    *out = p;
    return OK;
}
