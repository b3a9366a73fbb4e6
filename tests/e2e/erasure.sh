#!/usr/bin/env bash
# Erasure: at once in the live store, for good in old copies; while the keys that make it so are replaced, and while the
# vault is killed in the middle of that, everybody else is served.
students=60
. "$(dirname "$0")/lib.sh"
conf=$state/photod.conf

# ---- Helpers ----

key_is() { ctl "keys status" --json | jq -e "$1" >/dev/null || { ctl "keys status"; return 1; }; }
epoch() { ctl "keys status" --json | jq .epoch; }
leaf_is() { published && leaves | sed -n "$(($1 + 1))p" | grep -q "$2" || { leaves | tail -5; return 1; }; }

question() { # STATE_ID
    printf '{"case":{"oca":"ERASE-1","reported_at":"%s","basis":"missing-child-report"},"operator":"e2e","child":{"state_id":"%s"},"rendition":"mobile"}' \
        "$(date -u -d '5 minutes ago' +%FT%TZ)" "$1"
}
# lookup STATE_ID JQ_TEST: asks again after a 503, as its advice says; a busy disk may take longer than a second.
lookup() {
    local got
    for _ in 1 2 3 4 5; do
        got=$(api --data "$(question "$1")" -H 'Content-Type: application/json' --cert "$(agency_file crt)" \
            --key "$(agency_file key)" "$law_url/v1/lookups")
        [ "$got" = 503 ] || break
        sleep 1
    done
    [ "$got" = 200 ] && jq -e "$2" "$scratch/body" >/dev/null && return
    echo "HTTP $got"
    head -c 300 "$scratch/body"
    return 1
}
serves() { lookup "$1" '.outcome == "match" and (.photo.data | length) > 1000'; }
none() { lookup "$1" ".outcome == \"none\" and .reason == \"$2\""; }
serves_no_photo() { not serves "$1" && ! grep -q '"data"' "$scratch/body"; }
all_served() {
    local id
    for id in $(cat "$scratch/children"); do
        serves "$id" || { echo "... for child $id"; return 1; }
    done
}
forget() { sed -i "/^$1\$/d" "$scratch/children"; }

# withdrawal STATUS JQ_TEST DISTRICT KEY_FILE BODY
withdrawal() {
    local got
    got=$(api --data "$5" -H 'Content-Type: application/json' -H "Authorization: Bearer $(cat "$4")" \
        "$office_url/v1/districts/$3/withdrawals")
    [ "$got" = "$1" ] && jq -e "$2" "$scratch/body" >/dev/null && return
    echo "HTTP $got"
    head -c 400 "$scratch/body"
    return 1
}
said() { printf '{"state_id":"%s","reason":"letter of the family"}' "$1"; }
# left STATE_ID JQ_TEST: of erasure prove
left() {
    printf '%s\n' "$1" | ctl "erasure prove" --json >"$scratch/left" && jq -e "$2" "$scratch/left" >/dev/null ||
        { cat "$scratch/left"; return 1; }
}
left_says() { printf '%s\n' "$1" | ctl "erasure prove" >"$scratch/left" && grep -q "$2" "$scratch/left"; }

# ---- A district ----

must scratch_district
must scratch_init
must scratch_start
must scratch_principals
check "a new state forecasts no photos" test "$(ctl forecast --json | jq .photos)" = 0
must scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/photos.zip" \
    --taken-on "$(date -d '30 days ago' +%F)" --commit >"$scratch/upload.txt" 2>&1
awk -F'\t' '$2 == "IN" && $4 != "none" && $4 != "corrupt" { print $1 }' "$scratch/expected.tsv" >"$scratch/children"
withdrawn=$(sed -n 1p "$scratch/children")
byphone=$(sed -n 2p "$scratch/children")
stored=$(wc -l <"$scratch/children")
check "(every child with a photo is served)" all_served
check "(the child to be withdrawn is in the live store, never erased)" left "$withdrawn" \
    '.live.photos == 1 and .live.record and .live.keys == 2 and .erased_on == null'
forecast_sums() {
    ctl forecast >"$scratch/forecast.txt" && cat "$scratch/forecast.txt"
    [ "$(ctl forecast --json | jq '[.rows[].photos] | add')" = "$stored" ] &&
        [ "$(ctl status --json | jq .photos)" = "$stored" ] && grep -q "^all  *$stored\$" "$scratch/forecast.txt" &&
        ctl forecast --json | jq -e --arg m "$(date -d '30 days ago 2 years' +%Y)" '.rows | all(.month | startswith($m))' >/dev/null
}
check "the forecast sums to the photos stored, two years after they were taken" forecast_sums

