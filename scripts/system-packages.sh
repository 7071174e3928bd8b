#!/bin/sh
# Install the system packages that some tests need: only as root, and only when asked (SYSTEM=1) or in CI.
# Without them those tests are skipped and say why.
set -eu
packages="chromium fonts-noto-cjk mosquitto"

if [ "${CI:-}" != true ] && [ "${SYSTEM:-}" != 1 ]; then
    exit 0
fi
if command -v chromium >/dev/null && command -v mosquitto >/dev/null && [ -d /usr/share/fonts/opentype/noto ]; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "The tests' system packages are missing. As root: apt-get install $packages" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $packages >/dev/null
