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

# leaves: every log entry of the published tiles, one a line.
leaves() {
    entries_below "$state/log/tile/entries"
}

# The entries of a bundle are length-prefixed JSON lines; printable text is what strings would show.
entries_below() {
    find "$1" -type f | sort | xargs cat | grep -aoE '\{"v":1[^}]*\}'
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
