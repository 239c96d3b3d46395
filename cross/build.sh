# shellcheck shell=bash
# ./build.sh: one static musl binary, by the first route that works on this machine.

# shellcheck source=cross/toolchain.sh
source cross/toolchain.sh
# shellcheck source=cross/library.sh
source cross/library.sh
# shellcheck source=cross/flags.sh
source cross/flags.sh
# shellcheck source=cross/debian.sh
source cross/debian.sh
# shellcheck source=cross/proof.sh
source cross/proof.sh

build_help() {
    cat <<'END'
usage: ./build.sh [--route ROUTE]

Builds target/dist/krista-backup: one file, static musl, stripped, no C code compiled in.
Without --route the first that works is taken, in this order:
  installed  the toolchain has the musl target already
  rustup     `rustup target add` fetches it (needs the network)
  debian     Debian's rustc-web, cargo-web, rust-web-src and musl-tools; missing packages are installed when root and
             apt-get is there
Where the sources of the standard library are at hand (`rustup component add rust-src`; the rustup route fetches them, the
debian route always has them), it is compiled along, which makes the binary a sixth smaller.
CARGO_TARGET_DIR moves target/ elsewhere. With vendor/ (./build.sh vendor) no network is needed.

exit codes: 0 built and proven static, 1 failed, 2 wrong usage
END
}

build_main() {
    local route=any
    while [ $# -gt 0 ]; do
        case $1 in
            --route) route=${2:-} && shift ;;
            --route=*) route=${1#*=} ;;
            *) usage_error "unexpected argument $1" ;;
        esac
        shift || usage_error "--route needs a value: installed, rustup or debian"
    done
    build_binary "$route"
}

# Leaves the binary of the given route (or `any`) in target/dist.
build_binary() {
    local started=$SECONDS
    cargo_sources
    take_route "$1"
    mkdir -p "$DIST"
    cp "$BUILT" "$BINARY.new"
    mv "$BINARY.new" "$BINARY"
    report_binary "$BINARY"
    say "built in $((SECONDS - started)) s by route $ROUTE"
}

take_route() {
    case $1 in
        any) ROUTE=$(first_route) ;;
        installed | rustup | debian) ROUTE=$1 ;;
        *) usage_error "unknown route '$1': installed, rustup or debian" ;;
    esac
    step "static build for $STATIC_TARGET, route $ROUTE"
    "route_$ROUTE"
}

first_route() {
    if find_cargo && target_installed; then
        echo installed
    elif find_cargo && fetch_target; then
        echo rustup
    else
        echo debian
    fi
}

target_installed() {
    local found=("$(rustc --print sysroot)/lib/rustlib/$STATIC_TARGET/lib/"libstd-*.rlib)
    [ -e "${found[0]}" ]
}

# A closed machine may drop packets instead of refusing them, hence the limit. Where cargo is not rustup's own, what rustup
# fetched is of no use to it.
fetch_target() { have rustup && timeout 180 rustup target add "$STATIC_TARGET" >/dev/null 2>&1 && target_installed; }

fetch_library_sources() { have rustup && timeout 60 rustup component add rust-src >/dev/null 2>&1 && library_sources rustc >/dev/null; }

route_installed() {
    need_cargo
    target_installed || fail "this toolchain has no $STATIC_TARGET; try --route rustup or --route debian"
    build_with_target
}

route_rustup() {
    need_cargo
    have rustup || fail "there is no rustup here; try --route installed or --route debian"
    fetch_target || fail "rustup could not fetch $STATIC_TARGET"
    fetch_library_sources || true
    build_with_target
}

build_with_target() {
    local options=() flags=()
    fetch_crates
    if library_at_hand; then
        export RUSTC_BOOTSTRAP=1
        options=("${LIBRARY_OPTIONS[@]}")
        flags=("--remap-path-prefix=$(library_sources rustc)=/rustc")
    fi
    mapfile -t -O "${#flags[@]}" flags < <(linker_flags)
    CARGO_ENCODED_RUSTFLAGS=$(encoded_flags "${flags[@]}") \
        with_cargo build --release "${options[@]}" --target "$STATIC_TARGET" --target-dir "$OUT"
    BUILT=$OUT/$STATIC_TARGET/release/krista-backup
}
