#!/usr/bin/env bash
# One photo, all the way: a district's ZIP and roster go in, a missing child's photo comes out with a receipt, the
# log proves it, and nothing readable rests on the disk.
. "$(dirname "$0")/lib.sh"

must scratch_district
must scratch_init
must scratch_start
must scratch_principals

# pick OPTIN KIND: the State ID of a child with such a photo.
pick() {
    awk -F'\t' -v o="$1" -v k="$2" '$2 == o && $4 ~ k { print $1; exit }' "$scratch/expected.tsv"
}

taken_on=$(date -d '30 days ago' +%F)
check "the district is loaded" scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/photos.zip" \
    --taken-on "$taken_on" --commit --report "$scratch/report.tsv"

# outcome FILE: its code in the report.
outcome() {
    awk -F'\t' -v f="$1" '$2 == f { print $4 }' "$scratch/report.tsv"
}

# Every file of the ZIP has the outcome that the truth file implies.
report_is_true() {
    local bad=0 want got
    while IFS=$'\t' read -r id optin file kind _; do
        [ "$file" != - ] && [ "$id" != state_id ] || continue
        case $optin/$kind in
        IN/corrupt) want=unreadable ;;
        IN/*) want=stored ;;
        OUT/* | blank/*) want=not-opted-in ;;
        unlisted/*) want=not-on-roster ;;
        */junk) want=skipped ;;
        */unnamed) want=name-not-state-id ;;
        *) want=? ;;
        esac
        got=$(outcome "$file")
        [ "$got" = "$want" ] || { echo "$kind file of $optin: $got, expected $want"; bad=1; }
    done <"$scratch/expected.tsv"
    return $bad
}
check "every file of the ZIP has the row that the truth implies" report_is_true

# right_child STATE_ID RENDITION W H
right_child() {
    local code found psnr
    code=$(awk -F'\t' -v id="$1" '$1 == id { print $5 }' "$scratch/expected.tsv")
    rm -f "$scratch"/p.*
    scratch_lookup "$1" --rendition "$2" --out "$scratch/p.jpg" --receipt "$scratch/p.receipt" || return 1
    found=$("$bin/demo-district" --read-code "$scratch/p.jpg") || return 1
    [ "$found" = "$code" ] || { echo "code $found, expected $code"; return 1; }
    "$bin/demo-district" --seed $seed --students "$students" --expected "$1" --width "$3" --height "$4" \
        --out "$scratch/p.png" || return 1
    psnr=$("$bin/demo-district" --psnr "$scratch/p.jpg" "$scratch/p.png") || return 1
    awk -v p="$psnr" 'BEGIN { exit !(p >= 24) }' || { echo "PSNR $psnr dB"; return 1; }
    ! grep -qaE 'Exif|ICC_PROFILE|http://ns.adobe|GPS|Synthetic' "$scratch/p.jpg" || { echo "metadata is left"; return 1; }
}
for kind in plain exif2 exif3 exif4 exif5 exif6 exif7 exif8 grey progressive cmyk cmyk-profile png png16 tiff webp; do
    check "a $kind photo comes out as the right child, upright, sRGB, without metadata" \
        right_child "$(pick IN "^$kind\$")" standard 480 600
done
check "the full rendition is the right child" right_child "$(pick IN '^plain$')" full 1200 1500
check "the mobile rendition is the right child" right_child "$(pick IN '^plain$')" mobile 240 300
mobile_is_small() { [ "$(stat -c %s "$scratch/p.jpg")" -le 20000 ]; }
check "the mobile rendition has at most 20,000 bytes" mobile_is_small

# ---- Refusals, each with its own code, each known credential's a leaf ----

cert=(--cert "$(agency_file crt)" --key "$(agency_file key)")
ask() { # STATE_ID: a request body
    printf '{"case":{"oca":"E2E-1","reported_at":"%s","basis":"missing-child-report"},"operator":"e2e","child":{"state_id":"%s"},"rendition":"standard"}' \
        "$(date -u -d '5 minutes ago' +%FT%TZ)" "$1"
}
# answers STATUS JQ_TEST CURL_OPTION...
answers() {
    local status=$1 test=$2 got
    shift 2
    got=$(api "$@")
    [ "$got" = "$status" ] && jq -e "$test" "$scratch/body" >/dev/null && return
    echo "HTTP $got"
    head -c 600 "$scratch/body"
    return 1
}
lookups() { # STATUS JQ_TEST BODY CURL_OPTION...
    local status=$1 test=$2 body=$3
    shift 3
    answers "$status" "$test" --data "$body" -H 'Content-Type: application/json' "$@" "$law_url/v1/lookups"
}
good=$(pick IN '^plain$')
check "a match in JSON has student, photo, release and receipt" lookups 200 \
    '.outcome == "match" and (.photo.data | length) > 1000 and .photo.age_days >= 30 and .receipt and .release and .student.last_name' \
    "$(ask "$good")" "${cert[@]}"
