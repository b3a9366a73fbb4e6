#!/usr/bin/env bash
# Each process is killed while a batch is uploaded, while it is judged, and once its commit is acknowledged: the
# process comes back, lookups go on, a batch is visible whole or not at all, and nothing acknowledged is lost.
students=60
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/crash_lib.sh"

must scratch_district
must scratch_init
must scratch_start
must scratch_principals
day=60
taken_on() { date -d "$day days ago" +%F; }
"$bin/photoctl" audit key --socket "$socket" >"$scratch/log.vkey"

check "the district is loaded" scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/photos.zip" \
    --taken-on "$(taken_on)" --commit --report "$scratch/report.tsv"
awk -F'\t' '$4 == "stored" { print $3 }' "$scratch/report.tsv" >"$scratch/children"
stored=$(wc -l <"$scratch/children")
files=$(($(wc -l <"$scratch/report.tsv") - 1))
check "there are children to look up" test "$stored" -ge 20

# Photos of the same day replace each other, so the log says of which batch each release was: log_audit().
rows() { jq -c '.rows[] | [.line, .state_id, .outcome]' "$scratch/office.$me" | sort; }
judging=0
# kill_while_judging NAME ID: when some rows are there; keeps them.
kill_while_judging() {
    local judged
    for _ in $(seq 400); do
        judged=$(batch_is "$2" .judged)
        [ "${judged:-0}" -lt 5 ] || break
    done
    rows >"$scratch/rows"
    [ "$judged" -ge "$files" ] || judging=$((judging + 1))
    process_kill "$1"
}
rows_are_there() {
    batch_is "$1" .state >/dev/null
    rows >"$scratch/rows.now"
    [ -z "$(comm -23 "$scratch/rows" "$scratch/rows.now")" ] || { comm -23 "$scratch/rows" "$scratch/rows.now"; return 1; }
}
# What a dead worker had in hand is tried again once; nothing may be lost over one death.
is_whole() {
    [ "$(batch_is "$1" '"\(.files) \(.stored)"')" = "$files $stored" ] || { batch_is "$1" '.files, .judged, .stored, .fault'; return 1; }
}
audit() {
    published && leaves | log_audit "$scratch/seen"
}

for name in photod-vault 'photod-web law' 'photod-web office' 'photod-intake 0' 'photod-intake 1' 'photod-intake 2' photod; do
    day=$((day - 1))
    must retake
    batch=$(batch_new "$(taken_on)")
    (me=put; batch_put "$batch" --limit-rate 6M >"$scratch/put") &
    put=$!
    sleep 0.3
    process_kill "$name"
    wait $put
    check "$name, killed during an upload, comes back" process_back "$name"
    case $name in
    photod-vault | 'photod-web office' | photod) check "... and the upload that it cut can be sent again" batch_send "$batch" ;;
    *) check "... and the upload does not notice" test "$(cat "$scratch/put")" = 202 ;;
    esac
    kill_while_judging "$name" "$batch"
    check "$name, killed while a batch is judged, comes back" process_back "$name"
    check "... and rows that were reported are still there" rows_are_there "$batch"
    check "... and the batch is judged to its end" batch_wait "$batch"
    check "... and no file is lost" is_whole "$batch"
    check "... and every child is served from the batch before" all_lookups
    check "the batch is committed" batch_commit "$batch"
    process_kill "$name"
    check "$name, killed after a commit was acknowledged, comes back" process_back "$name"
    check "... and every child is served" all_lookups
    check "... whole batches only, each release with its leaf" audit
    check "... and the commit stands" test "$(batch_is "$batch" .state)" = committed
done
check "most kills fell into the judging ($judging of 7)" test "$judging" -ge 4
audit
check "the log verifies" "$bin/photoctl" audit verify "$state/log" --vkey-file "$scratch/log.vkey"
echo "kills $kills, of them $judging while judging; $(audit)"
finish
