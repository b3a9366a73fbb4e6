#!/bin/sh
# replay.sh BIN LIB [SUBSETS [SEED]]: records what the store writes while a script is committed (LIB: libtrace.so), and
# checks every state of the disk that a crash could leave of it.  SUBSETS: random ones for each interval between syncs.
bin=$1 lib=$2 subsets=${3:-20} seed=${4:-1}
[ -x "$bin/replay" ] && [ -r "$lib" ] || { echo "no $bin/replay or no $lib" >&2; exit 2; }
base=/dev/shm
[ -w "$base" ] || base=${TMPDIR:-/tmp}
work=$(mktemp -d "$base/photod-replay.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
mkdir "$work/store" "$work/image"
TRACE_FILE=$work/trace TRACE_DIR=$work/store LD_PRELOAD=$lib \
    "$bin/fault_harness" commit "$work/store" "$work/acks" || exit 1
"$bin/fault_harness" check "$work/store" "$work/acks" || exit 1
"$bin/replay" "$work/trace" "$work/image" "$subsets" "$seed"
