// The firmware interface to a true random number generator. DEN0098 1.0 §2.

/// What the TRNG functions return.
public enum TRNGReturnCode: Int32, CaseIterable, Sendable {
    case success = 0
    case notSupported = -1
    case invalidParameters = -2
    case noEntropy = -3
}

/// Constants of the TRNG firmware interface.
public enum TRNG {
    /// What TRNG_VERSION returns: 1.0.
    public static var version: UInt32 { 0x0001_0000 }

    /// The identity of the generator, 47acb59e-4d6c-4b7c-9a3e-6f0c2ad1e85b, as TRNG_GET_UUID returns it: four words,
    /// each with the first byte of its part of the UUID in bits 7:0.
    ///
    /// A guest can see it, so it is the same for ever.
    public static var uuid: (w0: UInt32, w1: UInt32, w2: UInt32, w3: UInt32) {
        (0x9EB5_AC47, 0x7C4B_6C4D, 0x0C6F_3E9A, 0x5BE8_D12A)
    }

    /// The most bits that one call returns: three registers' worth.
    public static func maximumBitCount(_ width: CallWidth) -> UInt64 {
        3 * bitsPerRegister(width)
    }

    static func bitsPerRegister(_ width: CallWidth) -> UInt64 {
        width == .smc32 ? 32 : 64
    }
}

extension Firmware {
    func trngVersion() -> Answer {
        .value(TRNG.version)
    }

    func trngFeatures(_ arguments: Arguments) -> Answer {
        guard offeredFunction(FunctionID(rawValue: arguments.firstWord))?.interface == .trng else {
            return .trng(.notSupported)
        }
        // No function has feature flags in this version.
        return .trng(.success)
    }

    func trngGetUUID() -> Answer {
        let uuid = TRNG.uuid
        var answer = Answer.value(uuid.w0)
        answer.more = (UInt64(uuid.w1), UInt64(uuid.w2), UInt64(uuid.w3))
        return answer
    }

    func trngRND(_ width: CallWidth, _ arguments: Arguments) -> Answer {
        let bitCount = arguments.first
        guard bitCount >= 1, bitCount <= TRNG.maximumBitCount(width) else { return .trng(.invalidParameters) }
        let perRegister = TRNG.bitsPerRegister(width)

        /// Entropy for the register that holds the bits from `first` up; bits that were not asked for are zero. Nil if
        /// there is none at the moment.
        func entropy(from first: UInt64) -> UInt64? {
            guard bitCount > first else { return 0 }
            guard let bits = platform.entropy() else { return nil }
            let asked = min(bitCount - first, perRegister)
            return asked == 64 ? bits : bits & (1 << asked - 1)
        }
        // x3 holds the lowest bits. On failure no register holds entropy.
        guard let x3 = entropy(from: 0), let x2 = entropy(from: perRegister), let x1 = entropy(from: 2 * perRegister)
        else { return .trng(.noEntropy, more: (0, 0, 0)) }
        return .trng(.success, more: (x1, x2, x3))
    }
}

extension Answer {
    fileprivate static func trng(
        _ code: TRNGReturnCode, more: (x1: UInt64, x2: UInt64, x3: UInt64)? = nil
    ) -> Answer {
        Answer(value: Int64(code.rawValue), more: more)
    }
}
