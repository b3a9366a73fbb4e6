#!/bin/sh
# format.sh ROOT: every C file is as clang-format 14 leaves it.
cd "$1" || exit 2
find photod ingest store keys lawapi tests -name '*.[ch]' | xargs clang-format-14 --dry-run --Werror
