#!/usr/bin/env bash
# photoctl fsck opens everything that is sealed: it is content with a whole store, names what is damaged in another, and
# changes neither.
students=40
. "$(dirname "$0")/lib.sh"

must scratch_district
must scratch_init
must scratch_start
must scratch_principals
must scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/photos.zip" \
    --taken-on "$(date -d '30 days ago' +%F)" --commit --report "$scratch/report.tsv" >/dev/null
stored=$(awk -F'\t' '$4 == "stored"' "$scratch/report.tsv" | wc -l)
must scratch_lookup "$(awk -F'\t' '$4 == "stored" { print $3; exit }' "$scratch/report.tsv")" --out "$scratch/p.jpg" >/dev/null

fsck() {
    "$bin/photoctl" fsck --socket "$socket" "$@"
}
check "a whole store is whole" fsck
opened=$(fsck --json | jq .checked)
enough() { [ "$opened" -ge $((stored * 6)) ] || { echo "$opened values for $stored photos"; return 1; }; }
check "... and more than every rendition, key, record and leaf was opened ($opened values, $stored photos)" enough

# One byte in each of twelve renditions: an envelope of class 6 opens with its magic, version, suite and class.
must scratch_stop
cp "$state/photos/data.mdb" "$scratch/whole.mdb"
cp -r "$state/log" "$scratch/whole.log"
LC_ALL=C grep -aboP 'PHD1\x01[\x01\x02]\x06' "$state/photos/data.mdb" | cut -d: -f1 | awk 'NR % 5 == 0' | head -12 \
    >"$scratch/places"
while read -r at; do
    at=$((at + 100))
    byte=$(od -An -tu1 -j $at -N1 "$state/photos/data.mdb" | tr -d ' ')
    printf "\\x$(printf %02x $((byte ^ 1)))" | dd of="$state/photos/data.mdb" bs=1 seek=$at conv=notrunc status=none
done <"$scratch/places"
check "(twelve renditions are damaged)" test "$(wc -l <"$scratch/places")" -eq 12
check "photod starts on a store with damaged pictures" scratch_start
fsck --json >"$scratch/found.json"
code=$?
check "fsck finds damage and says so by its exit code" test $code -eq 4
damaged=$(jq .damaged "$scratch/found.json")
check "... at least six of twelve lay in what is kept ($damaged)" test "$damaged" -ge 6
names_students() { [ "$(jq '[.rows[] | select(.kind == "rendition") | .state_id | select(length == 9)] | length' "$scratch/found.json")" -ge 6 ]; }
check "... and whose pictures they are" names_students

# served RENDITION STATE_ID
served() {
    rm -f "$scratch"/q.jpg
    scratch_lookup "$2" --rendition "$1" --out "$scratch/q.jpg"
}
hurt=$(jq -r '[.rows[] | select(.kind == "rendition")][0].state_id' "$scratch/found.json")
number=$((16#$(jq -r '[.rows[] | select(.kind == "rendition")][0].key' "$scratch/found.json" | cut -c49-50)))
refuse "a damaged picture is not served" served "$(echo full standard mobile | cut -d' ' -f$((number + 1)))" "$hurt"
sound=$(comm -23 <(awk -F'\t' '$4 == "stored" { print $3 }' "$scratch/report.tsv" | sort) \
    <(jq -r '.rows[].state_id' "$scratch/found.json" | sort) | head -1)
check "a child whose pictures are whole is" served standard "$sound"
fsck --json | jq .damaged >"$scratch/again"
check "fsck changed nothing: it finds the same again" test "$(cat "$scratch/again")" -eq "$damaged"

# put_back: photos and log as they were before the damage; keyring and key file as they are.
put_back() {
    scratch_stop
    cp "$scratch/whole.mdb" "$state/photos/data.mdb"
    rm -rf "$state/log"
    cp -r "$scratch/whole.log" "$state/log"
}

# A new batch's two keys reach the keyring; then photos is put back to before it, as if the machine had died in between.
new_batch() {
    curl --silent --cacert "$ca" -X POST --data '' -H "Authorization: Bearer $(cat "$district_key")" \
        "$office_url/v1/districts/$district/batches?taken_on=$(date -d '30 days ago' +%F)" | jq -e .id
}
check "a batch is created" new_batch
put_back
check "photod starts on the store as it was before it" scratch_start
swept() { grep -q ' 2 keys that belong to nothing are removed' "$scratch/photod.log"; }
check "... removes the two keys that a cut-off commit left" soon 10 swept
check "... and the store is whole" fsck

compact() { "$bin/photoctl" compact --config "$state/photod.conf" >"$scratch/compact" 2>&1; }
refuse "the store is not rewritten while photod runs" compact
says_stop() { grep -q 'stop photod first' "$scratch/compact"; }
check "... and it is said what to do" says_stop

scratch_stop
check "the store is rewritten while photod is stopped" compact
smaller() { awk '{ print } $2 >= $5 { bad = 1 } END { exit bad }' "$scratch/compact"; }
check "... and smaller: $(paste -sd' ' "$scratch/compact")" smaller
check "photod starts on it" scratch_start
check "... the store is whole" fsck
check "... and a child is served" served standard "$sound"
finish
