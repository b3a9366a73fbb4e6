#!/usr/bin/env bash
# fuzz.sh [--seconds N] [--keep] [TARGET...]: libFuzzer on the parsers of foreign bytes, each for N seconds (60) from
# the kept corpus, with AddressSanitizer and UndefinedBehaviorSanitizer.  Prints executions beside the lines of our
# own code that they reached: executions of code that is not instrumented mean nothing.  --keep adds what reached new
# code to tests/fuzz/corpus, minimised.  A find is left in build/fuzz/finds, and the exit status is 1.
set -euo pipefail
cd "$(dirname "$0")/../.."
. ops/packages.sh
# shellcheck disable=SC2086
need_packages $BUILD_PACKAGES $FUZZ_PACKAGES

seconds=60 keep=
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) seconds=$2; shift 2 ;;
    --keep) keep=1; shift ;;
    -*) sed -n '2,6s/^# //p' "$0" >&2; exit 2 ;;
    *) break ;;
    esac
done
known=$(cd tests/fuzz && ls fuzz_*.c | sed 's/^fuzz_//; s/\.c$//')
targets=${*:-$known}

# sources TARGET: the files whose lines count.
sources() {
    case $1 in
    archive) echo ingest/archive*.c ingest/package*.c ;;
    image) echo ingest/probe*.c ingest/exif.c ;;
    index) echo ingest/index*.c ingest/delimited.c ;;
    mapping) echo ingest/mapping.c ingest/index_table.c ingest/delimited.c ;;
    message) echo photod/wire/message.c photod/wire/pack.c photod/wire/shapes.c ;;
    roster) echo ingest/roster*.c ingest/delimited.c ingest/charset.c ingest/fold.c ;;
    esac
}

# llvm-cov knows a file by the way the compiler went to it, so its own choice of sources would match none.
# shellcheck disable=SC2016
count='[.data[0].files[] | .filename as $f | select(any($sources | split(" ")[]; . as $s | $f | endswith("/" + $s)))
        | .summary.lines] | (map(.count) | add) as $all | "\($all) \((map(.covered) | add) * 100 / $all | floor)%"'

mkdir -p build
build fuzz $(for t in $targets; do echo fuzz_$t; done)
finds=build/fuzz/finds
mkdir -p $finds
rc=0
printf '%-10s %12s %9s %7s %9s %9s  %s\n' TARGET EXECUTIONS PER-SEC CORPUS LINES REACHED FINDS
for t in $targets; do
    work=build/fuzz/corpus/$t kept=tests/fuzz/corpus/$t log=build/fuzz/$t.log
    mkdir -p "$work" "$kept"
    before=$(find $finds -name "$t-*" | wc -l)
    LLVM_PROFILE_FILE=/dev/null timeout $((seconds + 60)) build/fuzz/bin/fuzz_$t "$work" "$kept" \
        -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="$finds/$t-" >"$log" 2>&1 || true
    found=$(($(find $finds -name "$t-*" | wc -l) - before))
    [ "$found" -eq 0 ] || rc=1
    [ -z "$keep" ] || LLVM_PROFILE_FILE=/dev/null build/fuzz/bin/fuzz_$t -merge=1 "$kept" "$work" >>"$log" 2>&1
    LLVM_PROFILE_FILE=build/fuzz/$t.raw build/fuzz/bin/fuzz_$t -runs=0 "$work" "$kept" >>"$log" 2>&1
    llvm-profdata-14 merge -o build/fuzz/$t.profile build/fuzz/$t.raw
    read -r lines reached < <(llvm-cov-14 export -summary-only -instr-profile=build/fuzz/$t.profile \
        build/fuzz/bin/fuzz_$t | jq -r --arg sources "$(sources "$t")" "$count")
    execs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    printf '%-10s %12s %9s %7s %9s %9s  %s\n' "$t" "${execs:-?}" "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")" \
        "$(find "$work" "$kept" -type f | wc -l)" "$lines" "$reached" "$found"
done
[ $rc -eq 0 ] || echo "Finds are in $finds; replay one with build/fuzz/bin/fuzz_TARGET FILE" >&2
exit $rc
