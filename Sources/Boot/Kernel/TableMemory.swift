// The RAM that firmware keeps: the last blocks of the first range.
//
// Responsible for: where in them everything lies. It depends on the size of RAM only, so that a guest that hibernated
// finds it again. Not responsible for: what is there.
//
//   end − 192 KiB  EFI: system table, configuration tables, memory map (the guest's, once it has read them)
//   end − 128 KiB  ACPI tables but the FACS (the same)
//   end −  64 KiB  kept for good: the FACS, and 4 KiB above it the generation id
//
// Blocks have 64 KiB, the largest page of an arm64 kernel.

import Hypervisor

/// Where firmware's data is in RAM.
struct TableMemory: Equatable {
    static let blockSize: UInt64 = 64 << 10
    /// Bytes of a virtual machine's generation id.
    static let generationIDByteCount = 16

    let efi: Range<PhysicalAddress>
    let tables: Range<PhysicalAddress>
    let kept: Range<PhysicalAddress>

    /// Nil if `ram` has no room for it.
    init?(ram: Range<PhysicalAddress>?) {
        guard let ram, ram.upperBound % Self.blockSize == 0, ram.upperBound - ram.lowerBound >= 3 * Self.blockSize
        else { return nil }
        let end = ram.upperBound
        kept = end - Self.blockSize..<end
        tables = end - 2 * Self.blockSize..<kept.lowerBound
        efi = end - 3 * Self.blockSize..<tables.lowerBound
    }

    var facs: Range<PhysicalAddress> { kept.lowerBound..<kept.lowerBound + UInt64(FACS.byteCount) }

    /// In a page of its own, as a guest maps it.
    var generationID: Range<PhysicalAddress> {
        let start = kept.lowerBound + 0x1000
        return start..<start + UInt64(Self.generationIDByteCount)
    }
}
