// What a command line of QEMU's says of the board beside its devices, and files of options.

import Arm64
import Boot
import Foundation
import Testing

@testable import DormouseCommand
@testable import Machine

@Suite("The board on QEMU's command line")
struct QEMUBoardTests {
    @Test("virtme-ng's memory is one node's, and the same memory may be the machine's")
    func memory() throws {
        let virtme = try QEMULine.machine(
            "-m", "1G", "-object", "memory-backend-memfd,id=mem,size=1G,share=on", "-numa", "node,memdev=mem")
        #expect(virtme.machine.memoryByteCount == 1 << 30 && virtme.warnings == [])
        _ = try QEMULine.machine(
            "-m", "512", "-object", "memory-backend-ram,id=r,size=512M", "-M", "virt,memory-backend=r")
        let file = try QEMULine.machine(
            "-object", "memory-backend-file,id=f,size=128M,mem-path=/dev/shm,share=on", "-numa",
            "node,nodeid=0,cpus=0-3,memdev=f")
        #expect(file.warnings.count == 1)
    }

    @Test("A CPU is the one that is nearest to it, and is told of")
    func cpus() throws {
        for (name, model) in [
            ("cortex-a53", CPUModel.dormouse1), ("cortex-a57", .dormouse1), ("cortex-a72", .dormouse1),
            ("neoverse-n1", .dormouse2), ("max", .dormouse2), ("max,sve=off", .dormouse2),
        ] {
            let qemu = try QEMULine.machine("-cpu", name)
            #expect(qemu.machine.cpu?.name == model.name)
            #expect(qemu.warnings.count == 1 && qemu.warnings[0].contains(model.name))
        }
        #expect(try QEMULine.machine("-smp", "1").machine.cpu == nil)
    }

    @Test("Strings of SMBIOS are the guest's, behind what Dormouse says")
    func strings() throws {
        let text = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try Data("io.systemd.credential:b=2".utf8).write(to: text)
        defer { try? FileManager.default.removeItem(at: text) }
        let qemu = try QEMULine.machine(
            "-bios", "F", "-smbios", "type=11,value=io.systemd.credential:a=1,,2,value=x", "-smbios",
            "type=11,path=\(text.path())")
        #expect(qemu.machine.guest.strings == ["io.systemd.credential:a=1,2", "x", "io.systemd.credential:b=2"])
        #expect(qemu.machine.smbios.oemStrings.suffix(3) == qemu.machine.guest.strings[...])
        #expect(qemu.warnings == [])
        #expect(try QEMULine.machine("-smbios", "type=11,value=a").warnings.count == 1, "nobody reads it")
    }

    @Test("A clock in UTC, an order of booting and virtio as it is are taken")
    func settings() throws {
        #expect(try QEMULine.machine("-rtc", "base=utc,clock=host,driftfix=slew").warnings == [])
        #expect(try QEMULine.machine("-boot", "menu=off,strict=on").warnings == [])
        #expect(try QEMULine.machine("-boot", "c").warnings.count == 1)
        #expect(try QEMULine.machine("-global", "virtio-mmio.force-legacy=false").warnings == [])
    }

