// Shares on a command line of QEMU's.

import Machine
import NinePFS
import Testing

@testable import DormouseCommand

@Suite("Shares on QEMU's command line")
struct QEMUShareTests {
    @Test("danobi/vmtest's root, tuxrun's and autopkgtest's directories, and virtme-ng's with a device of its own")
    func tools() throws {
        let vmtest = try QEMULine.machine(
            "-virtfs", "local,id=root,path=/,mount_tag=/dev/root,security_model=none,multidevs=remap")
        #expect(vmtest.machine.shares == [ShareConfiguration(path: "/", tag: "/dev/root")])
        let tuxrun = try QEMULine.machine("-virtfs", "local,path=/a,,b,mount_tag=t,security_model=mapped,readonly=on")
        #expect(
            tuxrun.machine.shares
                == [ShareConfiguration(path: "/a,b", tag: "t", securityModel: .mapped, isReadOnly: true)])
        let virtme = try QEMULine.machine(
            "-device", "virtio-9p-device,fsdev=virtfs0,mount_tag=ROOTFS", "-fsdev",
            "local,id=virtfs0,path=/,security_model=none,readonly=on,multidevs=remap", "-device",
            "virtio-9p-pci,fsdev=v1,mount_tag=x", "-fsdev", "local,id=v1,path=/b,security_model=passthrough",
            "-virtfs", "local,path=/c,mount_tag=c,security_model=mapped-file")
        #expect(
            virtme.machine.shares == [
                ShareConfiguration(path: "/c", tag: "c", securityModel: .mappedFile),
                ShareConfiguration(path: "/", tag: "ROOTFS", isReadOnly: true),
                ShareConfiguration(path: "/b", tag: "x", securityModel: .passthrough),
            ])
        #expect(virtme.warnings.count == 1, "there is no PCI")
    }

    @Test(
        "What is wrong with a share is one line that names it",
        arguments: [
            (["-virtfs", "proxy,path=/,mount_tag=t"], "-virtfs proxy is not to be had; say local"),
            (["-virtfs", "local,mount_tag=t,security_model=none"], "-virtfs needs path="),
            (["-virtfs", "local,path=/,security_model=none"], "-virtfs needs mount_tag="),
            (["-virtfs", "local,path=/,mount_tag=t"], "security_model= is not to be had"),
            (["-virtfs", "local,path=/,mount_tag=t,security_model=squash"], "security_model=squash is not"),
            (
                ["-virtfs", "local,path=/,mount_tag=t,security_model=none,fmode=0600"],
                "-virtfs fmode=0600 is not taken"
            ),
            (["-virtfs", "local,path=/,mount_tag=t,security_model=none,multidevs=forbid"], "multidevs=forbid"),
            (
                [
                    "-virtfs", "local,path=/,mount_tag=t,security_model=none", "-virtfs",
                    "local,path=/,mount_tag=t,security_model=none",
                ], "two shares have the tag t"
            ),
            (["-virtfs", "local,path=/,mount_tag=,security_model=none"], "cannot be the tag of a share"),
            (["-fsdev", "local,path=/,security_model=none"], "-fsdev needs an id="),
            (["-fsdev", "local,path=/,security_model=none,id=f"], "-fsdev f belongs to no device"),
            (["-device", "virtio-9p-device,fsdev=f,mount_tag=t"], "fsdev=f is not to be found"),
            (
                ["-fsdev", "local,path=/,security_model=none,id=f", "-device", "virtio-9p-device,fsdev=f"],
                "needs mount_tag="
            ),
        ] as [([String], String)])
    func refused(options: [String], expected: String) {
        let words = QEMULine.error(options)
        #expect(words.contains(expected), "\(words)")
    }

    @Test("A directory that is not there is an error of one line, before the guest runs")
    func missing() async throws {
        try #require(Guest.areBuilt, Guest.missing)
        let result = try await Command.run([
            "qemu", "-nographic", "-kernel", Guest.systemOff2.path, "-m", "128", "-virtfs",
            "local,path=/nowhere/there,mount_tag=t,security_model=none",
        ])
        #expect(result.exitCode == 1)
        #expect(result.errorLines.last == "dormouse: cannot share /nowhere/there: No such file or directory")
    }
}
