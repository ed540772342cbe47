// CRC-32 with the polynomial of IEEE 802.3, bits reflected: of partition tables, of EFI's tables, and of a hibernation
// image's data.
//
// Follows UEFI 2.10 §5.3.2 (GPT and the tables of §4.2.1 take ISO 3309's: begin with all ones, invert the result) and
// Linux's crc32_le(), which inverts nothing, and which hibernation starts from 0. Eight bytes are taken at a time, with
// a table for each.

/// CRC-32 of bytes.
public enum CRC32 {
    /// The polynomial without its highest term, bits reflected.
    private static let polynomial: UInt32 = 0xEDB8_8320
    private static let sliceCount = 8

    /// `tables[slice * 256 + byte]`: what `byte` does to the sum when `slice` more bytes follow it.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: sliceCount * 256)
        for byte in 0..<256 {
            tables[byte] = (0..<8).reduce(UInt32(byte)) { value, _ in value >> 1 ^ (value & 1 == 1 ? polynomial : 0) }
        }
        for index in 256..<tables.count {
            let previous = tables[index - 256]
            tables[index] = previous >> 8 ^ tables[Int(previous & 0xFF)]
        }
        return tables
    }()

    /// The sum `crc` after `bytes` more, as Linux's crc32_le() has it: nothing is inverted.
    public static func update(_ crc: UInt32, _ bytes: Span<UInt8>) -> UInt32 {
        let tables = tables.span
        var crc = crc
        var index = 0
        while bytes.count - index >= sliceCount {
            crc ^=
                UInt32(bytes[index]) | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2]) << 16
                | UInt32(bytes[index + 3]) << 24
            var next = tables[7 * 256 + Int(crc & 0xFF)]
            next ^= tables[6 * 256 + Int(crc >> 8 & 0xFF)]
            next ^= tables[5 * 256 + Int(crc >> 16 & 0xFF)]
            next ^= tables[4 * 256 + Int(crc >> 24)]
            next ^= tables[3 * 256 + Int(bytes[index + 4])]
            next ^= tables[2 * 256 + Int(bytes[index + 5])]
            next ^= tables[256 + Int(bytes[index + 6])]
            next ^= tables[Int(bytes[index + 7])]
            crc = next
            index += sliceCount
        }
        while index < bytes.count {
            crc = crc >> 8 ^ tables[Int((crc ^ UInt32(bytes[index])) & 0xFF)]
            index += 1
        }
        return crc
    }

    /// The CRC-32 that GPT, zlib and Ethernet know.
    public static func ieee(_ bytes: [UInt8]) -> UInt32 { ~update(.max, bytes.span) }
}
