// A machine that runs wall programs: one after another in its slots, or one on each of four CPUs at once.
//
// Responsible for: memory, tables, the monitor, and running a program to its end within one or a few `run`s, which is
// what makes millions of them affordable. The monitor takes every exception, writes down what it sees, and goes on at
// the next place of the program's schedule. Not responsible for what is in a program (`WallProgram`).

import Arm64
import Emulator
import Foundation
import Hypervisor
import Synchronization

final class WallMachine: @unchecked Sendable {
    /// HVC of the monitor: the program has ended.
    private static let done: UInt16 = 0x3FF
    /// Instructions after which a program is taken never to end.
    private static let patience: UInt64 = 50_000
    /// HVCs of a program's own, at most.
    private static let exitLimit = 200

    private final class NoEntropy: EntropySource {
        func next() -> UInt64 { 0 }
    }

    let name: String
    let memory: GuestMemory
    private let vm: EmulatedVM
    /// Whether each CPU is in the monitor, with its MMU on. Each belongs to whoever runs that CPU.
    private final class Readiness {
        var isReady = false
        /// How the last program ended that did not end as it should.
        var failure = ""
    }
    private let cores: [Readiness]

    init(_ engine: Engine, cpuCount: Int = 1, codeCacheByteCount: Int) throws {
        name = cpuCount == 1 ? engine.rawValue : "\(engine.rawValue) on \(cpuCount) CPUs"
        memory = try GuestMemory(base: WallLayout.ram, byteCount: WallLayout.ramByteCount)
        let configuration = BackendConfiguration(
            cpuCount: cpuCount, model: .dormouse1, memory: memory, bus: PhysicalBus(regions: []),
            clock: InstructionClock(), entropy: NoEntropy(), interruptController: nil,
            timerLines: { _ in TimerLines(virtualTimer: .unconnected, physicalTimer: .unconnected) })
        vm = try EmulatedVM(configuration, engine: engine, codeCacheByteCount: codeCacheByteCount)
        cores = (0..<cpuCount).map { _ in Readiness() }
        load(WallMonitor.code, at: WallLayout.monitorFrame)
        load(WallMonitor.setUp, at: WallLayout.setUp)
        for slot in 0..<WallLayout.slotCount { writeUpperTables(slot) }
    }

    private func load(_ code: [A64], at address: PhysicalAddress) {
        memory.write(code.flatMap { withUnsafeBytes(of: $0.word.littleEndian, Array.init) }, at: address)
    }

    /// The levels above the last, which programs cannot reach.
    private func writeUpperTables(_ slot: Int) {
        func link(_ table: Int, _ index: UInt64, to next: Int) {
            let descriptor = WallLayout.frame(next, ofSlot: slot) | 0b11
            memory.store(descriptor, at: WallLayout.frame(table, ofSlot: slot) + index * 8)
        }
        typealias Frame = WallLayout.Frame
        for tree in 0..<2 {
            link(Frame.lowerLevel1[tree], WallLayout.user >> 30 & 511, to: Frame.lowerLevel2[tree])
            link(Frame.lowerLevel2[tree], WallLayout.user >> 21 & 511, to: Frame.lower[tree])
        }
        link(Frame.upperLevel1, 511, to: Frame.upperLevel2)
        link(Frame.upperLevel2, 511, to: Frame.upper)
    }

    /// What goes into TTBR0_EL1 for a tree, with its ASID.
    static func ttbr0(slot: Int, tree: Int) -> UInt64 {
        WallLayout.frame(WallLayout.Frame.lowerLevel1[tree], ofSlot: slot) | UInt64(tree + 1) << 48
    }

    private static func ttbr1(slot: Int) -> UInt64 { WallLayout.frame(WallLayout.Frame.upperLevel1, ofSlot: slot) }

