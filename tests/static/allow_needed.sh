#!/bin/sh
# allow_needed.sh READELF FILE LIB...: fail if FILE names a shared library that is not listed, or cannot be judged.
# LIB is the name without `lib` and `.so.N`: `c` for libc.so.6.
readelf=$1 file=$2
shift 2
needed=$("$readelf" -d "$file" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
[ -n "$needed" ] || { echo "$file: no dynamic section to judge" >&2; exit 1; }
rc=0
for so in $needed; do
    name=$(echo "$so" | sed 's/^lib//; s/\.so.*$//')
    case " $* c ld-linux-x86-64 ld-linux-aarch64 " in
    *" $name "*) ;;
    *) echo "$file needs $so, which is not on its list" >&2; rc=1 ;;
    esac
done
exit $rc
