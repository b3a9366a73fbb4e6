#!/usr/bin/env bash
# Uploads that break off: the real tus-js-client brings 300 MB over a line that is cut ten times, with the office door
# killed, all of photod started anew and killed in between; then by photoctl and by hand.
# Usage: tus.sh BIN ROOT [SEED]
students=180
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/crash_lib.sh"
export NODE_PATH=$root/build/npm/tus/node_modules
if [ ! -d "$NODE_PATH/tus-js-client" ] || ! command -v node >/dev/null; then
    echo "skipped: tus-js-client is not there; ops/test installs it"
    exit 77
fi
line_seed=${3:-$(date +%s)}
cuts=10
swollen=17

must scratch_district
must "$bin/demo-district" --swell $swollen "$scratch/photos.zip" "$scratch/large.zip" >"$scratch/swollen"
must scratch_init
must scratch_start
must scratch_principals
must scratch_upload --roster "$scratch/roster.tsv" >"$scratch/roster.txt" 2>&1
bytes=$(stat -c %s "$scratch/large.zip")
taken_on=$(date -d '30 days ago' +%F)
export NODE_EXTRA_CA_CERTS=$ca

peak_kib() { awk '/^VmHWM/ { print $2 }' "/proc/$(process_id "$1")/status"; }
note_peaks() { # of processes that may be gone soon
    for name in photod-vault 'photod-web office'; do echo "$name $(peak_kib "$name")" >>"$scratch/peaks"; done
}

# ---- tus-js-client ----

do_for_client() {
    note_peaks
    case $1 in
    kill-door) process_kill 'photod-web office' ;;
    restart) scratch_stop && scratch_start ;;
    kill-photod) process_kill photod ;;
    esac
}
client_uploads() { # BATCH
    local reply
    coproc CLIENT { node "$root/tests/e2e/tus/upload.js" "$office_url$batches/$1/upload" "$scratch/large.zip" \
        "$district_key" "$line_seed" $cuts 2>&1; }
    local from=${CLIENT[0]} to=${CLIENT[1]}
    while read -r -t 120 reply <&"$from"; do
        case $reply in
        'do '*) do_for_client "${reply#do }" >&2 && echo done >&"$to" ;;
        '{'*) echo "$reply" >"$scratch/client.json" && return ;;
        *) echo "$reply" && return 1 ;;
        esac
    done
    return 1
}
head_of() { # BATCH HEADER
    bearer -I -H 'Tus-Resumable: 1.0.0' --dump-header "$scratch/head" "$office_url$batches/$1/upload" >/dev/null
    awk -v name="$2:" 'tolower($1) == tolower(name) { sub(/\r$/, ""); sub(/^[^ ]* /, ""); print }' "$scratch/head"
}
of_client() { jq -r "$1" "$scratch/client.json"; }

batch=$(batch_new "$taken_on")
began=$(date +%s%N)
check "tus-js-client uploads $((bytes / 1000000)) MB over a line that is cut" client_uploads "$batch"
took_ms=$((($(date +%s%N) - began) / 1000000))
check "... ten times, at offsets of seed $line_seed, and three times with the server" \
    test "$(of_client .cuts)" -eq $((cuts + 3))
check "... going on each time, never from the start" \
    test "$(of_client '"\(.posts) \(.heads >= 10)"')" = '1 true'
check "... and the upload is whole" test "$(head_of "$batch" Upload-Offset)" = "$bytes"
check "... and is judged by itself" batch_wait "$batch"
note_peaks

# Each swollen file was unpacked whole, or it would be entry-damaged: its checksum is right.
row_of() { jq -r --arg f "$1" '.rows[] | select(.file == $f) | .outcome' "$scratch/office.$me"; }
noise_is_whole() {
    local file whole=0
    while read -r file; do
        case $(row_of "$file") in
        not-an-image) whole=$((whole + 1)) ;;
        entry-damaged | '') echo "$file: $(row_of "$file")" && return 1 ;;
        esac
    done <"$scratch/swollen"
    echo "$whole"
    [ "$whole" -ge 8 ]
}
none_damaged() { [ "$(jq '[.rows[] | select(.outcome == "entry-damaged")] | length' "$scratch/office.$me")" = 0 ]; }
bearer "$office_url$batches/$batch" >/dev/null
check "... every file of 18 MB arrived byte for byte" noise_is_whole
noise=$(tail -1 "$scratch/check.out")
check "... no file is damaged" none_damaged
check "... as many rows as files" test "$(jq '.rows | length' "$scratch/office.$me")" = \
    "$(jq .files "$scratch/office.$me")"
