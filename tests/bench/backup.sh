#!/usr/bin/env bash
# How long a backup, an increment, a drill and a restore take, how large the files are, and how much memory each process
# has at most.  Usage: backup.sh BIN ROOT [STUDENTS]      2,400 students are some 165 MB of backup
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
# The most memory of a process while it can be looked at, in MB: its own, and with what it maps of the store, which the
# kernel takes back when it needs it.
peak_of() { # PID
    local own=0 all=0 status
    while status=$(awk '/^RssAnon/ { a = $2 } /^VmHWM/ { h = $2 } END { if (h) print a, h }' "/proc/$1/status" 2>/dev/null) && [ -n "$status" ]; do
        [ "${status% *}" -le "$own" ] || own=${status% *}
        all=${status#* }
        echo "$((own / 1024)) MB, $((all / 1024)) with its map" >"$2"
        sleep 0.01
    done
}
# measured NAME COMMAND...: seconds, and the peaks of photoctl and of the photod-vault that it starts, if it does
measured() {
    local name=$1 start pid vault watch=
    shift
    start=$(date +%s%N)
    "$@" >"$scratch/out" &
    pid=$!
    peak_of $pid "$scratch/peak.ctl" &
    watch=$!
    while [ -e /proc/$pid ] && ! grep -q '^State:.Z' /proc/$pid/status 2>/dev/null; do
        vault=$(pgrep -P $pid -x photod-vault) && { peak_of "$vault" "$scratch/peak.vault"; break; }
        sleep 0.01
    done
    wait $pid || exit 1
    awk -v name="$name" -v ns=$(($(date +%s%N) - start)) 'BEGIN { printf "%s %.1f s", name, ns / 1e9 }'
    wait $watch
    echo " (photoctl $(cat "$scratch/peak.ctl")${vault:+; photod-vault $(cat "$scratch/peak.vault")})"
}
backup() { exec "$bin/photoctl" backup --socket "$socket" --to "$scratch/backups" --recipient "$recipient" --checkpoint "$scratch/checkpoint"; }
opened() { # COMMAND OPTION...
    exec "$bin/photoctl" $1 --from "$scratch/backups" --identity "$scratch/identity" --root-key "$scratch/root.key" \
        --checkpoint "$scratch/checkpoint" --vkey-file "$state/log.vkey" "${@:2}"
}
scratch_stop && scratch_start # whatever it needed for the upload is not counted
serving=$(pgrep -P "$(scratch_pid)" -x photod-vault)
peak_of "$serving" "$scratch/peak.serving" &
watching=$!
measured backup backup
kill $watching
echo "... to $(find "$scratch/backups" -name 'photos-*' -printf '%s\n' | awk '{ printf "%d MB", $1 / 1e6 }') of $("$bin/photoctl" status \
    --socket "$socket" --json | jq .photos) photos; the vault that served: $(cat "$scratch/peak.serving")"
measured "increment of nothing" backup
measured drill opened "backup drill" --scratch "$scratch"
measured restore opened restore --state "$scratch/restored" --same-user
