#!/bin/sh
# readme_messages.sh ROOT: photod/README.md names every message of messages.def and every leaf type that the code writes.
cd "$1" || exit 2
rc=0
for name in $(sed -n 's/^MSG(\([A-Z_]*\),.*/\1/p' photod/wire/messages.def); do
    grep -qw "$name" photod/README.md || { echo "photod/README.md does not name message $name" >&2; rc=1; }
done
for type in $(grep -rhoE 'leaf_begin\([^;]*;' photod/vault | grep -oE '"[a-z-]+"' | tr -d '"' | sort -u) \
    $(grep -rhoE 'batch_leaf\([^;]*;' photod/vault | grep -oE '"[a-z-]+"' | tr -d '"' | sort -u); do
    grep -q "\`$type\`" photod/README.md || { echo "photod/README.md does not name leaf type $type" >&2; rc=1; }
done
exit $rc
