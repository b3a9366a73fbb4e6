#!/usr/bin/env bash
# keys rekey: from every seal method to the next, with new recovery shares each time; and killed at every point of it,
# photod starts again by itself.
#   rekey.sh BIN ROOT [KILLS]    KILLS (default 6) at random moments, beside those at each file call of the start
. "$(dirname "$0")/lib.sh"
kills=${3:-6}
students=40
conf=$state/photod.conf
export CREDENTIALS_DIRECTORY=$scratch/credentials
export SOFTHSM2_CONF=$scratch/softhsm2.conf
mkdir -m 0700 "$CREDENTIALS_DIRECTORY" "$scratch/tokens"
printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$scratch/tokens" >"$SOFTHSM2_CONF"
(umask 077 && echo 24680135 >"$scratch/pin" && head -c 24 /dev/urandom | base64 >"$scratch/phrase")
must softhsm2-util --init-token --free --label photod --so-pin 11223344 --pin 24680135 >/dev/null

must scratch_district
must scratch_init
must scratch_start
must scratch_principals
must scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/photos.zip" --taken-on "$(date -d '30 days ago' +%F)" --commit >/dev/null 2>&1
child=$(awk -F'\t' '$2 == "IN" && $4 ~ /^(plain|exif[1-8])$/ { print $1; exit }' "$scratch/expected.tsv")
sed -n '/^photod recovery share/,/^6 /p' "$scratch/init.txt" >"$scratch/shares.0"

found() {
    scratch_lookup "$child" --out "$scratch/p.$RANDOM$RANDOM.jpg" --receipt "$scratch/r.$RANDOM$RANDOM"
}
served() { soon 20 found; } # whoever was killed
rekey() { # KEY OPTION...: prints the shares
    local key=$1
    shift
    "$bin/photoctl" keys rekey --config "$conf" --socket "$socket" --new-root-key "$key" "$@"
}
status_is() { # FIELD VALUE
    [ "$("$bin/photoctl" keys status --socket "$socket" --json | jq -r ".$1")" = "$2" ] ||
        { "$bin/photoctl" keys status --socket "$socket"; return 1; }
}
rehearse() { "$bin/photoctl" unseal --rehearse --config "$conf" <"$1"; }
set_of() { sed -n 's/^photod recovery share 1 .*, set //p' "$1"; }
rekeyed_leaves() { count_leaves '"type":"rekeyed"'; }
restart() { scratch_stop && scratch_start && found; }
settings() { grep -E '^(seal|root_key|seal_passphrase|pkcs11_[a-z]*) = ' "$conf" | sort; }

# ---- Each method ----

check "keys status names the seal method" status_is seal key-file
check "... the root key's epoch" status_is root_epoch 1
check "... and the set of its shares" status_is share_set "$(set_of "$scratch/shares.0")"

step=0
# to METHOD OPTION...: rekeys, shows that both root keys open, restarts, shows that the new one alone does.
to() {
    local method=$1 key=$scratch/key.$((step + 1)) old=$scratch/shares.$step new=$scratch/shares.$((step + 1))
    shift
    step=$((step + 1))
    cp -p "$conf" "$scratch/conf.old"
    rekeying() { rekey "$key" --seal "$method" "$@" >"$scratch/rekey.txt" && sed -n '/^photod recovery share/,/^6 /p' "$scratch/rekey.txt" >"$new"; }
    check "rekey to $method" rekeying "$@"
    check "... prints five new shares" test "$(grep -c '^photod recovery share [1-5] of 5' "$new")" -eq 5
    check "... of another set" test "$(set_of "$new")" != "$(set_of "$old")"
    check "... and says what to do with which" grep -qF "the recovery shares of set $(set_of "$old")" "$scratch/rekey.txt"
    check "... the configuration says $method" grep -qx "seal = $method" "$conf"
    check "... the replacement is under way" status_is replacing true
    check "... photod serves" found
    check "... the old shares open, still" rehearse "$old"
    check "... the new ones, already" rehearse "$new"
    [ "$method" != credential ] || mv "$key" "$CREDENTIALS_DIRECTORY/photod-root-key"
    check "photod starts by $method" restart
    check "... the replacement is at its end" status_is replacing false
    check "... the method is in force" status_is seal "$method"
    check "... with its leaf, the only one" test "$(rekeyed_leaves)" -eq $step
    check "... the set is known" status_is share_set "$(set_of "$new")"
    refuse "... the old shares open nothing" rehearse "$old"
    check "... the new ones do" rehearse "$new"
    old_way() { ! timeout 30 "$bin/photod" --config "$scratch/conf.old" >"$scratch/out" 2>&1 </dev/null && grep -q "the root key is another state's" "$scratch/out"; }
    [ $step -eq 1 ] || return 0
    must scratch_stop
    check "... by the old way photod does not start" old_way
    must scratch_start
}
to key-file
to passphrase --seal-passphrase "$scratch/phrase"
to credential
to pkcs11 --pkcs11-module /usr/lib/softhsm/libsofthsm2.so --pkcs11-uri 'pkcs11:token=photod;object=photod-root' \
    --pkcs11-pin "$scratch/pin" --pkcs11-environment "SOFTHSM2_CONF=$SOFTHSM2_CONF"
