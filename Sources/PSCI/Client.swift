// The caller's side: for guests of ours that ask, instead of answering.
//
// Responsible for: writing the arguments of a call as its width asks, and reading the result as the signed integer that
// it is. Not responsible for: the instruction (HVC or SMC), which is the conduit's.

/// Carries a call to the firmware and its results back.
public protocol CallConduit {
    func call(_ registers: CallRegisters) -> CallRegisters
}

/// A caller of PSCI.
public struct Client<Carrier: CallConduit> {
    public let conduit: Carrier

    public init(conduit: Carrier) {
        self.conduit = conduit
    }

    /// Calls `function` and returns x0, or w0, as a signed integer.
    public func call(
        _ function: Function, _ width: CallWidth, _ first: UInt64 = 0, _ second: UInt64 = 0, _ third: UInt64 = 0
    ) -> Int64 {
        let registers = conduit.call(CallRegisters(function, width, first, second, third))
        return width.signed(registers.x0)
    }

    /// PSCI_FEATURES of `function` in calls of `width`: its flags, or NOT_SUPPORTED.
    public func features(of function: Function, _ width: CallWidth) -> Int64 {
        call(.psciFeatures, .smc32, UInt64(FunctionID(function, width).rawValue))
    }
}
