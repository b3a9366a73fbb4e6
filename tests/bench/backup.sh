#!/usr/bin/env bash
# How long a backup, an increment, a drill and a restore take, how large the files are, and how much memory each process
# has at most.  Usage: backup.sh BIN ROOT [STUDENTS]      2,000 students are some 120 MB of backup
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
# The most memory of a process, in MB, while it can be looked at.
peak_of() { # PID
    local now=0 peak=0
    while now=$(awk '/^VmHWM/ { print $2 }' "/proc/$1/status" 2>/dev/null) && [ -n "$now" ]; do
        peak=$now
        sleep 0.01
    done
    echo $((peak / 1024))
}
# measured NAME COMMAND...: seconds, and the peaks of photoctl and of the photod-vault that it starts, if it does
measured() {
    local name=$1 start pid vault watch=
    shift
    start=$(date +%s%N)
    "$@" >"$scratch/out" &
    pid=$!
    peak_of $pid >"$scratch/peak.ctl" &
    watch=$!
    while [ -e /proc/$pid ] && ! grep -q '^State:.Z' /proc/$pid/status 2>/dev/null; do
        vault=$(pgrep -P $pid -x photod-vault) && { peak_of "$vault" >"$scratch/peak.vault"; break; }
        sleep 0.01
    done
    wait $pid || exit 1
    awk -v name="$name" -v ns=$(($(date +%s%N) - start)) 'BEGIN { printf "%s %.1f s", name, ns / 1e9 }'
    wait $watch
    echo " (photoctl $(cat "$scratch/peak.ctl") MB${vault:+, photod-vault $(cat "$scratch/peak.vault") MB})"
}
backup() { exec "$bin/photoctl" backup --socket "$socket" --to "$scratch/backups" --recipient "$recipient" --checkpoint "$scratch/checkpoint"; }
opened() { # COMMAND OPTION...
    exec "$bin/photoctl" $1 --from "$scratch/backups" --identity "$scratch/identity" --root-key "$scratch/root.key" \
        --checkpoint "$scratch/checkpoint" --vkey-file "$state/log.vkey" "${@:2}"
}
before=$(awk '/^VmHWM/ { print $2 }' "/proc/$(pgrep -P "$(scratch_pid)" -x photod-vault)/status")
measured backup backup
echo "... to $(find "$scratch/backups" -name 'photos-*' -printf '%s\n' | awk '{ printf "%d MB", $1 / 1e6 }') of $("$bin/photoctl" status \
    --socket "$socket" --json | jq .photos) photos; the serving vault's peak rose by" \
    "$((($(awk '/^VmHWM/ { print $2 }' "/proc/$(pgrep -P "$(scratch_pid)" -x photod-vault)/status") - before) / 1024)) MB"
measured "increment of nothing" backup
measured drill opened "backup drill" --scratch "$scratch"
measured restore opened restore --state "$scratch/restored" --same-user
