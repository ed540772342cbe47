// What a released model's guest finds, as text: a difference shows what changed.
//
// A released model never changes. A test of this suite that fails for one means that the change needs another model.

import Arm64
import Bytes
import Devices
import FoundationEssentials
import Glibc
import Hibernation
import PSCI
import Testing

@testable import Boot
@testable import Machine

@Suite("What the guest of a model finds, to the bit")
struct GoldenTests {
    /// A machine under the name of its golden files.
    struct Case: Sendable, CustomTestStringConvertible {
        var model: String
        var name: String
        var testDescription: String { model + " " + name }

        static let all =
            MachineModel.all.flatMap { model in
                (["dt", "acpi", "full-dt", "full-acpi"] + (model.flash == nil ? [] : ["uefi-dt", "uefi-acpi"]))
                    .map { Case(model: model.name, name: $0) }
            } + [Case(model: MachineModel.virt2.name, name: "dormouse-2-dt")]

        /// Few things, or everything that there can be.
        var machine: MachineConfiguration {
            get throws {
                var machine = MachineConfiguration(
                    kernel: "Image", model: try #require(MachineModel.all.first { $0.name == model }))
                machine.commandLine = "quiet"
                machine.hardwareDescription = name.hasSuffix("acpi") ? .acpi : .deviceTree
                if name.hasPrefix("dormouse-2") { machine.cpu = .dormouse2 }
                if name.hasPrefix("uefi") { machine.uefi = UEFIConfiguration(code: "/code.fd") }
                guard name.hasPrefix("full") else { return machine }
                machine.cpuCount = 3
                machine.psci = Policy(
                    try PolicyChanges(
                        "cores-per-cluster=2,states=core-standby,core-retention,core-power-down,"
                            + "cluster-power-down,system-power-down"),
                    over: machine.model.psci)
                machine.memoryByteCount = 3 << 30
                machine.disks = [
                    DiskConfiguration(path: "/a/0.img"), DiskConfiguration(path: "/a/1.img", isReadOnly: true),
                ]
                machine.networks = [
                    NetworkConfiguration(.user),
                    NetworkConfiguration(.user, mac: MACAddress("52:54:00:12:34:56"), mtu: 9000),
                ]
                machine.generationID = Array(0..<16)
                machine.console = .virtio
                return machine
            }
        }
    }

    private static let files = MeasuredFiles(
        isFlat: false, kernel: Fingerprint(of: [1]), initrd: Fingerprint(of: [2]),
        disks: [DiskGeometry(byteCount: 1 << 20), DiskGeometry(byteCount: 2 << 20)])

    @Test("What a record keeps of it is its golden file's", arguments: Case.all)
    func facts(_ golden: Case) throws {
        let machine = try golden.machine
        var files = Self.files
        if machine.uefi != nil { files.uefi = Fingerprint(of: [3]) }
        let facts = machine.environment(files).facts
        let text = facts.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)\n" }.joined()
        try compare(text, with: "\(golden.model)/\(golden.name).facts")
    }

    /// Compares with the golden file, or writes it.
    private func compare(_ text: String, with file: String) throws {
        let path = String(#filePath.dropLast("Model/GoldenTests.swift".count)) + "Golden/" + file
        guard getenv("DORMOUSE_WRITE_GOLDEN") == nil else {
            try FileManager.default.createDirectory(
                atPath: String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(filePath: path))
            Issue.record("\(file) was written; look at the difference and run the tests again without this")
            return
        }
        guard FileManager.default.fileExists(atPath: path) else {
            Issue.record("there is no \(file): run this test once with DORMOUSE_WRITE_GOLDEN=1, and read what it wrote")
            return
        }
        let golden = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        let (lines, goldenLines) = (text.split(separator: "\n"), golden.split(separator: "\n"))
        for difference in lines.difference(from: goldenLines) {
            switch difference {
            case .insert(let offset, let line, _): Issue.record("\(file): line \(offset + 1) is now: \(line)")
            case .remove(let offset, let line, _): Issue.record("\(file): line \(offset + 1) was: \(line)")
            }
        }
        #expect(text == golden)
    }

    @Test("Its device tree, or its ACPI tables and what EFI would leave, are its golden file's", arguments: Case.all)
    func description(_ golden: Case) throws {
        let machine = try golden.machine
        let board = machine.model.board(
            machine, chosen: BoardDescription.Chosen(bootArguments: machine.commandLine, rngSeed: [1, 2], kaslrSeed: 3))
        guard let acpi = board.acpi else {
            return try compare(DeviceTree(for: board).source, with: "\(golden.model)/\(golden.name).dts")
        }
        let memory = try #require(TableMemory(ram: board.memory.first))
        let tables = ACPITables(of: board, acpi: acpi, memory: memory)
        let (tree, placements) = try BootPlan.acpi(board, acpi, treeSlot: 0x4800_0000..<0x4820_0000)
        var text = tables.text + "\n" + tree.source + "\n"
        for placement in placements {
            guard case .table(let bytes) = placement.content, bytes != tables.block else { continue }
            text += "\(hexadecimal(placement.range.lowerBound)), \(bytes.count) bytes\n" + hexLines(bytes[...])
        }
        try compare(text, with: "\(golden.model)/\(golden.name).txt")
    }
}
