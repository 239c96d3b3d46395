# shellcheck shell=bash
# Debian packages: what is missing, and getting it.

# Prints those of the named packages that are not installed; all of them where dpkg is unknown.
missing_packages() {
    local package
    for package in "$@"; do
        case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) in
            installed) ;;
            *) echo "$package" ;;
        esac
    done
}

# Installs the missing ones of the named packages; fails, loudly, when it cannot.
install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    if is_root && have apt-get; then
        say "installing Debian packages: ${missing[*]}"
        apt_install "${missing[@]}" || { apt-get update -qq >&2 && apt_install "${missing[@]}"; } && return 0
    fi
    say "!! MISSING PACKAGES, could not be installed (not root, no apt-get, or no network): ${missing[*]}"
    return 1
}

# apt and dpkg say hundreds of lines about nothing; they are shown only when it went wrong.
apt_install() {
    local said
    said=$(DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" 2>&1) && return 0
    say "apt-get install failed: $(tail -n 5 <<<"$said")"
    return 1
}
