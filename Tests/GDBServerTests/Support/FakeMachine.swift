// A machine that does nothing but note what it was asked for.

import Synchronization

@testable import GDBServer

final class FakeMachine: DebuggedMachine {
    private struct State {
        var calls: [String] = []
        var registers: [DebuggedRegisters]
        var memory: [UInt8]
        var isStill = true
    }

    /// Where its memory begins, which is not mapped at physical addresses.
    static let base: UInt64 = 0xFFFF_8000_0000_1000
    static let byteCount = 8192

    let cpuCount: Int
    let breakpointLimit = 4
    let watchpointLimit = 2
    private let state: Mutex<State>

    init(cpuCount: Int = 2) {
        self.cpuCount = cpuCount
        var registers = DebuggedRegisters()
        for index in 0..<31 { registers.x[index] = UInt64(index) }
        registers.sp = 0x1122_3344_5566_7788
        registers.pc = 0xFFFF_8000_0800_0000
        registers.cpsr = 0x6000_03C5
        for index in 0..<32 { registers.v[index] = SIMD2(UInt64(index), 0x100 + UInt64(index)) }
        (registers.fpsr, registers.fpcr) = (0x10, 0x0040_0000)
        state = Mutex(
            State(
                registers: Array(repeating: registers, count: cpuCount),
                memory: (0..<Self.byteCount).map { UInt8(truncatingIfNeeded: $0) }))
    }

    private func note(_ call: String) { state.withLock { $0.calls.append(call) } }

    /// What it was asked for since the last time.
    func takeCalls() -> [String] {
        state.withLock { state in
            defer { state.calls = [] }
            return state.calls
        }
    }

    func set(isStill: Bool) { state.withLock { $0.isStill = isStill } }

    func activity(of cpu: Int) -> String { cpu == 0 ? "running" : "off" }
    func stop() { note("stop") }
    func kill() { note("kill") }

    func resume(_ cpus: [DebuggedResumption], breakpoints: Set<UInt64>, watchpoints: Set<DebuggedWatchpoint>) {
        var words = breakpoints.sorted().map { String($0, radix: 16) }
        words += watchpoints.sorted { $0.range.lowerBound < $1.range.lowerBound }.map {
            "\($0.kind)@\(String($0.range.lowerBound, radix: 16))+\($0.range.count)"
        }
        note("resume \(cpus) \(words.joined(separator: " "))")
    }

    func registers(of cpu: Int) -> DebuggedRegisters? {
        state.withLock { $0.isStill ? $0.registers[cpu] : nil }
    }

    func setRegisters(_ registers: DebuggedRegisters, of cpu: Int) -> Bool {
        // No CPU is in AArch32.
        guard registers.cpsr & 0x10 == 0 else { return false }
        state.withLock { $0.registers[cpu] = registers }
        return true
    }

    func read(_ space: DebuggedSpace, at address: UInt64, count: Int) -> [UInt8] {
        guard let offset = offset(space, address) else { return [] }
        return state.withLock { Array($0.memory[offset...].prefix(count)) }
    }

    func write(_ bytes: [UInt8], _ space: DebuggedSpace, at address: UInt64) -> Bool {
        guard let offset = offset(space, address), bytes.count <= Self.byteCount - offset else { return false }
        state.withLock { $0.memory.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
        return true
    }

    private func offset(_ space: DebuggedSpace, _ address: UInt64) -> Int? {
        let base = space == .physical ? 0x4000_0000 : Self.base
        return address >= base && address - base < UInt64(Self.byteCount) ? Int(address - base) : nil
    }

    func monitor(_ line: String) -> String? { "(\(line))\r\n" }
}
