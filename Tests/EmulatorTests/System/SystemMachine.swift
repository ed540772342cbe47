// A machine for the system tests: CPUs, memory and a clock, without firmware.
//
// Responsible for: putting code into memory, entering it at an exception level, saying how it ended, and reading
// system registers. All of that goes through guest instructions: what a test sees of the CPU is what the guest sees.
// The monitor is one page of guest code at the start of RAM: the exception vectors, each of which calls out with its
// number, and a few instructions for every register that a test asks for.

import Arm64
import Foundation
import Hypervisor
import Synchronization

@testable import Emulator

/// PSTATE.M: the exception level and stack pointer.
enum Mode: UInt64, CaseIterable {
    case el0t = 0b0000
    case el1t = 0b0100
    case el1h = 0b0101

    /// Where a synchronous exception from here goes, relative to VBAR_EL1 (DDI 0487, D1.3.2).
    var synchronousVector: UInt64 {
        switch self {
        case .el1t: 0x000
        case .el1h: 0x200
        case .el0t: 0x400
        }
    }
}

/// Bits of SPSR_EL1 and PSTATE.
enum PSTATEBit {
    static let n: UInt64 = 1 << 31
    static let z: UInt64 = 1 << 30
    static let c: UInt64 = 1 << 29
    static let v: UInt64 = 1 << 28
    static let pan: UInt64 = 1 << 22
    static let ss: UInt64 = 1 << 21
    static let il: UInt64 = 1 << 20
    static let i: UInt64 = 1 << 7
    static let f: UInt64 = 1 << 6
    static let daif: UInt64 = 0xF << 6
}

/// Bits of SCTLR_EL1.
enum SCTLRBit {
    static let m: UInt64 = 1 << 0
    static let a: UInt64 = 1 << 1
    static let sa: UInt64 = 1 << 3
    static let sa0: UInt64 = 1 << 4
    static let uma: UInt64 = 1 << 9
    static let dze: UInt64 = 1 << 14
    static let uct: UInt64 = 1 << 15
    static let nTWI: UInt64 = 1 << 16
    static let nTWE: UInt64 = 1 << 18
    static let wxn: UInt64 = 1 << 19
    static let span: UInt64 = 1 << 23
    static let uci: UInt64 = 1 << 26
}

/// Bits of TCR_EL1.
enum TCRBit {
    /// T0SZ and T1SZ of 16: 48 bits of address.
    static let sizes: UInt64 = 16 | 16 << 16
    static let epd0: UInt64 = 1 << 7
    static let epd1: UInt64 = 1 << 23
    /// IPS: 40 bits of physical address.
    static let ips40: UInt64 = 2 << 32
    /// AS: ASIDs of 16 bits.
    static let asidSize: UInt64 = 1 << 36
    static let tbi0: UInt64 = 1 << 37
    static let tbi1: UInt64 = 1 << 38
    static let ha: UInt64 = 1 << 39
    static let hd: UInt64 = 1 << 40
}

/// Exception classes: ESR_EL1.EC (DDI 0487, D19.2.37).
enum ExceptionClass {
    static let unknown: UInt64 = 0x00
    static let wait: UInt64 = 0x01
    static let floatingPoint: UInt64 = 0x07
    static let illegalState: UInt64 = 0x0E
    static let svc: UInt64 = 0x15
    static let systemRegister: UInt64 = 0x18
    static let instructionAbortFromEL0: UInt64 = 0x20
    static let instructionAbort: UInt64 = 0x21
    static let pcAlignment: UInt64 = 0x22
    static let dataAbortFromEL0: UInt64 = 0x24
    static let dataAbort: UInt64 = 0x25
    static let spAlignment: UInt64 = 0x26
    static let brk: UInt64 = 0x3C
}

