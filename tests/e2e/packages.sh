#!/usr/bin/env bash
# Packages as photographers and student systems hand them over: a PSPI package with staff, two sizes and names that do
# not quite agree, and a PowerSchool ZIP with its mapping file.  Each file gets the outcome that the truth says, each
# photo comes out as the right child, what is not certain waits for the clerk, and no name matches across schools.
students=45
. "$(dirname "$0")/lib.sh"

must "$bin/demo-district" --packages --seed $seed --students $students --district $district --out "$scratch"
must scratch_init
must scratch_start
must scratch_principals
taken_on=$(date -d '30 days ago' +%F)

# batch_of FILE: the batch that an upload named on standard error.
batch_of() {
    sed -n 's/^Batch \([0-9a-f]*\)$/\1/p' "$1" | head -1
}

# report BATCH FILE.tsv: its rows as they stand.
report() {
    rm -f "$2"
    scratch_upload --batch "$1" --show --report "$2"
}

# settled BATCH: waits until it is staged again.
settled() {
    for _ in $(seq 100); do
        scratch_upload --batch "$1" --show --json >"$scratch/state.json" 2>/dev/null || return 1
        grep -q '"state": "staging"' "$scratch/state.json" || return 0
        sleep 0.1
    done
    return 1
}

# review BATCH [OPTION...]
review() {
    local batch=$1
    shift
    "$bin/photoctl" batch review --url "$office_url" --ca "$ca" --key-file "$district_key" --district $district \
        --batch "$batch" "$@"
}

# said COMMAND...: what it says is kept.
said() {
    "$@" >"$scratch/said" 2>&1
}

# truth FORM: file, outcome, state_id, code of each row.
truth() {
    awk -F'\t' -v form="$1" '$1 == form { print $2 "\t" $3 "\t" $4 "\t" $5 }' "$scratch/packages.tsv"
}

# report_is_true FORM FILE.tsv: every file has the outcome that the truth says; staff, strays and the like no child.
report_is_true() {
    local bad=0 file want id got
    while IFS=$'\t' read -r file want id _; do
        got=$(awk -F'\t' -v f="$file" '$2 == f { print $4 }' "$2")
        [ "$got" = "$want" ] || { echo "$file: $got, expected $want"; bad=1; }
        [ "$want" != stored ] || [ "$(awk -F'\t' -v f="$file" '$2 == f { print $3 }' "$2")" = "$id" ] ||
            { echo "$file: another child than $id"; bad=1; }
    done < <(truth "$1")
    return $bad
}

# right_child STATE_ID CODE
right_child() {
    local found
    rm -f "$scratch/p.jpg" "$scratch/p.receipt"
    scratch_lookup "$1" --rendition standard --out "$scratch/p.jpg" --receipt "$scratch/p.receipt" || return 1
    found=$("$bin/demo-district" --read-code "$scratch/p.jpg") || return 1
    [ "$found" = "$2" ] || { echo "code $found, expected $2"; return 1; }
}

# no_photo STATE_ID: the law door has none.
no_photo() {
    rm -f "$scratch/p.jpg" "$scratch/p.receipt"
    scratch_lookup "$1" --out "$scratch/p.jpg" --receipt "$scratch/p.receipt" >/dev/null 2>&1
    [ ! -e "$scratch/p.jpg" ]
}

json_is() {
    grep -q "$1" "$scratch/state.json"
}

# ---- Without its roster a package names nobody ----

must scratch_upload --roster "$scratch/roster.tsv" >/dev/null
refuse "a package without its roster is refused as a whole" said scratch_upload --photos "$scratch/pspi.zip" \
    --taken-on "$taken_on"
check "and the reason says what to do" grep -q 'roster-needed.*--roster' "$scratch/said"

# ---- PSPI ----

check "a PSPI package is loaded" bash -c '"$@" >"$0/pspi.out" 2>"$0/pspi.err"' "$scratch" "$bin/photoctl" upload \
    --url "$office_url" --ca "$ca" --key-file "$district_key" --district $district --roster "$scratch/roster.tsv" \
    --photos "$scratch/pspi.zip" --taken-on "$taken_on" --report "$scratch/pspi.tsv"
