#!/usr/bin/env bash
# The life of batches, end to end: dry run, counts per school, the report in each form, the same ZIP again, and an undo
# after which old copies of the photos do not open with today's keys.
students=60
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/crash_lib.sh"

send() { # NAME OPTION...: leaves what photoctl said in NAME.txt, the rows in NAME.tsv, the id in $batch
    local name=$1
    shift
    rm -f "$scratch/$name.tsv"
    scratch_upload --photos "$photos_zip" --report "$scratch/$name.tsv" "$@" >"$scratch/$name.txt" 2>&1 ||
        { cat "$scratch/$name.txt"; return 1; }
    batch=$(sed -n 's/^Batch \([0-9a-f]*\)$/\1/p' "$scratch/$name.txt")
}
count() { awk -F'\t' -v o="$2" '$4 == o' "$scratch/$1.tsv" | wc -l; }
said() { grep -q "$2" "$scratch/$1.txt" || { cat "$scratch/$1.txt"; return 1; }; }
photos_are() { [ "$(ctl status --json | jq .photos)" = "$1" ]; }

must scratch_district
must scratch_init
must scratch_start
must scratch_principals
truth() { awk -F'\t' "\$1 != \"state_id\" && ($1)" "$scratch/expected.tsv" | wc -l; }
stored=$(truth '$2 == "IN" && $4 != "none" && $4 != "corrupt"')
taken_on=$(date -d '30 days ago' +%F)

# ---- Dry run ----

students_are() { [ "$(ctl status --json | jq .students)" = "$1" ]; }
schools_of() { batch_is "$1" '[.schools, .renewals]'; }
check "roster and photos are tried together" send both --roster "$scratch/roster.tsv" --taken-on "$taken_on" --dry-run
check "... and what would be stored goes by the roster's answers" test "$(count both would-be-stored)" = "$stored"
check "... of which the repository has none" eval 'students_are 0 && photos_are 0'
both=$batch
must scratch_upload --roster "$scratch/roster.tsv" >"$scratch/roster.txt"
roster_line() { sed -n 's/^Roster of .*: \([0-9].*;\).*/\1/p' "$scratch/$1.txt"; }
check "... the roster itself is foretold, too" eval '[ -n "$(roster_line roster)" ] && [ "$(roster_line both)" = "$(roster_line roster)" ]'
check "a dry run is judged" send dry --taken-on "$taken_on" --dry-run
check "... by the answers in the repository, and comes to the same rows" diff "$scratch/both.tsv" "$scratch/dry.tsv"
check "... and the same counts per school" eval '[ "$(schools_of "$both")" = "$(schools_of "$batch")" ]'
check "... says what would be stored" test "$(count dry would-be-stored)" = "$stored"
check "... and that nothing is" said dry 'dry run: nothing is stored'
check "... which is so" photos_are 0
refuse "... and cannot be committed" scratch_upload --batch "$batch" --commit
dry=$batch
check "(its state is checked)" test "$(batch_is "$batch" .state)" = checked

# ---- In earnest ----

check "the same in earnest is stored and committed" send real --taken-on "$taken_on" --commit
first=$batch
check "... said in one sentence with counts" said real "is committed: $stored photos are served from now on; 0 of them"
same_rows() { diff <(cut -f1-4 "$scratch/dry.tsv" | sed 's/would-be-stored/stored/') <(cut -f1-4 "$scratch/real.tsv"); }
check "... each file with the outcome that the dry run foretold" same_rows
awk -F'\t' '$4 == "stored" { print $3 }' "$scratch/real.tsv" >"$scratch/children"
check "every child is served" all_lookups

