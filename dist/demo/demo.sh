# shellcheck shell=bash
# ./build.sh demo: a newcomer's tour, on real files and a real database, that proves what it says.

# shellcheck source=cross/build.sh
source cross/build.sh
# shellcheck source=dist/demo/stage.sh
source dist/demo/stage.sh
# shellcheck source=dist/demo/tree.sh
source dist/demo/tree.sh
# shellcheck source=dist/demo/tour.sh
source dist/demo/tour.sh
# shellcheck source=dist/demo/postgres.sh
source dist/demo/postgres.sh

demo_help() {
    cat <<'END'
usage: ./build.sh demo [--keep]

Builds the binary and shows it at work in a scratch directory: a full backup, a change, a differential, rotation,
database dumps, a failure and its traces, and at last a restore with nothing but tar and pg_restore. Each step shows its
command and checks the result; the first thing that is not as told ends the demo with exit 1. Databases are shown where
PostgreSQL is installed or can be (apt-get, as root). Everything but such packages is removed at the end.
  --keep   leave the scratch directory for looking around

exit codes: 0 all as told, 1 something was not, 2 wrong usage
END
}

demo_main() {
    local keep=no
    case ${1:-} in
        --keep) keep=yes && shift ;;
    esac
    no_arguments "$@"
    build_binary any
    HERE=$(mktemp -d "${TMPDIR:-/tmp}/krista-backup-demo.XXXXXX")
    # shellcheck disable=SC2064 # the choice is made now
    trap "leave $keep" EXIT
    # The server's user must get through to its own directory.
    chmod 755 "$HERE"
    PATH=$DIST:$PATH
    export KRISTA_BACKUP_CONFIG=$HERE/config.yaml
    tour
}

leave() {
    stop_postgres
    case $1 in
        yes) printf '\nkept: %s\n' "$HERE" ;;
        *) rm -rf "$HERE" ;;
    esac
}

tour() {
    show_source
    show_config
    cd "$HERE" || fail "demo: cannot enter $HERE"
    show_full
    show_differential
    show_rotation
    if need_postgres; then show_databases; else say "!! databases are left out of this tour"; fi
    show_failure
    show_overview
    show_restore
    show_next
}
