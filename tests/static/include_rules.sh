#!/bin/sh
# include_rules.sh ROOT [RULES]: every quoted include must be allowed by include_rules.txt, every folder with C
# sources must have its rule, and every include must name its folder from the root.
cd "$1" || exit 2
rules=${2:-tests/static/include_rules.txt}
rc=0 files=0
for folder in $(find photod ingest store keys lawapi -name '*.[ch]' -exec dirname {} \; | sort -u); do
    if ! grep -q "^$folder\( \|\$\)" "$rules"; then
        echo "$folder: has no rule in $rules" >&2
        rc=1
        continue
    fi
    allowed=$(sed -n "s|^$folder\( .*\)\{0,1\}\$|\1|p" "$rules")
    for f in "$folder"/*.[ch]; do
        [ -e "$f" ] || continue
        files=$((files + 1))
        for h in $(sed -n 's/^ *# *include *"\(.*\)"$/\1/p' "$f"); do
            case $h in */*) ;; *) echo "$f: \"$h\" must be named from the root" >&2; rc=1; continue ;; esac
            case " $folder $allowed " in
            *" ${h%/*} "*) ;;
            *) echo "$f: may not include ${h%/*}/" >&2; rc=1 ;;
            esac
        done
    done
done
[ "$files" -gt 50 ] || { echo "only $files files found: is $1 the root?" >&2; rc=1; }
exit $rc
