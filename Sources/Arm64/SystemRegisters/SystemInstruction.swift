// The identity of a system instruction: the operands of SYS, for which DC, IC, AT and TLBI are other names.
//
// Responsible for: the encoding. The names are in `SystemInstruction+Table`, what a TLBI asks for is in
// `TLBInvalidation`. Follows DDI 0487, section C5.1.3.

/// An operation of the SYS instruction.
public struct SystemInstruction: RawRepresentable, Hashable, Sendable {
    /// 1<<14 | op1<<11 | CRn<<7 | CRm<<3 | op2: bits 20 to 5 of the instruction, as in `SystemRegister`.
    public let rawValue: UInt16

    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Fields as the Arm ARM lists them; bits beyond a field's width are ignored.
    @inlinable
    public init(op1: UInt8, crn: UInt8, crm: UInt8, op2: UInt8) {
        self.init(rawValue: SystemRegister(op0: 1, op1: op1, crn: crn, crm: crm, op2: op2).rawValue)
    }

    /// Shorthand for the table, in the Arm ARM's order op1, CRn, CRm, op2.
    @inlinable
    init(_ op1: UInt8, _ crn: UInt8, _ crm: UInt8, _ op2: UInt8) {
        self.init(op1: op1, crn: crn, crm: crm, op2: op2)
    }

    /// The operation of a SYS instruction.
    @inlinable
    public init(instruction: UInt32) {
        rawValue = UInt16(truncatingIfNeeded: instruction >> 5)
    }

    @inlinable public var op1: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 11 & 7) }
    @inlinable public var crn: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 7 & 15) }
    @inlinable public var crm: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 3 & 15) }
    @inlinable public var op2: UInt8 { UInt8(truncatingIfNeeded: rawValue & 7) }
}

extension SystemInstruction: CustomStringConvertible {
    /// Arm's name, as `DC ZVA`, or the generic one (SYS #0, C7, C8, #0) for an instruction without a name here.
    public var name: String {
        Self.names[self] ?? "SYS #\(op1), C\(crn), C\(crm), #\(op2)"
    }

    public var description: String { name }
}
