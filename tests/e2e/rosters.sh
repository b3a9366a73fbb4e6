#!/usr/bin/env bash
# Rosters in every form a clerk may hold, each through photoctl: what was understood, what spreadsheets broke, and what
# stands in the vault afterwards.
students=60
. "$(dirname "$0")/lib.sh"

# ---- Helpers ----

# send FILE: its report in $scratch/report.tsv, what was printed in $scratch/out
send() {
    rm -f "$scratch/report.tsv"
    scratch_upload --roster "$1" --report "$scratch/report.tsv" >"$scratch/out" 2>&1 || { cat "$scratch/out"; return 1; }
}
# sends FILE FORMAT: taken for that form
sends() { send "$scratch/$1" && grep -qxF "$2." "$scratch/out" || { head -5 "$scratch/out"; return 1; }; }
# writes NAME TEXT
writes() { printf "$2" >"$scratch/$1"; }
# refused FILE SENTENCE: as a whole
refused() {
    not scratch_upload --roster "$scratch/$1" >"$scratch/out" 2>&1 && grep -qF "$2" "$scratch/out" ||
        { cat "$scratch/out"; return 1; }
}
# row LINE STATE_ID OUTCOME [NOTE]: stands in the last report
row() {
    awk -F'\t' -v l="$1" -v id="$2" -v o="$3" -v n="${4:-}" \
        '$1 == l && (id == "" || $3 == id) && $4 == o && index($6, n) { found = 1 } END { exit !found }' \
        "$scratch/report.tsv" || { cat "$scratch/report.tsv"; return 1; }
}
# damage_named FILE: every row of damage.tsv about it stands in the report, and nothing else does but the header
damage_named() {
    local file line id outcome note count=0
    while IFS=$'\t' read -r file line id outcome note; do
        [ "$file" = "$1" ] || continue
        # What was refused for its State ID, or could not be cut into cells, names nobody.
        case $outcome in state-id-scientific | row-quotes) id= ;; esac
        row "$line" "$id" "$outcome" "${note/#-/}" || return 1
        count=$((count + 1))
    done <"$scratch/damage.tsv"
    [ $count -eq 8 ] && [ "$(tail -n +2 "$scratch/report.tsv" | grep -vc 'Columns passed over')" -eq 8 ] ||
        { echo "$count rows of damage"; cat "$scratch/report.tsv"; return 1; }
}
# counts JQ_TEST FILE: of the answer as JSON
counts() {
    scratch_upload --roster "$scratch/$2" --json >"$scratch/json" && jq -e "$1" "$scratch/json" >/dev/null ||
        { jq 'del(.rows)' "$scratch/json"; return 1; }
}
records() { "$bin/photoctl" status --socket "$socket" --json | jq .students; }
records_are() { [ "$(records)" -eq "$1" ] || { echo "$(records) records, expected $1"; return 1; }; }
child() { printf '{"case":{"oca":"ROSTERS-1","reported_at":"%s","basis":"missing-child-report"},"operator":"e2e","child":{"state_id":"%s"},"rendition":"mobile"}' \
    "$(date -u -d '5 minutes ago' +%FT%TZ)" "$1"; }
# answers STATE_ID JQ_TEST: a lookup
answers() {
    local got
    got=$(api --data "$(child "$1")" -H 'Content-Type: application/json' --cert "$(agency_file crt)" \
        --key "$(agency_file key)" "$law_url/v1/lookups")
    [ "$got" = 200 ] && jq -e "$2" "$scratch/body" >/dev/null || { echo "HTTP $got"; head -c 300 "$scratch/body"; return 1; }
}
# says_nameless: the same photos with a file of answers only
says_nameless() {
    scratch_upload --roster "$scratch/consent.csv" --photos "$scratch/photos.zip" \
        --taken-on "$(date -d '20 days ago' +%F)" >"$scratch/out" 2>&1 &&
        grep -q 'The roster has answers only' "$scratch/out" && grep -q 'already-stored' "$scratch/out" ||
        { head -30 "$scratch/out"; return 1; }
}
# expected ANSWER: State IDs of the children with that answer, by damage.tsv's first eight lines or the others
ids() { awk -F'\t' -v a="$1" 'NR > 1 && $2 == a { print $1 }' "$scratch/expected.tsv"; }
broken() { awk -F'\t' '$1 == "roster.csv" && $4 != "accepted" { print $3 }' "$scratch/damage.tsv"; }

# ---- A district, in every form ----

must "$bin/demo-district" --seed $seed --students "$students" --district $district --forms --out "$scratch" >"$scratch/district.txt"
must scratch_init
must scratch_start
must scratch_principals
all_in=$(ids IN | wc -l)
good_in=$(ids IN | grep -vcxFf <(broken))

# ---- Each form ----

