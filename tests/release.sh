# shellcheck shell=bash
# What ./build.sh dist makes: complete, small enough, the same from everywhere, and at work on both processors.

# shellcheck source=dist/dist.sh
source dist/dist.sh

PROGRAM_LIMIT=$((3 * 1024 * 1024))
DEB_LIMIT=$((3 * 1024 * 1024 / 2))
SOURCE_LIMIT=$((6 * 1024 * 1024))

check_release() {
    local file
    make_release
    step "the release"
    (cd "$DIST" && sha256sum --quiet -c SHA256SUMS)
    for file in "$DIST"/krista-backup?*; do
        case $file in
            *.deb) prove_size "$file" "$DEB_LIMIT" ;;
            *.tar.xz) prove_size "$file" "$SOURCE_LIMIT" ;;
            *) prove_size "$file" "$PROGRAM_LIMIT" ;;
        esac
        say "$(stat -c '%s' "$file") bytes  $(basename "$file")"
    done
    cmp -s "$BINARY" "$(program_for "$ARCHITECTURE")" || fail "the program in the release is not the one that was built"
    python3 tests/release/parts.py "$DIST/krista-backup-$VERSION.cdx.json" Cargo.lock
    check_other_processor
}

# The other processor's program does real work here, under an emulator.
check_other_processor() {
    local name=aarch64 program
    [ "$ARCHITECTURE" != aarch64 ] || name=x86_64
    step "the $name program at work"
    program=$(program_for "$name")
    if [ ! -f "$program" ]; then
        say "!! NOT CHECKED: it could not be built here"
    elif ! have "qemu-$name-static"; then
        say "!! NOT CHECKED: qemu-$name-static is not installed"
    else
        backup_and_back "$OUT/emulated" "qemu-$name-static" "$program"
        say "checked, ran, restored"
    fi
}

# backup_and_back FOLDER COMMAND…: the program, called like that, saves a small tree in the folder and brings it back.
backup_and_back() {
    local here=$1
    shift
    rm -rf "$here"
    mkdir -p "$here"
    small_server "$here" "$here" >"$here/config.yaml"
    chmod 600 "$here/config.yaml"
    "$@" --config "$here/config.yaml" check
    "$@" --config "$here/config.yaml" run nightly
    "$@" --config "$here/config.yaml" restore files --to "$here/back"
    diff -r --no-dereference "$here/srv" "$here/back" || fail "what was restored differs"
}

# small_server FOLDER PREFIX: makes something to save under the folder, and prints a configuration for it. The program sees the
# folder as PREFIX.
small_server() {
    mkdir -p "$1/srv/документы"
    date >"$1/srv/документы/сейчас.txt"
    head -c 300000 /dev/urandom >"$1/srv/noise"
    ln -sf nowhere "$1/srv/broken"
    cat <<END
naming: {region: 77, project: shop, server_name: app-srv-01}
logging: {logs_path: $2/var/log/KristaBackup, trigger_filepath: $2/var/log/KristaBackup/backup.trigger}
cron: {cron_user: root}
schedule:
  nightly: {cron: 0 23 * * *, actions: [files, old_files]}
actions:
  files: {type: tar, basename: app, src_path: $2/srv, dest_path: $2/backup}
  old_files: {type: cleaner, source: files, max_files: 3}
END
}

# Another folder, another time, no network and no crates but those in the archive: the same bytes.
check_offline_build() {
    step "build from the source archive without a network"
    local place=$OUT/offline
    rm -rf "$place"
    mkdir -p "$place/cargo-home"
    tar -xf "$DIST/krista-backup-$VERSION.tar.xz" -C "$place"
    place=$place/krista-backup-$VERSION
    env -u CARGO_TARGET_DIR -u SOURCE_DATE_EPOCH CARGO_HOME="$OUT/offline/cargo-home" \
        unshare --map-root-user --net "$place/build.sh" --route "$ROUTE"
    cmp "$BINARY" "$place/target/dist/krista-backup" || fail "the offline build differs from the one before: not reproducible"
    say "the same bytes as the build before"
}