# ---- What an attacker could have copied before ----

must scratch_stop
mkdir "$scratch/before"
cp -r "$state/photos" "$state/keyring" "$state/keyfile" "$state/log" "$scratch/before/"
check "(the old photos with the keys of today: photod starts)" forge "$scratch/before" "$state" "$state"
check "(... and serves the child, while it is not erased)" serves "$withdrawn"
must scratch_stop
must scratch_start

# ---- Withdrawn ----

none_before=$(count_leaves '"type":"erase-intent"')
check "(nothing was erased yet)" test "$none_before" = 0
check "a withdrawal is answered with leaf, photos and the day its copies end" withdrawal 200 \
    ".audit > 0 and .photos == 1 and .unservable == \"now\" and .copies_end_on == \"$(TZ=America/Denver date -d '7 days' +%F)\"" \
    $district "$district_key" "$(said "$withdrawn")"
leaf=$(jq .audit "$scratch/body")
check "... and the child is none, withdrawn, at once" none "$withdrawn" withdrawn
check "... its record, photo and keys are gone" soon 5 left "$withdrawn" \
    '.live.photos == 0 and (.live.record | not) and .live.keys == 0 and (.unfinished | not) and .erased_on'
check "... which erasure prove says in plain words" left_says "$withdrawn" '^Live store: 0 photos, no record, 0 keys\.$'
check "... the leaf named is the withdrawal" leaf_is "$leaf" '"type":"withdrawal"'
erased_leaves() { # HOW_MANY REASON: intents, each with its erase-done of the same child for the record and the photo
    local child
    [ "$(count_leaves "\"type\":\"erase-intent\".*\"reason\":\"$2\"")" = "$1" ] || return 1
    for child in $(leaves | grep '"type":"erase-intent"' | jq -r .child); do
        [ "$(leaves | grep '"type":"erase-done"' | grep -c "$child")" = 2 ] || { leaves | tail -8; return 1; }
    done
}
check "... and erase-intent and erase-done are leaves" erased_leaves 1 withdrawn
forget "$withdrawn"
check "the other children are served" all_served
check "withdrawing the same child again erases nothing more" withdrawal 200 '.photos == 0' $district "$district_key" \
    "$(said "$withdrawn")"
withdraw_by_hand() {
    printf '%s\n' "$byphone" | "$bin/photoctl" withdraw --url "$office_url" --ca "$ca" --key-file "$district_key" \
        --district $district --reason "call of 23 November" >"$scratch/withdraw.txt" &&
        grep -q '^Erased: .* 1 photos' "$scratch/withdraw.txt"
}
check "photoctl withdraw does the same" withdraw_by_hand
check "... none, withdrawn" none "$byphone" withdrawn
forget "$byphone"

# Several at once: their ends must not be told twice.
at_once() {
    local id jobs=()
    for id in $(sed -n 1,8p "$scratch/children"); do
        curl --silent --cacert "$ca" --data "$(said "$id")" -H 'Content-Type: application/json' --max-time 20 --fail \
            -H "Authorization: Bearer $(cat "$district_key")" --output /dev/null \
            "$office_url/v1/districts/$district/withdrawals" &
        jobs+=($!)
    done
    for id in "${jobs[@]}"; do wait "$id" || return 1; done
    sed -i 1,8d "$scratch/children"
}
out=$(tail -1 "$scratch/children")
check "eight children are withdrawn at once" at_once
check "... each erasure's end is told once" soon 5 erased_leaves 11 withdrawn

# ---- Refused ----

check "an unknown child is 404, with its leaf" withdrawal 404 '.code == "child-unknown" and .audit' $district \
    "$district_key" "$(said 999999999)"
check "... which is in the log" leaf_is "$(jq .audit "$scratch/body")" '"type":"refusal".*"problem":"child-unknown"'
must ctl "district add" 0001 "Another School District" >/dev/null
must ctl "key issue" --district 0001 --label upload --out "$scratch/other.key" >/dev/null
check "a key for another district's path is 403" withdrawal 403 '.code == "credential-scope"' 0001 "$district_key" \
    "$(said "$out")"
check "another district's key for its own path is 404 for this child" withdrawal 404 '.code == "child-unknown"' 0001 \
    "$scratch/other.key" "$(said "$out")"
