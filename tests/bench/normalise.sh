#!/usr/bin/env bash
# Photos per second on one core, and the memory it takes, for each kind of picture.
#
#   tests/bench/normalise.sh [BIN [SECONDS-FOR-EACH-KIND]]    after any release build
here=$(cd "$(dirname "$0")/../.." && pwd)
printf '%s cores, %s\n' "$(nproc)" "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)"
exec "${1:-$here/build/release/bin}/bench_normalise" "${2:-2}"
