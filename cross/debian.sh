# shellcheck shell=bash
# The route for machines that have Debian's packages and nothing else. Debian ships no standard library for musl, so
# it has to be compiled along with the program.

# shellcheck source=cross/packages.sh
source cross/packages.sh

DEBIAN_ROUTE_PACKAGES=(rustc-web cargo-web rust-web-src musl-tools gcc libc6-dev)

route_debian() {
    install_packages "${DEBIAN_ROUTE_PACKAGES[@]}" || fail "the debian route needs: ${DEBIAN_ROUTE_PACKAGES[*]}"
    empty_libunwind
    fetch_crates
    local linker=CARGO_TARGET_${STATIC_TARGET//-/_}_LINKER library
    library=$(library_sources /usr/bin/rustc)
    # /usr/bin first: only Debian's compiler matches Debian's library sources. musl-gcc brings its own start files and
    # its specs cannot link a static-pie.
    env PATH="/usr/bin:$PATH" RUSTC_BOOTSTRAP=1 "${linker^^}=musl-gcc" \
        CARGO_ENCODED_RUSTFLAGS="$(encoded_flags -L "$OUT/debian/empty" "--remap-path-prefix=$library=/rustc" \
            "-Clink-arg=-Wl,-T,$PWD/cross/no-unwinding.ld" -C link-self-contained=no -C relocation-model=static)" \
        cargo "${CARGO_ARGS[@]}" build --release "${LIBRARY_OPTIONS[@]}" \
        --target "$STATIC_TARGET" --target-dir "$OUT/debian"
    # shellcheck disable=SC2034 # the answer to cross/build.sh
    BUILT=$OUT/debian/$STATIC_TARGET/release/krista-backup
}

# With panic=abort nothing unwinds, yet the standard library asks the linker for libunwind by name.
empty_libunwind() {
    mkdir -p "$OUT/debian/empty"
    rm -f "$OUT/debian/empty/libunwind.a"
    ar rcs "$OUT/debian/empty/libunwind.a"
}
