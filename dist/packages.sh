# shellcheck shell=bash
# The packages: a tree of files as it will stand on the server, then dpkg-deb and rpmbuild over it.

PACKAGE_REVISION=1
MAINTAINER="krista-backup maintainers <maintainers@krista-backup.example>"

# make_packages ARCHITECTURE: .deb and .rpm of its program, beside it.
make_packages() {
    step "packages for $1"
    make_deb "$1" "$(program_for "$1")" "$VERSION-$PACKAGE_REVISION" "$DIST"
    make_rpm "$1" "$(program_for "$1")" "$VERSION" "$DIST"
}

# make_deb ARCHITECTURE PROGRAM VERSION FOLDER
make_deb() {
    local tree=$OUT/package/deb name=$1 docs
    case $1 in
        x86_64) name=amd64 ;;
        aarch64) name=arm64 ;;
    esac
    common_tree "$tree" "$2"
    docs=$tree/usr/share/doc/krista-backup
    install -D -m 644 dist/systemd/krista-backup-webapi.service "$tree/lib/systemd/system/krista-backup-webapi.service"
    install -D -m 644 dist/completions/krista-backup.zsh "$tree/usr/share/zsh/vendor-completions/_krista-backup"
    install -D -m 644 dist/debian/lintian-overrides "$tree/usr/share/lintian/overrides/krista-backup"
    install -D -m 644 dist/debian/copyright "$docs/copyright"
    packed CHANGELOG.md "$docs/changelog.gz"
    debian_changelog "$3" >"$OUT/package/changelog"
    packed "$OUT/package/changelog" "$docs/changelog.Debian.gz"
    install -D -m 644 dist/debian/conffiles "$tree/DEBIAN/conffiles"
    for script in postinst prerm postrm; do
        install -m 755 "dist/debian/$script" "$tree/DEBIAN/$script"
    done
    sed -e "s/@VERSION@/$3/" -e "s/@ARCHITECTURE@/$name/" -e "s/@MAINTAINER@/$MAINTAINER/" \
        -e "s/@SIZE@/$(du -sk --apparent-size --exclude=DEBIAN "$tree" | cut -f1)/" dist/debian/control >"$tree/DEBIAN/control"
    (cd "$tree" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
    at_release_moment "$tree"
    # xz, because the dpkg of Debian 11 and before reads no zstd, and the tools that sign packages know nothing newer.
    dpkg-deb --root-owner-group -Zxz --build "$tree" "$4/krista-backup_$3_$name.deb" >/dev/null
    say "$4/krista-backup_$3_$name.deb"
}

# make_rpm ARCHITECTURE PROGRAM VERSION FOLDER
make_rpm() {
    local tree=$OUT/package/rpm spec=$OUT/package/krista-backup.spec
    common_tree "$tree" "$2"
    install -D -m 644 dist/systemd/krista-backup-webapi.service "$tree/usr/lib/systemd/system/krista-backup-webapi.service"
    install -D -m 644 dist/completions/krista-backup.zsh "$tree/usr/share/zsh/site-functions/_krista-backup"
    install -D -m 644 LICENSE "$tree/usr/share/licenses/krista-backup/LICENSE"
    install -D -m 644 CHANGELOG.md "$tree/usr/share/doc/krista-backup/CHANGELOG.md"
    at_release_moment "$tree"
    sed -e "s/@VERSION@/$3/" -e "s/@RELEASE@/$PACKAGE_REVISION/" -e "s/@MAINTAINER@/$MAINTAINER/" \
        -e "s/@DATE@/$(LC_ALL=C date --utc --date="@$SOURCE_DATE_EPOCH" '+%a %b %d %Y')/" dist/rpm/krista-backup.spec >"$spec"
    # gzip, because the rpm of CentOS 7 reads no zstd; nothing of the building machine in the package.
    rpmbuild -bb --quiet --target "$1" --buildroot "$OUT/package/rpm-root" \
        --define "tree $tree" --define "_topdir $OUT/package/rpmbuild" --define "_rpmdir $4" \
        --define "_rpmfilename krista-backup-%{version}-%{release}.$1.rpm" \
        --define "_binary_payload w9.gzdio" --define "_build_id_links none" --define "debug_package %{nil}" \
        --define "__os_install_post %{nil}" --define "_buildhost localhost" \
        --define "use_source_date_epoch_as_buildtime 1" --define "clamp_mtime_to_source_date_epoch 1" \
        "$spec" >&2
    say "$4/krista-backup-$3-$PACKAGE_REVISION.$1.rpm"
}

# What both kinds of packages hold, under the given folder.
common_tree() {
    local manuals=$1/usr/share/man
    rm -rf "$1"
    install -D -m 755 "$2" "$1/usr/bin/krista-backup"
    install -D -m 644 dist/config.yaml.example "$1/etc/krista-backup/config.yaml.example"
    install -D -m 644 dist/completions/krista-backup.bash "$1/usr/share/bash-completion/completions/krista-backup"
    install -D -m 644 dist/completions/krista-backup.fish "$1/usr/share/fish/vendor_completions.d/krista-backup.fish"
    packed dist/man/krista-backup.1 "$manuals/man1/krista-backup.1.gz"
    packed dist/man/krista-backup.yaml.5 "$manuals/man5/krista-backup.yaml.5.gz"
    install -d -m 750 "$1/var/log/KristaBackup"
}

# packed FILE TARGET.gz: without name and time of the original.
packed() {
    install -d "$(dirname "$2")"
    gzip -9 --no-name --stdout "$1" >"$2"
    chmod 644 "$2"
}

debian_changelog() {
    printf 'krista-backup (%s) unstable; urgency=medium\n\n  * What changed for users stands in changelog.gz.\n\n -- %s  %s\n' \
        "$1" "$MAINTAINER" "$(LC_ALL=C date --utc --date="@$SOURCE_DATE_EPOCH" -R)"
}

at_release_moment() { find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +; }
