import Foundation
import TestSupport
import Testing

@testable import Boot

/// An ELF file of 64 bits, by the System V ABI.
private struct ELFFile {
    struct Segment {
        var type: UInt32 = 1
        var offset: UInt64
        var virtual: UInt64
        var physical: UInt64
        var fileByteCount: UInt64
        var byteCount: UInt64
    }

    var machine: UInt16 = 183
    var type: UInt16 = 2
    var entry: UInt64 = 0x4008_0004
    var segments: [Segment] = [
        Segment(
            offset: 0x1000, virtual: 0x4008_0000, physical: 0x4008_0000, fileByteCount: 0x800, byteCount: 0x1000)
    ]
    var byteCount = 0x2000

    var bytes: [UInt8] {
        func little(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian, Array.init) }
        var bytes: [UInt8] = [0x7F] + Array("ELF".utf8) + [2, 1, 1] + [UInt8](repeating: 0, count: 9)
        bytes += little(type) + little(machine) + little(UInt32(1)) + little(entry) + little(UInt64(64))
        bytes += little(UInt64(0)) + little(UInt32(0)) + little(UInt16(64)) + little(UInt16(56))
        bytes += little(UInt16(segments.count)) + little(UInt16(64)) + little(UInt16(0)) + little(UInt16(0))
        for segment in segments {
            bytes += little(segment.type) + little(UInt32(7)) + little(segment.offset) + little(segment.virtual)
            bytes += little(segment.physical) + little(segment.fileByteCount) + little(segment.byteCount)
            bytes += little(UInt64(0x1000))
        }
        return bytes + [UInt8](repeating: 0xAA, count: max(0, byteCount - bytes.count))
    }
}

private func parse(_ bytes: [UInt8]) throws(ELFError) -> ELFImage {
    let count = UInt64(bytes.count)
    let header = try ELFHeader(prefix: Array(bytes.prefix(KernelFileFormat.prefixByteCount)), fileByteCount: count)
    let table = Array(bytes[Int(header.programHeaders.lowerBound)..<Int(header.programHeaders.upperBound)])
    return try ELFImage(header, programHeaders: table, fileByteCount: count)
}

@Suite("ELF files")
struct ELFImageTests {
    @Test("Segments go to their physical addresses, and the entry with the segment that it is in")
    func segments() throws {
        var file = ELFFile()
        file.entry = 0xFFFF_8000_8000_0010
        file.segments = [
            .init(
                offset: 0x1800, virtual: 0xFFFF_8000_8000_1000, physical: 0x4030_0000, fileByteCount: 0x100,
                byteCount: 0x900),
            .init(
                type: 0x6474_E551, offset: 0, virtual: 0, physical: 0, fileByteCount: 0, byteCount: 1 << 40),
            .init(
                offset: 0x1000, virtual: 0xFFFF_8000_8000_0000, physical: 0x4020_0000, fileByteCount: 0x800,
                byteCount: 0x800),
            .init(offset: 0, virtual: 0, physical: 0, fileByteCount: 0, byteCount: 0),
        ]
        let elf = try parse(file.bytes)
        #expect(elf.segments.map(\.address) == [0x4020_0000, 0x4030_0000])
        #expect(elf.segments.map(\.content) == [0x1000..<0x1800, 0x1800..<0x1900])
        #expect(elf.entry == 0x4020_0010)
        #expect(elf.addresses == 0x4020_0000..<0x4030_0900)
        #expect(elf.contentByteCount == 0x10_0100)
        #expect(!elf.isPositionIndependent)
    }