pspi=$(batch_of "$scratch/pspi.err")
check "its form is named back" grep -q '^Format: PSPI package, 13 columns, header row, Windows-1252, 2 volumes\.$' \
    "$scratch/pspi.out"
check "every file of it has the outcome that the truth says" report_is_true pspi "$scratch/pspi.tsv"
check "each row that waits says why" awk -F'\t' '$4 == "needs-review" && $6 == "" { exit 1 }' "$scratch/pspi.tsv"
check "each looser match says so" bash -c 'awk -F"\t" "\$4 == \"stored\" && \$2 ~ /\.JPG\$/ && \$6 == \"\" { bad = 1 }
    END { exit bad }" "$0"' "$scratch/pspi.tsv"
check "the ZIP and its roster wait in the spool" test "$(find "$state/spool" -mindepth 1 -maxdepth 1 -type d | wc -l)" = 2

# ---- Review ----

check "the review lists what waits" bash -c '"$@" >"$0/review.out"' "$scratch" "$bin/photoctl" batch review \
    --url "$office_url" --ca "$ca" --key-file "$district_key" --district $district --batch "$pspi"
waiting=$(awk -F'\t' '$4 == "needs-review"' "$scratch/pspi.tsv" | wc -l)
check "six files wait" test "$waiting" = 6
check "and the review says so" grep -q "^6 files of batch $pspi wait" "$scratch/review.out"
for reason in 'exactly this name' 'home room differs' 'another school only' 'grade differs' '2 pictures of the index'; do
    check "a reason: $reason" grep -q "$reason" "$scratch/review.out"
done
# Each candidate is the child of the truth.
candidates_are_right() {
    local bad=0 file want id line
    while IFS=$'\t' read -r file want id _; do
        [ "$want" = needs-review ] || continue
        line=$(awk -F'\t' -v f="$file" '$2 == f { print $1 }' "$scratch/pspi.tsv")
        awk -v start="Line $line," -v id="$id" 'index($0, start) == 1 { on = 1; next } /^Line / { on = 0 }
            on && index($0, id) { found = 1 } END { exit !found }' "$scratch/review.out" ||
            { echo "$file: $id is no candidate"; bad=1; }
    done < <(truth pspi)
    return $bad
}
check "the right child is among the candidates of each" candidates_are_right

# The lines and children of what waits.
truth pspi | awk -F'\t' '$2 == "needs-review" { print $1 "\t" $3 "\t" $4 }' >"$scratch/waits.tsv"
line_of() {
    awk -F'\t' -v f="$1" '$2 == f { print $1 }' "$scratch/pspi.tsv"
}
nth() {
    sed -n "$1p" "$scratch/waits.tsv" | cut -f"$2"
}
first_line=$(line_of "$(nth 1 1)")
first_child=$(nth 1 2)
printf '%s 999999999\n' "$first_line" >"$scratch/bad1"
printf '1 skip\n%s skip\n' "$(awk -F'\t' '$4 == "stored" { print $1; exit }' "$scratch/pspi.tsv")" >"$scratch/bad2"
printf '%s skip\n%s %s\n' "$first_line" "$first_line" "$first_child" >"$scratch/bad3"
printf '%s nobody\n' "$first_line" >"$scratch/bad4"
refuse "a child that is not on the roster cannot be named" said review "$pspi" --decisions "$scratch/bad1"
check "and the answer names the line" grep -q "line $first_line: the roster" "$scratch/said"
refuse "a row that does not wait cannot be decided" review "$pspi" --decisions "$scratch/bad2"
refuse "a row cannot be decided twice at once" review "$pspi" --decisions "$scratch/bad3"
refuse "what is no decision is refused by photoctl itself" review "$pspi" --decisions "$scratch/bad4"
check "a refused review changes nothing" bash -c '"$@" | grep -q "^6 files"' _ "$bin/photoctl" batch review --url \
    "$office_url" --ca "$ca" --key-file "$district_key" --district $district --batch "$pspi"

