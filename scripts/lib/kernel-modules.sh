# shellcheck shell=bash
# Taking single modules, with what they need, out of an unpacked Debian kernel.
#
# Debian's packages carry no modules.dep (it is made on installation), but every module names what it depends on.
# Sourced, after common.sh.

# A module's name in the form in which the kernel compares them.
module_name() {
    local name=${1##*/}
    name=${name%%.ko*}
    printf '%s\n' "${name//-/_}"
}

# The file of module $2 below directory $1; empty if there is none.
module_file() {
    local file
    while IFS= read -r file; do
        if [[ $(module_name "$file") == "$2" ]]; then
            printf '%s\n' "$file"
            return
        fi
    done < <(find "$1" -name "${2//_/?}.ko*")
}

# Whether module $2 is built into the kernel whose modules are in $1.
is_builtin() {
    local pattern=${2//_/[-_]}
    find "$1" -name modules.builtin -exec grep -qE "/${pattern}\.ko\$" {} +
}

# Copies file $1 to $2, unpacked: busybox's insmod takes plain modules only.
unpack_module() {
    case $1 in
        *.ko) cp "$1" "$2" ;;
        *.ko.xz) xz -dc "$1" >"$2" ;;
        *.ko.gz) gzip -dc "$1" >"$2" ;;
        *.ko.zst) need zstd && zstd -qdc "$1" >"$2" ;;
        *) die "$1 is compressed in a way that this script does not know" ;;
    esac
}

# Takes module $2, after what it depends on, from the tree $1 into directory $3, and appends their names to the list
# $4 in the order in which they have to be loaded. Fails if there is no such module.
take_module() {
    local tree=$1 name=$2 into=$3 list=$4 file dependency
    [[ ! -e $into/$name.ko ]] || return 0
    ! is_builtin "$tree" "$name" || return 0
    file=$(module_file "$tree" "$name")
    [[ -n $file ]] || return 1
    unpack_module "$file" "$into/$name.ko" || return 1
    while IFS= read -r dependency; do
        take_module "$tree" "${dependency//-/_}" "$into" "$list" || return 1
    done < <(tr '\0' '\n' <"$into/$name.ko" | sed -n 's/^depends=//p' | tr ',' '\n' | grep . || true)
    printf '%s\n' "$name" >>"$list"
}
