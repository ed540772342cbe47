// Numbers out of tables, lowest byte first.

extension [UInt8] {
    func word(at offset: Int) -> Int { Int(truncatingIfNeeded: long(at: offset) & 0xFFFF_FFFF) }

    /// Bytes beyond the end count as zero.
    func long(at offset: Int) -> UInt64 {
        (0..<8).reduce(0) { $0 | (indices.contains(offset + $1) ? UInt64(self[offset + $1]) << (8 * $1) : 0) }
    }
}
