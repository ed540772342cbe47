// VMs that outlive the reboot of their host: a real systemd, in a host of the test's own, starts them, hibernates them
// when the host goes down, and has them back when it is up again.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite(
        "The host's reboot", .enabled(if: Distribution.isWanted, Distribution.notWanted),
        .enabled(if: HostMachine.canRunDormouse, "the host is an x86-64 one"),
        .needs(HostMachine.isThere, HostMachine.whyNot), .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct HostRebootTests {
        /// What the host does. Guests are as in Guests/linux/init: three hibernate at their sleep button, and one has no
        /// ear for buttons.
        private static let script = #"""
            #!/bin/sh
            vms="one two three"
            say() { echo "host: $*"; }
            # What systemd has of the VM $vm.
            property() { systemctl show -P "$1" "dormouse@$vm"; }
            # Waits until the console of VM $1 has said $2 in this boot.
            await() {
                until journalctl -b -o cat -u "dormouse@$1" | grep -q "$2"; do
                    systemctl is-failed -q "dormouse@$1" && say "$1 failed" && break
                    sleep 1
                done
            }
            create() {
                name=$1
                shift
                truncate -s 512M "/test/$name.img"
                dormouse create "$name" --store /test/store --kernel /guest/vmlinuz --initrd /guest/initramfs.cpio \
                    --memory 512 --disk "/test/$name.img" --firmware acpi --append "console=ttyAMA0 panic=1 $*"
                printf '\n[host]\ntimeout = "%s"\nthen = "stop"\nmemory-max = "1G"\ncpu-quota = "190%%"\n' \
                    "$time" >>"/test/store/$name/vm.toml"
                dormouse enable "$name" --store /test/store --now || say "$name cannot be enabled"
            }
            stage=$(cat /test/stage 2>/dev/null)
            case $stage in
                '')
                    echo second >/test/stage
                    say "first boot $(cat /proc/sys/kernel/random/boot_id)"
                    time=15m
                    for vm in $vms; do create "$vm" dormouse.test=buttons dormouse.mib=4; done
                    time=20s
                    create deaf dormouse.test=idle
                    for vm in $vms; do await "$vm" 'waiting for a button'; done
                    await deaf 'dormouse: idle'
                    for vm in $vms deaf; do
                        say "$vm is $(dormouse status "$vm" --store /test/store), $(property StatusText)," \
                            "$(systemctl is-enabled "dormouse@$vm"), $(property Slice) $(property MemoryMax)" \
                            "$(property CPUQuotaPerSecUSec) $(property TimeoutStopUSec)"
                    done
                    dormouse list --json --store /test/store | grep enabled | sort | uniq -c
                    systemctl reboot
                    ;;
                second)
                    echo third >/test/stage
                    say "second boot $(cat /proc/sys/kernel/random/boot_id)"
                    for vm in $vms; do await "$vm" 'resumed, sha256'; done
                    await deaf 'dormouse: idle'
                    for vm in $vms deaf; do
                        say "$vm is $(dormouse status "$vm" --store /test/store), $(property StatusText)"
                        journalctl -b -1 -o cat -u "dormouse@$vm" | sed -n "s/^dormouse: VM /host: before, /p"
                    done
                    for vm in $vms; do
                        journalctl -b -o cat -u "dormouse@$vm" | tr -d '\r' | sed -n "s/^.*dormouse: resumed, /host: $vm resumed, /p"
                    done
                    for vm in $vms; do await "$vm" 'waiting for a button'; done
                    # One that ends by itself is no failure, and stays as it is.
                    dormouse stop one --store /test/store
                    systemctl stop dormouse.target
                    for vm in $vms deaf; do
                        # systemctl waits for the target alone.
                        until property ActiveState | grep -E '^(inactive|failed)$' >/dev/null; do sleep 1; done
                        say "$vm ended $(dormouse status "$vm" --store /test/store), $(property Result) $(property ActiveState)"
                        dormouse disable "$vm" --store /test/store
                    done
                    say "enabled: $(dormouse list --json --store /test/store | grep -c enabled)"
                    say done
                    systemctl poweroff
                    ;;
                *)
                    say "one boot too many"
                    systemctl poweroff
                    ;;
            esac
            """#

        @Test(
            "Three VMs hibernate when their host is rebooted and go on after it; one that does not is stopped by its rule"
        )
        func reboot() throws {
            let scratch = try Scratch("host-reboot")
            var files = try HostMachine.dormouse(units: ["/usr/lib/systemd/system"])
            files["/guest/vmlinuz"] = LinuxGuest.systemOff2.kernel
            files["/guest/initramfs.cpio"] = LinuxGuest.systemOff2.initrd
            let host = try HostMachine(scratch, script: Self.script, files: files)
            let said = HostMachine.said(try host.run(minutes: 19))
            let vms = ["one", "two", "three"]

            let boots = said.compactMap { $0.wholeMatch(of: /(first|second) boot ([0-9a-f-]{36})/) }
            #expect(boots.map(\.1) == ["first", "second"] && boots.first?.2 != boots.last?.2, "\(said)")
            let limits = "dormouse.slice 1073741824 1.900000s"
            for vm in vms {
                #expect(said.contains { $0.hasPrefix("\(vm) is running, booted, enabled, ") && $0.contains(limits) })
                // 2 × 15 min, 60 s for signals, 40 s for the rest.
                #expect(said.contains { $0.hasPrefix("\(vm) is running, booted") && $0.hasSuffix(" 31min 40s") })
                #expect(said.contains("before, \(vm): hibernated"))
                #expect(said.contains("\(vm) is running, resumed"))
                #expect(said.filter { $0.hasPrefix("\(vm) resumed, sha256 ok ") }.count == 1)
                #expect(said.contains("\(vm) ended \(vm == "one" ? "powered-off" : "hibernated"), success inactive"))
            }
            #expect(said.contains { $0.hasPrefix("before, deaf still runs after 20 s: the sleep button was pressed") })
            #expect(said.contains("before, deaf: its power button is pressed instead"))
            #expect(said.contains { $0.hasPrefix("before, deaf still runs after 20 s: the power button was pressed") })
            #expect(said.contains("before, deaf: its run is ended by SIGTERM"))
            #expect(said.contains("before, deaf: stopped by SIGTERM"))
            #expect(said.contains("deaf is running, booted"))
            // A guest that was not asked has lost what it had not written: somebody is to see that.
            #expect(said.contains("deaf ended powered-off, exit-code failed"))
            #expect(said.contains("enabled: 0") && said.contains("done"), "\(said)")
        }
    }
}
