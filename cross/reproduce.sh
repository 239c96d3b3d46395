# shellcheck shell=bash
# Same inputs, same bytes: no path of the building machine gets into the binary.

# The registry's folder exists only after a fetch, and its name is needed for the flags.
fetch_crates() {
    [ -d "$VENDOR" ] || with_cargo fetch --target "$STATIC_TARGET"
}

# Compiler flags as cargo wants them in CARGO_ENCODED_RUSTFLAGS (blanks in paths survive). Arguments are added.
encoded_flags() {
    local flags=("$@" "-Clink-arg=-Wl,-T,$PWD/cross/no-unwind.ld") folder cargo_home=${CARGO_HOME:-${HOME:-}/.cargo}
    flags+=("--remap-path-prefix=$PWD=/krista-backup" "--remap-path-prefix=$VENDOR=/crates")
    for folder in "$cargo_home"/registry/src/*/; do
        flags+=("--remap-path-prefix=${folder%/}=/crates")
    done
    local IFS=$'\x1f'
    printf '%s' "${flags[*]}"
}
