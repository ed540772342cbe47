// What EFI says of RAM: UEFI 2.10, section 7.2.3.

import Bytes
import Hypervisor

/// A memory map, in ascending order.
struct EFIMemoryMap: Equatable {
    /// EFI_MEMORY_TYPE.
    enum MemoryType: UInt32 {
        /// Of a boot loader: the guest's, once it has read what is there.
        case loaderData = 2
        case conventional = 7
        /// The guest's, once it has read the ACPI tables.
        case acpiReclaim = 9
        /// Firmware's for good.
        case acpiNVS = 10
    }

    struct Entry: Equatable {
        let type: MemoryType
        let range: Range<PhysicalAddress>
    }

    /// EFI_MEMORY_DESCRIPTOR has 40 bytes; firmware uses more, so that nobody relies on that.
    static let descriptorSize = 48
    static let descriptorVersion: UInt32 = 1
    private static let pageShift: UInt64 = 12
    /// EFI_MEMORY_WB.
    private static let writeBack: UInt64 = 1 << 3

    private(set) var entries: [Entry] = []

    /// All of `ram` is conventional but `others`, which are in ascending order inside the first range.
    init(ram: [Range<PhysicalAddress>], others: [Entry]) {
        for (index, range) in ram.enumerated() {
            var start = range.lowerBound
            for other in index == 0 ? others : [] {
                append(.conventional, start..<max(start, other.range.lowerBound))
                append(other.type, other.range)
                start = other.range.upperBound
            }
            append(.conventional, start..<max(start, range.upperBound))
        }
    }

    private mutating func append(_ type: MemoryType, _ range: Range<PhysicalAddress>) {
        if !range.isEmpty { entries.append(Entry(type: type, range: range)) }
    }

    var bytes: [UInt8] {
        entries.flatMap { entry in
            var bytes: [UInt8] = []
            bytes.append(littleEndian: entry.type.rawValue)
            bytes.append(zeros: 4)
            bytes.append(littleEndian: entry.range.lowerBound)
            // No virtual address: nothing here is called at run time.
            bytes.append(zeros: 8)
            bytes.append(littleEndian: (entry.range.upperBound - entry.range.lowerBound) >> Self.pageShift)
            bytes.append(littleEndian: Self.writeBack)
            bytes.append(zeros: Self.descriptorSize - bytes.count)
            return bytes
        }
    }
}
