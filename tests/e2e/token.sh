#!/usr/bin/env bash
# Seal method pkcs11 with SoftHSM2: the root key opens by a token only, unattended; a wrong PIN costs one try, however
# often photod is started; a lost token costs no state.  pkcs11-spy stands between and counts the calls.
. "$(dirname "$0")/lib.sh"

softhsm=/usr/lib/softhsm/libsofthsm2.so
spy=$(find /usr/lib -name pkcs11-spy.so | head -1)
export SOFTHSM2_CONF=$scratch/softhsm2.conf
students=40
pin=$scratch/pin
calls=$scratch/calls
right_pin=2468013579
mkdir -m 0700 "$scratch/tokens"
printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$scratch/tokens" >"$SOFTHSM2_CONF"
(umask 077 && echo $right_pin >"$pin")

new_token() { softhsm2-util --init-token --free --label "$1" --so-pin 11223344 --pin $right_pin; }
# token_key OPTION...: an AES-256 key by OpenSC.
token_key() { pkcs11-tool --module $softhsm --login --pin $right_pin --token-label photod --keygen --key-type AES:32 "$@"; }
must new_token photod >/dev/null

confinement_option="--same-user --seal pkcs11 --pkcs11-module $spy --pkcs11-pin $pin --shares-dir $scratch/shares"
token_init() { # URI
    local options=$confinement_option
    confinement_option="$options --pkcs11-uri $1" scratch_init
}
# Each variable one word: photod's own way of setting them.
export PKCS11SPY=$softhsm PKCS11SPY_OUTPUT=$calls
variables="SOFTHSM2_CONF=$SOFTHSM2_CONF PKCS11SPY=$softhsm PKCS11SPY_OUTPUT=$calls"

# says TEXT COMMAND...: it fails, and one of its lines has that text.
says() {
    local text=$1
    shift
    if "$@" >"$scratch/said" 2>&1; then return 1; fi
    cat "$scratch/said"
    grep -qF -- "$text" "$scratch/said"
}
nothing_made() { [ ! -e "$state" ] && [ ! -e "$scratch/root.key" ] && [ ! -e "$scratch/ca" ] && [ ! -e "$scratch/shares" ]; }

# ---- init ----

check "a PIN in the URI is refused" says "the PIN may not stand here" token_init "pkcs11:token=photod;object=photod-root?pin-value=1"
check "... and nothing is kept" nothing_made
check "a token that is not there is named" says "no token fits" token_init "pkcs11:token=elsewhere;object=photod-root"
must token_key --label leaky --id 01 --extractable >/dev/null 2>&1
check "a key that could leave the token is refused" says "could leave the token" token_init "pkcs11:token=photod;object=leaky"
check "... and nothing is kept" nothing_made
must token_key --label twin --id 02 --sensitive >/dev/null 2>&1
must token_key --label twin --id 03 --sensitive >/dev/null 2>&1
check "of two keys that fit none is taken" says "several AES keys" token_init "pkcs11:token=photod;object=twin"
must scratch_district
check "init has a key made on the token, and seals by it" token_init "pkcs11:token=photod;object=photod-root"
sed -i "s|^#*pkcs11_environment = .*|pkcs11_environment = $variables|" "$state/photod.conf"
key_file() { grep -qxF 'photod root key, sealed by a PKCS#11 token (1)' "$scratch/root.key" && [ "$(stat -c %a "$scratch/root.key")" = 400 ]; }
check "the root key file says so, for its owner only" key_file
key_stays() {
    pkcs11-tool --module $softhsm --login --pin $right_pin --token-label photod --list-objects --type secrkey 2>/dev/null |
        grep -A4 'photod-root' | grep -q 'sensitive, always sensitive, never extractable'
}
check "that key has never been outside, and cannot get there" key_stays

# The root key's digits, as photod-unseal hands them over: what is searched for below.
"$bin/photod-unseal" open 3<"$state/photod.conf" 4<"$pin" 5<"$scratch/root.key" >"$scratch/digits" || exit 1
check "(the token opens the root key file to 64 digits)" grep -qxE '[0-9a-f]{64}' "$scratch/digits"

# ---- Unattended ----