to pkcs11
to key-file

# ---- Twice ----

must rekey "$scratch/twice.1" >/dev/null
twice() {
    rekey "$scratch/twice.2" >"$scratch/said" 2>&1 && return 1
    cat "$scratch/said"
    grep -qF 'restart photod first' "$scratch/said" && [ ! -e "$scratch/twice.2" ]
}
check "a second replacement before the restart is refused: it would take away what photod.conf names" twice
check "... and photod starts by the first" restart
check "... which is in force" status_is replacing false
same_name() {
    must rekey "$scratch/credential.1" --seal credential --credential first >/dev/null
    mv "$scratch/credential.1" "$CREDENTIALS_DIRECTORY/first"
    restart && not rekey "$scratch/credential.2" --credential first && rekey "$scratch/credential.2" --credential second >/dev/null &&
        mv "$scratch/credential.2" "$CREDENTIALS_DIRECTORY/second" && restart
}
check "a credential is replaced by one of another name only" same_name
must rekey "$scratch/twice.3" --seal key-file >/dev/null
must restart >/dev/null

# ---- Refused ----

settings >"$scratch/before"
unchanged() { settings | cmp - "$scratch/before" && status_is replacing false && [ ! -e "$conf.new" ]; }
refuse "a root key is not made over another file" rekey "$scratch/key.1"
refuse "... nor by a method that is none" rekey "$scratch/no.key" --seal sticky-note
refuse "... nor by a passphrase that is not there" rekey "$scratch/no.key" --seal passphrase --seal-passphrase "$scratch/none"
refuse "... nor by a token that is not there" rekey "$scratch/no.key" --seal pkcs11 --pkcs11-uri 'pkcs11:token=none;object=x'
refuse "... nor with shares in the state" rekey "$scratch/no.key" --shares-dir "$state/shares"
check "nothing of that changed anything" unchanged
check "... or left a file" test ! -e "$scratch/no.key" -a ! -e "$state/shares"
must scratch_stop
refuse "without photod nothing is replaced" rekey "$scratch/no.key"
check "... and nothing left" test ! -e "$scratch/no.key" -a ! -e "$conf.new"
must scratch_start

# ---- Taken back ----

cancel() { "$bin/photoctl" keys cancel --config "$conf" --socket "$socket"; }
refuse "where nothing was begun, nothing is cancelled" cancel
cp -p "$conf" "$scratch/conf.old"
must rekey "$scratch/taken.back" >/dev/null
check "a replacement that was begun is in the log" test "$(count_leaves '"type":"rekey-begun"')" -gt "$(rekeyed_leaves)"
check "... and keys status names it" eval '"$bin/photoctl" keys status --socket "$socket" | grep -q "^replacement  *under way"'
refuse "while photod.conf names the new root key it is not cancelled" cancel
cp -p "$conf" "$scratch/conf.new" && cp -p "$scratch/conf.old" "$conf"
check "with the old lines back it is" cancel
check "... nothing is under way any more" status_is replacing false
check "... and the log says so" test "$(count_leaves '"type":"rekey-cancelled"')" -eq 1
new_does_not_start() {
    must scratch_stop
    cp -p "$scratch/conf.new" "$conf"
    not timeout 20 "$bin/photod" --config "$conf" >/dev/null 2>&1 </dev/null
    local rc=$?
    cp -p "$scratch/conf.old" "$conf"
    return $rc
}
check "... the new root key opens nothing" new_does_not_start
check "... and the old one does" eval 'scratch_start && found'

