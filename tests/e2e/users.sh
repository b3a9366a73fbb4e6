#!/usr/bin/env bash
# Each process its own user: what the kernel says of each, what each can reach as its user, and where the keys are not.
# Needs root.  The machine stays as it was: users are numbers, and names exist in a mount namespace of our own only.
if [ "$(id -u)" -ne 0 ]; then
    echo "skipped: needs root"
    exit 77
fi
. "$(dirname "$0")/lib.sh"
chmod 711 "$scratch"
users="vault law office intake"
declare -A uid=([vault]=64101 [law]=64102 [office]=64103 [intake]=64104)

# as USER COMMAND...: as the user of that process, with no capability left.
as() {
    local u=${uid[$1]}
    shift
    setpriv --reuid "$u" --regid "$u" --clear-groups --inh-caps=-all -- "$@"
}

status() { "$bin/photoctl" status --socket "$socket" --json; }

# processes: "process user pid" of each, the parent's user being root.
processes() {
    status | jq -r '.processes[] | (.process | gsub("^photod$"; "root") | gsub("^.*[- ]"; "")) as $u
        | "photod-\($u) \($u) \(.pid)"'
}
pid_of() { awk -v n="$1" '$2 == n { print $3; exit }' "$scratch/processes"; }

# children CHECK...: CHECK NAME USER PID for each process but the parent.
children() {
    local name user pid bad=0
    while read -r name user pid; do
        [ "$user" = root ] || "$@" "$name" "$user" "$pid" || bad=1
    done <"$scratch/processes"
    return $bad
}
everybody() {
    local name user pid bad=0
    while read -r name user pid; do
        "$@" "$name" "$user" "$pid" || bad=1
    done <"$scratch/processes"
    return $bad
}
field() { awk -v k="$1:" '$1 == k { sub(/^[^\t]*\t/, ""); print }' "/proc/$2/status"; }
# has FIELD VALUE NAME PID
has() {
    local got
    got=$(field "$1" "$4")
    [ "$got" = "$2" ] || { echo "$3 ($4): $1 is \`$got', expected \`$2'"; return 1; }
}

own_ids() {
    local u=${uid[$2]}
    has Uid "$u	$u	$u	$u" "$1" "$3" && has Gid "$u	$u	$u	$u" "$1" "$3" || return 1
    case $(field Groups "$3" | tr -d ' ') in
    '' | "$u") ;;
    *) echo "$1 is in other groups: $(field Groups "$3")"; return 1 ;;
    esac
}
no_capability() {
    local set
    for set in CapInh CapPrm CapEff CapBnd CapAmb; do
        has $set 0000000000000000 "$1" "$3" || return 1
    done
}
no_more_privileges() { has NoNewPrivs 1 "$1" "$3"; }
filtered() { has Seccomp 2 "$1" "$3"; }
no_core() { grep -qE '^Max core file size +0 +0 ' "/proc/$3/limits" || { echo "$1: $(grep core "/proc/$3/limits")"; return 1; }; }
# The kernel gives /proc/PID of a process that is not dumpable to root.
not_dumpable() { [ "$(stat -c %u "/proc/$3/mem")" = 0 ] || { echo "$1: /proc/$3/mem is not root's"; return 1; }; }
all_different() { [ "$(children_uids | sort -u | wc -l)" -eq 4 ]; }
children_uids() { while read -r _ user pid; do [ "$user" = root ] || field Uid "$pid"; done <"$scratch/processes"; }

# closed_to_all FILE NAME USER PID: nobody opens /proc/PID/FILE, not even the same user's other programs.
closed_to_all() {
    local reader
    for reader in $users; do
        ! as "$reader" sh -c ": </proc/$4/$1" 2>/dev/null || { echo "$reader opens /proc/$4/$1 of $2"; return 1; }
    done
}
# control_open FILE: an ordinary program's can be opened by the same user, so that the refusals above mean something.
# By its parent: elsewhere Yama may stand before it.
control_open() {
    as law bash -c "sleep 20 & sleep 0.2; : </proc/\$!/$1; rc=\$?; kill \$!; exit \$rc"
}

# ---- The same, by names, as the package has it: `users.sh BIN ROOT named` in a mount namespace ----