/// Fault status codes of aborts: DFSC and IFSC.
enum FaultCode {
    static func translation(_ level: Int) -> UInt64 { 0b000100 | UInt64(level) }
    static func accessFlag(_ level: Int) -> UInt64 { 0b001000 | UInt64(level) }
    static func permission(_ level: Int) -> UInt64 { 0b001100 | UInt64(level) }
    static let externalAbort: UInt64 = 0b010000
    static let alignment: UInt64 = 0b100001
    /// ISS.WnR of a data abort.
    static let write: UInt64 = 1 << 6
    /// ISS.CM of a data abort: cache maintenance.
    static let cacheMaintenance: UInt64 = 1 << 8
}

/// ESR_EL1 with IL set, as for every A64 instruction.
func esr(_ exceptionClass: UInt64, _ iss: UInt64 = 0) -> UInt64 { exceptionClass << 26 | 1 << 25 | iss }

/// An exception that the monitor saw.
struct TakenException: Equatable {
    /// Relative to VBAR_EL1.
    var vector: UInt64
    var esr: UInt64
    var elr: UInt64
    var spsr: UInt64
    var far: UInt64
}

/// How a guest program ended.
enum Stop: Equatable {
    /// HVC with this immediate.
    case call(UInt16)
    case exception(TakenException)
    case exit(Exit)

    var exception: TakenException? {
        if case .exception(let taken) = self { taken } else { nil }
    }
}

final class SystemMachine {
    /// Physical addresses; everything is a multiple of 64 KiB, so that any granule can map it.
    enum Layout {
        static let ram: PhysicalAddress = 0x4000_0000
        static let monitor = ram
        static let code: PhysicalAddress = 0x4001_0000
        static let userCode: PhysicalAddress = 0x4002_0000
        static let data: PhysicalAddress = 0x4003_0000
        static let userData: PhysicalAddress = 0x4004_0000
        static let vectors: PhysicalAddress = 0x4005_0000
        /// Pages that nothing is mapped to by itself, 64 KiB each.
        static let free: PhysicalAddress = 0x4010_0000
        static let tables: PhysicalAddress = 0x4040_0000
        static let device: PhysicalAddress = 0x0900_0000
        /// Where `withFlash` has it.
        static let flash: Range<PhysicalAddress> = 0x0400_0000..<0x0408_0000
    }

    /// HVC immediates of the monitor.
    private enum Call {
        static let vectors: UInt16 = 0x100
        static let done: UInt16 = 0x200
    }

    private final class NoEntropy: EntropySource {
        func next() -> UInt64 { 0 }
    }

    /// An ERET, after the vectors.
    private static let exceptionReturn = Layout.monitor + 0x800

    let memory: GuestMemory
    let bus: PhysicalBus
    let clock = InstructionClock()
    let vm: EmulatedVM
    private var monitorEnd = Layout.monitor + 0x1000
    let wires = Wires()
    let eventsSent = EventsSent()
    private var stubs: [[UInt32]: PhysicalAddress] = [:]

