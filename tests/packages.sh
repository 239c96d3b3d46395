# shellcheck shell=bash
# The packages, looked at by the distributions' own checkers and installed for real.

# shellcheck source=tests/release.sh
source tests/release.sh
# shellcheck source=tests/roots.sh
source tests/roots.sh

# Everything the rpm of CentOS 7 (4.11) can be asked for.
OLD_RPM_KNOWS='^(/bin/sh|rpmlib\((CompressedFileNames|FileDigests|PayloadFilesHavePrefix)\) .*)$'

check_packages() {
    local architecture
    for architecture in x86_64 aarch64; do
        [ ! -f "$(program_for "$architecture")" ] || check_package_files "$architecture"
    done
    check_unit
    if ! is_root; then
        say "!! not root: nothing was installed"
        return
    fi
    mkdir -p "$OUT/older"
    make_deb "$ARCHITECTURE" "$BINARY" 1.9.0-1 "$OUT/older"
    make_rpm "$ARCHITECTURE" "$BINARY" 1.9.0 "$OUT/older"
    check_drop_in
    check_rpm
    for_each_root check_deb
}

# deb_of ARCHITECTURE VERSION
deb_of() {
    case $1 in
        x86_64) echo "krista-backup_$2_amd64.deb" ;;
        aarch64) echo "krista-backup_$2_arm64.deb" ;;
    esac
}

check_package_files() {
    step "packages for $1"
    local deb rpm asked
    deb=$DIST/$(deb_of "$1" "$VERSION-$PACKAGE_REVISION") rpm=$DIST/krista-backup-$VERSION-$PACKAGE_REVISION.$1.rpm
    ar t "$deb" | grep -qx data.tar.xz || fail "$deb: an old dpkg reads xz only"
    [ "$(rpm -qp --qf '%{PAYLOADCOMPRESSOR}' "$rpm")" = gzip ] || fail "$rpm: an old rpm reads gzip only"
    asked=$(rpm -qp --requires "$rpm" | grep -vE "$OLD_RPM_KNOWS" || true)
    [ -z "$asked" ] || fail "$rpm asks for: $asked"
    lintian --allow-root --fail-on error,warning --suppress-tags bad-distribution-in-changes-file "$deb" || fail "lintian: $deb"
    rpmlint --strict --config dist/rpm/rpmlint.toml "$rpm" || fail "rpmlint: $rpm"
}

check_unit() {
    step "systemd unit"
    if ! have systemd-analyze; then
        say "!! NOT CHECKED: systemd-analyze is not installed"
        return
    fi
    local unit=$OUT/krista-backup-webapi.service said
    sed "s#/usr/bin/krista-backup#$BINARY#" dist/systemd/krista-backup-webapi.service >"$unit"
    said=$(systemd-analyze verify --man=no "$unit" 2>&1) || fail "systemd-analyze: $said"
    [ -z "$said" ] || fail "systemd-analyze: $said"
    systemd-analyze security --offline=true --threshold=35 "$unit" | tail -n 1 >&2
}

# A copy in the place of KristaBackup 1.7, beside its configuration, on a system that has nothing else at all.
check_drop_in() {
    step "a copy in /opt/KristaBackup, and nothing else"
    local root=$OUT/drop-in
    rm -rf "$root"
    mkdir -p "$root/opt/KristaBackup" "$root/dev"
    cp "$BINARY" "$root/opt/KristaBackup/krista-backup"
    small_server "$root" "" >"$root/opt/KristaBackup/config.yaml"
    chmod 600 "$root/opt/KristaBackup/config.yaml"
    chroot "$root" /opt/KristaBackup/krista-backup run nightly
    chroot "$root" /opt/KristaBackup/krista-backup restore files --to /back
    diff -r --no-dereference "$root/srv" "$root/back" || fail "what was restored differs"
    [ "$(cat "$root/var/log/KristaBackup/backup.trigger")" = SUCCESS ] || fail "the trigger does not say SUCCESS"
    say "run and restored"
}

