// A program of many blocks, where it lies, and what is compared after running it.

import Hypervisor

/// Where programs lie in the memory of `EmulatedGuest`, each page mapped to itself but for the aliases.
enum ProgramLayout {
    /// Four pages that EL0 may read, write and execute.
    static let userCode: UInt64 = 0x4014_0000
    /// The same for EL1, which never executes what EL0 may write.
    static let kernelCode: UInt64 = 0x4015_0000
    static let codeByteCount: UInt64 = 0x4000
    static let wordCount = Int(codeByteCount / 4)
    /// Where the code can be written through other pages.
    static let aliases: [(alias: UInt64, code: UInt64)] = [(0x4016_0000, userCode), (0x4017_0000, kernelCode)]
    /// How often each loop goes round: a page of 64-bit numbers, which random accesses do not aim at.
    static let counters: UInt64 = 0x4013_0000
}

/// A program, ready to run.
struct Program: Sendable {
    var runsAtEL1: Bool
    var initial: OracleState
    /// The writable data pages.
    var data: [UInt8]
    var counters: [UInt64]
    /// All of the code's pages; `OracleRecord.end` where there is no code.
    var words: [UInt32]
    /// How many blocks it was made of.
    var blockCount: Int

    /// Where the first word lies.
    var base: UInt64 { runsAtEL1 ? ProgramLayout.kernelCode : ProgramLayout.userCode }
    /// Where code can be written without going through the pages that it is executed from.
    var alias: UInt64 { ProgramLayout.aliases[runsAtEL1 ? 1 : 0].alias }
}

/// An exception that a program took, and the state that it had then.
struct ProgramStop: Equatable, CustomStringConvertible {
    var state: OracleState
    /// ESR_EL1; nil if the program was stopped from outside because it did not end.
    var syndrome: UInt64?
    /// FAR_EL1, after an abort.
    var faultAddress: UInt64?

    /// ESR_EL1.EC.
    private var exceptionClass: UInt64? { syndrome.map { $0 >> 26 & 0x3F } }

    /// The program's own BRK.
    var isEnd: Bool {
        let brk: UInt64 = 0x3C
        return exceptionClass == brk && state.pc & 3 == 0 && syndrome.map { $0 & 0xFFFF } == OracleRecord.endImmediate
    }

    /// Whether the program can go on behind the instruction: not after an instruction abort or a misaligned PC.
    var canBeSkipped: Bool { ![nil, 0x20, 0x21, 0x22].contains(exceptionClass) }

    /// Data and instruction aborts, from EL0 and from EL1: the classes that set FAR_EL1, with a misaligned PC.
    static func setsFaultAddress(_ syndrome: UInt64) -> Bool {
        [0x20, 0x21, 0x22, 0x24, 0x25].contains(syndrome >> 26 & 0x3F)
    }

    var description: String {
        guard let syndrome else { return "did not end" }
        let address = faultAddress.map { ", FAR \(Comparison.hex($0))" } ?? ""
        return "ESR \(Comparison.hex(syndrome))\(address) at \(Comparison.hex(state.pc))"
    }
}

/// What a program did.
struct ProgramOutcome: Equatable {
    /// All exceptions, in their order. After each the program went on behind the instruction.
    var stops: [ProgramStop]
    var data: [UInt8]
    var counters: [UInt8]
    /// The code, as the program left it.
    var code: [UInt8]
}

/// Something that runs programs.
protocol ProgramRunner: AnyObject {
    func run(_ program: Program) throws -> ProgramOutcome
}

extension EmulatedGuest: ProgramRunner {
    /// The most exceptions of one program.
    private static let stopLimit = 100
    /// Longer than any program runs that ends at all, in instructions.
    private static let programPatience: UInt64 = 3_000_000
    /// SPSR_EL1.M: EL1 with SP_EL0.
    private static let el1t: UInt32 = 0b0100

    func run(_ program: Program) throws -> ProgramOutcome {
        memory.write(program.words.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) }, at: program.base)
        memory.write(program.data, at: OracleLayout.data)
        memory.write(
            program.counters.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) }, at: ProgramLayout.counters)
        var stops: [ProgramStop] = []
        var state = program.initial
        repeat {
            let final = try enter(
                state, spsr: program.runsAtEL1 ? Self.el1t : 0, patience: Self.programPatience)
            stops.append(Self.stop(final.bytes, ended: final.ended))
            state = stops[stops.count - 1].state
            state.pc &+= 4
        } while stops[stops.count - 1].canBeSkipped && !stops[stops.count - 1].isEnd && stops.count < Self.stopLimit
        func contents(_ address: UInt64, _ count: Int) -> [UInt8] { memory.read(at: address, count: count) ?? [] }
        return ProgramOutcome(
            stops: stops, data: contents(OracleLayout.data, OracleRecord.dataByteCount),
            counters: contents(ProgramLayout.counters, program.counters.count * 8),
            code: contents(program.base, Int(ProgramLayout.codeByteCount)))
    }

    private static func stop(_ record: [UInt8], ended: Bool) -> ProgramStop {
        // The state of a program that goes round for ever depends on when it was stopped.
        guard ended else { return ProgramStop(state: OracleState()) }
        return record.withUnsafeBytes { record in
            let syndrome = record.load(fromByteOffset: OracleRecord.cause, as: UInt64.self)
            let fault = record.load(fromByteOffset: OracleRecord.fault, as: UInt64.self)
            return ProgramStop(
                state: OracleState(record: record), syndrome: syndrome,
                faultAddress: ProgramStop.setsFaultAddress(syndrome) ? fault : nil)
        }
    }
}