    /// - Parameters:
    ///   - timersInterrupt: whether each CPU's timers are wired to its IRQ input.
    ///   - engine: the one that the test is being run with, if nil.
    ///   - isRepeatable: whether engines are to do the same at the same instruction.
    ///   - interrupts: the GIC's side of the system registers, if there is one.
    ///   - hostFeatures: what translated code may use of the host; nil for all that it has.
    ///   - otherRAM: regions besides that which begins at `Layout.ram`.
    init(
        cpuCount: Int = 1, ramByteCount: UInt64 = 1 << 30, codeCacheByteCount: Int = 16 << 20,
        devices: [PhysicalBus.Region] = [], timersInterrupt: Bool = false, engine: Engine? = nil,
        isRepeatable: Bool = false, model: CPUModel = .dormouse1, interrupts: (any InterruptControllerInterface)? = nil,
        otherRAM: [Range<PhysicalAddress>] = [], rom: [Range<PhysicalAddress>] = [], hostFeatures: HostFeatures? = nil
    ) throws {
        memory = try GuestMemory(ram: [Layout.ram..<Layout.ram + ramByteCount] + otherRAM, rom: rom)
        bus = PhysicalBus(regions: devices, memory: memory)
        let wires = wires
        var configuration = BackendConfiguration(
            cpuCount: cpuCount, model: model, memory: memory, bus: bus, clock: clock,
            entropy: NoEntropy(), interruptController: interrupts,
            timerLines: { cpu in
                guard timersInterrupt else {
                    return TimerLines(virtualTimer: .unconnected, physicalTimer: .unconnected)
                }
                return TimerLines(
                    virtualTimer: InterruptLine { wires.set(.virtual, of: cpu, to: $0) },
                    physicalTimer: InterruptLine { wires.set(.physical, of: cpu, to: $0) })
            })
        configuration.isRepeatable = isRepeatable
        configuration.eventSent = { [eventsSent] in eventsSent.note($0) }
        vm = try EmulatedVM(
            configuration, engine: engine ?? TestEngine.current, codeCacheByteCount: codeCacheByteCount,
            hostFeatures: hostFeatures)
        wires.connect(vm.cpus)
        for vector in 0..<UInt64(16) {
            load([.hvc(Int(Call.vectors) + Int(vector))], at: Layout.monitor + vector * 0x80)
        }
        load([.eret], at: Self.exceptionReturn)
        for cpu in 0..<cpuCount {
            vm.cpus[cpu].reset(entry: Layout.monitor, context: 0)
            try set(.vbarEL1, Layout.monitor, on: cpu)
        }
    }

    /// The CPUs that were told of an event while they waited for one.
    final class EventsSent: Sendable {
        private struct State {
            var cpus: [Int] = []
            var onEvent: @Sendable (Int) -> Void = { _ in }
        }
        private let state = Mutex(State())

        func note(_ cpu: Int) {
            let onEvent = state.withLock { state in
                state.cpus.append(cpu)
                return state.onEvent
            }
            onEvent(cpu)
        }

        func onEvent(_ body: @escaping @Sendable (Int) -> Void) { state.withLock { $0.onEvent = body } }

        var cpus: [Int] { state.withLock(\.cpus) }
    }

    /// The timers' lines, which are made before the CPUs whose input they drive.
    final class Wires: Sendable {
        enum Timer { case virtual, physical }
        private struct State {
            var cpus: [EmulatedCPU] = []
            var asserted: [[Timer: Bool]] = []
            var settings = 0
        }
        private let state = Mutex(State())

        func connect(_ cpus: [EmulatedCPU]) {
            state.withLock {
                $0.cpus = cpus
                $0.asserted = cpus.map { _ in [:] }
            }
        }

        func set(_ timer: Timer, of cpu: Int, to level: Bool) {
            state.withLock {
                guard cpu < $0.cpus.count else { return }
                $0.settings += 1
                $0.asserted[cpu][timer] = level
                $0.cpus[cpu].setInterruptPending($0.asserted[cpu].values.contains(true))
            }
        }

        /// How often a timer of a connected CPU set its wire.
        var settings: Int { state.withLock { $0.settings } }
    }

    var cpu: EmulatedCPU { vm.cpus[0] }

    /// A general register of a CPU.
    func x(_ register: Int, on cpu: Int = 0) -> UInt64 { vm.cpus[cpu].register(register) }

    /// Puts CPU 0 into its reset state.
    func reset() throws {
        cpu.reset(entry: Layout.monitor, context: 0)
        try set(.vbarEL1, Layout.monitor)
    }

    // MARK: Memory

    func load(_ code: [A64], at address: PhysicalAddress) {
        memory.write(code.flatMap { withUnsafeBytes(of: $0.word.littleEndian, Array.init) }, at: address)
    }

    func word(at address: PhysicalAddress) -> UInt64 { memory.load(at: address) ?? 0 }

    // MARK: The monitor

