// Running wall programs on all engines, and what to show a person when two of them differ.

import Arm64
import Emulator

/// A program that two machines do differently.
struct WallMismatch: CustomStringConvertible {
    var number: Int
    var seed: UInt64
    var names: (String, String)
    var program: WallProgram
    var expected: [UInt8]
    var found: [UInt8]
    /// How the second ended, if not as a program should.
    var failure: String?

    var description: String {
        var lines = [
            "wall program \(number) differs between \(names.0) and \(names.1); reproduce it with "
                + "DORMOUSE_SEED=\(seed) DORMOUSE_CASE=\(number)",
            "", "What differs:",
        ]
        lines += differences.map { "  " + $0 }
        if let failure { lines += ["", "\(names.1) did not end:", failure] }
        lines += ["", "Code:"] + listing.map { "  " + $0 }
        lines += ["", "Schedule:"] + schedule.map { "  " + $0 }
        lines += ["TCR \(Comparison.hex(program.tcr)), SCTLR \(Comparison.hex(program.sctlr))"]
        return lines.joined(separator: "\n")
    }

    private static let names = [
        "user 0", "user 1", "shared", "kernel 0", "kernel 1", "data 0", "data 1", "read-only", "window 0", "window 1",
        "tables 0", "tables 1", "upper tables", "parameters", "log",
    ]

    private func word(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
        bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
    }

    /// The first exception that differs, else words of memory.
    private var differences: [String] {
        typealias Log = WallLayout.Log
        let log = WallLayout.Frame.log * 0x1000
        var lines: [String] = []
        for entry in 0..<WallLayout.Parameters.scheduleLimit + 1 {
            for (field, name) in Log.names.enumerated() {
                let offset = log + Log.entries + entry * Log.entryByteCount + field * 8
                let (first, second) = (word(expected, offset), word(found, offset))
                if first != second {
                    lines.append(
                        "exception \(entry), \(name): \(names.0) \(Comparison.hex(first)), "
                            + "\(names.1) \(Comparison.hex(second))")
                }
            }
            if !lines.isEmpty {
                let offset = log + Log.entries + entry * Log.entryByteCount
                lines.append("of ESR \(Comparison.hex(word(expected, offset + 8)))")
                lines.append("at ELR \(Comparison.hex(word(expected, offset + 16)))")
                return lines
            }
        }
        return stride(from: 0, to: expected.count, by: 8).filter { word(expected, $0) != word(found, $0) }.prefix(16)
            .map {
                "\(Self.names[$0 >> 12]) + \(Comparison.hex(UInt64($0 & 0xFFF))): \(names.0) "
                    + "\(Comparison.hex(word(expected, $0))), \(names.1) \(Comparison.hex(word(found, $0)))"
            }
    }

    private var listing: [String] {
        let bases: [UInt64] = [
            WallLayout.user, WallLayout.user + 0x1000, WallLayout.shared, WallLayout.kernel, WallLayout.kernel + 0x1000,
        ]
        return bases.enumerated().flatMap { frame, base in
            (0..<1024).compactMap { index -> String? in
                let word = program.word(frame, index)
                guard word != OracleRecord.end, word != A64.nop.word else { return nil }
                let name = CPUModel.dormouse1.decoder.decode(word).map { "\($0)" } ?? "not in the table"
                return "\(Comparison.hex(base &+ UInt64(index * 4))): \(Comparison.hex(word))  \(name)"
            }
        }
    }

    private var schedule: [String] {
        let count = Int(word(program.image, WallLayout.Frame.log * 0x1000 + WallLayout.Log.remaining))
        return (0..<count).map {
            let offset = WallLayout.Frame.parameters * 0x1000 + WallLayout.Parameters.schedule + $0 * 16
            return "PC \(Comparison.hex(word(program.image, offset))), "
                + "SPSR \(Comparison.hex(word(program.image, offset + 8)))"
        }
    }
}

/// A series of programs on several machines.
final class WallRun {
    private let pool: WallPool
    private let seed: UInt64
    /// What the others are compared with.
    private let reference: WallMachine
    private let others: [WallMachine]
    /// Machines that run as many programs at once as there are slots.
    private let together: [WallMachine]

    /// Small enough that the code cache is flushed now and then.
    private static let codeCacheByteCount = 1 << 20
    private static let mismatchLimit = 3

