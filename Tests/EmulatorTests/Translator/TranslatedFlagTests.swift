// NZCV in translated code, which saves it as late as it can: a slow path makes it again from what is left of the
// operation that set it. So what an exception finds in SPSR_EL1, and what comes after a slow path, is compared with
// what the interpreter leaves. DDI 0487, C6.2 (the instructions), D1.3 (SPSR_EL1).

#if arch(x86_64)

import Hypervisor
import TestSupport
import Testing

@testable import Emulator

@Suite("Flags of translated code") struct TranslatedFlagTests {
    private static let loopCount = 1500

    /// Runs loops whose last round faults.
    private struct LoopMachine {
        let machine: SystemMachine
        private static let rounds = 60
        private static let addresses = SystemMachine.Layout.data
        private static let value = SystemMachine.Layout.free + 0x20_0000
        /// Nothing is there.
        private static let nowhere: UInt64 = 0x1000

        init(_ engine: Engine) throws {
            machine = try SystemMachine(ramByteCount: 64 << 20, engine: engine)
            try machine.set(.cpacrEL1, 3 << 20)
            // Without tables all memory is a device's, and translated code leaves each access to the interpreter.
            let tables = machine.makeTables(at: SystemMachine.Layout.free)
            for round in 0..<Self.rounds {
                let page = Self.page(ofRound: round)
                tables.map(page, to: page, .data)
            }
            for number in 0..<TranslatedFlagTests.loopCount {
                let place = Self.place(ofLoop: number)
                tables.map(place, to: place, .code)
            }
            try machine.enableMMU(tables)
            for round in 0..<Self.rounds {
                machine.memory.store(Self.page(ofRound: round), at: Self.addresses + UInt64(round) * 8)
            }
            machine.memory.store(Self.nowhere, at: Self.addresses + UInt64(Self.rounds) * 8)
        }

        /// Now and then another one, whose entry has to be filled.
        private static func page(ofRound round: Int) -> UInt64 { value + UInt64(round * 40 / 64) * 0x1000 }

        /// Each loop is on a page that was never written to as code.
        private static func place(ofLoop number: Int) -> UInt64 {
            SystemMachine.Layout.tables + UInt64(number) * 0x1000
        }

        /// What is left when the loop ended by an abort: x0 to x16, SPSR_EL1, ELR_EL1. x15 is what `words` access.
        ///
        /// - Parameter back: makes a conditional branch, to which it is given the distance; there the loop is closed, too,
        ///   and what is behind it is executed where that is not taken.
        func run(
            _ words: [UInt32], back: ((Int) -> UInt32)?, behind: [UInt32], number: Int, from values: [UInt64]
        ) throws -> [UInt64] {
            let place = Self.place(ofLoop: number)
            var body = [.ldr(.x15, .x16), .add(.x16, .x16, 8)] + words.map { A64.word($0) }
            if let back { body.append(.word(back(-body.count))) }
            body += behind.map { A64.word($0) }
            machine.load(body + [.b(-body.count)], at: place)
            var registers: [Register: UInt64] = [.x16: Self.addresses]
            for (index, value) in values.enumerated() {
                registers[try #require(Register(rawValue: UInt32(index)))] = value
            }
            let stop = try machine.run(at: place, registers)
            let taken = try #require(stop.exception, "\(stop)")
            #expect(taken.far == Self.nowhere)
            return (0...16).map { machine.x($0) } + [taken.spsr, taken.elr]
        }
    }

    /// LDR and STR of x0 to x14 at x15, which fault in the last round.
    private static func access(_ random: inout SeededGenerator) -> UInt32 {
        let base: UInt32 = random.oneIn(2) ? 0xF940_0000 : random.oneIn(2) ? 0x3940_0000 : 0xF900_0000
        return base | 15 << 5 | UInt32(random.below(15))
    }

