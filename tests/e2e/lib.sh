# Sourced by the end-to-end tests: a scratch photod (ops/scratch.sh) and checks that count.
# Usage of each: NAME.sh BIN ROOT

set -u
bin=$1
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

# leaves: every log entry of the published tiles, one a line, as far as the checkpoint says.  Tiles may be replaced
# meanwhile, and a kill may leave the narrower one beside the wider: of each place the widest counts.
leaves() {
    local size
    for _ in $(seq 20); do
        size=$(sed -n 2p "$state/log/checkpoint")
        entries_below "$state/log/tile/entries" >"$scratch/entries.$BASHPID"
        [ "$(wc -l <"$scratch/entries.$BASHPID")" -ge "$size" ] && break
    done
    head -n "$size" "$scratch/entries.$BASHPID"
    rm "$scratch/entries.$BASHPID"
}

# The entries of a bundle are length-prefixed JSON lines; printable text is what strings would show.
entries_below() {
    find "$1" -type f -printf '%P\n' | awk -v below="$1" '
        { place = $0; width = 256 }
        sub(/\.p\/[0-9]+$/, "", place) { width = $0; sub(/.*\//, "", width) }
        width + 0 > widest[place] { widest[place] = width + 0; file[place] = $0 }
        END { for (place in file) print below "/" file[place] }' | sort | xargs cat 2>/dev/null | grep -aoE '\{"v":1[^}]*\}'
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