    /// What the program of a slot left: valid until the next one there.
    func contents(ofSlot slot: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: memory.pointer(at: WallLayout.slot(slot), count: UInt64(WallLayout.imageByteCount)),
            count: WallLayout.imageByteCount)
    }

    /// Has the MMU turned on: the fetch after that faults, and the monitor, with nothing in its schedule, says that it
    /// is done.
    private func setUp(_ cpu: EmulatedCPU, _ program: WallProgram) {
        cpu.reset(entry: WallLayout.setUp, context: Self.ttbr0(slot: program.slot, tree: 0))
        cpu.setRegister(1, Self.ttbr1(slot: program.slot))
        cpu.setRegister(2, WallLayout.monitor)
        cpu.setRegister(3, SystemMachine.mair)
        cpu.setRegister(4, program.tcr)
        cpu.setRegister(5, program.sctlr)
    }

    /// Runs a program on a CPU, in the program's slot; false if it does not end.
    func run(_ program: WallProgram, on index: Int = 0) -> Bool {
        let cpu = vm.cpus[index]
        memory.write(program.image, at: WallLayout.slot(program.slot))
        let core = cores[index]
        if !core.isReady {
            // Nothing in the schedule yet.
            memory.store(UInt64(0), at: logAddress(program, WallLayout.Log.remaining))
            setUp(cpu, program)
            guard finish(cpu) else { return false }
            memory.write(program.image, at: WallLayout.slot(program.slot))
        }
        let registers = [
            Self.ttbr0(slot: program.slot, tree: 0), Self.ttbr1(slot: program.slot), program.tcr, program.sctlr,
        ]
        for (register, value) in registers.enumerated() { cpu.setRegister(register, value) }
        cpu.programCounter = WallMonitor.start
        core.isReady = finish(cpu)
        return core.isReady
    }

    private func logAddress(_ program: WallProgram, _ offset: Int) -> PhysicalAddress {
        WallLayout.frame(WallLayout.Frame.log, ofSlot: program.slot) + UInt64(offset)
    }

    private func finish(_ cpu: EmulatedCPU) -> Bool {
        let end = cpu.instructionCount + Self.patience
        var last: Exit?
        for _ in 0..<Self.exitLimit {
            let exit = cpu.run(budget: Int(Self.patience))
            if exit == .hypercall(immediate: Self.done) { return true }
            last = exit
            switch exit {
            case .hypercall, .secureMonitorCall, .budgetExhausted: break
            default: last = nil
            }
            guard last != nil, cpu.instructionCount < end else {
                last = exit
                break
            }
        }
        cores[cpu.index].failure =
            "\(last.map { "\($0)" } ?? "too many exits"), \(cpu.instructionCount - (end - Self.patience)) instructions\n"
            + cpu.stateDescription
        return false
    }

    /// How the last program of a CPU ended that did not end as it should.
    func failure(on index: Int) -> String { cores[index].failure }

    // MARK: Several at once

    /// A thread for each CPU, which waits for programs.
    private final class Worker: @unchecked Sendable {
        private let begin = DispatchSemaphore(value: 0)
        private let end = DispatchSemaphore(value: 0)
        private let work = Mutex<(@Sendable () -> Void)?>(nil)

        init() {
            Thread.detachNewThread { [self] in
                while true {
                    begin.wait()
                    guard let work = work.withLock({ $0 }) else { return }
                    work()
                    end.signal()
                }
            }
        }

        func start(_ work: (@Sendable () -> Void)?) {
            self.work.withLock { $0 = work }
            begin.signal()
        }

        func wait() { end.wait() }
    }

    private lazy var workers = vm.cpus.map { _ in Worker() }

    deinit { if vm.cpus.count > 1 { for worker in workers { worker.start(nil) } } }

    /// Runs programs at once, each on a CPU and in a slot of its own; says of each whether it ended.
    func runTogether(_ programs: [WallProgram]) -> [Bool] {
        let results = Mutex([Bool](repeating: false, count: programs.count))
        for (index, program) in programs.enumerated() {
            workers[index].start { [unowned self] in
                let ended = run(program, on: index)
                results.withLock { $0[index] = ended }
            }
        }
        for index in programs.indices { workers[index].wait() }
        return results.withLock { $0 }
    }
}

/// The monitor: guest code at EL1.
enum WallMonitor {
    private typealias Log = WallLayout.Log
    private typealias Parameters = WallLayout.Parameters

    /// Behind sixteen vectors of 0x80 bytes.
    private static let bodyOffset = 0x800
    /// Where a program is begun, with x0 to x3 for TTBR0, TTBR1, TCR and SCTLR.
    static let start = WallLayout.monitor + UInt64(bodyOffset + (takeException.count + next.count + finish.count) * 4)

    /// Turns the MMU on; the next fetch has no translation.
    static let setUp: [A64] = [
        .msr(.mairEL1, .x3), .msr(.tcrEL1, .x4), .msr(.ttbr0EL1, .x0), .msr(.ttbr1EL1, .x1), .msr(.vbarEL1, .x2),
        .movz(.x6, 0x30, lsl: 16), .msr(.cpacrEL1, .x6), .isb, .msr(.sctlrEL1, .x5), .isb, .nop,
    ]

    static let code: [A64] = {
        var code: [A64] = []
        for vector in 0..<16 {
            let place = vector * 0x80 / 4
            code += [A64](repeating: .nop, count: place - code.count)
            code += [.msr(.tpidrEL1, .x0), .movz(.x0, vector), .b(bodyOffset / 4 - place - 2)]
        }
        code += [A64](repeating: .nop, count: bodyOffset / 4 - code.count)
        return code + takeException + next + finish + begin
    }()

    /// ADR of a place in another page of the monitor's, from an instruction that lies at `offset`.
    private static func address(_ register: Register, _ place: UInt64, from offset: Int) -> A64 {
        .adr(register, (Int(place - WallLayout.monitor) - offset) / 4)
    }