    @Test("A file of options is the options that it has")
    func configurationFile() throws {
        let text = """
            # qemu config file
            [machine]
              type = "virt"
              accel = "tcg"

            [memory]
              size = "1G"
            [smp-opts]
            \tcpus = "2"
            [drive "hd"]
              file = "a,b.img"
              if = "none"
              format = "raw"
            [device]
              driver = "virtio-blk-device"
              drive = "hd"
            """
        let options = try QEMUConfigurationFile.options(text: text, "f")
        #expect(
            options.map { "\($0.name) \($0.value ?? "")" } == [
                "machine type=virt,accel=tcg", "m size=1G", "smp cpus=2",
                "drive id=hd,file=a,,b.img,if=none,format=raw",
                "device driver=virtio-blk-device,drive=hd",
            ])
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try Data(text.utf8).write(to: path)
        defer { try? FileManager.default.removeItem(at: path) }
        let machine = try QEMULine.machine("-readconfig", path.path()).machine
        #expect(machine.memoryByteCount == 1 << 30 && machine.cpuCount == 2)
        #expect(machine.disks.map(\.path) == ["a,b.img"])
    }

    @Test(
        "What is wrong in a file of options is said with its line",
        arguments: [
            ("[drives \"x\"]", "line 1: [drives] is not taken; do you mean [drive]?"),
            ("[drive", "line 1: [drive is no section"), ("[drive x]", "line 1: [drive x] is no section"),
            ("\nfile = \"a\"", "line 2: file is in no section"), ("[drive]\nfile = a", "line 2: file = a is no key"),
            ("[drive]\nfile", "line 2: file is no key"), ("[drive]\nfile = \"a\"b\"", "is no key"),
            ("[]", "[] is no section"), ("[drive]\n= \"a\"", "is no key"),
        ])
    func wrongFile(text: String, expected: String) {
        do {
            _ = try QEMUConfigurationFile.options(text: text, "f")
            Issue.record("nothing is wrong")
        } catch { #expect(error.description.contains(expected), "\(error)") }
    }

    @Test(
        "What cannot be had is one line that names it",
        arguments: [
            (["-numa", "node,memdev=m"], "-numa memory m is not to be found"),
            (["-numa", "node"], "-numa node needs memdev="),
            (["-numa", "dist,src=0"], "-numa dist is not to be had"),
            (["-numa", "node,memdev=m", "-numa", "node,memdev=m"], "-numa node is given twice"),
            (["-numa", "node,nodeid=1,memdev=m"], "nodeid=1 is not to be had"),
            (
                ["-m", "1G", "-object", "memory-backend-ram,id=m,size=512M", "-numa", "node,memdev=m"],
                "-numa m has 512 MiB, and the machine 1024"
            ),
            (["-M", "virt,memory-backend=m"], "-machine memory m is not to be found"),
            (["-object", "memory-backend-ram,size=1G"], "-object memory-backend-ram needs an id="),
            (["-object", "memory-backend-ram,id=m"], "-object memory-backend-ram needs a size="),
            (["-object", "memory-backend-file,id=m,size=1G"], "needs mem-path="),
            (["-object", "iothread,id=i"], "-object iothread is not to be had"),
            (["-object", "memory-backend-ram,id=m,size=1G,policy=bind"], "-object policy=bind is not taken"),
            (["-rtc", "base=localtime"], "-rtc base=localtime is not to be had"),
            (["-rtc", "clock=vm"], "-rtc clock=vm is not to be had"), (["-rtc", "foo=1"], "-rtc foo=1 is not taken"),
            (["-boot", "menu=on,splash-time=x"], "-boot splash-time=x is no time"),
            (["-boot", "menu=on,splash-time=65536"], "-boot splash-time=65536 is no time"),
            (["-boot", "order=7"], "-boot order=7 is no order"), (["-boot", "d,foo=1"], "-boot foo=1 is not taken"),
            (["-global", "driver=cfi.pflash01,property=secure,value=on"], "-global driver=cfi.pflash01"),
            (["-global", "virtio-mmio.force-legacy=true"], "-global true is not to be had"),
            (["-smbios", "type=11"], "-smbios type=11 needs value= or path="),
            (["-smbios", "type=11,value="], "-smbios type=11 takes no empty string"),
            (["-smbios", "type=11,path=/nowhere/s"], "-smbios cannot read /nowhere/s"),
            (["-readconfig", "/nowhere/c"], "-readconfig cannot read /nowhere/c"),
        ] as [([String], String)])
    func refused(options: [String], expected: String) {
        let words = QEMULine.error(options)
        #expect(words.contains(expected), "\(words)")
    }

    @Test("The device tree is written to a file, with no kernel and no guest")
    func deviceTree() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: path) }
        let result = try await Command.run([
            "qemu", "-M", "virt,dumpdtb=\(path.path())", "-smp", "2", "-append", "quiet",
        ])
        #expect(result.exitCode == 0, "\(result.error)")
        let tree = try Data(contentsOf: path)
        #expect(tree.prefix(4) == Data([0xD0, 0x0D, 0xFE, 0xED]))
        #expect(
            tree.firstRange(of: Data("linux,dummy-virt".utf8)) != nil && tree.firstRange(of: Data("quiet".utf8)) != nil)
    }

    @Test("A wait for the menu is in whole seconds, as edk2 rounds it, and for firmware only")
    func bootMenu() throws {
        for (text, seconds) in [
            ("menu=on", 3), ("menu=on,splash-time=0", 0), ("menu=on,splash-time=1", 1),
            ("menu=on,splash-time=5000", 5), ("menu=on,splash-time=65535", 65), ("menu=off", nil),
            ("splash-time=5000", nil),
        ] as [(String, Int?)] {
            #expect(try QEMULine.machine("-bios", "F", "-boot", text).machine.bootMenuWait == seconds, "\(text)")
        }
        #expect(try QEMULine.machine("-boot", "menu=on").machine.bootMenuWait == nil)
    }

    @Test("Firmware is told of an order of booting if it is not its own, unless a kernel is given")
    func bootOrder() throws {
        let drives = ["-drive", "if=none,id=a,file=A,format=raw", "-drive", "if=none,id=b,file=B,format=raw"]
        func devices(_ first: String, _ second: String) -> [String] {
            drives + ["-device", "virtio-blk-pci,drive=a\(first)", "-device", "virtio-blk-pci,drive=b\(second)"]
        }
        let (firmware, fine) = (["-bios", "F"], "nothing is wrong")
        func error(_ options: [String]) -> String { QEMULine.error(options, hasKernel: false) }
        for (first, second) in [
            (",bootindex=1", ",bootindex=7"), (",bootindex=0", ""), ("", ",bootindex=-1"), ("", ""),
        ] { #expect(error(firmware + devices(first, second)) == fine, "\(first) \(second)") }
        func order(_ options: [String], hasKernel: Bool = false) throws -> [BootDevice] {
            try QEMULine.machine(options, hasKernel: hasKernel).machine.bootOrder
        }
        #expect(try order(firmware + devices(",bootindex=1", ",bootindex=7")) == [])
        #expect(try order(firmware + devices(",bootindex=2", ",bootindex=1")) == [.disk(1), .disk(0)])
        #expect(try order(firmware + devices("", ",bootindex=1")) == [.disk(1)])
        // It is started before any disk.
        #expect(try order(firmware + devices("", ",bootindex=1"), hasKernel: true) == [])
        let network = ["-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n,bootindex=3"]
        #expect(try order(firmware + devices(",bootindex=1", ",bootindex=2") + network) == [])
        #expect(try order(firmware + devices(",bootindex=1", "") + network) == [.disk(0), .network(0)])
        #expect(try order(firmware + devices(",bootindex=5", "") + network) == [.network(0), .disk(0)])
        // One file may be two disks that are only read, and an index moves a disk that has no place in the order.
        let twice = ["a", "b"].flatMap {
            [
                "-drive", "if=none,id=\($0),file=A,format=raw,readonly=on", "-device",
                "virtio-blk-pci,drive=\($0),bootindex=\($0 == "a" ? 2 : 1)",
            ]
        }
        #expect(try order(firmware + twice) == [.disk(1), .disk(0)])
        let first = ["-drive", "if=virtio,index=0,file=C,format=raw"]
        #expect(try order(firmware + devices(",bootindex=1", "") + first) == [.disk(1)])
        #expect(error(firmware + devices(",bootindex=1", ",bootindex=1")).contains("is given to two devices"))
        #expect(error(firmware + devices(",bootindex=x", "")).contains("bootindex=x is no place"))
    }

    @Test("A disk has the serial number that it is given, as much of it as virtio has room for, or the model's own")
    func serials() throws {
        let qemu = try QEMULine.machine(
            "-drive", "if=none,id=a,file=A", "-device", "virtio-blk-pci,drive=a,serial=root disk", "-drive",
            "if=none,id=b,file=B", "-device", "virtio-blk-device,drive=b", "-drive",
            "file=C,if=virtio,index=2,serial=01234567-89ab-cdef-0123-456789abcdef")
        #expect(qemu.machine.disks.map(\.serial) == ["root disk", nil, "01234567-89ab-cdef-0"])
        #expect(qemu.warnings.contains { $0.contains("a guest sees 01234567-89ab-cdef-0") })
        for serial in ["", "é"] {
            let words = QEMULine.error(["-drive", "file=C,if=virtio,serial=\(serial)"])
            #expect(words.contains("-drive serial=\(serial) is not to be had"), "\(words)")
        }
    }

    @Test("What there is none of may be said to be left out, and nothing else of it")
    func leftOut() throws {
        let options = ["-vga", "none", "-parallel", "none", "-display", "none", "-nodefaults", "-no-user-config"]
        let qemu = try QEMULine.machine(options)
        #expect(qemu.warnings == [] && qemu.serial == .null)
        #expect(try QEMULine.machine("-parallel", "null", "-vga", "none").serial == .standardInputAndOutput)
        for (option, value) in [("vga", "std"), ("vga", "virtio"), ("parallel", "stdio"), ("display", "gtk")] {
            #expect(QEMULine.error(["-\(option)", value]).contains("-\(option) \(value) is not to be had"))
        }
    }

    @Test("The key that commands begin with is a character's number, as C writes it")
    func escape() throws {
        for (text, key) in [("1", 1), ("20", 20), ("0x1d", 29), ("0X14", 20), ("024", 20), ("0", 0), ("127", 127)] {
            #expect(try QEMULine.machine("-echr", text).runArguments == ["--escape=\(key)"], "\(text)")
        }
        for text in ["", "x", "0x", "128", "-1", "08", "1 "] {
            #expect(QEMULine.error(["-echr", text]).contains("-echr \(text) is no character"), "\(text)")
        }
    }

    @Test("A process in the background has no console of its own, and whoever wants one is told")
    func daemon() throws {
        let qemu = try QEMULine.machine("-daemonize")
        #expect(qemu.isDaemon && qemu.serial == .null)
        #expect(try QEMULine.machine("-daemonize", "-serial", "pty").serial == .pty)
        for options in [
            ["-serial", "stdio"], ["-serial", "mon:stdio"], ["-monitor", "stdio"], ["-nographic"],
            ["-chardev", "stdio,id=s"], ["-qmp", "stdio"],
        ] {
            #expect(QEMULine.error(["-daemonize"] + options).contains("-daemonize leaves standard"), "\(options)")
        }
    }

    @Test("A watchdog on PCI is Arm's, with what it does of QEMU's actions and ours, whichever option says it")
    func watchdog() throws {
        let device = ["-device", "i6300esb,id=w"]
        func action(_ options: String...) throws -> WatchdogAction? {
            try QEMULine.machine(device + options).machine.watchdog
        }
        #expect(try QEMULine.machine().machine.watchdog == nil)
        #expect(try QEMULine.machine(device).warnings.count == 1)
        #expect(try action() == .reset)
        #expect(try action("-action", "watchdog=reset") == .reset)
        #expect(try action("-watchdog-action", "none") == .nothing)
        #expect(try action("-action", "reboot=shutdown,watchdog=debug") == .nothing)
        #expect(try action("-watchdog-action", "crash") == .crash)
        #expect(try action("-bios", "F", "-action", "watchdog=hibernate") == .hibernate)
        // The last one counts.
        #expect(try action("-watchdog-action", "none", "-action", "watchdog=reset") == .reset)
        // Without a watchdog nothing comes of it, but a word that means nothing.
        #expect(try QEMULine.machine("-action", "watchdog=poweroff").machine.watchdog == nil)
        for (options, words) in [
            (["-watchdog-action", "poweroff"], "-watchdog-action watchdog=poweroff is not to be had; say reset"),
            (["-action", "watchdog=pause"], "-action watchdog=pause is not to be had; say reset"),
            (["-action", "watchdog=bark"], "-action watchdog=bark is not known"),
            (["-device", "i6300esb"], "i6300esb is there already"),
        ] {
            let said = QEMULine.error(device + options)
            #expect(said.contains(words), "\(said)")
        }
    }
}
