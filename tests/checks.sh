# shellcheck shell=bash
# ./build.sh test: everything CI checks, cheapest first.

# shellcheck source=cross/build.sh
source cross/build.sh
# shellcheck source=tests/packages.sh
source tests/packages.sh

# What the tests call or compare with. The only list of it; CI starts from a bare Debian.
TEST_PACKAGES=(
    acl attr file strace python3                  # looking at files and at ourselves
    python3-yaml python3-jsonschema               # what docs/openapi.yaml says, and whether it is true
    e2fsprogs mount util-linux                    # disks that fill up and lose power
    libarchive-tools pigz bzip2 xz-utils zip unzip # other readers of what we write
    postgresql-15 postgresql-client-15            # a real server to dump
    rsync cron busybox-static                     # programs the actions and `enable` drive
    openssh-client openssh-server bindfs          # another server, and a file system that hangs
    passwd procps                                 # users of their own, and who is running
    man-db groff-base mandoc                      # the man pages
    prometheus                                    # promtool: what we say must be what Prometheus reads
    shellcheck gcc libc6-dev binutils             # building and checking
    zsh fish                                      # shells that complete what is typed
    rpm lintian rpmlint debootstrap qemu-user-static systemd # packages, and systems to install them on
)

test_help() {
    cat <<'END'
usage: ./build.sh test

Everything CI checks, cheapest first, stopping at the first failure: shellcheck of all scripts; format; clippy with
warnings as errors; no C code, licences and advisories as far as this machine can; all tests; the static binary by the
default route (static, small enough, starts in an empty chroot); the configurations in the README; the release, for both
processors; the same build once more without a network, from the release's sources, with an empty CARGO_HOME; the packages,
checked by lintian and rpmlint and installed on systems of different ages (as root); the demo.
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
    check_release
    check_offline_build
    check_packages
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
    prove_size "$BINARY" "$PROGRAM_LIMIT"
    if is_root; then
        prove_starts_alone "$BINARY"
    else
        say "!! not root: start in an empty chroot not checked"
    fi
}

# Whoever starts from the README or the packages' example must not start with a mistake.
check_documentation() {
    step "configurations in the documentation"
    local page config=$OUT/readme.yaml
    install -m 600 dist/config.yaml.example "$config"
    "$BINARY" --config "$config" check || fail "dist/config.yaml.example is not clean"
    for page in README.md README.ru.md; do
        awk '/^```$/ { inside = 0 } inside; /^```yaml$/ { inside = 1 }' "$page" >"$config"
        [ -s "$config" ] || fail "$page has no configuration"
        chmod 600 "$config"
        "$BINARY" --config "$config" check || fail "the configuration in $page is not clean"
        say "$page: clean"
    done
}

check_demo() { ./build.sh demo; }
