// A call and its outcome in words, for people who read a trace.
//
// Not part of the firmware: it allocates, so it is left out of Embedded Swift.

#if !hasFeature(Embedded)

/// One call, decoded: `SMC64 CPU_ON(target_cpu 0x1, entry_point_address 0x40080000, context_id 0x0) = SUCCESS`.
public struct CallDescription: CustomStringConvertible, Sendable {
    /// The width and the function's name, or the id of a function that nobody knows.
    public let function: String
    /// The arguments that the function takes, as it sees them, each with the document's name for it.
    public let arguments: [String]
    /// What the caller gets, or what becomes of it.
    public private(set) var outcome: String

    /// - Parameters:
    ///   - registers: x0 to x3 as the guest passed them.
    ///   - result: what `Firmware.call` said to them.
    public init(_ registers: CallRegisters, result: CallResult) {
        let id = registers.functionID
        guard let function = id.function else {
            self.function = hexadecimal(id.rawValue)
            arguments = []
            outcome = described(id.width.signed(result.registers.x0), by: returnCodeName)
            return
        }
        let passed = Arguments(registers, width: id.width, caller: 0)
        self.function = Self.name(of: function, id.width)
        arguments = Self.arguments(of: function, passed)
        outcome = Self.outcome(of: function, id.width, result)
    }

    /// A call whose outcome is not known.
    public init(_ registers: CallRegisters) {
        self.init(registers, result: CallResult(registers: registers))
        outcome = ""
    }

    /// The call without its outcome.
    public var call: String { "\(function)(\(arguments.joined(separator: ", ")))" }

    public var description: String { "\(call) = \(outcome)" }

    /// The function's name after its width, which no name could end in: SYSTEM_OFF2 ends in a digit.
    private static func name(of function: Function, _ width: CallWidth) -> String {
        "\(width == .smc32 ? "SMC32" : "SMC64") \(function.name)"
    }

    private static func arguments(of function: Function, _ passed: Arguments) -> [String] {
        let first = hexadecimal(passed.first)
        let second = hexadecimal(passed.second)
        let third = hexadecimal(passed.third)
        let firstWord = hexadecimal(passed.firstWord)
        let secondWord = hexadecimal(passed.secondWord)
        switch function {
        case .cpuSuspend:
            return ["power_state \(firstWord)", "entry_point_address \(second)", "context_id \(third)"]
        case .cpuOn:
            return ["target_cpu \(first)", "entry_point_address \(second)", "context_id \(third)"]
        case .affinityInfo:
            return ["target_affinity \(first)", "lowest_affinity_level \(passed.secondWord)"]
        case .migrate:
            return ["target_cpu \(first)"]
        case .psciFeatures, .smcccArchFeatures, .trngFeatures:
            return [asked(FunctionID(rawValue: passed.firstWord))]
        case .cpuDefaultSuspend, .systemSuspend:
            return ["entry_point_address \(first)", "context_id \(second)"]
        case .nodeHWState:
            return ["target_cpu \(first)", "power_level \(secondWord)"]
        case .psciSetSuspendMode:
            return ["mode \(passed.firstWord)"]
        case .psciStatResidency, .psciStatCount:
            return ["target_cpu \(first)", "power_state \(secondWord)"]
        case .systemOff2:
            return ["type \(firstWord)", "cookie \(second)"]
        case .systemReset2:
            return ["reset_type \(firstWord)", "cookie \(second)"]
        case .memProtect:
            return ["enable \(passed.firstWord)"]
        case .memProtectCheckRange:
            return ["base \(first)", "length \(second)"]
        case .trngRND:
            return ["bits \(passed.first)"]
        case .psciVersion, .cpuOff, .migrateInfoType, .migrateInfoUpCPU, .systemOff, .systemReset, .cpuFreeze,
            .smcccVersion, .smcccArchWorkaround1, .smcccArchWorkaround2, .smcccArchWorkaround3, .trngVersion,
            .trngGetUUID:
            return []
        }
    }

    /// The function that a call asks about.
    private static func asked(_ id: FunctionID) -> String {
        guard let function = id.function else { return hexadecimal(id.rawValue) }
        return name(of: function, id.width)
    }

    private static func outcome(of function: Function, _ width: CallWidth, _ result: CallResult) -> String {
        switch result.effect {
        case .none: break
        case .standby: return "standby, then SUCCESS"
        case .powerDown: return "power-down, then at entry_point_address"
        case .systemSuspend: return "system suspended, then at entry_point_address"
        case .turnOffCaller: return function == .cpuFreeze ? "core frozen" : "core off"
        case .systemOff: return "system off"
        case .systemOff2: return "system off, hibernated"
        case .systemReset: return "system reset"
        case .systemReset2(let type, _): return type.isVendorSpecific ? "vendor's reset" : "system warm reset"
        }
        let value = width.signed(result.registers.x0)
        switch function {
        case .psciVersion, .smcccVersion, .trngVersion:
            return value < 0 ? described(value, by: returnCodeName) : "\(value >> 16).\(value & 0xFFFF)"
        case .affinityInfo:
            return described(value) { coreStateName($0) ?? returnCodeName($0) }
        case .psciStatCount, .psciStatResidency:
            // No error, but the number may have its highest bit set.
            return "\(UInt64(bitPattern: value) & (width == .smc32 ? 0xFFFF_FFFF : ~0))"
        case .psciFeatures, .memProtect, .migrateInfoType, .migrateInfoUpCPU, .nodeHWState:
            return described(value) { $0 < 0 ? returnCodeName($0) : nil }
        case .smcccArchFeatures, .smcccArchWorkaround1, .smcccArchWorkaround2, .smcccArchWorkaround3:
            return described(value, by: smcccReturnCodeName)
        case .trngRND, .trngFeatures:
            // Never the entropy itself: a trace may be kept.
            return described(value, by: trngReturnCodeName)
        case .trngGetUUID:
            // NOT_SUPPORTED is the one code that no UUID of a generator may begin with.
            return value == -1 ? "NOT_SUPPORTED" : "UUID"
        default:
            return described(value, by: returnCodeName)
        }
    }
}

private func hexadecimal(_ value: some FixedWidthInteger) -> String {
    "0x" + String(value, radix: 16)
}

/// The name of a value, or the value if it has none.
private func described(_ value: Int64, by name: (Int64) -> String?) -> String {
    name(value) ?? (value < 0 ? "\(value)" : hexadecimal(value))
}

private func returnCodeName(_ value: Int64) -> String? {
    Int32(exactly: value).flatMap(ReturnCode.init).map { "\($0.name)" }
}

private func coreStateName(_ value: Int64) -> String? {
    switch UInt8(exactly: value).flatMap(CoreState.init) {
    case .on: "ON"
    case .off: "OFF"
    case .onPending: "ON_PENDING"
    case nil: nil
    }
}

private func smcccReturnCodeName(_ value: Int64) -> String? {
    switch Int32(exactly: value).flatMap(SMCCCReturnCode.init) {
    case .success: "SUCCESS"
    case .notSupported: "NOT_SUPPORTED"
    case .notRequired: "NOT_REQUIRED"
    case .invalidParameter: "INVALID_PARAMETER"
    case nil: nil
    }
}

private func trngReturnCodeName(_ value: Int64) -> String? {
    switch Int32(exactly: value).flatMap(TRNGReturnCode.init) {
    case .success: "SUCCESS"
    case .notSupported: "NOT_SUPPORTED"
    case .invalidParameters: "INVALID_PARAMETERS"
    case .noEntropy: "NO_ENTROPY"
    case nil: nil
    }
}

#endif
