# Sourced by crash.sh and kills.sh after lib.sh: which process is which, batches by hand, and what the log says of
# the photos that were released.

me=main # each background loop has its own name
bearer() { # CURL_OPTION...: to the office door; prints the HTTP status, leaves the answer in $scratch/office.$me
    curl --silent --cacert "$ca" --max-time 20 --output "$scratch/office.$me" --write-out '%{http_code}' \
        -H "Authorization: Bearer $(cat "$district_key")" "$@"
}

batches=/v1/districts/$district/batches

# retake: the same pictures in other files, for the next batch; the same files again would change nothing.
take=0
photos_zip=$scratch/photos.zip
retake() {
    take=$((take + 1))
    photos_zip=$scratch/photos.take.zip
    rm -f "$photos_zip" && "$bin/demo-district" --retake $take "$scratch/photos.zip" "$photos_zip"
}

# batch_new TAKEN_ON: prints its id; tries until a door answers.
batch_new() {
    for _ in $(seq 200); do
        if [ "$(bearer -X POST --data '' "$office_url$batches?taken_on=$1")" = 201 ]; then
            jq -r .id "$scratch/office.$me"
            return
        fi
        sleep 0.05
    done
    return 1
}

# batch_put ID [CURL_OPTION...]: one try; prints the HTTP status.
batch_put() {
    local id=$1
    shift
    bearer -T "$photos_zip" -H 'Content-Type: application/zip' -H 'Expect:' "$@" "$office_url$batches/$id/upload"
}

# batch_is ID FIELD: of its state, e.g. .state or .judged; empty when nobody answers.
batch_is() {
    [ "$(bearer "$office_url$batches/$1")" = 200 ] && jq -r "$2" "$scratch/office.$me"
}

# batch_send ID: until the upload is with the vault, whoever dies meanwhile.
batch_send() {
    local code
    for _ in $(seq 200); do
        code=$(batch_put "$1")
        [ "$code" = 202 ] && return
        # Its answer was lost, but it is there: sending it again is refused.
        [ "$code" = 409 ] && [ "$(batch_is "$1" .state)" != "" ] && return
        sleep 0.05
    done
    echo "upload: HTTP $code"
    return 1
}

# batch_wait ID: until it is staged, by itself.
batch_wait() {
    for _ in $(seq 600); do
        [ "$(batch_is "$1" .state)" != staged ] || return 0
        sleep 0.05
    done
    echo "batch $1 is not staged:"
    head -c 300 "$scratch/office.$me"
    return 1
}

# batch_commit ID: 0 only when the door acknowledged it.
batch_commit() {
    [ "$(bearer -X POST --data '' "$office_url$batches/$1/commit")" = 200 ]
}

# process_id NAME: of "photod-vault", "photod-web law", "photod-intake 0", ..., or of "photod", the parent.
process_id() {
    local p
    [ "$1" != photod ] || { scratch_pid; return; }
    for p in $(pgrep -P "$(scratch_pid)"); do
        [ "$(tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null)" = "$1 " ] && { echo "$p"; return; }
    done
    return 1
}

# process_kill NAME: by SIGKILL; of the parent, starts another.
kills=0
process_kill() {
    local pid children p
    for _ in $(seq 300); do # one that is just being started is awaited
        pid=$(process_id "$1") && break
        sleep 0.05
    done
    [ "$1" != photod ] || children=$(pgrep -P "$pid")
    kill -9 "$pid" || return 1
    kills=$((kills + 1))
    killed=$pid
    [ "$1" = photod ] || return 0
    for p in $children; do # they end with their parent
        while [ -e "/proc/$p" ] && ! grep -q '^State:.Z' "/proc/$p/status" 2>/dev/null; do sleep 0.02; done
    done
    scratch_start
}

# process_back NAME: there is another in the place of the one killed last, and a lookup is answered.
process_back() {
    local pid
    for _ in $(seq 400); do
        pid=$(process_id "$1") && [ "$pid" != "$killed" ] && lookups_of "$(head -1 "$scratch/children")" && return
        sleep 0.05
    done
    echo "$1 does not come back"
    tail -5 "$scratch/photod.log"
    return 1
}

# lookups_of STATE_ID...: over one connection; release numbers are added to $scratch/seen, checkpoints to
# $scratch/checkpoints; fails unless each is a match.
lookups_of() {
    local id dir n
    dir=$(mktemp -d "$scratch/look.XXXXXX")
    for id in "$@"; do
        printf 'url = "%s/v1/lookups"\noutput = "%s/%s"\nsilent\nmax-time = 10\ncacert = "%s"\ncert = "%s"\nkey = "%s"\n' \
            "$law_url" "$dir" "$id" "$ca" "$(agency_file crt)" "$(agency_file key)"
        printf 'header = "Content-Type: application/json"\n'
        printf 'data = "{\\"case\\":{\\"oca\\":\\"E2E-2\\",\\"reported_at\\":\\"%s\\",\\"basis\\":\\"missing-child-report\\"},\\"operator\\":\\"e2e\\",\\"child\\":{\\"state_id\\":\\"%s\\"},\\"rendition\\":\\"mobile\\"}"\nnext\n' \
            "$(date -u -d '5 minutes ago' +%FT%TZ)" "$id"
    done | sed '$d' >"$dir/curl"
    curl -K "$dir/curl" 2>/dev/null
    rm "$dir/curl"
    n=$(find "$dir" -type f | xargs -r jq -r 'select(.outcome == "match") | .release' 2>/dev/null |
        tee -a "$scratch/seen" | wc -l)
    find "$dir" -type f | xargs -r jq -r 'select(.receipt) | .receipt' 2>/dev/null |
        awk -v origin=photod.example/demo '$0 == origin { getline size; getline root; print size, root }' \
            >>"$scratch/checkpoints"
    rm -r "$dir"
    [ "$n" -eq $# ]
}

all_lookups() {
    # shellcheck disable=SC2046
    lookups_of $(cat "$scratch/children")
}

# log_audit: reads leaves; prints what is wrong, and "releases N of them, last BATCH".  A release must be of the newest
# committed batch that holds a photo of its child, at the moment of its leaf: else the batch is visible by half, too
# early or not at all.  seen: release numbers that a client got; each must be a release's leaf.
log_audit() {
    awk -v seen="$1" '
        function field(name,   r) {
            r = "\"" name "\":\"?[^,\"}]*"
            return match($0, r) ? substr($0, RSTART + length(name) + 3 + (substr($0, RSTART + length(name) + 3, 1) == "\""),
                RLENGTH - length(name) - 3 - (substr($0, RSTART + length(name) + 3, 1) == "\"")) : ""
        }
        BEGIN { while ((getline n < seen) > 0) { wanted[n] = 1; count++ } }
        {
            leaf = NR - 1
            type = field("type")
            if (type == "photo") {
                of[field("child"), field("generation")] = field("batch")
                photos[field("batch"), field("child")]++
            }
            if (type == "batch-commit") { order[++commits] = field("batch"); committed[field("batch")] = commits }
            if (type == "release") {
                releases++
                batch = of[field("child"), field("generation")]
                for (newest = commits; newest > 0 && !((order[newest], field("child")) in photos);) newest--
                if (!newest || order[newest] != batch) { print "leaf " leaf ": a photo of batch " batch ", the newest is " order[newest]; half++ }
                delete wanted[leaf]
            }
        }
        END {
            for (n in wanted) { print "release " n " was seen by a client and has no leaf"; missing++ }
            printf "%d releases in the log, %d seen by clients, %d without leaf, %d of a batch by half, %d commits\n",
                releases, count, missing, half, commits
            exit missing || half
        }'
}