    /// Something that sets flags with a short immediate: ADDS, SUBS and ANDS, with and without a result.
    private static func immediate(_ random: inout SeededGenerator) -> UInt32 {
        let base: [UInt32] = [0xB100_0000, 0x3100_0000, 0xF100_0000, 0x7100_0000]
        let target = random.oneIn(3) ? 31 : UInt32(random.below(15))
        guard random.oneIn(5) else {
            let short = random.oneIn(3) ? UInt32(random.below(4096)) : UInt32(random.below(4))
            return base[random.below(4)] | short << 10 | UInt32(random.below(15)) << 5 | target
        }
        // ANDS with a mask of the low bits.
        return 0xF240_0000 | UInt32(random.below(63)) << 10 | UInt32(random.below(15)) << 5 | target
    }

    /// B.cond or CBZ over the next instruction.
    private static func branch(_ random: inout SeededGenerator) -> UInt32 {
        random.oneIn(3)
            ? 0xB400_0000 | 2 << 5 | UInt32(random.below(15)) : 0x5400_0000 | 2 << 5 | FlagWords.condition(&random)
    }

    /// B.cond, CBZ, CBNZ, TBZ or TBNZ, to be given a distance in instructions.
    private static func branchBack(_ random: inout SeededGenerator) -> (Int) -> UInt32 {
        func field(_ distance: Int, bits: UInt32) -> UInt32 {
            UInt32(bitPattern: Int32(distance)) & (1 << bits - 1)
        }
        let register = UInt32(random.below(15))
        switch random.below(4) {
        case 0:
            let kind: UInt32 = random.oneIn(2) ? 0xB400_0000 : 0xB500_0000
            return { kind | field($0, bits: 19) << 5 | register }
        case 1:
            let kind: UInt32 = (random.oneIn(2) ? 0x3600_0000 : 0x3700_0000) | UInt32(random.below(8)) << 19
            return { kind | field($0, bits: 14) << 5 | register }
        default:
            let condition = FlagWords.condition(&random)
            return { 0x5400_0000 | field($0, bits: 19) << 5 | condition }
        }
    }

    /// LDP of q registers at x15, up to six of them: what the host's registers hold then is stored on each way out.
    private static func loadVectors(_ random: inout SeededGenerator) -> [UInt32] {
        (0..<UInt32(random.below(7))).map { 0xAD40_0000 | (2 * $0 + 1) << 10 | 15 << 5 | 2 * $0 }
    }

    @Test("Exceptions find the flags of the instruction that set them last, and so does what reads them after accesses")
    func slowPaths() throws {
        let reference = try LoopMachine(.interpreter)
        let translated = try [LoopMachine(.translator), LoopMachine(.auto)]
        var random = SeededGenerator(seed: 0xF1A6)
        for number in 0..<Self.loopCount {
            var words: [UInt32] = []
            while words.count < 12 {
                switch random.below(6) {
                case 0, 1: words.append(Self.immediate(&random))
                case 2, 3: words.append(FlagWords.draw(&random))
                case 4: words.append(Self.access(&random))
                default: words += [Self.branch(&random), Self.access(&random)]
                }
            }
            words.append(Self.access(&random))
            var back: ((Int) -> UInt32)?
            var behind: [UInt32] = []
            if random.oneIn(2) {
                // What was known of the flags is asked for on the way back, and not on the way onwards.
                words += [FlagWords.draw(&random), Self.immediate(&random)] + Self.loadVectors(&random)
                back = Self.branchBack(&random)
                behind = [Self.immediate(&random), Self.access(&random)]
            }
            let values = (0..<15).map { _ in
                random.oneIn(3) ? UInt64(random.below(3)) &- 1 : random.next() >> UInt64(random.below(64))
            }
            let expected = try reference.run(words, back: back, behind: behind, number: number, from: values)
            for other in translated {
                let found = try other.run(words, back: back, behind: behind, number: number, from: values)
                guard found == expected else {
                    let code = (words + [back?(0) ?? 0] + behind).map { "0x" + String($0, radix: 16) }
                        .joined(separator: ", ")
                    Issue.record("from \(values): \(code): \(found) instead of \(expected)")
                    return
                }
            }
        }
    }
}

#endif
