// Machines that UEFI starts.

import Boot
import Devices
import Glibc
import Hibernation
import Hypervisor
import TestSupport
import Testing

@testable import Machine

@Suite("A machine with UEFI")
struct UEFITests {
    /// Files that look like firmware.
    private struct Files {
        let code: TemporaryFile
        let variables: TemporaryFile

        init() throws {
            code = try TemporaryFile(Self.volume(0x1028) + [0xC0, 0xDE] + [UInt8](repeating: 0, count: 100))
            variables = try TemporaryFile(Self.volume(0x28))
            try #require(truncate(variables.path, 0x0400_0000) == 0)
        }

        /// 8 KiB with a volume's signature.
        static func volume(_ offset: Int) -> [UInt8] {
            var bytes = [UInt8](repeating: 0x11, count: 0x2000)
            bytes.replaceSubrange(offset..<offset + 4, with: Array("_FVH".utf8))
            return bytes
        }

        var machine: MachineConfiguration {
            var machine = MachineConfiguration(kernel: nil, model: .virt2)
            machine.uefi = UEFIConfiguration(code: code.path, variables: variables.path)
            machine.hardwareDescription = .acpi
            return machine
        }
    }

    private static func error(_ machine: MachineConfiguration) -> String {
        do throws(MachineError) {
            _ = try VirtualMachine(machine, events: MachineEvents())
            return "none"
        } catch { return "\(error)" }
    }

    @Test("Its code lies at 0, its variables at 0x4000000, and its tree at the base of RAM")
    func layout() throws {
        let files = try Files()
        let machine = try VirtualMachine(files.machine, events: MachineEvents())
        #expect(machine.memory.load(UInt32.self, at: 0x1028) == 0x4856_465F)
        #expect(machine.memory.load(UInt16.self, at: 0x2000) == 0xDEC0)
        #expect(machine.memory.load(UInt32.self, at: 0x0400_0028) == 0x4856_465F)
        let plan = try machine.load()
        #expect(plan.entry == 0 && plan.x0 == 0)
        #expect(machine.memory.load(UInt32.self, at: 0x4000_0000) == 0xEDFE_0DD0)
        #expect(!machine.memory.store(UInt32(0), at: 0))
    }

    @Test("Two machines do not share variables, and one that is closed lets go of them")
    func locked() throws {
        let files = try Files()
        let first = try VirtualMachine(files.machine, events: MachineEvents())
        #expect(Self.error(files.machine).contains("in use by another machine"))
        first.close()
        #expect(Self.error(files.machine) == "none")
        var forgetful = files.machine
        forgetful.uefi?.variables = nil
        let others = try [forgetful, forgetful].map { try VirtualMachine($0, events: MachineEvents()) }
        #expect(others.count == 2)
    }

    @Test("What cannot be is said")
    func errors() throws {
        let files = try Files()
        let none = try TemporaryFile([UInt8](repeating: 1, count: 0x3000))
        let short = try TemporaryFile(Files.volume(0x28))
        func error(_ change: (inout MachineConfiguration) -> Void) -> String {
            var machine = files.machine
            change(&machine)
            return Self.error(machine)
        }
        for (words, change) in [
            ("virt-1 has no flash", { $0.model = .virt1 }), ("UEFI needs 128 MiB", { $0.memoryByteCount = 64 << 20 }),
            ("no firmware that is executed in place", { $0.uefi?.code = none.path }),
            ("no variables", { $0.uefi?.variables = none.path }),
            ("No such file", { $0.uefi?.code = "/nowhere" }),
            ("does not fit a flash", { $0.uefi?.variables = short.path }),
            ("an initrd without a kernel", { $0.initrd = none.path }), ("nothing to start", { $0.uefi = nil }),
            ("flat code", { $0.kernelFormat = .flat }),
            ("there is no disk0 to start from", { $0.bootOrder = [.disk(0)] }),
            ("there is no net1", { $0.bootOrder = [.network(1)] }),
            ("cannot wait 66 seconds", { $0.bootMenuWait = 66 }), ("cannot wait -1 seconds", { $0.bootMenuWait = -1 }),
            ("is no arm64 Linux Image", { $0.kernel = none.path }),
        ] as [(String, (inout MachineConfiguration) -> Void)] {
            let text = error(change)
            #expect(text.contains(words), "\(text)")
        }
    }

