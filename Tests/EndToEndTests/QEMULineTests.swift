// Command lines of tools that start qemu-system-aarch64, with a Debian kernel for theirs.

import Dispatch
import Foundation
import Synchronization
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("QEMU's command line, with Linux", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct QEMULineTests {
        private let guest = LinuxGuest.systemOff2

        private func run(_ options: [String], _ name: String) throws -> DormouseRun.End {
            let scratch = try Scratch(name)
            return try DormouseRun(["qemu"] + options, files: scratch.file("1-boot"), input: .none).waitForEnd()
        }

        /// A conversation with a monitor, as `PythonQMP` describes it, by lines.
        private func converse(_ address: String, _ actions: [String]) throws -> [String] {
            let environment = PythonQMP.environment.map { "\($0.key)=\($0.value)" }
            let output = try Command.tool("env", environment + ["python3"] + PythonQMP.arguments(address, actions))
            return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
        }

        private func append(_ test: String) -> String { "console=ttyAMA0 panic=1 dormouse.test=\(test)" }

        @Test("KUnit's: the kernel's console is on standard output, and powering off is success")
        func kunit() throws {
            let end = try run(
                [
                    "-nodefaults", "-m", "1024", "-kernel", guest.kernel.path, "-append", append("poweroff"),
                    "-no-reboot", "-nographic", "-accel", "kvm", "-accel", "hvf", "-accel", "tcg", "-serial", "stdio",
                    "-machine", "virt", "-cpu", "cortex-a57", "-initrd", guest.initrd.path,
                ], "qemu-kunit")
            #expect(end.exitCode == 0)
            #expect(end.console.contains("dormouse: init"))
            #expect(end.report?.end.kind == "powered-off")
        }

        @Test(
            "A client sees a kernel hibernate: SUSPEND_DISK and then SHUTDOWN, or without SYSTEM_OFF2 SHUTDOWN alone",
            .needs(PythonQMP.isThere, PythonQMP.whyNot), arguments: [true, false])
        func monitored(offered: Bool) throws {
            let scratch = try Scratch("qemu-monitored-\(offered)")
            let disk = try scratch.makeDisk()
            let socket = scratch.file("qmp").path
            let run = try DormouseRun(
                [
                    "qemu", "-m", "512", "-smp", "2", "-display", "none", "-serial", "stdio", "-machine", "virt",
                    "-cpu", "max", "-kernel", guest.kernel.path, "-initrd", guest.initrd.path, "-append",
                    append("hibernate"), "-drive", "file=\(disk.path),format=raw,if=virtio", "-qmp",
                    "unix:\(socket),server=on,wait=off", "-S",
                ] + (offered ? [] : ["-psci", "disable=SYSTEM_OFF2"]), files: scratch.file("1-boot"), input: .none)
            let lines = try converse(
                socket, ["query-status", "cont", "query-status", "x-dormouse-query-hibernation", "+SHUTDOWN", "."])
            let end = try run.waitForEnd()
            let shutdown = #"event SHUTDOWN {"guest": true, "reason": "guest-shutdown"}"#
            #expect(
                lines.filter { $0.hasPrefix("event") }
                    == ["event RESUME {}"] + (offered ? ["event SUSPEND_DISK {}"] : []) + [shutdown])
            #expect(lines[0] == #"return {"running": false, "status": "prelaunch"}"#)
            #expect(lines.contains(#"return {"running": true, "status": "running"}"#))
            #expect(end.exitCode == 0)
            #expect(end.report?.end.kind == (offered ? "hibernated" : "powered-off"))
            #expect(end.words.contains(offered ? "hibernated" : "a hibernation image is on disk"))
        }

        @Test(
            "boot-qemu.py's with --efi: Debian's UEFI boots the kernel, with a file for its variables",
            .needs(UEFI.isThere, UEFI.whyNot))
        func firmware() throws {
            let scratch = try Scratch("qemu-efi")
            let variables = scratch.file("efivars.img")
            // As the script makes it.
            _ = FileManager.default.createFile(atPath: variables.path, contents: nil)
            let handle = try FileHandle(forWritingTo: variables)
            try handle.truncate(atOffset: 64 << 20)
            try handle.close()
            let end = try DormouseRun(
                [
                    "qemu", "-display", "none", "-nodefaults", "-drive",
                    "if=pflash,format=raw,file=\(UEFI.code.path),readonly=on", "-drive",
                    "if=pflash,format=raw,file=\(variables.path)", "-object",
                    "rng-random,filename=/dev/urandom,id=rng0", "-device", "virtio-rng-pci", "-cpu",
                    "max,pauth-impdef=true", "-machine", "virt,gic-version=max,virtualization=true", "-append",
                    append("poweroff"), "-kernel", guest.kernel.path, "-initrd", guest.initrd.path, "-m", "512m",
                    "-serial", "mon:stdio", "-no-reboot",
                ], files: scratch.file("1-boot"), input: .none
            ).waitForEnd()
            #expect(end.exitCode == 0)
            #expect(end.console.contains("efi: EFI v"))
            #expect(end.console.contains("dormouse: init"))
            // What the firmware keeps is there.
            let written = try Data(contentsOf: variables)
            #expect(written.count == 64 << 20 && written.contains { $0 != 0 })
        }

        @Test("syzkaller's, with a disk on PCI: a guest that hibernates has succeeded, and the words say which way")
        func hibernated() throws {
            let scratch = try Scratch("qemu-hibernated")
            let disk = try scratch.makeDisk()
            let end = try DormouseRun(
                [
                    "qemu", "-m", "512", "-smp", "2", "-display", "none", "-serial", "stdio", "-no-reboot", "-machine",
                    "virt,virtualization=on", "-cpu", "cortex-a57", "-accel", "tcg,thread=multi", "-kernel",
                    guest.kernel.path, "-initrd", guest.initrd.path, "-append", append("hibernate"), "-drive",
                    "file=\(disk.path),format=raw,if=none,id=d0", "-device", "virtio-blk-pci,drive=d0",
                ], files: scratch.file("1-boot"), input: .none
            ).waitForEnd()
            #expect(end.exitCode == 0)
            #expect(end.words.hasPrefix("hibernated"))
            #expect(end.report?.end.kind == "hibernated")
            #expect(end.report?.end.exitCode == ExitCode.hibernated)
        }

        @Test(
            "A guest finds ports by their names and talks both ways; its console is a socket, too",
            .needs(PythonQMP.isThere, PythonQMP.whyNot))
        func ports() throws {
            let scratch = try Scratch("qemu-ports")
            let (agent, console) = (scratch.file("agent").path, scratch.file("console").path)
            let run = try DormouseRun(
                [
                    "qemu", "-m", "512", "-display", "none", "-serial", "stdio", "-kernel", guest.kernel.path,
                    "-initrd",
                    guest.initrd.path, "-append", append("shell"), "-device", "virtio-serial", "-chardev",
                    "socket,path=\(agent),server=on,wait=off,id=a", "-device",
                    "virtserialport,chardev=a,name=org.dormouse.agent", "-chardev",
                    "socket,path=\(console),server=on,wait=off,id=c", "-device", "virtconsole,chardev=c", "-chardev",
                    "file,path=\(scratch.file("log").path),id=f", "-device", "virtserialport,chardev=f,name=log",
                ], files: scratch.file("1-boot"), input: .pipe)
            try run.waitForConsole("dormouse: shell")
            try run.send("cat /sys/class/virtio-ports/*/name; echo logged >/dev/vport0p2\n")
            try run.waitForConsole("org.dormouse.agent")
            // There is nothing to read, as nobody is at the other end.
            try run.send("until read line </dev/vport0p1; do usleep 100000; done\n")
            try run.send("echo guest got $line; echo answer $line >/dev/vport0p1\n")
            let answer = try talk(agent, "hello\n", until: "answer hello")
            #expect(answer == "answer hello\n")
            try run.waitForConsole("guest got hello")
            try run.send("read line </dev/hvc0; echo console got $line; poweroff -f\n")
            _ = try talk(console, "typed\r", until: "typed", wholeLine: false)
            try run.waitForConsole("console got typed")
            let end = try run.waitForEnd()
            #expect(end.exitCode == 0)
            #expect(try String(contentsOf: scratch.file("log"), encoding: .utf8) == "logged\n")
            #expect(!FileManager.default.fileExists(atPath: agent))
        }

        @Test(
            "By its device tree Linux has the buttons of QEMU's board: system_powerdown ends it, and it can hibernate, too",
            .needs(PythonQMP.isThere, PythonQMP.whyNot),
            .needs(
                LinuxGuest.pages16K.hasModule("gpio_keys"),
                "the kernel's module gpio_keys is not there: run scripts/fetch-guests and make-initramfs"),
            arguments: ["system_powerdown", "x-dormouse-hibernate"])
        func buttons(command: String) throws {
            let scratch = try Scratch("qemu-buttons-\(command)")
            let socket = scratch.file("qmp").path
            let guest = LinuxGuest.pages16K
            let run = try DormouseRun(
                [
                    "qemu", "-m", "512", "-display", "none", "-serial", "stdio", "-kernel", guest.kernel.path,
                    "-initrd", guest.initrd.path, "-append", append("buttons"), "-drive",
                    "file=\(try scratch.makeDisk().path),format=raw,if=virtio", "-qmp",
                    "unix:\(socket),server=on,wait=off",
                ], files: scratch.file("1-boot"), input: .none)
            try run.waitForConsole("dormouse: waiting for a button")
            let lines = try converse(socket, [command, "+SHUTDOWN", "."])
            let end = try run.waitForEnd()
            #expect(end.guestFailure == nil)
            let isHibernation = command != "system_powerdown"
            #expect(end.console.contains("dormouse: \(isHibernation ? "sleep" : "power") button"))
            #expect(end.report?.end.kind == (isHibernation ? "hibernated" : "powered-off"))
            #expect(
                lines.filter { $0.hasPrefix("event") } == [
                    isHibernation ? "event SUSPEND_DISK {}" : "event POWERDOWN {}",
                    #"event SHUTDOWN {"guest": true, "reason": "guest-shutdown"}"#,
                ])
        }

        @Test(
            "A pty is talked to while the guest runs, and a client of QMP is told when a port is opened and closed",
            .needs(PythonQMP.isThere, PythonQMP.whyNot))
        func terminal() throws {
            let scratch = try Scratch("qemu-pty")
            let socket = scratch.file("qmp").path
            let run = try DormouseRun(
                [
                    "qemu", "-m", "512", "-display", "none", "-serial", "stdio", "-kernel", guest.kernel.path,
                    "-initrd",
                    guest.initrd.path, "-append", append("shell"), "-device", "virtio-serial", "-chardev",
                    "pty,id=p", "-device", "virtserialport,chardev=p,name=terminal", "-chardev", "null,id=n", "-device",
                    "virtserialport,chardev=n,id=watched,name=watched", "-qmp", "unix:\(socket),server=on,wait=off",
                    "-S",
                ], files: scratch.file("1-boot"), input: .pipe)
            let lines = Mutex<Result<[String], any Error>?>(nil)
            let isOver = DispatchSemaphore(value: 0)
            DispatchQueue.global().async {
                let said = Result {
                    try converse(socket, ["cont", "+VSERPORT_CHANGE", "+VSERPORT_CHANGE", "query-chardev", "."])
                }
                lines.withLock { $0 = said }
                isOver.signal()
            }
            try run.waitForConsole("dormouse: shell")
            let words = try #require(run.console.firstMatch(of: /char device redirected to (\S+) \(label p\)/))
            // There is nothing to read, as nobody is at the other end.
            try run.send("until read line </dev/vport0p1; do usleep 100000; done\n")
            try run.send("echo guest got $line; echo answer $line >/dev/vport0p1; echo answered\n")
            #expect(try talk(String(words.1), "hello\n", until: "answer hello") == "answer hello\n")
            try run.waitForConsole("guest got hello")
            try run.send("exec 5>/dev/vport0p2; exec 5>&-; echo closed-$((6 * 7))\n")
            try run.waitForConsole("closed-42")
            try run.send("poweroff -f\n")
            #expect(try run.waitForEnd().exitCode == 0)
            isOver.wait()
            let events = try #require(try lines.withLock(\.self)?.get()).filter { $0.contains("VSERPORT_CHANGE") }
            #expect(
                events == [
                    #"event VSERPORT_CHANGE {"id": "watched", "open": true}"#,
                    #"event VSERPORT_CHANGE {"id": "watched", "open": false}"#,
                ])
        }

        /// Connects to a socket or opens a terminal, sends `text`, and returns what came by when `end` did.
        private func talk(_ path: String, _ text: String, until end: String, wholeLine: Bool = true) throws -> String {
            let script = """
                import socket, sys
                import os, stat
                if stat.S_ISCHR(os.stat(sys.argv[1]).st_mode):
                    s = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
                    send, take = lambda data: os.write(s, data), lambda: os.read(s, 4096)
                else:
                    s = socket.socket(socket.AF_UNIX); s.settimeout(120); s.connect(sys.argv[1])
                    send, take = s.sendall, lambda: s.recv(4096)
                send(sys.argv[2].encode()); got = b""
                while sys.argv[3].encode() not in got or sys.argv[4] == "line" and not got.endswith(b"\\n"):
                    piece = take()
                    if not piece: break
                    got += piece
                sys.stdout.write(got.decode())
                """
            let output = try Command.tool("python3", ["-c", script, path, text, end, wholeLine ? "line" : "any"])
            return String(decoding: output, as: UTF8.self)
        }
    }
}
