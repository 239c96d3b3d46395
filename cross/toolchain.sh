# shellcheck shell=bash
# Which cargo is used, where it takes crates from, and which target the static binary is for.

# shellcheck disable=SC2034 # read by the scripts that source this one

OUT=$(realpath -m "${CARGO_TARGET_DIR:-target}")
DIST=$OUT/dist
BINARY=$DIST/krista-backup
ARCHITECTURE=$(uname -m)
STATIC_TARGET=$ARCHITECTURE-unknown-linux-musl
VENDOR=$PWD/vendor

# cron and CI often start with a PATH that lacks the place where rustup puts cargo. It goes first, because rustup's cargo
# can have the musl target, clippy and rustfmt; a distribution's in /usr/bin often has none of them.
find_cargo() {
    local folder
    for folder in "${HOME:-}/.cargo/bin" "${CARGO_HOME:-/none}/bin"; do
        [ ! -x "$folder/cargo" ] || PATH=$folder:$PATH
    done
    have cargo
}

need_cargo() {
    find_cargo || fail "no cargo found: install Rust 1.89 or newer, or run ./build.sh --route debian on Debian"
    have cc || fail "no C linker found (build scripts need one): apt-get install gcc libc6-dev"
}

# Arguments that go before every cargo subcommand; with vendor/ in place nothing else is ever asked for a crate.
cargo_sources() {
    CARGO_ARGS=(--locked)
    [ -d "$VENDOR" ] || return 0
    cmp -s Cargo.lock "$VENDOR/.cargo-lock" || fail "vendor/ does not fit Cargo.lock: run ./build.sh vendor again, or remove vendor/"
    CARGO_ARGS+=(--offline
        --config "source.crates-io.replace-with='vendored'"
        --config "source.vendored.directory='$VENDOR'")
}

with_cargo() { command cargo "${CARGO_ARGS[@]}" "$@"; }
