// What systemd makes of the units, in a container: when a VM is started again and when not, and VMs of a user.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite(
        "systemd", .enabled(if: Distribution.isWanted, Distribution.notWanted),
        .enabled(if: HostContainer.canBeMade, HostContainer.whyNotMade),
        .needs(HostContainer.isThere, HostContainer.whyNot), .needs(LinuxGuest.areThere, LinuxGuest.whyNot),
        .needs(BareMetalGuest.areThere, BareMetalGuest.whyNot))
    struct SystemdTests {
        private static let beginning = #"""
            #!/bin/bash
            say() { echo "host: $*"; }
            # What systemd has of the VM $1, under the heading $2: each in a call of its own, for their order.
            show() {
                words=
                for property in ActiveState Result NRestarts StatusText; do
                    words="$words $(systemctl show -P "$property" "dormouse@$1")"
                done
                say "$2:$words"
            }
            # Waits until the VM $1 is in the state $2 and was started again $3 times.
            await() {
                until [ "$(systemctl show -P ActiveState "dormouse@$1") $(systemctl show -P NRestarts "dormouse@$1")" = "$2 $3" ]; do
                    sleep 0.2
                done
            }
            signal() { kill "-$2" "$(systemctl show -P MainPID "dormouse@$1")"; }
            create() {
                name=$1 kernel=$2
                shift 2
                truncate -s 16M "/srv/$name.img"
                dormouse create "$name" --kernel "/guest/$kernel.bin" --memory 64 --disk "/srv/$name.img" --append "$*"
                dormouse enable "$name" --now
            }

            """#

        private static let restarts =
            beginning + #"""
                # Long enough for a machine that is busy.
                mkdir -p /etc/systemd/system/dormouse@hangs.service.d
                printf '[Service]\nWatchdogSec=15\n' >/etc/systemd/system/dormouse@hangs.service.d/90-test.conf
                create hangs Idle seconds=6000
                await hangs active 0
                show hangs begun
                signal hangs STOP
                await hangs active 1
                show hangs hung
                signal hangs SEGV
                await hangs active 2
                show hangs faulty
                signal hangs KILL
                await hangs failed 2
                show hangs killed
                create off SystemOff2 end=off
                await off inactive 0
                show off off
                create slept SystemOff2 end=off2
                await slept inactive 0
                show slept slept
                sed -i "s/memory = '64M'/memory = '128M'/" /root/.local/share/dormouse/vms/slept/vm.toml
                systemctl start dormouse@slept
                await slept failed 0
                show slept refused
                create deaf Idle seconds=6000
                await deaf active 0
                dormouse hibernate deaf --then stop
                say "exit code $?"
                await deaf inactive 0
                show deaf ended
                systemctl start dormouse@deaf
                systemctl stop dormouse@deaf
                show deaf stopped
                systemctl poweroff
                """#

        private static func files(_ directory: String) throws -> [String: URL] {
            var files = try HostMachine.dormouse(units: ["/usr/lib/systemd/\(directory)"])
            for guest in [BareMetalGuest.idle, .systemOff2] { files["/guest/\(guest.rawValue).bin"] = guest.image }
            files["/guest/vmlinuz"] = LinuxGuest.systemOff2.kernel
            files["/guest/initramfs.cpio"] = LinuxGuest.systemOff2.initrd
            return files
        }

        @Test("A VM is started again after a fault of Dormouse's and when it hangs, and in no other case")
        func restart() throws {
            let host = try HostContainer(
                try Scratch("systemd-restart"), script: Self.restarts, files: try Self.files("system"))
            let said = try host.run(minutes: 10).flatMap(\.self)
            #expect(
                said == [
                    "begun: active success 0 booted", "hung: active success 1 booted",
                    "faulty: active success 2 booted", "killed: failed signal 2 booted",
                    "off: inactive success 0 powered off", "slept: inactive success 0 hibernated",
                    "refused: failed exit-code 0 ", "exit code 55", "ended: inactive success 0 stopped by SIGTERM",
                    "stopped: failed exit-code 0 stopped by SIGTERM",
                ])
        }

        private static let shutdown = #"""
            #!/bin/bash
            say() { echo "host: $*"; }
            create() {
                truncate -s 512M "/srv/$1.img"
                dormouse create "$1" --kernel /guest/vmlinuz --initrd /guest/initramfs.cpio --memory 512 \
                    --disk "/srv/$1.img" --firmware acpi --append "console=ttyAMA0 panic=1 dormouse.mib=4 dormouse.test=$2"
                printf '\n[host]\ntimeout = "%s"\nmemory-max = "1G"\n' "$3" >>"/root/.local/share/dormouse/vms/$1/vm.toml"
            }
            detach() {
                dormouse start "$1" --detach --hibernate-with-host --wait-for "$2" --timeout 900
                say "$1: $?"
            }
            if [ ! -e /test/again ]; then
                touch /test/again
                create background-1 buttons 15m
                create terminal buttons 15m
                create deaf idle 5s
                detach background-1 'waiting for a button'
                detach deaf 'dormouse: idle'
                # Its terminal goes when this script does.
                tail -f /dev/null | script -qfc 'dormouse start terminal --hibernate-with-host' /test/typescript >/dev/null &
                until dormouse logs terminal | grep -q 'waiting for a button'; do sleep 0.5; done
                for vm in background-1 terminal deaf; do
                    process=$(cat "/root/.local/share/dormouse/vms/$vm/lock")
                    place=$(sed 's,.*::,,' "/proc/$process/cgroup")
                    limits="$(systemctl show -P MemoryMax "${place##*/}") $(systemctl show -P TimeoutStopUSec "${place##*/}")"
                    say "$vm: ${place#"${place%/*/*}"} $limits" | sed "s/$process/N/"
                done
                systemctl reboot
            else
                for vm in background-1 terminal deaf; do say "$vm is $(dormouse status "$vm")"; done
                dormouse logs deaf --source dormouse | sed 's/^dormouse: /host: /'
                for vm in background-1 terminal; do
                    dormouse start "$vm" --detach --wait-for 'resumed, sha256 ok' --timeout 900
                    say "$vm resumes: $?"
                    dormouse kill "$vm"
                done
                systemctl poweroff
            fi
            """#

        @Test(
            "Guests of runs that no unit started hibernate with the host: in the background, and at a terminal that goes"
        )
        func shutdown() throws {
            let host = try HostContainer(
                try Scratch("systemd-shutdown"), script: Self.shutdown, files: try Self.files("system"))
            let said = try host.run(minutes: 10)
            try #require(said.count == 2, "\(said)")
            #expect(
                said[0] == [
                    "background-1: 0", "deaf: 0",
                    "background-1: /dormouse.slice/dormouse-background-1-N.scope 1073741824 31min 40s",
                    "terminal: /dormouse.slice/dormouse-terminal-N.scope 1073741824 31min 40s",
                    "deaf: /dormouse.slice/dormouse-deaf-N.scope 1073741824 1min 50s",
                ])
            for words in [
                "background-1 is hibernated", "terminal is hibernated", "deaf is powered-off",
                "background-1 resumes: 0", "terminal resumes: 0", "VM deaf: its power button is pressed instead",
                "VM deaf: its run is ended by SIGTERM",
            ] {
                #expect(said[1].contains(words), "\(said[1])")
            }
        }

        private static let user =
            beginning + #"""
                as_user() {
                    setpriv --reuid=1000 --regid=1000 --clear-groups \
                        env HOME=/home/dora XDG_RUNTIME_DIR=/run/user/1000 PATH=/usr/bin:/bin "$@"
                }
                property() { as_user systemctl --user show -P "$1" dormouse@vm; }
                reads() { until journalctl -b -o cat _UID=1000 | grep -q "$1"; do sleep 0.2; done; }
                if [ ! -e /test/again ]; then
                    touch /test/again
                    useradd --create-home --uid 1000 dora
                    # What a PAM module of Debian's does, which this host has not.
                    mkdir -p /etc/systemd/system/user@.service.d
                    printf '[Service]\nEnvironment=XDG_RUNTIME_DIR=/run/user/%%i\n' >/etc/systemd/system/user@.service.d/test.conf
                    systemctl daemon-reload
                    loginctl enable-linger dora
                    until as_user systemctl --user is-active default.target; do sleep 0.2; done
                    as_user truncate -s 512M /home/dora/disk.img
                    as_user dormouse create vm --kernel /guest/vmlinuz --initrd /guest/initramfs.cpio --memory 512 \
                        --disk /home/dora/disk.img --firmware acpi --append "console=ttyAMA0 panic=1 dormouse.test=buttons"
                    as_user dormouse enable vm
                    say "the host's: $?"
                    as_user dormouse enable vm --user --now
                    say "the user's: $?"
                    reads 'waiting for a button'
                    say "$(property StatusText)"
                    systemctl reboot
                else
                    until as_user systemctl --user is-active default.target; do sleep 0.2; done
                    reads 'resumed, sha256 ok'
                    say "$(property StatusText)"
                    as_user systemctl --user stop dormouse@vm
                    say "$(property StatusText), $(property Result)"
                    systemctl poweroff
                fi
                """#

        @Test("A user's VM hibernates with the user's manager, and goes on when the host is up, without a login")
        func users() throws {
            let host = try HostContainer(
                try Scratch("systemd-user"), script: Self.user, files: try Self.files("user"))
            let said = try host.run(minutes: 10)
            #expect(
                said == [
                    ["the host's: 64", "the user's: 0", "booted"], ["resumed", "hibernated, success"],
                ])
        }
    }
}
