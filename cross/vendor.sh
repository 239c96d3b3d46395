# shellcheck shell=bash
# ./build.sh vendor: every crate as source beside the program, for machines without a network.

# shellcheck source=cross/toolchain.sh
source cross/toolchain.sh
# shellcheck source=cross/debian.sh
source cross/debian.sh

vendor_help() {
    cat <<'END'
usage: ./build.sh vendor

Fills vendor/ (not under version control) with the sources of every dependency, exactly as Cargo.lock names them.
As long as vendor/ is there, all verbs build from it and never ask the network. Where Debian's rust-web-src is
installed, the crates of the standard library go in too, so that the debian route works offline as well.
Remove vendor/ to build from the registry again.

exit codes: 0 done, 1 failed, 2 wrong usage
END
}

vendor_main() {
    no_arguments "$@"
    need_cargo
    step "vendor"
    local fresh=$OUT/vendor.new
    rm -rf "$fresh"
    mkdir -p "$OUT"
    cargo vendor --quiet --locked --versioned-dirs "$fresh" >/dev/null
    add_library_crates "$fresh"
    cp Cargo.lock "$fresh/.cargo-lock"
    rm -rf "$VENDOR"
    mv "$fresh" "$VENDOR"
    say "$(find "$VENDOR" -mindepth 1 -maxdepth 1 -type d | wc -l) crates, $(du -sh "$VENDOR" | cut -f1), in vendor/"
}

# Folders carry the version in their name, so that two versions of one crate do not collide; ours win.
add_library_crates() {
    local library crate
    if ! library=$(library_sources) || [ ! -d "$library/vendor" ]; then
        say "without the standard library's own crates (rust-web-src is not installed): --route debian needs the network"
        return
    fi
    for crate in "$library"/vendor/*/; do
        [ -e "$1/$(basename "$crate")" ] || cp -r "$crate" "$1"
    done
    say "with the standard library's own crates, for --route debian"
}
