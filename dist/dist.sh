# shellcheck shell=bash
# ./build.sh dist: everything an administrator carries to a server without internet.

# shellcheck source=cross/build.sh
source cross/build.sh
# shellcheck source=dist/release.sh
source dist/release.sh
# shellcheck source=dist/source.sh
source dist/source.sh
# shellcheck source=dist/packages.sh
source dist/packages.sh

DIST_PACKAGES=(python3 xz-utils dpkg-dev rpm)

dist_help() {
    cat <<'END'
usage: ./build.sh dist

Makes the release in target/dist/:
  krista-backup-VERSION-x86_64, -aarch64    the program, one static file for each processor
  krista-backup_VERSION_amd64.deb, _arm64.deb, krista-backup-VERSION.x86_64.rpm, .aarch64.rpm
  krista-backup-VERSION.tar.xz              the sources with all dependencies: ./build.sh there needs no network
  krista-backup-VERSION.cdx.json            what it is made of (CycloneDX)
  SHA256SUMS                                check with sha256sum -c
A processor whose target the toolchain lacks and cannot get is left out, and that is said. The same sources and the same
toolchain give the same bytes; SOURCE_DATE_EPOCH is the time of the last commit unless it is set.
Needs python3, xz, dpkg-deb and rpmbuild; missing Debian packages are installed when root and apt-get is there.

exit codes: 0 done, 1 failed, 2 wrong usage
END
}

dist_main() {
    no_arguments "$@"
    install_packages "${DIST_PACKAGES[@]}" || fail "dist needs: ${DIST_PACKAGES[*]}"
    make_release
    step "the release"
    (cd "$DIST" && ls -l -- krista-backup?* SHA256SUMS >&2)
}

make_release() {
    local started=$SECONDS architecture
    SOURCE_DATE_EPOCH=$(release_moment)
    export SOURCE_DATE_EPOCH
    VERSION=$(release_version)
    mkdir -p "$DIST"
    rm -f "$DIST"/krista-backup?* "$DIST/SHA256SUMS"
    build_binary any
    cp -p "$BINARY" "$(program_for "$ARCHITECTURE")"
    for architecture in x86_64 aarch64; do
        [ "$architecture" = "$ARCHITECTURE" ] || build_foreign "$architecture"
        [ ! -f "$(program_for "$architecture")" ] || make_packages "$architecture"
    done
    step "sources, parts, checksums"
    make_source_archive "$DIST/krista-backup-$VERSION.tar.xz"
    make_parts_list "$DIST/krista-backup-$VERSION.cdx.json"
    (cd "$DIST" && sha256sum -- krista-backup?* >SHA256SUMS)
    say "made in $((SECONDS - started)) s"
}

program_for() { echo "$DIST/krista-backup-$VERSION-$1"; }

# Another processor's program needs a target and a linker for it; only rustup's toolchains have both.
build_foreign() {
    step "static build for $1"
    (
        STATIC_TARGET=$1-unknown-linux-musl
        if ! find_cargo || ! own_linker || ! { target_installed || fetch_target; }; then
            say "!! LEFT OUT: this toolchain has no $STATIC_TARGET, or no linker of its own (rustup has both)"
            return
        fi
        build_with_target
        prove_static "$BUILT"
        cp "$BUILT" "$(program_for "$1")"
    )
}

make_parts_list() {
    with_cargo metadata --format-version 1 \
        --filter-platform x86_64-unknown-linux-musl --filter-platform aarch64-unknown-linux-musl |
        python3 dist/sbom.py Cargo.lock >"$1"
}