    @Test("What cannot be started says why")
    func refused() {
        func error(_ change: (inout ELFFile) -> Void) -> ELFError? {
            var file = ELFFile()
            change(&file)
            do throws(ELFError) { _ = try parse(file.bytes) } catch { return error }
            return nil
        }
        #expect(error { _ in } == nil)
        #expect(error { $0.machine = 62 } == .notArm64)
        #expect(error { $0.type = 1 } == .notExecutable)
        #expect(error { $0.segments = [] } == .damaged)
        #expect(error { $0.entry = 0x5000_0000 } == .damaged)
        #expect(error { $0.segments[0].fileByteCount = 0x1001 } == .damaged)
        #expect(error { $0.segments[0].offset = .max } == .damaged)
        #expect(error { $0.segments[0].physical = .max } == .damaged)
        #expect(error { $0.byteCount = 0x17FF } == .cutShort(byteCount: 0x17FF, expected: 0x1800))
        #expect(error { $0.segments.append($0.segments[0]) } == .damaged)
        #expect(error { $0.segments = .init(repeating: $0.segments[0], count: 2000) } == .damaged)
        #expect(throws: ELFError.cutShort(byteCount: 20, expected: 64)) { try parse(Array(ELFFile().bytes.prefix(20))) }
    }

    private func plan(_ file: ELFFile, _ board: BoardDescription = .virt()) throws -> BootPlan {
        try .program(try parse(file.bytes), board: board)
    }

    @Test("A program lies where it is linked for, with the tree at the start of RAM and its address in X0")
    func program() throws {
        let plan = try plan(ELFFile())
        #expect(plan.entry == 0x4008_0004)
        #expect(plan.x0 == BoardDescription.ramBase)
        #expect(plan.placements.map(\.range.lowerBound) == [0x4000_0000, 0x4008_0000])
        #expect(plan.placements[1].range.count == 0x800)
    }

    @Test("The tree of a program at the start of RAM is above all of its memory")
    func treeAbove() throws {
        var file = ELFFile()
        file.entry = 0x4000_0000
        file.segments[0].virtual = 0x4000_0000
        file.segments[0].physical = 0x4000_0000
        file.segments[0].byteCount = 200 << 20
        let plan = try plan(file)
        #expect(plan.entry == 0x4000_0000 && plan.x0 >= 0x4000_0000 + (200 << 20))
    }

    @Test("A program that can be anywhere is put where flat code is; one for other addresses is refused")
    func addresses() throws {
        var file = ELFFile()
        file.type = 3
        file.entry = 4
        file.segments[0].virtual = 0
        file.segments[0].physical = 0
        #expect(try plan(file).entry == 0x4008_0004)
        for address: UInt64 in [0, 0x1000, UInt64.max - 0x1000, 0x8000_0000_0000_0000] {
            file.type = 2
            file.entry = address
            file.segments[0].virtual = address
            file.segments[0].physical = address
            #expect(throws: BootPlanError.self) { try plan(file) }
            file.type = 3
            let placed = try self.plan(file)
            #expect(placed.entry == placed.placements[1].range.lowerBound)
        }
        file.segments[0].byteCount = 1 << 60
        #expect(throws: BootPlanError.self) { try plan(file) }
    }

    @Test("Files that are changed at random are programs or errors, and every program is within its file")
    func random() {
        var file = ELFFile()
        file.segments.append(
            .init(offset: 0x1800, virtual: 0x4009_0000, physical: 0x4009_0000, fileByteCount: 0x100, byteCount: 0x100))
        let bytes = file.bytes
        let values: [UInt8] = [0, 1, 0x40, 0x7F, 0x80, 0xFF]
        for _ in 0..<20_000 {
            var changed = Array(
                bytes.prefix(Int.random(in: 0..<4) == 0 ? Int.random(in: 0...bytes.count) : bytes.count))
            for _ in 0..<Int.random(in: 1..<6) where !changed.isEmpty {
                let place = Int.random(in: 0..<min(180, changed.count))
                changed[place] = Bool.random() ? values.randomElement()! : .random(in: 0...255)
            }
            guard let elf = try? parse(changed) else { continue }
            #expect(elf.segments.allSatisfy { $0.content.upperBound <= changed.count })
            if let plan = try? BootPlan.program(elf, board: .virt()) {
                let ram = BoardDescription.virt().memory[0]
                #expect(
                    plan.placements.allSatisfy {
                        ram.contains($0.range.lowerBound) && $0.range.upperBound <= ram.upperBound
                    })
                for (a, b) in zip(plan.placements, plan.placements.dropFirst()) {
                    #expect(a.range.upperBound <= b.range.lowerBound)
                }
            }
        }
    }
}

