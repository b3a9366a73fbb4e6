#!/usr/bin/env bash
# The worst night: the machine is gone.  What is left is a backup, its age identity, a checkpoint and log.vkey from
# outside, and three recovery shares.  Usage: restore.sh BIN ROOT [KILLS]      6 kills in the short form
kills=${3:-6}
students=24
. "$(dirname "$0")/lib.sh"
confinement_option="--same-user --shares-dir $scratch/shares"
backups=$scratch/backups
mkdir "$scratch/outside"
checkpoint=$scratch/outside/checkpoint
vkey=$scratch/outside/log.vkey

backup() { "$bin/photoctl" backup --socket "$socket" --to "$backups" --recipient "$recipient" --checkpoint "$checkpoint" "$@"; }
what() { echo --from "${from:-$backups}" --identity "$scratch/identity" --checkpoint "$checkpoint" --vkey-file "$vkey"; }
# restore STATE OPTION...: the options say where the root key comes from
restore() {
    local to=$1
    shift
    # shellcheck disable=SC2046
    "$bin/photoctl" restore $(what) --state "$to" --same-user "$@"
}
# refused TEXT OPTION...: it fails and says so, and nothing is left behind
refused() {
    local text=$1
    shift
    if restore "$scratch/refused" "$@" >"$scratch/said" 2>&1 </dev/null; then return 1; fi
    cat "$scratch/said"
    grep -qF -- "$text" "$scratch/said" && [ -z "$(find "$scratch" -maxdepth 1 -name 'refused*')" ]
}
shares() { # NUMBER...
    local n
    for n; do echo "--share $scratch/shares/share-$n.txt"; done
}
picture() { # ID: a disk that is busy with others may cost a 503
    local n
    for n in $(seq 5); do
        rm -f "$scratch/p.jpg"
        scratch_lookup "$1" --out "$scratch/p.jpg" >/dev/null && return
        sleep 1
    done
    return 1
}
serves_all() {
    local id
    while read -r id; do
        picture "$id" && grep -qxF "$id $(sha256sum <"$scratch/p.jpg")" "$scratch/pictures" || return 1
    done <"$scratch/children"
}

must scratch_district
must scratch_init
must scratch_start
must scratch_principals
age-keygen -o "$scratch/identity" 2>/dev/null || exit 1
recipient=$(age-keygen -y "$scratch/identity")
must scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/photos.zip" --taken-on "$(date -d '30 days ago' +%F)" \
    --commit >/dev/null 2>&1
awk -F'\t' '$2 == "IN" && $4 ~ /^(plain|exif[1-8])$/ { print $1 }' "$scratch/expected.tsv" >"$scratch/children"
while read -r id; do
    picture "$id" && echo "$id $(sha256sum <"$scratch/p.jpg")"
done <"$scratch/children" >"$scratch/pictures"
check "(each of $(wc -l <"$scratch/children") children is served, before)" test "$(wc -l <"$scratch/pictures")" -eq "$(wc -l <"$scratch/children")"
check "a backup" backup
cp "$state/log.vkey" "$vkey"

# A second repository, for its shares.
mkdir "$scratch/other"
"$bin/photoctl" init --state "$scratch/other/state" --root-key "$scratch/other/root.key" --socket "$scratch/other/sock" \
    --same-user --shares-dir "$scratch/other/shares" --consent-policy annual --origin photod.example/other \
    --law 127.0.0.1:1 --office 127.0.0.1:2 --ca-dir "$scratch/other/ca" --passphrase-file "$scratch/passphrase" >/dev/null || exit 1

# ---- Somebody who knows the age recipient ----

