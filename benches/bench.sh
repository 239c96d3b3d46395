# shellcheck shell=bash
# ./build.sh bench: the static binary against the tools it replaces, on data it makes itself.

# shellcheck source=cross/build.sh
source cross/build.sh

BENCH_PACKAGES=(pigz libarchive-tools python3 time)

bench_help() {
    cat <<'END'
usage: ./build.sh bench [--scale PERCENT] [--rounds N] [--only CORPUS]

Makes five corpora under target/bench (a mixed tree from this machine's /usr, 200,000 small files, 1 GiB of random bytes,
1 GiB of logs, 1,000,000 tiny files; together 8 GB, kept for the next time), runs the static binary and its peers in turn, and writes one table
of medians, ratios, sizes and peak memory to docs/performance.md. With --scale or --only the table goes to the terminal
alone, because it is not comparable.
  --scale PERCENT  make and use smaller corpora
  --rounds N       measure each command N times (default and at least 3)
  --only CORPUS    mixed, small, random, logs or million

exit codes: 0 measured, 1 something failed, 2 wrong usage
END
}

bench_main() {
    install_packages "${BENCH_PACKAGES[@]}" || fail "the peers to compare with are missing"
    build_binary any
    mkdir -p "$OUT/bench"
    python3 benches/measure.py "$BINARY" "$OUT/bench" "$@"
}