if [ "${3-}" = named ]; then
    for u in $users; do
        echo "photod-$u:x:${uid[$u]}:${uid[$u]}::/nonexistent:/usr/sbin/nologin" >>"$scratch/passwd"
        echo "photod-$u:x:${uid[$u]}:" >>"$scratch/group"
    done
    for f in passwd group; do
        cat "/etc/$f" >>"$scratch/$f"
        mount --bind "$scratch/$f" "/etc/$f" || exit 1
    done
    confinement_option=
    check "photoctl init makes a state for four users" scratch_init
    owned() { # UID MODE PATH...
        local u=$1 mode=$2 path
        shift 2
        for path; do
            [ "$(stat -c '%u %a' "$path")" = "$u $mode" ] || { stat -c '%n is %u %a' "$path"; return 1; }
        done
    }
    check "... that is the vault's" owned ${uid[vault]} 700 "$state" "$state/log" "$state/spool" "$state/photos" "$state/keyring"
    check "... but for what root reads" owned 0 700 "$state/tls" "$scratch/ca"
    check "... the TLS key" owned 0 600 "$state/tls/server.key"
    check "... the root key" owned 0 400 "$scratch/root.key"
    check "... and photod.conf" owned 0 644 "$state/photod.conf"
    check "photod starts on it" scratch_start
    processes >"$scratch/processes"
    check "every process runs as the user of its name" children own_ids
    check "photod stops" scratch_stop
    # Who owns a directory may put another file in the place of root's.
    as vault sh -c "cp $state/photod.conf $state/c && sed -i 's/^confinement.*/confinement = same-user/' $state/c &&
        mv -f $state/c $state/photod.conf"
    check "(the vault's user can put a photod.conf of its own into its directory)" owned ${uid[vault]} 644 "$state/photod.conf"
    own_config_refused() {
        ! timeout 20 "$bin/photod" --config "$state/photod.conf" >"$scratch/out" 2>&1 && grep -q 'photod.conf does not belong' "$scratch/out"
        local rc=$?
        cat "$scratch/out"
        return $rc
    }
    check "photod as root does not obey a configuration that is not root's" own_config_refused
    finish
    exit
fi

# ---- Start, with numbers for users ----

students=80
must scratch_district
must scratch_init
hand_over() { # as photoctl init does where the users have names
    sed -i -e 's/^confinement = .*/confinement = users/' "$state/photod.conf" || return 1
    for u in $users; do
        sed -i "s/^#*user_$u = .*/user_$u = ${uid[$u]}/" "$state/photod.conf" || return 1
    done
    chown -R ${uid[vault]}:${uid[vault]} "$state" && chown -R root:root "$state/tls" "$state/photod.conf"
}
must hand_over
export PHOTOD_E2E_CANARY=canary-of-the-environment
check "photod starts with four users given by number" scratch_start
[ $failed -eq 0 ] || exit 1
processes >"$scratch/processes"
there_are() { [ "$(wc -l <"$scratch/processes")" -ge 6 ] || { cat "$scratch/processes"; return 1; }; }
check "parent, vault, two doors and the workers run" there_are

# ---- What the kernel says ----

check "each has the uid and gid of its own user, and no other group" children own_ids
check "... four users in all" all_different
check "no process but the parent has a capability, or could get one" children no_capability
check "none can gain privileges" everybody no_more_privileges
check "each is behind a seccomp filter" everybody filtered
check "none may leave a core file" everybody no_core
check "none is dumpable" everybody not_dumpable
check "no user opens the memory of any process" everybody closed_to_all mem
check "(... but that of an ordinary program of its own)" control_open mem
check "no user opens the environment of any process" everybody closed_to_all environ
check "(... but that of an ordinary program of its own)" control_open environ
check "no user sees the descriptors of any process" everybody closed_to_all fd/0
no_foreign_environment() { ! tr '\0' '\n' <"/proc/$3/environ" | grep PHOTOD_E2E_CANARY; }
check "no process inherits the environment of who started photod" children no_foreign_environment
parent_environment() { tr '\0' '\n' <"/proc/$(pid_of root)/environ" | grep -q PHOTOD_E2E_CANARY; }
check "(... which the parent has)" parent_environment

# ---- Who reaches which file ----

