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
echo "seed $mutant_seed, $children children"

# Vault and doors; workers come and go, these do not.
processes() {
    pgrep -a -P "$(scratch_pid)" -f 'photod-(vault|web)'
}
processes >"$scratch/before"
must [ "$(wc -l <"$scratch/before")" -eq 3 ]

bearer="Authorization: Bearer $(cat "$district_key")"
batches=$office_url/v1/districts/$district/batches

# send FILE [ROSTER]: as a batch of its own; leaves its last state in body.  Fails unless every file of it has a row.
send() {
    local id
    [ "$(api -X POST -H "$bearer" -d '' "$batches?taken_on=$taken_on")" = 201 ] || { cat "$scratch/body"; return 1; }
    id=$(jq -r .id "$scratch/body")
    [ -z "${2:-}" ] || [ "$(api -T "$2" -H "$bearer" -H 'Content-Type: text/tab-separated-values' "$batches/$id/roster")" = 200 ] ||
        { cat "$scratch/body"; return 1; }
    [ "$(api -T "$1" -H "$bearer" -H 'Content-Type: application/zip' "$batches/$id/upload")" = 202 ] ||
        { cat "$scratch/body"; return 1; }
    for _ in $(seq 3000); do
        [ "$(api -H "$bearer" "$batches/$id")" = 200 ] || { cat "$scratch/body"; return 1; }
        [ "$(jq -r .state "$scratch/body")" = staging ] || break
        sleep 0.02
    done
    jq -e '.state == "staged" and ((.fault // "") != "" or (.rows | length) >= .files)' "$scratch/body" >/dev/null ||
        { cat "$scratch/body"; return 1; }
    jq -r '(.fault // empty), .rows[].outcome' "$scratch/body" >>"$scratch/outcomes"
    cp "$scratch/body" "$scratch/state"
    api -X POST -H "$bearer" -d '' "$batches/$id/undo" >/dev/null # what was good in it is not to stay
}

# many MAKE COUNT [ROSTER]: makes and sends COUNT files; the first that goes wrong ends it.
many() {
    local i
    for i in $(seq "$2"); do
        "$1" "$i" && send "$scratch/mutant.zip" "${3:-}" || { echo "number $i of seed $mutant_seed: $(cat "$scratch/body")"; return 1; }
    done
}

damaged_pictures() {
    "$bin/mutants" pictures "$((mutant_seed + $1))" "$scratch/photos.zip" "$scratch/mutant.zip" <"$scratch/ids"
}
damaged_zip() {
    "$bin/mutants" file "$((mutant_seed + $1))" "$scratch/small.zip" "$scratch/mutant.zip"
}

damaged_index() {
    "$bin/mutants" text "$((mutant_seed + $1))" "$scratch/package/$(($1 % 2 ? 1 : 2)).zip" "$scratch/mutant.zip"
}

outcomes() {
    sort "$scratch/outcomes" | uniq -c | sort -rn | awk '{ printf "        %7d %s\n", $1, $2 }'
    : >"$scratch/outcomes"
}

: >"$scratch/outcomes"
rounds=$(((pictures + children - 1) / children))
check "$((rounds * children)) damaged pictures: each has its row" many damaged_pictures $rounds
outcomes
head -4 "$scratch/ids" | "$bin/mutants" pictures 1 "$scratch/photos.zip" "$scratch/small.zip"
check "$zips damaged ZIPs: each is judged" many damaged_zip "$zips"
outcomes

"$bin/demo-district" --packages --students 24 --out "$scratch/package" >/dev/null
mv "$scratch/package/pspi.zip" "$scratch/package/1.zip"
mv "$scratch/package/powerschool.zip" "$scratch/package/2.zip"
check "$indexes damaged indexes and mapping files: each is judged" many damaged_index "$indexes" "$scratch/package/roster.tsv"
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
