// Translation tables in guest memory, by DDI 0487, D8.2 and D8.3. Shares nothing with the walker under test.

import Hypervisor

/// A translation granule, with 48 bits of address.
enum Granule: CaseIterable {
    case kib4, kib16, kib64

    /// Log2 of a page's bytes.
    var shift: UInt64 {
        switch self {
        case .kib4: 12
        case .kib16: 14
        case .kib64: 16
        }
    }

    var byteCount: UInt64 { 1 << shift }

    /// TCR_EL1.TG0 and TG1, in place.
    var tcr: UInt64 {
        switch self {
        case .kib4: 0b00 << 14 | 0b10 << 30
        case .kib16: 0b10 << 14 | 0b01 << 30
        case .kib64: 0b01 << 14 | 0b11 << 30
        }
    }

    /// The level at which a walk of 48 bits starts.
    var startLevel: Int { self == .kib64 ? 1 : 0 }

    /// The levels of blocks, and 3 for pages.
    var leafLevels: [Int] { self == .kib4 ? [1, 2, 3] : [2, 3] }

    /// Log2 of the bytes that one descriptor of `level` covers.
    func shift(level: Int) -> UInt64 { shift + UInt64(3 - level) * (shift - 3) }

    /// Adjacent descriptors of `level` that one contiguous hint spans.
    func contiguousCount(level: Int) -> UInt64 {
        switch (self, level) {
        case (.kib4, _): 16
        case (.kib16, 3): 128
        default: 32
        }
    }
}

/// Attributes of a block or page descriptor.
struct PageAttributes: OptionSet {
    let rawValue: UInt64

    /// AttrIndx 1: device memory.
    static let device = PageAttributes(rawValue: 1 << 2)
    /// AP[1]: EL0 may access it.
    static let user = PageAttributes(rawValue: 1 << 6)
    /// AP[2].
    static let readOnly = PageAttributes(rawValue: 1 << 7)
    static let innerShareable = PageAttributes(rawValue: 3 << 8)
    /// AF.
    static let accessed = PageAttributes(rawValue: 1 << 10)
    /// nG.
    static let notGlobal = PageAttributes(rawValue: 1 << 11)
    /// DBM.
    static let dirtyBitModifier = PageAttributes(rawValue: 1 << 51)
    static let contiguous = PageAttributes(rawValue: 1 << 52)
    /// PXN.
    static let notForEL1 = PageAttributes(rawValue: 1 << 53)
    /// UXN.
    static let notForEL0 = PageAttributes(rawValue: 1 << 54)

    /// EL1 may read and write.
    static let data: PageAttributes = [.accessed, .innerShareable, .notForEL0, .notForEL1]
    /// EL0 and EL1 may read and write.
    static let userData: PageAttributes = [.data, .user]
    /// EL1 may read, write and execute.
    static let code: PageAttributes = [.accessed, .innerShareable, .notForEL0]
    /// EL0 may read and execute.
    static let userCode: PageAttributes = [.accessed, .innerShareable, .notForEL1, .user, .readOnly]
}

/// One tree of tables, which grows as addresses are mapped.
final class PageTables {
    private enum Descriptor {
        static let valid: UInt64 = 1
        static let tableOrPage: UInt64 = 2
        static let addressMask: UInt64 = 0x0000_FFFF_FFFF_F000
    }

    let granule: Granule
    /// What goes into a TTBR.
    let root: PhysicalAddress
    private let memory: GuestMemory
    private var nextTable: PhysicalAddress

    /// - Parameter base: where tables may lie, from here on.
    init(_ granule: Granule, in memory: GuestMemory, at base: PhysicalAddress) {
        self.granule = granule
        self.memory = memory
        root = base
        nextTable = base + granule.byteCount
    }

    /// The end of the tables so far.
    var end: PhysicalAddress { nextTable }

    /// The address of the descriptor of `address` at `level`, with tables made down to it.
    func descriptorAddress(of address: UInt64, level: Int) -> PhysicalAddress {
        var table = root
        var current = granule.startLevel
        while true {
            let entryCount = UInt64(1) << (granule.shift - 3)
            let index = (address & (1 << 48 - 1)) >> granule.shift(level: current) & (entryCount - 1)
            let place = table + index * 8
            if current == level { return place }
            let descriptor: UInt64 = memory.load(at: place) ?? 0
            if descriptor & Descriptor.valid == 0 {
                table = nextTable
                nextTable += granule.byteCount
                memory.store(table | Descriptor.valid | Descriptor.tableOrPage, at: place)
            } else {
                precondition(descriptor & Descriptor.tableOrPage != 0, "a block is in the way")
                table = descriptor & Descriptor.addressMask
            }
            current += 1
        }
    }

    /// Maps one block or page; returns the address of its descriptor.
    @discardableResult
    func map(
        _ address: UInt64, to physical: PhysicalAddress, level: Int = 3, _ attributes: PageAttributes
    ) -> PhysicalAddress {
        let place = descriptorAddress(of: address, level: level)
        memory.store(Self.descriptor(physical, level: level, attributes), at: place)
        return place
    }

    /// The descriptor of a block or page.
    static func descriptor(_ physical: PhysicalAddress, level: Int = 3, _ attributes: PageAttributes) -> UInt64 {
        physical | attributes.rawValue | Descriptor.valid | (level == 3 ? Descriptor.tableOrPage : 0)
    }
}