check "... who is served" serves "$out"
check "a State ID that is none is 400" withdrawal 400 '.code == "bad-parameter"' $district "$district_key" "$(said 12345)"
check "a withdrawal without reason is 400" withdrawal 400 '.code == "bad-parameter"' $district "$district_key" \
    "{\"state_id\":\"$out\"}"
check "a body that is no JSON is 400" withdrawal 400 '.code == "bad-json"' $district "$district_key" '{"state_id":'

# ---- OUT on a new roster ----

awk -F'\t' -v OFS='\t' -v id="$out" -v on="$(TZ=America/Denver date +%m/%d/%Y)" \
    '$1 == "SD" && $3 == id { for (i = 4; i < NF; i++) if ($i == "IN") { $i = "OUT"; $(i + 1) = on } } { print }' \
    "$scratch/roster.tsv" >"$scratch/roster2.tsv"
roster_out() { scratch_upload --roster "$scratch/roster2.tsv" --json >"$scratch/roster.json" && jq -e '.withdrawn == 1' "$scratch/roster.json"; }
check "a roster with one OUT withdraws that child" roster_out
check "... none, withdrawn, at once" none "$out" withdrawn
check "... and erased" soon 5 left "$out" '.live.photos == 0 and (.live.record | not) and .live.keys == 0 and (.unfinished | not)'
check "... with its leaves" erased_leaves 1 opted-out
forget "$out"
check "the roster, which still says IN of them, brings no withdrawn child back" none "$withdrawn" withdrawn
check "the other children are served" all_served

# ---- Replacing the ring key ----

first=$(epoch)
check "keys rotate replaces the ring key" ctl "keys rotate"
check "... the epoch rises by one, and no rotation is left open" key_is ".epoch == $((first + 1)) and (.rotating | not) and .since"
check "... its leaf says so" test "$(count_leaves "\"type\":\"ring-rotated\",.*\"epoch\":$((first + 1))[,}]")" = 1
check "... and all children are served" all_served
served_during() {
    local rc=0 rotations
    (for _ in 1 2 3 4 5 6 7 8; do ctl "keys rotate" || exit 1; done) >"$scratch/rotate.out" 2>&1 &
    rotations=$!
    while kill -0 $rotations 2>/dev/null; do
        serves "$(shuf -n 1 "$scratch/children")" || rc=1
    done
    wait $rotations && return $rc
}
check "... and while it is replaced eight times" served_during
check "two orders at once are one rotation or two, and both answered" eval \
    'ctl "keys rotate" & ctl "keys rotate" && wait $!'

vault_pid() { ctl status --json 2>/dev/null | jq -e '.processes[] | select(.process == "photod-vault").pid'; }
settled() { key_is '.rotating | not' && serves "$(head -1 "$scratch/children")"; }
# Kills the vault some milliseconds after the order, a little later each time.
kill_amid() {
    local i pid
    for i in 00 01 02 03 04 05 06 07 08 10 12 14; do
        pid=$(vault_pid) || return 1
        ctl "keys rotate" >"$scratch/rotate.$i" 2>&1 &
        sleep "0.0$i$((RANDOM % 10))"
        kill -9 "$pid"
        wait $!
        soon 20 settled || return 1
    done
    grep -c replaced "$scratch"/rotate.?? | sed 's/.*rotate/answered/' | tr '\n' ' '
}
before=$(epoch)
check "a vault killed in the middle of twelve rotations ends each, and serves" kill_amid
cat "$scratch/check.out" && echo
each_epoch_told() {
    local n
    for n in $(seq $((first + 1)) "$(epoch)"); do
        [ "$(leaves | grep -c "\"type\":\"ring-rotated\",.*\"epoch\":$n[,}]")" = 1 ] || { echo "epoch $n of $(epoch)"; return 1; }
    done
    echo "epochs $before to $(epoch)"
}
must published
check "... every epoch has its leaf" each_epoch_told
cat "$scratch/check.out"
check "... and all children are served" all_served

# ---- Replacing the root key ----

rekey() { ctl "keys rekey" --config "$conf" --shares-dir "$scratch/shares" --new-root-key "$@"; }
leaf_there() { [ "$(count_leaves "$1")" = 1 ]; }
refuse "keys rekey overwrites nothing" rekey "$scratch/root.key"
check "keys rekey makes a new root key" rekey "$scratch/root2.key"
check "... of 64 hexadecimal digits, for its owner to read" eval \
    'grep -qxE "[0-9a-f]{64}" "$scratch/root2.key" && [ "$(stat -c "%a %s" "$scratch/root2.key")" = "400 65" ]'