# What the door itself refuses.
post_review() {
    api --data "$1" -H 'Content-Type: application/json' -H "Authorization: Bearer $(cat "$district_key")" \
        "$office_url/v1/districts/$district/batches/$pspi/review"
}
for body in '{"decisions":5}' '{"decisions":[{"line":0,"skip":true}]}' '{"decisions":[{"line":1}]}' \
    '{"decisions":[{"line":1,"skip":true,"state_id":"123456789"}]}' '[' \
    '{"decisions":[{"line":1,"state_id":"1234567890123456789012345678901234567890"}]}'; do
    check "400 for $body" test "$(post_review "$body")" = 400
done
check "422 for no decision at all" test "$(post_review '{"decisions":[]}')" = 422

# Every child but the last is named; of the two retaken pictures one; the last is left out.
: >"$scratch/decisions"
for n in 1 2 3 4; do printf '%s %s\n' "$(line_of "$(nth $n 1)")" "$(nth $n 2)" >>"$scratch/decisions"; done
check "the clerk decides, from standard input" bash -c 'file=$0; "$@" --decisions - <"$file"' "$scratch/decisions" \
    "$bin/photoctl" batch review --url "$office_url" --ca "$ca" --key-file "$district_key" --district $district \
    --batch "$pspi"
check "the files named are judged" settled "$pspi"
check "two files still wait" json_is '"review": 2'
must report "$pspi" "$scratch/after.tsv" >/dev/null
check "those decided are stored, as the child named" bash -c 'while IFS="	" read -r file id _; do
    n=$((n + 1)); [ $n -le 4 ] || break
    awk -F"\t" -v f="$file" -v id="$id" "\$2 == f && \$3 == id && \$4 == \"stored\" { found = 1 } END { exit !found }" \
        "$1/after.tsv" || { echo "$file"; exit 1; }; done <"$1/waits.tsv"' _ "$scratch"
check "the decision is in the log, without a name" grep -q '"type":"batch-review".*"decided":4,"skipped":0' \
    <(leaves)
refuse "what is decided cannot be decided again" review "$pspi" --decisions "$scratch/decisions"

printf '%s %s\n%s skip\n' "$(line_of "$(nth 5 1)")" "$(nth 5 2)" "$(line_of "$(nth 6 1)")" >"$scratch/decisions"
must scratch_stop
must scratch_start
check "the review goes on after a stop" review "$pspi" --decisions "$scratch/decisions"
check "the last files are judged" settled "$pspi"
check "nothing waits any more" json_is '"review": 0'
must report "$pspi" "$scratch/after.tsv" >/dev/null
check "what was left out says so" test \
    "$(awk -F'\t' -v l="$(line_of "$(nth 6 1)")" '$1 == l { print $4 }' "$scratch/after.tsv")" = review-skipped
check "and the spool is empty" test -z "$(ls -A "$state/spool")"
check "nothing is served before the commit" no_photo "$first_child"
check "the package is committed" scratch_upload --batch "$pspi" --commit
refuse "after the commit there is no review" review "$pspi" --decisions "$scratch/decisions"

# Every child stored comes out as itself; samples of each way a match was made.
stored_children() {
    awk -F'\t' '$4 == "stored" { print $3 }' "$scratch/after.tsv"
}
all_right() {
    local id code
    for id in $(stored_children); do
        code=$(awk -F'\t' -v id="$id" '$4 == id { print $5; exit }' "$scratch/packages.tsv")
        right_child "$id" "$code" || { echo "$id"; return 1; }
    done
}
check "each photo is of the right child ($(stored_children | wc -l) looked up)" all_right
check "no child has two photos of one batch" test -z "$(stored_children | sort | uniq -d)"
for n in 1 2 3 4 5; do
    check "the child named in review $n comes out" right_child "$(nth $n 2)" "$(nth $n 3)"
