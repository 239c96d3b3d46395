# shellcheck shell=bash
# What a release is called and when it was made.

release_version() { sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1; }

# Seconds since 1970. Outside of git it is the time of the change log, which in a source archive is the time of the release.
release_moment() {
    if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
        echo "$SOURCE_DATE_EPOCH"
    elif [ -e .git ] && have git; then
        git -c safe.directory='*' log -1 --format=%ct
    else
        stat -c %Y CHANGELOG.md
    fi
}
