// Our side of a comparison: a virtual CPU that runs cases at EL0, under `Tests/Oracle/supervisor.S` and its own MMU.
//
// Responsible for: the guest's memory with its translation tables, entering each case, and putting the exception that
// ended it into the terms of `OracleCause`. Programs of many blocks run here too: see `EmulatedGuest+Programs`.

import Arm64
import Emulator
import Foundation
import Hypervisor

/// Why a case could not be run on our side: a mistake outside of the case.
enum EmulatedGuestError: Error, CustomStringConvertible {
    case unexpectedException(esr: UInt64, elr: UInt64, far: UInt64)
    case unexpectedExit(Exit)

    var description: String {
        switch self {
        case .unexpectedException(let esr, let elr, let far):
            "an exception not from EL0: ESR \(Comparison.hex(esr)), ELR \(Comparison.hex(elr)), FAR \(Comparison.hex(far))"
        case .unexpectedExit(let exit): "the CPU came back with \(exit)"
        }
    }
}

/// A machine with nothing but one CPU and memory, that runs cases.
final class EmulatedGuest: CaseRunner {
    /// Where things lie in RAM; the addresses of `OracleLayout` are in it too, each mapped to itself.
    enum Layout {
        static let ram: UInt64 = 0x4000_0000
        static let ramByteCount: UInt64 = 0x20_0000
        static let supervisor = ram
        static let supervisorByteCount: UInt64 = 0x1_0000
        static let setUp = supervisor
        static let enter = supervisor + 4
        static let record: UInt64 = 0x4001_0000
        static let level1: UInt64 = 0x4002_0000
        static let level2: UInt64 = 0x4002_1000
        static let level3: UInt64 = 0x4002_2000
    }

    /// What the supervisor's HVCs mean.
    private enum Hypercall {
        static let ready: UInt16 = 1
        static let stopped: UInt16 = 2
        static let unexpected: UInt16 = 3
    }

    /// Descriptors of VMSAv8-64 (DDI 0487, D8.3), for 4 KiB pages.
    enum Descriptor {
        static let table: UInt64 = 0b11
        static let page: UInt64 = 0b11
        static let readOnly: UInt64 = 1 << 7
        static let unprivileged: UInt64 = 1 << 6
        static let innerShareable: UInt64 = 3 << 8
        static let accessed: UInt64 = 1 << 10
        static let privilegedExecuteNever: UInt64 = 1 << 53
        static let unprivilegedExecuteNever: UInt64 = 1 << 54
    }

    /// Instructions after which a case is taken never to end; the longest has a hundred.
    static let patience: UInt64 = 100_000

    /// No entropy: RNDR is excluded.
    private final class NoEntropy: EntropySource {
        func next() -> UInt64 { 0 }
    }

    /// A CPU does not keep its machine.
    private var machine: EmulatedVM
    var cpu: EmulatedCPU { machine.cpus[0] }
    private(set) var memory: GuestMemory
    private let model: CPUModel
    private let codeCacheByteCount: Int
    private let isRepeatable: Bool
    /// By CPUs that it was moved from, in instructions.
    private var executedBefore: UInt64 = 0
    private var cases: [OracleCase] = []

    /// What to do at the end of a run, and how many instructions the next one has; nil if there is nothing to be done.
    var betweenRuns: (() -> Int)?

    /// - Parameters:
    ///   - model: of the CPU; what the oracle has too, unless it is another one.
    ///   - isRepeatable: whether engines are to do the same at the same instruction.
    ///   - codeIsWritable: whether EL0 may write the pages of cases, as user programs do (`UserProgramRun`).
    init(
        engine: Engine, model: CPUModel = .oracle, codeCacheByteCount: Int, isRepeatable: Bool = false,
        codeIsWritable: Bool = false
    ) throws {
        self.model = model
        memory = try GuestMemory(base: Layout.ram, byteCount: Layout.ramByteCount)
        self.codeCacheByteCount = codeCacheByteCount
        self.isRepeatable = isRepeatable
        machine = try Self.makeMachine(
            memory, model: model, engine: engine, codeCacheByteCount: codeCacheByteCount, isRepeatable: isRepeatable)
        let supervisor = try Data(
            contentsOf: URL(fileURLWithPath: OraclePrograms.directory.get() + "/supervisor.bin"))
        memory.write(supervisor, at: Layout.supervisor)
        memory.write(OracleLayout.readOnlyContents, at: OracleLayout.readOnly)
        writeTables(codeIsWritable: codeIsWritable)
        try setUp()
    }

