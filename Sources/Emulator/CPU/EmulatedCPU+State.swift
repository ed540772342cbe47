// A CPU's state as a value.
//
// Responsible for: everything that the architecture keeps in a PE, by Arm's names. Not responsible for: the level of
// the IRQ input, which is the interrupt controller's, nor for the counter, which is the machine's. Nothing is kept that
// only makes the CPU fast: the CPU that takes a state over begins with empty software TLBs and finds its blocks anew.
//
// The exclusive monitor is among the state, although the architecture would let it be cleared: then a guest that is
// moved between a load-exclusive and its store-exclusive does the same as one that is not, and runs on the instruction
// clock repeat.

import Arm64
import Hypervisor
import Synchronization

/// What is saved of a CPU.
private struct CPUFields: Codable {
    /// The local monitor, if it is set: a guest physical address, and what was loaded from there.
    struct Monitor: Codable {
        var address: PhysicalAddress
        var byteCount: UInt64
        var low: UInt64
        var high: UInt64
    }

    /// The name of the CPU model.
    var model: String
    /// X0 to X30.
    var x: [UInt64]
    /// SP_EL0 and SP_EL1.
    var sp: [UInt64]
    var pc: UInt64
    var pstate: UInt64
    /// V0 to V31, the low half of each first.
    var v: [UInt64]
    var fpcr: UInt64
    var fpsr: UInt64
    /// By Arm's names.
    var system: [String: UInt64]
    var monitor: Monitor?
    /// The event register.
    var event: Bool
    /// The CPU waits in a WFE.
    var waitsForEvent: Bool
    /// Up to which counter value the event stream was looked at.
    var eventStreamSeen: UInt64
}

extension CPUFields {
    static let generalRegisterCount = 31
    static let vectorRegisterCount: UInt8 = 32

    /// Throws if a guest cannot bring a CPU of `model` with `memory` into this state.
    func check(_ model: CPUModel, _ memory: GuestMemory) throws(DeviceStateError) {
        try DeviceStateError.check(self.model == model.name, "model")
        try DeviceStateError.check(x.count == Self.generalRegisterCount, "x")
        try DeviceStateError.check(sp.count == 2, "sp")
        try DeviceStateError.check(v.count == Int(Self.vectorRegisterCount) * 2, "v")
        let isState = model.pstate.effective(pstate) == pstate && PSTATE(rawValue: pstate).mode != nil
        try DeviceStateError.check(isState, "pstate")
        try DeviceStateError.check(fpcr & ~model.fpcr.writable == 0, "fpcr")
        try DeviceStateError.check(fpsr & ~FloatingPointRegister.fpsrWritable == 0, "fpsr")
        let registers = KeptRegister.all(of: model)
        for kept in registers {
            let name = kept.register.name
            let canHold = system[name].map { kept.canHold($0, on: model) } ?? false
            try DeviceStateError.check(canHold, "system." + name)
        }
        try DeviceStateError.check(system.count == registers.count, "system")
        guard let monitor else { return }
        let isAccess = [1, 2, 4, 8, 16].contains(monitor.byteCount) && monitor.address % max(1, monitor.byteCount) == 0
        let isThere = isAccess && memory.pointer(at: monitor.address, count: monitor.byteCount) != nil
        try DeviceStateError.check(isThere, "monitor")
    }
}

/// For the thread of `run`, or while no thread is in it.
extension EmulatedCPU: StatefulDevice {
    private static let kind = DeviceState.Kind("arm64-cpu", version: 1)

    private var usesOwnStackPointer: Bool { pstate.mode?.usesOwnStackPointer ?? false }

    public func save() throws(DeviceStateError) -> DeviceState {
        let system = state.system.pointee
        let sp = state.x[Int(CPUState.Register.sp)]
        let vectors = (0..<CPUFields.vectorRegisterCount).map { state.q($0) }
        return try DeviceState(
            Self.kind,
            CPUFields(
                model: configuration.model.name, x: (0..<CPUFields.generalRegisterCount).map { state.x[$0] },
                sp: usesOwnStackPointer ? [system.spEL0, sp] : [sp, system.spEL1], pc: state.pc,
                pstate: pstate.rawValue, v: vectors.flatMap { [$0.x, $0.y] }, fpcr: UInt64(state.fpcr),
                fpsr: UInt64(state.fpsr),
                system: Dictionary(
                    uniqueKeysWithValues: KeptRegister.all(of: configuration.model).map {
                        ($0.register.name, state.word($0.offset))
                    }),
                monitor: savedMonitor, event: eventRegister.load(ordering: .sequentiallyConsistent),
                waitsForEvent: waitsForEvent.load(ordering: .sequentiallyConsistent), eventStreamSeen: eventStreamSeen))
    }

    public func restore(_ saved: DeviceState) throws(DeviceStateError) {
        let fields = try saved.fields(CPUFields.self, of: Self.kind)
        try fields.check(configuration.model, memory)
        for (register, value) in fields.x.enumerated() { state.x[register] = value }
        for register in 0..<CPUFields.vectorRegisterCount {
            state.setQ(register, SIMD2(fields.v[2 * Int(register)], fields.v[2 * Int(register) + 1]))
        }
        state.pc = fields.pc
        state.nzcv = UInt32(truncatingIfNeeded: fields.pstate & PSTATE.nzcv)
        state.fpcr = UInt32(truncatingIfNeeded: fields.fpcr)
        state.fpsr = UInt32(truncatingIfNeeded: fields.fpsr)
        state.system.pointee = SystemState()
        for kept in KeptRegister.all(of: configuration.model) {
            state.setWord(kept.offset, fields.system[kept.register.name] ?? 0)
        }
        state.system.pointee.pstate = fields.pstate & ~PSTATE.nzcv
        state.system.pointee.spEL0 = fields.sp[0]
        state.system.pointee.spEL1 = fields.sp[1]
        state.x[Int(CPUState.Register.sp)] = fields.sp[usesOwnStackPointer ? 1 : 0]
        restore(fields.monitor)
        resetEvents()
        eventRegister.store(fields.event, ordering: .sequentiallyConsistent)
        waitsForEvent.store(fields.waitsForEvent, ordering: .sequentiallyConsistent)
        eventStreamSeen = fields.eventStreamSeen
        // What was cached is of another past.
        hasUncompletedInvalidation = false
        translationRegistersChanged()
        invalidateAllTranslations()
        releaseBlocks()
        updateTimers()
    }

    private var savedMonitor: CPUFields.Monitor? {
        let system = state.system.pointee
        // One of ROM is forgotten, as it may be at any time: no store there can succeed.
        guard let pointer = UnsafeRawPointer(bitPattern: UInt(system.exclusiveAddress)),
            let address = memory.address(of: pointer)
        else { return nil }
        return CPUFields.Monitor(
            address: address, byteCount: system.exclusiveSize, low: system.exclusiveLow, high: system.exclusiveHigh)
    }

    private func restore(_ monitor: CPUFields.Monitor?) {
        // Safe: `check` has found the address in RAM, which never moves, and aligned to the size of the access.
        guard let monitor, let pointer = memory.pointer(at: monitor.address, count: monitor.byteCount) else { return }
        state.system.pointee.exclusiveAddress = UInt64(UInt(bitPattern: pointer))
        state.system.pointee.exclusiveSize = monitor.byteCount
        state.system.pointee.exclusiveLow = monitor.low
        state.system.pointee.exclusiveHigh = monitor.high
    }
}
