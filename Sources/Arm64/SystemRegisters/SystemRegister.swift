// The identity of an AArch64 system register.
//
// Responsible for: the encoding that MRS and MSR carry, and the numbered families of registers. The single ones are in
// `SystemRegister+Table`. Not responsible for values (`CPUModel` has those of ID registers) nor for who may access
// what. Follows DDI 0487, chapter D17.

/// A system register, identified as MRS and MSR (register) do.
public struct SystemRegister: RawRepresentable, Hashable, Sendable {
    /// op0<<14 | op1<<11 | CRn<<7 | CRm<<3 | op2: bits 20 to 5 of the instruction.
    public let rawValue: UInt16

    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Fields as the Arm ARM lists them; bits beyond a field's width are ignored.
    @inlinable
    public init(op0: UInt8, op1: UInt8, crn: UInt8, crm: UInt8, op2: UInt8) {
        rawValue =
            UInt16(op0 & 3) << 14 | UInt16(op1 & 7) << 11 | UInt16(crn & 15) << 7 | UInt16(crm & 15) << 3
            | UInt16(op2 & 7)
    }

    /// Shorthand for the table, in the Arm ARM's order op0, op1, CRn, CRm, op2.
    @inlinable
    init(_ op0: UInt8, _ op1: UInt8, _ crn: UInt8, _ crm: UInt8, _ op2: UInt8) {
        self.init(op0: op0, op1: op1, crn: crn, crm: crm, op2: op2)
    }

    /// The register that an MRS or MSR (register) instruction names.
    @inlinable
    public init(instruction: UInt32) {
        rawValue = UInt16(truncatingIfNeeded: instruction >> 5)
    }

    /// 2 for debug registers, 3 for all others.
    @inlinable public var op0: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 14) }
    @inlinable public var op1: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 11 & 7) }
    @inlinable public var crn: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 7 & 15) }
    @inlinable public var crm: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 3 & 15) }
    @inlinable public var op2: UInt8 { UInt8(truncatingIfNeeded: rawValue & 7) }

    /// Whether the encoding lies in the ID space, op0 3, op1 0, CRn 0, CRm 1 to 7: what is not allocated there reads
    /// as zero (DDI 0487, D17.1.1) rather than being undefined.
    @inlinable
    public var isInIDSpace: Bool {
        op0 == 3 && op1 == 0 && crn == 0 && (1...7).contains(crm)
    }
}

// The numbered families.
extension SystemRegister {
    /// DBGBVR`n`_EL1, breakpoint value; the low four bits of `n` count.
    @inlinable public static func dbgbvrEL1(_ n: UInt8) -> Self { Self(2, 0, 0, n, 4) }
    /// DBGBCR`n`_EL1, breakpoint control; the low four bits of `n` count.
    @inlinable public static func dbgbcrEL1(_ n: UInt8) -> Self { Self(2, 0, 0, n, 5) }
    /// DBGWVR`n`_EL1, watchpoint value; the low four bits of `n` count.
    @inlinable public static func dbgwvrEL1(_ n: UInt8) -> Self { Self(2, 0, 0, n, 6) }
    /// DBGWCR`n`_EL1, watchpoint control; the low four bits of `n` count.
    @inlinable public static func dbgwcrEL1(_ n: UInt8) -> Self { Self(2, 0, 0, n, 7) }
    /// PMEVCNTR`n`_EL0, `n` from 0 to 30.
    @inlinable public static func pmevcntrEL0(_ n: UInt8) -> Self { Self(3, 3, 14, 8 | n >> 3 & 3, n) }
    /// PMEVTYPER`n`_EL0, `n` from 0 to 30.
    @inlinable public static func pmevtyperEL0(_ n: UInt8) -> Self { Self(3, 3, 14, 12 | n >> 3 & 3, n) }

    /// Which breakpoint or watchpoint register this is, with its number; nil if it is none.
    public var debugRegister: (kind: DebugRegisterKind, number: Int)? {
        guard op0 == 2, op1 == 0, crn == 0, let kind = DebugRegisterKind(rawValue: op2) else { return nil }
        return (kind, Int(crm))
    }

    /// The families of breakpoint and watchpoint registers, by op2.
    public enum DebugRegisterKind: UInt8, Sendable {
        case breakpointValue = 4
        case breakpointControl
        case watchpointValue
        case watchpointControl
    }
}

extension SystemRegister: CustomStringConvertible {
    /// Arm's name, or the generic one (S3_0_C1_C0_0) for a register without a name here.
    public var name: String {
        if let name = Self.names[self] { return name }
        if let (kind, number) = debugRegister {
            switch kind {
            case .breakpointValue: return "DBGBVR\(number)_EL1"
            case .breakpointControl: return "DBGBCR\(number)_EL1"
            case .watchpointValue: return "DBGWVR\(number)_EL1"
            case .watchpointControl: return "DBGWCR\(number)_EL1"
            }
        }
        let number = (crm & 3) << 3 | op2
        if self == .pmevcntrEL0(number), number < 31 { return "PMEVCNTR\(number)_EL0" }
        if self == .pmevtyperEL0(number), number < 31 { return "PMEVTYPER\(number)_EL0" }
        return "S\(op0)_\(op1)_C\(crn)_C\(crm)_\(op2)"
    }

    public var description: String { name }
}
