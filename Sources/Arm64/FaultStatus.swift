// The fault status code: why an instruction or data abort happened.
//
// Follows DDI 0487, ESR_EL1: the DFSC field of ISS for a Data Abort and the IFSC field for an Instruction Abort, which
// agree where both exist. PAR_EL1.FST uses the same codes.

/// A value of DFSC, IFSC or FST: six bits.
public struct FaultStatus: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue & 0x3F }

    /// An address does not fit the physical address size. `level` is that of the lookup, 0 to 3; 0 also for the base
    /// address in a TTBR, and with the MMU off.
    @inlinable public static func addressSize(level: UInt8) -> Self { Self(rawValue: 0b000000 | level & 3) }
    /// No valid translation at `level`.
    @inlinable public static func translation(level: UInt8) -> Self { Self(rawValue: 0b000100 | level & 3) }
    /// The access flag is clear and hardware does not set it.
    @inlinable public static func accessFlag(level: UInt8) -> Self { Self(rawValue: 0b001000 | level & 3) }
    /// The translation does not permit the access.
    @inlinable public static func permission(level: UInt8) -> Self { Self(rawValue: 0b001100 | level & 3) }
    /// A synchronous external abort of the walk itself, at `level`.
    @inlinable public static func externalAbortOnWalk(level: UInt8) -> Self { Self(rawValue: 0b010100 | level & 3) }

    /// A synchronous external abort that is not of a walk.
    @inlinable public static var externalAbort: Self { Self(rawValue: 0b010000) }
    /// An unaligned address where alignment is required.
    @inlinable public static var alignment: Self { Self(rawValue: 0b100001) }
    /// The debug exceptions' code, in the syndromes of breakpoints, watchpoints and software step.
    @inlinable public static var debug: Self { Self(rawValue: 0b100010) }
    /// The memory type or location of a descriptor does not support hardware update.
    @inlinable public static var unsupportedAtomicUpdate: Self { Self(rawValue: 0b110001) }
    /// Data aborts only: an exclusive or atomic access where the memory does not support it.
    @inlinable public static var unsupportedExclusive: Self { Self(rawValue: 0b110101) }
}