    private static func makeMachine(
        _ memory: GuestMemory, model: CPUModel, engine: Engine, codeCacheByteCount: Int, isRepeatable: Bool
    ) throws -> EmulatedVM {
        var configuration = BackendConfiguration(
            cpuCount: 1, model: model, memory: memory, bus: PhysicalBus(regions: []), clock: InstructionClock(),
            entropy: NoEntropy(), interruptController: nil,
            timerLines: { _ in TimerLines(virtualTimer: .unconnected, physicalTimer: .unconnected) })
        configuration.isRepeatable = isRepeatable
        return try EmulatedVM(configuration, engine: engine, codeCacheByteCount: codeCacheByteCount)
    }

    /// Goes on with a new CPU, with `engine`, in other memory that holds the same.
    func move(to engine: Engine) throws {
        let state = try cpu.save()
        let other = try GuestMemory(base: Layout.ram, byteCount: Layout.ramByteCount)
        other.write(memory.read(at: Layout.ram, count: Int(Layout.ramByteCount)) ?? [], at: Layout.ram)
        executedBefore += cpu.instructionCount
        machine = try Self.makeMachine(
            other, model: model, engine: engine, codeCacheByteCount: codeCacheByteCount, isRepeatable: isRepeatable)
        memory = other
        try cpu.restore(state)
    }

    private func writeTables(codeIsWritable: Bool) {
        // 39 bits of address: level 1 entries are for 1 GiB, level 2 for 2 MiB, level 3 for 4 KiB. All is in one each.
        memory.store(Layout.level2 | Descriptor.table, at: Layout.level1 + (Layout.ram >> 30 & 511) * 8)
        memory.store(Layout.level3 | Descriptor.table, at: Layout.level2 + (Layout.ram >> 21 & 511) * 8)
        let executeNever = Descriptor.privilegedExecuteNever | Descriptor.unprivilegedExecuteNever
        map(Layout.supervisor, Layout.supervisorByteCount, Descriptor.unprivilegedExecuteNever)
        map(Layout.record, OracleLayout.pageByteCount, executeNever)
        map(
            OracleLayout.code, OracleLayout.codeByteCount,
            Descriptor.unprivileged | (codeIsWritable ? 0 : Descriptor.readOnly) | Descriptor.privilegedExecuteNever)
        map(OracleLayout.data, UInt64(OracleRecord.dataByteCount), Descriptor.unprivileged | executeNever)
        map(
            OracleLayout.readOnly, OracleLayout.readOnlyByteCount,
            Descriptor.unprivileged | Descriptor.readOnly | executeNever)
        // For programs, see `ProgramLayout`.
        map(
            ProgramLayout.userCode, ProgramLayout.codeByteCount,
            Descriptor.unprivileged | Descriptor.privilegedExecuteNever)
        map(ProgramLayout.kernelCode, ProgramLayout.codeByteCount, Descriptor.unprivilegedExecuteNever)
        for (alias, code) in ProgramLayout.aliases {
            map(alias, ProgramLayout.codeByteCount, Descriptor.unprivileged | executeNever, to: code)
        }
        map(ProgramLayout.counters, OracleLayout.pageByteCount, Descriptor.unprivileged | executeNever)
    }

    /// Maps pages to themselves, or to those from `physical` on.
    private func map(_ start: UInt64, _ byteCount: UInt64, _ attributes: UInt64, to physical: UInt64? = nil) {
        for address in stride(from: start, to: start + byteCount, by: Int(OracleLayout.pageByteCount)) {
            let target = address &- start &+ (physical ?? start)
            let descriptor = target | attributes | Descriptor.page | Descriptor.accessed | Descriptor.innerShareable
            memory.store(descriptor, at: Layout.level3 + (address >> 12 & 511) * 8)
        }
    }

    func setUp() throws {
        cpu.reset(entry: Layout.setUp, context: Layout.level1)
        let exit = runSupervisor()
        guard exit == .hypercall(immediate: Hypercall.ready) else { throw error(for: exit) }
    }