    /// Runs a few instructions in the monitor at EL1h, with `x0` in X0; returns what X0 holds then.
    @discardableResult
    private func monitor(_ code: [A64], x0: UInt64 = 0, on cpu: Int) throws -> UInt64 {
        let cpu = vm.cpus[cpu]
        let key = code.map(\.word)
        let stub: PhysicalAddress
        if let known = stubs[key] {
            stub = known
        } else {
            stub = monitorEnd
            stubs[key] = stub
            load(code + [.hvc(Int(Call.done))], at: stub)
            monitorEnd += UInt64(code.count + 1) * 4
        }
        let saved = (cpu.register(0), cpu.programCounter)
        defer {
            cpu.setRegister(0, saved.0)
            cpu.programCounter = saved.1
        }
        cpu.setRegister(0, x0)
        cpu.programCounter = stub
        let exit = cpu.run(budget: 1000)
        guard exit == .hypercall(immediate: Call.done) else { throw MonitorError(exit: exit) }
        return cpu.register(0)
    }

    struct MonitorError: Error {
        let exit: Exit
    }

    /// Reads a system register at EL1h, to which the CPU must have come.
    func get(_ name: SystemName, on cpu: Int = 0) throws -> UInt64 {
        try monitor([.mrs(.x0, name)], on: cpu)
    }

    func set(_ name: SystemName, _ value: UInt64, on cpu: Int = 0) throws {
        try monitor([.msr(name, .x0), .isb], x0: value, on: cpu)
    }

    /// Sets SP_EL1.
    func setStackPointer(_ value: UInt64, on cpu: Int = 0) throws {
        try monitor([.movToSP(.x0)], x0: value, on: cpu)
    }

    /// Sets bits of SCTLR_EL1 and clears others.
    func control(set: UInt64 = 0, clear: UInt64 = 0, on cpu: Int = 0) throws {
        try self.set(.sctlrEL1, get(.sctlrEL1, on: cpu) & ~clear | set, on: cpu)
    }

    // MARK: Running

    /// Runs a CPU until it calls out. The exception of a `Stop` is read by the monitor.
    func resume(_ cpu: Int = 0, budget: Int = 1_000_000) throws -> Stop {
        let exit = vm.cpus[cpu].run(budget: budget)
        return try stop(for: exit, on: cpu)
    }

    func stop(for exit: Exit, on cpu: Int) throws -> Stop {
        guard case .hypercall(let immediate) = exit else { return .exit(exit) }
        guard immediate >= Call.vectors else { return .call(immediate) }
        return .exception(
            TakenException(
                vector: UInt64(immediate - Call.vectors) * 0x80, esr: try get(.esrEL1, on: cpu),
                elr: try get(.elrEL1, on: cpu), spsr: try get(.spsrEL1, on: cpu), far: try get(.farEL1, on: cpu)))
    }

    /// Makes the CPU continue at `address` with PSTATE `spsr`, by an exception return that the next run executes.
    func prepare(_ cpu: Int = 0, at address: UInt64, spsr: UInt64) throws {
        try set(.elrEL1, address, on: cpu)
        try set(.spsrEL1, spsr, on: cpu)
        vm.cpus[cpu].programCounter = Self.exceptionReturn
    }

    /// Runs code that is in memory already.
    func run(
        _ cpu: Int = 0, at address: UInt64, as mode: Mode = .el1h, flags: UInt64 = PSTATEBit.daif,
        _ registers: [Register: UInt64] = [:]
    ) throws -> Stop {
        try prepare(cpu, at: address, spsr: mode.rawValue | flags)
        for (register, value) in registers { vm.cpus[cpu].setRegister(register.index, value) }
        return try resume(cpu)
    }

    /// Where `run` puts code for `mode`.
    static func codeAddress(_ mode: Mode) -> UInt64 { mode == .el0t ? Layout.userCode : Layout.code }

    /// Puts `code` where code for `mode` is mapped, and runs it. EL0 ends by SVC, EL1 by HVC.
    func run(
        _ code: [A64], as mode: Mode = .el1h, flags: UInt64 = PSTATEBit.daif, _ registers: [Register: UInt64] = [:]
    ) throws -> Stop {
        load(code, at: Self.codeAddress(mode))
        return try run(at: Self.codeAddress(mode), as: mode, flags: flags, registers)
    }

