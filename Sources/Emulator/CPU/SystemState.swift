// System registers and PSTATE, inside the CPU state block.
//
// Responsible for: the storage that MRS, MSR and exceptions share, with offsets that operations and generated code can
// use. Not responsible for what a write causes: see `EmulatedCPU+SystemRegisters`.

import Arm64

/// The system part of a CPU's state block, at `CPUState.Offset.system`.
@frozen
public struct SystemState {
    /// PSTATE but for NZCV, which is in `CPUState.nzcv`: DAIF, PAN, UAO, SSBS, IL, SS and M, where SPSR has
    /// them.
    public var pstate: UInt64 = PSTATE.reset.rawValue
    /// SP_EL0 and SP_EL1 while they are not in use; the one in use is x[31].
    public var spEL0: UInt64 = 0
    public var spEL1: UInt64 = 0
    public var elrEL1: UInt64 = 0
    public var spsrEL1: UInt64 = 0
    public var esrEL1: UInt64 = 0
    public var farEL1: UInt64 = 0
    public var vbarEL1: UInt64 = 0
    public var sctlrEL1: UInt64 = 0
    public var actlrEL1: UInt64 = 0
    public var cpacrEL1: UInt64 = 0
    public var tcrEL1: UInt64 = 0
    public var ttbr0EL1: UInt64 = 0
    public var ttbr1EL1: UInt64 = 0
    public var mairEL1: UInt64 = 0
    public var amairEL1: UInt64 = 0
    public var contextidrEL1: UInt64 = 0
    public var tpidrEL0: UInt64 = 0
    public var tpidrroEL0: UInt64 = 0
    public var tpidrEL1: UInt64 = 0
    public var parEL1: UInt64 = 0
    public var afsr0EL1: UInt64 = 0
    public var afsr1EL1: UInt64 = 0
    public var csselrEL1: UInt64 = 0
    public var mdscrEL1: UInt64 = 0
    public var osLock: UInt64 = 0
    public var osdlrEL1: UInt64 = 0
    public var cntkctlEL1: UInt64 = 0
    public var cntvCtl: UInt64 = 0
    public var cntvCval: UInt64 = 0
    public var cntpCtl: UInt64 = 0
    public var cntpCval: UInt64 = 0
    /// The local exclusive monitor: host address of the reservation (0 if open), bytes, and what was loaded.
    public var exclusiveAddress: UInt64 = 0
    public var exclusiveSize: UInt64 = 0
    public var exclusiveLow: UInt64 = 0
    public var exclusiveHigh: UInt64 = 0
    public var disrEL1: UInt64 = 0

    public init() {}
}

extension CPUState {
    /// Safe: `Offset.system` leaves room for `SystemState` up to `Offset.byteCount`, aligned to 8 bytes.
    @inlinable @inline(__always)
    public var system: UnsafeMutablePointer<SystemState> {
        (base + Offset.system).assumingMemoryBound(to: SystemState.self)
    }

    /// The byte offset in the block of a system register, for operations that read or write it directly.
    static func offset(of field: KeyPath<SystemState, UInt64>) -> UInt64 {
        UInt64(Offset.system + (MemoryLayout<SystemState>.offset(of: field) ?? 0))
    }
}
