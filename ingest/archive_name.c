#include "ingest/archive_name.h"

#include <string.h>
#include <strings.h>
#include "ingest/archive.h"

static const char *base_name(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash ? slash + 1 : name;
}

/* Whether any part of a path, between slashes, is exactly `part`. */
static bool has_part(const char *path, const char *part)
{
    size_t len = strlen(part);

    for (; path; path = strchr(path, '/'), path += path != NULL)
        if (strncmp(path, part, len) == 0 && (path[len] == '/' || path[len] == '\0'))
            return true;
    return false;
}

bool archive_name_is_unsafe(const char *name)
{
    if (!*name || strlen(name) >= ARCHIVE_NAME)
        return true;
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f || *c == '\\')
            return true;
    return name[0] == '/' || name[1] == ':' || has_part(name, "..");
}

bool archive_name_is_debris(const char *name)
{
    static const char *const debris[] = {"", ".DS_Store", "Thumbs.db", "desktop.ini"};
    const char *base = base_name(name);

    if (strncmp(base, "._", 2) == 0 || has_part(name, "__MACOSX"))
        return true;
    for (size_t i = 0; i < sizeof debris / sizeof debris[0]; i++)
        if (strcasecmp(base, debris[i]) == 0)
            return true;
    return false;
}

bool archive_name_is_archive(const char *name)
{
    static const char *const suffixes[] = {".zip", ".7z", ".rar", ".tar", ".gz", ".tgz"};
    const char *dot = strrchr(base_name(name), '.');

    for (size_t i = 0; dot && i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (strcasecmp(dot, suffixes[i]) == 0)
            return true;
    return false;
}
