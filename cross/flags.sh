# shellcheck shell=bash
# Compiler flags. Same inputs, same bytes: no path of the building machine gets into the binary, and the linker is the
# toolchain's own where it has one.

# The registry's folder exists only after a fetch, and its name is needed for the flags.
fetch_crates() {
    [ -d "$VENDOR" ] || with_cargo fetch --target "$STATIC_TARGET"
}

# Compiler flags as cargo wants them in CARGO_ENCODED_RUSTFLAGS (blanks in paths survive). Arguments are added.
encoded_flags() {
    local flags=("$@") folder cargo_home=${CARGO_HOME:-${HOME:-}/.cargo}
    flags+=("--remap-path-prefix=$PWD=/krista-backup" "--remap-path-prefix=$VENDOR=/crates")
    for folder in "$cargo_home"/registry/src/*/; do
        flags+=("--remap-path-prefix=${folder%/}=/crates")
    done
    local IFS=$'\x1f'
    printf '%s' "${flags[*]}"
}

# One flag a line. The toolchain's own linker is the same wherever the toolchain is, and links for other processors too.
linker_flags() {
    if own_linker; then
        printf -- '%s\n' -Clinker=rust-lld "-Clink-arg=-T$PWD/cross/no-unwinding.ld"
        ! packed_relocations || echo "-Clink-arg=-zpack-relative-relocs"
    else
        printf -- '-Clink-arg=-Wl,-T,%s\n' "$PWD/cross/no-unwinding.ld"
        ! packed_relocations || echo "-Clink-arg=-Wl,-z,pack-relative-relocs"
    fi
}

own_linker() {
    local host sysroot
    host=$(rustc --version --verbose | sed -n 's/^host: //p')
    sysroot=$(rustc --print sysroot)
    [ -x "$sysroot/lib/rustlib/$host/bin/rust-lld" ]
}

# A static-pie moves its own addresses at start; the kernel takes no part. musl reads the packed form since 1.2.4, and the one
# that counts is the target's own.
packed_relocations() {
    local sysroot version
    sysroot=$(rustc --print sysroot)
    version=$(grep -aom1 '1\.2\.[0-9]\+' "$sysroot/lib/rustlib/$STATIC_TARGET/lib/self-contained/libc.a") || return 1
    [ "${version##*.}" -ge 4 ]
}