@Suite("Unified kernel images")
struct UnifiedKernelImageTests {
    /// An EFI application with sections.
    private func image(_ sections: [(name: String, used: UInt32, range: Range<UInt32>)]) -> [UInt8] {
        func little(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian, Array.init) }
        var bytes = Array("MZ".utf8) + [UInt8](repeating: 0, count: 58) + little(UInt32(128))
        bytes += [UInt8](repeating: 0, count: 64) + Array("PE\0\0".utf8) + little(UInt16(0xAA64))
        bytes += little(UInt16(sections.count)) + [UInt8](repeating: 0, count: 12) + little(UInt16(240)) + [0, 0]
        bytes += [UInt8](repeating: 0, count: 240)
        for section in sections {
            bytes += (Array(section.name.utf8) + [UInt8](repeating: 0, count: 8)).prefix(8)
            bytes += little(section.used) + little(UInt32(0)) + little(UInt32(section.range.count))
            bytes += little(section.range.lowerBound) + [UInt8](repeating: 0, count: 16)
        }
        return bytes
    }

    private func parse(_ bytes: [UInt8], _ byteCount: UInt64 = 0x10000) throws -> UnifiedKernelImage? {
        let count = UnifiedKernelImage.headerByteCount(prefix: Array(bytes.prefix(KernelFileFormat.prefixByteCount)))
        return try UnifiedKernelImage(header: Array(bytes.prefix(count)), fileByteCount: byteCount)
    }

    @Test("Sections are found by their names, without their padding")
    func sections() throws {
        let found = try #require(
            try parse(
                image([
                    (".text", 0, 0x400..<0x800), (".osrel", 0, 0x800..<0xA00), (".cmdline", 5, 0xA00..<0xC00),
                    (".linux", 0x3FFF, 0x1000..<0x5000), (".initrd", 0, 0x5000..<0x6000), (".initrd", 0, 0..<1),
                ])))
        #expect(found.kernel == 0x1000..<0x4FFF)
        #expect(found.initrd == 0x5000..<0x6000)
        #expect(found.commandLine == 0xA00..<0xA05)
    }

    @Test("Of several profiles the first one counts, and an application without a kernel is none")
    func profiles() throws {
        let found = try #require(
            try parse(
                image([
                    (".linux", 0, 0x1000..<0x5000), (".profile", 0, 0x400..<0x401), (".cmdline", 0, 0x500..<0x510),
                    (".profile", 0, 0x400..<0x401), (".initrd", 0, 0x5000..<0x6000),
                ])))
        #expect(found.commandLine == 0x500..<0x510 && found.initrd == nil)
        #expect(try parse(image([(".text", 0, 0x400..<0x800)])) == nil)
        #expect(try parse([UInt8](repeating: 0, count: 600)) == nil)
    }

    @Test("One that ends too early says so")
    func cutShort() {
        #expect(throws: UnifiedKernelImage.Failure.cutShort(byteCount: 0x1000, expected: 0x5000)) {
            try parse(image([(".linux", 0, 0x1000..<0x5000)]), 0x1000)
        }
    }

    @Test("Headers that are changed at random are images within their file, or none")
    func random() {
        let bytes = image([
            (".cmdline", 5, 0xA00..<0xC00), (".linux", 0x3FFF, 0x1000..<0x5000), (".initrd", 0, 0x5000..<0x6000),
        ])
        for _ in 0..<20_000 {
            var changed = Array(bytes.prefix(Bool.random() ? bytes.count : Int.random(in: 0...bytes.count)))
            for _ in 0..<Int.random(in: 1..<6) where !changed.isEmpty {
                changed[Int.random(in: 0..<changed.count)] = .random(in: 0...255)
            }
            guard let found = try? parse(changed) else { continue }
            for range in [found.kernel, found.initrd, found.commandLine].compactMap(\.self) {
                #expect(range.upperBound <= 0x10000)
            }
        }
    }
}
