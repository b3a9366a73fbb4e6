#!/usr/bin/env bash
# How long a backup, an increment and a drill take, and how large they are.  Usage: backup.sh BIN ROOT [STUDENTS]
students=${3:-400}
. "$(dirname "$0")/../e2e/lib.sh"

must scratch_district
must scratch_init
must scratch_start
must scratch_principals
must scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/photos.zip" --taken-on "$(date -d '30 days ago' +%F)" \
    --commit >/dev/null
age-keygen -o "$scratch/identity" 2>/dev/null
recipient=$(age-keygen -y "$scratch/identity")
seconds() { # COMMAND...
    local start
    start=$(date +%s%N)
    "$@" >"$scratch/out" || exit 1
    awk -v ns=$(($(date +%s%N) - start)) 'BEGIN { printf "%.2f", ns / 1e9 }'
}
backup() { "$bin/photoctl" backup --socket "$socket" --to "$scratch/backups" --recipient "$recipient" --checkpoint "$scratch/checkpoint"; }
whole=$(seconds backup)
bytes=$(find "$scratch/backups" -name 'photos-*' -printf '%s\n')
part=$(seconds backup)
must "$bin/photoctl" backup drill --from "$scratch/backups" --identity "$scratch/identity" --root-key "$scratch/root.key" \
    --checkpoint "$scratch/checkpoint" --vkey-file "$state/log.vkey" --scratch "$scratch" --json >"$scratch/drill.json"
echo "$("$bin/photoctl" status --socket "$socket" --json | jq .photos) photos of $students students, $((bytes / 1000000)) MB: backup $whole s," \
    "increment of nothing $part s, drill $(jq .rto_seconds "$scratch/drill.json") s"