# Installed over an older version on a system of one shell, verified, erased.
check_rpm() {
    local root=$OUT/rpm-root package=krista-backup-$VERSION-$PACKAGE_REVISION.$ARCHITECTURE.rpm
    step "$package"
    rm -rf "$root"
    mkdir -p "$root/bin" "$root/dev" "$root/etc" "$root/tmp" "$root/var/lib/rpm"
    mknod -m 666 "$root/dev/null" c 1 3
    cp /bin/busybox "$root/bin/"
    chroot "$root" /bin/busybox --install -s /bin
    printf 'root:x:0:0::/:/bin/sh\n' >"$root/etc/passwd"
    printf 'root:x:0:\n' >"$root/etc/group"
    in_rpm() { rpm --force-debian --root "$root" --dbpath /var/lib/rpm "$@"; }
    in_rpm -i --nodeps --ignorearch "$OUT/older/krista-backup-1.9.0-$PACKAGE_REVISION.$ARCHITECTURE.rpm"
    small_server "$root" "" >"$root/etc/krista-backup/config.yaml"
    chmod 600 "$root/etc/krista-backup/config.yaml"
    chroot "$root" /usr/bin/krista-backup run nightly
    in_rpm -U --nodeps "$DIST/$package"
    in_rpm -V --nodeps krista-backup || fail "rpm -V is not content"
    same_mode "$root/var/log/KristaBackup" 750
    chroot "$root" /usr/bin/krista-backup check
    in_rpm -e krista-backup
    [ ! -e "$root/usr/bin/krista-backup" ] || fail "erased, yet the program is there"
    [ -f "$root/etc/krista-backup/config.yaml" ] || fail "the configuration went with the package"
    [ -f "$root/var/log/KristaBackup/journal.jsonl" ] || fail "the journal went with the package"
    say "installed, upgraded, verified, erased; configuration and logs stayed"
}

same_mode() { [ "$(stat -c %a "$1")" = "$2" ] || fail "$1 has mode $(stat -c %a "$1"), not $2"; }

