#!/usr/bin/env bash
# One large batch: about 1 GB of mixed photos (or N students').  Prints photos per second, the most memory that web and
# vault ever held, and how lookups of another district's child went meanwhile.
#
#   tests/bench/big_batch.sh [N [BIN [ROOT]]]    after a release build; needs about 4 GB in TMPDIR
#
# Drawing the pictures takes longer than the batch: with DISTRICT=folder they are drawn into it once and used again.
here=$(cd "$(dirname "$0")/../.." && pwd)
wanted=${1:-5700}
set -- "${2:-$here/build/release/bin}" "${3:-$here}"
. "$here/tests/e2e/lib.sh"

now() { date +%s%N; }
peak_mb() { for pid in $(pgrep -P "$(scratch_pid)" -f "$1"); do sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status"; done |
    sort -n | tail -1 | awk '{ printf "%.0f", $1 / 1024 }'; }

must scratch_district
must scratch_init
must scratch_start
must scratch_principals
taken_on=$(date -d '30 days ago' +%F)
must scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/photos.zip" --taken-on "$taken_on" --commit \
    --report "$scratch/report.tsv" >/dev/null 2>&1
known=$(awk -F'\t' '$4 == "stored" { print $3; exit }' "$scratch/report.tsv")

# The large district, of another seed: other children, larger pictures.
large=${DISTRICT:-$scratch/large}
[ -e "$large/photos.zip" ] || { mkdir -p "$large" &&
    must "$bin/demo-district" --seed 7 --students "$wanted" --scale 2 --out "$large" >/dev/null; }
echo "a ZIP of $(unzip -l "$large/photos.zip" 2>/dev/null | awk 'END { print $2 }' || true) files, $(du -m "$large/photos.zip" | cut -f1) MB"
must scratch_upload --roster "$large/roster.tsv" >/dev/null 2>&1

# lookups FILE: one every fifth of a second until it is gone; a line each, with its milliseconds.
lookups() {
    local at
    while [ -e "$1" ]; do
        at=$(now)
        if scratch_lookup "$known" --out "$scratch/q.jpg" >/dev/null 2>&1; then
            echo "answered $((($(now) - at) / 1000000))"
        else
            echo "failed"
        fi >>"$scratch/lookups"
        rm -f "$scratch/q.jpg"
        sleep 0.2
    done
}
touch "$scratch/going"
lookups "$scratch/going" &
at=$(now)
must scratch_upload --photos "$large/photos.zip" --taken-on "$taken_on" --commit \
    --report "$scratch/large.tsv" >/dev/null 2>&1
took=$(($(now) - at))
rm "$scratch/going"
wait $!

files=$(($(wc -l <"$scratch/large.tsv") - 1))
stored=$(awk -F'\t' '$4 == "stored"' "$scratch/large.tsv" | wc -l)
awk -v n="$stored" -v f="$files" -v ns="$took" 'BEGIN {
    printf "%d files, %d stored in three renditions, in %.0f s: %.0f photos/s\n", f, n, ns / 1e9, n / (ns / 1e9) }'
echo "most memory: web $(peak_mb photod-web) MB, vault $(peak_mb photod-vault) MB, a worker now $(peak_mb photod-intake) MB"
sort "$scratch/lookups" | awk '$1 == "failed" { f++ } $1 == "answered" { v[++n] = $2 } END {
    printf "lookups meanwhile, each a new process and connection: %d answered, %d failed\n", n, f }'
awk '$1 == "answered" { print $2 }' "$scratch/lookups" | sort -n |
    awk '{ v[NR] = $1 } END { printf "median %d ms, slowest %d ms\n", v[int((NR + 1) / 2)], v[NR] }'
