// The exception syndrome: what ESR_EL1 says about an exception taken to EL1 from AArch64.
//
// Responsible for: building the value. Not responsible for FAR_EL1, nor for which exception has priority.
// Follows DDI 0487, section D13.2.37 (ESR_EL1). Each maker below is named after one exception class; reserved
// fields, and those that are only valid at EL2 (ISV and its companions), are zero.

/// A value of ESR_EL1: EC in bits 31:26, IL in bit 25, ISS in bits 24:0.
public struct Syndrome: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt64

    @inlinable
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// IL is always set: A64 instructions have 32 bits, and the classes without an instruction set it too.
    @inlinable
    public init(class exceptionClass: ExceptionClass, iss: UInt32) {
        rawValue =
            UInt64(exceptionClass.rawValue) << Self.classShift | Self.il | UInt64(iss) & Self.issMask
    }

    @inlinable static var classShift: UInt64 { 26 }
    @inlinable static var il: UInt64 { 1 << 25 }
    @inlinable static var issMask: UInt64 { (1 << 25) - 1 }

    /// EC.
    @inlinable
    public var exceptionClass: ExceptionClass {
        ExceptionClass(rawValue: UInt8(truncatingIfNeeded: rawValue >> Self.classShift & 0x3F))
    }

    /// ISS.
    @inlinable
    public var iss: UInt32 { UInt32(truncatingIfNeeded: rawValue & Self.issMask) }

    /// A value of EC. Where a class exists for a lower and the same exception level, the plain name is the former.
    public struct ExceptionClass: RawRepresentable, Hashable, Sendable {
        public let rawValue: UInt8

        @inlinable
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        @inlinable public static var unknown: Self { Self(rawValue: 0x00) }
        @inlinable public static var waitTrapped: Self { Self(rawValue: 0x01) }
        @inlinable public static var floatingPointAccess: Self { Self(rawValue: 0x07) }
        @inlinable public static var illegalExecutionState: Self { Self(rawValue: 0x0E) }
        @inlinable public static var svc: Self { Self(rawValue: 0x15) }
        @inlinable public static var hvc: Self { Self(rawValue: 0x16) }
        @inlinable public static var smc: Self { Self(rawValue: 0x17) }
        @inlinable public static var systemRegisterTrapped: Self { Self(rawValue: 0x18) }
        @inlinable public static var instructionAbort: Self { Self(rawValue: 0x20) }
        @inlinable public static var pcAlignment: Self { Self(rawValue: 0x22) }
        @inlinable public static var dataAbort: Self { Self(rawValue: 0x24) }
        @inlinable public static var spAlignment: Self { Self(rawValue: 0x26) }
        @inlinable public static var sError: Self { Self(rawValue: 0x2F) }
        @inlinable public static var breakpoint: Self { Self(rawValue: 0x30) }
        @inlinable public static var softwareStep: Self { Self(rawValue: 0x32) }
        @inlinable public static var watchpoint: Self { Self(rawValue: 0x34) }
        @inlinable public static var brk: Self { Self(rawValue: 0x3C) }

        /// The class for an exception from EL1 itself, where there are two.
        @inlinable
        public func from(el0: Bool) -> Self { el0 ? self : Self(rawValue: rawValue | 1) }
    }
}

// Instructions that are undefined, trapped, or generate exceptions.
extension Syndrome {
    /// An undefined instruction, and every other exception with EC "Unknown reason".
    @inlinable
    public static var undefined: Self { Self(class: .unknown, iss: 0) }

    /// An instruction executed with PSTATE.IL set.
    @inlinable
    public static var illegalExecutionState: Self { Self(class: .illegalExecutionState, iss: 0) }

    /// CV set and COND "always", which is what A64 instructions report.
    @inlinable static var condition: UInt32 { 1 << 24 | 0b1110 << 20 }

    /// WFI or WFE at EL0, trapped by SCTLR_EL1.nTWI or nTWE.
    @inlinable
    public static func waitTrapped(isWFE: Bool) -> Self {
        Self(class: .waitTrapped, iss: condition | (isWFE ? 1 : 0))
    }

    /// An Advanced SIMD or floating-point instruction, trapped by CPACR_EL1.FPEN.
    @inlinable
    public static var floatingPointAccess: Self { Self(class: .floatingPointAccess, iss: condition) }

    /// SVC #`immediate`.
    @inlinable
    public static func svc(_ immediate: UInt16) -> Self { Self(class: .svc, iss: UInt32(immediate)) }

    /// HVC #`immediate`.
    @inlinable
    public static func hvc(_ immediate: UInt16) -> Self { Self(class: .hvc, iss: UInt32(immediate)) }

    /// SMC #`immediate`.
    @inlinable
    public static func smc(_ immediate: UInt16) -> Self { Self(class: .smc, iss: UInt32(immediate)) }

