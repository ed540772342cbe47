# shellcheck shell=bash
# The demo with a distribution's own disk: a Debian that was booted by UEFI and GRUB hibernates at its own
# `systemctl hibernate` and at `dormouse hibernate`, and is resumed with what a user has open in tmux.
# Sourced by scripts/demo, which sets $work, $dormouse, $cpus and $memory.
# shellcheck disable=SC2154  # scripts/demo and common.sh set them

# Runs dormouse with the demo's VMs.
vms() {
    local verb=$1
    shift
    "$dormouse" "$verb" --store "$work/vms" "$@"
}

# Runs a command in the guest, as its user.
in_guest() {
    vms ssh --timeout 300 --identity "$work/key" debian "$@"
}

# Starts the VM and waits until its user can log in; adds $1 to the account.
start_debian() {
    local started=$EPOCHREALTIME
    vms start --detach debian
    in_guest true
    account+=("$1 after $(seconds_between "$started" "$EPOCHREALTIME") s")
}

# What has to be the same when the guest is resumed: whose boot it is, the process in tmux, and what that holds.
kept() {
    in_guest 'cat /proc/sys/kernel/random/boot_id; tmux list-panes -t work -F "#{pane_pid}"; sha256sum /dev/shm/held'
}

# Waits until the guest has hibernated, which began at $1.
hibernated() {
    local code
    code=$(vms wait --timeout 600 debian)
    [[ $code == 40 ]] || die "the guest did not hibernate: its run ended with exit code $code; see $work/vms/debian/log"
    account+=("$2 hibernated it in $(seconds_between "$1" "$EPOCHREALTIME") s")
}

# A port of the loopback that is free now.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

demo_distribution() {
    local image=$cache/distributions/debian-trixie/disk.img before started
    "$root/scripts/fetch-distribution" --dormouse "$dormouse" debian
    need ssh ssh-keygen passt python3
    # One that the last demo left running.
    vms kill debian 2>/dev/null || true
    rm -rf "$work"
    mkdir -p "$work"
    ssh-keygen -q -t ed25519 -N '' -f "$work/key"
    vms create debian --firmware uefi --cpus "$cpus" --memory "$memory" \
        --disk "$image,overlay=$work/disk.qcow2" --hibernate required \
        --net "user,forward=tcp:$(free_port):22" --hostname den --user dora --ssh-key "$work/key.pub" >/dev/null
    start_debian "booted by UEFI and GRUB, and logged in to,"
    in_guest 'head -c 16777216 /dev/urandom >/dev/shm/held; tmux new-session -d -s work "exec sleep infinity"'
    before=$(kept)
    note "systemctl hibernate, in the guest"
    started=$EPOCHREALTIME
    in_guest 'sudo systemctl hibernate' || true
    hibernated "$started" "systemctl hibernate"
    start_debian "resumed, and logged in to,"
    [[ $(kept) == "$before" ]] || die "the guest is not what it was before it hibernated"
    note "dormouse hibernate, on the host"
    started=$EPOCHREALTIME
    vms hibernate --timeout 600 debian
    hibernated "$started" "dormouse hibernate"
    start_debian "resumed again, and logged in to,"
    [[ $(kept) == "$before" ]] || die "the guest is not what it was before it hibernated"
    vms stop --timeout 300 debian
    printf '\nDebian on Dormouse, --cpus %s --memory %s:\n' "$cpus" "$memory"
    printf '  %s\n' "${account[@]}" "the same boot, the same process in tmux, and the same 16 MiB it holds, after both"
}