check "an opted-out child is none, not-opted-in" lookups 200 '.outcome == "none" and .reason == "not-opted-in" and .sentence' \
    "$(ask "$(pick OUT '.')")" "${cert[@]}"
check "a child who did not answer is none, not-opted-in" lookups 200 '.outcome == "none" and .reason == "not-opted-in"' \
    "$(ask "$(pick blank '.')")" "${cert[@]}"
check "an opted-in child without photo is none, no-photo-yet" lookups 200 '.outcome == "none" and .reason == "no-photo-yet"' \
    "$(ask "$(pick IN none)")" "${cert[@]}"
check "a child on no roster is none, not-on-roster" lookups 200 '.outcome == "none" and .reason == "not-on-roster"' \
    "$(ask 999999999)" "${cert[@]}"
check "a request without a case is refused" lookups 422 '.code == "case-required"' \
    "{\"operator\":\"e2e\",\"child\":{\"state_id\":\"$good\"}}" "${cert[@]}"
check "a request with another basis is refused" lookups 422 '.code == "case-basis-unknown"' \
    "$(ask "$good" | sed s/missing-child-report/curiosity/)" "${cert[@]}"
check "a request without operator is refused" lookups 422 '.code == "operator-required"' \
    "$(ask "$good" | sed 's/"operator":"e2e"/"operator":""/')" "${cert[@]}"
check "a request that is no JSON is refused" lookups 400 '.code == "bad-json"' '{"case":' "${cert[@]}"
check "a request without certificate is refused" lookups 401 '.code == "client-certificate-required"' "$(ask "$good")"
refused_jpeg() {
    answers 404 '.code == "no-photo" and .reason == "not-on-roster"' -H 'Accept: image/jpeg' \
        --data "$(ask 999999999)" -H 'Content-Type: application/json' "${cert[@]}" "$law_url/v1/lookups"
}
check "who asks for image/jpeg gets a problem where there is none" refused_jpeg
jpeg_with_receipt() {
    [ "$(api -H 'Accept: image/jpeg' --data "$(ask "$good")" -H 'Content-Type: application/json' "${cert[@]}" \
        "$law_url/v1/lookups")" = 200 ] &&
        grep -qi '^content-type: image/jpeg' "$scratch/headers" &&
        sed -n 's/^photod-receipt: *//Ip' "$scratch/headers" | tr -d '\r' | base64 -d >"$scratch/h.receipt" &&
        "$bin/photoctl" receipt verify "$scratch/h.receipt" --photo "$scratch/body" --vkey-file "$scratch/log.vkey"
}
"$bin/photoctl" audit key --socket "$socket" >"$scratch/log.vkey"
check "who asks for image/jpeg gets the picture, and its receipt in Photod-Receipt" jpeg_with_receipt
check "the law door has no office route" answers 404 '.code == "not-found"' "${cert[@]}" -X POST \
    "$law_url/v1/districts/$district/batches?taken_on=$taken_on"
check "an upload without key is refused" answers 401 '.code == "key-required"' -X POST --data '' \
    "$office_url/v1/districts/$district/batches?taken_on=$taken_on"
check "an upload for another district is refused" answers 403 '.code == "credential-scope"' -X POST --data '' \
    -H "Authorization: Bearer $(cat "$district_key")" "$office_url/v1/districts/0001/batches?taken_on=$taken_on"
check "a photo date in the future is refused" answers 422 '.code == "taken-on-malformed"' -X POST --data '' \
    -H "Authorization: Bearer $(cat "$district_key")" "$office_url/v1/districts/$district/batches?taken_on=2999-01-01"
