// Batches of programs of EL0 through qemu-aarch64 and through ours, and what to show a person when they differ.

import Arm64
import Emulator

/// A program that ours does differently.
struct UserProgramMismatch: CustomStringConvertible {
    var number: Int
    var seed: UInt64
    /// With NOP for what does not matter.
    var program: UserProgram
    /// Which of ours it is.
    var name: String
    var oracle: [UInt8]
    var ours: [UInt8]

    private static func outcome(
        _ record: [UInt8], _ cause: (UnsafeRawBufferPointer) -> OracleCause
    ) -> OracleOutcome {
        record.withUnsafeBytes {
            OracleOutcome(
                state: OracleState(record: $0), cause: cause($0), data: [UInt8](record[UserProgramRecord.data...]))
        }
    }

    var differences: [String] {
        let theirs = Self.outcome(oracle, OracleCause.init(ofSignalIn:))
        let own = Self.outcome(ours, OracleCause.init(ofExceptionIn:))
        let memory = (UserProgramRecord.code..<UserProgramRecord.data).filter { oracle[$0] != ours[$0] }
            .map {
                "code or counters + \(Comparison.hex($0 - UserProgramRecord.code)): oracle "
                    + "\(Comparison.hex(oracle[$0])), \(name) \(Comparison.hex(ours[$0]))"
            }
        return Comparison.differences(oracle: theirs, ours: own, name) + memory
    }

    var description: String {
        let initial = program.state.withUnsafeBytes(OracleState.init(record:))
        var lines = [
            "user program \(number) differs in \(name); reproduce it with DORMOUSE_SEED=\(seed) DORMOUSE_CASE=\(number)",
            "", "What differs:",
        ]
        lines += differences.prefix(40).map { "  " + $0 }
        lines += ["", "What is left of it, where NOP would change the result or keep it from ending:"]
        for (index, word) in program.words.enumerated() where word != A64.nop.word && word != OracleRecord.end {
            let name = CPUModel.everything.decoder.decode(word).map { "\($0)" } ?? "not in the table"
            lines.append("  \(Comparison.hex(program.start + UInt64(index * 4))): \(Comparison.hex(word))  \(name)")
        }
        lines += ["", "Initial state:"] + Comparison.lines(of: initial).map { "  " + $0 }
        lines += ["counters: \(program.counters)"]
        return lines.joined(separator: "\n")
    }
}

/// A series of programs; one for each thread.
final class UserProgramRun {
    private let pool: UserProgramPool
    private let seed: UInt64
    private var oracle: QemuProcess
    private let subjects: [(name: String, guest: EmulatedGuest)]
    /// What ours is given instead of a program's words: a mistake that is to be found.
    private let mistake: ((inout [UInt32]) -> Void)?
    /// A 64-bit count and as many records, as they go to the oracle and as they come back.
    private let batch: UnsafeMutableRawBufferPointer
    private let answers: UnsafeMutableRawBufferPointer

    /// Small enough that the code cache is flushed now and then.
    private static let codeCacheByteCount = 4 << 20
    private static let mismatchLimit = 3

    init(seed: UInt64, pool: UserProgramPool, mistake: ((inout [UInt32]) -> Void)? = nil) throws {
        self.seed = seed
        self.pool = pool
        self.mistake = mistake
        oracle = try QemuProcess(running: "program-runner")
        subjects = try TestEngine.both.map { engine in
            (
                engine.rawValue,
                try EmulatedGuest(
                    engine: engine, codeCacheByteCount: Self.codeCacheByteCount, codeIsWritable: true)
            )
        }
        batch = .allocate(byteCount: 8 + UserProgramRecord.maximumCount * UserProgramRecord.byteCount, alignment: 16)
        answers = .allocate(byteCount: UserProgramRecord.maximumCount * UserProgramRecord.byteCount, alignment: 16)
    }

    deinit {
        batch.deallocate()
        answers.deallocate()
    }

    /// What a series did, so that a test can say that it did something.
    struct Summary: Sendable {
        var programs = 0
        /// Programs, by how they ended; at their own end apart.
        var endings: [String: Int] = [:]
        /// By one of ours.
        var instructions: UInt64 = 0

        static let end = "its end"

        static func += (left: inout Summary, right: Summary) {
            left.programs += right.programs
            left.endings.merge(right.endings, uniquingKeysWith: +)
            left.instructions += right.instructions
        }
    }