    /// BRK #`immediate`.
    @inlinable
    public static func brk(_ immediate: UInt16) -> Self { Self(class: .brk, iss: UInt32(immediate)) }

    /// MRS (`isRead`), MSR or SYS at EL0, trapped by a control of EL1 (SCTLR_EL1.UCT, UCI, DZE, UMA, CNTKCTL_EL1).
    /// `rt` is the instruction's transfer register.
    @inlinable
    public static func systemRegisterTrapped(_ register: SystemRegister, rt: UInt8, isRead: Bool) -> Self {
        let operands =
            UInt32(register.op0) << 20 | UInt32(register.op2) << 17 | UInt32(register.op1) << 14
            | UInt32(register.crn) << 10
        let transfer = UInt32(rt & 31) << 5 | UInt32(register.crm) << 1 | (isRead ? 1 : 0)
        return Self(class: .systemRegisterTrapped, iss: operands | transfer)
    }

    /// DC, IC, AT or TLBI at EL0, trapped like `systemRegisterTrapped`.
    @inlinable
    public static func systemInstructionTrapped(_ instruction: SystemInstruction, rt: UInt8) -> Self {
        systemRegisterTrapped(SystemRegister(rawValue: instruction.rawValue), rt: rt, isRead: false)
    }
}

// Aborts and misaligned addresses.
extension Syndrome {
    /// ISS of a Data Abort or Watchpoint: the access was a write. Set for cache maintenance too.
    @inlinable static var wnr: UInt32 { 1 << 6 }
    /// ISS of a Data Abort or Watchpoint: the access was cache maintenance or address translation, other than DC ZVA.
    @inlinable static var cm: UInt32 { 1 << 8 }

    /// An instruction fetch aborted. S1PTW is for stage 2 and so zero.
    @inlinable
    public static func instructionAbort(_ status: FaultStatus, fromEL0: Bool) -> Self {
        Self(class: .instructionAbort.from(el0: fromEL0), iss: UInt32(status.rawValue))
    }

    /// A data access aborted. S1PTW is for stage 2 and so zero.
    ///
    /// - Parameters:
    ///   - status: DFSC, and whether FAR_EL1 is valid.
    ///   - fromEL0: the access was made at EL0.
    ///   - isWrite: WnR. For an atomic access, which reads and writes: false if a read would have aborted too.
    ///   - isCacheMaintenance: CM; it sets WnR as well. DC ZVA is an ordinary write.
    @inlinable
    public static func dataAbort(
        _ status: FaultStatus, fromEL0: Bool, isWrite: Bool, isCacheMaintenance: Bool = false
    ) -> Self {
        Self(
            class: .dataAbort.from(el0: fromEL0),
            iss: accessFlags(isWrite: isWrite, isCacheMaintenance: isCacheMaintenance) | UInt32(status.rawValue))
    }

    @inlinable
    static func accessFlags(isWrite: Bool, isCacheMaintenance: Bool) -> UInt32 {
        isCacheMaintenance ? cm | wnr : isWrite ? wnr : 0
    }

    /// A fetch from a PC that is not a multiple of 4.
    @inlinable
    public static var pcAlignment: Self { Self(class: .pcAlignment, iss: 0) }

    /// An access by an SP that is not a multiple of 16, with SCTLR_EL1.SA or SA0 set.
    @inlinable
    public static var spAlignment: Self { Self(class: .spAlignment, iss: 0) }
}

// Debug exceptions.
extension Syndrome {
    /// One instruction was executed with MDSCR_EL1.SS set.
    ///
    /// - Parameters:
    ///   - fromEL0: the instruction was executed at EL0.
    ///   - wasExclusiveLoad: EX, the instruction was a load-exclusive; nil if that is not known, as when no
    ///     instruction was stepped at all (ISV is then 0).
    @inlinable
    public static func softwareStep(fromEL0: Bool, wasExclusiveLoad: Bool?) -> Self {
        let isv: UInt32 = 1 << 24
        let ex: UInt32 = 1 << 6
        let step = wasExclusiveLoad.map { $0 ? isv | ex : isv } ?? 0
        return Self(class: .softwareStep.from(el0: fromEL0), iss: step | UInt32(FaultStatus.debug.rawValue))
    }

    /// A hardware breakpoint matched.
    @inlinable
    public static func breakpoint(fromEL0: Bool) -> Self {
        Self(class: .breakpoint.from(el0: fromEL0), iss: UInt32(FaultStatus.debug.rawValue))
    }

    /// A watchpoint matched; the flags are those of `dataAbort`.
    @inlinable
    public static func watchpoint(fromEL0: Bool, isWrite: Bool, isCacheMaintenance: Bool = false) -> Self {
        Self(
            class: .watchpoint.from(el0: fromEL0),
            iss: accessFlags(isWrite: isWrite, isCacheMaintenance: isCacheMaintenance)
                | UInt32(FaultStatus.debug.rawValue))
    }
}
