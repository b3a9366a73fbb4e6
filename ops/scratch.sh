# Sourced by ops/demo and the end-to-end tests: a photod of its own in a scratch directory, on loopback.
#
# The caller sets bin (the executables) and scratch (an empty directory), and may set confinement_option
# (default --same-user).  Functions leave what went wrong on standard error and return non-zero.

district=0487
ori=MT0250100
seed=20261123
students=${students:-220}
socket=$scratch/photod.sock
state=$scratch/state
ca=$state/tls/ca.crt
district_key=$scratch/district.key
confinement_option=${confinement_option---same-user}

# scratch_district: makes roster.tsv, photos.zip and expected.tsv; no real child.
scratch_district() {
    "$bin/demo-district" --seed $seed --students "$students" --district $district --out "$scratch" \
        >"$scratch/district.txt"
}

# Below the ports that the kernel gives to clients: a client that asks a port nobody listens on may be given just that
# one as its own, connect to itself, and so keep photod from listening there again.
free_port() {
    local port
    for _ in $(seq 100); do
        port=$((20000 + RANDOM % 12000))
        (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo $port; return; }
    done
    return 1
}

# scratch_init: keys, an empty store, a certificate authority.
scratch_init() {
    local law_port office_port
    law_port=$(free_port)
    office_port=$(free_port)
    law_url=https://127.0.0.1:$law_port
    office_url=https://127.0.0.1:$office_port
    (umask 077 && head -c 24 /dev/urandom | base64 >"$scratch/passphrase")
    # shellcheck disable=SC2086
    "$bin/photoctl" init --state "$state" --root-key "$scratch/root.key" --socket "$socket" \
        --consent-policy annual --origin photod.example/demo --law "127.0.0.1:$law_port" \
        --office "127.0.0.1:$office_port" $confinement_option --ca-dir "$scratch/ca" \
        --passphrase-file "$scratch/passphrase" >"$scratch/init.txt"
}

# scratch_start: returns once both doors serve.
scratch_start() {
    local before
    before=$(grep -c 'serving: ' "$scratch/photod.log" 2>/dev/null || true)
    setsid "$bin/photod" --config "$state/photod.conf" >>"$scratch/photod.log" 2>&1 </dev/null &
    echo $! >"$scratch/pid"
    for _ in $(seq 400); do
        [ "$(grep -c 'serving: ' "$scratch/photod.log" || true)" -gt "${before:-0}" ] && return 0
        kill -0 "$(cat "$scratch/pid")" 2>/dev/null || break
        sleep 0.05
    done
    echo "photod did not start:" >&2
    tail -20 "$scratch/photod.log" >&2
    return 1
}

scratch_pid() {
    cat "$scratch/pid" 2>/dev/null
}

# scratch_stop: in order, and waits.
scratch_stop() {
    local pid
    pid=$(scratch_pid) || return 0
    rm -f "$scratch/pid"
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = photod ] || return 0
    kill "$pid"
    for _ in $(seq 300); do
        [ -e "/proc/$pid" ] && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null || return 0
        sleep 0.05
    done
    echo "photod did not stop" >&2
    return 1
}

# scratch_principals: a demo agency with its certificate, the demo district with its key.
scratch_principals() {
    mkdir -p "$scratch/agency"
    "$bin/photoctl" district add --socket "$socket" $district "Demo School District" &&
        "$bin/photoctl" agency add --socket "$socket" $ori "Demo County Sheriff" &&
        "$bin/photoctl" credential issue --socket "$socket" --agency $ori --label dispatch --out "$scratch/agency" \
            --ca-dir "$scratch/ca" --passphrase-file "$scratch/passphrase" &&
        "$bin/photoctl" key issue --socket "$socket" --district $district --label upload --out "$district_key"
} >"$scratch/principals.txt"

agency_file() {
    echo "$scratch"/agency/*."$1"
}

# scratch_upload [OPTION...]: roster and photos.
scratch_upload() {
    "$bin/photoctl" upload --url "$office_url" --ca "$ca" --key-file "$district_key" --district $district "$@"
}

# scratch_lookup STATE_ID [OPTION...]: as the demo agency.
scratch_lookup() {
    local id=$1
    shift
    printf '%s\n' "$id" | "$bin/photoctl" lookup --url "$law_url" --ca "$ca" --cert "$(agency_file crt)" \
        --key "$(agency_file key)" --oca DEMO-2026-0001 --reported-at "$(date -u -d '20 minutes ago' +%FT%TZ)" \
        --operator "Demo dispatcher" "$@"
}
