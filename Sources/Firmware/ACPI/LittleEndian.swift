// Little-endian bytes, as ACPI and EFI have them throughout.

extension FixedWidthInteger {
    /// Least significant byte first.
    var littleEndianBytes: [UInt8] {
        stride(from: 0, to: Self.bitWidth, by: 8).map { UInt8(truncatingIfNeeded: self >> $0) }
    }
}

extension [UInt8] {
    /// Appends `value`, its lowest byte first.
    mutating func append(littleEndian value: some FixedWidthInteger) {
        append(contentsOf: value.littleEndianBytes)
    }

    /// Appends `count` bytes of zero.
    mutating func append(zeros count: Int) {
        append(contentsOf: repeatElement(0, count: count))
    }

    /// Puts `value`, its lowest byte first, over what is at `offset`.
    mutating func replace(at offset: Int, littleEndian value: some FixedWidthInteger) {
        let bytes = value.littleEndianBytes
        replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }

    /// What has to be added to make the sum of all bytes zero.
    var checksum: UInt8 {
        0 &- reduce(0, &+)
    }
}