    /// Runs all CPUs, each on a thread, until each calls out. One that does not within `seconds` is told to exit.
    ///
    /// - Parameter outside: what happens outside of the CPUs meanwhile; it is cancelled like them.
    func runConcurrently(seconds: Int = 600, outside: (@Sendable () -> Void)? = nil) throws -> [Stop] {
        let group = DispatchGroup()
        let vm = vm
        let results = Results()
        for cpu in vm.cpus {
            group.enter()
            Thread.detachNewThread {
                let exit = cpu.run(budget: nil)
                results.exits.withLock { $0[cpu.index] = exit }
                group.leave()
            }
        }
        let outsider = Thread { outside?() }
        outsider.start()
        defer { outsider.cancel() }
        if group.wait(timeout: .now() + .seconds(seconds)) == .timedOut {
            for cpu in vm.cpus { cpu.requestExit() }
            group.wait()
        }
        return try results.exits.withLock { $0 }.sorted { $0.key < $1.key }
            .map { try stop(for: $0.value, on: $0.key) }
    }

    private final class Results: Sendable {
        let exits = Mutex<[Int: Exit]>([:])
    }

    // MARK: The MMU

    /// What the monitor's MAIR_EL1 says: index 0 is normal memory, 1 Device-nGnRnE, 2 normal Non-cacheable.
    static let mair: UInt64 = 0x44_00_FF

    static func tcr(_ granule: Granule) -> UInt64 {
        TCRBit.sizes | TCRBit.ips40 | TCRBit.asidSize | granule.tcr
    }

    /// Tables that map the monitor, code and data to themselves.
    func makeTables(_ granule: Granule = .kib4, at base: PhysicalAddress = Layout.tables) -> PageTables {
        let tables = PageTables(granule, in: memory, at: base)
        func identity(_ address: UInt64, _ attributes: PageAttributes) {
            for page in stride(from: address, to: address + 0x1_0000, by: Int(granule.byteCount)) {
                tables.map(page, to: page, attributes)
            }
        }
        identity(Layout.monitor, .code)
        identity(Layout.code, .code)
        identity(Layout.vectors, .code)
        identity(Layout.userCode, .userCode)
        identity(Layout.data, .data)
        identity(Layout.userData, .userData)
        return tables
    }

    /// Turns the MMU on.
    func enableMMU(
        _ tables: PageTables, upper: PageTables? = nil, asid: UInt64 = 0, tcr: UInt64 = 0, sctlr: UInt64 = 0,
        on cpu: Int = 0
    ) throws {
        try set(.mairEL1, Self.mair, on: cpu)
        try set(.tcrEL1, Self.tcr(tables.granule) | tcr | (upper == nil ? TCRBit.epd1 : 0), on: cpu)
        try set(.ttbr0EL1, tables.root | asid << 48, on: cpu)
        if let upper { try set(.ttbr1EL1, upper.root, on: cpu) }
        try control(set: SCTLRBit.m | sctlr, on: cpu)
    }

    /// A machine whose MMU is on.
    static func withMMU(
        _ granule: Granule = .kib4, tcr: UInt64 = 0, sctlr: UInt64 = 0, devices: [PhysicalBus.Region] = []
    ) throws -> (SystemMachine, PageTables) {
        let machine = try SystemMachine(devices: devices)
        let tables = machine.makeTables(granule)
        try machine.enableMMU(tables, tcr: tcr, sctlr: sctlr)
        return (machine, tables)
    }
}

/// Ends a run that should have ended by itself: the test then sees `.interrupted`.
final class Watchdog: Sendable {
    private let isStopped = Mutex(false)

    init(_ cpu: EmulatedCPU, seconds: Double) {
        Thread.detachNewThread { [self] in
            let end = Date().addingTimeInterval(seconds)
            while Date() < end {
                if isStopped.withLock({ $0 }) { return }
                Thread.sleep(forTimeInterval: 0.05)
            }
            cpu.requestExit()
        }
    }

    func stop() { isStopped.withLock { $0 = true } }
}
