#!/usr/bin/env bash
# The front door: builds, tests and shows krista-backup. Every verb is a file of its own; this one only chooses.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# shellcheck source=cross/say.sh
source cross/say.sh

overview() {
    cat <<'END'
usage: ./build.sh [--route installed|rustup|debian]   build target/dist/krista-backup
       ./build.sh VERB [--help]

  test     everything CI checks: scripts, format, lints, tests, the static binary, an offline build, the demo
  demo     a tour on a scratch directory: full, differential, rotation, restore
  dist     the release in target/dist/: program for two processors, .deb, .rpm, sources, checksums
  bench    measure against tar, gzip, pigz, bsdtar; writes docs/performance.md
  vendor   fetch every dependency into vendor/, so that later builds need no network
  clean    remove what the other verbs made
  help     this text

exit codes: 0 done, 1 failed, 2 wrong usage
END
}

main() {
    local verb=${1:-build}
    case $verb in
        build) shift || true ;;
        --route | --route=*) verb=build ;;
        test | demo | dist | bench | vendor | clean) shift ;;
        help | --help | -h) overview && return ;;
        *) usage_error "unknown verb $verb; ./build.sh help lists them" ;;
    esac
    # shellcheck source=/dev/null
    source "$(script_of "$verb")"
    case ${1:-} in
        --help | -h) "${verb}_help" ;;
        *) "${verb}_main" "$@" ;;
    esac
}

script_of() {
    case $1 in
        test) echo tests/checks.sh ;;
        demo) echo dist/demo/demo.sh ;;
        dist) echo dist/dist.sh ;;
        bench) echo benches/bench.sh ;;
        *) echo "cross/$1.sh" ;;
    esac
}

main "$@"
