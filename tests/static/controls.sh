#!/bin/sh
# controls.sh ROOT CC NM READELF: the positive controls.  Each static check must fail on a specimen that breaks its rule.
root=$1 cc=$2 nm=$3 readelf=$4
here=$root/tests/static
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
rc=0

must_fail() {
    name=$1
    shift
    if "$@" >/dev/null 2>&1; then
        echo "not noticed: $name" >&2
        rc=1
    else
        echo "noticed: $name"
    fi
}

must_pass() {
    name=$1
    shift
    "$@" >"$dir/out" 2>&1 || { echo "false alarm: $name" >&2; cat "$dir/out" >&2; rc=1; }
}

cp -r "$root/photod" "$root/ingest" "$root/store" "$root/keys" "$root/lawapi" "$dir/" && mkdir -p "$dir/tests/static"
cp "$here/include_rules.txt" "$dir/tests/static/"
must_pass "the tree as it is" "$here/include_rules.sh" "$dir"
echo '#include "keys/secret.h"' >"$dir/photod/web/specimen.c"
must_fail "web includes keys" "$here/include_rules.sh" "$dir"
echo '#include "secret.h"' >"$dir/photod/web/specimen.c"
must_fail "an include without its folder" "$here/include_rules.sh" "$dir"
rm "$dir/photod/web/specimen.c"
mkdir "$dir/photod/backdoor" && echo 'int x;' >"$dir/photod/backdoor/x.c"
must_fail "a folder without a rule" "$here/include_rules.sh" "$dir"

printf '#include <sys/socket.h>\nint main(void) { return socket(0, 0, 0); }\n' >"$dir/s.c"
printf '#include <dlfcn.h>\nint main(void) { return !dlopen("x", 1); }\n' >"$dir/d.c"
printf '#include <math.h>\n#include <stdlib.h>\nint main(int n, char **v) { return (int)cos(atof(v[n - 1])); }\n' >"$dir/m.c"
"$cc" -o "$dir/s" "$dir/s.c" && "$cc" -o "$dir/d" "$dir/d.c" && "$cc" -fno-builtin -o "$dir/m" "$dir/m.c" -lm || exit 2
must_fail "a forbidden symbol" "$here/forbid_symbols.sh" "$nm" "$dir/s" '^socket$'
must_pass "no forbidden symbol" "$here/forbid_symbols.sh" "$nm" "$dir/m" '^socket$'
must_fail "dlopen" "$here/forbid_symbols.sh" "$nm" "$dir/d" '^socket$'
strip -o "$dir/stripped" "$dir/m"
must_fail "a stripped file" "$here/forbid_symbols.sh" "$nm" "$dir/stripped" '^socket$'
must_fail "a missing file" "$here/forbid_symbols.sh" "$nm" "$dir/none" '^socket$'
must_fail "a library that is not listed" "$here/allow_needed.sh" "$readelf" "$dir/m" curl
must_pass "a library that is listed" "$here/allow_needed.sh" "$readelf" "$dir/m" m
must_fail "a missing file" "$here/allow_needed.sh" "$readelf" "$dir/none" m

printf 'int  f( void ){return 0;}\n' >"$dir/f.c"
cp "$root/.clang-format" "$dir/"
must_fail "unformatted code" clang-format-14 --dry-run --Werror "$dir/f.c"

exit $rc
