// Little-endian integers in arrays of bytes, as virtio's structures hold them.

extension FixedWidthInteger {
    /// The integer whose bytes, lowest first, are `bytes`.
    init(littleEndianBytes bytes: some BidirectionalCollection<UInt8>) {
        self = bytes.reversed().reduce(0) { $0 << 8 | Self($1) }
    }
}

extension [UInt8] {
    /// Puts `value`, lowest byte first, at `offset`.
    mutating func store<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        for byte in 0..<Value.bitWidth / 8 {
            self[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte))
        }
    }
}