vault_reads() { as vault ls "$state" "$state/log" && as vault sh -c "cat $state/photos/data.mdb >/dev/null"; }
others_do_not() {
    local u path
    for u in law office intake; do
        for path in "$state" "$state/keyfile" "$state/photos/data.mdb" "$state/keyring/data.mdb" "$state/spool"; do
            ! as $u sh -c "ls $path/ || cat $path" >/dev/null 2>&1 || { echo "$u reads $path"; return 1; }
        done
        ! as $u touch "$state/x" 2>/dev/null || { echo "$u writes"; return 1; }
    done
}
check "the vault's user reads the state directory" vault_reads
check "no other user reads or writes it" others_do_not
nobody_reads() {
    local u
    for u in $users; do
        ! as "$u" cat "$1" >/dev/null 2>&1 || { echo "$u reads $1"; return 1; }
    done
}
check "no user reads the root key file" nobody_reads "$scratch/root.key"
check "no user reads the TLS key file" nobody_reads "$state/tls/server.key"
check "no user reads the CA's key file" nobody_reads "$scratch/ca/ca.key"
root_reads() { cat "$scratch/root.key" "$state/tls/server.key" "$scratch/ca/ca.key" >/dev/null; }
check "(... which are there)" root_reads

owned_by() { [ "$(stat -c %u "$2")" = "$1" ] || { stat -c '%n is of %u' "$2"; return 1; }; }
as_token() { SOFTHSM2_CONF=$SOFTHSM2_CONF PKCS11SPY=/usr/lib/softhsm/libsofthsm2.so PKCS11SPY_OUTPUT=/dev/null "$@"; }
# files_of PID: what it has open or mapped.
files_of() {
    ls -l "/proc/$1/fd" | sed -n 's/.* -> //p'
    awk '{ print $6 }' "/proc/$1/maps"
}
holds_no_state() {
    [ "$2" = vault ] || ! files_of "$3" | grep -E "^($state|$scratch/root.key|$scratch/ca)" || { echo "... in $1"; return 1; }
}
vault_holds() { files_of "$(pid_of vault)" | grep -q "^$state/photos/data.mdb"; }
check "doors and workers hold no file of the state directory, nor a key file" children holds_no_state
check "(... of which the vault holds the store)" vault_holds
# net_sockets PID: how many of its descriptors are TCP sockets.
net_sockets() {
    ls -l "/proc/$1/fd" | sed -n 's/.*socket:\[\([0-9]*\)\]/\1/p' | sort >"$scratch/inodes"
    awk 'NR > 1 { print $10 }' /proc/net/tcp /proc/net/tcp6 | sort | comm -12 - "$scratch/inodes" | wc -l
}
no_network() {
    case $2 in
    vault | intake) [ "$(net_sockets "$3")" -eq 0 ] || { echo "$1 has a TCP socket"; return 1; } ;;
    law | office) [ "$(net_sockets "$3")" -ge 1 ] || { echo "$1 has none"; return 1; } ;;
    esac
}
check "vault and workers have no TCP socket; the doors have theirs" children no_network
socket_closed() {
    local u
    for u in law office intake; do
        ! as $u "$bin/photoctl" status --socket "$socket" >"$scratch/out" 2>&1 || { echo "$u may"; return 1; }
    done
}
chmod_bin() { as law test -x "$bin/photoctl"; }
if chmod_bin; then
    check "no user but the vault's and root reaches photoctl's socket" socket_closed
    check "(... the vault's does)" as vault "$bin/photoctl" status --socket "$socket"
fi

# ---- The whole flow ----

check "principals are added" scratch_principals
check "the district is loaded" scratch_upload --roster "$scratch/roster.tsv" --photos "$scratch/photos.zip" \
    --taken-on "$(date -d '30 days ago' +%F)" --commit --report "$scratch/report.tsv"
