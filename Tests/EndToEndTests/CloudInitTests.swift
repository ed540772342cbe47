// A distribution's disk with cloud-init in it, as people take it to a cloud.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite(
        "A distribution's disk with cloud-init", .enabled(if: Distribution.isWanted, Distribution.notWanted),
        .needs(UEFI.isThere, UEFI.whyNot), .needs(Distribution.isFullThere, Distribution.whyNotFull),
        .needs(Distribution.hasSSH, Distribution.noSSH))
    struct CloudInitTests {
        @Test("cloud-init does what it is told, once; and what a user has open is there when the guest is resumed")
        func cloudInit() throws {
            let debian = try DistributionVM(
                "cloud-init", image: Distribution.fullImage, firmware: "acpi", cpus: 2,
                options: [
                    "--user", "dora", "--agent", "--package", "hello", "--package", "qemu-guest-agent", "--run",
                    "systemctl start qemu-guest-agent; echo told >>/root/told; hello >>/root/told",
                ])
            let first = try debian.start("1-boot")
            // It writes dots while it waits.
            #expect(try debian.ssh("cloud-init status --wait").hasSuffix("status: done"))
            #expect(try debian.ssh("whoami; hostname; sudo cat /root/told") == "dora\nden\ntold\nHello, world!")
            #expect(try debian.ssh("sudo cloud-init schema --system --annotate").contains("Valid schema"))
            #expect(try debian.ssh("systemctl is-system-running --wait") == "running")
            #expect(try debian.ssh("sudo dmesg --kernel --level=emerg,alert,crit,err,warn") == "")
            #expect(try debian.ssh("systemd-analyze critical-chain").contains("multi-user.target"))
            // What came over the network and by the disk is what Debian's list of packages says.
            #expect(
                try debian.ssh(
                    """
                    cd /tmp && apt-get -q=2 download hello && sum=$(sha256sum hello_*.deb) && \
                    apt-cache show hello | grep -qFx "SHA256: ${sum%% *}" && echo right
                    """) == "right")
            try debian.ssh("tmux new-session -d -s work 'echo begun; exec sleep infinity'")
            let before = try debian.ssh("tmux list-panes -t work -F '#{pane_pid} #{session_created}'")
            #expect(try debian.vm.command("agent", arguments: ["guest-ping"]) == 0)
            #expect(try debian.vm.command("hibernate", arguments: ["--by", "agent", "--timeout", "250"]) == 0)
            let slept = try first.waitForEnd()
            #expect(slept.exitCode == ExitCode.hibernated)

            let second = try debian.start("2-resume")
            #expect(try debian.ssh("tmux list-panes -t work -F '#{pane_pid} #{session_created}'") == before)
            #expect(try debian.vm.command("agent", arguments: ["guest-ping"]) == 0)
            #expect(try debian.ssh("tmux capture-pane -p -t work").contains("begun"))
            #expect(try debian.vm.command("stop", arguments: ["--timeout", "250"]) == 0)
            #expect(try second.waitForEnd().exitCode == ExitCode.poweredOff)

            let third = try debian.start("3-boot")
            #expect(try debian.ssh("cloud-init status --wait").hasSuffix("status: done"))
            #expect(try debian.ssh("sudo cat /root/told") == "told\nHello, world!")
            #expect(try debian.vm.command("stop", arguments: ["--timeout", "250"]) == 0)
            #expect(try third.waitForEnd().exitCode == ExitCode.poweredOff)
        }
    }
}
