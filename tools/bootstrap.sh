#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs what the commands of the Makefile need and the machine lacks: QGIS, GDAL and their Python, from Debian.
# Does nothing when all is there. Further packages may be named as arguments.
set -eu

packages="qgis python3-qgis gdal-bin python3-gdal python3-venv ca-certificates $*"

is_installed() {
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

works_without_apt() {
    # shellcheck disable=SC2086 # words are wanted
    [ $# -eq 0 ] && command -v qgis_process >/dev/null && command -v gdalinfo >/dev/null &&
        /usr/bin/python3 -c 'import osgeo.gdal, qgis.core, ensurepip, venv' 2>/dev/null
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    works_without_apt "$@" && exit 0
    echo "bootstrap: this machine has no apt. Install QGIS 3.22 or later with its Python for /usr/bin/python3," \
        "GDAL's command line and Python's venv module, then run this again." >&2
    exit 1
fi

missing=
for package in $packages; do
    is_installed "$package" || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    # A password can only be asked for where somebody can type it.
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
        as_root=sudo
    else
        echo "bootstrap: these Debian packages are missing and installing them needs root or sudo:" >&2
        echo "   $missing" >&2
        echo "Ask an administrator to run:  apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

apt() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" </dev/null >"$log" 2>&1
}

echo "bootstrap: installing$missing (a minute or two)" >&2
apt update || echo "bootstrap: some package lists could not be refreshed; trying with those at hand" >&2
# shellcheck disable=SC2086 # words are wanted
if ! apt install --no-install-recommends $missing; then
    tail -n 20 "$log" >&2
    echo "bootstrap: apt-get could not install$missing. The lines above say why; mend that and run this again." >&2
    exit 1
fi
