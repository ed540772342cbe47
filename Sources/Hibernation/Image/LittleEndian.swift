// Numbers as they are on a disk: little-endian, at any offset.

extension RandomAccessCollection where Element == UInt8, Index == Int {
    /// The integer at `offset` from the beginning. All of it has to be there.
    func littleEndian<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value {
        let first = startIndex + offset
        return self[first..<first + Value.bitWidth / 8].reversed().reduce(0) { $0 << 8 | Value(truncatingIfNeeded: $1) }
    }
}
