// Numbers as bytes, at any offset: little-endian, as disks, virtio, ACPI and EFI have them, and big-endian.

extension FixedWidthInteger {
    /// Least significant byte first.
    @inlinable
    public var littleEndianBytes: [UInt8] {
        stride(from: 0, to: Self.bitWidth, by: 8).map { UInt8(truncatingIfNeeded: self >> $0) }
    }

    /// The integer whose bytes, lowest first, are `bytes`; those above them are zero.
    @inlinable
    public init(littleEndianBytes bytes: some BidirectionalCollection<UInt8>) {
        self = bytes.reversed().reduce(0) { $0 << 8 | Self(truncatingIfNeeded: $1) }
    }
}

extension RandomAccessCollection where Element == UInt8, Index == Int {
    /// The integer at `offset` from the beginning. All of it has to be there.
    @inlinable
    public func littleEndian<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value {
        let first = startIndex + offset
        return Value(littleEndianBytes: self[first..<first + Value.bitWidth / 8])
    }

    /// The same of one whose highest byte comes first.
    @inlinable
    public func bigEndian<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value {
        littleEndian(at: offset, as: type).byteSwapped
    }
}

extension [UInt8] {
    /// Appends `value`, its lowest byte first.
    @inlinable
    public mutating func append(littleEndian value: some FixedWidthInteger) {
        append(contentsOf: value.littleEndianBytes)
    }

    /// Appends `count` bytes of zero.
    @inlinable
    public mutating func append(zeros count: Int) {
        append(contentsOf: repeatElement(0, count: count))
    }

    /// Puts `value`, its lowest byte first, over what is at `offset`.
    @inlinable
    public mutating func replace(at offset: Int, littleEndian value: some FixedWidthInteger) {
        let bytes = value.littleEndianBytes
        replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }
}
