# shellcheck shell=bash
# Small systems of different ages to install packages in, made by debootstrap.

# Oldest first. The dpkg of Ubuntu's xenial (2016) is older than that of Debian 9, which is on few mirrors any more.
OLD_SUITES=(xenial bullseye)
XENIAL_RELEASE=ce816774886f565d152b0b233fd715af3aa966fefb2277546bce75fdcf9ae996

# for_each_root CHECK: calls it with Debian 12 and with the oldest system that can be had. What cannot be had is said; in CI at
# least one has to be.
for_each_root() {
    local suite=bookworm tried=0
    if make_root bookworm; then
        step "Debian 12"
        "$1" "$OUT/roots/bookworm"
        tried=$((tried + 1))
    fi
    for suite in "${OLD_SUITES[@]}"; do
        make_root "$suite" || continue
        step "$suite"
        "$1" "$OUT/roots/$suite"
        tried=$((tried + 1))
        break
    done
    [ "$tried" -gt 0 ] || [ "${CI:-}" != true ] || fail "no system could be made to install packages in, and CI must test that"
}

# make_root SUITE: leaves it in target/roots/SUITE.
make_root() {
    local root=$OUT/roots/$1 mirror=http://deb.debian.org/debian log=$OUT/roots/$1.log
    [ "$1" != xenial ] || mirror=http://archive.ubuntu.com/ubuntu
    rm -rf "$root"
    mkdir -p "$root"
    if ! have debootstrap || ! timeout 900 debootstrap --foreign --variant=minbase --include=cron "$1" "$root" "$mirror" >"$log" 2>&1 ||
        ! is_genuine "$1" "$root" || ! chroot "$root" /debootstrap/debootstrap --second-stage >>"$log" 2>&1; then
        say "!! NOT TESTED ON $1: debootstrap could not make it: $(tail -n 1 "$log" 2>/dev/null)"
        return 1
    fi
}

# Debian signs its suites and debootstrap checks that. Ubuntu's key is not in Debian, but this suite will not change any more.
is_genuine() {
    local sum
    [ "$1" = xenial ] || return 0
    sum=$(cat "$2"/var/lib/apt/lists/*_xenial_Release | sha256sum | cut -d' ' -f1)
    [ "$sum" = "$XENIAL_RELEASE" ]
}

# in_root ROOT COMMAND…: with /proc, in namespaces of its own, so that nothing stays mounted or running.
in_root() {
    local root=$1
    shift
    # shellcheck disable=SC2016 # the inner shell fills it in
    unshare --mount --pid --fork env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" "$@"
}
