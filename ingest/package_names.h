#ifndef INGEST_PACKAGE_NAMES_H
#define INGEST_PACKAGE_NAMES_H

#include "ingest/package.h"

/* The names of an archive's good files, to be found tolerantly (package.h). */
struct package_names;

MUST_CHECK enum err package_names_new(struct package_names **out, struct archive *a);
void package_names_free(struct package_names *n);
DEFINE_CLEANUP(package_names)

/* Whether the entry is a good file; *name is borrowed. */
bool package_names_at(const struct package_names *n, size_t entry, const char **name, uint64_t *size);
size_t package_names_count(const struct package_names *n);

/* The file of exactly this path, or of one that differs in case or .jpeg for .jpg only. */
enum package_match package_names_path(const struct package_names *n, const char *path, size_t *entry);
/* The only file below the folder whose last part is that name; no folder: "". */
enum package_match package_names_base(const struct package_names *n, const char *folder, const char *name,
                                      size_t *entry);

#endif