# The strongest who is not photod: they read and write the directory, and even have the identity.  Each forgery is of
# the right format in every byte, sealed by the stock age.
forged() { # makes $scratch/forged of the backup
    rm -rf "$scratch/forged" && cp -r "$backups" "$scratch/forged"
}
# reseal: the manifest of $scratch/forged says again what its files are; the proof behind it stays.
reseal() {
    perl -MDigest::SHA=sha256_hex -e 'local $/; my $dir = shift; open my $f, "<:raw", "$dir/manifest"; my $all = <$f>;
        my ($body, $proof) = $all =~ /^(.*?)sha256 [0-9a-f]{64}\n(c2sp.*)$/s or die;
        $body =~ s{^(photos|keys) (\S+) \d+ [0-9a-f]+$}{ open my $g, "<:raw", "$dir/$2" or die; my $t = <$g>; "$1 $2 " . length($t) . " " . sha256_hex($t) }gme;
        open my $o, ">:raw", "$dir/manifest"; print $o $body, "sha256 ", sha256_hex($body), "\n", $proof' "$scratch/forged"
}
# rewrite FILE COMMAND...: its rows, through a command, sealed by age for the same recipient.
rewrite() {
    local file=$1
    shift
    age -d -i "$scratch/identity" "$file" | "$@" >"$scratch/rows" && age -r "$recipient" -o "$file" "$scratch/rows"
}
# Leaves out the first row of a kind: part, kind, gone, key and value, each with its length.
without_kind() {
    perl -e 'local $/; binmode STDIN; binmode STDOUT; my $kind = shift; my $t = <STDIN>; my ($at, $left) = (0, 0);
        while ($at < length $t) {
            my ($part, $k, $gone, $key) = unpack "CCCV", substr $t, $at, 7; my $value = unpack "V", substr $t, $at + 7 + $key, 4;
            my $len = 11 + $key + $value;
            if ($part == 0 && $k == $kind && !$left) { $left = 1 } else { print substr $t, $at, $len }
            $at += $len }
        exit !$left' "$1"
}
forgery() { # the same backup, but one photo (or record) is not in it
    forged && rewrite "$scratch"/forged/photos-0-*.age without_kind 2 && reseal
}
refused_forged() { from=$scratch/forged refused "${1:-the log knows another one}" --root-key "$scratch/root.key"; }
# What nothing but the manifest's leaf can tell: the rows alone are proven and open.
by_hand() {
    local n root
    n=$(sed -n 2p "$checkpoint")
    root=$(sed -n 3p "$checkpoint" | base64 -d | od -An -tx1 | tr -d ' \n')
    rm -rf "$scratch/by_hand" && mkdir "$scratch/by_hand"
    { age -d -i "$scratch/identity" "$scratch"/forged/keys-*.age && age -d -i "$scratch/identity" "$scratch"/forged/photos-0-*.age; } |
        "$bin/photod-vault" --restore --state "$scratch/by_hand" --root-key-fd 3 --size "$n" --root "$root" \
            --known-size "$n" --known-root "$root" --lost 0 3<"$scratch/root.key"
}
check "(a backup without one of its records is made by the stock age)" forgery
check "(... whose rows are proven by the log, and open)" by_hand
check "it is refused" refused_forged
refuse "... and no increment is added to it" "$bin/photoctl" backup --socket "$socket" --to "$scratch/forged" --recipient "$recipient"
sealed_again() { forged && rewrite "$scratch"/forged/photos-0-*.age cat && reseal; }
check "the same rows, sealed by somebody else, are refused" eval 'sealed_again && refused_forged'
not_resealed() { forged && rewrite "$scratch"/forged/photos-0-*.age cat; }
check "... also under the old manifest" eval 'not_resealed && refused_forged "is damaged"'
cp -r "$backups" "$scratch/first"
cp "$checkpoint" "$scratch/outside/first"
must backup >/dev/null
old_keys() { forged && cp "$(ls "$scratch"/first/keys-*.age)" "$(ls "$scratch"/forged/keys-*.age | sort -V | tail -1)" && reseal; }
check "an older copy of keys under the name of the newest is refused" eval 'old_keys && refused_forged'
left_out() { forged && sed -i '/^photos photos-[1-9]/d' "$scratch/forged/manifest" && reseal; }
check "a file of records left out is refused" eval 'left_out && refused_forged'
old_proof() {
    forged && { sed '/^c2sp/,$d' "$backups/manifest" && sed -n '/^c2sp/,$p' "$scratch/first/manifest"; } >"$scratch/forged/manifest"
}
check "the proof of an older manifest is refused" eval 'old_proof && refused_forged'
no_proof() { forged && sed -i '/^c2sp/,$d' "$scratch/forged/manifest"; }
check "a manifest without one is refused" eval 'no_proof && refused_forged "manifest"'
older() { from=$scratch/first refused "the backup is older than the checkpoint" --root-key "$scratch/root.key"; }
check "the whole older backup is refused by the newer checkpoint" older
as_it_is() { forged && reseal && from=$scratch/forged restore "$scratch/as_it_is" --root-key "$scratch/root.key"; }
check "(a copy that nobody touched is restored)" as_it_is

