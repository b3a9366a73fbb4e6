#!/usr/bin/env bash
# What goes wrong, one thing at a time: a clear line and a non-zero exit, or the right answer; and nothing is lost.
. "$(dirname "$0")/lib.sh"
students=60
conf=$state/photod.conf

# ---- Helpers ----

# start_fails PATTERN [CONFIG]: photod ends by itself, not with 0, and one of its error lines says so.  What each door
# reads for itself each may say once.
start_fails() {
    local rc
    timeout 20 "$bin/photod" --config "${2-$conf}" >"$scratch/out" 2>&1 </dev/null
    rc=$?
    cat "$scratch/out"
    [ $rc -ne 0 ] || { echo "exit code 0"; return 1; }
    [ $rc -ne 124 ] || { echo "it went on"; return 1; }
    [ "$(grep -E "^<3>.*$1" "$scratch/out" | sed 's/photod-web [a-z]*/photod-web/' | sort -u | wc -l)" -eq 1 ] ||
        { echo "not one line of: $1"; return 1; }
    # Beside it only the parent's, that it stops.
    [ "$(grep -E '^<3>' "$scratch/out" | grep -vcE "$1|^<3>photod: (stopping: |photod-web [a-z]* left)")" -eq 0 ] ||
        { echo "more than one line"; return 1; }
}
# edited SED: photod.conf so changed, as $scratch/x.conf
edited() { sed "$1" "$conf" >"$scratch/x.conf"; }
save() { rm -rf "$scratch/$1" && cp -a "$state" "$scratch/$1"; }
restore() {
    find "$state" -mindepth 1 -delete && cp -a "$scratch/$1/." "$state"
}
# after SENTENCE COMMAND...: on the good state, broken by COMMAND.
broken_by() { restore base && "$@"; }
# status_is STATUS CODE CURL_OPTION...: HTTP status and the problem's code.
status_is() {
    local status=$1 code=$2 got
    shift 2
    got=$(api "$@")
    [ "$got" = "$status" ] && { [ -z "$code" ] || jq -e --arg c "$code" '.code == $c' "$scratch/body" >/dev/null; } && return
    echo "HTTP $got, expected $status $code"
    head -c 400 "$scratch/body"
    return 1
}
question() { # STATE_ID
    printf '{"case":{"oca":"FAULTS-1","reported_at":"%s","basis":"missing-child-report"},"operator":"e2e","child":{"state_id":"%s"}}' \
        "$(date -u -d '5 minutes ago' +%FT%TZ)" "$1"
}
# lookup STATUS CODE [CURL_OPTION...]: of a child with a photo, by default with the agency's certificate.
lookup() {
    local status=$1 code=$2
    shift 2
    [ $# -gt 0 ] || set -- --cert "$(agency_file crt)" --key "$(agency_file key)"
    status_is "$status" "$code" --data "$(question "$good")" -H 'Content-Type: application/json' "$@" "$law_url/v1/lookups"
}
found() { lookup 200 '' && jq -e '.outcome == "match" and (.photo.data | length) > 1000' "$scratch/body" >/dev/null; }
no_photo_in_body() { ! grep -q '"data"' "$scratch/body"; }
create() { # STATUS CODE KEY: creates a batch
    status_is "$1" "$2" -X POST --data '' -H "Authorization: Bearer $3" \
        "$office_url/v1/districts/$district/batches?taken_on=$(date -d '10 days ago' +%F)"
}
upload() {
    scratch_upload --photos "$scratch/photos.zip" --taken-on "$(date -d "${1:-20} days ago" +%F)" --commit
}
verifies() { published && "$bin/photoctl" audit verify "$state/log" --vkey-file "$scratch/log.vkey"; }
leaf_count() { "$bin/photoctl" status --socket "$socket" --json | jq .leaves; }
in_log() { tail -n +"$((${log_mark:-0} + 1))" "$scratch/photod.log" | grep -qE "$1" || { tail -5 "$scratch/photod.log"; return 1; }; }
mark_log() { log_mark=$(wc -l <"$scratch/photod.log"); }
hup() { kill -HUP "$(scratch_pid)"; }

# ---- A good state, with a district in it ----

must scratch_district
must scratch_init
must scratch_start
must scratch_principals
must scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/photos.zip" --taken-on "$(date -d '30 days ago' +%F)" \
    --commit >"$scratch/upload.txt" 2>&1
good=$(awk -F'\t' '$2 == "IN" && $4 == "plain" { print $1; exit }' "$scratch/expected.tsv")
"$bin/photoctl" audit key --socket "$socket" >"$scratch/log.vkey"
cp "$ca" "$scratch/clients-ca.crt" && ca=$scratch/clients-ca.crt # the clients' own copy: the other will be damaged
check "(a child is found while nothing is wrong)" found

# ---- While it runs: others that want the same ----

edited "s|^socket = .*|socket = $scratch/other.sock|"
check "a port in use is refused by name and address" start_fails "law_listen: the port of ${law_url#https://} is in use" "$scratch/x.conf"
other_ports="s|^law_listen = .*|law_listen = 127.0.0.1:$(free_port)|;s|^office_listen = .*|office_listen = 127.0.0.1:$(free_port)|"
edited "$other_ports"
check "a second photod on the same socket is refused" start_fails 'already running.*photod.sock' "$scratch/x.conf"
edited "$other_ports;s|^socket = .*|socket = $scratch/other.sock|"
check "a second photod on the same state is refused" start_fails 'another process has it open' "$scratch/x.conf"
check "the first serves on" found
check "... and can be administered" leaf_count

# ---- Wrong credentials ----

"$bin/photoctl" key issue --socket "$socket" --district $district --label later --out "$scratch/second.key" >/dev/null
key=$(cat "$district_key")
wrong=${key%?}$([ "${key: -1}" = x ] && echo y || echo x)
check "(a good key may create a batch)" create 201 '' "$(cat "$scratch/second.key")"
check "a key with one character changed is 401" create 401 credential-unknown "$wrong"
check "what is no key at all is 401" create 401 '' "phk_nothing"
ca_pass=$(cat "$scratch/passphrase")
# issue NAME TEMPLATE_LINE...: a client certificate of the CA that photod does not know, or that is wrong.
issue() {
    local name=$1
    shift
    certtool --generate-privkey --ecc --outfile "$scratch/$name.key" &&
        printf '%s\n' "cn = \"$name\"" "$@" >"$scratch/$name.tmpl" &&
        certtool --generate-certificate --load-privkey "$scratch/$name.key" --load-ca-certificate "$scratch/ca/ca.crt" \
            --load-ca-privkey "$scratch/ca/ca.key" --password "$ca_pass" --template "$scratch/$name.tmpl" \
            --outfile "$scratch/$name.crt"
} >"$scratch/certtool.txt" 2>&1
with() { echo --cert "$scratch/$1.crt" --key "$scratch/$1.key"; }
must issue stranger "expiration_days = 10" tls_www_client signing_key
must issue expired 'activation_date = "2024-01-01 00:00:00 UTC"' 'expiration_date = "2025-01-01 00:00:00 UTC"' tls_www_client signing_key
must issue server "expiration_days = 10" tls_www_server signing_key
certtool --generate-privkey --ecc --outfile "$scratch/own.key" 2>/dev/null
printf '%s\n' 'cn = "own"' 'expiration_days = 10' tls_www_client signing_key >"$scratch/own.tmpl"
certtool --generate-self-signed --load-privkey "$scratch/own.key" --template "$scratch/own.tmpl" --outfile "$scratch/own.crt" 2>/dev/null
# shellcheck disable=SC2046
{
    check "a certificate of our CA that is not enrolled is 401" lookup 401 credential-unknown $(with stranger)
    check "an expired certificate is 401" lookup 401 client-certificate-invalid $(with expired)
    check "a server's certificate is 401" lookup 401 client-certificate-invalid $(with server)
    check "a certificate that signed itself is 401" lookup 401 client-certificate-invalid $(with own)
}

# ---- Revocation ----

cp "$state/tls/ca.crl" "$scratch/good.crl"
printf '%s\n' 'crl_next_update = 30' 'crl_number = 2' >"$scratch/crl.tmpl"
revoke() {
    certtool --generate-crl --load-ca-certificate "$scratch/ca/ca.crt" --load-ca-privkey "$scratch/ca/ca.key" \
        --password "$ca_pass" --load-certificate "$(agency_file crt)" --template "$scratch/crl.tmpl" --outfile "$scratch/new.crl"
}
put_crl() { cp "$1" "$state/tls/ca.crl.new" && mv "$state/tls/ca.crl.new" "$state/tls/ca.crl"; }
check "(a revocation list is made)" revoke
# One connection, two lookups; the revocation comes between them.
two_lookups() {
    local q
    q=$(question "$good")
    post() { printf 'POST /v1/lookups HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' ${#q} "$q"; }
    answered() { [ "$(wc -l <"$scratch/codes")" -ge "$1" ]; }
    : >"$scratch/codes"
    { post; soon 10 answered 1; put_crl "$scratch/new.crl"; hup; soon 10 lookup 401 client-certificate-invalid
        post; soon 10 answered 2; } |
        timeout 40 openssl s_client -quiet -connect "${law_url#https://}" -CAfile "$ca" -cert "$(agency_file crt)" \
            -key "$(agency_file key)" 2>/dev/null | grep --line-buffered -aoE 'HTTP/1.1 [0-9]+' >"$scratch/codes"
    [ "$(cut -d' ' -f2 "$scratch/codes" | tr '\n' ' ')" = "200 401 " ] || { cat "$scratch/codes"; return 1; }
}
check "a certificate revoked by SIGHUP is refused on the connection that it had" two_lookups
check "... and on a new one" lookup 401 client-certificate-invalid
put_crl "$scratch/good.crl"
hup
check "(with the list before, it is good again)" soon 5 found
put_crl "$scratch/new.crl"
check "without a SIGHUP it is refused within 60 s" soon 60 lookup 401 client-certificate-invalid
put_crl "$scratch/good.crl"
hup
check "(and good again)" soon 5 found

# keeps_files FILE SED_OR_TEXT: the doors go on with what they had.
keeps_serving() { # FILE
    cp -p "$state/tls/$1" "$scratch/kept" && mark_log
    echo garbage >"$state/tls/$1"
    hup
    soon 5 in_log "$1 is no PEM" && in_log 'the doors keep' && found
    local rc=$?
    cp -p "$scratch/kept" "$state/tls/$1"
    return $rc
}
keeps_broken_pem() { # FILE: PEM outside, rubbish inside
    cp -p "$state/tls/$1" "$scratch/kept" && mark_log
    sed -i '2s/^...../AAAAA/;3s/^...../AAAAA/' "$state/tls/$1"
    hup
    soon 5 in_log '<3>photod-web.*TLS: ' && sleep 0.3 && found
    local rc=$?
    cp -p "$scratch/kept" "$state/tls/$1"
    return $rc
}
for file in server.crt server.key ca.crt ca.crl; do
    check "a new $file that is garbage changes nothing but a line in the log" keeps_serving $file
done
for file in server.crt ca.crl; do
    check "... nor one that is only PEM outside" keeps_broken_pem $file
done
hup

# ---- A vault that does not answer ----

vault=$("$bin/photoctl" status --socket "$socket" --json | jq '.processes[] | select(.process == "photod-vault") | .pid')
kill -STOP "$vault"
in_deadline() {
    local before=$SECONDS
    lookup 503 unavailable && [ $((SECONDS - before)) -le 12 ]
}
check "with a vault that hangs, health is 503" status_is 503 '' "$law_url/v1/health"
check "... a lookup is 503 within its deadline" in_deadline
check "... and holds no photo" no_photo_in_body
kill -CONT "$vault"
check "once it goes on, the child is found" soon 5 found
check "... and the log verifies" verifies

# ---- kill -9 ----

leaves_before=$(leaf_count)
disown -a # or bash reports the death
kill -9 "$(scratch_pid)"
gone() { ! pgrep -s "$(scratch_pid)" >/dev/null; }
check "when photod is killed its processes die with it" soon 5 gone
check "... its socket stays" test -S "$socket"
check "... and is taken over" scratch_start
not_fewer() { [ "$(leaf_count)" -gt "$leaves_before" ] || leaf_count; }
check "... with all that was in the log" not_fewer
check "... and the child" found
check "photod stops" scratch_stop

# ---- Configuration ----

save base
line=$(($(wc -l <"$conf") + 1))
edited "\$a favourite_colour = green"
check "an unknown key is named with file and line" start_fails "x.conf:$line: unknown key .favourite_colour" "$scratch/x.conf"
edited "\$a full_percent = 101"
check "a number out of range is named with file, line and range" start_fails "x.conf:$line: full_percent must be .* 10 to 100" "$scratch/x.conf"
edited "\$a intake_workers = three"
check "a number that is none, too" start_fails "x.conf:$line: intake_workers must be a whole number" "$scratch/x.conf"
edited "/^state = /d"
check "a missing key is named" start_fails "x.conf: state must be set" "$scratch/x.conf"
edited "\$a root_key = /x"
check "a key given twice is named" start_fails "x.conf:$line: root_key is given twice" "$scratch/x.conf"
edited "\$a just words"
check "a line without = is named" start_fails "x.conf:$line: expected .key = value" "$scratch/x.conf"
edited "s/^confinement = .*/confinement = none/"
check "an unknown confinement is refused" start_fails "x.conf: confinement must be" "$scratch/x.conf"
check "a configuration that is not there is named" start_fails "nowhere.conf: .*No such file" "$scratch/nowhere.conf"
edited "s/^law_listen = .*/law_listen = localhost/"
check "an address without port is refused" start_fails "law_listen: .localhost. is no address and port" "$scratch/x.conf"
edited "s/^law_listen = .*/law_listen = 192.0.2.1:8443/"
check "an address of another machine is refused" start_fails "law_listen: this machine does not have" "$scratch/x.conf"
edited ""
chmod o+w "$scratch/x.conf"
check "a configuration that everybody may change is refused" start_fails "everybody on this machine may change" "$scratch/x.conf"
chmod o-w "$scratch/x.conf"
edited "s/^confinement = .*/confinement = users/"
not_root() {
    chmod 711 "$scratch"
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid 65534 --regid 65534 --clear-groups "$bin/photod" --config "$scratch/x.conf" >"$scratch/out" 2>&1
    else
        "$bin/photod" --config "$scratch/x.conf" >"$scratch/out" 2>&1
    fi
    local rc=$?
    cat "$scratch/out"
    [ $rc -eq 2 ] && [ "$(grep -c '<3>' "$scratch/out")" -eq 1 ] && grep -q 'must be started as root' "$scratch/out"
}
check "who is not root is told to be, or to choose same-user" not_root
if [ "$(id -u)" -eq 0 ]; then
    edited "s/^confinement = .*/confinement = users/;\$a user_law = no-such-user-64102"
    sed -i 's/^#*user_vault = .*/user_vault = 64101/' "$scratch/x.conf"
    check "a user that does not exist is named with its key" start_fails "user_law: no user .no-such-user-64102" "$scratch/x.conf"
    edited "s/^confinement = .*/confinement = users/;\$a user_vault = 0"
    check "root may not be one of the users" start_fails "user_vault: must not be root" "$scratch/x.conf"
fi

# ---- Keys ----

cp -p "$scratch/root.key" "$scratch/root.good"
swap() { rm -f "$scratch/root.key" && cat >"$scratch/root.key" && chmod 400 "$scratch/root.key"; }
unswap() { rm -f "$scratch/root.key" && cp -p "$scratch/root.good" "$scratch/root.key"; }
head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' | sed 's/$/\n/' | swap
check "another state's root key is refused" start_fails "the root key is another state's"
echo 0123456789abcdef | swap
check "what is no root key is refused" start_fails "the root key file is not one"
: | swap
check "an empty root key file is refused" start_fails "the root key file is not one"
unswap
rm "$scratch/root.key"
check "a missing root key file is named" start_fails "root_key: $scratch/root.key: No such file"
unswap
chmod 444 "$scratch/root.key"
check "a root key file that others may read is refused, with the line to run" start_fails "run: chmod o= $scratch/root.key"
chmod 400 "$scratch/root.key"
flip() { # FILE AT
    local byte
    byte=$(od -An -tu1 -j "$2" -N1 "$1" | tr -d ' ')
    printf "\\x$(printf %02x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
flipped_keyfile() {
    local size at k n=0
    size=$(stat -c %s "$state/keyfile")
    for k in 0 1 2 3 4 5 6 7 8 9; do
        at=$(((size - 1) * k / 9))
        flip "$state/keyfile" $at
        start_fails 'the (key )?file|the key file' || { echo "byte $at of $size"; return 1; }
        flip "$state/keyfile" $at
    done
}
check "a key file with one bit flipped is refused, wherever it is" flipped_keyfile
truncated_keyfile() { truncate -s -1 "$state/keyfile" && start_fails "the key file does not open"; }
check "a key file cut short is refused" broken_by truncated_keyfile
no_keyfile() { rm "$state/keyfile" && start_fails "has no key file; was it initialised"; }
check "a missing key file is named" broken_by no_keyfile

# ---- Store ----

half() { truncate -s $(($(stat -c %s "$state/$1/data.mdb") / 2)) "$state/$1/data.mdb" && start_fails "store: $1/data.mdb is missing, cut short or damaged"; }
one_page() { truncate -s -4096 "$state/$1/data.mdb" && start_fails "store: $1/data.mdb is missing, cut short or damaged"; }
meta() { head -c 8192 /dev/urandom | dd of="$state/$1/data.mdb" conv=notrunc status=none && start_fails "store: $1/data.mdb is missing, cut short or damaged"; }
empty() { : >"$state/$1/data.mdb" && start_fails "store: $1/data.mdb is missing, cut short or damaged"; }
absent() { rm "$state/$1/data.mdb" && start_fails "store: $1/data.mdb is missing, cut short or damaged"; }
for part in photos keyring; do
    check "a $part cut in half is refused" broken_by half $part
    check "a $part with garbage for meta pages is refused" broken_by meta $part
    check "an empty $part is refused" broken_by empty $part
    check "a missing $part is refused" broken_by absent $part
done
newer() {
    perl -0777 -pi -e '$n = s/format1/format7/g; END { exit($n ? 0 : 1) }' "$state/photos/data.mdb" &&
        start_fails "store: format 7 was written by a newer photod"
}
check "a store of a newer format is refused" broken_by newer
strange() {
    perl -0777 -pi -e 's/format1/format?/g' "$state/photos/data.mdb" && start_fails "does not say which format"
}
check "a store of no format is refused" broken_by strange
other_state() { # the store of another state with this one's key file
    "$bin/photoctl" init --state "$scratch/second" --root-key "$scratch/second.root" --socket "$scratch/second.sock" \
        --consent-policy annual --origin photod.example/second --same-user --ca-dir "$scratch/second-ca" \
        --passphrase-file "$scratch/passphrase" >/dev/null || return 1
    rm -rf "$state/photos" "$state/keyring" "$state/log"
    cp -a "$scratch/second/photos" "$scratch/second/keyring" "$scratch/second/log" "$state"
    start_fails "does not belong to this key file"
}
check "another state's store is refused" broken_by other_state
no_spool() { rmdir "$state/spool" && start_fails "spool"; }
check "a missing spool directory is named" broken_by no_spool
no_state() { edited "s|^state = .*|state = $scratch/none|" && start_fails "state: $scratch/none .*No such file" "$scratch/x.conf"; }
check "a missing state directory is named" no_state

# ---- Log ----

restore base
must scratch_start
must found
must found
must scratch_stop
save ahead
rolled_back() {
    restore base && rm -rf "$state/log" && cp -a "$scratch/ahead/log" "$state/log" && start_fails "the store was rolled back"
}
check "a store older than its published log is refused" rolled_back
forked() {
    perl -pi -e '$. == 3 && s/^(.)/$1 eq "A" ? "B" : "A"/e' "$state/log/checkpoint" && start_fails "is of another log"
}
check "a checkpoint of another log is refused" broken_by forked
rebuilt() { # GLOB...: removed, and back after a start
    restore ahead
    (cd "$state/log" && rm -rf "$@")
    mark_log
    scratch_start && verifies && found
    local rc=$?
    scratch_stop && return $rc
}
check "missing tiles are written anew" rebuilt tile
check "... which is said" in_log 'missing or wrong, and are written anew'
check "all of the log's files are, if need be" rebuilt tile checkpoint
garbled() {
    restore ahead
    echo garbage >"$state/log/checkpoint"
    for file in $(find "$state/log/tile" -type f); do flip "$file" 7; done
    scratch_start && verifies && found
    local rc=$?
    scratch_stop && return $rc
}
check "garbled ones, too" garbled

# ---- TLS files at start ----

no_certificate() { rm "$state/tls/server.crt" && start_fails "tls_certificate: .*server.crt: No such file"; }
garbage_certificate() { echo garbage >"$state/tls/server.crt" && start_fails "tls_certificate: .*server.crt is no PEM"; }
public_key() { chmod 644 "$state/tls/server.key" && start_fails "run: chmod o= .*server.key"; }
damaged_certificate() { sed -i '3s/^...../AAAAA/' "$state/tls/server.crt" && start_fails "TLS: the certificate"; }
other_key() { cp "$scratch/own.key" "$state/tls/server.key" && start_fails "TLS: the private key for this certificate"; }
other_crl() { cp "$scratch/second/tls/ca.crl" "$state/tls/ca.crl" && start_fails "TLS: the CRL of this CA"; }
check "a missing certificate is named" broken_by no_certificate
check "a certificate that is garbage is named" broken_by garbage_certificate
check "a TLS key that others may read is refused" broken_by public_key
check "a certificate that is only PEM outside ends the start" broken_by damaged_certificate
check "a key of another certificate ends the start" broken_by other_key
check "another CA's revocation list ends the start" broken_by other_crl

# ---- A copy that is older than a key ----

restore base
must scratch_start
"$bin/photoctl" key issue --socket "$socket" --district $district --label third --out "$scratch/third.key" >/dev/null
check "(a new key may create a batch)" create 201 '' "$(cat "$scratch/third.key")"
must scratch_stop
restore base
must scratch_start
check "after all that the good state serves" found
check "... and does not know the key that is younger than it" create 401 credential-unknown "$(cat "$scratch/third.key")"
check "... its log verifies" verifies
must scratch_stop

# ---- A full disk ----

full_disk() {
    rm -rf "$state" && mkdir "$state" && mount -t tmpfs -o size=64m,mode=700 photod-e2e "$state" || return 1
    rm -rf "$scratch/ca" "$scratch/agency" "$district_key" "$scratch/root.key"
}
unmount() { umount "$state" 2>/dev/null || umount -l "$state" 2>/dev/null; }
free_kib() { df -k --output=avail "$state" | tail -1; }
fill() { # KIB_LEFT
    rm -f "$state/filler"
    fallocate -l $(($(free_kib) - $1))K "$state/filler"
}
if [ "$(id -u)" -eq 0 ] && full_disk 2>/dev/null; then
    trap 'scratch_stop; unmount; rm -rf "$scratch"' EXIT
    must scratch_init
    must scratch_start
    must scratch_principals
    cp "$state/tls/ca.crt" "$ca"
    key=$(cat "$district_key")
    "$bin/photoctl" audit key --socket "$socket" >"$scratch/log.vkey"
    must scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/photos.zip" --commit \
        --taken-on "$(date -d '30 days ago' +%F)" >"$scratch/upload.txt" 2>&1
    check "(on a small volume a child is found)" found
    fill 9000
    check "at 85 % of the volume an upload is 507" create 507 storage-full "$key"
    check "... so is a roster" status_is 507 storage-full -X PUT --data-binary @"$scratch/roster.tsv" \
        -H 'Content-Type: text/tab-separated-values' -H "Authorization: Bearer $key" "$office_url/v1/districts/$district/roster"
    refused_says() { ! upload >"$scratch/out" 2>&1 && grep -qi 'space' "$scratch/out"; }
    check "... photoctl says why" refused_says
    status_says() { "$bin/photoctl" status --socket "$socket" | grep -q "$1"; }
    check "... and so does its status" status_says 'REFUSED for lack of space'
    check "... lookups go on" found
    rm "$state/filler"
    check "with room again, uploads go on" upload 25
    check "... and the child is found" found

    must scratch_stop
    sed -i 's/^#*full_percent = .*/full_percent = 100/' "$conf"
    must scratch_start
    acknowledged=$(leaf_count)
    fill 700
    # The largest part of the upload has no room: whatever step meets it, the answer is 507 and nothing is half there.
    enospc() {
        create 201 '' "$key" || return 1
        local batch
        batch=$(jq -r .id "$scratch/body")
        status_is 507 storage-full -X PUT --data-binary @"$scratch/photos.zip" -H 'Content-Type: application/zip' \
            -H "Authorization: Bearer $key" "$office_url/v1/districts/$district/batches/$batch/upload"
    }
    check "an upload that meets the end of the disk is 507" enospc
    no_spool_left() { [ -z "$(find "$state/spool" -type f)" ] || find "$state/spool"; }
    check "... and leaves nothing in the spool" no_spool_left
    check "... lookups go on" found

    # By tus what came before the end of the disk stays, and is gone on with.
    tus() { # CURL_OPTION...: to the upload of $batch; prints the status
        api -H 'Tus-Resumable: 1.0.0' -H "Authorization: Bearer $key" "$@" \
            "$office_url/v1/districts/$district/batches/$batch/upload"
    }
    bytes=$(stat -c %s "$scratch/photos.zip")
    patch_is() { # STATUS OFFSET: all that is left
        tail -c +$(($2 + 1)) "$scratch/photos.zip" >"$scratch/piece"
        local got
        got=$(tus -X PATCH -H 'Content-Type: application/offset+octet-stream' -H "Upload-Offset: $2" \
            --data-binary @"$scratch/piece")
        [ "$got" = "$1" ] || { echo "HTTP $got"; cat "$scratch/body"; return 1; }
    }
    stands_at() { tus -I >/dev/null && tr -d '\r' <"$scratch/headers" | sed -n 's/^Upload-Offset: //pI'; }
    breaks_off() {
        create 201 '' "$key" && batch=$(jq -r .id "$scratch/body") &&
            [ "$(tus -X POST -H "Upload-Length: $bytes" --data '')" = 201 ] || return 1
        fill 2500
        patch_is 507 0 && kept=$(stands_at) && [ "$kept" -gt 0 ] && [ "$kept" -lt "$bytes" ]
    }
    check "an upload by tus that meets the end of the disk is 507, and keeps what came" breaks_off
    check "... also when it is gone on with too early" eval 'patch_is 507 "$kept" && [ "$(stands_at)" = "$kept" ]'
    rm -f "$state/filler"
    check "... and goes on from $kept of $bytes bytes once there is room" soon 15 patch_is 204 "$kept"
    check "... to its end" test "$(stands_at)" = "$bytes"
    judged() { status_is 200 '' -H "Authorization: Bearer $key" "$office_url/v1/districts/$district/batches/$batch" &&
        jq -e '.state == "staged" and .fault == null and .files > 50' "$scratch/body"; }
    check "... and is judged" soon 30 judged
    fill 0
    nothing_leaves() { # to the very last page; whatever is answered without a leaf holds no photo
        local n got
        for n in $(seq 60); do
            got=$(api --data "$(question "$good")" -H 'Content-Type: application/json' --cert "$(agency_file crt)" \
                --key "$(agency_file key)" "$law_url/v1/lookups")
            if [ "$got" = 200 ]; then
                acknowledged=$(jq '.release // .leaf // 0' "$scratch/body" 2>/dev/null)
                continue
            fi
            echo "$n lookups, then HTTP $got $(jq -r .code "$scratch/body")"
            case $got in 503 | 507) no_photo_in_body && return ;; esac
            return 1
        done
        echo "60 lookups, and still room"
    }
    check "with no byte left a lookup is answered with its leaf, or refused without a photo" nothing_leaves
    cat "$scratch/check.out"
    rm -f "$state/filler"
    check "with room again the child is found, without a restart" soon 15 found
    check "... uploads go on" upload 15
    check "... the log verifies" verifies
    not_lost() { [ "$(leaf_count)" -ge "$acknowledged" ]; }
    check "... no leaf is lost" not_lost
    check "photod stops" scratch_stop
    check "... starts on the same state" scratch_start
    check "... and serves the same child" found
    scratch_stop
    unmount
else
    echo "skipped: the full disk needs root and a tmpfs"
fi
finish
