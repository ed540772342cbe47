// Which addresses may be in a table, so that most of what is invalidated needs no search.
//
// Responsible for: a set that may say yes for what is not in it, but never no for what is.

/// 4096 bits of raw memory, one for each hash of an address.
///
/// Safe: the memory is `byteCount` bytes, given by the owner, who outlives the filter.
struct AddressFilter {
    static let byteCount = 512
    /// Address bits above are tags or copies of each other.
    private static let addressMask: UInt64 = (1 << 48) - 1

    /// 2^64 divided by the golden ratio.
    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15

    let bits: UnsafeMutablePointer<UInt64>

    init(at memory: UnsafeMutableRawPointer) { bits = memory.assumingMemoryBound(to: UInt64.self) }

    /// The bit for the 1 << sizeLog2 bytes around an address.
    @inline(__always)
    private func hash(_ address: UInt64, _ sizeLog2: UInt64) -> Int {
        let key = (address & Self.addressMask) >> (sizeLog2 & 63) | sizeLog2 << 56
        // Fibonacci hashing, twice: once would put neighbours at regular distances, and two runs of addresses could
        // meet in all of them.
        let spread = key &* Self.multiplier
        return Int(truncatingIfNeeded: ((spread ^ spread >> 32) &* Self.multiplier) >> 52)
    }

    func insert(_ address: UInt64, sizeLog2: UInt64) {
        let hash = hash(address, sizeLog2)
        bits[hash >> 6] |= 1 << UInt64(hash & 63)
    }

    func mayContain(_ address: UInt64, sizeLog2: UInt64) -> Bool {
        let hash = hash(address, sizeLog2)
        return bits[hash >> 6] >> UInt64(hash & 63) & 1 != 0
    }

    func removeAll() { bits.update(repeating: 0, count: Self.byteCount / 8) }
}
