// The number in w0 that says which function is called, and how wide its arguments are.
//
// Responsible for: the numbers on the wire, in both directions. Not responsible for: whether a function is offered.
//
// Follows DEN0028 §2.5 (the fields) and, for the numbers, DEN0022 F.b §5.1, DEN0028 §7 and DEN0098 §2.

/// How wide a call's arguments and results are: bit 30 of its function id.
///
/// With the HVC conduit the same is called HVC32 and HVC64.
public enum CallWidth: UInt8, CaseIterable, Sendable {
    /// Arguments and results in w1 to w3 and w0: 32 bits each.
    case smc32
    /// Arguments and results in x1 to x3 and x0: 64 bits each, where the function does not say otherwise.
    case smc64

    /// What a result register of such a call says, as a signed integer: bits 63:32 of a 32-bit result mean nothing.
    public func signed(_ register: UInt64) -> Int64 {
        switch self {
        case .smc32: Int64(Int32(truncatingIfNeeded: register))
        case .smc64: Int64(bitPattern: register)
        }
    }
}

/// A function id, known or not: w0 of a call.
public struct FunctionID: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The id of `function` in calls of `width`, which need not exist (`Function.exists(as:)`).
    public init(_ function: Function, _ width: CallWidth) {
        let id = Self.smc32ID(of: function)
        rawValue = width == .smc64 ? id | Self.smc64Bit : id
    }

    /// How wide the call is, whether or not the function is known.
    public var width: CallWidth {
        rawValue & Self.smc64Bit == 0 ? .smc32 : .smc64
    }

    /// The function, nil if the id is not one of those that this module knows.
    ///
    /// An id of a width in which the function does not exist, as 0xC400_0008 would be for SYSTEM_OFF, is not known.
    public var function: Function? {
        let smc32ID = rawValue & ~Self.smc64Bit
        func candidate(_ number: UInt8) -> Function? {
            guard let function = Function(rawValue: number), Self.smc32ID(of: function) == smc32ID else { return nil }
            return function
        }
        var function = candidate(UInt8(truncatingIfNeeded: smc32ID))
        // What is not PSCI's has a number of its own; there are few of those.
        var number = Function.smcccVersion.rawValue
        while function == nil, number <= Function.trngRND.rawValue {
            function = candidate(number)
            number += 1
        }
        guard let function, function.exists(as: width) else { return nil }
        return function
    }

    private static func smc32ID(of function: Function) -> UInt32 {
        switch function {
        case .smcccVersion: 0x8000_0000
        case .smcccArchFeatures: 0x8000_0001
        case .smcccArchWorkaround1: 0x8000_8000
        case .smcccArchWorkaround2: 0x8000_7FFF
        case .smcccArchWorkaround3: 0x8000_3FFF
        case .trngVersion: 0x8400_0050
        case .trngFeatures: 0x8400_0051
        case .trngGetUUID: 0x8400_0052
        case .trngRND: 0x8400_0053
        default: 0x8400_0000 + UInt32(function.rawValue)
        }
    }

    /// Set in the ids of 64-bit calls.
    private static var smc64Bit: UInt32 { 1 << 30 }
}
