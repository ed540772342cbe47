# shellcheck shell=bash
# A second apt beside the machine's own: its own sources, state and cache, for arm64 packages of Debian.
#
# It goes through the mirror and the proxy that the machine's apt uses, and trusts Debian's archive keys only. It
# changes nothing of the machine's apt: not even its hooks run, since some of them clear the machine's cache.
# Sourced, after common.sh.
# shellcheck disable=SC2154  # cache is set there

apt_dir=$cache/apt

# Debian's archive keys, by the name that this machine's debian-archive-keyring gives the file.
archive_keyring() {
    local file
    for file in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
        if [[ -r $file ]]; then
            printf '%s\n' "$file"
            return
        fi
    done
    die "Debian's archive keys are missing; run scripts/setup, or install debian-archive-keyring"
}

# Every archive of the machine's own apt, as "URI suite" lines. Read from its sources themselves (sources.list(5)):
# apt-get indextargets says nothing on a machine that has no package lists yet.
machine_archives() {
    local etc file
    etc=$(apt-config shell etc Dir::Etc/d)
    eval "$etc"
    for file in "$etc"/sources.list "$etc"/sources.list.d/*.list; do
        [[ ! -r $file ]] || awk '$1 == "deb" { sub(/^[ \t]*deb[ \t]+(\[[^]]*\][ \t]+)?/, ""); print $1, $2 }' "$file"
    done
    for file in "$etc"/sources.list.d/*.sources; do
        # A stanza ends at an empty line; a field's value may go on in lines that begin with a blank.
        [[ ! -r $file ]] || { cat "$file"; echo; } | awk '
            function flush(   i, j, n, m, uri, suite) {
                if (tolower(value["enabled"]) !~ /^ *(no|false|0)/ && value["types"] ~ /(^| )deb( |$)/) {
                    n = split(value["uris"], uri, " ")
                    m = split(value["suites"], suite, " ")
                    for (i = 1; i <= n; i++) for (j = 1; j <= m; j++) print uri[i], suite[j]
                }
                split("", value)
            }
            /^#/ { next }
            /^[ \t]*\r?$/ { flush(); next }
            /^[ \t]/ { value[field] = value[field] " " $0; next }
            { field = tolower(substr($0, 1, index($0, ":") - 1)); value[field] = substr($0, index($0, ":") + 1) }'
    done
}

# The archives that the machine's own apt has under a Debian release's name, the likeliest first. A foreign archive
# may use such a name too; it then fails the check against Debian's keys.
machine_mirrors() {
    local mirror
    while IFS= read -r mirror; do
        case $mirror in
            # A list, as apt-transport-mirror(1) has it and the Debians of some clouds have one.
            mirror+file:*) awk '!/^[ \t]*(#|$)/ { print $1 }' "${mirror#mirror+file:}" || true ;;
            *) printf '%s\n' "$mirror" ;;
        esac
    done < <(named_mirrors)
}

# The same, as the sources name them.
named_mirrors() {
    if [[ -n ${DORMOUSE_DEBIAN_MIRROR:-} ]]; then
        printf '%s\n' "$DORMOUSE_DEBIAN_MIRROR"
        return
    fi
    machine_archives \
        | awk '$2 ~ /^(bullseye|bookworm|trixie|forky|duke|sid|oldstable|stable|testing|unstable)$/ { print $1 }' \
        | awk '!seen[$0]++ { if (/\/debian\/?$/) print; else rest = rest $0 "\n" } END { printf "%s", rest }'
}

# The first of them that debootstrap can use.
debootstrap_mirror() {
    machine_mirrors | awk '/^(https?|file):/ && !found { print; found = 1 } END { exit !found }' ||
        die "this machine's apt has no Debian mirror that debootstrap can use; set DORMOUSE_DEBIAN_MIRROR to a mirror's URI"
}

# Writes the configuration that makes apt the private one, for the mirror $1 and the suites after it.
configure_private_apt() {
    local mirror=$1 keyring
    shift
    keyring=$(archive_keyring)
    mkdir -p "$apt_dir"/{state/lists/partial,cache/archives/partial,empty}
    : >"$apt_dir/state/status"
    cat >"$apt_dir/debian.sources" <<EOF
Types: deb
URIs: $mirror
Suites: $*
Components: main
Architectures: arm64
Signed-By: $keyring
EOF
    {
        # How the machine reaches its mirror: proxies, retries, time-outs. Not what it fetches.
        apt-config dump --no-empty Acquire | grep -Ev '^Acquire::(IndexTargets|Languages|GzipIndexes)' || true
        cat <<EOF
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages "none";
// The lists are only read again by --refresh.
Acquire::GzipIndexes "true";
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Update::Error-Mode "any";
// The cache may lie where apt's own unprivileged user cannot reach it.
APT::Sandbox::User "$(id -un)";
Dir::State "$apt_dir/state";
Dir::State::status "$apt_dir/state/status";
Dir::Cache "$apt_dir/cache";
Dir::Etc::sourcelist "$apt_dir/debian.sources";
Dir::Etc::sourceparts "$apt_dir/empty";
// The machine's own settings, and with them its hooks, are not read.
Dir::Etc::main "/dev/null";
Dir::Etc::parts "$apt_dir/empty";
EOF
    } >"$apt_dir/apt.conf.new"
    mv "$apt_dir/apt.conf.new" "$apt_dir/apt.conf"
}

# Runs an apt command as the private one.
private() {
    APT_CONFIG=$apt_dir/apt.conf "$@"
}

# Reads what the suites in the arguments hold, from the first mirror of the machine that proves to be Debian's.
update_private_apt() {
    local mirror log=$cache/apt-update.log
    mkdir -p "$cache"
    : >"$log"
    while IFS= read -r mirror; do
        configure_private_apt "$mirror" "$@"
        note "reading the package lists of $mirror ($*)"
        if private apt-get -q update >>"$log" 2>&1; then
            return
        fi
    done < <(machine_mirrors)
    if [[ -s $log ]]; then
        grep -E '^(E|W|Err)' "$log" | tail -n 5 >&2 || true
        die "no mirror of this machine's apt answers with Debian's signed lists (all of it: $log);" \
            "connect the machine, copy a filled cache to $cache, or set DORMOUSE_DEBIAN_MIRROR to a mirror's URI"
    fi
    die "this machine's apt has no Debian mirror; set DORMOUSE_DEBIAN_MIRROR to a mirror's URI"
}

# The newest version of package $1 in suite $2; empty if it has none.
newest_version() {
    # apt-cache madison: "package | version | URI suite/component architecture Packages", the newest first.
    private apt-cache madison "$1" | awk -F'|' -v suite="$2/main" '
        { gsub(/ /, "", $2); split($3, where, " "); if (where[2] == suite) { print $2; exit } }'
}

# One field $3 of package $1 in version $2.
package_field() {
    private apt-cache show "$1=$2" | awk -v field="$3:" '$1 == field { sub(/^[^ ]+ /, ""); print; exit }'
}

# Package $1 in version $2 and every package that it depends on in exactly one version, as "name version" lines.
# Packages of one build depend on each other that way; what else a kernel depends on is for a machine to boot from.
exact_closure() {
    local -A seen=()
    local -a queue=("$1 $2")
    local package version entry
    while ((${#queue[@]})); do
        read -r package version <<<"${queue[0]}"
        queue=("${queue[@]:1}")
        [[ -z ${seen[$package]:-} ]] || continue
        seen[$package]=1
        printf '%s %s\n' "$package" "$version"
        while IFS= read -r entry; do
            if [[ $entry =~ ^\ *([^\ :\(]+)[^\(]*\(=\ ([^\)]+)\) ]]; then
                queue+=("${BASH_REMATCH[1]} ${BASH_REMATCH[2]}")
            fi
        done < <(package_field "$package" "$version" Depends | tr ',' '\n')
    done
}