done
for id in $(truth pspi | awk -F'\t' '$2 == "not-opted-in" { print $3 }'); do
    check "a child not opted in has none" no_photo "$id"
done

# ---- PowerSchool ----

check "a PowerSchool ZIP is loaded" bash -c '"$@" >"$0/ps.out" 2>"$0/ps.err"' "$scratch" "$bin/photoctl" upload \
    --url "$office_url" --ca "$ca" --key-file "$district_key" --district $district --roster "$scratch/roster.tsv" \
    --photos "$scratch/powerschool.zip" --taken-on "$(date -d '20 days ago' +%F)" --report "$scratch/ps.tsv" --commit
check "its form is named back" grep -q '^Format: ZIP with mapping file, 2 columns, header row, UTF-8\.$' "$scratch/ps.out"
check "every file of it has the outcome that the truth says" report_is_true powerschool "$scratch/ps.tsv"
check "a number with another count of zeros says so" grep -q 'leading zeros of the number differ' "$scratch/ps.tsv"
check "a file with another ending says so" grep -q 'ends in .jpg or .jpeg otherwise' "$scratch/ps.tsv"
for n in 1 2 3 4; do
    id=$(truth powerschool | awk -F'\t' '$2 == "stored"' | sed -n "${n}p" | cut -f3)
    code=$(truth powerschool | awk -F'\t' '$2 == "stored"' | sed -n "${n}p" | cut -f4)
    check "its photo $n is of the right child" right_child "$id" "$code"
done

# ---- A plain folder ----

mkdir "$scratch/folder" "$scratch/folder/deep"
(cd "$scratch/folder/deep" && must cmake -E tar xf "$scratch/powerschool.zip")
mv "$scratch/folder/deep/photo_map.txt" "$scratch/folder/"
ln -s /etc/passwd "$scratch/folder/deep/link.jpg"
ln -s "$scratch/state" "$scratch/folder/away"
check "a folder is packed and sent" said env TMPDIR="$scratch" "$bin/photoctl" upload --url "$office_url" --ca "$ca" \
    --key-file "$district_key" --district $district --roster "$scratch/roster.tsv" --photos "$scratch/folder" \
    --taken-on "$(date -d '20 days ago' +%F)" --report "$scratch/folder.tsv"
check "and read as what it is" grep -q '^Format: ZIP with mapping file, 2 columns, header row, UTF-8\.$' "$scratch/said"
check "its links are left out, and told" grep -q '^Left out: 2 links' "$scratch/said"
check "no link was followed" not grep -qE 'passwd|link\.jpg|away' "$scratch/folder.tsv"
check "every photo of it is known by its bytes" test "$(awk -F'\t' '$4 == "already-stored"' "$scratch/folder.tsv" | wc -l)" \
    = "$(truth powerschool | awk -F'\t' '$2 == "stored"' | wc -l)"
check "no copy of it stays behind" test -z "$(find "$scratch" -maxdepth 1 -name 'photoctl-*')"

# ---- Never across schools ----

# The same package, sent as if all of it were of one school: whoever attends another one waits.
check "photos said to be of one school" bash -c '"$@" >"$0/school.out" 2>"$0/school.err"' "$scratch" "$bin/photoctl" \
    upload --url "$office_url" --ca "$ca" --key-file "$district_key" --district $district --roster \
    "$scratch/roster.tsv" --photos "$scratch/pspi.zip" --taken-on "$taken_on" --school 0412 --report "$scratch/school.tsv"
only_that_school() {
    local id
    for id in $(awk -F'\t' 'NR > 1 && $3 != "" && $4 != "needs-review" { print $3 }' "$scratch/school.tsv"); do
        awk -F'\t' -v id="$id" '$3 == id && $10 == "0412" { found = 1 } END { exit !found }' "$scratch/roster.tsv" ||
            { echo "$id attends another school"; return 1; }
    done
}
check "match nobody of another" only_that_school
other=$(batch_of "$scratch/school.err")
refuse "a commit in the same command does not end a review unseen" said scratch_upload --roster "$scratch/roster.tsv" \
    --photos "$scratch/pspi.zip" --taken-on "$taken_on" --commit
