#!/usr/bin/env bash
# The seal methods and the recovery shares: photod starts by each, and starts again after what opens it was lost.
. "$(dirname "$0")/lib.sh"

(umask 077 && head -c 24 /dev/urandom | base64 >"$scratch/ca.passphrase")
(umask 077 && head -c 24 /dev/urandom | base64 >"$scratch/passphrase")
law_port=$(free_port)
office_port=$(free_port)
export CREDENTIALS_DIRECTORY=$scratch/credentials
mkdir -m 0700 "$CREDENTIALS_DIRECTORY"

# init_as NAME METHOD [OPTION...]: a state of its own, and its shares in NAME.shares.
init_as() {
    local name=$1 method=$2
    shift 2
    "$bin/photoctl" init --state "$scratch/$name" --root-key "$scratch/$name.key" --socket "$scratch/$name.sock" \
        --seal "$method" --shares-dir "$scratch/$name.shares" --consent-policy annual --origin photod.example/seal \
        --law "127.0.0.1:$law_port" --office "127.0.0.1:$office_port" --same-user \
        --passphrase-file "$scratch/ca.passphrase" "$@"
}

# use NAME: what ops/scratch.sh starts and stops.
use() {
    state=$scratch/$1
    socket=$scratch/$1.sock
}

starts_and_stops() {
    use "$1"
    scratch_start && "$bin/photoctl" status --socket "$socket" && scratch_stop
}

# start_says TEXT [COMMAND...]: photod does not start, and says so in one line that is not its own closing one.
start_says() {
    local text=$1
    shift
    if "$@" timeout 60 "$bin/photod" --config "$state/photod.conf" >"$scratch/refused.log" 2>&1 </dev/null; then
        echo "photod started"
        return 1
    fi
    cat "$scratch/refused.log"
    grep -qF -- "$text" "$scratch/refused.log" &&
        [ "$(grep -vcE 'demo only|stopping: photod-vault cannot start|did not stop in' "$scratch/refused.log")" -eq 1 ]
}

# unseal MODE NAME SHARE...: SHARE is STATE/NUMBER.
unseal() {
    local mode=$1 name=$2 share options=()
    shift 2
    for share in "$@"; do
        options+=(--share "$scratch/${share%/*}.shares/share-${share#*/}.txt")
    done
    "$bin/photoctl" unseal "--$mode" --config "$scratch/$name/photod.conf" "${options[@]}" </dev/null
}

# fails_saying TEXT COMMAND...: it fails, and what it says is one line with that text.
fails_saying() {
    local text=$1
    shift
    if "$@" >"$scratch/said" 2>&1; then return 1; fi
    cat "$scratch/said"
    grep -qF -- "$text" "$scratch/said" && [ "$(wc -l <"$scratch/said")" -eq 1 ]
}

fingerprint() {
    find "$1" -type f -exec sha256sum {} + | sort
}

# ---- key-file, and the shares ----

check "init with a key file" init_as plain key-file
check "init with a passphrase" init_as phrase passphrase --seal-passphrase "$scratch/passphrase"
check "init with a credential" init_as named credential --credential photod-root-key