# check_webapi ROOT: with the command, the user and the capabilities of the unit, after what docs/install.md tells to do.
check_webapi() {
    local root=$1 port=$((20000 + RANDOM % 10000)) command said capabilities
    if [ ! -x "$root/usr/bin/setpriv" ]; then
        say "the webapi was not tried: no setpriv there"
        return
    fi
    sed 's/^logging: {/&group: krista-backup, /' "$root/etc/krista-backup/config.yaml" >"$root/etc/webapi.yaml"
    echo "web: {port: $port}" >>"$root/etc/webapi.yaml"
    chmod 600 "$root/etc/webapi.yaml"
    in_root "$root" chgrp -R krista-backup /var/log/KristaBackup
    in_root "$root" chmod -R g+rX /var/log/KristaBackup
    command=$(sed -n 's/^ExecStart=//p' dist/systemd/krista-backup-webapi.service)
    capabilities=$(sed -n 's/^CapabilityBoundingSet=//p' dist/systemd/krista-backup-webapi.service | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
    # shellcheck disable=SC2016 # the shell in there fills it in
    said=$(in_root "$root" setpriv --no-new-privs "--bounding-set=-all,$capabilities" bash -c '
        KRISTA_BACKUP_CONFIG=/etc/webapi.yaml $0 &
        for ((try = 0; try < 300; try++)); do
            { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null && break
            sleep 0.1
        done
        printf "GET /api/v1/status HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n" >&3
        cat <&3
        stat -c %U "/proc/$!"' "$command" "$port")
    case $said in
        "HTTP/1.1 200"*app-srv-01*krista-backup) say "the webapi answers, as the user krista-backup" ;;
        *) fail "the webapi does not answer as it should: $said" ;;
    esac
}

# version_in ROOT PACKAGE
version_in() {
    # shellcheck disable=SC2016 # dpkg-query fills it in
    in_root "$1" dpkg-query -W -f '${Version}' "$2"
}

# check_deb ROOT: the life of the package on a real system.
check_deb() {
    local root=$1 deb config logs before
    deb=$(deb_of "$ARCHITECTURE" "$VERSION-$PACKAGE_REVISION")
    config=$root/etc/krista-backup/config.yaml logs=$root/var/log/KristaBackup
    cp "$DIST/$deb" "$OUT/older/$(deb_of "$ARCHITECTURE" 1.9.0-1)" "$root/tmp/"
    say "dpkg $(version_in "$root" dpkg)"

    in_root "$root" dpkg -i "/tmp/$(deb_of "$ARCHITECTURE" 1.9.0-1)" >&2
    [ ! -e "$config" ] || fail "the package wrote a configuration"
    [ -z "$(find "$root/etc/systemd" -name '*krista*' 2>/dev/null)" ] || fail "the package enabled a service"
    [ ! -s "$root/var/spool/cron/crontabs/root" ] || fail "the package wrote a crontab"
    in_root "$root" getent passwd krista-backup >&2 || fail "the webapi has no user"
    [ "$(in_root "$root" stat -c '%U %G %a' /var/log/KristaBackup)" = "root krista-backup 750" ] || fail "the log directory is not as it should be"

    small_server "$root" "" >"$config"
    chmod 600 "$config"
    in_root "$root" krista-backup check
    in_root "$root" krista-backup run nightly
    in_root "$root" krista-backup enable all
    in_root "$root" crontab -l | grep -q '/usr/bin/krista-backup run nightly' || fail "the task is not in the crontab"
    before=$(cat "$config" "$root/var/spool/cron/crontabs/root" | sha256sum)

    in_root "$root" dpkg -i "/tmp/$deb" >&2
    [ "$(version_in "$root" krista-backup)" = "$VERSION-$PACKAGE_REVISION" ] || fail "not upgraded"
    [ "$(cat "$config" "$root/var/spool/cron/crontabs/root" | sha256sum)" = "$before" ] || fail "upgrading changed configuration or crontab"
    [ -z "$(in_root "$root" dpkg --verify krista-backup)" ] || fail "dpkg --verify is not content"
    in_root "$root" krista-backup run nightly
    in_root "$root" krista-backup restore files --to /back
    diff -r --no-dereference "$root/srv" "$root/back" || fail "what was restored differs"

    check_webapi "$root"

    in_root "$root" krista-backup disable all
    in_root "$root" dpkg -r krista-backup >&2
    [ ! -e "$root/usr/bin/krista-backup" ] || fail "removed, yet the program is there"
    [ -f "$config" ] || fail "the configuration went with the package"
    [ -f "$logs/journal.jsonl" ] || fail "the journal went with the package"
    in_root "$root" dpkg -P krista-backup >&2
    [ ! -e "$root/etc/krista-backup" ] || fail "purged, yet the configuration is there"
    [ ! -e "$logs" ] || fail "purged, yet logs are there"
    [ -n "$(ls "$root/backup")" ] || fail "the backups went with the package"
    say "installed, at work, upgraded, removed, purged"
    check_deb_beside_predecessor "$root" "$deb"
}

# Where the program was copied over KristaBackup 1.7 before, the package finds that configuration and leaves it alone, logs too.
check_deb_beside_predecessor() {
    local root=$1 config=$1/opt/KristaBackup/config.yaml before
    mkdir -p "$root/opt/KristaBackup"
    rm -rf "$root/backup"
    small_server "$root" "" >"$config"
    chmod 600 "$config"
    before=$(stat -c '%a %U %Y' "$config"; sha256sum <"$config")
    in_root "$root" dpkg -i "/tmp/$2" >&2
    in_root "$root" krista-backup run nightly
    in_root "$root" dpkg -P krista-backup >&2
    [ "$(stat -c '%a %U %Y' "$config"; sha256sum <"$config")" = "$before" ] || fail "KristaBackup's configuration was touched"
    [ -f "$root/var/log/KristaBackup/journal.jsonl" ] || fail "the logs of /opt/KristaBackup went with the package"
    say "KristaBackup's own configuration was found and left alone"
}
