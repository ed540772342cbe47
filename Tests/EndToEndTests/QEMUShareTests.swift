// A directory of the host's, mounted by Linux: what the guest does there is compared with what the host finds.

import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Shares of QEMU's command line, with Linux", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct QEMUShareTests {
        /// Debian's cloud kernels have no 9P.
        private static let guest = LinuxGuest.pages16K
        private static let hasModules: Bool = {
            let list = LinuxGuest.directory.appending(path: "\(guest.rawValue)/modules/optional")
            let names = (try? String(contentsOf: list, encoding: .utf8))?.split(separator: "\n") ?? []
            return names.contains("9p")
        }()

        @Test(
            "Linux reads, makes, moves and removes files of a share, and the host finds them so; a read-only one stays",
            .needs(hasModules, "the kernel's 9p modules are not there: run scripts/fetch-guests and make-initramfs"))
        func share() throws {
            let scratch = try Scratch("qemu-share")
            let files = FileManager.default
            let (writable, readOnly) = (scratch.file("writable"), scratch.file("read-only"))
            for directory in [writable, readOnly] {
                try files.createDirectory(at: directory, withIntermediateDirectories: true)
                try Data("from the host\n".utf8).write(to: directory.appending(path: "host"))
            }
            try Data("secret\n".utf8).write(to: scratch.file("outside"))
            let run = try DormouseRun(
                [
                    "qemu", "-m", "512", "-display", "none", "-serial", "stdio", "-kernel", Self.guest.kernel.path,
                    "-initrd", Self.guest.initrd.path, "-append", "console=ttyAMA0 panic=1 dormouse.test=shell",
                    "-virtfs", "local,path=\(writable.path),mount_tag=w,security_model=none", "-fsdev",
                    "local,id=r,path=\(readOnly.path),security_model=none,readonly=on", "-device",
                    "virtio-9p-device,fsdev=r,mount_tag=r",
                ], files: scratch.file("1-boot"), input: .pipe)
            try run.waitForConsole("dormouse: shell")
            let commands = [
                "mkdir /w /r; mount -t 9p -o trans=virtio,version=9p2000.L w /w",
                "mount -t 9p -o trans=virtio,version=9p2000.L r /r; cd /w",
                "seq 20000 >s; mkdir d; mv s d/t; chmod 640 d/t; touch -d @1000000000 d/t; ln d/t hard",
                "ln -s ../outside link; cat link; cat host; echo more >>host; mkfifo f; rm f",
                "mkdir many; for i in $(seq 50); do : >many/$i; done; ls many | wc -l; rm -r many",
                "cat /r/host; echo x >/r/host; rm /r/host; echo all-$((6 * 7)); cd /; umount /w; poweroff -f",
            ]
            for command in commands { try run.send(command + "\n") }
            let end = try run.waitForEnd()
            #expect(end.exitCode == 0)
            let lines = end.console.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            #expect(lines.contains("all-42"))
            #expect(lines.contains("50"))
            #expect(lines.filter { $0 == "from the host" }.count == 2)
            #expect(end.console.contains("Read-only file system"))
            // A link that leads out is the guest's to follow, and there is nothing in the guest.
            #expect(!end.console.contains("secret"))
            let text = (1...20000).map { "\($0)\n" }.joined()
            #expect(try String(contentsOf: writable.appending(path: "d/t"), encoding: .utf8) == text)
            let attributes = try files.attributesOfItem(atPath: writable.appending(path: "hard").path)
            #expect(attributes[.posixPermissions] as? Int == 0o640)
            #expect(attributes[.modificationDate] as? Date == Date(timeIntervalSince1970: 1_000_000_000))
            #expect(attributes[.referenceCount] as? Int == 2)
            #expect(try files.destinationOfSymbolicLink(atPath: writable.appending(path: "link").path) == "../outside")
            #expect(
                try String(contentsOf: writable.appending(path: "host"), encoding: .utf8) == "from the host\nmore\n")
            #expect(try files.contentsOfDirectory(atPath: writable.path).sorted() == ["d", "hard", "host", "link"])
            #expect(try String(contentsOf: readOnly.appending(path: "host"), encoding: .utf8) == "from the host\n")
        }
    }
}
