# shellcheck shell=bash
# What can be said of the finished binary without trusting the build: is it static, how big, does it start alone.

report_binary() {
    local bytes
    bytes=$(stat -c %s "$1")
    prove_static "$1"
    say "$1"
    say "size    $bytes bytes ($((bytes / 1024)) KiB)"
    say "sha256  $(sha256sum "$1" | cut -d' ' -f1)"
    say "static  no interpreter, no shared library asked for; $(link_kind "$1")"
}

prove_static() {
    local headers
    headers=$(readelf --wide --program-headers --dynamic "$1")
    case $headers in
        *INTERP*) fail "$1 asks for a dynamic loader" ;;
        *NEEDED*) fail "$1 asks for a shared library" ;;
    esac
}

link_kind() {
    case $(readelf --wide --file-header "$1") in
        *"DYN ("*) echo "position independent (static-pie)" ;;
        *) echo "fixed position" ;;
    esac
}

# Fails when the file is bigger than the given number of bytes.
prove_size() {
    local bytes
    bytes=$(stat -c %s "$1")
    [ "$bytes" -le "$2" ] || fail "$1 has $bytes bytes, the limit is $2"
}

# A folder that holds nothing but the binary is all it needs to start.
prove_starts_alone() {
    local empty
    empty=$(mktemp -d)
    cp "$1" "$empty/krista-backup"
    chroot "$empty" /krista-backup --version || fail "$1 does not start in an empty chroot"
    rm -rf "$empty"
}

# Nothing in the tree may bring a C compiler into the build.
prove_no_c_code() {
    local tools
    tools=$(grep -nE '^name = "(cc|cmake|bindgen|pkg-config|autotools)"' Cargo.lock) || return 0
    fail "a dependency wants to compile C code: $tools"
}
