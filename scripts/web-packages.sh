#!/bin/sh
# Install the packages that build and check the shopper's and farmer's JavaScript, where Node is there.
set -eu
if ! command -v npm >/dev/null; then
    if [ "${CI:-}" = true ]; then
        echo "CI needs Node 20 or newer with npm." >&2
        exit 1
    fi
    exit 0
fi
for folder in trace/web dashboards/web; do
    done="$folder/node_modules/.package-lock.json"
    if [ ! -f "$done" ] || [ "$folder/package-lock.json" -nt "$done" ]; then
        echo "Installing $folder ..."
        (cd "$folder" && npm ci --no-audit --no-fund --silent)
    fi
done