# The root key as it was kept: by photod.conf.
check "a drill with the root key as photod.conf keeps it" "$bin/photoctl" backup drill $(what) --config "$state/photod.conf" --scratch "$scratch"
with_line() { # SETTING VALUE...: photod.conf with these, as $scratch/other.conf
    cp "$state/photod.conf" "$scratch/other.conf"
    for (( ; $#; )); do
        sed -i "s|^#*$1 = .*|$1 = $2|" "$scratch/other.conf"
        shift 2
    done
}
drill_by() { "$bin/photoctl" backup drill $(what) --scratch "$scratch" "$@"; }
with_line seal credential root_key photod-root
cp "$scratch/root.key" "$scratch/outside/photod-root"
by_credential() { CREDENTIALS_DIRECTORY=$scratch/outside drill_by --config "$scratch/other.conf"; }
check "... and as a systemd credential" by_credential
refuse "... which is nowhere without systemd" drill_by --config "$scratch/other.conf"
rm -f "$scratch/outside/photod-root"
echo 'four plain english words' >"$scratch/words"
with_line seal passphrase root_key "$scratch/sealed.key" seal_passphrase "$scratch/words"
by_passphrase() {
    "$bin/photoctl" unseal --recover --config "$scratch/other.conf" $(shares 1 2 3) && drill_by --config "$scratch/other.conf" &&
        drill_by --root-key "$scratch/sealed.key" --seal-passphrase "$scratch/words"
}
check "... and sealed by a passphrase" by_passphrase
cp "$state/photod.conf" "$scratch/outside/"
must scratch_stop

# ---- Killed ----

# started STATE OPTION...: a restore in a group of its own, whose number is in $group
started() {
    local to=$1
    shift
    # shellcheck disable=SC2046
    setsid "$bin/photoctl" restore $(what) --state "$to" --same-user "$@" \
        >"$scratch/killed.out" 2>&1 <"${feed:-/dev/null}" &
    group=$!
}
by_key=(--root-key "$scratch/root.key")
begun=$(date +%s%N)
(cd "$scratch" && must restore night/ "${by_key[@]}" >/dev/null) || exit 1
took=$((($(date +%s%N) - begun) / 1000000)) # ms
rm -r "$scratch/night"
does_not_start() { # what is left, unless its last file is there
    [ -e "$1/keyfile" ] && return
    sed "s|^state = .*|state = $1|" "$scratch/outside/photod.conf" >"$scratch/left.conf"
    not timeout 20 "$bin/photod" --config "$scratch/left.conf" >/dev/null 2>&1 </dev/null
}
# A vault that lost its photoctl notices at its next row.
restore_again() {
    local n
    for n in $(seq 100); do
        restore "$scratch/night" "${by_key[@]}" >"$scratch/said" 2>&1 && return
        grep -q 'another restore is building there' "$scratch/said" || break
        sleep 0.1
    done
    cat "$scratch/said"
    return 1
}
killed=0
left=0
# Until so many were killed in the middle; what a restore takes changes with the load, and the moments with that.
kill_at_moments() {
    local n target up_to=$took
    for n in $(seq $((5 * kills))); do
        [ "$left" -lt "$kills" ] || break
        started "$scratch/night" "${by_key[@]}"
        target=$group
        [ $((n % 2)) = 0 ] || target=-$group # photoctl alone, or photod-vault with it
        sleep "$(awk -v ms=$((RANDOM % up_to + 1)) 'BEGIN { print ms / 1000 }')"
        kill -9 -- $target 2>/dev/null && killed=$((killed + 1))
        wait "$group" 2>/dev/null
        up_to=$((up_to * 5 / 4))
        if [ -e "$scratch/night" ]; then # it was done before
            up_to=$((up_to / 2 + 10))
            rm -r "$scratch/night"
        elif [ -e "$scratch/night.restoring" ]; then
            left=$((left + 1))
            does_not_start "$scratch/night.restoring" || return 1
        fi
        restore_again || return 1
        [ ! -e "$scratch/night.restoring" ] || return 1
        rm -r "$scratch/night"
    done
}
check "a restore killed in the middle leaves nothing that starts, and is done again" kill_at_moments
check "... $killed were killed, $left left something behind" test "$left" -eq "$kills"
one_at_a_time() { # the first waits for shares
    mkfifo "$scratch/typing"
    exec 9<>"$scratch/typing"
    feed=$scratch/typing started "$scratch/night" --share -
    for _ in $(seq 200); do
        [ ! -e "$scratch/night.restoring" ] || break
        sleep 0.05
    done
    not restore "$scratch/night" "${by_key[@]}" >"$scratch/said" 2>&1 && grep -q 'another restore is building there' "$scratch/said"
    local rc=$?
    kill -9 -- -"$group"
    wait "$group" 2>/dev/null
    exec 9>&-
    return $rc
}
check "two do not build in one place" one_at_a_time
drill_killed() {
    setsid "$bin/photoctl" backup drill $(what) "${by_key[@]}" --scratch "$scratch" >/dev/null 2>&1 &
    group=$!
    for _ in $(seq 200); do
        [ ! -e "$scratch/photod-drill.restoring/keyring" ] || break
        sleep 0.01
    done
    kill -9 -- -$group
    wait $group 2>/dev/null
    [ -e "$scratch/photod-drill.restoring" ] && drill_by "${by_key[@]}" && [ ! -e "$scratch/photod-drill.restoring" ]
}
check "what a killed drill leaves, keys among it, goes with the next" drill_killed

# ---- Burned ----

mkdir "$scratch/gone"
mv "$state" "$scratch/root.key" "$scratch/gone/"
refuse "(without its state nothing starts)" scratch_start
check "a restore asks where the root key comes from" refused "where the root key comes from is missing"
# shellcheck disable=SC2046
{
    check "two shares are refused" refused "2 shares were given, but 3 are needed" $(shares 1 4)
    check "the shares of another state are refused" refused "the root key is another state's" \
        --share "$scratch/other/shares/share-1.txt" --share "$scratch/other/shares/share-2.txt" --share "$scratch/other/shares/share-3.txt"
    check "shares of two sets are refused" refused "they do not belong together" $(shares 1 2) --share "$scratch/other/shares/share-3.txt"
    check "shares beside a root key are refused" refused "give one of them" $(shares 1 2 3) --root-key "$scratch/gone/root.key"
    check "a drill by three shares alone" "$bin/photoctl" backup drill $(what) $(shares 1 3 5) --scratch "$scratch"
    check "three shares restore it" restore "$state" $(shares 2 3 5)
}
from_stdin() { cat "$scratch"/shares/share-[145].txt | restore "$scratch/second" --share -; }
check "... or three from standard input" from_stdin
typed() { # as three people type them, without the numbers of the lines
    cat "$scratch"/shares/share-[134].txt | sed -n 's/^[1-6]  //p' | tr -d '\r' >"$scratch/keys"
    at_terminal "type its lines 1 to" "$scratch/keys" "$bin/photoctl restore $(what) --state $scratch/third --same-user --share -"
    grep -qF "Share 3 is taken." "$scratch/terminal" && grep -qF 'Restored into' "$scratch/terminal" && [ -s "$scratch/third/keyfile" ]
}
check "... or three people at a terminal" typed
holds_root() { grep -rqF "$(cat "$scratch/gone/root.key")" "$@"; }
check "(a search for the root key finds it in its file)" holds_root "$scratch/gone/root.key"
refuse "... and in nothing that was restored" holds_root "$state" "$scratch/second" "$scratch/third"

# ---- On again ----

cp "$scratch/outside/photod.conf" "$state/photod.conf"
cp -r "$scratch/gone/state/tls" "$state/"
refuse "without a root key it does not start" scratch_start
# shellcheck disable=SC2046
check "the same shares make the root key again" "$bin/photoctl" unseal --recover --config "$state/photod.conf" $(shares 2 3 5)
check "photod starts" scratch_start
check "... and serves every child" serves_all
finish