    @Test("Its code is a fact, by what is in it: padding is none")
    func facts() throws {
        let files = try Files()
        let padded = try TemporaryFile(
            Files.volume(0x1028) + [0xC0, 0xDE] + [UInt8](repeating: 0, count: 3 << 20))
        var machine = files.machine
        let environment = machine.environment(try MeasuredFiles(of: machine))
        #expect(environment["uefi.sha256"] == "\(Fingerprint(of: Files.volume(0x1028) + [0xC0, 0xDE]))")
        #expect(environment["kernel.sha256"] == "none" && environment["kernel.kind"] == "none")
        machine.uefi?.code = padded.path
        #expect(try machine.environment(MeasuredFiles(of: machine)) == environment)
        machine.uefi?.variables = nil
        #expect(try machine.environment(MeasuredFiles(of: machine)) == environment)
        let other = try TemporaryFile(Files.volume(0x28))
        machine.uefi?.code = other.path
        let differences = try machine.environment(MeasuredFiles(of: machine)).differences(from: environment)
        #expect(differences.map(\.path) == ["uefi.sha256"] && differences.map(\.consequence) == [.mustMatch])
    }

    @Test("fw_cfg has kernel, initrd and command line, and ACPI's tables if the guest is told by those")
    func items() throws {
        let files = try Files()
        let kernel = try TemporaryFile(Array("MZ".utf8) + [UInt8](repeating: 5, count: 998))
        let initrd = try TemporaryFile([7, 8, 9])
        var configuration = files.machine
        configuration.kernel = kernel.path
        configuration.initrd = initrd.path
        configuration.commandLine = "quiet"
        for description in HardwareDescription.allCases {
            configuration.hardwareDescription = description
            let machine = try VirtualMachine(configuration, events: MachineEvents())
            defer { machine.close() }
            let device = try #require(machine.components.flatMap(\.devices).compactMap { $0 as? FwCfg }.first)
            func item(_ key: UInt16, _ count: Int) -> [UInt8] {
                device.write(offset: 8, size: 2, value: UInt64(key.byteSwapped), cpu: 0)
                return (0..<count).map { _ in UInt8(truncatingIfNeeded: device.read(offset: 0, size: 1, cpu: 0)) }
            }
            #expect(item(0x08, 4) == [0xE8, 3, 0, 0] && item(0x11, 3) == [0x4D, 0x5A, 5])
            #expect(item(0x0B, 4) == [3, 0, 0, 0] && item(0x12, 4) == [7, 8, 9, 0])
            #expect(item(0x14, 4) == [6, 0, 0, 0] && item(0x15, 6) == Array("quiet\0".utf8))
            #expect(item(0x19, 4) == [0, 0, 0, description == .acpi ? 5 : 2])
        }
    }

    @Test("An order of booting is had with UEFI alone, without a kernel, and each device once")
    func bootOrderErrors() throws {
        var machine = MachineConfiguration(kernel: nil, model: .virt2)
        machine.disks = [DiskConfiguration(path: "/a")]
        machine.bootOrder = [.disk(0)]
        func error() -> MachineError? {
            do throws(MachineError) {
                try machine.checkBootOrder()
                return nil
            } catch { return error }
        }
        guard case .boot(.noUEFI) = error() else {
            Issue.record("an order without UEFI")
            return
        }
        machine.uefi = UEFIConfiguration(code: "/code.fd")
        #expect(error() == nil)
        machine.bootOrder = [.disk(0), .disk(0)]
        guard case .boot(.twice(.disk(0))) = error() else {
            Issue.record("a disk has two places")
            return
        }
        machine.kernel = "/k"
        guard case .boot(.kernel) = error() else {
            Issue.record("a kernel is started before")
            return
        }
    }

    @Test("A device is named by its kind and its number, and the first one needs none")
    func bootDevices() {
        for (text, device) in [
            ("disk0", .disk(0)), ("disk12", .disk(12)), ("disk", .disk(0)), ("net1", .network(1)), ("net", .network(0)),
            ("", nil), ("disk-1", nil), ("disk+1", nil), ("diskette", nil), ("cd0", nil), ("network0", nil),
            ("disk99999999999999999999", nil),
        ] as [(String, BootDevice?)] {
            #expect(BootDevice(text) == device, "\(text)")
        }
    }

