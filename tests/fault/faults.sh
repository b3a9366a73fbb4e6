#!/bin/sh
# faults.sh BIN LIB [CLASS...]: lets call n of each class fail, for n = 1, 2, ... until a run meets no fault, and looks
# after each run whether the store holds what it acknowledged.  BIN: where fault_harness is; LIB: libfaultio.so.
# A class is written class/error/once or class/error/on: the one call, or that and all that follow.  write/LIE/once is
# the control: a disk that says it wrote and did not; there, losses must be found.  FAULT_STEP: of write and memory, which
# are called often, only each so-many-th n, from one that differs from class to class.
harness=$1/fault_harness lib=$2
shift 2
[ $# -gt 0 ] || set -- write/EIO/once write/EIO/on write/ENOSPC/once write/ENOSPC/on write/SHORT/once \
    sync/EIO/once sync/EIO/on truncate/EIO/once truncate/ENOSPC/on map/ENOMEM/once map/ENOMEM/on \
    memory/ENOMEM/once write/LIE/once
[ -x "$harness" ] && [ -r "$lib" ] || { echo "no $harness or no $lib" >&2; exit 2; }
base=/dev/shm
[ -w "$base" ] || base=${TMPDIR:-/tmp}
work=$(mktemp -d "$base/photod-faults.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
rc=0 total=0 classes=0 step=${FAULT_STEP:-1}

for spec; do
    class=${spec%%/*} error=${spec#*/} on=${spec##*/}
    error=${error%/*}
    [ "$on" = on ] || on=
    case $class in write | memory) by=$step ;; *) by=1 ;; esac
    n=$((1 + classes % by - by)) classes=$((classes + 1))
    : >"$work/results"
    while [ $n -lt 20000 ]; do
        n=$((n + by))
        rm -rf "$work/store"
        mkdir "$work/store"
        { line=$(FAULT_CLASS=$class FAULT_ERROR=$error FAULT_AT=$n FAULT_ON=$on LD_PRELOAD=$lib \
            timeout 20 "$harness" commit "$work/store" "$work/acks" 2>"$work/log") ||
            line="commit injected 1 acknowledged 0 DIED $?"; } 2>/dev/null
        case $line in *"injected 0 "*) break ;; esac
        { timeout 20 "$harness" check "$work/store" "$work/acks" >"$work/check" 2>"$work/check.log"; } 2>/dev/null
        verdict=$?
        [ $verdict -ne 3 ] || [ -s "$work/check.log" ] || echo "BROKEN: refused without a word" >>"$work/check"
        echo "n $n $line verdict $verdict $(tr '\n' ' ' <"$work/check")" >>"$work/results"
    done
    awk -v spec="$spec" -v control=$([ "$error" = LIE ] && echo 1) '
        function after(word,  i) { for (i = 1; i < NF; i++) if ($i == word) return $(i + 1); return 0 }
        { acks += after("acknowledged"); full += after("full"); readonly += after("readonly") > 0
          unknown += after("unknown"); rewritten += after("compacted"); published += after("published"); orphans += after("orphans"); v = after("verdict"); made = after("made")
          early += v == 3 && !made; late += v == 3 && made
          if (/DIED|BROKEN/ || (v != 0 && v != 3)) { bad++; if (bad <= 5 && !control) print "    " $0 } }
        END { printf "%-20s %4d faults: %5d acknowledged, %4d refused as full, %3d in doubt, %3d runs read-only, " \
              "%d stores refused (%d while being made), %d keys left over, %d times rewritten, %d logs published, %s %d\n",
              spec, NR, acks, full, unknown, readonly, early + late, early, orphans, rewritten, published, control ? "FOUND OUT" : "LOST", bad
              exit NR == 0 || (control ? bad < NR / 4 : bad > 0) }' "$work/results" || rc=1
    total=$((total + $(wc -l <"$work/results")))
done
echo "$total faults"
exit $rc