good=$(awk -F'\t' '$2 == "IN" && $4 == "plain" { print $1; exit }' "$scratch/expected.tsv")
right_child() {
    rm -f "$scratch"/p.*
    scratch_lookup "$good" --out "$scratch/p.jpg" --receipt "$scratch/p.receipt" || return 1
    [ "$("$bin/demo-district" --read-code "$scratch/p.jpg")" = "$(awk -F'\t' -v id="$good" '$1 == id { print $5 }' "$scratch/expected.tsv")" ]
}
check "a missing child is found" right_child
"$bin/photoctl" audit key --socket "$socket" >"$scratch/log.vkey"
check "the receipt verifies" "$bin/photoctl" receipt verify "$scratch/p.receipt" --photo "$scratch/p.jpg" --vkey-file "$scratch/log.vkey"
must published
check "the log verifies" "$bin/photoctl" audit verify "$state/log" --vkey-file "$scratch/log.vkey"
all_vaults() { [ -z "$(find "$state" -path "$state/tls" -prune -o ! -name photod.conf ! -uid ${uid[vault]} -print)" ]; }
check "all that was written is the vault's" all_vaults
no_others() { [ -z "$(find "$state/photos" "$state/keyring" "$state/spool" "$state/log" -perm /0022 -print)" ]; }
check "... and no other's to write" no_others

# ---- photoctl status ----

"$bin/photoctl" status --socket "$socket" >"$scratch/status.txt"
check "status says that confinement is users" grep -qE '^confinement +users' "$scratch/status.txt"
refuse "... and warns of nothing" grep -q WARNING "$scratch/status.txt"
kernel_landlock() { perl -e 'exit(syscall(444, 0, 0, 1) > 0 ? 0 : 1)'; }
all_seccomp() { status | jq -e 'all(.processes[]; .seccomp)'; }
all_landlock() { status | jq -e 'all(.processes[] | select(.process != "photod"); .landlock_abi > 0)'; }
check "status shows seccomp for each process" all_seccomp
if kernel_landlock; then
    check "status shows Landlock for each process but the parent" all_landlock
else
    echo "skipped: this kernel has no Landlock"
fi

# ---- Where the keys are not ----