    private func runSupervisor(patience: UInt64 = EmulatedGuest.patience) -> Exit {
        let end = executedBefore + cpu.instructionCount + patience
        while true {
            // First: what is done between runs may leave another CPU.
            let budget = betweenRuns?() ?? Int(patience)
            var exit = cpu.run(budget: budget)
            if case .waitForEvent = exit { exit = .budgetExhausted }
            // WFE and YIELD give way to other CPUs before the budget is used up.
            if exit == .budgetExhausted && executedBefore + cpu.instructionCount < end { continue }
            return exit
        }
    }

    private func error(for exit: Exit) -> EmulatedGuestError {
        guard exit == .hypercall(immediate: Hypercall.unexpected) else { return .unexpectedExit(exit) }
        return .unexpectedException(esr: cpu.register(0), elr: cpu.register(1), far: cpu.register(2))
    }

    // MARK: CaseRunner

    func start(_ cases: [OracleCase]) throws { self.cases = cases }

    func finish() throws -> [OracleOutcome] {
        for one in cases {
            let start = one.start - UInt64(OracleRecord.prologue.count * 4)
            memory.write(one.slotWords.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) }, at: start)
        }
        return try cases.map(runOne)
    }

    private func runOne(_ one: OracleCase) throws -> OracleOutcome {
        memory.write(one.data, at: OracleLayout.data)
        let final = try enter(one.initial)
        let data = memory.read(at: OracleLayout.data, count: OracleRecord.dataByteCount) ?? []
        return final.bytes.withUnsafeBytes { record in
            OracleOutcome(
                state: OracleState(record: record),
                cause: final.ended ? OracleCause(ofExceptionIn: record) : .other("does not end"), data: data)
        }
    }

    /// Executes from `state` to the next exception.
    ///
    /// - Returns: the record that the supervisor made; `ended` is false if there was no exception in time.
    func enter(
        _ state: OracleState, spsr: UInt32 = 0, patience: UInt64 = EmulatedGuest.patience
    ) throws -> (bytes: [UInt8], ended: Bool) {
        var record = [UInt8](repeating: 0, count: OracleRecord.stateByteCount)
        record.withUnsafeMutableBytes {
            state.store(to: $0)
            // The supervisor takes all of SPSR_EL1 from here.
            $0.storeBytes(of: state.nzcv | spsr, toByteOffset: OracleRecord.nzcv, as: UInt32.self)
        }
        memory.write(record, at: Layout.record)
        let ended = try enter(patience: patience)
        return (memory.read(at: Layout.record, count: OracleRecord.stateByteCount) ?? [], ended)
    }

    /// Executes from the state of the record in memory, which becomes the state at the next exception; false if there was
    /// no exception in time.
    func enter(patience: UInt64 = EmulatedGuest.patience) throws -> Bool {
        cpu.setRegister(0, Layout.record)
        cpu.programCounter = Layout.enter
        let exit = runSupervisor(patience: patience)
        switch exit {
        case .hypercall(Hypercall.stopped): return true
        case .budgetExhausted:
            try setUp()
            return false
        default: throw error(for: exit)
        }
    }
}

extension OracleCause {
    /// What an exception is to Linux, in a record of the supervisor: ESR_ELx.EC, and for aborts the fault status.
    init(ofExceptionIn record: UnsafeRawBufferPointer) {
        let syndrome = record.load(fromByteOffset: OracleRecord.cause, as: UInt64.self)
        let page = Self.page(of: record.load(fromByteOffset: OracleRecord.fault, as: UInt64.self))
        let isAbort = [0x20, 0x24].contains(syndrome >> 26 & 0x3F)
        // ISS<5:0>, with the level in bits 1:0.
        let status = syndrome & 0x3F
        switch syndrome >> 26 & 0x3F {
        case 0x00, 0x18: self = .undefined
        case 0x22, 0x26: self = .alignment
        case 0x3C: self = .breakpoint
        case _ where isAbort && 0x04...0x07 ~= status: self = .translation(page: page)
        case _ where isAbort && 0x0D...0x0F ~= status: self = .permission(page: page)
        case _ where isAbort && status == 0x21: self = .alignment
        default: self = .other("ESR \(Comparison.hex(syndrome))")
        }
    }
}
