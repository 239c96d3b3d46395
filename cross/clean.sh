# shellcheck shell=bash
# ./build.sh clean

clean_help() {
    cat <<'END'
usage: ./build.sh clean

Removes target/ and vendor/: everything the other verbs made here. Installed Debian packages stay.

exit codes: 0 done, 1 failed, 2 wrong usage
END
}

clean_main() {
    no_arguments "$@"
    rm -rf target vendor
    say "removed target/ and vendor/"
}