check "a photo date two years ago is refused" answers 422 '.code == "taken-on-too-old"' -X POST --data '' \
    -H "Authorization: Bearer $(cat "$district_key")" \
    "$office_url/v1/districts/$district/batches?taken_on=$(TZ=America/Denver date -d '2 years ago' +%F)"
at_least() { local n; n=$(count_leaves "$2"); [ "$n" -ge "$1" ] || { echo "$n leaves of $2"; return 1; }; }
for code in case-required case-basis-unknown operator-required bad-json credential-scope taken-on-malformed taken-on-too-old; do
    check "the refusal $code is a leaf" at_least 1 "\"type\":\"refusal\".*\"problem\":\"$code\""
done
releases_have_leaves() { [ "$(count_leaves '"type":"release"')" -eq 20 ] || { count_leaves '"type":"release"'; return 1; }; }
check "each of 20 releases has its leaf" releases_have_leaves

# ---- Log and receipt ----

check "the log verifies" "$bin/photoctl" audit verify "$state/log" --vkey-file "$scratch/log.vkey"
must scratch_lookup "$good" --out "$scratch/photo.jpg" --receipt "$scratch/receipt" >/dev/null
check "the receipt verifies offline" "$bin/photoctl" receipt verify "$scratch/receipt" --photo "$scratch/photo.jpg" \
    --vkey-file "$scratch/log.vkey"
must scratch_lookup "$(pick IN '^exif6$')" --out "$scratch/other.jpg" >/dev/null
refuse "the receipt fails for another JPEG" "$bin/photoctl" receipt verify "$scratch/receipt" \
    --photo "$scratch/other.jpg" --vkey-file "$scratch/log.vkey"
"$bin/photoctl" receipt verify "$scratch/receipt" --photo "$scratch/other.jpg" --vkey-file "$scratch/log.vkey" >/dev/null 2>&1
check "... with exit code 4" test $? -eq 4
must published
cp -r "$state/log" "$scratch/log"
# flips_found: one byte of each file at 20 places, and each time verify must fail and name the file.
flips_found() {
    local file size at byte name n=0
    while read -r file; do
        size=$(stat -c %s "$file")
        for k in $(seq 0 19); do
            at=$((size * k / 20))
            byte=$(od -An -tu1 -j $at -N1 "$file" | tr -d ' ')
            printf "\\x$(printf %02x $((byte ^ 1)))" | dd of="$file" bs=1 seek=$at conv=notrunc status=none
            if "$bin/photoctl" audit verify "$scratch/log" --vkey-file "$scratch/log.vkey" >"$scratch/v.out" 2>&1; then
                echo "byte $at of $file: not found"
                return 1
            fi
            name=${file#"$scratch/log/"}
            grep -q "$name" "$scratch/v.out" || { echo "byte $at of $name: not named"; cat "$scratch/v.out"; return 1; }
            printf "\\x$(printf %02x "$byte")" | dd of="$file" bs=1 seek=$at conv=notrunc status=none
            n=$((n + 1))
        done
    done < <(find "$scratch/log" -type f)
    echo "$n flips"
    [ $n -ge 60 ]
}
check "a flipped byte anywhere in the log's files is found and its file named" flips_found
check "(unflipped, the copy verifies)" "$bin/photoctl" audit verify "$scratch/log" --vkey-file "$scratch/log.vkey"

# ---- Nothing readable at rest ----

search_state() {
    find "$state" -type f | xargs "$bin/byte-search" "$scratch/roster.tsv"
}
check "a byte search of the state directory finds no State ID, name or JPEG" search_state
cat "$scratch/check.out"
search_hits() { [ "$("$bin/byte-search" "$scratch/roster.tsv" "$1" | tail -1 | sed 's/.* \([0-9]*\) hits/\1/')" -ge "$2" ]; }
check "(the same search hits in photos.zip)" search_hits "$scratch/photos.zip" 300
check "(... and in roster.tsv)" search_hits "$scratch/roster.tsv" 600
check "photod's own log lines hold nothing of a child" "$bin/byte-search" "$scratch/roster.tsv" "$scratch/photod.log"

# ---- The state is taken up again ----

check "photod stops in order" scratch_stop
check "... and starts on the same state" scratch_start
check "... and serves the same child" right_child "$good" standard 480 600
status_says() { "$bin/photoctl" status --socket "$socket" | grep -q "$1"; }
check "photoctl status says that all processes share one user" status_says same-user
finish
