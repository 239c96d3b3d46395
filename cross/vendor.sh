# shellcheck shell=bash
# ./build.sh vendor: every crate as source beside the program, for machines without a network.

# shellcheck source=cross/toolchain.sh
source cross/toolchain.sh
# shellcheck source=cross/library.sh
source cross/library.sh

vendor_help() {
    cat <<'END'
usage: ./build.sh vendor

Fills vendor/ (not under version control) with the sources of every dependency, exactly as Cargo.lock names them.
As long as vendor/ is there, all verbs build from it and never ask the network. Where the sources of the standard library
are installed (rustup's rust-src, Debian's rust-web-src), the crates under it go in too.
Remove vendor/ to build from the registry again.

exit codes: 0 done, 1 failed, 2 wrong usage
END
}

vendor_main() {
    no_arguments "$@"
    need_cargo
    step "vendor"
    mkdir -p "$OUT"
    fill_vendor "$OUT/vendor.new"
    rm -rf "$VENDOR"
    mv "$OUT/vendor.new" "$VENDOR"
    say "$(find "$VENDOR" -mindepth 1 -maxdepth 1 -type d | wc -l) crates, $(du -sh "$VENDOR" | cut -f1), in vendor/"
}

# Makes the named folder anew, with everything a vendor/ holds.
fill_vendor() {
    rm -rf "$1"
    vendor_crates "$1"
    add_debian_library_crates "$1"
    cp Cargo.lock "$1/.cargo-lock"
}

# Folders carry the version in their name, so that two versions of one crate do not collide.
vendor_crates() {
    local library with=()
    if library=$(library_sources rustc) && [ ! -d "$library/vendor" ]; then
        with=(--sync "$library/std/Cargo.toml")
        say "with the standard library's own crates"
    else
        say "without the standard library's own crates (rustup component add rust-src): binaries built from vendor/ are bigger"
    fi
    RUSTC_BOOTSTRAP=1 cargo vendor --quiet --locked --versioned-dirs "${with[@]}" "$1" >/dev/null
}

# Debian's compiler has another library, with other versions of these crates.
add_debian_library_crates() {
    local library crate
    if ! library=$(library_sources /usr/bin/rustc) || [ ! -d "$library/vendor" ]; then
        say "without the crates of Debian's standard library (rust-web-src is not installed): --route debian needs the network"
        return
    fi
    for crate in "$library"/vendor/*/; do
        [ -e "$1/$(basename "$crate")" ] || cp -r "$crate" "$1"
    done
    say "with the crates of Debian's standard library, for --route debian"
}