check "CSV with a header row is read and named" sends roster.csv "CSV with header row, 11 columns, UTF-8"
check "each damage in it is named in its row, and nothing else" damage_named roster.csv
check "the column nobody knows is named" row 1 "" accepted "Columns passed over: Ethnicity."
check "all children whose rows were good and who are opted in have a record" records_are "$good_in"
check "TSV with a header row is read and named" sends roster-header.tsv "TSV with header row, 11 columns, UTF-8"
check "each damage in it is named" damage_named roster-header.tsv
check "Windows-1252 is read and named" sends roster-1252.csv "CSV with header row, 11 columns, Windows-1252"
check "each damage in it is named" damage_named roster-1252.csv
check "UTF-16, as spreadsheets save Unicode text, is read and named" sends roster-utf16.tsv "TSV with header row, 11 columns, UTF-16LE"
check "each damage in it is named" damage_named roster-utf16.tsv
check "sending the same district again changes no count" records_are "$good_in"
check "the AIM file is read and named" sends roster.tsv "AIM Student Demographic MT9.1, 14 columns, UTF-8"
check "and completes what was refused before" records_are "$all_in"
check "answers only are read and named" sends answers.csv "Answers only: CSV with header row, 3 columns, UTF-8"
check "each damage in them is named" damage_named answers.csv
check "answers only leave every record" records_are "$all_in"
check "answers only with tabs are read" sends answers.tsv "Answers only: TSV with header row, 3 columns, UTF-8"

# ---- What the content decides ----

cp "$scratch/roster-header.tsv" "$scratch/tabs.csv"
check "tabs in a file named .csv are understood, and that is said" sends tabs.csv "TSV with header row, 11 columns, UTF-8; sent as CSV"
sed 's/\t/,/g' "$scratch/roster.tsv" >"$scratch/aim.csv"
check "an AIM file with commas is understood" sends aim.csv "AIM Student Demographic MT9.1 with commas, 14 columns, UTF-8"
writes noheader.csv '012345678,Doe,Jane,IN\n'
check "a file without header row is one sentence" refused noheader.csv "neither an HD line of AIM nor a header row"
writes lacking.csv 'State ID,Last Name,First Name,Opt In\n012345678,Doe,Jane,IN\n'
check "a missing column is one sentence that names it" refused lacking.csv "no column Birth Date"
writes twice.csv 'State ID,SSID,Opt In\n012345678,012345678,IN\n'
check "a column that is there twice is one sentence" refused twice.csv "the column State ID twice"
check "none of these changed anything" records_are "$all_in"

# ---- What answers do ----

stranger=999999998
writes new.csv "SSID,Opt In,Opt In Date\n$stranger,Y,$(date +%-m/%-d/%Y)\n"
check "the answer of a child no roster listed is kept, and reported" counts '.in == 1 and (.rows[0].note | contains("no name"))' new.csv
check "without a name it makes no record" records_are "$all_in"
writes named.csv "State ID,Last,First,DOB,Opt In\n$stranger,Late,Lara,5/6/2015,\n"
check "a roster with the name and a blank makes it" counts '.blank == 1 and .refused == 0' named.csv
check "the answer kept before stands" records_are $((all_in + 1))
writes out.csv "State ID,Opt In\n$stranger,No\n"
check "an OUT without a name erases the record" counts '.out == 1 and .withdrawn == 1' out.csv
check "the record is gone" records_are "$all_in"
check "and the law door says so" answers $stranger '.outcome == "none" and .reason == "withdrawn"'
writes both.csv "State ID,Opt In\n$stranger,IN\n$stranger,OUT\n"
check "two answers of one child that differ are both refused" counts '.refused == 2 and .in == 0 and .out == 0' both.csv

# ---- A name that only the encoding brings out right ----

named=$(awk -F'\t' 'NR == FNR { if ($2 == "IN" && $4 !~ /none|corrupt/) pictured[$1]; next }
    $3 in pictured && $6 ~ /^(Søren|Zoë|Noémie|José|Éloise|Mateó|Björk|Josefína)$/ { print $3; exit }' \
    "$scratch/expected.tsv" "$scratch/roster.tsv")
name=$(awk -F'\t' -v id="$named" '$3 == id { print $6 }' "$scratch/roster.tsv")
must send "$scratch/roster-1252.csv"
must scratch_upload --photos "$scratch/photos.zip" --taken-on "$(date -d '20 days ago' +%F)" --commit >"$scratch/photos.txt" 2>&1
writes consent.csv "State ID,Opt In\n$named,IN\n"
check "photos named by State ID go with a file of answers, and it says what that is of no use for" says_nameless
check "a name out of a Windows-1252 file is served as it is written" \
    answers "$named" ".outcome == \"match\" and .student.first_name == \"$name\""

finish