    func makeProgram(_ number: Int) -> UserProgram {
        var random = SeededGenerator(seed: seed ^ UInt64(number) &* 0xD6E8_FEB8_6659_FD93)
        return UserProgramBuilder.makeProgram(
            seed: random.next(), slot: number % UserProgramRecord.maximumCount, from: pool)
    }

    private func record(_ index: Int, of buffer: UnsafeMutableRawBufferPointer, from first: Int = 0)
        -> UnsafeMutableRawBufferPointer
    {
        let start = first + index * UserProgramRecord.byteCount
        return UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + UserProgramRecord.byteCount])
    }

    /// Runs `programs` on all sides.
    private func run(_ programs: [UserProgram], _ found: (Int, _ subject: Int, _ ours: [UInt8]) throws -> Void) throws {
        batch.storeBytes(of: UInt64(programs.count), as: UInt64.self)
        for (index, program) in programs.enumerated() { program.store(to: record(index, of: batch, from: 8)) }
        try oracle.write(
            UnsafeRawBufferPointer(rebasing: batch[..<(8 + programs.count * UserProgramRecord.byteCount)]))
        try oracle.read(
            into: UnsafeMutableRawBufferPointer(rebasing: answers[..<(programs.count * UserProgramRecord.byteCount)]))
        for (index, var program) in programs.enumerated() {
            if let mistake {
                mistake(&program.words)
                program.store(to: record(index, of: batch, from: 8))
            }
            for (number, subject) in subjects.enumerated() {
                let ours = try subject.guest.difference(
                    running: UnsafeRawBufferPointer(record(index, of: batch, from: 8)), slot: program.slot,
                    from: UnsafeRawBufferPointer(record(index, of: answers)), comparesCode: mistake == nil)
                if let ours { try found(index, number, ours) }
            }
        }
    }

    /// Runs the programs of the batches.
    func compare(batches: Range<Int>) throws -> (summary: Summary, mismatches: [UserProgramMismatch]) {
        var summary = Summary()
        var mismatches: [UserProgramMismatch] = []
        let before = subjects[0].guest.cpu.instructionCount
        for batch in batches where mismatches.count < Self.mismatchLimit {
            let first = batch * UserProgramRecord.maximumCount
            let programs = (first..<first + UserProgramRecord.maximumCount).map(makeProgram)
            var differing: [(Int, Int)] = []
            try run(programs) { index, subject, _ in differing.append((index, subject)) }
            summary.programs += programs.count
            for (index, program) in programs.enumerated() {
                let answer = UnsafeRawBufferPointer(record(index, of: answers))
                let pc = answer.load(fromByteOffset: OracleRecord.pc, as: UInt64.self)
                let atEnd = pc == program.start + UInt64(program.words.count * 4)
                summary.endings[atEnd ? Summary.end : OracleCause(ofSignalIn: answer).kind, default: 0] += 1
            }
            for (index, subject) in differing {
                mismatches.append(try mismatch(first + index, programs[index], subject))
            }
        }
        summary.instructions = subjects[0].guest.cpu.instructionCount - before
        return (summary, mismatches)
    }

    /// Runs a single program.
    func compareOne(_ number: Int) throws -> [UserProgramMismatch] {
        let program = makeProgram(number)
        var differing: [Int] = []
        try run([program]) { _, subject, _ in differing.append(subject) }
        return try differing.map { try mismatch(number, program, $0) }
    }

    /// The records of both sides, if one of ours does `program` differently.
    private func records(_ program: UserProgram, _ subject: Int) throws -> (oracle: [UInt8], ours: [UInt8])? {
        var result: (oracle: [UInt8], ours: [UInt8])?
        do {
            try run([program]) { _, other, ours in
                if other == subject { result = ([UInt8](self.record(0, of: answers)), ours) }
            }
        } catch OracleError.noAnswer {
            // Without what was left out it goes round for ever.
            oracle = try QemuProcess(running: "program-runner")
        }
        return result
    }

    private func mismatch(_ number: Int, _ program: UserProgram, _ subject: Int) throws -> UserProgramMismatch {
        var shorter = program
        if try records(program, subject) != nil {
            shorter.words = try ProgramRun.withoutWhatDoesNotMatter(
                program.words, where: { !program.control.contains($0) },
                differs: {
                    var candidate = program
                    candidate.words = $0
                    return try records(candidate, subject) != nil
                })
        }
        let (theirs, own) = try records(shorter, subject) ?? ([], [])
        return UserProgramMismatch(
            number: number, seed: seed, program: shorter, name: subjects[subject].name, oracle: theirs, ours: own)
    }
}