list() { # OPTION...: of photoctl, in list.txt
    "$bin/photoctl" batch list --url "$office_url" --ca "$ca" --key-file "$district_key" --district $district "$@" >"$scratch/list.txt"
}
in_order() { # ID STATE ...: the first rows of the list
    list || return 1
    diff <(awk 'NR > 1 { print $1, $4 }' "$scratch/list.txt" | head -$(($# / 2))) <(printf '%s %s
' "$@")
}
check "batches are listed, newest first" in_order "$first" committed "$dry" checked "$both" checked
as_json() { list --json && [ "$(jq -r '.batches[0] | [.id, .stored, .photos] | join(" ")' "$scratch/list.txt")" = "$first $stored $stored" ]; }
check "... as JSON, the same" as_json
check "... and those before one" eval 'list --before "$first" && not grep -q "$first" "$scratch/list.txt" && grep -q "^$both .* checked" "$scratch/list.txt"'
refuse "... which must be one of the district's" list --before 00000000000000000000000000000000

# ---- The report ----

total() { batch_is "$first" "[.schools[].$1] | add"; }
check "opted in with photo: $stored" test "$(total with_photo)" = "$stored"
without=$(truth '$2 == "IN" && ($4 == "none" || $4 == "corrupt")')
check "opted in without: $without" test "$(total without_photo)" = "$without"
not_in=$(truth '($2 == "OUT" || $2 == "blank") && $3 != "-"')
check "photo but not opted in: $not_in" test "$(total not_opted_in)" = "$not_in"
unlisted=$(truth '$2 == "unlisted" && $3 != "-"')
check "not on the roster: $unlisted" test "$(total not_on_roster)" = "$unlisted"
corrupt=$(truth '$2 == "IN" && $4 == "corrupt"')
check "unreadable: $corrupt" test "$(total unreadable)" = "$corrupt"
check "(of more than one school, known by name)" test "$(batch_is "$first" '[.schools[].school | select(. != "")] | length')" -ge 2
check "photoctl shows the schools" said real '^SCHOOL  *WITH PHOTO'
same_tsv() {
    [ "$(bearer -H 'Accept: text/tab-separated-values' "$office_url$batches/$first")" = 200 ] &&
        diff "$scratch/office.$me" "$scratch/real.tsv"
}
check "the office door answers the rows as tab-separated values, too: the same bytes" same_tsv

# ---- The same ZIP again ----

check "the same ZIP again is taken" send again --taken-on "$(date -d '20 days ago' +%F)" --commit
check "... each photo is already stored" test "$(count again already-stored)" = "$stored"
check "... none is stored, and none replaced" said again 'is committed: 0 photos .* 0 of them'
check "... and as many are there as before" photos_are "$stored"

# ---- Undo ----

must retake
check "new photos replace those" send next --taken-on "$(date -d '10 days ago' +%F)" --commit
second=$batch
check "... all of them" said next "is committed: $stored photos .* $stored of them replace"
refuse "the batch before cannot be undone now" scratch_upload --batch "$first" --undo
newer() { [ "$(bearer -X POST --data '' "$office_url$batches/$first/undo")" = 409 ] && grep -q undo-newer-photos "$scratch/office.$me" && grep -q "$stored of its children" "$scratch/office.$me"; }
check "... which has a code and a count" newer

must scratch_stop
mkdir "$scratch/before"
cp -r "$state/photos" "$state/keyring" "$state/keyfile" "$state/log" "$scratch/before/"
check "(the copy with its own keys: photod starts)" forge "$scratch/before" "$scratch/before" "$scratch/before"
check "(... and serves the photos that are to be undone)" all_lookups
must scratch_stop
must scratch_start
undo() { scratch_upload --batch "$second" --undo >"$scratch/undo.txt"; }
check "the batch is undone" undo
check "... said in one sentence with counts" said undo "is undone: $stored photos are taken back and being erased; $stored children"
check "... the photos before are served again" all_lookups
check "... asked again, the answer is the same" eval 'undo && said undo "is undone: $stored photos"'
all_erased() { [ "$(leaves | grep -c '"type":"erase-intent".*"reason":"undone"')" = "$stored" ] && [ "$(leaves | grep -c '"type":"erase-done"')" -ge "$stored" ]; }
check "... each photo's erasure has its leaves" soon 20 all_erased
must ctl "keys rotate"
must scratch_stop
old_opens() {
    forge "$scratch/before" "$state" "$state" 2>"$scratch/forged.err" || { echo "photod does not start"; return 1; }
    for child in $(head -5 "$scratch/children"); do
        lookups_of "$child" && { scratch_stop; return 0; }
    done
    scratch_stop
    return 1
}
refuse "the old photos with today's keys do not give the undone ones back" old_opens
must scratch_start
check "today's state serves" all_lookups
check "the batch before can be undone now" scratch_upload --batch "$first" --undo
check "... and nobody is served" eval '! lookups_of "$(head -1 "$scratch/children")"'

# ---- Seven days to commit, thirty to take back ----

must retake
must send kept --taken-on "$(date -d '9 days ago' +%F)" --commit
kept=$batch
must retake
must send forgotten --taken-on "$(date -d '8 days ago' +%F)"
forgotten=$batch
refused() { # BATCH VERB PROBLEM
    [ "$(bearer -X POST --data '' "$office_url$batches/$1/$2")" = 409 ] && grep -q "$3" "$scratch/office.$me" ||
        { cat "$scratch/office.$me"; return 1; }
}
must scratch_stop
check "after eight days photod starts" later_start 8
check "(the administrator accepts the clock)" ctl "clock accept"
discarded() { ctl purge >/dev/null; leaves | grep -q "\"type\":\"purge\".*\"discarded\":1"; }
check "a batch that nobody committed is thrown away in the night, and counted in its leaf" soon 20 discarded
refuse "... and can no longer be committed" batch_commit "$forgotten"
check "... its report is gone" eval '[ "$(batch_is "$forgotten" ".rows | length")" = 0 ]'
check "the one that was committed is served" all_lookups
must later_stop
check "after 31 days photod starts" later_start 31
check "(the administrator accepts the clock)" ctl "clock accept"
check "a batch committed 31 days ago cannot be taken back" refused "$kept" undo undo-ended
check "... and is served" all_lookups
must later_stop
must scratch_start

check "photoctl fsck finds nothing wrong" soon 20 ctl fsck
finish
