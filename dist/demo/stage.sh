# shellcheck shell=bash
# How the demo tells its story: every command is shown, run, and held to the exit code it must have.

chapter() { printf '\n\n%s\n%s\n' "$*" "${*//?/-}"; }

tell() { printf '%s\n' "$@"; }

# Shows and runs a command that must succeed.
try() { try_for 0 "$@"; }

# Shows and runs a command that must end with the given exit code.
try_for() {
    local wanted=$1 got=0
    shift
    printf '\n$ %s\n' "$(spelled "$@")"
    "$@" || got=$?
    [ "$got" -eq "$wanted" ] || fail "demo: expected exit code $wanted, got $got from: $(spelled "$@")"
    [ "$got" -eq 0 ] || printf '(exit code %s)\n' "$got"
}

# As it would be typed; printf %q alone would make Cyrillic unreadable.
spelled() {
    local word line=
    for word in "$@"; do
        case $word in
            *[[:space:]\*\;\"\$\&\|\(\)]* | '') line+=" '$word'" ;;
            *) line+=" $word" ;;
        esac
    done
    printf '%s' "${line# }"
}

# Fails the demo unless the command given after the claim holds.
must() {
    local claim=$1
    shift
    "$@" || fail "demo: not true: $claim"
    printf '✓ %s\n' "$claim"
}

# The newest file whose path fits the pattern; names carry the time, so the last one is it.
newest() {
    local found
    found=$(compgen -G "$1" | sort | tail -n 1)
    [ -n "$found" ] || fail "demo: there is no $1"
    echo "$found"
}

# How many files fit the pattern.
count() { compgen -G "$1" | wc -l; }

same() { [ "$1" = "$2" ]; }