    /// Writes everything down: x0 is the vector's number, and the program's in TPIDR_EL1.
    private static let takeException: [A64] = {
        let save: [A64] = [
            .msr(.contextidrEL1, .x1), address(.x1, WallLayout.log, from: bodyOffset + 4),
            .stp(.x2, .x3, .x1, Log.saved), .ldr(.x2, .x1, Log.cursor), .str(.x0, .x2),
        ]
        let registers: [(SystemName, Int)] = [
            (.esrEL1, 8), (.elrEL1, 16), (.spsrEL1, 24), (.farEL1, 32), (.spEL0, 40), (.tpidrEL1, 56),
            (.contextidrEL1, 64),
        ]
        let system = registers.flatMap { name, offset -> [A64] in [.mrs(.x3, name), .str(.x3, .x2, offset)] }
        let stack: [A64] = [
            .movFromSP(.x3), .str(.x3, .x2, 48), .ldp(.x0, .x3, .x1, Log.saved), .stp(.x0, .x3, .x2, 72),
        ]
        let pairs = stride(from: 4, to: 30, by: 2).compactMap { number -> A64? in
            guard let first = Register(rawValue: UInt32(number)), let second = Register(rawValue: UInt32(number + 1))
            else { return nil }
            return .stp(first, second, .x2, 56 + number * 8)
        }
        return save + system + stack + pairs
            + [.str(.x30, .x2, 296), .add(.x2, .x2, Log.entryByteCount), .str(.x2, .x1, Log.cursor)]
    }()

    /// Goes on at the next place of the schedule; x1 is the log.
    private static let next: [A64] = [
        .ldr(.x3, .x1, Log.remaining), .cbz(.x3, 16), .sub(.x3, .x3, 1), .str(.x3, .x1, Log.remaining),
        .ldr(.x2, .x1, Log.schedule), .ldp(.x0, .x3, .x2), .add(.x2, .x2, 16), .str(.x2, .x1, Log.schedule),
        .msr(.elrEL1, .x0), .msr(.spsrEL1, .x3),
        // What programs keep addresses of tables and code in: a drawn store must not follow them.
        .movz(.x16, 0), .movz(.x17, 0),
        .mrs(.x0, .tpidrEL1), .ldp(.x2, .x3, .x1, Log.saved), .mrs(.x1, .contextidrEL1), .eret, .nop,
    ]

    // Functions and loops, as Swift 6.2 takes too long for closures of so many statements.
    private static let finish = makeFinish()

    private static func makeFinish() -> [A64] {
        let offset = bodyOffset + (takeException.count + next.count) * 4
        let start: [A64] = [
            address(.x1, WallLayout.parameters, from: offset), .mrs(.x2, .fpcr), .mrs(.x3, .fpsr),
            .add(.x4, .x1, Parameters.finalControl), .stp(.x2, .x3, .x4), .add(.x2, .x1, Parameters.finalVectors),
        ]
        var code = start
        for pair in 0..<16 {
            let first = UInt32(pair * 2)
            code.append(.stp(q: first, first + 1, .x2, pair * 32))
        }
        code += [.hvc(0x3FF), .b(0)]
        return code
    }

    private static let begin = makeBegin()

    private static func makeBegin() -> [A64] {
        var code: [A64] = [
            .msr(.ttbr0EL1, .x0), .msr(.ttbr1EL1, .x1), .msr(.tcrEL1, .x2), .msr(.mdscrEL1, .zr), .isb,
            .sys(.tlbiVMALLE1), .dsb, .isb, .msr(.sctlrEL1, .x3), .isb, .msrPAN(0),
            // What the program before left, and this one may read.
            .msr(.esrEL1, .zr), .msr(.farEL1, .zr), .msr(.parEL1, .zr), .msr(.tpidrEL0, .zr), .msr(.elrEL1, .zr),
            .msr(.spsrEL1, .zr),
        ]
        func offset() -> Int { bodyOffset + (takeException.count + next.count + finish.count + code.count) * 4 }
        code.append(address(.x1, WallLayout.parameters, from: offset()))
        code += [
            .ldr(.x2, .x1, Parameters.spEL0), .msr(.spEL0, .x2), .ldr(.x2, .x1, Parameters.spEL1), .movToSP(.x2),
            .ldr(.x2, .x1, Parameters.fpcr), .msr(.fpcr, .x2), .ldr(.x2, .x1, Parameters.fpsr), .msr(.fpsr, .x2),
            .ldr(.x2, .x1), .msr(.tpidrEL1, .x2), .ldr(.x2, .x1, 8), .msr(.contextidrEL1, .x2),
            .movz(.x2, Int(OracleLayout.data & 0xFFFF)), .movk(.x2, Int(OracleLayout.data >> 16), lsl: 16),
        ]
        for pair in 0..<16 {
            let first = UInt32(pair * 2)
            code.append(.ldp(q: first, first + 1, .x2, pair * 32))
        }
        for number in stride(from: 4, to: 30, by: 2) {
            guard let first = Register(rawValue: UInt32(number)), let second = Register(rawValue: UInt32(number + 1))
            else { continue }
            code.append(.ldp(first, second, .x1, number * 8))
        }
        code += [.ldr(.x30, .x1, 240), .clrex]
        code.append(address(.x1, WallLayout.log, from: offset()))
        // Back to `next`.
        code.append(.b(-(finish.count + next.count + code.count)))
        return code
    }
}
