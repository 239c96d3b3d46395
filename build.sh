#!/usr/bin/env bash
# Builds, tests and shows krista-backup. `./build.sh help` lists what it can do.
set -euo pipefail
cd "$(dirname "$0")"
case "${1:-}" in
    test) cargo fmt --check && cargo clippy --locked --all-targets -- -D warnings && cargo test --locked ;;
    *) echo "usage: ./build.sh test" >&2; exit 2 ;;
esac
