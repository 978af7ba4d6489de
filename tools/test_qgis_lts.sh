#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs the unit, integration, qgis and cli tiers with QGIS 3.40 LTR, Python 3.13, NumPy 2 and GDAL 3.10: those of Debian 13,
# in a root folder of its own that is made once (about 2 GB) and kept in the cache. Needs root or sudo.
# Arguments go to pytest in place of the tiers. Exit code 77: it could not run here, for the reason printed; any other failure is one of the tests.
set -euo pipefail

suite=trixie
packages=(qgis python3-qgis gdal-bin python3-gdal python3-venv ca-certificates)
tiers=(tests/unit tests/integration tests/qgis tests/cli)
here=$(cd "$(dirname "$0")/.." && pwd)

cannot_run() {
    echo "test-qgis-lts: could not run here: $*" >&2
    exit 77
}

if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || cannot_run "making a root folder needs root, or sudo without a password"
    cache=$(/usr/bin/python3 "$here/tools/environments.py" cache)
    exec sudo -n env "SPECIAL_CACHE=$cache" "SPECIAL_SCENES=${SPECIAL_SCENES:-}" "$0" "$@"
fi

cache=$(/usr/bin/python3 "$here/tools/environments.py" cache)
key=$(echo "$suite ${packages[*]} $(dpkg --print-architecture)" | sha256sum | cut -c1-12)
root=$cache/qgis-lts-$suite-$key

# Everything that is mounted goes away with the process that mounted it, however it ends.
isolated() { unshare --mount --pid --fork --kill-child -- "$@"; }

# Runs a command in a root folder: in_root ROOT COMMAND...
in_root() {
    local folder=$1
    shift
    # shellcheck disable=SC2016 # expanded by the inner shell
    isolated bash -euc '
        folder=$1; scenes=$2; shift 2
        mount -t proc proc "$folder/proc"
        mount --rbind /dev "$folder/dev"
        if [ -n "$scenes" ]; then
            mkdir -p "$folder/scenes"; mount --bind -o ro "$scenes" "$folder/scenes"
        fi
        # not by exec: as process 1 the tests would have to bury every orphan
        chroot "$folder" env -i HOME=/root LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
            DEBIAN_FRONTEND=noninteractive ${http_proxy:+"http_proxy=$http_proxy"} \
            ${https_proxy:+"https_proxy=$https_proxy"} "$@" || exit $?' \
        in_root "$folder" "$scenes" "$@"
}

# The machine's own way to the network: name service, certificates, settings of apt and pip.
copy_network_settings() {
    local file
    for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt /etc/apt/apt.conf.d/*proxy*; do
        [ ! -f "$file" ] || install -D -m 644 "$file" "$1$file"
    done
}

make_root() {
    local partial mirror
    "$here/tools/bootstrap.sh" debootstrap || cannot_run "debootstrap is missing"
    isolated true 2>/dev/null || cannot_run "this machine allows no mounts of one's own (unshare --mount)"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' |
        grep -v security | head -n 1)
    [ -n "$mirror" ] || mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' \
        /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
    [ -n "$mirror" ] || cannot_run "apt's sources name no Debian mirror"
    partial=$(mktemp -d "$cache/.qgis-lts-XXXXXX")
    # shellcheck disable=SC2064 # the name of now
    trap "rm -rf --one-file-system '$partial'" EXIT
    chmod 755 "$partial"
    echo "test-qgis-lts: making $root (about 2 GB, once)" >&2
    debootstrap --variant=minbase "$suite" "$partial" "$mirror" >"$cache/qgis-lts.log" 2>&1 &&
        copy_network_settings "$partial" &&
        in_root "$partial" apt-get -q -y install --no-install-recommends "${packages[@]}" >>"$cache/qgis-lts.log" 2>&1 &&
        in_root "$partial" apt-get clean ||
        { tail -n 20 "$cache/qgis-lts.log" >&2; cannot_run "Debian $suite could not be installed (the lines above, $cache/qgis-lts.log)"; }
    mv -T "$partial" "$root"
    trap - EXIT
}

[ $# -gt 0 ] || set -- "${tiers[@]}"

scenes=
mkdir -p "$cache"
exec 9>"$cache/qgis-lts.lock"
flock 9
[ -d "$root" ] || make_root
copy_network_settings "$root"

scenes=${SPECIAL_SCENES:-$here/../shared/scenes}
[ -d "$scenes" ] || scenes=
checkout=/checkout
rm -rf "${root:?}$checkout"
mkdir -p "$root$checkout"
tar -C "$here" --exclude-vcs --exclude=./build --exclude=./dist --exclude=./demo-output --exclude='.*_cache' -cf - . |
    tar -C "$root$checkout" --no-same-owner -xf -

in_root "$root" bash -euc '
    cd /checkout
    export SPECIAL_CACHE=/cache QT_QPA_PLATFORM=offscreen '"${scenes:+SPECIAL_SCENES=/scenes}"'
    python=$(/usr/bin/python3 tools/environments.py dev-without-runtime)/bin/python
    "$python" -c "import numpy, sys; from osgeo import gdal; from qgis.core import Qgis
print(\"Python\", sys.version.split()[0], \"NumPy\", numpy.__version__, \"GDAL\", gdal.__version__, \"QGIS\", Qgis.version())"
    exec "$python" -m pytest "$@"' pytest "$@"