    @Test(
        "fw_cfg has an order of booting by the slots of virtio-mmio, and a wait in milliseconds; the machine has a bus")
    func bootOrder() throws {
        let files = try Files()
        let disks = try (0..<2).map { _ in try TemporaryFile([UInt8](repeating: 0, count: 4096)) }
        defer { withExtendedLifetime(disks) {} }
        var configuration = files.machine
        configuration.disks = disks.map { DiskConfiguration(path: $0.path) }
        let plain = configuration.environment(try MeasuredFiles(of: configuration)).facts
        #expect(!plain.keys.contains { $0.hasPrefix("pci.") || $0.hasPrefix("fw-cfg.boot") })
        configuration.bootOrder = [.disk(1), .disk(0)]
        configuration.bootMenuWait = 7
        let facts = configuration.environment(try MeasuredFiles(of: configuration)).facts
        let new = facts.filter { plain[$0.key] != $0.value }
        #expect(
            new == [
                "fw-cfg.boot-order": "disk1 disk0", "fw-cfg.boot-menu": "7", "pci.configuration": "0x3f000000",
                "pci.ports": "0x3eff0000", "pci.memory": "0x10000000",
            ])
        let machine = try VirtualMachine(configuration, events: MachineEvents())
        defer { machine.close() }
        let device = try #require(machine.components.flatMap(\.devices).compactMap { $0 as? FwCfg }.first)
        func item(_ key: UInt16, _ count: Int) -> [UInt8] {
            device.write(offset: 8, size: 2, value: UInt64(key.byteSwapped), cpu: 0)
            return (0..<count).map { _ in UInt8(truncatingIfNeeded: device.read(offset: 0, size: 1, cpu: 0)) }
        }
        // FW_CFG_BOOT_MENU; then the directory: a count, and 64 bytes for each file with its name at 8.
        #expect(item(0x0E, 2) == [1, 0])
        let count = Int(item(0x19, 4)[3])
        let directory = Array(item(0x19, 4 + 64 * count).dropFirst(4))
        func file(_ name: String) -> [UInt8]? {
            for start in stride(from: 0, to: directory.count, by: 64) {
                let entry = directory[start..<start + 64]
                guard entry.dropFirst(8).starts(with: Array(name.utf8) + [0]) else { continue }
                let size = entry.prefix(4).reduce(0) { $0 << 8 | Int($1) }
                let key = entry.dropFirst(4).prefix(2).reduce(UInt16(0)) { $0 << 8 | UInt16($1) }
                return item(key, size)
            }
            return nil
        }
        // Paths as QEMU writes them (docs/specs/fw_cfg.rst, hw/core/sysbus.c): virtio-mmio from 0xa000000 on, 512 bytes
        // each; a NUL at the end, which edk2 insists on.
        let lines = "/virtio-mmio@000000000a000200/disk@0,0\n/virtio-mmio@000000000a000000/disk@0,0\0"
        #expect(file("bootorder") == Array(lines.utf8))
        #expect(file("etc/boot-menu-wait") == [0x58, 0x1B])
        // Nobody answers on the bus.
        let bus = try #require(machine.components.flatMap(\.devices).compactMap { $0 as? EmptyPCIBus }.first)
        #expect(bus.read(offset: 0, size: 4, cpu: 0) == 0xFFFF_FFFF && bus.read(offset: 2, size: 2, cpu: 0) == 0xFFFF)
        #expect(bus.read(offset: 0, size: 8, cpu: 0) == .max && bus.read(offset: 0, size: 1, cpu: 0) == 0xFF)
    }

    @Test("Firmware is found where distributions have it, with its template beside it")
    func finding() throws {
        var template = Array("/tmp/dormouse-test-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { _ = system("rm -rf '\(root)'") }
        #expect(UEFIFirmware.find(below: root) == nil)
        // The last first: what is found then is what was made.
        for path in UEFIFirmware.codePaths.reversed() {
            let directory = root + path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
            try #require(system("mkdir -p '\(directory)' && touch '\(root + path)'") == 0)
            #expect(UEFIFirmware.find(below: root) == root + path)
        }
        #expect(UEFIConfiguration(code: root + UEFIFirmware.codePaths[1]).template == nil)
        try #require(system("touch '\(root)/usr/share/AAVMF/AAVMF_VARS.fd'") == 0)
        #expect(
            UEFIConfiguration(code: root + UEFIFirmware.codePaths[1]).template
                == root + "/usr/share/AAVMF/AAVMF_VARS.fd")
        #expect(UEFIConfiguration(code: "/a/other.fd").template == nil)
    }
}