five_shares() {
    [ "$(ls "$scratch/$1.shares" | wc -l)" -eq 5 ] && [ -z "$(find "$scratch/$1.shares" -type f ! -perm 0400)" ]
}
check "five shares of mode 0400 are made" five_shares plain
nothing_kept() {
    local name
    for name in plain phrase named; do
        cat "$scratch/$name.shares"/* | grep -E '^[1-6] ' | cut -c 4- | sort -u >"$scratch/lines"
        [ -s "$scratch/lines" ] && not grep -raqFf "$scratch/lines" "$scratch/$name" || return 1
    done
    tr -d '\n' <"$scratch/plain.key" >"$scratch/digits"
    not grep -raqFf "$scratch/digits" "$scratch/plain" && not grep -qFf "$scratch/digits" "$scratch/phrase.key"
}
check "neither shares nor root key lie in the state" nothing_kept
check "photod starts by a key file, answers and stops" starts_and_stops plain

fingerprint "$scratch/plain" >"$scratch/before"
right="are right: they make the key that opens this state. Nothing was changed."
rehearses() {
    unseal rehearse "$@" >"$scratch/said" && grep -qF "$right" "$scratch/said" && [ "$(wc -l <"$scratch/said")" -eq 1 ]
}
check "three shares are proven" rehearses plain plain/1 plain/3 plain/5
check "five shares are proven" rehearses plain plain/1 plain/2 plain/3 plain/4 plain/5
from_stdin() {
    cat "$scratch"/plain.shares/share-[245].txt |
        "$bin/photoctl" unseal --rehearse --config "$scratch/plain/photod.conf" | grep -qF "$right"
}
check "shares are read from standard input" from_stdin
# typed NAME FILE...: as a person types them at a terminal, without the numbers of the lines.
typed() {
    local name=$1
    shift
    cat "$@" | sed -n 's/^[1-6]  //p' | tr -d '\r' >"$scratch/keys"
    at_terminal "type its lines 1 to" "$scratch/keys" "$bin/photoctl unseal --rehearse --config $scratch/$name/photod.conf"
}
typed_right() {
    typed plain "$scratch"/plain.shares/share-[135].txt && grep -qF "$right" "$scratch/terminal" &&
        grep -qF "Share 3 is taken." "$scratch/terminal"
}
check "a person at a terminal is asked for them" typed_right
check "two shares are refused" fails_saying "2 shares were given, but 3 are needed" unseal rehearse plain plain/1 plain/4
check "a share given twice is refused" fails_saying "share 4 was given twice" unseal rehearse plain plain/4 plain/4 plain/1
check "a share of another set is refused" fails_saying "they do not belong together" \
    unseal rehearse plain plain/1 plain/2 phrase/3
check "another state's shares are refused" fails_saying "the key that these shares make is another state's" \
    unseal rehearse plain phrase/1 phrase/2 phrase/3
typo() {
    mkdir -p "$scratch/typo.shares"
    awk '/^4 / { c = substr($0, length($0)); $0 = substr($0, 1, length($0) - 1) (c == "7" ? "1" : "7") } 1' \
        "$scratch/plain.shares/share-2.txt" >"$scratch/typo.shares/share-2.txt"
    fails_saying "share 2: line 4, group 4 has a typing error" unseal rehearse plain plain/1 typo/2 plain/3
}
check "a typing error is found, with its share, line and group" typo
fingerprint "$scratch/plain" >"$scratch/after"
check "rehearsing changed nothing" cmp "$scratch/before" "$scratch/after"
use plain
must scratch_start
check "shares are proven while photod runs" rehearses plain plain/2 plain/3 plain/4
must scratch_stop

check "the root key is not overwritten" fails_saying "exists already: nothing was changed" \
    unseal recover plain plain/1 plain/2 plain/3
mv "$scratch/plain.key" "$scratch/lost.key"
check "without its root key photod says so" start_says "root_key: $scratch/plain.key: No such file"
check "two shares do not make it again" fails_saying "but 3 are needed" unseal recover plain plain/1 plain/2
check "another state's shares do not make it again" fails_saying "is another state's" \
    unseal recover plain phrase/1 phrase/2 phrase/3
check "(... and left no file)" test ! -e "$scratch/plain.key"
check "three shares make it again" unseal recover plain plain/2 plain/4 plain/5
check "... the very same, mode 0400" test "$(cat "$scratch/plain.key") $(stat -c %a "$scratch/plain.key")" = \
    "$(cat "$scratch/lost.key") 400"
check "... and photod starts by it" starts_and_stops plain
(umask 077 && head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n' && echo) >"$scratch/other.key"
chmod 400 "$scratch/other.key"
sed -i "s|^root_key = .*|root_key = $scratch/other.key|" "$scratch/plain/photod.conf"
check "another root key is told in one line" start_says "the root key is another state's"
echo nonsense >"$scratch/nonsense.key"
chmod 400 "$scratch/nonsense.key"
sed -i "s|^root_key = .*|root_key = $scratch/nonsense.key|" "$scratch/plain/photod.conf"
check "a file that is no root key is told in one line" start_says "expected 64 hexadecimal digits and a newline"
sed -i "s|^root_key = .*|root_key = $scratch/plain.key|" "$scratch/plain/photod.conf"

# ---- passphrase ----

use phrase
check "photod starts by a passphrase, answers and stops" starts_and_stops phrase
mv "$scratch/passphrase" "$scratch/passphrase.old"
(umask 077 && echo "this is not the passphrase" >"$scratch/passphrase")
check "a wrong passphrase is one clear line" start_says "is not the one that the root key file was sealed with"
: >"$scratch/passphrase"
check "an empty one is too" start_says "has an empty or endless first line"
rm "$scratch/passphrase"
check "a missing one is too" start_says "seal_passphrase: $scratch/passphrase: No such file"
echo "an entirely new passphrase" >"$scratch/passphrase"
chmod 644 "$scratch/passphrase"
check "one that everybody may read is too" start_says "run: chmod o= $scratch/passphrase"
chmod 600 "$scratch/passphrase"
rm -f "$scratch/phrase.key"
check "with passphrase and root key file lost, three shares and a new passphrase make it again" \
    unseal recover phrase phrase/5 phrase/1 phrase/3
check "... and photod starts by the new one" starts_and_stops phrase
mv "$scratch/passphrase.old" "$scratch/passphrase"
check "... but no longer by the old" start_says "is not the one that the root key file was sealed with"

# ---- credential ----

use named
check "without its credential photod says so" start_says "root_key: $CREDENTIALS_DIRECTORY/photod-root-key: No such file"
check "without systemd photod says so" start_says "systemd gave no credentials" env -u CREDENTIALS_DIRECTORY
mv "$scratch/named.key" "$CREDENTIALS_DIRECTORY/photod-root-key"
check "photod starts by a credential, answers and stops" starts_and_stops named
check "its shares are proven without it" rehearses named named/2 named/1 named/4
check "recovering a credential asks where the key goes" fails_saying "--root-key must say where the key goes" \
    unseal recover named named/2 named/1 named/4
check "... and writes it there" "$bin/photoctl" unseal --recover --config "$scratch/named/photod.conf" \
    --root-key "$scratch/named.again" --share "$scratch/named.shares/share-1.txt" \
    --share "$scratch/named.shares/share-2.txt" --share "$scratch/named.shares/share-3.txt"
check "... the very same" cmp "$scratch/named.again" "$CREDENTIALS_DIRECTORY/photod-root-key"

# ---- init's own care ----

shares_inside() {
    "$bin/photoctl" init --state "$scratch/inside" --root-key "$scratch/inside.key" --consent-policy annual \
        --origin photod.example/inside --same-user --passphrase-file "$scratch/ca.passphrase" \
        --shares-dir "$scratch/inside/shares" >"$scratch/said" 2>&1 && return 1
    grep -qF -- "--shares-dir may not lie in the state directory" "$scratch/said" && [ ! -e "$scratch/inside" ]
}
check "shares may not lie in the state" shares_inside
shown_once() {
    "$bin/photoctl" init --state "$scratch/shown" --root-key "$scratch/shown.key" --consent-policy annual \
        --origin photod.example/shown --same-user --passphrase-file "$scratch/ca.passphrase" >"$scratch/shown.txt" &&
        [ "$(grep -c '^photod recovery share [1-5] of 5' "$scratch/shown.txt")" -eq 5 ] &&
        sed -n '/^photod recovery share 3/,/^6 /p; /^photod recovery share [45]/,/^6 /p' "$scratch/shown.txt" |
        "$bin/photoctl" unseal --rehearse --config "$scratch/shown/photod.conf" | grep -qF "$right"
}
check "without --shares-dir the shares are shown, and are right" shown_once
short_phrase() {
    (umask 077 && echo short >"$scratch/short")
    not init_as brief passphrase --seal-passphrase "$scratch/short" && [ ! -e "$scratch/brief" ] &&
        [ ! -e "$scratch/brief.key" ] && [ ! -e "$scratch/brief.shares" ]
}
check "a short passphrase is refused, and nothing is kept" short_phrase

# ---- Memory that cannot be locked ----

# Root is not bound by RLIMIT_MEMLOCK, nor by what it may raise again: it has to give both up.
unlockable() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --bounding-set=-ipc_lock,-sys_resource --inh-caps=-ipc_lock,-sys_resource \
            prlimit --memlock=16384:16384 "$@"
    else
        prlimit --memlock=16384:16384 "$@"
    fi
}
use plain
check "photod refuses keys that it cannot lock in memory, in one line" start_says "raise RLIMIT_MEMLOCK" unlockable
rehearse_unlocked() {
    fails_saying "raise RLIMIT_MEMLOCK" unlockable "$bin/photoctl" unseal --rehearse \
        --config "$scratch/plain/photod.conf" --share "$scratch/plain.shares/share-1.txt"
}
check "so does a rehearsal" rehearse_unlocked
finish
