// Ports on a command line of QEMU's: which there are, and what is wrong with others.

import Devices
import Testing

@testable import DormouseCommand
@testable import Machine

@Suite("Ports on QEMU's command line")
struct QEMUPortTests {
    @Test("vmtest's ports have the numbers that QEMU gives them, their names, and a socket each")
    func vmtest() throws {
        let qemu = try QEMULine.machine(
            "-chardev", "socket,path=/a,server=on,wait=off,id=qga0", "-device", "virtio-serial", "-device",
            "virtserialport,chardev=qga0,name=org.qemu.guest_agent.0", "--device",
            "virtserialport,chardev=cmd,name=org.qemu.virtio_serial.0", "-chardev",
            "socket,path=/b,server=on,wait=off,id=cmd")
        #expect(
            qemu.machine.ports == [
                .init(number: 1, name: "org.qemu.guest_agent.0"), .init(number: 2, name: "org.qemu.virtio_serial.0"),
            ])
        #expect(qemu.portEnds.map(\.device.filename) == ["unix:/a,server=on", "unix:/b,server=on"])
        #expect(qemu.serial == .standardInputAndOutput && qemu.isSteered && qemu.consolePort == nil)
    }

    @Test("autopkgtest's two consoles are ports 0 and 1; the first one is what the guest calls hvc0")
    func autopkgtest() throws {
        let qemu = try QEMULine.machine(
            "-device", "virtio-serial", "-chardev", "socket,path=/0,server=on,wait=off,id=hvc0", "-device",
            "virtconsole,chardev=hvc0", "-chardev", "socket,path=/1,server=on,wait=off,id=hvc1", "-device",
            "virtconsole,chardev=hvc1", "-serial", "unix:/s,server=on,wait=off")
        #expect(qemu.machine.ports == [.init(number: 0, isConsole: true), .init(number: 1, isConsole: true)])
        #expect(qemu.warnings == [])
    }

    @Test("virtme-ng's console is the serial port, and its port is a file; mkosi's console is the port")
    func onStandardStreams() throws {
        let virtme = try QEMULine.machine(
            "-echr", "1", "-chardev", "stdio,id=console,signal=off,mux=on", "-serial", "chardev:console", "-mon",
            "chardev=console", "-chardev", "file,path=/proc/self/fd/2,id=dmesg", "-device", "virtio-serial-device",
            "-device", "virtconsole,chardev=dmesg")
        #expect(virtme.serial == .sharedStandardInputAndOutput && virtme.consolePort == nil)
        #expect(virtme.portEnds.map(\.device) == [.file("/proc/self/fd/2")])
        let mkosi = try QEMULine.machine(
            "-nographic", "-nodefaults", "-chardev", "stdio,mux=on,id=console,signal=off", "-device",
            "virtio-serial-pci,id=serial", "-device", "virtconsole,chardev=console,bus=serial.0", "-mon", "console")
        #expect(mkosi.serial == .null && mkosi.consolePort == 0)
        #expect(mkosi.warnings.count == 1, "there is no PCI")
        // Without -nodefaults the serial port makes room.
        let nixos = try QEMULine.machine(
            "-chardev", "stdio,id=shell", "-device", "virtio-serial", "-device", "virtconsole,chardev=shell,nr=3")
        #expect(nixos.serial == .null && nixos.consolePort == 3)
    }

    @Test("virtme-ng's scripts have a controller for each port, which all are of one, and a console that goes nowhere")
    func scripts() throws {
        let qemu = try QEMULine.machine(
            "-serial", "chardev:console", "-chardev", "file,id=console,path=/dev/null", "-chardev",
            "stdio,id=stdin,signal=on,mux=off", "-device", "virtio-serial-device", "-device",
            "virtserialport,name=virtme.stdin,chardev=stdin", "-chardev", "file,id=stdout,path=/proc/self/fd/1",
            "-device", "virtio-serial-device,id=b", "-device", "virtserialport,name=virtme.stdout,chardev=stdout",
            "-chardev", "file,id=ret,path=/tmp/ret", "-device", "virtio-serial-device,id=c", "-device",
            "virtserialport,name=virtme.ret,chardev=ret,bus=c.0")
        #expect(
            qemu.machine.ports == [
                .init(number: 1, name: "virtme.stdin"), .init(number: 2, name: "virtme.stdout"),
                .init(number: 3, name: "virtme.ret"),
            ])
        #expect(qemu.serial == .null && qemu.consolePort == 1 && qemu.warnings == [])
        #expect(qemu.portEnds.map(\.device).dropFirst() == [.file("/proc/self/fd/1"), .file("/tmp/ret")])
        let words = QEMULine.error([
            "-device", "virtio-serial,id=b", "-device", "virtio-serial,id=a", "-chardev", "null,id=n", "-device",
            "virtconsole,chardev=n,bus=d.0",
        ])
        #expect(words.contains("bus=d.0 is not to be found; say bus=a.0 or bus=b.0, or nothing"), "\(words)")
    }

    @Test("A pty is made for a port or a serial port, and is for no monitor")
    func pty() throws {
        let qemu = try QEMULine.machine("-chardev", "pty,id=p", "-serial", "chardev:p", "-monitor", "none")
        #expect(qemu.serial == .pty && qemu.serialLabel == "p" && qemu.isSteered)
        #expect(try QEMULine.machine("-serial", "pty").serial == .pty)
        #expect(QEMULine.error(["-monitor", "pty"]).contains("-monitor pty is not to be had"))
    }

    @Test(
        "What is wrong with a port is one line that names it",
        arguments: [
            (["-device", "virtconsole,chardev=c"], "virtconsole needs a -device virtio-serial-device before it"),
            (["-device", "virtio-serial", "-device", "virtconsole"], "virtconsole needs chardev="),
            (["-device", "virtio-serial", "-device", "virtconsole,chardev=x"], "chardev=x is not to be found"),
            (["-device", "virtio-serial,max_ports=32"], "max_ports=32 is not to be had"),
            (
                ["-device", "virtio-serial,max_ports=1", "-device", "virtserialport,chardev=c"],
                "more ports than the 1 of the bus"
            ),
            (["-device", "virtio-serial,foo=1"], "-device foo=1 is not taken"),
            (["-device", "virtio-serial", "-device", "virtserialport,chardev=c,nr=31"], "nr=31 is no port"),
            (["-device", "virtio-serial", "-device", "virtserialport,chardev=c,nr=x"], "nr=x is no port"),
            (["-device", "virtio-serial", "-device", "virtserialport,chardev=c,nr=0"], "nr=0 is for a virtconsole"),
            (
                [
                    "-device", "virtio-serial", "-device", "virtserialport,chardev=c,nr=2", "-device",
                    "virtserialport,chardev=d,nr=2",
                ], "nr=2 is given to two ports"
            ),
            (
                [
                    "-device", "virtio-serial", "-device", "virtserialport,chardev=c", "-device",
                    "virtserialport,chardev=c",
                ], "-chardev c is used twice"
            ),
            (
                ["-device", "virtio-serial", "-device", "virtserialport,chardev=c", "-serial", "chardev:c"],
                "-chardev c is used twice"
            ),
            (
                ["-device", "virtio-serial", "-device", "virtserialport,chardev=s", "-serial", "stdio"],
                "stdio is a port's already"
            ),
            (
                ["-device", "virtio-serial", "-device", "virtserialport,chardev=s", "-serial", "pty"],
                "-serial pty is not to be had beside a port on stdio"
            ),
            (
                [
                    "-device", "virtio-serial", "-device", "virtserialport,chardev=c,name=a", "-device",
                    "virtserialport,chardev=d,name=a",
                ], "two ports have the name a"
            ),
            (
                ["-device", "virtio-serial,id=v", "-device", "virtserialport,chardev=c,bus=w.0"],
                "bus=w.0 is not to be found"
            ),
            (["-device", "virtio-serial", "-device", "virtserialport,chardev=c,foo"], "-device foo is not taken"),
            (["-chardev", "vc,id=v"], "-chardev vc is not to be had"),
        ] as [([String], String)])
    func refused(options: [String], expected: String) {
        let chardevs = ["-chardev", "null,id=c", "-chardev", "null,id=d", "-chardev", "stdio,id=s"]
        let words = QEMULine.error(chardevs + options)
        #expect(words.contains(expected), "\(words)")
    }
}
