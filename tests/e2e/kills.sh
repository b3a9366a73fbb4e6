#!/usr/bin/env bash
# Kills the vault at random moments of uploads, judging, commits and lookups: kills.sh BIN ROOT [N].  Afterwards
# nothing acknowledged is lost, no batch is visible by half, no photo left without its leaf, and the log never had two
# roots of one size.
rounds=${3:-30}
students=40
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/crash_lib.sh"

must scratch_district
must scratch_init
must scratch_start
must scratch_principals
"$bin/photoctl" audit key --socket "$socket" >"$scratch/log.vkey"
must scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/photos.zip" \
    --taken-on "$(date -d '90 days ago' +%F)" --commit --report "$scratch/report.tsv" >/dev/null
awk -F'\t' '$4 == "stored" { print $3 }' "$scratch/report.tsv" >"$scratch/children"
stored=$(wc -l <"$scratch/children")
: >"$scratch/acknowledged"
: >"$scratch/running"

# One batch after the other; the id of each acknowledged commit is kept, in order.
ingest() {
    me=ingest
    local id
    while [ -e "$scratch/running" ]; do
        retake
        id=$(batch_new "$(date -d '60 days ago' +%F)") && batch_send "$id" && batch_wait "$id" || continue
        while [ -e "$scratch/running" ]; do
            batch_commit "$id" && { echo "$id" >>"$scratch/acknowledged"; break; }
            # An answer may be lost with the vault; what it did then counts as acknowledged once it is seen.
            [ "$(batch_is "$id" .state)" != committed ] || { echo "$id" >>"$scratch/acknowledged"; break; }
            sleep 0.05
        done
    done
}
lookups() {
    while [ -e "$scratch/running" ]; do
        # shellcheck disable=SC2046
        lookups_of $(shuf -n 5 "$scratch/children")
    done
}
checkpoints() {
    while [ -e "$scratch/running" ]; do
        sed -n '2,3p' "$state/log/checkpoint" 2>/dev/null | paste -sd' ' >>"$scratch/checkpoints.files"
        sleep 0.02
    done
}
ingest >/dev/null 2>&1 &
loops=$!
lookups >/dev/null 2>&1 &
loops="$loops $!"
lookups >/dev/null 2>&1 &
loops="$loops $!"
checkpoints &
loops="$loops $!"

# A process that dies often is started ever later; a new parent starts afresh.  On a slow machine more kills are needed
# before a commit was acknowledged between two of them.
n=0
back=yes
while [ $n -lt "$rounds" ] || { [ ! -s "$scratch/acknowledged" ] && [ $n -lt $((rounds * 3)) ]; }; do
    n=$((n + 1))
    sleep "0.$(printf %03d $((RANDOM % 900)))"
    if [ $((n % 5)) -eq 0 ]; then process_kill photod; else process_kill photod-vault; fi
    process_back photod-vault >"$scratch/back" || { back=no; break; }
done 2>/dev/null
all_back() { [ $back = yes ] || { cat "$scratch/back"; return 1; }; }
check "$kills kills, and each time photod was back" all_back
rm "$scratch/running"
# shellcheck disable=SC2086
wait $loops

check "every child is served" all_lookups
must published
leaves >"$scratch/leaves"
check "a batch is visible whole or not at all, and each release has its leaf" log_audit "$scratch/seen" <"$scratch/leaves"
audit=$(cat "$scratch/check.out")

lost=0
while read -r id; do
    [ "$(batch_is "$id" .state)" = committed ] && grep -q "\"type\":\"batch-commit\".*\"batch\":\"$id\"" "$scratch/leaves" ||
        lost=$((lost + 1))
    [ "$(batch_is "$id" .stored)" = "$stored" ] || lost=$((lost + 1))
done <"$scratch/acknowledged"
check "no acknowledged commit is lost" test $lost -eq 0
check "batches were committed meanwhile" test -s "$scratch/acknowledged"
check "the log verifies" "$bin/photoctl" audit verify "$state/log" --vkey-file "$scratch/log.vkey"

# A line cut short by a file replaced while it was read is left out.
grep -hE '^[0-9]+ [A-Za-z0-9+/]{43}=$' "$scratch/checkpoints" "$scratch/checkpoints.files" | sort -u >"$scratch/roots"
one_root_each() { [ -z "$(cut -d' ' -f1 "$scratch/roots" | sort | uniq -d)" ]; }
check "no two checkpoints of one size have different roots" one_root_each
check "(checkpoints were seen, in receipts and in files)" test "$(wc -l <"$scratch/roots")" -ge 20

seen=$(sort -u "$scratch/seen" | wc -l)
released=$(grep -c '"type":"release"' "$scratch/leaves")
check "no more releases were seen than the log has leaves" test $((seen - released)) -le 0
echo "kills $kills, acknowledged commits $(wc -l <"$scratch/acknowledged"), lost $lost," \
    "releases seen minus leaves $((seen - released)), checkpoints $(wc -l <"$scratch/roots"); $audit"
finish