    init(seed: UInt64, pool: WallPool) throws {
        self.seed = seed
        self.pool = pool
        func machine(_ engine: Engine, cpuCount: Int = 1) throws -> WallMachine {
            try WallMachine(engine, cpuCount: cpuCount, codeCacheByteCount: Self.codeCacheByteCount)
        }
        reference = try machine(.interpreter)
        others = [try machine(.translator), try machine(.auto)]
        together = [
            try machine(.translator, cpuCount: WallLayout.slotCount),
            try machine(.interpreter, cpuCount: WallLayout.slotCount),
            try machine(.auto, cpuCount: WallLayout.slotCount),
        ]
    }

    /// What a series did, so that a test can say that it did something.
    struct Summary: Sendable {
        var programs = 0
        var ended = 0
        var exceptions = 0
        /// By ESR_EL1.EC.
        var classes = [Int](repeating: 0, count: 64)

        static func += (left: inout Summary, right: Summary) {
            left.programs += right.programs
            left.ended += right.ended
            left.exceptions += right.exceptions
            for index in left.classes.indices { left.classes[index] += right.classes[index] }
        }

        mutating func add(_ contents: UnsafeRawBufferPointer) {
            typealias Log = WallLayout.Log
            let log = WallLayout.Frame.log * 0x1000
            let end = contents.load(fromByteOffset: log + Log.cursor, as: UInt64.self) &- WallLayout.log
            var offset = Log.entries
            while offset < min(Int(truncatingIfNeeded: end), 0x1000 - Log.entryByteCount) {
                let syndrome = contents.load(fromByteOffset: log + offset + 8, as: UInt64.self)
                classes[Int(syndrome >> 26 & 63)] += 1
                exceptions += 1
                offset += Log.entryByteCount
            }
        }
    }

    private func makeProgram(_ number: Int) -> WallProgram {
        var random = SeededGenerator(seed: seed ^ UInt64(number) &* 0xD6E8_FEB8_6659_FD93)
        return WallBuilder.makeProgram(seed: random.next(), slot: number % WallLayout.slotCount, from: pool)
    }

    private static func isEqual(_ one: WallMachine, _ other: WallMachine, slot: Int) -> Bool {
        one.contents(ofSlot: slot).elementsEqualFast(other.contents(ofSlot: slot))
    }

    /// Runs the programs of the batches, which are as many numbers as there are slots each.
    func compare(batches: Range<Int>) -> (summary: Summary, mismatches: [WallMismatch]) {
        var summary = Summary()
        var mismatches: [WallMismatch] = []
        for batch in batches where mismatches.count < Self.mismatchLimit {
            let first = batch * WallLayout.slotCount
            let programs = (first..<first + WallLayout.slotCount).map(makeProgram)
            var ended = programs.map { reference.run($0) }
            for (slot, program) in programs.enumerated() {
                summary.programs += 1
                guard ended[slot] else { continue }
                summary.ended += 1
                summary.add(reference.contents(ofSlot: slot))
                for other in others {
                    let otherEnded = other.run(program)
                    if !otherEnded || !Self.isEqual(reference, other, slot: slot) {
                        mismatches.append(
                            mismatch(first + slot, program, other, otherEnded ? nil : other.failure(on: 0)))
                        ended[slot] = false
                    }
                }
            }
            // A batch in turn on each machine of several CPUs.
            let machine = together[batch % together.count]
            let endedTogether = machine.runTogether(programs)
            for (slot, program) in programs.enumerated() where ended[slot] {
                if !endedTogether[slot] || !Self.isEqual(reference, machine, slot: slot) {
                    mismatches.append(
                        mismatch(
                            first + slot, program, machine, endedTogether[slot] ? nil : machine.failure(on: slot)))
                }
            }
        }
        return (summary, mismatches)
    }

    private func mismatch(
        _ number: Int, _ program: WallProgram, _ other: WallMachine, _ failure: String?
    ) -> WallMismatch {
        let slot = program.slot
        return WallMismatch(
            number: number, seed: seed, names: (reference.name, other.name), program: program,
            expected: [UInt8](reference.contents(ofSlot: slot)), found: [UInt8](other.contents(ofSlot: slot)),
            failure: failure)
    }
}

extension UnsafeRawBufferPointer {
    /// As `elementsEqual`, of buffers of one length that is a multiple of 8.
    fileprivate func elementsEqualFast(_ other: UnsafeRawBufferPointer) -> Bool {
        let (one, other) = (bindMemory(to: UInt64.self), other.bindMemory(to: UInt64.self))
        var difference: UInt64 = 0
        for index in one.indices { difference |= one[index] ^ other[index] }
        return difference == 0
    }
}