jq -r '.rows[] | select(.outcome == "stored") | .state_id' "$scratch/office.$me" >"$scratch/children"
stored=$(wc -l <"$scratch/children")
check "... and there are photos among them ($stored)" test "$stored" -ge 20
check "the batch is committed" batch_commit "$batch"
each_is_right() {
    local id got want
    while read -r id; do
        rm -f "$scratch/p.jpg"
        scratch_lookup "$id" --rendition full --out "$scratch/p.jpg" >/dev/null || return 1
        got=$("$bin/demo-district" --read-code "$scratch/p.jpg")
        want=$(awk -F'\t' -v id="$id" '$1 == id { print $5 }' "$scratch/expected.tsv")
        [ "$got" = "$want" ] || { echo "$id: $got, not $want" && return 1; }
    done <"$scratch/children"
}
check "... and every photo comes out as the right child" each_is_right
small() { awk '$NF > 200 * 1024 { print; bad = 1 } END { exit bad }' "$scratch/peaks"; }
check "web and vault stayed under 200 MB" small

echo "$((bytes / 1000000)) MB in $took_ms ms: $(of_client '"\(.cuts) cuts, \(.patches) PATCH, \(.heads) HEAD, answers \(.statuses)"')"
echo "$noise files of 18 MB whole, $stored photos right; peak memory: $(awk '{ n = $1 " " $2; if (NF == 2) n = $1; if ($NF > m[n]) m[n] = $NF } END { for (n in m) printf "%s %d MB  ", n, m[n] / 1024 }' "$scratch/peaks")"

# ---- photoctl ----

by_photoctl() { # over a line that is cut
    local cut direct=$office_url code
    coproc LINE { node "$root/tests/e2e/tus/cutter.js" "${office_url##*:}" "$line_seed" 3 "$(stat -c %s "$scratch/medium.zip")"; }
    local from=${LINE[0]} to=${LINE[1]}
    read -r cut <&"$from"
    office_url=https://127.0.0.1:$cut
    scratch_upload --photos "$scratch/medium.zip" --taken-on "$taken_on"
    code=$?
    office_url=$direct
    eval "exec $to>&-"
    read -r cut <&"$from"
    [ "$code" = 0 ] && [ "$cut" = 3 ] || { echo "exit $code, $cut cuts" && return 1; }
}
must "$bin/demo-district" --swell 2 "$scratch/photos.zip" "$scratch/medium.zip" >"$scratch/medium"
check "photoctl uploads over a line that is cut three times" by_photoctl

# ---- By hand ----

tus() { # BATCH METHOD CURL_OPTION...: prints the HTTP status
    local id=$1 method=$2
    shift 2
    bearer -X "$method" -H 'Tus-Resumable: 1.0.0' "$@" "$office_url$batches/$id/upload"
}
small_bytes=$(stat -c %s "$scratch/photos.zip")
batch=$(batch_new "$taken_on")
check "curl begins an upload" test "$(tus "$batch" POST -H "Upload-Length: $small_bytes" --data '')" = 201
patch() { # OFFSET BYTES: BYTES less than there are
    tail -c +$(($1 + 1)) "$scratch/photos.zip" | head -c "$2" >"$scratch/piece"
    tus "$batch" PATCH -H 'Content-Type: application/offset+octet-stream' -H "Upload-Offset: $1" -H 'Expect:' \
        --data-binary @"$scratch/piece"
}
check "... brings a piece" test "$(patch 0 100001)" = 204
check "... is told where it stands" test "$(head_of "$batch" Upload-Offset)" = 100001
check "... may not begin elsewhere" test "$(patch 100000 10)" = 409
go_on() { scratch_upload --batch "$batch" --photos "$scratch/photos.zip"; }
check "photoctl goes on where curl stopped, to the report" go_on
check "... and the upload is whole" test "$(head_of "$batch" Upload-Offset)" = "$small_bytes"
check "... judged by itself" batch_wait "$batch"
finish
