# shellcheck shell=bash
# ./build.sh test: everything CI checks, cheapest first.

# shellcheck source=cross/build.sh
source cross/build.sh

# What the tests call or compare with. The only list of it; CI starts from a bare Debian.
TEST_PACKAGES=(
    acl attr file strace python3                  # looking at files and at ourselves
    e2fsprogs mount util-linux                    # disks that fill up and lose power
    libarchive-tools pigz bzip2 xz-utils zip unzip # other readers of what we write
    postgresql-15 postgresql-client-15            # a real server to dump
    rsync cron busybox-static                     # programs the actions and `enable` drive
    openssh-client openssh-server bindfs          # another server, and a file system that hangs
    passwd procps                                 # users of their own, and who is running
    man-db groff-base mandoc                      # the man pages
    prometheus                                    # promtool: what we say must be what Prometheus reads
    shellcheck gcc libc6-dev binutils             # building and checking
)
SIZE_LIMIT=$((3 * 1024 * 1024))

test_help() {
    cat <<'END'
usage: ./build.sh test

Everything CI checks, cheapest first, stopping at the first failure: shellcheck of all scripts; format; clippy with
warnings as errors; no C code, licences and advisories as far as this machine can; all tests; the static binary by the
default route (static, small enough, starts in an empty chroot); the configurations in the README; the same build once
more without a network, from vendor/, with an empty CARGO_HOME; the demo.
Debian packages the tests need are installed when root and apt-get is there; what cannot be had is said loudly.

exit codes: 0 all passed, 1 something failed, 2 wrong usage
END
}

test_main() {
    no_arguments "$@"
    local started=$SECONDS
    step "packages"
    install_packages "${TEST_PACKAGES[@]}" || say "!! going on; tests that need them will fail"
    need_cargo
    cargo_sources
    check_scripts
    check_source
    check_dependencies
    check_tests
    check_binary
    check_documentation
    check_offline_build
    check_demo
    step "all checks passed in $((SECONDS - started)) s"
}

check_scripts() {
    step "shellcheck"
    local scripts
    mapfile -t scripts < <(scripts_of_the_project)
    say "${#scripts[@]} scripts"
    shellcheck --external-sources "${scripts[@]}"
}

# By name or by first line, so that a script without a suffix is not forgotten.
scripts_of_the_project() {
    { find . -path ./target -prune -o -path ./vendor -prune -o -path ./.git -prune -o -name '*.sh' -print
        grep -rlIE --exclude-dir={target,vendor,.git} '^#!.*\b(ba)?sh\b' . || true; } | sort -u
}

check_source() {
    step "format"
    cargo fmt --check
    step "lints"
    with_cargo clippy --quiet --all-targets -- -D warnings
}

check_dependencies() {
    step "dependencies"
    prove_no_c_code
    say "no dependency compiles C code"
    if ! have cargo-deny; then
        say "cargo-deny is not installed: licences, sources and advisories not checked (docs/decisions.md)"
        return
    fi
    cargo deny --locked check bans licenses sources
    # The advisories come from the network; a closed machine cannot have them.
    if cargo deny --locked fetch db; then
        cargo deny --locked check advisories
    else
        say "!! no advisory database: advisories not checked (docs/decisions.md)"
    fi
}

check_tests() {
    step "tests"
    with_cargo test
}

check_binary() {
    build_binary any
    prove_size "$BINARY" "$SIZE_LIMIT"
    if is_root; then
        prove_starts_alone "$BINARY"
    else
        say "!! not root: start in an empty chroot not checked"
    fi
}

# Whoever starts from the README must not start with a mistake.
check_documentation() {
    step "configurations in the documentation"
    local page config=$OUT/readme.yaml
    for page in README.md README.ru.md; do
        awk '/^```$/ { inside = 0 } inside; /^```yaml$/ { inside = 1 }' "$page" >"$config"
        [ -s "$config" ] || fail "$page has no configuration"
        chmod 600 "$config"
        "$BINARY" --config "$config" check || fail "the configuration in $page is not clean"
        say "$page: clean"
    done
}

# A copy of the tree, because vendor/ beside the sources would change every later build.
check_offline_build() {
    step "build without a network"
    local copy=$OUT/offline
    rm -rf "$copy"
    mkdir -p "$copy/cargo-home"
    tar -cf - --exclude=./target --exclude=./vendor --exclude=./.git . | tar -xf - -C "$copy"
    env -u CARGO_TARGET_DIR "$copy/build.sh" vendor
    env -u CARGO_TARGET_DIR CARGO_HOME="$copy/cargo-home" \
        unshare --map-root-user --net "$copy/build.sh" --route "$ROUTE"
    cmp "$BINARY" "$copy/target/dist/krista-backup" || fail "the offline build differs from the one before: not reproducible"
    say "the same bytes as the build before"
}

check_demo() { ./build.sh demo; }