found() {
    scratch_lookup "$(head -1 "$scratch/found")" --out "$scratch/p.$RANDOM$RANDOM.jpg" --receipt "$scratch/r.$RANDOM$RANDOM"
}
check "photod starts by the token" scratch_start
must scratch_principals
must scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/photos.zip" --taken-on "$(date -d '30 days ago' +%F)" --commit >/dev/null 2>&1
awk -F'\t' '$2 == "IN" && $4 ~ /^(plain|exif[1-8])$/ { print $1 }' "$scratch/expected.tsv" >"$scratch/found"
check "a child is found" found
gone() { ! pgrep -f "^photod-unseal" -P "$(scratch_pid)"; }
check "photod-unseal is gone" gone
# The descriptors of the parent: neither the root key file nor what it opened to.
parent_holds_none() {
    local fd file
    readlink /proc/$$/fd/* >"$scratch/ours"
    for fd in /proc/"$(scratch_pid)"/fd/*; do
        file=$(readlink "$fd")
        case $file in
        "$scratch/root.key" | "$pin") echo "$file"; return 1 ;;
        pipe:*) grep -qxF "$file" "$scratch/ours" || { echo "$file"; return 1; } ;;
        /memfd:*) not grep -qFf "$scratch/digits" "$fd" || return 1 ;;
        esac
    done
}
check "the parent holds neither root key file nor PIN" parent_holds_none
vault_pid() { pgrep -P "$(scratch_pid)" -x photod-vault; }
vault_back() { # OLD: another serves
    local now
    for _ in $(seq 200); do
        sleep 0.1
        now=$(vault_pid) && [ "$now" != "$1" ] && found && return
    done
    tail -5 "$scratch/photod.log"
    return 1
}
killed() {
    local old
    old=$(vault_pid)
    kill -9 "$old" && vault_back "$old"
}
check "a vault that is killed comes back by the token, with nobody there" killed
again() { scratch_stop && scratch_start && found; }
check "so does all of photod" again

# While the token is away the vault is tried again and again, at most every ten seconds.
token_away() {
    local old
    old=$(vault_pid)
    mv "$scratch/tokens" "$scratch/tokens.away" && mkdir "$scratch/tokens" && kill -9 "$old"
    soon 20 grep -q 'no token fits' "$scratch/photod.log" && ! found
}
check "a vault that dies while the token is away waits for it" token_away
back() { rmdir "$scratch/tokens" && mv "$scratch/tokens.away" "$scratch/tokens" && vault_back 0; }
check "... and serves when it is there again" back
must scratch_stop

# ---- What does not open ----

# start_says TEXT: photod does not start, and says so in one line that is not its own closing one.
start_says() {
    if timeout 60 "$bin/photod" --config "$state/photod.conf" >"$scratch/refused.log" 2>&1 </dev/null; then return 1; fi
    cat "$scratch/refused.log"
    grep -qF -- "$1" "$scratch/refused.log" &&
        [ "$(grep -vcE 'demo only|stopping: photod-vault cannot start|did not stop in' "$scratch/refused.log")" -eq 1 ]
}
logins() { grep -c ': C_Login$' "$calls"; }
starts() { scratch_start && found && scratch_stop; }

before=$(logins)
check "(pkcs11-spy counts the logins)" test "$before" -ge 4
echo 000000 >"$pin"
check "a wrong PIN is one clear line" start_says "the token refused the PIN in $pin: it is not tried again"
check "... and one try" test "$(logins)" -eq $((before + 1))
more_starts() {
    local n
    for n in 1 2 3 4 5; do start_says "refused the PIN in $pin before: not tried again" || return 1; done
}
check "five more starts say so" more_starts
check "... and do not try it" test "$(logins)" -eq $((before + 1))
not_the_pin() { not grep -raqF 000000 "$state/refused-pin" && [ "$(stat -c '%a %s' "$state/refused-pin")" = "600 48" ]; }
check "the note of it does not hold it" not_the_pin
echo 111111 >"$pin"
check "another wrong PIN is tried once" start_says "it is not tried again"
check "(... one more)" test "$(logins)" -eq $((before + 2))
: >"$pin"
check "an empty PIN is one clear line" start_says "must be the token's PIN"
rm "$pin"
check "a missing one is, too" start_says "pkcs11_pin: $pin: No such file"
(umask 077 && echo $right_pin >"$pin")
chmod 644 "$pin"
check "one that everybody may read is, too" start_says "run: chmod o= $pin"
chmod 600 "$pin"
check "with the right PIN photod starts again" starts
check "... and the note is gone" test ! -s "$state/refused-pin"
mv "$scratch/tokens" "$scratch/tokens.away" && mkdir "$scratch/tokens"
check "without the token it is one clear line" start_says "no token fits"
rmdir "$scratch/tokens" && mv "$scratch/tokens.away" "$scratch/tokens"
sed -i "s|^pkcs11_module = .*|pkcs11_module = /nowhere/module.so|" "$state/photod.conf"
check "without its library, too" start_says "pkcs11_module: /nowhere/module.so cannot be loaded"
sed -i "s|^pkcs11_module = .*|pkcs11_module = $spy|" "$state/photod.conf"
mv "$scratch/root.key" "$scratch/whole.key"
flipped() { # LINE: another digit in it
    awk -v n="$1" 'NR == n { c = substr($0, 30, 1); $0 = substr($0, 1, 29) (c == "a" ? "b" : "a") substr($0, 31) } 1' \
        "$scratch/whole.key" >"$scratch/root.key"
    chmod 400 "$scratch/root.key"
    start_says "root_key: $scratch/root.key is damaged"
    local rc=$?
    rm -f "$scratch/root.key"
    return $rc
}
all_flipped() { flipped 2 && flipped 3 && flipped 4; }
check "a damaged root key file is found before the token is asked" all_flipped
mv "$scratch/whole.key" "$scratch/root.key"
check "(... which opens when it is whole)" starts

# ---- Recovery ----

recover() { # SHARE...
    local options=() n
    for n; do options+=(--share "$scratch/shares/share-$n.txt"); done
    "$bin/photoctl" unseal --recover --config "$state/photod.conf" "${options[@]}" </dev/null
}
# A backup, restored by the token alone.
must scratch_start
age-keygen -o "$scratch/identity" 2>/dev/null
check "a backup" "$bin/photoctl" backup --socket "$socket" --to "$scratch/backups" \
    --recipient "$(age-keygen -y "$scratch/identity")" --checkpoint "$scratch/checkpoint"
must scratch_stop
restore() {
    "$bin/photoctl" restore --from "$scratch/backups" --identity "$scratch/identity" --checkpoint "$scratch/checkpoint" \
        --vkey-file "$state/log.vkey" --config "$state/photod.conf" --state "$scratch/restored" --same-user
}
echo 000000 >"$pin"
before=$(logins)
check "a wrong PIN restores nothing" says "the token refused the PIN in $pin" restore
check "... after one try, and leaves nothing" test "$(logins) $([ -e "$scratch/restored" ] && echo there)" = "$((before + 1)) "
echo $right_pin >"$pin"
check "the backup is restored by the token" restore
restored_starts() {
    cp -r "$state/tls" "$scratch/restored/" && sed "s|^state = .*|state = $scratch/restored|" "$state/photod.conf" >"$scratch/restored/photod.conf"
    state=$scratch/restored starts
}
check "... and photod starts on it by the token" restored_starts
mv "$scratch/root.key" "$scratch/lost.key"
check "the root key file is lost: photod says so" start_says "root_key: $scratch/root.key: No such file"
check "three shares make it again, sealed by the token" recover 1 3 5
check "... and photod starts" starts
rm -rf "$scratch/tokens" "$scratch/root.key" && mkdir "$scratch/tokens"
check "the token is lost: three shares and a new token make it again" eval 'new_token photod && recover 2 3 4'
check "... and photod starts" starts
rm -f "$scratch/root.key" && cp "$scratch/lost.key" "$scratch/root.key"
check "the file that the old token sealed does not open by the new one" start_says "no key of the id in the root key file"

# ---- At rest ----

perl -ne 'chomp; print pack "H*", $_' "$scratch/digits" >"$scratch/bytes"
# holds PATH...: the digits or the bytes of the root key are in a file there.
holds() {
    perl -e 'local $/; open my $f, "<", shift; my $digits = <$f>; $digits =~ s/\s//g; my $bytes = pack "H*", $digits; my $hits = 0;
        for (@ARGV) { open my $g, "<:raw", $_ or next; my $t = <$g>; if (index(lc $t, $digits) >= 0 || index($t, $bytes) >= 0) { print "$_\n"; $hits++ } }
        exit !$hits' "$scratch/digits" $(find "$@" -type f)
}
check "(the search finds the root key in a file that holds its bytes)" holds "$scratch/bytes"
check "(... or its digits)" holds "$scratch/digits"
refuse "the root key is in no file of the state, nor beside it, nor in the log of photod" holds "$state" "$scratch/root.key" \
    "$scratch/lost.key" "$scratch/photod.log" "$scratch/tokens" "$scratch/init.txt" "$scratch/restored" "$scratch/backups"
finish
