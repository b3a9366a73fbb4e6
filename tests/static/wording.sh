#!/bin/sh
# wording.sh ROOT: no unfinished business in the tree, and nothing that a build outside this tree would need.
cd "$1" || exit 2
rc=0
if grep -rnwE 'TODO|FIXME|XXX' --include='*.[ch]' --include='*.def' --include='*.sh' --include=CMakeLists.txt \
    --include='*.cmake' photod ingest store keys lawapi tests ops CMakeLists.txt | grep -v tests/static/wording.sh; then
    rc=1
fi
if grep -rn '\.\./shared' photod ingest store keys lawapi tests ops CMakeLists.txt README.md |
    grep -v tests/static/wording.sh; then
    rc=1
fi
exit $rc
