#!/usr/bin/env bash
# Backups: taken while photod works, opened by the stock age, restored to the same pictures, found out when a byte is wrong;
# and no copy that may still be there brings an erased child back.
students=60
. "$(dirname "$0")/lib.sh"
conf=$state/photod.conf
backups=$scratch/backups
checkpoint=$scratch/outside/checkpoint
mkdir "$scratch/outside"

backup() { # OPTION...
    "$bin/photoctl" backup --socket "$socket" --to "$backups" --recipient "$recipient" --checkpoint "$checkpoint" "$@"
}
# restore STATE [OPTION...]: options given later stand in the place of these
restore() {
    local to=$1
    shift
    "$bin/photoctl" restore --from "${from:-$backups}" --identity "${identity:-$scratch/identity}" \
        --root-key "${root_key:-$scratch/root.key}" --checkpoint "${outside:-$checkpoint}" \
        --vkey-file "${vkey:-$state/log.vkey}" --state "$to" --same-user "$@"
}
drill() {
    "$bin/photoctl" backup drill --from "$backups" --identity "$scratch/identity" --root-key "$scratch/root.key" \
        --checkpoint "$checkpoint" --vkey-file "$state/log.vkey" --scratch "$scratch" "$@"
}
# restore_fails TEXT [OPTION...]: exit code 4, one line that says so, nothing left behind
restore_fails() {
    local text=$1 code
    shift
    restore "$scratch/refused" "$@" >"$scratch/refused.out" 2>&1
    code=$?
    cat "$scratch/refused.out"
    [ "$code" -ne 0 ] && grep -q "$text" "$scratch/refused.out" && [ ! -e "$scratch/refused" ]
}
# start_on STATE: photod serves that state
start_on() {
    scratch_stop && sed -i "s|^state = .*|state = $1|" "$conf" && scratch_start
}
# pictures FILE: State ID and hash of what a lookup answers, of every child
pictures() {
    local id
    for id in $(cat "$scratch/children"); do
        rm -f "$scratch/p.jpg"
        scratch_lookup "$id" --out "$scratch/p.jpg" >/dev/null 2>&1 && echo "$id $(sha256sum <"$scratch/p.jpg")" || echo "$id none"
    done >"$1"
}
size_of() { sed -n 2p "$1"; }
flip() { # FILE OFFSET
    printf "\\x$(printf %02x $(($(od -An -tu1 -j "$2" -N1 "$1") ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
# said SENTENCE COMMAND...: as check; what it prints stays in $scratch/said.
said() {
    local sentence=$1
    shift
    check "$sentence" saying "$@"
}
saying() { "$@" >"$scratch/said" 2>&1 || { cat "$scratch/said"; false; }; }
serves() { rm -f "$scratch/p.jpg"; scratch_lookup "$1" --out "$scratch/p.jpg"; }

# ---- While photod works ----

must scratch_district
must scratch_init
must scratch_start
must scratch_principals
age-keygen -o "$scratch/identity" 2>/dev/null || exit 1
age-keygen -o "$scratch/other" 2>/dev/null
recipient=$(age-keygen -y "$scratch/identity")
upload() { # DAYS_AGO
    scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/photos.zip" --taken-on "$(date -d "$1 days ago" +%F)" --commit
}
must upload 40 >/dev/null
awk -F'\t' '$2 == "IN" && $4 != "none" && $4 != "corrupt" { print $1 }' "$scratch/expected.tsv" >"$scratch/children"
withdrawn=$(head -1 "$scratch/children")
refuse "a backup without a recipient is refused" "$bin/photoctl" backup --socket "$socket" --to "$backups"
refuse "a recipient that is none is refused" "$bin/photoctl" backup --socket "$socket" --to "$backups" --recipient age1xyz
said "the first backup takes everything" backup --json
check "... and says so" jq -e '.full and .photos and .keys' "$scratch/said"
check "... and is a leaf" test "$(count_leaves '"type":"backup"')" = 1
cp -r "$backups" "$scratch/before" # what somebody may have copied, with its checkpoint
cp "$checkpoint" "$scratch/outside/before"

(upload 20 >"$scratch/second.txt" 2>&1; echo $? >"$scratch/second.code") &
second=$!
lookups_ok=0
during() {
    local i
    for i in 1 2 3; do
        backup --json >"$scratch/during.$i" || return 1
        jq -e '.full | not' "$scratch/during.$i" >/dev/null || return 1
        serves "$(shuf -n 1 "$scratch/children")" >/dev/null && lookups_ok=$((lookups_ok + 1))
    done
}
check "three more, during an upload, take what changed" during
check "... while lookups are answered" test "$lookups_ok" = 3
wait $second
check "... and the upload ends well" test "$(cat "$scratch/second.code")" = 0
check "one more after it" backup
many=$(find "$backups" -name 'photos-*.age' | wc -l)
check "... so there are five files of records, five of keys" test "$many-$(find "$backups" -name 'keys-*.age' | wc -l)" = 5-5
opens_all() {
    local f
    for f in "$backups"/*.age; do
        age -d -i "$scratch/identity" "$f" >"$scratch/plain.$(basename "$f")" || return 1
        not age -d -i "$scratch/other" "$f" >/dev/null 2>&1 || return 1
    done
}
check "the stock age opens each with the identity, and none with another" opens_all
cat "$scratch"/plain.* >"$scratch/all.plain"
rm "$scratch"/plain.*
no_plain() { not grep -aqFf "$scratch/children" "$scratch/all.plain" && not grep -aq 'JFIF\|Exif' "$scratch/all.plain"; }
check "... and what is in them names no child and shows no picture" no_plain
control() { grep -qFf "$scratch/children" "$scratch/roster.tsv" && grep -aq 'PHD1' "$scratch/all.plain"; }
check "(the same search hits in the roster, and envelopes are in the files)" control

peak() { # COMMAND...: the most memory it had, in kB
    local peak=0 now
    "$@" >/dev/null 2>&1 &
    while now=$(awk '/^VmHWM/ { print $2 }' "/proc/$!/status" 2>/dev/null) && [ -n "$now" ]; do peak=$now; done
    wait $! && echo "$peak"
}
to_peak() { "$bin/photoctl" backup --socket "$socket" --to "$scratch/peak" --recipient "$recipient" "$@"; }
to_peak >/dev/null
little=$(peak "$bin/photoctl" backup --socket "$socket" --to "$scratch/peak" --recipient "$recipient")
much=$(peak "$bin/photoctl" backup --socket "$socket" --to "$scratch/peak" --recipient "$recipient" --full)
bytes=$(find "$scratch/peak" -name 'photos-0-*' -printf '%s\n' | sort -n | tail -1)
bounded() { echo "$little kB for nothing, $much kB for $bytes bytes"; [ -n "$much" ] && [ $(((much - little) * 1024)) -lt 1500000 ] && [ "$bytes" -gt 3000000 ]; }
check "everything takes hardly more memory than nothing ($little and $much kB, $bytes bytes)" bounded

# ---- A drill, and a restore ----

said "a drill succeeds, and says RPO and RTO" drill --json
check "... as numbers" jq -e '.rpo_seconds >= 0 and .rto_seconds > 0 and .leaves_behind == 0' "$scratch/said"
check "... and leaves nothing behind" test -z "$(find "$scratch" -maxdepth 1 -name 'photod-drill*')"
pictures "$scratch/pictures"
check "(every child is served, before)" not grep -q none "$scratch/pictures"
scratch_lookup "$withdrawn" --out "$scratch/old.jpg" --receipt "$scratch/old.receipt" >/dev/null
check "a backup after the lookups" backup
must scratch_stop
said "it is restored" restore "$scratch/restored"
check "... proven to the last leaf" grep 'Proven: .* 0 more follow' "$scratch/said"
refuse "... and never over what is there" restore "$scratch/restored"
old_vkey=$state/log.vkey
check "photod starts on the restored state" start_on "$scratch/restored"
state_of() { "$bin/photoctl" status --socket "$socket" --json; }
check "... with another log name, whose key is in log.vkey" eval \
    'state_of | jq -e --arg o "$(cut -d+ -f1 "$scratch/restored/log.vkey")" ".origin == \$o and (.origin | test(\"/restored-[0-9a-f]{8}\$\"))"'
pictures "$scratch/pictures.restored"
check "... and every lookup answers the same bytes" cmp "$scratch/pictures" "$scratch/pictures.restored"
check "... everything opens" "$bin/photoctl" fsck --socket "$socket"
must eval 'state=$scratch/restored published'
check "... the log verifies with its own key" "$bin/photoctl" audit verify "$scratch/restored/log" --vkey-file "$scratch/restored/log.vkey"
refuse "... and not with the old one" "$bin/photoctl" audit verify "$scratch/restored/log" --vkey-file "$old_vkey"
check "... a receipt of before verifies with the old key" "$bin/photoctl" receipt verify "$scratch/old.receipt" \
    --photo "$scratch/old.jpg" --vkey-file "$old_vkey"
continues() {
    local n
    n=$(size_of "$checkpoint")
    cmp <(entries_below "$state/log/tile/entries" | head -"$n") <(entries_below "$scratch/restored/log/tile/entries" | head -"$n") &&
        entries_below "$scratch/restored/log/tile/entries" | sed -n "$((n + 1))p" | grep "\"type\":\"restored\",\"from\":\"photod.example/demo\",\"size\":$n,"
}
check "... it holds every leaf of before, then one that names the log before" continues
check "a second restore has a third name and key" eval 'restore "$scratch/again" &&
    [ "$(cut -d+ -f1 "$scratch/again/log.vkey")" != "$(cut -d+ -f1 "$scratch/restored/log.vkey")" ]'
next_backup() { backup --json 2>"$scratch/hint"; }
cp -r "$backups" "$scratch/kept"
cp "$checkpoint" "$scratch/outside/kept"
said "the next backup of the restored state takes everything again" next_backup
check "... because it is another store" eval 'jq -e .full "$scratch/said" && grep -q "taking everything" "$scratch/hint"'
rm -r "$backups" "$scratch/again"
mv "$scratch/kept" "$backups"
mv "$scratch/outside/kept" "$checkpoint"
check "(photod starts on the first state)" start_on "$state"

# ---- What is wrong is named ----

identity=$scratch/other check "another identity is refused" restore_fails 'not encrypted for this identity'
head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$scratch/other.key" && echo >>"$scratch/other.key"
root_key=$scratch/other.key check "another root key is refused" restore_fails "the root key is another state's"
outside=$scratch/restored/log/checkpoint check "another log's checkpoint is refused" restore_fails 'checkpoint'
vkey=$scratch/restored/log.vkey check "... and another log's key" restore_fails 'it is of the log'
sed 's/^./X/' "$checkpoint" >"$scratch/outside/bent"
outside=$scratch/outside/bent check "... and a bent checkpoint" restore_fails 'outside/bent'
serves "$withdrawn" >/dev/null
must published
cp "$state/log/checkpoint" "$scratch/outside/newer"
lost=$(($(size_of "$scratch/outside/newer") - $(size_of "$checkpoint")))
outside=$scratch/outside/newer check "a backup older than the checkpoint is refused, with how many leaves are missing" \
    restore_fails "accept-loss $lost "
outside=$scratch/outside/newer check "... also when another number is accepted" restore_fails "accept-loss $lost " \
    --accept-loss $((lost + 1))
outside=$scratch/outside/newer check "... and restored when that loss is accepted" restore "$scratch/lossy" --accept-loss $lost
rm -rf "$scratch/lossy"
check "a loss is not accepted where there is none" restore_fails 'nothing is lost' --accept-loss 3
outside=$scratch/outside/before said "an older checkpoint proves the part that it knows" restore "$scratch/older"
check "... and says how much follows it" grep 'Proven: .* [1-9][0-9]* more follow it' "$scratch/said"
rm -rf "$scratch/older"
flipped=0
each_flip() {
    local f n size
    for f in "$backups"/photos-*.age "$(ls "$backups"/keys-*.age | sort -V | tail -1)" "$backups/manifest"; do
        size=$(stat -c %s "$f")
        for n in 0 $((size / 2)) $((size - 1)); do
            flip "$f" "$n"
            restore_fails "$(basename "$f")" >/dev/null || { echo "$f byte $n"; cat "$scratch/refused.out"; return 1; }
            flip "$f" "$n"
            flipped=$((flipped + 1))
        done
    done
}
check "a flipped byte in any file is found and the file named" each_flip
check "... $flipped bytes, $many files of records among them" test "$flipped" -ge $((3 * (many + 2)))
one=$(ls "$backups"/photos-*.age | sed -n 2p)
mv "$one" "$scratch/missing"
check "a missing file is named" restore_fails "$(basename "$one") is missing"
mv "$scratch/missing" "$one"

# ---- Cut off ----

killed=0
cut_off() {
    local i before pid
    for i in 00 01 02 03 04 06 08; do
        before=$(sha256sum <"$backups/manifest")
        "$bin/photoctl" backup --socket "$socket" --to "$backups" --recipient "$recipient" --checkpoint "$checkpoint" --full \
            >/dev/null 2>&1 &
        pid=$! # its own: of a function it would be a shell's, killed alone
        sleep "0.0$i"
        kill -9 $pid 2>/dev/null && killed=$((killed + 1))
        wait $pid 2>/dev/null
        [ "$(sha256sum <"$backups/manifest")" = "$before" ] || cp "$checkpoint" "$scratch/outside/new"
        drill >/dev/null || { ls "$backups"; return 1; }
    done
}
check "a backup killed at seven moments leaves a whole one" cut_off
check "... $killed of them were killed" test "$killed" -ge 3
check "the next one is whole, and nothing half is left" eval 'backup && [ -z "$(find "$backups" -name "*.part")" ] && drill'

# ---- Erased ----

old_keys=$(ls "$backups"/keys-*.age | sort -V | tail -1)
serves_after() { # photod on a state that was restored: the child
    start_on "$scratch/attack" && serves "$withdrawn"
}
from=$scratch/before outside=$scratch/outside/before must restore "$scratch/attack" >/dev/null
check "(before it is erased, a backup brings the child back)" serves_after
must start_on "$state"
withdraw() {
    printf '%s\n' "$withdrawn" | "$bin/photoctl" withdraw --url "$office_url" --ca "$ca" --key-file "$district_key" \
        --district $district --reason "letter of the family"
}
check "a child is withdrawn" withdraw
sed -i "/^$withdrawn\$/d" "$scratch/children"
must published
check "a backup after it" backup
rm -rf "$scratch/attack"
said "the newest records with a copy of keys from before it are restored" restore "$scratch/attack" --keys "$(basename "$old_keys")"
check "... and the erasure is replayed: its keys are removed" grep 'Erased: [2-9][0-9]* keys of erasures newer' "$scratch/said"
check "... so the child is not served" not serves_after
check "... and everybody else is" eval 'pictures "$scratch/others" && ! grep none "$scratch/others"'
must start_on "$state"

# Eight days later: every copy of keys that may still be there, every file of records there ever was, the root key.
later() { FAKETIME='+8d' LD_PRELOAD=$faketime backup; }
faketime=$(find /usr/lib -name libfaketime.so.1 | head -1)
said "the backup eight days later deletes the copies of keys from before" later
check "... so that one is left" test "$(find "$backups" -name 'keys-*.age' | wc -l)" = 1
check "... and tells what it deleted" grep 'Deleted .* older cop' "$scratch/said"
# by_hand KEYS: the first files of records, which hold the child, with these keys, past all that photoctl checks
by_hand() {
    local n root
    n=$(size_of "$scratch/outside/before")
    root=$(sed -n 3p "$scratch/outside/before" | base64 -d | od -An -tx1 | tr -d ' \n')
    rm -rf "$scratch/attack"
    mkdir "$scratch/attack"
    { age -d -i "$scratch/identity" "$1" && age -d -i "$scratch/identity" "$scratch"/before/photos-0-*.age; } |
        "$bin/photod-vault" --restore --state "$scratch/attack" --root-key-fd 3 --size "$n" --root "$root" \
            --known-size "$n" --known-root "$root" --lost 0 3<"$scratch/root.key"
}
check "(the old records open with a copy of keys of then)" by_hand "$(ls "$scratch"/before/keys-*.age)"
attack() { by_hand "$1" >"$scratch/attack.out" 2>&1; cat "$scratch/attack.out"; [ ! -e "$scratch/attack/keyfile" ]; }
check "the old records do not open with the keys that are left" attack "$(ls "$backups"/keys-*.age)"
check "... the child's record and three renditions, and nothing else" grep -q ' 4 of [0-9]* values do not open' "$scratch/attack.out"
live_keys() {
    "$bin/photoctl" backup --socket "$socket" --to "$scratch/live" --recipient "$recipient" >/dev/null && attack "$(ls "$scratch"/live/keys-*.age)"
}
check "nor with those of the live store" live_keys
check "... the same four" grep -q ' 4 of [0-9]* values do not open' "$scratch/attack.out"

# Old copies of keys go also when there is nothing to back up from.
must scratch_stop
much_later() { not env FAKETIME='+16d' LD_PRELOAD="$faketime" "$bin/photoctl" backup --socket "$socket" --to "$backups" --recipient "$recipient"; }
check "a backup that finds no photod fails" much_later
check "... and has deleted the copies of keys that were too old" test "$(find "$backups" -name 'keys-*.age' | wc -l)" = 0
check "... which a restore then says" restore_fails 'copies of keys live 7 days'
finish