# ---- Killed ----

# At random moments of the command: the vault, photoctl or all of photod; each time photod serves again by itself.
survived=0
amid() { # N VICTIM
    local n=$1 victim=$2 pid
    rekey "$scratch/kill.$n" >"$scratch/rekey.txt" 2>&1 &
    pid=$!
    sleep "0.0$((RANDOM % 9))"
    case $victim in
    vault) pkill -9 -P "$(scratch_pid)" -x photod-vault ;;
    photoctl) kill -9 $pid ;;
    photod) kill -9 "$(scratch_pid)" ;;
    esac
    wait $pid 2>/dev/null
    if [ "$victim" = photod ]; then
        sleep 0.2
        scratch_start || return 1
    fi
    served && survived=$((survived + 1))
}
all_amid() {
    local n victims=(vault photoctl photod)
    for n in $(seq "$kills"); do
        amid "$n" "${victims[$((n % 3))]}" || { echo "kill $n (${victims[$((n % 3))]})"; tail -5 "$scratch/photod.log"; return 1; }
        if [ $((n % 2)) = 0 ]; then restart || return 1; fi
    done
}
must restart >/dev/null
check "$kills kills amid the command: photod serves each time, by itself" all_amid
must restart >/dev/null
epochs_are_leaves() {
    local epoch
    epoch=$("$bin/photoctl" keys status --socket "$socket" --json | jq .root_epoch)
    [ "$(rekeyed_leaves)" -eq $((epoch - 1)) ] || { echo "epoch $epoch, $(rekeyed_leaves) leaves"; return 1; }
}
check "there is one leaf for each root key that came into force" epochs_are_leaves

# At random moments of the start that ends the old root key: the vault or all of photod, then nobody does anything but
# what systemd does.
amid_start() { # N
    local pid
    rekey "$scratch/start.$1" >/dev/null 2>&1 || return 1
    scratch_stop
    setsid "$bin/photod" --config "$conf" >>"$scratch/photod.log" 2>&1 </dev/null &
    echo $! >"$scratch/pid"
    for _ in $(seq 200); do
        pid=$(pgrep -P "$(scratch_pid)" -x photod-vault) && break
        sleep 0.01
    done
    sleep "0.0$((RANDOM % 8))"
    if [ $(($1 % 2)) = 0 ]; then
        kill -9 "$pid"
    else
        kill -9 "$(scratch_pid)"
        sleep 0.2
        scratch_start || return 1
    fi
    served && survived=$((survived + 1)) && status_is replacing false
}
all_amid_start() {
    local n
    for n in $(seq "$kills"); do
        amid_start "$n" || { echo "kill $n"; tail -8 "$scratch/photod.log"; return 1; }
    done
}
check "$kills kills amid the start by the new root key: photod ends the replacement by itself" all_amid_start
check "there is one leaf for each, again" epochs_are_leaves

# The same by hand: what a crash leaves between two steps of that start.
must rekey "$scratch/last.key" >/dev/null
must scratch_stop
cp -a "$state" "$scratch/begun"
must scratch_start
must scratch_stop
cp -a "$state" "$scratch/ended"
crashed() { # KEY FILE from, junk beside it or not
    scratch_stop
    rm -rf "$state" && cp -a "$scratch/begun" "$state" && cp -a "$scratch/$1/keyfile" "$state/keyfile" || return 1
    [ -z "${2:-}" ] || head -c 100 /dev/urandom >"$state/keyfile.new"
    scratch_start && found && status_is replacing false && epochs_are_leaves && restart && epochs_are_leaves
}
check "a crash before the key file is replaced ends it at the next start" crashed begun
check "... while it is written" crashed begun junk
check "... after that, before the leaf" crashed ended
"$bin/photoctl" audit key --socket "$socket" >"$scratch/log.vkey"
must published
check "the log verifies" "$bin/photoctl" audit verify "$state/log" --vkey-file "$scratch/log.vkey"
echo "$survived kills survived, $("$bin/photoctl" keys status --socket "$socket" --json | jq .root_epoch) root keys, $(rekeyed_leaves) leaves"
finish
