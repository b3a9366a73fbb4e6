#!/usr/bin/env bash
# Hostile files through the whole system: damaged pictures, ZIPs and lists.  Each gets its rows, each costs only
# itself; vault and doors stay the processes they were, and lookups go on.
# Usage: hostile.sh BIN ROOT [PICTURES [ZIPS [SEED [INDEXES]]]]
pictures=${3:-185} zips=${4:-40} mutant_seed=${5:-$(date +%s)} indexes=${6:-20}
students=${students:-60}
. "$(dirname "$0")/lib.sh"

must scratch_district
must scratch_init
must scratch_start
must scratch_principals
taken_on=$(date -d '30 days ago' +%F)
must scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/photos.zip" --taken-on "$taken_on" --commit \
    --report "$scratch/report.tsv" >/dev/null
awk -F'\t' '$4 == "stored" { print $3 }' "$scratch/report.tsv" >"$scratch/ids"
children=$(wc -l <"$scratch/ids")
exec 3>&1 # progress, past check()
echo "seed $mutant_seed, $children children"

# Vault and doors; workers come and go, these do not.
processes() {
    pgrep -a -P "$(scratch_pid)" -f 'photod-(vault|web)'
}
processes >"$scratch/before"
must [ "$(wc -l <"$scratch/before")" -eq 3 ]

bearer="Authorization: Bearer $(cat "$district_key")"
batches=$office_url/v1/districts/$district/batches

# ask STATUS PATH CURL_LINE...: asks PATH of each batch in flight, by one curl over one connection.  A @ in a line
# stands for the number of the file; answers go to answer.N.  Fails unless each has STATUS.
ask() {
    local i status=$1 path=$2
    shift 2
    for i in "${!ids[@]}"; do
        [ "$i" = 0 ] || echo next
        printf '%s\n' "url = \"$batches${ids[i]}$path\"" "output = \"$scratch/answer.$i\"" "header = \"$bearer\"" \
            "cacert = \"$ca\"" 'silent' 'max-time = 60' 'write-out = "%{http_code}\n"' "${@//@/$i}"
    done >"$scratch/asks"
    rm -f "$scratch"/answer.*
    curl --config "$scratch/asks" >"$scratch/codes" || return 1
    i=$(grep -nvx -m1 "$status" "$scratch/codes") || return 0
    echo "not $status but $i: $(cat "$scratch/answer.$((${i%%:*} - 1))")"
    return 1
}

post=('request = POST' 'data = ""')

# send COUNT [ROSTER]: mutant.0 and on, each as a batch of its own, all in flight at once.  Fails unless each batch ends
# with its refusal or with a row for every file of it.
send() {
    local ids answers pause
    mapfile -t ids < <(yes "?taken_on=$taken_on" | head -n "$1")
    ask 201 '' "${post[@]}" || return 1
    mapfile -t answers < <(printf "$scratch/answer.%d\n" "${!ids[@]}")
    mapfile -t ids < <(jq -r '"/" + .id' "${answers[@]}")
    [ -z "${2:-}" ] || ask 200 /roster "upload-file = \"$2\"" 'header = "Content-Type: text/tab-separated-values"' || return 1
    ask 202 /upload "upload-file = \"$scratch/mutant.@\"" 'header = "Content-Type: application/zip"' || return 1
    for pause in 0.05 0.1 0.2 0.4 $(yes 0.8 | head -n 300); do
        ask 200 '' || return 1
        jq -s -e 'any(.state == "staging")' "${answers[@]}" >/dev/null || break
        sleep "$pause"
    done
    jq 'select((.state == "staged" and ((.fault // "") != "" or (.rows | length) >= .files)) | not)' \
        "${answers[@]}" >"$scratch/body"
    [ ! -s "$scratch/body" ] || { cat "$scratch/body"; return 1; }
    jq -r '(.fault // empty), .rows[].outcome' "${answers[@]}" >>"$scratch/outcomes"
    ask 200 /undo "${post[@]}" # what was good in them is not to stay
}

# many MAKE COUNT FLIGHT [ROSTER]: makes and sends COUNT files, FLIGHT at once; the first that goes wrong ends it.
many() {
    local i=0 n begun=$SECONDS told=$SECONDS
    while [ $i -lt "$2" ]; do
        for ((n = 0; n < $3 && i < $2; n++)); do
            i=$((i + 1))
            "$1" $i "$scratch/mutant.$n" || return 1
        done
        send $n "${4:-}" || { echo "one of $((i - n + 1)) to $i of seed $mutant_seed"; return 1; }
        [ $SECONDS -lt $((told + 60)) ] || { told=$SECONDS; echo "        $i of $2 after $((told - begun)) s" >&3; }
    done
}

damaged_pictures() {
    "$bin/mutants" pictures "$((mutant_seed + $1))" "$scratch/photos.zip" "$2" <"$scratch/ids"
}

damaged_zip() {
    "$bin/mutants" file "$((mutant_seed + $1))" "$scratch/small.zip" "$2"
}

damaged_index() {
    "$bin/mutants" text "$((mutant_seed + $1))" "$scratch/package/$(($1 % 2 ? 1 : 2)).zip" "$2"
}

outcomes() {
    sort "$scratch/outcomes" | uniq -c | sort -rn | awk '{ printf "        %7d %s\n", $1, $2 }'
    : >"$scratch/outcomes"
}

: >"$scratch/outcomes"
rounds=$(((pictures + children - 1) / children))
check "$((rounds * children)) damaged pictures: each has its row" many damaged_pictures $rounds 3
outcomes
"$bin/mutants" small 5 "$scratch/photos.zip" "$scratch/small.zip"
check "$zips damaged ZIPs: each is judged" many damaged_zip "$zips" 16
outcomes

"$bin/demo-district" --packages --students 24 --out "$scratch/package" >/dev/null
mv "$scratch/package/pspi.zip" "$scratch/package/1.zip"
mv "$scratch/package/powerschool.zip" "$scratch/package/2.zip"
check "$indexes damaged indexes and mapping files: each is judged" many damaged_index "$indexes" 8 "$scratch/package/roster.tsv"
outcomes

same_processes() {
    processes | diff "$scratch/before" -
}
check "vault and doors are the processes they were" same_processes
check "nothing of theirs died by a signal" not grep -E 'photod-(vault|web).*(killed|signal)' "$scratch/photod.log"
check "a lookup answers" scratch_lookup "$(head -1 "$scratch/ids")" --out "$scratch/p.jpg"
check "... with the child's own picture" [ "$("$bin/demo-district" --read-code "$scratch/p.jpg")" = \
    "$(awk -F'\t' -v id="$(head -1 "$scratch/ids")" '$1 == id { print $5 }' "$scratch/expected.tsv")" ]
echo "workers replaced: $(grep -c 'photod-intake.*\(killed\|ended\|exit\)' "$scratch/photod.log" || true)"
finish
