// Command lines of tools that start qemu-system-aarch64, as they stand there, with a Debian kernel for theirs: it has
// modules, so that each is given an initrd as well.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("Lines of tools that start QEMU, with Linux", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct HarnessLineTests {
        private let guest = LinuxGuest.systemOff2
        private static let hasPasst = HostProgram.isThere("passt")
        private static let noPasst: Comment = "passt is not installed: run scripts/setup"
        private static let shares = LinuxGuest.pages16K
        private static let noShares: Comment =
            "the kernel's 9p modules are not there: run scripts/fetch-guests and make-initramfs"

        private func start(
            _ options: [String], _ scratch: Scratch, input: DormouseRun.Input = .pipe
        ) throws -> DormouseRun {
            try DormouseRun(["qemu"] + options, files: scratch.file("1-boot"), input: input)
        }

        private func file(_ name: String, on disk: URL) throws -> String {
            String(decoding: try Command.tool("debugfs", ["-R", "cat \(name)", disk.path]), as: UTF8.self)
        }

        @Test(
            "vmtest.sh's of BPF: eight CPUs, and a disk from which the tool reads how its test ended",
            .needs(Ext4.isThere, Ext4.whyNot))
        func bpf() throws {
            let scratch = try Scratch("harness-bpf")
            let disk = try scratch.makeDisk("root.img", mebibytes: 64)
            try Ext4.make(disk, mebibytes: 64)
            let run = try start(
                [
                    "-nodefaults", "-display", "none", "-serial", "mon:stdio", "-M", "virt,gic-version=3", "-smp", "8",
                    "-m", "4G", "-drive",
                    "file=\(disk.path),format=raw,index=1,media=disk,if=virtio,cache=none", "-kernel",
                    guest.kernel.path, "-append", "root=/dev/vda rw console=ttyAMA0,115200 dormouse.test=shell",
                    "-initrd", guest.initrd.path,
                ], scratch)
            try run.waitForConsole("dormouse: shell")
            try run.send("mkdir /m; mount -t ext4 /dev/vda /m && nproc >/m/exitstatus; umount /m; poweroff -f\n")
            let end = try run.waitForEnd()
            #expect(end.exitCode == 0 && end.report?.end.kind == "powered-off")
            #expect(try file("exitstatus", on: disk) == "8\n")
        }

        @Test("boot-qemu.py's of ClangBuiltLinux: Image.gz and an initrd")
        func clangBuiltLinux() throws {
            let scratch = try Scratch("harness-clang")
            let kernel = scratch.file("Image.gz")
            try Command.tool("gzip", ["-1", "-c", guest.kernel.path]).write(to: kernel)
            let end = try start(
                [
                    "-display", "none", "-nodefaults", "-cpu", "max,pauth-impdef=true", "-machine",
                    "virt,gic-version=max,virtualization=true", "-append",
                    "console=ttyAMA0 earlycon dormouse.test=poweroff", "-kernel", kernel.path, "-initrd",
                    guest.initrd.path, "-m", "512m", "-smp", "2", "-serial", "mon:stdio",
                ], scratch, input: .none
            ).waitForEnd()
            #expect(end.exitCode == 0 && end.report?.end.kind == "powered-off")
            #expect(end.console.contains("Linux version ") && end.console.contains("dormouse: init"))
        }

        @Test(
            "tuxrun's: a card with its address, which passt gives a number, and a root file system on the disk",
            .needs(Ext4.isThere, Ext4.whyNot), .needs(hasPasst, noPasst))
        func tuxrun() throws {
            let scratch = try Scratch("harness-tuxrun")
            let disk = try scratch.makeDisk("rootfs.ext4", mebibytes: 64)
            try Ext4.make(disk, mebibytes: 64)
            let run = try start(
                [
                    "-cpu", "max,pauth-impdef=on", "-machine", "virt,virtualization=on,gic-version=3,mte=on",
                    "-nographic", "-net", "nic,model=virtio,macaddr=52:54:00:12:34:58", "-net", "user", "-m", "4G",
                    "-monitor", "none", "-no-reboot", "-smp", "2", "-kernel", guest.kernel.path, "-append",
                    "console=ttyAMA0,115200 rootwait root=/dev/vda debug verbose console_msg_format=syslog "
                        + "systemd.log_level=warning earlycon dormouse.test=shell", "-drive",
                    "file=\(disk.path),format=raw,id=hd0,if=virtio", "-initrd", guest.initrd.path,
                ], scratch)
            try run.waitForConsole("dormouse: shell")
            try run.send(
                "ip link set eth0 up; udhcpc -i eth0 -q -n -s /bin/udhcpc-event >/dev/null 2>&1; mkdir /m; "
                    + "mount -t ext4 /dev/vda /m; cat /sys/class/net/eth0/address >/m/address; "
                    + "ip -4 -o addr show dev eth0 | grep -c inet >>/m/address; umount /m; reboot -f\n")
            let end = try run.waitForEnd()
            // By -no-reboot.
            #expect(end.exitCode == 0 && end.report?.end.kind == "reset")
            #expect(try file("address", on: disk) == "52:54:00:12:34:58\n1\n")
        }

        @Test(
            "syzkaller's: it reaches the guest by the forwarded port, and its image is as it was",
            .needs(hasPasst, noPasst))
        func syzkaller() throws {
            let scratch = try Scratch("harness-syzkaller")
            let disk = try scratch.makeDisk("image", mebibytes: 16)
            let port = try HostPort.free()
            let run = try start(
                [
                    "-m", "2048", "-smp", "2", "-display", "none", "-serial", "stdio", "-no-reboot", "-name", "VM-0",
                    "-device", "virtio-rng-pci", "-machine", "virt,virtualization=on", "-cpu", "cortex-a57", "-accel",
                    "tcg,thread=multi", "-device", "virtio-net-pci,netdev=net0", "-netdev",
                    "user,id=net0,host=10.0.2.10,hostfwd=tcp:127.0.0.1:\(port)-:22", "-hda", disk.path, "-snapshot",
                    "-kernel", guest.kernel.path, "-append", "root=/dev/vda console=ttyAMA0 dormouse.test=shell",
                    "-initrd", guest.initrd.path,
                ], scratch)
            try run.waitForConsole("dormouse: shell")
            try run.send(
                "ip link set eth0 up; udhcpc -i eth0 -q -n -s /bin/udhcpc-event >/dev/null 2>&1; echo listen'-'ing; "
                    + "(while :; do echo hello from inside | nc -l -p 22; done) &\n")
            try run.waitForConsole("listen-ing")
            #expect(try HostPort.read(port, until: "hello from inside").contains("hello from inside"))
            try run.send("echo written >/dev/vda; sync; dd if=/dev/vda bs=7 count=1 2>/dev/null; echo; poweroff -f\n")
            let end = try run.waitForEnd()
            #expect(end.exitCode == 0)
            #expect(end.console.contains("\nwritten\n"))
            #expect(try Data(contentsOf: disk).allSatisfy { $0 == 0 })
        }

        @Test("The NixOS test driver's: it listens itself, for the monitors and a root shell on a console")
        func nixOS() throws {
            let scratch = try Scratch("harness-nixos")
            let script = """
                import os, socket, subprocess, sys
                os.chdir(sys.argv[1])
                def listen(name):
                    s = socket.socket(socket.AF_UNIX); s.bind(name); s.listen(1); s.settimeout(300); return s
                monitor, qmp, shell = listen("monitor"), listen("qmp"), listen("shell")
                run = subprocess.Popen([sys.argv[2], "qemu", "-kernel", sys.argv[3], "-initrd", sys.argv[4], "-append",
                    "console=ttyAMA0 dormouse.test=shell", "-m", "1024", "-qmp", "unix:qmp", "-monitor", "unix:monitor",
                    "-chardev", "socket,id=shell,path=shell", "-device", "virtio-serial", "-device",
                    "virtconsole,chardev=shell", "-device", "virtio-rng-pci", "-serial", "stdio", "-no-reboot",
                    "-nographic"], stdin=subprocess.PIPE, stdout=open("console", "w"))
                def until(s, text):
                    got = b""
                    while not got.endswith(text):
                        piece = s.recv(1)
                        if not piece: sys.exit("the end came before " + text.decode())
                        got += piece
                    return got.decode()
                def accept(s):
                    c = s.accept()[0]; c.settimeout(300); return c
                monitor, qmp, shell = accept(monitor), accept(qmp), accept(shell)
                until(monitor, b"(qemu) ")
                # Of the driver's own systems it is the shell that comes up by itself.
                run.stdin.write(b"exec 5<>/dev/hvc0; stty -echo <&5; echo ready >&5; "
                    b'while read -r line <&5; do eval "$line"; done >&5 2>&1\\n')
                run.stdin.flush()
                until(shell, b"ready")
                shell.sendall(b"( nproc; echo out-$((6 * 7)) ) | base64 -w 0; echo\\n")
                print(until(shell, b"NDIK\\r\\n").strip())
                monitor.sendall(b"info status\\n")
                print(until(monitor, b"(qemu) ").split("\\r")[0])
                shell.sendall(b"poweroff -f\\n")
                print(run.wait())
                """
            let output = try Command.tool(
                "python3",
                [
                    "-c", script, scratch.directory.path, Dormouse.executable.path, guest.kernel.path,
                    guest.initrd.path,
                ])
            // "1\nout-42\n".
            #expect(String(decoding: output, as: UTF8.self) == "MQpvdXQtNDIK\nVM status: running\n0\n")
        }

        @Test(
            "autopkgtest's: firmware, an overlay, a share, and a root shell on the second console",
            .needs(UEFI.isThere, UEFI.whyNot), .needs(shares.hasModule("9p"), noShares), .needs(hasPasst, noPasst))
        func autopkgtest() throws {
            let scratch = try Scratch("harness-autopkgtest")
            let (shared, disk) = (scratch.file("shared"), try scratch.makeDisk("image", mebibytes: 64))
            try FileManager.default.createDirectory(at: shared, withIntermediateDirectories: true)
            try Data("a test\n".utf8).write(to: shared.appending(path: "in"))
            let (overlay, variables) = (scratch.file("overlay.qcow2"), scratch.file("efivars.fd"))
            try Command.tool("qemu-img", ["create", "-q", "-f", "qcow2", "-b", disk.path, "-F", "raw", overlay.path])
            try FileManager.default.copyItem(at: UEFI.template, to: variables)
            func socket(_ name: String) -> String { scratch.file(name).path }
            func listening(_ name: String) -> String { "unix:\(socket(name)),server=on,wait=off" }
            let run = try start(
                [
                    "-machine", "virt", "-cpu", "cortex-a53", "-m", "1024", "-smp", "2", "-nographic", "-device",
                    "virtio-net-pci,netdev=net0", "-netdev", "user,id=net0", "-object",
                    "rng-random,filename=/dev/urandom,id=rng0", "-device", "virtio-rng-pci,rng=rng0,id=rng-device0",
                    "-monitor", listening("monitor"), "-virtfs",
                    "local,id=autopkgtest,path=\(shared.path),security_model=none,mount_tag=autopkgtest", "-device",
                    "virtio-serial", "-chardev", "socket,path=\(socket("hvc0")),server=on,wait=off,id=hvc0", "-device",
                    "virtconsole,chardev=hvc0", "-chardev",
                    "socket,path=\(socket("hvc1")),server=on,wait=off,id=hvc1", "-device", "virtconsole,chardev=hvc1",
                    "-serial", listening("ttyS0"), "-drive",
                    "index=0,file=\(overlay.path),cache=unsafe,if=virtio,discard=unmap,format=qcow2", "-drive",
                    "if=pflash,format=raw,unit=0,read-only=on,file=\(UEFI.code.path)", "-drive",
                    "if=pflash,format=raw,unit=1,file=\(variables.path)", "-kernel", Self.shares.kernel.path,
                    "-initrd", Self.shares.initrd.path, "-append", "console=ttyAMA0 dormouse.test=shell",
                ], scratch, input: .none)
            // An image of the tool's own has the shell there by itself.
            try SocketSession.run(
                socket("ttyS0"),
                ["<dormouse: shell", ">setsid sh </dev/hvc1 >/dev/hvc1 2>&1 & echo up-$((6 * 7))\n", "<up-42"])
            try SocketSession.run(
                socket("hvc1"),
                [
                    ">mkdir /a; mount -t 9p -o trans=virtio,version=9p2000.L autopkgtest /a; echo m-$?\n", "<m-0",
                    ">(cat /a/in; ls -d /sys/firmware/efi) >/a/out; echo w-$?\n", "<w-0",
                    ">echo written >/dev/vda; sync; echo d-$?\n", "<d-0", ">poweroff -f\n",
                ])
            let end = try run.waitForEnd()
            #expect(end.exitCode == 0 && end.report?.end.kind == "powered-off")
            #expect(
                try String(contentsOf: shared.appending(path: "out"), encoding: .utf8)
                    == "a test\n/sys/firmware/efi\n")
            #expect(try Data(contentsOf: disk).allSatisfy { $0 == 0 })
            #expect(try HostProgram.run(["qemu-img", "check", overlay.path]) == 0)
        }
    }
}