check "... and photod serves on" all_served
check "... and can still rotate" ctl "keys rotate"
check "... and the old one is in force" test "$(count_leaves '"type":"rekeyed"')" = 0
must scratch_stop
check "photod starts by the new one" scratch_start
check "... with its leaf" leaf_there '"type":"rekeyed","epoch":2'
check "... and serves" all_served
must scratch_stop
old_root_refused() {
    sed "s|^root_key = .*|root_key = $scratch/root.key|" "$conf" >"$scratch/old.conf"
    timeout 20 "$bin/photod" --config "$scratch/old.conf" >"$scratch/out" 2>&1 </dev/null
    [ $? -ne 0 ] && [ $? -ne 124 ] && [ "$(grep -c 'the root key is another' "$scratch/out")" = 1 ]
}
check "by the old one it does not, and says why in one line" old_root_refused
must scratch_start

# ---- Old copies ----

must scratch_stop
# gives_back PHOTOS_FROM KEYRING_FROM KEYFILE_FROM: the child erased since; photod that does not start is as good.
gives_back() {
    local rc=1
    forge "$@" 2>"$scratch/forged.err" || { echo "photod does not start"; tail -2 "$scratch/forged.err"; return 1; }
    serves "$withdrawn" && rc=0
    grep -q '"data"' "$scratch/body" && rc=0
    scratch_stop
    return $rc
}
refuse "the old photos with today's keys do not give the erased photo back" gives_back "$scratch/before" "$state" "$state"
others_from_old() {
    forge "$scratch/before" "$state" "$state" && all_served
}
check "(... though the same state serves the others)" others_from_old
must scratch_stop
refuse "the old photos and keyring with today's key file do not give it back" gives_back "$scratch/before" \
    "$scratch/before" "$state"
check "(today's state starts again)" scratch_start
check "(... and serves)" all_served

# ---- Purge ----

stored=$(wc -l <"$scratch/children")
check "a purge of fresh photos erases nothing and certifies it" eval \
    'ctl purge --json >"$scratch/purge.json" && jq -e ".expired == 0 and .lapsed == 0 and .copies_end_on" "$scratch/purge.json"'
check "... by a leaf" leaf_is "$(jq .audit "$scratch/purge.json")" '"type":"purge","expired":0,"lapsed":0'
check "... and all children are served" all_served
must scratch_stop

# ---- Two years on ----

photos_are() { ctl status --json | jq -e ".photos == $1 and .students $2" >/dev/null; }
# A third of the children answers again that day, and so has expired photos and no lapsed opt-in.
again_in() {
    sed -n 1,10p "$scratch/children" >"$scratch/again"
    ctl "key issue" --district $district --label later --out "$scratch/later.key" &&
        awk -F'\t' -v OFS='\t' 'FNR == NR { again[$1]; next } $1 != "SD" || $3 in again {
            if ($1 == "SD") for (i = 4; i < NF; i++) if ($i == "IN") $(i + 1) = ""
            print }' "$scratch/again" "$scratch/roster.tsv" >"$scratch/roster3.tsv" &&
        district_key=$scratch/later.key scratch_upload --roster "$scratch/roster3.tsv" --json | jq -e '.in == 10'
}
check "two years later photod starts" later_start 732
check "... and status says that the clock is suspect" eval 'ctl status | grep -q "^clock  *SUSPECT" && ctl status --json | jq -e .clock_suspect'
refuse "... so that purge refuses" ctl purge
check "... and nothing is gone" photos_are "$stored" '> 0'
check "(ten children are opted in anew)" again_in
check "the administrator accepts the clock" ctl "clock accept"
check "... and all photos, and the children whose opt-in lapsed, are purged" soon 10 photos_are 0 '== 10'
check "... certified with their numbers" eval \
    '[ "$(count_leaves "\"type\":\"purge\",\"expired\":$stored,\"lapsed\":[1-9]")" = 1 ]'
check "... a child opted in has its record and no photo" left "$(head -1 "$scratch/again")" \
    '.live.record and .live.photos == 0 and .live.keys == 1'
check "... one whose opt-in lapsed has nothing" left "$(tail -1 "$scratch/children")" \
    '(.live.record | not) and .live.photos == 0 and .live.keys == 0'
check "... and the forecast is empty" test "$(ctl forecast --json | jq .photos)" = 0
must later_stop
"$bin/photoctl" audit verify "$state/log" --vkey-file "$state/log.vkey" >"$scratch/verify.out" 2>&1
check "the log verifies after all of it" test $? = 0
finish
