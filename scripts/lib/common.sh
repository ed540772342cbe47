# shellcheck shell=bash
# What every script here needs: messages, the cache directory, and running a command as root.
# Sourced, never run.
# shellcheck disable=SC2034  # what is set here is used by the scripts that source it

# The top of the source tree.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Everything that is fetched or made from it. It can be deleted at any time, and copied to a machine without network.
cache=${DORMOUSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dormouse}

# Guests made ready to start: see scripts/fetch-guests.
guests=$cache/guests

note() {
    printf '== %s\n' "$*" >&2
}

# Ends the script. The text says what is wrong and what to do.
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# Refuses to go on without a command that scripts/setup installs, with an option that $setup names if there is one.
need() {
    local command
    for command in "$@"; do
        have "$command" || die "\"$command\" is missing; run ${setup:-scripts/setup}"
    done
}

# Runs a command as root, or says which one has to be run.
as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "this needs root: run \"$*\" as root, then start again"
    fi
}

# Seconds between two values of EPOCHREALTIME, to a tenth.
seconds_between() {
    # Without its decimal mark, which follows the locale, EPOCHREALTIME is microseconds.
    local tenths=$(((${2//[.,]/} - ${1//[.,]/}) / 100000))
    printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}
