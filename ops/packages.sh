# Sourced by ops/demo and ops/test: the Debian packages they need, installed
# when run as root, otherwise named in the exact line to run.

BUILD_PACKAGES="build-essential cmake ninja-build pkg-config binutils tzdata
    check libcsv-dev libcurl4-openssl-dev libgfshare-dev libgnutls28-dev libicu-dev libjansson-dev
    libjpeg62-turbo-dev liblcms2-dev liblmdb-dev
    libmicrohttpd-dev libp11-kit-dev libseccomp-dev libsodium-dev libsystemd-dev libvips-dev libzip-dev"
TEST_PACKAGES="age curl gnutls-bin jq clang-format-14 openssl perl libfaketime opensc procps softhsm2 strace"
FUZZ_PACKAGES="clang-14 libclang-rt-14-dev llvm-14 jq"

# need_packages NAME...: returns only when all are there.
need_packages() {
    local missing=() name
    for name in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$(id -u)" -ne 0 ]; then
        printf 'These packages are missing.  Run this line, then start again:\n\n  sudo apt-get install -y --no-install-recommends %s\n' \
            "${missing[*]}" >&2
        exit 1
    fi
    printf 'Installing %d packages ...\n' "${#missing[@]}"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}"; } >/tmp/photod-apt.log 2>&1 || {
        tail -20 /tmp/photod-apt.log >&2
        echo "apt-get failed; the whole output is in /tmp/photod-apt.log" >&2
        exit 1
    }
}

# need_npm FOLDER NAME: the locked packages of FOLDER/package-lock.json in build/npm/NAME.  Node from Debian, unless there
# is one already (Debian's npm cannot be installed beside another's).
need_npm() {
    local to=build/npm/$2
    command -v npm >/dev/null || need_packages nodejs npm
    cmp -s "$1/package-lock.json" "$to/installed.json" && return
    rm -rf "$to" && mkdir -p "$to" && cp "$1/package.json" "$1/package-lock.json" "$to"
    npm --prefix "$to" ci --ignore-scripts --no-audit --no-fund >"$to/log" 2>&1 || {
        tail -20 "$to/log" >&2
        echo "npm failed; the whole output is in $to/log" >&2
        exit 1
    }
    cp "$1/package-lock.json" "$to/installed.json"
}

# build PRESET [TARGET...]: configures and builds quietly; shows the output only when it fails.
build() {
    local preset=$1 log=build/$1.log
    shift
    mkdir -p build
    { cmake --preset "$preset" && cmake --build "build/$preset" ${1:+--target "$@"}; } >"$log" 2>&1 || {
        tail -40 "$log" >&2
        echo "The build failed; the whole output is in $log" >&2
        exit 1
    }
}
