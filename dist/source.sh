# shellcheck shell=bash
# The source archive: the project and every crate it is built from, so that it builds where there is no network.

# shellcheck source=cross/vendor.sh
source cross/vendor.sh

# Processors we build for, and what the build itself and the tests run on.
SOURCE_TARGETS=(x86_64-unknown-linux-musl aarch64-unknown-linux-musl x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu)

# make_source_archive FILE.tar.xz: same files, same moment (SOURCE_DATE_EPOCH), same bytes.
make_source_archive() {
    local name staged=$OUT/source
    name=krista-backup-$(release_version)
    rm -rf "$staged"
    mkdir -p "$staged/$name"
    project_files | tar -cf - --null --no-recursion --files-from=- | tar -xf - -C "$staged/$name"
    if [ -d "$VENDOR" ]; then
        cp -r "$VENDOR" "$staged/$name/vendor"
    else
        fill_vendor "$staged/$name/vendor"
    fi
    leave_out_foreign_crates "$staged/$name/vendor"
    # One thread, because the bytes depend on how the work is cut; the plainest format that holds all names.
    tar -C "$staged" -cf - --format=gnu --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
        --mtime="@$(release_moment)" "$name" | xz -9 --threads=1 >"$1.new"
    mv "$1.new" "$1"
    rm -rf "$staged"
}

# Names of the project's files, each ended by a NUL. Without git everything counts but what the build makes.
project_files() {
    local file
    if [ -e .git ] && have git; then
        git -c safe.directory='*' ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
            [ ! -e "$file" ] || printf '%s\0' "$file"
        done
    else
        find . -mindepth 1 -maxdepth 1 \( -name target -o -name vendor -o -name .git -o -name .cargo \) -prune -o -print0 |
            xargs -0 -I '{}' find '{}' -type f -print0
    fi
}

# Every crate of Cargo.lock has to be there, or cargo finds the lock file impossible. Of those that none of our targets compiles
# (the interfaces of Windows, mostly) only the description stays. Every other crate is whole, and cargo checks each file of it.
leave_out_foreign_crates() {
    local needed crate name
    needed=$(needed_crates)
    for crate in "$1"/*/; do
        name=$(sed -n '/^\[package\]/,/^\[[^p]/s/^name = "\(.*\)"/\1/p' "$crate/Cargo.toml" | head -n 1)
        grep -qxF "$name" <<<"$needed" || leave_out "$crate"
    done
}

# Names of all crates that are compiled on some target, those under the standard library too.
needed_crates() {
    local library target targets=()
    for target in "${SOURCE_TARGETS[@]}"; do targets+=(--target "$target"); done
    {
        with_cargo tree "${targets[@]}" --edges normal,build,dev --prefix none --format '{p}'
        for library in $(library_sources rustc || true); do
            RUSTC_BOOTSTRAP=1 cargo tree --locked --manifest-path "$library/sysroot/Cargo.toml" --no-default-features \
                "${targets[@]}" --edges normal,build --prefix none --format '{p}'
        done
    } | cut -d' ' -f1 | sort -u
}

leave_out() {
    local package description kept=$OUT/left-out.toml
    package=$(sed -n 's/.*"package":"\([0-9a-f]*\)".*/\1/p' "$1/.cargo-checksum.json")
    mv "$1/Cargo.toml" "$kept"
    rm -rf "$1"
    mkdir -p "$1/src"
    mv "$kept" "$1/Cargo.toml"
    description=$(sha256sum "$1/Cargo.toml" | cut -d' ' -f1)
    echo '// The code of this crate was left out: it is compiled on no target of krista-backup.' >"$1/src/lib.rs"
    printf '{"files":{"Cargo.toml":"%s"},"package":"%s"}\n' "$description" "$package" >"$1/.cargo-checksum.json"
}
