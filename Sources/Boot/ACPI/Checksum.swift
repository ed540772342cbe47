// The checksum of ACPI's tables (ACPI 6.5 §5.2.3).

extension [UInt8] {
    /// What has to be added to make the sum of all bytes zero.
    var checksum: UInt8 {
        0 &- reduce(0, &+)
    }
}
