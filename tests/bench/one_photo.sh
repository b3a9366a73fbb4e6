#!/usr/bin/env bash
# The README's measured line: photos per second from ZIP to durable, median lookup, start time.
#
#   tests/bench/one_photo.sh [BIN [ROOT]]    after `ops/demo` or any release build
here=$(cd "$(dirname "$0")/../.." && pwd)
set -- "${1:-$here/build/release/bin}" "${2:-$here}"
. "$here/tests/e2e/lib.sh"

now() { date +%s%N; }
seconds() { awk -v ns="$1" 'BEGIN { printf "%.2f", ns / 1e9 }'; }

must scratch_district
must scratch_init
at=$(now)
must scratch_start
start=$(($(now) - at))
must scratch_principals
must scratch_upload --roster "$scratch/roster.tsv" >/dev/null
at=$(now)
must scratch_upload --photos "$scratch/photos.zip" --taken-on "$(date -d '30 days ago' +%F)" --commit \
    --report "$scratch/report.tsv" >/dev/null 2>&1
load=$(($(now) - at))
stored=$(awk -F'\t' '$4 == "stored"' "$scratch/report.tsv" | wc -l)
files=$(($(wc -l <"$scratch/report.tsv") - 1))

# 500 lookups of 100 children, one after the other on one connection.
body=$scratch/bodies
mkdir "$body"
config=$scratch/curl.conf
n=0
for id in $(awk -F'\t' '$4 == "stored" { print $3 }' "$scratch/report.tsv" | head -100); do
    printf '{"case":{"oca":"BENCH-1","reported_at":"%s","basis":"missing-child-report"},"operator":"bench","child":{"state_id":"%s"}}' \
        "$(date -u -d '5 minutes ago' +%FT%TZ)" "$id" >"$body/$n"
    n=$((n + 1))
done
for round in 1 2 3 4 5; do
    for i in $(seq 0 $((n - 1))); do
        printf 'next\nurl = "%s/v1/lookups"\ncacert = "%s"\ncert = "%s"\nkey = "%s"\ndata = "@%s"\nheader = "Content-Type: application/json"\nheader = "Accept: image/jpeg"\noutput = "/dev/null"\nwrite-out = "%%{http_code} %%{time_total}\\n"\n' \
            "$law_url" "$ca" "$(agency_file crt)" "$(agency_file key)" "$body/$i"
    done
done | sed 1d >"$config"
curl --silent --config "$config" >"$scratch/times"
good=$(grep -c '^200 ' "$scratch/times")
[ "$good" -eq $((5 * n)) ] || { echo "only $good of $((5 * n)) lookups were answered" >&2; exit 1; }
median=$(awk '{ print $2 * 1000 }' "$scratch/times" | sort -n | awk '{ v[NR] = $1 } END { printf "%.1f", v[int((NR + 1) / 2)] }')
p99=$(awk '{ print $2 * 1000 }' "$scratch/times" | sort -n | awk '{ v[NR] = $1 } END { printf "%.1f", v[int(NR * 0.99)] }')

printf '%s photos/s (%s stored of %s files in %s s, three renditions each, sealed and durable), lookup median %s ms and p99 %s ms (%s audited lookups of 480x600 on one connection), start %s s; %s cores, %s\n' \
    "$(awk -v n="$stored" -v ns="$load" 'BEGIN { printf "%.0f", n / (ns / 1e9) }')" "$stored" "$files" \
    "$(seconds $load)" "$median" "$p99" "$good" "$(seconds $start)" "$(nproc)" \
    "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)"
