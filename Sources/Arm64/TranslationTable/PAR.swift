// PAR_EL1: how the result of an address translation instruction is reported.
//
// Follows DDI 0487, PAR_EL1, in its 64-bit format.

/// Makes values of PAR_EL1, Physical Address Register.
public enum PAR {
    /// F: the translation failed.
    static let f: UInt64 = 1 << 0
    /// Bit 11 is RES1.
    static let res1: UInt64 = 1 << 11
    /// NS: the address is Non-secure, as all are here.
    static let ns: UInt64 = 1 << 9
    /// PA, 47:12.
    static let addressMask: UInt64 = 0xFFFF_FFFF_F000
    /// SH of Outer Shareable memory.
    static let outerShareable: UInt64 = 2

    /// What AT leaves in PAR_EL1 for `result`.
    public static func value(for result: Result<Translation, TranslationFault>) -> UInt64 {
        switch result {
        case .success(let translation):
            // Device and Non-cacheable memory is reported as Outer Shareable, whatever its descriptor says.
            let isCacheable = translation.memoryType == .normalCacheable
            let shareability = isCacheable ? UInt64(translation.shareability) : outerShareable
            return UInt64(translation.attributes) << 56 | translation.physicalAddress & addressMask | res1 | ns
                | shareability << 7
        case .failure(let fault):
            return UInt64(fault.status.rawValue) << 1 | res1 | f
        }
    }
}
