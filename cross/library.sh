# shellcheck shell=bash
# The standard library, compiled along with the program: without the code that prints backtraces, and as small as the rest.
# Only a nightly compiler does that (-Zbuild-std), or a release compiler with RUSTC_BOOTSTRAP=1. Its parts that are most of
# the work of a backup (compression, checksums) are crates of ours, not of the library.

# shellcheck disable=SC2034 # read by the routes
LIBRARY_OPTIONS=('-Zbuild-std=std,panic_abort' -Zbuild-std-features=optimize_for_size)

# Where the sources of the given compiler's library are; fails when they are not installed.
library_sources() {
    local sysroot
    sysroot=$("$1" --print sysroot 2>/dev/null) || return 1
    [ -f "$sysroot/lib/rustlib/src/rust/library/Cargo.lock" ] && realpath "$sysroot/lib/rustlib/src/rust/library"
}

# Whether it can be compiled along: its sources are here, and the few crates under it are here or can be fetched. A build must
# not fail for the lack of them.
library_at_hand() {
    local library
    if ! library=$(library_sources rustc); then
        say "the standard library as it comes: without its sources (rustup component add rust-src) the binary is bigger"
        return 1
    fi
    if ! library_crates "$library"; then
        say "!! the standard library as it comes: the crates it needs are not to be had, the binary is bigger"
        return 1
    fi
    say "the standard library is compiled along"
}

library_crates() {
    local crate
    if [ -d "$VENDOR" ]; then
        for crate in $(crates_in "$1/Cargo.lock"); do
            [ -d "$VENDOR/$crate" ] || return 1
        done
    else
        RUSTC_BOOTSTRAP=1 timeout 180 cargo fetch --quiet --locked --manifest-path "$1/std/Cargo.toml" --target "$STATIC_TARGET"
    fi
}

# The crates a Cargo.lock takes from the registry, as the folders of vendor/ are called.
crates_in() {
    awk -F '"' '/^name = / { name = $2 } /^version = / { version = $2 } /^source = / { print name "-" version }' "$1"
}
