// A directory of the host's, mounted by Linux: what the guest does there is compared with what the host finds.

import CExtendedAttributes
import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("Shares of QEMU's command line, with Linux", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct QEMUShareTests {
        /// Debian's cloud kernels have no 9P.
        private static let guest = LinuxGuest.pages16K
        private static let hasModules = guest.hasModule("9p")
        private static let modulesMissing: Comment =
            "the kernel's 9p modules are not there: run scripts/fetch-guests and make-initramfs"

        /// A guest that runs a test of Guests/linux/init.
        private static func start(_ test: String, _ options: [String], _ files: URL) throws -> DormouseRun {
            try DormouseRun(
                [
                    "qemu", "-m", "512", "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel",
                    guest.kernel.path, "-initrd", guest.initrd.path, "-append",
                    "console=ttyAMA0 panic=1 dormouse.test=\(test)",
                ] + options, files: files, input: .pipe)
        }

        private static let mount = "mount -t 9p -o trans=virtio,version=9p2000.L w /w"

        /// Hibernates with a share, and resumes.
        ///
        /// - Parameters:
        ///   - before: commands before it hibernates.
        ///   - after: commands once it is resumed.
        /// - Returns: what Dormouse said of the run that hibernated and of the one that resumed, and its console.
        private func hibernate(
            _ name: String, _ before: String, _ after: String
        ) throws -> (hibernated: String, resumed: String, console: String) {
            let scratch = try Scratch(name)
            let directory = scratch.file("share")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            try Data("from the host\n".utf8).write(to: directory.appending(path: "host"))
            let options = [
                "-drive", "file=\(try scratch.makeDisk().path),format=raw,if=virtio", "-virtfs",
                "local,path=\(directory.path),mount_tag=w,security_model=none",
            ]
            let first = try Self.start("shell", options, scratch.file("1-hibernate"))
            try first.waitForConsole("dormouse: shell")
            let resume = "cat /sys/class/block/vda/dev >/sys/power/resume"
            for command in [
                "mkswap /dev/vda; swapon /dev/vda; \(resume); mkdir /w; \(before)",
                "echo shutdown >/sys/power/disk; echo disk >/sys/power/state; echo resumed-$((6 * 7)); \(after)",
            ] { try first.send(command + "\n") }
            let end = try first.waitForEnd()
            #expect(end.exitCode == 0 && end.report?.end.kind == "hibernated")
            let second = try Self.start("shell", options, scratch.file("2-resume"))
            try second.waitForConsole("dormouse: shell")
            try second.send(resume + "\n")
            let resumed = try second.waitForEnd()
            #expect(resumed.exitCode == 0 && resumed.report?.end.kind == "powered-off")
            #expect(resumed.console.contains("resumed-42"))
            return (first.messages, second.messages, resumed.console)
        }

        @Test(
            "Over a hibernation a guest keeps a share if its driver is loaded anew, mounted again",
            .needs(hasModules, modulesMissing))
        func reloaded() throws {
            let run = try hibernate(
                "qemu-share-reloaded", "\(Self.mount); umount /w; rmmod 9p 9pnet_virtio",
                "insmod /modules/9pnet_virtio.ko; insmod /modules/9p.ko; \(Self.mount); cat /w/host; poweroff -f")
            #expect(run.console.contains("from the host"))
            #expect(!(run.hibernated + run.resumed).contains("the share w"))
        }

        @Test(
            "A share whose driver hibernated with the guest is lost, which is said then and again when it is resumed",
            .needs(hasModules, modulesMissing), arguments: [true, false])
        func lost(isMounted: Bool) throws {
            let run = try hibernate(
                "qemu-share-lost-\(isMounted)", Self.mount + (isMounted ? "" : "; umount /w"), "poweroff -f")
            for messages in [run.hibernated, run.resumed] {
                #expect(messages.contains("the guest's driver lost the share w"))
            }
        }

        @Test("A share is the root of Linux, with its init, programs and files", .needs(hasModules, modulesMissing))
        func root() throws {
            let scratch = try Scratch("qemu-share-root")
            let root = scratch.file("root")
            try Self.makeRoot(
                root,
                """
                echo "root is $(awk '$2 == "/" { kind = $3 } END { print kind }' /proc/mounts)"
                seq 1000 | sort -r | sha256sum >/tmp/sum
                mount -t sysfs sysfs /sys
                mount -t devtmpfs devtmpfs /dev
                port=$(grep -l org.qemu.virtio_serial.0 /sys/class/virtio-ports/*/name)
                port=${port%/name}
                echo "said-$((6 * 7))" >/dev/${port##*/}
                echo "done-$((6 * 7))"
                poweroff -f

                """)
            // As danobi's vmtest has it, but for a kernel with modules.
            let (qmp, agent, output) = (
                scratch.file("qmp").path, scratch.file("agent").path, scratch.file("output").path
            )
            let run = try Self.start(
                "root root=/dev/root rootfstype=9p rootflags=trans=virtio,version=9p2000.L rw",
                [
                    "-nodefaults", "-smp", "2", "-cpu", "max", "-machine", "virt,gic-version=3", "-qmp",
                    "unix:\(qmp),server=on,wait=off", "-chardev",
                    "socket,path=\(agent),server=on,wait=off,id=qga0", "-device", "virtio-serial", "-device",
                    "virtserialport,chardev=qga0,name=org.qemu.guest_agent.0", "-chardev",
                    "socket,path=\(output),server=on,wait=off,id=cmdout", "--device",
                    "virtserialport,chardev=cmdout,name=org.qemu.virtio_serial.0", "-virtfs",
                    "local,id=root,path=\(root.path),mount_tag=/dev/root,security_model=none,multidevs=remap",
                ], scratch.file("1-boot"))
            // The tool reads what its command says from there.
            try SocketSession.run(output, ["<said-42"])
            let end = try run.waitForEnd()
            #expect(end.guestFailure == nil)
            #expect(end.exitCode == 0 && end.report?.end.kind == "powered-off")
            #expect(end.console.contains("root is 9p") && end.console.contains("done-42"))
            #expect(
                try FileManager.default.destinationOfSymbolicLink(atPath: root.appending(path: "bin/sort").path)
                    == "/bin/busybox")
            let sum = try String(contentsOf: root.appending(path: "tmp/sum"), encoding: .utf8)
            let expected = try Command.tool("sh", ["-c", "seq 1000 | LC_ALL=C sort -r | sha256sum"])
            #expect(sum == String(decoding: expected, as: UTF8.self))
        }

        @Test(
            "virtme-ng's of a script: its standard streams are ports, and the console is a file",
            .needs(hasModules, modulesMissing))
        func virtme() throws {
            let scratch = try Scratch("harness-virtme")
            let root = scratch.file("root")
            try Self.makeRoot(
                root,
                """
                mount -t sysfs sysfs /sys
                mount -t devtmpfs devtmpfs /dev
                for name in /sys/class/virtio-ports/*/name; do
                    port=${name%/name}
                    mkdir -p /tmp/ports && ln -s /dev/${port##*/} /tmp/ports/$(cat $name)
                done
                cd /tmp/ports
                sh <virtme.stdin >virtme.stdout 2>virtme.stderr
                echo $? >virtme.ret
                poweroff -f

                """)
            // Files where the tool has its standard error: unlike in a pipe, each writer has a place of its own there.
            let (result, errors, serial) = (
                scratch.file("ret").path, scratch.file("errors").path, scratch.file("serial").path
            )
            var options = [
                "-m", "1G", "-fsdev",
                "local,id=virtfs3,path=\(root.path),security_model=none,multidevs=remap", "-device",
                "virtio-9p-device,fsdev=virtfs3,mount_tag=/dev/root", "-M", "virt", "-cpu", "cortex-a57", "-parallel",
                "none", "-net", "none", "-smp", "2", "-vga", "none", "-display", "none", "-serial", "chardev:console",
                "-chardev", "file,id=console,path=\(serial)", "-chardev", "stdio,id=stdin,signal=on,mux=off",
                "-device", "virtio-serial-device", "-device", "virtserialport,name=virtme.stdin,chardev=stdin",
            ]
            for (name, path) in [("stdout", "/proc/self/fd/1"), ("stderr", errors), ("ret", result)] {
                options += [
                    "-chardev", "file,id=\(name),path=\(path)", "-device", "virtio-serial-device", "-device",
                    "virtserialport,name=virtme.\(name),chardev=\(name)",
                ]
            }
            let run = try DormouseRun(
                ["qemu"] + options + [
                    "-no-reboot", "-kernel", Self.guest.kernel.path, "-initrd", Self.guest.initrd.path, "-append",
                    "console=ttyAMA0 panic=-1 dormouse.test=root root=/dev/root rootfstype=9p "
                        + "rootflags=trans=virtio,version=9p2000.L rw",
                ], files: scratch.file("1-boot"), input: .pipe)
            try run.send("nproc; echo out-$((6 * 7)); echo wrong-$((6 * 7)) >&2; exit 3\n")
            try run.closeInput()
            let end = try run.waitForEnd()
            #expect(end.exitCode == 0 && end.report?.end.kind == "powered-off")
            #expect(end.console == "2\nout-42\n")
            #expect(try String(contentsOfFile: result, encoding: .utf8) == "3\n")
            #expect(try String(contentsOfFile: errors, encoding: .utf8) == "wrong-42\n")
            #expect(
                try String(contentsOfFile: serial, encoding: .utf8).contains("dormouse: going on with another root"))
        }

        /// A root with busybox whose init is `script`.
        private static func makeRoot(_ root: URL, _ script: String) throws {
            let files = FileManager.default
            for directory in ["bin", "proc", "dev", "sys", "tmp"] {
                try files.createDirectory(at: root.appending(path: directory), withIntermediateDirectories: true)
            }
            try files.copyItem(
                at: LinuxGuest.directory.appending(path: "busybox"), to: root.appending(path: "bin/busybox"))
            let head = """
                #!/bin/busybox sh
                export PATH=/bin
                /bin/busybox --install -s /bin
                mount -t proc proc /proc

                """
            try Data((head + script).utf8).write(to: root.appending(path: "init"))
            for file in ["init", "bin/busybox"] {
                try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: root.appending(path: file).path)
            }
        }

        /// A root whose init makes files in the share w, below a directory named on the command line, and lists all
        /// that is in the share.
        private static func makeLister(_ root: URL) throws {
            let files = FileManager.default
            for directory in ["bin", "proc", "dev", "w"] {
                try files.createDirectory(at: root.appending(path: directory), withIntermediateDirectories: true)
            }
            try files.copyItem(
                at: LinuxGuest.directory.appending(path: "busybox"), to: root.appending(path: "bin/busybox"))
            let script = """
                #!/bin/busybox sh
                export PATH=/bin
                [ -e /bin/sh ] || /bin/busybox --install -s /bin
                mount -t proc proc /proc
                mount -t 9p -o trans=virtio,version=9p2000.L w /w || echo "not mounted"
                cd /w
                for word in $(cat /proc/cmdline); do
                    case $word in make=*) who=${word#*=} ;; *) continue ;; esac
                    mkdir $who
                    echo "from $who" >$who/moved
                    mv $who/moved $who/file
                    chown 12:34 $who/file
                    chmod 4751 $who/file
                    ln $who/file $who/hard
                    chmod 2640 $who/hard
                    ln -s /nowhere/at/all $who/link
                    mknod $who/null c 1 3
                    mkfifo -m 604 $who/fifo
                    mkdir -m 1770 $who/directory $who/gone
                    echo inner >$who/directory/inner
                    chown 5:4294967290 $who/directory/inner
                    echo old >$who/gone/old
                    rm $who/gone/old
                    rmdir $who/gone
                done
                find * | sort | while read name; do
                    stat -c 'found %n: %F %a %u %g %t,%T' $name
                done
                for name in */link; do echo "link $name: $(readlink $name)"; done
                for name in */file */hard */directory/inner; do echo "contents $name: $(cat $name)"; done
                poweroff -f

                """
            try Data(script.utf8).write(to: root.appending(path: "init"))
            for file in ["init", "bin/busybox"] {
                try files.setAttributes(
                    [.posixPermissions: 0o755], ofItemAtPath: root.appending(path: file).path)
            }
        }

        @Test(
            "What mapped-file keeps is found by QEMU's guest as Dormouse's made it, and the other way round",
            .enabled(if: Distribution.isWanted, Distribution.notWanted),
            .needs(hasModules, modulesMissing), .needsQEMU)
        func mappedFile() throws {
            let qemu = try #require(QEMU.path)
            let scratch = try Scratch("qemu-share-mapped-file")
            let (root, shared) = (scratch.file("root"), scratch.file("shared"))
            try Self.makeLister(root)
            try FileManager.default.createDirectory(at: shared, withIntermediateDirectories: true)
            let devices = [
                "-fsdev", "local,id=r,path=\(root.path),security_model=none", "-device",
                "virtio-9p-device,fsdev=r,mount_tag=/dev/root", "-fsdev",
                "local,id=w,path=\(shared.path),security_model=mapped-file", "-device",
                "virtio-9p-device,fsdev=w,mount_tag=w",
            ]
            func found(_ console: String) -> [String] {
                console.split(whereSeparator: \.isNewline).map(String.init).filter { line in
                    ["found ", "link ", "contents "].contains { line.hasPrefix($0) }
                }
            }
            let words = "root root=/dev/root rootfstype=9p rootflags=trans=virtio,version=9p2000.L rw"
            let first = try Self.start(words + " make=dormouse", devices, scratch.file("1-dormouse")).waitForEnd()
            #expect(first.guestFailure == nil)
            let made = found(first.console)
            for line in [
                "found dormouse/file: regular file 2640 12 34 0,0", "found dormouse/hard: regular file 2640 12 34 0,0",
                "found dormouse/link: symbolic link 777 0 0 0,0", "link dormouse/link: /nowhere/at/all",
                "found dormouse/null: character special file 644 0 0 1,3", "found dormouse/fifo: fifo 604 0 0 0,0",
                "found dormouse/directory: directory 1770 0 0 0,0", "contents dormouse/hard: from dormouse",
                "found dormouse/directory/inner: regular file 644 5 4294967290 0,0",
            ] {
                #expect(made.contains(line), "\(line)")
            }
            #expect(made.count == 8 + 1 + 3, "\(made)")

            let output = scratch.file("2-qemu.console")
            _ = FileManager.default.createFile(atPath: output.path, contents: nil)
            let process = Process()
            process.executableURL = qemu
            process.arguments =
                [
                    "-M", "virt,gic-version=3", "-cpu", "max", "-m", "512", "-display", "none", "-serial",
                    "stdio", "-nic", "none", "-no-reboot", "-kernel", Self.guest.kernel.path, "-initrd",
                    Self.guest.initrd.path, "-append", "console=ttyAMA0 panic=1 dormouse.test=\(words) make=qemu",
                ] + devices
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = try FileHandle(forWritingTo: output)
            process.standardError = process.standardOutput
            try process.run()
            process.waitUntilExit()
            let second = found(String(decoding: try Data(contentsOf: output), as: UTF8.self))
            #expect(process.terminationStatus == 0)
            // What Dormouse made is what QEMU finds, and QEMU made the same.
            #expect(second.filter { $0.contains(" dormouse") } == made)
            func renamed(_ lines: [String]) -> [String] { lines.map { $0.replacing("qemu", with: "dormouse") } }
            #expect(renamed(second.filter { $0.contains(" qemu") }) == made)

            let third = try Self.start(words, devices, scratch.file("3-dormouse")).waitForEnd()
            #expect(found(third.console) == second)
        }

        @Test(
            "Linux reads, makes, moves and removes files of a share, and the host finds them so; a read-only one stays",
            .needs(hasModules, modulesMissing))
        func share() throws {
            let scratch = try Scratch("qemu-share")
            let files = FileManager.default
            let (writable, readOnly) = (scratch.file("writable"), scratch.file("read-only"))
            for directory in [writable, readOnly] {
                try files.createDirectory(at: directory, withIntermediateDirectories: true)
                try Data("from the host\n".utf8).write(to: directory.appending(path: "host"))
            }
            try Data("secret\n".utf8).write(to: scratch.file("outside"))
            let host = writable.appending(path: "host").path
            #expect(setxattr(host, "user.greeting", "good day", 8, 0) == 0)
            let run = try Self.start(
                "shell",
                [
                    "-virtfs", "local,path=\(writable.path),mount_tag=w,security_model=none", "-fsdev",
                    "local,id=r,path=\(readOnly.path),security_model=none,readonly=on", "-device",
                    "virtio-9p-device,fsdev=r,mount_tag=r",
                ], scratch.file("1-boot"))
            try run.waitForConsole("dormouse: shell")
            let commands = [
                "mkdir /w /r; mount -t 9p -o trans=virtio,version=9p2000.L w /w",
                "mount -t 9p -o trans=virtio,version=9p2000.L r /r; cd /w",
                "seq 20000 >s; mkdir d; mv s d/t; chmod 640 d/t; touch -d @1000000000 d/t; ln d/t hard",
                "getfattr -d host; getfattr -n user.nothing host",
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
            #expect(end.console.contains(#"user.greeting="good day""#))
            #expect(end.console.contains("getfattr: host: No data available"))
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
