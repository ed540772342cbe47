// Single operations in the interpreter, on any state.
//
// Responsible for: putting one operation into a block, executing that, and taking and putting back all that it may
// touch. The MMU is on and maps code and data to themselves, so that unaligned accesses are allowed and stray ones
// fault.

import Arm64
import Hypervisor

@testable import Emulator

final class OperationMachine {
    typealias Layout = SystemMachine.Layout

    /// What an operation may depend on or change.
    struct State: Equatable {
        var x = [UInt64](repeating: 0, count: 40)
        var v = [SIMD2<UInt64>](repeating: .zero, count: 36)
        var nzcv: UInt32 = 0
        var fpcr: UInt32 = 0
        var fpsr: UInt32 = 0
        var system: [UInt64] = []
        var memory: [UInt8] = []
        /// After an operation: where execution goes on.
        var pc: UInt64 = 0
    }

    /// The window of memory that operations are to access, in pages of EL0.
    static let window = Layout.userData
    static let windowByteCount = 0x1000

    let machine: SystemMachine
    private var cpu: EmulatedCPU { machine.cpu }
    private var nextCode = Layout.code
    /// System registers of the CPU when nothing was executed yet.
    let initialSystem: [UInt64]

    init() throws {
        machine = try SystemMachine(ramByteCount: 16 << 20, engine: .interpreter)
        try machine.enableMMU(machine.makeTables())
        try machine.set(.cpacrEL1, 3 << 20)
        let state = machine.cpu.state
        initialSystem = (0..<Self.systemWordCount).map { state.word(CPUState.Offset.system + $0 * 8) }
    }

    private static let systemWordCount = MemoryLayout<SystemState>.size / 8

    /// The index in `State.system` of a register.
    static func systemIndex(_ field: KeyPath<SystemState, UInt64>) -> Int {
        (MemoryLayout<SystemState>.offset(of: field) ?? 0) / 8
    }

    /// Where an address of the window is in the host.
    func hostAddress(_ address: UInt64) -> UInt64 {
        UInt64(UInt(bitPattern: machine.memory.pointer(at: address, count: 1)))
    }

    /// Makes a block of one operation; returns its address.
    func block(of operation: Operation) throws -> UInt64 {
        if nextCode == Layout.code + 0x1_0000 {
            for page in stride(from: Layout.code, to: nextCode, by: 0x1000) { machine.vm.invalidateCode(at: page) }
            nextCode = Layout.code
        }
        var first = operation
        first.advance = 1
        var operations = [first]
        let slot = Operation(.moveImmediate)
        switch OperationFacts(of: operation).flow {
        case .sideExit, .jump: operations.append(slot)
        case .next, .indirect, .leaves: break
        }
        operations += [Operation(.fallThrough, a: 1, immediate: 4), slot]
        let generation = cpu.codeCache.generation
        let insertion = cpu.codeCache.insert(
            nextCode, mode: BlockMode(isEL0: false, stackIsMisaligned: false), instructionCount: 1,
            operations: operations, since: generation)
        guard case .done = insertion else { throw Failure.noBlock }
        defer { nextCode += 4 }
        return nextCode
    }

    enum Failure: Error { case noBlock }

    /// Executes a block of one operation on `before`; returns what there is then.
    func run(_ block: UInt64, on before: State) -> State {
        let state = cpu.state
        for index in before.x.indices { state.x[index] = before.x[index] }
        for index in before.v.indices { state.setQ(UInt8(index), before.v[index]) }
        state.nzcv = before.nzcv
        state.fpcr = before.fpcr
        state.fpsr = before.fpsr
        for index in before.system.indices { state.setWord(CPUState.Offset.system + index * 8, before.system[index]) }
        machine.memory.write(before.memory, at: Self.window)
        state.pc = block
        _ = cpu.run(budget: 1)
        var after = State()
        for index in after.x.indices { after.x[index] = state.x[index] }
        for index in after.v.indices { after.v[index] = state.q(UInt8(index)) }
        after.nzcv = state.nzcv
        after.fpcr = state.fpcr
        after.fpsr = state.fpsr
        after.system = initialSystem.indices.map { state.word(CPUState.Offset.system + $0 * 8) }
        after.memory = machine.memory.read(at: Self.window, count: Self.windowByteCount) ?? []
        after.pc = state.pc
        return after
    }
}
