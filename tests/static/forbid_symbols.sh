#!/bin/sh
# forbid_symbols.sh NM FILE REGEX: fail if FILE refers to a symbol matching REGEX or to dlopen, or cannot be judged.
symbols=$("$1" "$2" 2>/dev/null | awk '{ print $NF }' | sed 's/@.*//')
echo "$symbols" | grep -qx main || { echo "$2: no symbol table to judge" >&2; exit 1; }
found=$(echo "$symbols" | grep -E "$3|^dlopen$") || exit 0
echo "$2 must not contain:" >&2
echo "$found" >&2
exit 1
