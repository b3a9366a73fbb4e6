#ifndef INGEST_ARCHIVE_NAME_H
#define INGEST_ARCHIVE_NAME_H

#include <stdbool.h>

/* What the name of a ZIP entry, in UTF-8, says about it. */

/*
 * Empty, longer than ARCHIVE_NAME, absolute, with a drive letter, a `..`, a
 * backslash or a control character.  We write no files, but the clerk's next
 * program may, and such a name is never an honest one.
 */
bool archive_name_is_unsafe(const char *name);
/* A folder, or what macOS and Windows leave behind by themselves. */
bool archive_name_is_debris(const char *name);
/* An archive inside the archive. */
bool archive_name_is_archive(const char *name);

#endif
