#!/bin/sh
# Builds the Swift package and runs its tests on Linux, with Debian trixie's `swiftlang` in a chroot.
#
#   sudo edge_runtime/swift/test_in_chroot.sh [FOLDER]
#
# FOLDER keeps the chroot for the next time (default: /var/tmp/edge-swift; about 3 GB). The first run downloads about 550 MB.
# Needs root, debootstrap, and Debian's mirror (another one: MIRROR=...). Exit status: that of `swift test`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tests=$(cd "$here/../../tests" && pwd)
root=${1:-/var/tmp/edge-swift}
mirror=${MIRROR:-$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)}

for program in debootstrap chroot mount; do
    command -v "$program" > /dev/null || { echo "$program is not installed: no Swift test was run" >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "a chroot needs root: no Swift test was run" >&2; exit 2; }
[ -n "$mirror" ] || { echo "give Debian's mirror as MIRROR=...: no Swift test was run" >&2; exit 2; }

if [ ! -e "$root/.ready" ]; then
    debootstrap --variant=minbase trixie "$root" "$mirror"
    mount -t proc proc "$root/proc"
    trap 'umount "$root/proc"' EXIT
    chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        swiftlang libc6-dev libstdc++-14-dev libssl-dev pkg-config git ca-certificates
    touch "$root/.ready"
else
    mount -t proc proc "$root/proc" # the compiler finds its own libraries through it
    trap 'umount "$root/proc"' EXIT
fi

rm -rf "$root/edge/swift/Sources" "$root/edge/swift/Tests" "$root/edge/tests"
mkdir -p "$root/edge/swift" "$root/edge/tests/conformance" "$root/edge/tests/attacks"
cp -r "$here/Package.swift" "$here/Sources" "$here/Tests" "$root/edge/swift/"
cp -r "$tests/conformance/vectors" "$root/edge/tests/conformance/"
cp -r "$tests/attacks/vectors" "$root/edge/tests/attacks/"
chroot "$root" sh -c 'cd /edge/swift && swift --version && EDGE_VECTORS=/edge/tests swift test -c release -Xswiftc -enable-testing'
