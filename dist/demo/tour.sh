# shellcheck shell=bash
# The chapters of the demo, in the order they are shown.

show_source() {
    chapter "1. Something worth a backup"
    tell "A small server's files in $HERE/srv: Cyrillic names, a symbolic link to a directory, a broken link," \
        "two names for one file, and a cache and temporary files that nobody needs back."
    make_source_tree
    try ls -RlA "$HERE/srv"
}

show_config() {
    chapter "2. One file says what is done"
    sed "s#@HERE@#$HERE#g" dist/demo/config.yaml >"$HERE/config.yaml"
    try cat "$HERE/config.yaml"
    tell "" "The program is one file and needs nothing else:"
    try krista-backup --version
    tell "" "It finds its configuration by --config, or here by the environment (KRISTA_BACKUP_CONFIG)." \
        "check changes nothing and reports every mistake at once:"
    try krista-backup check
}

show_full() {
    chapter "3. A full backup"
    try krista-backup run weekly
    show_backups
    must "the trigger says SUCCESS" same SUCCESS "$(cat backup.trigger)"
    must "one full archive" same 1 "$(count 'backup/full/*.tar.gz')"
}

show_differential() {
    chapter "4. A change, and only the change is stored"
    change_source_tree
    tell "One file changed, one was added, one was removed. The daily task takes only what changed since the full:"
    try krista-backup run daily
    try tar -tzf "$(newest 'backup/diff/*.tar.gz')"
    tell "" "What was deleted in between is in the list file beside it:"
    try cat "$(newest 'backup/diff/*.list')"
    must "the differential is less than a tenth of the full" is_small "$(newest 'backup/diff/*.tar.gz')"
}

is_small() { [ $(($(stat -c %s "$1") * 10)) -lt "$(stat -c %s "$(newest 'backup/full/*.tar.gz')")" ]; }

show_rotation() {
    chapter "5. Rotation that never deletes what is still needed"
    tell "clean_full keeps the two newest full backups. After two more there are three:"
    try krista-backup run weekly
    try krista-backup run weekly
    show_backups
    must "the oldest stays, because the differential cannot be restored without it" \
        same 3 "$(count 'backup/full/*.tar.gz')"
    tell "" "The next differential builds on the newest full, and clean_diff keeps only one differential:"
    try krista-backup run daily
    try krista-backup run weekly
    show_backups
    must "now the old full backups are gone, two are left" same 2 "$(count 'backup/full/*.tar.gz')"
    must "one differential is left" same 1 "$(count 'backup/diff/*.tar.gz')"
}

show_backups() { try ls -gGhR backup; }

show_databases() {
    chapter "6. Databases"
    start_postgres
    fill_databases
    tell "A scratch PostgreSQL with two databases, one with a Cyrillic name, listens on a socket in $HERE/pg."
    try psql --list
    try krista-backup run databases
    try ls -l backup/db
    must "two dumps" same 2 "$(count 'backup/db/*.pgdump')"
}

show_failure() {
    chapter "7. What a failure looks like"
    tell "The task archive wants a directory that is not there (an unmounted disk, say):"
    try_for 1 krista-backup run archive
    must "the trigger file tells the monitoring" same ERROR "$(cat backup.trigger)"
    must "nothing is left that only looks like a backup" same 0 "$(count 'backup/documents*')"
    tell "" "The log of that run says why:"
    try cat "$(newest 'log/2*/*.log')"
    tell "" "Once the directory is back, the same task runs and clears the trigger file:"
    mkdir documents
    echo contract >documents/contract.txt
    try krista-backup run archive
    must "the trigger is SUCCESS again" same SUCCESS "$(cat backup.trigger)"
}

show_overview() {
    chapter "8. What is configured, and how it went"
    try krista-backup list
}

show_restore() {
    chapter "9. Restoring with standard tools only"
    tell "An archive is an ordinary tar.gz. Unpacked elsewhere and compared with the source:"
    mkdir restored
    try tar -xzpf "$(newest 'backup/full/*.tar.gz')" -C restored
    try diff --recursive --no-dereference --exclude=cache --exclude='*.tmp' srv restored
    must "every file, link and text is the same" true
    must "kinds, modes, owners, sizes and times too" same "$(listing srv)" "$(listing restored)"
    must "both names are still one file" test restored/www/images/photo.jpg -ef restored/www/images/same-photo.jpg
    must "the cache was left out, as the configuration says" test ! -e restored/cache
    [ -z "${PGHOST:-}" ] || show_database_restore
}

# Kind, mode, owner, size, time and target of everything that was to be backed up.
listing() {
    (cd "$1" && find . \( -name cache -o -name '*.tmp' \) -prune -o \
        \( -type d -printf '%y %m %u %g %p\n' \) -o -printf '%y %m %u %g %s %TY-%Tm-%Td %TT %p %l\n' | sort)
}

show_database_restore() {
    tell "" "A dump is an ordinary pg_dump archive. Into a new database, and compared:"
    try createdb shop_restored
    try pg_restore --exit-on-error --dbname=shop_restored "$(newest 'backup/db/db-shop-*.pgdump')"
    must "the same rows" same "$(orders shop)" "$(orders shop_restored)"
}

orders() { psql --tuples-only --no-align --command='SELECT count(*), sum(total), max(customer) FROM orders' "$1"; }

show_next() {
    chapter "That was all. On a server of your own:"
    cat <<END
1. Copy $BINARY to /usr/local/bin/krista-backup.
2. Write /etc/krista-backup/config.yaml; dist/demo/config.yaml is a good start. A config.yaml of KristaBackup 1.7 works
   as it is.
3. krista-backup check, then krista-backup run TASK, and look at the log and the trigger file.
README.md (README.ru.md) goes on from there.
END
}