# memory PID HEX...: prints for each needle how often it is in the pages that the process has.
cat >"$scratch/memory.pl" <<'PERL'
my $pid = shift;
my @needles = map { pack 'H*', $_ } @ARGV;
my @count = (0) x @needles;
open my $maps, '<', "/proc/$pid/maps" or die; open my $mem, '<:raw', "/proc/$pid/mem" or die;
open my $pagemap, '<:raw', "/proc/$pid/pagemap" or die;
my $pages = 0;
while (<$maps>) {
    my ($from, $to) = map { hex } /^([0-9a-f]+)-([0-9a-f]+)/ or next;
    next if $to - $from > 1 << 33;
    sysseek $pagemap, $from / 4096 * 8, 0; sysread $pagemap, my $flags, ($to - $from) / 4096 * 8;
    my ($run, $at) = ('', $from);
    for (unpack('Q*', $flags), 0) {
        my $page = '';
        if ($_ >> 62) { sysseek $mem, $at, 0; sysread $mem, $page, 4096; $pages++ if length $page; }
        $at += 4096;
        if (length $page and length $run < 1 << 22) { $run .= $page; next }
        for my $n (0 .. $#needles) { $count[$n]++ while $run =~ /\Q$needles[$n]\E/g }
        $run = length $page ? substr($run, -4096) . $page : '';
    }
}
die "no memory of $pid could be read\n" unless $pages > 50;
print "@count\n";
PERL
memory() { perl "$scratch/memory.pl" "$@"; }
# The vault's keys, taken from its memory by their layout (keys/inside.h) and proved by the log's public key.
cat >"$scratch/keys.pl" <<'PERL'
my ($pid, $origin) = @ARGV;
open my $maps, '<', "/proc/$pid/maps" or die; open my $mem, '<:raw', "/proc/$pid/mem" or die;
while (<$maps>) {
    my ($from, $to, $may) = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ 0/ or next;
    ($from, $to) = (hex $from, hex $to);
    next if $to - $from > 1 << 28 or $may !~ /^rw/;
    my $b = '';
    for (my $at = $from; $at < $to; $at += 4096) {
        sysseek $mem, $at, 0; sysread $mem, my $page, 4096 or $page = "\0" x 4096;
        $b .= $page;
    }
    while ($b =~ /\x01\0\0\0[\x01\x02]\0\0\0.\0{7}(.{32})(.{32})(.{32})(.{32})(.{32}).{32}\Q$origin\E\0/gs) {
        print join(' ', map { unpack 'H*', $_ } $3, $1, $2, $4, $5), "\n"; exit 0;
    }
}
exit 1;
PERL
take_keys() {
    local der public
    perl "$scratch/keys.pl" "$(pid_of vault)" photod.example/demo >"$scratch/keys" || { echo "not found"; return 1; }
    der=302e020100300506032b657004220420$(cut -d' ' -f1 "$scratch/keys")
    public=$(perl -e 'print pack "H*", shift' "$der" | openssl pkey -inform DER -pubout -outform DER | tail -c 32 | base64 -w0)
    [ "$(sed 's/^[^+]*+[^+]*+//' "$scratch/log.vkey" | base64 -d | tail -c 32 | base64 -w0)" = "$public" ]
}
root_hex=$(head -c 64 "$scratch/root.key")
root_text=$(printf %s "$root_hex" | od -An -v -tx1 | tr -d ' \n')
# The EC private key as GnuTLS holds it: as the bytes of the file, or as a number in 64-bit words.
tls_hex=$(sed '/^-/d' "$state/tls/server.key" | base64 -d | od -An -v -tx1 | tr -d ' \n' | sed 's/.*02010104..\(00\)\{0,1\}\(.*\)a00a0608.*/\2/')
tls_words=$(printf %s "$tls_hex" | sed 's/../& /g' | awk '{ for (i = NF; i; i--) printf "%s", $i }')

check "(the store's keys are found in the vault's memory, the signing key being the log's)" take_keys
found_in() { # NAME HEX...: at least one
    local pid=$1 counts
    shift
    counts=$(memory "$pid" "$@") && [ "$(echo "$counts" | tr -d ' 0')" ] || { echo "counts: $counts"; return 1; }
}
not_found_in() { # HEX... -- NAME USER PID
    local hex=()
    while [ "$1" != -- ]; do hex+=("$1"); shift; done
    shift
    local counts
    counts=$(memory "$3" "${hex[@]}") && [ -z "$(echo "$counts" | tr -d ' 0')" ] || { echo "$1 ($3): counts $counts"; return 1; }
}
# shellcheck disable=SC2046
store_keys_are_not() { [ "$2" = vault ] || not_found_in $(cat "$scratch/keys") -- "$@"; }
tls_key_is_not() { case $2 in law | office) ;; *) not_found_in "$tls_hex" "$tls_words" -- "$@" ;; esac; }
check "(the TLS key is found in the law door's memory)" found_in "$(pid_of law)" "$tls_hex" "$tls_words"
check "(... and in the office door's)" found_in "$(pid_of office)" "$tls_hex" "$tls_words"
check "(a known word is found in a worker's memory)" found_in "$(pid_of intake)" "$(printf photod-intake | od -An -tx1 | tr -d ' \n')"
# The vault holds the root key's bytes, to write the key file anew; the file's digits it has wiped.
root_key_is_not() { [ "$2" = vault ] || not_found_in "$root_hex" "$root_text" -- "$@"; }
check "the root key is in no memory but the vault's" everybody root_key_is_not
check "... and as the digits of its file in none at all" everybody not_found_in "$root_text" --
# What the parent has open: not the root key file, and no memory that holds its digits or bytes.
parent_gave_it_up() {
    local fd
    for fd in /proc/"$(pid_of root)"/fd/*; do
        [ "$(readlink "$fd")" != "$scratch/root.key" ] || { echo "$fd is the root key file"; return 1; }
        case $(readlink "$fd") in /memfd:*) not holds_key "$fd" || { echo "$fd holds it"; return 1; } ;; esac
    done
}
holds_key() { perl -e 'local $/; open my $f, "<:raw", $ARGV[0] or die; my $t = <$f>; exit !(index($t, $ARGV[1]) >= 0 || index($t, pack("H*", $ARGV[1])) >= 0)' "$1" "$root_hex"; }
check "(the search finds it in its file)" holds_key "$scratch/root.key"
check "the parent gave up the root key file when the vault had it" parent_gave_it_up
locked_memory() { [ "$(field VmLck "$(pid_of vault)" | tr -dc 0-9)" -ge 16 ] || { field VmLck "$(pid_of vault)"; return 1; }; }
check "the vault's keys are in locked memory (VmLck)" locked_memory
check "the store's keys are in no memory but the vault's" everybody store_keys_are_not
check "the TLS key is in the memory of neither vault nor workers" children tls_key_is_not

# ---- A restart keeps all that ----

kill -9 "$(pid_of vault)"
back() {
    for _ in $(seq 100); do
        sleep 0.1
        processes >"$scratch/processes" 2>/dev/null
        [ "$(wc -l <"$scratch/processes")" -ge 7 ] && status | jq -e '[.processes[] | select(.process == "photod-vault")][0].restarts == 1' && return 0
    done
    cat "$scratch/processes"
    return 1
}
check "a vault that was killed is started again" back
check "... as its user" children own_ids
check "... without capabilities" children no_capability
check "... behind its filter" everybody filtered
check "... and the child is found again" right_child
check "photod stops" scratch_stop

# ---- A token: photod-unseal as its own user ----

token_uid=64105
export SOFTHSM2_CONF=$scratch/softhsm2.conf
spy=$(find /usr/lib -name pkcs11-spy.so | head -1)
mkdir "$scratch/tokens" "$scratch/spy"
printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$scratch/tokens" >"$SOFTHSM2_CONF"
(umask 077 && echo 24680135 >"$scratch/pin")
must softhsm2-util --init-token --free --label photod --so-pin 11223344 --pin 24680135 >/dev/null
chown -R $token_uid:$token_uid "$scratch/tokens" "$scratch/spy" && chmod -R u=rwX,go= "$scratch/tokens" "$scratch/spy"
sed -i "s/^#*user_unseal = .*/user_unseal = $token_uid/" "$state/photod.conf"
scratch_start >/dev/null
to_token() {
    PKCS11SPY=/usr/lib/softhsm/libsofthsm2.so PKCS11SPY_OUTPUT=$scratch/spy/seal "$bin/photoctl" keys rekey \
        --config "$state/photod.conf" --socket "$socket" --new-root-key "$scratch/token.key" --seal pkcs11 \
        --pkcs11-module "$spy" --pkcs11-uri 'pkcs11:token=photod;object=photod-root' --pkcs11-pin "$scratch/pin" \
        --pkcs11-environment "SOFTHSM2_CONF=$SOFTHSM2_CONF PKCS11SPY=/usr/lib/softhsm/libsofthsm2.so PKCS11SPY_OUTPUT=$scratch/spy/calls" \
        --shares-dir "$scratch/token.shares"
}
check "root's photoctl has the token seal a new root key" to_token
must scratch_stop
check "photod starts by the token" scratch_start
processes >"$scratch/processes"
check "... asked by photod-unseal's own user" owned_by $token_uid "$scratch/spy/calls"
all_tokens_own() { [ -z "$(find "$scratch/tokens" ! -uid $token_uid)" ]; }
check "... as the key was made by it for photoctl" all_tokens_own
no_unseal_left() { ! pgrep -x photod-unseal -P "$(scratch_pid)"; }
check "... which is gone" no_unseal_left
check "no user of another process reads the token's files" nobody_reads "$(find "$scratch/tokens" -name '*.object' | head -1)"
root_hex=$(as_token "$bin/photod-unseal" open 3<"$state/photod.conf" 4<"$scratch/pin" 5<"$scratch/token.key")
root_text=$(printf %s "$root_hex" | od -An -v -tx1 | tr -d ' \n')
check "(its root key is found in the vault's memory)" found_in "$(pid_of vault)" "$root_hex"
check "... and in no other" everybody root_key_is_not
check "... as digits in none at all" everybody not_found_in "$root_text" --
check "the parent holds nothing of it" parent_gave_it_up
check "the child is found" right_child
check "photod stops" scratch_stop

# ---- With names ----

unset PHOTOD_E2E_CANARY
if unshare --mount --propagation private true 2>/dev/null; then
    unshare --mount --propagation private bash "$0" "$bin" "$root" named >"$scratch/named.txt"
    grep -E '^(ok|FAILED|   )' "$scratch/named.txt"
    passed=$((passed + $(grep -c '^ok' "$scratch/named.txt")))
    failed=$((failed + $(grep -c '^FAILED' "$scratch/named.txt")))
    grep -q 'passed, ' "$scratch/named.txt" || { echo "FAILED  the part with names ends early"; failed=$((failed + 1)); }
else
    echo "skipped: users with names need a mount namespace"
fi
finish
