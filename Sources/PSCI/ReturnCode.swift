// What a PSCI call may return. DEN0022 F.b §5.2.2, Table 5.

/// A return code of PSCI: a signed integer, 32 bits wide from SMC32 calls and 64 bits wide from SMC64 calls.
public enum ReturnCode: Int32, CaseIterable, Sendable {
    case success = 0
    case notSupported = -1
    case invalidParameters = -2
    case denied = -3
    case alreadyOn = -4
    case onPending = -5
    case internalFailure = -6
    case notPresent = -7
    case disabled = -8
    /// PSCI 1.0 and later; 0.2 says `invalidParameters` instead (§5.4.5, §5.6.2).
    case invalidAddress = -9

    /// The name in the document.
    public var name: StaticString {
        switch self {
        case .success: "SUCCESS"
        case .notSupported: "NOT_SUPPORTED"
        case .invalidParameters: "INVALID_PARAMETERS"
        case .denied: "DENIED"
        case .alreadyOn: "ALREADY_ON"
        case .onPending: "ON_PENDING"
        case .internalFailure: "INTERNAL_FAILURE"
        case .notPresent: "NOT_PRESENT"
        case .disabled: "DISABLED"
        case .invalidAddress: "INVALID_ADDRESS"
        }
    }
}
