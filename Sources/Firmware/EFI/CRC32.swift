// The CRC that EFI's tables have over themselves: UEFI 2.10, section 4.2.1, that of ISO 3309.

enum CRC32 {
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        let polynomial: UInt32 = 0xEDB8_8320
        return ~bytes.reduce(UInt32.max) { crc, byte in
            (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in crc >> 1 ^ (crc & 1) &* polynomial }
        }
    }
}