check "and says what to do" grep -q 'not committed, because files wait' "$scratch/said"
desk=$(batch_of "$scratch/said")

# The same at a terminal: of the files in their order the first with a candidate is said to be that child, the next is left
# out after a slip of the hand, and the clerk goes home.  Enter puts off what comes before.
review "$desk" --json >"$scratch/desk.json"
near=$(jq '[.rows[].candidates | length >= 1] | index(true)' "$scratch/desk.json")
{
    yes '' | head -n "$near"
    printf '1\nnobody\ns\nq\n'
} >"$scratch/keys"
desk_row() { jq -r ".rows[$1]$2" "$scratch/desk.json"; }
at_desk() {
    at_terminal 'Which child?' "$scratch/keys" "$bin/photoctl batch review --url $office_url --ca $ca \
        --key-file $district_key --district $district --batch $desk"
}
check "a clerk at a terminal is asked for each file" at_desk
check "... and told what was taken" grep -q '2 decisions are taken' "$scratch/terminal"
check "... what is no answer is asked again" test "$(grep -o 'Which child?' "$scratch/terminal" | wc -l)" = $((near + 4))
check "... it is judged" settled "$desk"
must report "$desk" "$scratch/desk.tsv" >/dev/null
decided_at_desk() { # every row that waited: as it was said, or still waiting
    local n line want
    for n in $(seq 0 $(($(jq '.rows | length' "$scratch/desk.json") - 1))); do
        line=$(desk_row "$n" .line)
        case $((n - near)) in
        0) want="^(stored|already-stored|older-than-stored) $(desk_row "$n" '.candidates[0].state_id')$" ;;
        1) want='^review-skipped ' ;;
        *) want='^needs-review ' ;;
        esac
        awk -F'\t' -v l="$line" '$1 == l { print $4, $3 }' "$scratch/desk.tsv" | grep -qE "$want" ||
            { grep "^$line	" "$scratch/desk.tsv"; echo "expected: $want"; return 1; }
    done
}
check "... each as the clerk said, and the others still wait" decided_at_desk
must scratch_upload --batch "$desk" --undo >/dev/null
check "a batch with rows that wait may be committed without them" scratch_upload --batch "$other" --commit
check "and their spool is gone with the commit" test -z "$(ls -A "$state/spool")"

# ---- What nobody decides on ----

check "a package waits for decisions" said scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/pspi.zip" \
    --taken-on "$taken_on"
forgotten=$(batch_of "$scratch/said")
must scratch_stop
must scratch_start
check "... also after a start" test "$(find "$state/spool" -mindepth 1 -maxdepth 1 -type d | wc -l)" = 2
must scratch_stop
check "eight days later photod starts" later_start 8
refuse "... and no decision is taken any more" review "$forgotten" --decisions "$scratch/decisions"
check "... the administrator accepts the clock" ctl "clock accept"
spool_is_empty() {
    ctl purge >/dev/null 2>&1
    [ -z "$(ls -A "$state/spool")" ]
}
check "... and what nobody decided on is gone with the night" soon 20 spool_is_empty
key_is_gone() { leaves | grep -q "\"type\":\"erase-done\",\"batch\":\"$forgotten\",\"generation\":0"; }
check "... its key, too" soon 20 key_is_gone
must later_stop
must scratch_start

# ---- Nothing readable ----

check "no name of an index rests readable" bash -c '! grep -raqE "Zzyzx|IMG_0003|Fall 2026" "$0/state"' "$scratch"
check "and such a search finds what went in" grep -aqE 'Fall 2026' "$scratch/pspi.zip"
check "the log names nobody" bash -c '! grep -qE "Zzyzx|Fall 2026|$1"' _ "$first_child" < <(leaves)
must "$bin/photoctl" audit key --socket "$socket" >"$scratch/log.vkey"
check "the log verifies" "$bin/photoctl" audit verify "$state/log" --vkey-file "$scratch/log.vkey"

finish
