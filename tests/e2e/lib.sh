# Sourced by the end-to-end tests: a scratch photod (ops/scratch.sh) and checks that count.
# Usage of each: NAME.sh BIN ROOT

set -u
bin=$(realpath "$1")
root=$2
scratch=$(mktemp -d "${TMPDIR:-/tmp}/photod-e2e.XXXXXX")
passed=0
failed=0
. "$root/ops/scratch.sh"

cleanup() {
    scratch_stop
    rm -rf "$scratch"
}
trap cleanup EXIT

# check SENTENCE COMMAND...: runs it; its output is shown only when it fails.
check() {
    local sentence=$1
    shift
    if "$@" >"$scratch/check.out" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $sentence"
    else
        failed=$((failed + 1))
        echo "FAILED  $sentence"
        sed 's/^/        /' "$scratch/check.out" | tail -15
    fi
}

# refuse SENTENCE COMMAND...: the command must fail.
refuse() {
    local sentence=$1
    shift
    check "$sentence" not "$@"
}

not() {
    if "$@"; then return 1; else return 0; fi
}

must() {
    "$@" || { echo "cannot go on: $* failed" >&2; exit 1; }
}

# api CODE_FILE BODY_FILE CURL_OPTION...: prints the HTTP status.
api() {
    curl --silent --cacert "$ca" --output "$scratch/body" --dump-header "$scratch/headers" --write-out '%{http_code}' \
        --max-time 20 "$@"
}

# soon SECONDS COMMAND...: until it succeeds; fails with what it last said.
soon() {
    local end=$((SECONDS + $1)) said=$scratch/soon.${#FUNCNAME[@]} # one may be within another
    shift
    until "$@" >"$said" 2>&1; do
        [ $SECONDS -lt $end ] || { cat "$said"; return 1; }
        sleep 0.1
    done
}

# at_terminal PROMPT KEYS COMMAND: types the lines of the file KEYS at a terminal of its own, once COMMAND asks there.
# What is shown there is in terminal.
at_terminal() {
    local pid rc
    rm -f "$scratch/typed" && mkfifo "$scratch/typed" && : >"$scratch/terminal" || return 1
    timeout 60 script -qec "$3" /dev/null <"$scratch/typed" >"$scratch/terminal" 2>&1 &
    pid=$!
    exec 8>"$scratch/typed"
    soon 30 grep -qF "$1" "$scratch/terminal" && cat "$2" >&8
    wait $pid
    rc=$?
    exec 8>&-
    return $rc
}

# ctl "COMMAND" [OPTION...]: of photoctl, at the local socket.
ctl() {
    # shellcheck disable=SC2086
    "$bin/photoctl" $1 --socket "$socket" "${@:2}"
}

# later_start DAYS: photod, of which only the vault sees the clock so many days on, through an executable that starts
# the real one so.  later_stop ends it.
later_start() {
    local faketime
    faketime=$(find /usr/lib -name libfaketime.so.1 | head -1)
    [ -n "$faketime" ] || { echo "libfaketime is missing" >&2; return 1; }
    rm -rf "$scratch/later"
    mkdir "$scratch/later" && cp "$bin/photod" "$scratch/later/" &&
        ln -s "$bin/photod-web" "$bin/photod-intake" "$scratch/later/" &&
        cc -o "$scratch/later/photod-vault" -x c - <<END || return 1
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    (void)argc;
    setenv("LD_PRELOAD", "$faketime", 1);
    setenv("FAKETIME", "+$1d", 1);
    setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1", 1);
    execv("$bin/photod-vault", argv);
    return 127;
}
END
    bin=$scratch/later scratch_start && later=$(pgrep -x -P "$(scratch_pid)" photod-vault)
}
later_stop() {
    scratch_stop
    rm -f "/dev/shm/faketime_shm_$later" "/dev/shm/sem.faketime_sem_$later" # which a confined process cannot remove
}

# published: waits until the log's files hold every leaf that the vault has now.
published() {
    local size
    size=$(ctl status --json | jq .leaves) && soon 20 published_to "$size"
}
published_to() {
    [ "$(sed -n 2p "$state/log/checkpoint")" -ge "$1" ]
}

# forge PHOTOS_FROM KEYRING_FROM KEYFILE_FROM: a state of these parts, photod started on it; the log goes with `photos`.
forge() {
    rm -rf "$scratch/forged"
    mkdir -m 700 "$scratch/forged"
    cp -r "$1/photos" "$1/log" "$2/keyring" "$3/keyfile" "$state/lock" "$scratch/forged/"
    mkdir -m 700 "$scratch/forged/spool"
    sed "s|^state = .*|state = $scratch/forged|" "$state/photod.conf" >"$scratch/forged/photod.conf"
    state=$scratch/forged scratch_start
}

# leaves: every log entry of the published tiles, one a line, as far as the checkpoint says.  Tiles may be replaced
# meanwhile, and a kill may leave the narrower one beside the wider: of each place the widest counts.
leaves() {
    local size all
    for _ in $(seq 20); do
        size=$(sed -n 2p "$state/log/checkpoint")
        all=$(entries_below "$state/log/tile/entries")
        [ "$(wc -l <<<"$all")" -ge "$size" ] && break
    done
    head -n "$size" <<<"$all"
}

# The entries of a bundle are length-prefixed JSON lines; printable text is what strings would show.
entries_below() {
    find "$1" -type f -printf '%P\n' | awk -v below="$1" '
        { place = $0; width = 256 }
        sub(/\.p\/[0-9]+$/, "", place) { width = $0; sub(/.*\//, "", width) }
        width + 0 > widest[place] { widest[place] = width + 0; file[place] = $0 }
        END { for (place in file) print below "/" file[place] }' | sort | xargs cat 2>/dev/null | grep -aoE '\{"v":1[^}]*\}'
}

# count_leaves PATTERN
count_leaves() {
    published && leaves | grep -c "$1"
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
