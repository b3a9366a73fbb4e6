#!/usr/bin/env bash
# A whole state's roster: 150,000 students (or N) beside the demo's photos.  Prints how long it takes to load, to start
# until the first lookup is answered, what memory the vault holds, and lookups against those of a small store.
#
#   tests/bench/state.sh [N [BIN [ROOT]]]    after a release build
here=$(cd "$(dirname "$0")/../.." && pwd)
wanted=${1:-150000}
set -- "${2:-$here/build/release/bin}" "${3:-$here}"
. "$here/tests/e2e/lib.sh"

now() { date +%s%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.2f s", (b - a) / 1e9 }'; }
vault_kb() { sed -n "s/^$1:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$(pgrep -P "$(scratch_pid)" photod-vault)/status"; }

# median_ms: of 200 lookups, one after the other on one connection.
median_ms() {
    local id body=$scratch/one.json config=$scratch/curl.conf
    id=$(awk -F'\t' '$4 == "stored" { print $3; exit }' "$scratch/report.tsv")
    printf '{"case":{"oca":"BENCH-1","reported_at":"%s","basis":"missing-child-report"},"operator":"bench","child":{"state_id":"%s"}}' \
        "$(date -u -d '5 minutes ago' +%FT%TZ)" "$id" >"$body"
    for _ in $(seq 200); do
        printf 'next\nurl = "%s/v1/lookups"\ncacert = "%s"\ncert = "%s"\nkey = "%s"\ndata = "@%s"\nheader = "Content-Type: application/json"\nheader = "Accept: image/jpeg"\noutput = "/dev/null"\nwrite-out = "%%{http_code} %%{time_total}\\n"\n' \
            "$law_url" "$ca" "$(agency_file crt)" "$(agency_file key)" "$body"
    done | sed 1d >"$config"
    curl --silent --config "$config" | awk '$1 == 200 { print $2 * 1000 }' | sort -n |
        awk '{ v[NR] = $1 } END { if (NR < 200) exit 1; printf "%.2f", v[100] }'
}

must scratch_district
must scratch_init
must scratch_start
must scratch_principals
must scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/photos.zip" \
    --taken-on "$(date -d '30 days ago' +%F)" --commit --report "$scratch/report.tsv" >/dev/null 2>&1
small=$(median_ms)

# Synthetic students, all opted in this school year, with State IDs that the demo does not use.
awk -v n="$wanted" -v day="$(date +%m/%d/%Y)" 'BEGIN {
    printf "HD\t%s\t06:15:00\tMT9.1\n", day
    for (i = 0; i < n; i++)
        printf "SD\t0487\t%09d\t%d\tFamily%d\tChild%d\t\tF\t05/02/2015\t0412\t05\tR1\tIN\t%s\n", i, i, i % 9973, i % 997, day
}' >"$scratch/state.tsv"
at=$(now)
must scratch_upload --roster "$scratch/state.tsv" >"$scratch/state.txt"
echo "roster of $wanted students: loaded in $(since "$at")"
large=$(median_ms)
must scratch_stop
at=$(now)
must scratch_start
id=$(awk -F'\t' '$4 == "stored" { print $3; exit }' "$scratch/report.tsv")
must scratch_lookup "$id" --out "$scratch/first.jpg" >/dev/null
echo "start to first lookup: $(since "$at")"
# One lookup after the other while the ring key is replaced; how long that took, and what they met.
rotate_amid_lookups() {
    local at pid n=0 failed=0
    at=$(now)
    "$bin/photoctl" keys rotate --socket "$socket" >/dev/null &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        n=$((n + 1))
        scratch_lookup "$id" --out "$scratch/amid.$n.jpg" >/dev/null 2>&1 || failed=$((failed + 1))
    done
    wait $pid || return 1
    echo "ring key replaced, $("$bin/photoctl" keys status --socket "$socket" --json | jq .deks) keys wrapped anew: $(since "$at"); meanwhile $n lookups, $failed failed"
    [ $n -gt 0 ] && [ $failed -eq 0 ]
}
must rotate_amid_lookups
echo "vault: $(vault_kb VmRSS) kB resident, $(vault_kb VmLck) kB locked; state $(du -sm "$state" | cut -f1) MB"
echo "lookup median: $large ms with $wanted students, $small ms with $students"
