// The identification registers at the end of every Arm PrimeCell's 4 KiB, by which drivers know the peripheral.

/// PeriphID0 to 3 and PCellID0 to 3: a byte each, in the low bits of a word.
struct PrimeCellIdentification: Sendable, Hashable, Codable {
    private static let first: UInt64 = 0xFE0
    private static let arm: UInt32 = 0x41
    /// PCellID0 to 3, the same in all PrimeCells.
    private static let cell: UInt32 = 0xB105_F00D

    /// PeriphID0 to 3 as one number: part number, designer, revision, configuration.
    let peripheral: UInt32

    init(partNumber: UInt32, revision: UInt32) {
        peripheral = partNumber & 0xFFF | Self.arm << 12 | revision << 20
    }

    /// The register at word-aligned `offset`, or nil if none is there.
    func read(_ offset: UInt64) -> UInt32? {
        switch offset {
        case Self.first..<Self.first + 0x10: peripheral >> UInt32((offset - Self.first) * 2) & 0xFF
        case Self.first + 0x10..<Self.first + 0x20: Self.cell >> UInt32((offset - Self.first - 0x10) * 2) & 0xFF
        default: nil
        }
    }
}
