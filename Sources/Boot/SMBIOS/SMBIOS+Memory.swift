// The structures that say how much memory there is, and where: types 16, 17 and 19.

import Hypervisor

extension SMBIOS {
    private static let arrayHandle: UInt16 = 0x1000
    /// §7.17 and §7.18: no information on errors is provided.
    private static let noErrorInformation: UInt16 = 0xFFFE

    /// Type 16 (§7.17): all of it.
    var memoryArray: SMBIOSStructure {
        let (systemBoard, systemMemory, noCorrection): (UInt8, UInt8, UInt8) = (3, 3, 3)
        /// From 2 TiB on, the capacity is in the field behind.
        let isExtended: UInt32 = 0x8000_0000
        let byteCount = memory.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
        let kilobytes = UInt32(exactly: byteCount >> 10).flatMap { $0 < isExtended ? $0 : nil }
        var structure = SMBIOSStructure(.memoryArray, handle: Self.arrayHandle)
        structure.add([systemBoard, systemMemory, noCorrection])
        structure.add(kilobytes ?? isExtended)
        structure.add(Self.noErrorInformation)
        structure.add(UInt16(truncatingIfNeeded: memory.count))
        structure.add(kilobytes == nil ? byteCount : 0)
        return structure
    }

    /// Type 17 (§7.18): a range of RAM.
    func memoryDevice(_ index: Int) -> SMBIOSStructure {
        let (other, ram): (UInt8, UInt8) = (1, 7)
        let unknownWidth: UInt16 = 0xFFFF
        /// From 32 GiB less 1 MiB on, the size is in another field.
        let isExtended: UInt16 = 0x7FFF
        /// Type detail.
        let otherDetail: UInt16 = 1 << 1
        let megabytes = (memory[index].upperBound - memory[index].lowerBound) >> 20
        let size = UInt16(exactly: megabytes).flatMap { $0 < isExtended ? $0 : nil }
        var structure = SMBIOSStructure(.memoryDevice, handle: 0x1100 + UInt16(truncatingIfNeeded: index))
        structure.add(Self.arrayHandle)
        structure.add(Self.noErrorInformation)
        // Total width, data width.
        structure.add(unknownWidth)
        structure.add(unknownWidth)
        structure.add(size ?? isExtended)
        // Form factor, device set.
        structure.add([other, 0])
        structure.add(string: "RAM \(index)")
        // Bank locator.
        structure.add(string: "")
        structure.add(ram)
        structure.add(otherDetail)
        // Speed.
        structure.add(UInt16(0))
        structure.add(string: manufacturer)
        // Serial number, asset tag, part number.
        for _ in 0..<3 { structure.add(string: "") }
        // Attributes.
        structure.add(UInt8(0))
        structure.add(size == nil ? UInt32(truncatingIfNeeded: megabytes) : 0)
        // Configured speed; least, greatest and configured voltage.
        for _ in 0..<4 { structure.add(UInt16(0)) }
        return structure
    }

    /// Type 19 (§7.20): where a range of RAM is.
    func mappedAddress(_ index: Int) -> SMBIOSStructure {
        /// The addresses are in the fields behind.
        let isExtended: UInt32 = 0xFFFF_FFFF
        let range = memory[index]
        let last = (range.upperBound - 1) >> 10
        let isWide = last >= UInt64(isExtended)
        var structure = SMBIOSStructure(.mappedAddress, handle: 0x1300 + UInt16(truncatingIfNeeded: index))
        structure.add(isWide ? isExtended : UInt32(truncatingIfNeeded: range.lowerBound >> 10))
        structure.add(isWide ? isExtended : UInt32(truncatingIfNeeded: last))
        structure.add(Self.arrayHandle)
        // Partition width.
        structure.add(UInt8(1))
        structure.add(isWide ? range.lowerBound : 0)
        structure.add(isWide ? range.upperBound - 1 : 0)
        return structure
    }
}
