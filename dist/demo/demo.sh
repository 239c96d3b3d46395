# shellcheck shell=bash
demo_help() { echo "usage: ./build.sh demo"; }
demo_main() { no_arguments "$@"; }
