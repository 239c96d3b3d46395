# shellcheck shell=bash
# How the scripts speak: progress and problems on stderr, one line each.

step() { printf '\n== %s\n' "$*" >&2; }

say() { printf '   %s\n' "$*" >&2; }

fail() {
    printf 'build.sh: %s\n' "$*" >&2
    exit 1
}

usage_error() {
    printf 'build.sh: %s\n' "$*" >&2
    exit 2
}

no_arguments() {
    [ $# -eq 0 ] || usage_error "unexpected argument $1"
}

have() { command -v "$1" >/dev/null 2>&1; }

is_root() { [ "$(id -u)" -eq 0 ]; }
