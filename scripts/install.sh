#!/bin/sh
# Set up the virtual environment and install one extra of Cropmark with the exact versions of requirements.lock.
# Usage: install.sh VENV EXTRA
set -eu
venv=$1
extra=$2

usable() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 || return 1
}

if [ ! -x "$venv/bin/python" ]; then
    found=
    for python in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if usable "$python"; then found=$python; break; fi
    done
    if [ -z "$found" ]; then
        echo "Cropmark needs Python 3.11, 3.12 or 3.13, and found: $(python3 --version 2>&1 || echo none)." >&2
        echo "Install one (Debian/Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.12)," >&2
        echo "or name it: make run PYTHON=/path/to/python3.12" >&2
        exit 1
    fi
    if ! "$found" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        version=$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "Python $version is here, but its 'venv' module is not." >&2
        echo "Debian/Ubuntu: apt install python$version-venv, then run the same command again." >&2
        exit 1
    fi
    echo "Making $venv with $("$found" --version) ..."
    "$found" -m venv "$venv"
fi
echo "Installing cropmark[$extra] (about a minute the first time) ..."
quiet=-q
if [ -t 1 ]; then quiet=; fi
"$venv/bin/python" -m pip install $quiet --constraint requirements.lock --editable ".[$extra]"
touch "$venv/.installed-$extra"
