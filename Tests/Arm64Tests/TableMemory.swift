// Memory for the tests' translation tables, and a builder that places them by the Arm ARM's bit ranges.

import Arm64

/// Sparse memory: what was never written reads as zero.
struct TableMemory: DescriptorMemory {
    var descriptors: [UInt64: UInt64] = [:]
    /// Reads of these addresses abort.
    var aborting: Set<UInt64> = []
    /// Updates abort, though reads do not.
    var refusesUpdates = false
    /// What another observer writes just before the next updates, in order.
    var interference: [UInt64] = []
    var loads = 0
    var updates = 0

    mutating func loadDescriptor(at address: UInt64) -> UInt64? {
        loads += 1
        return aborting.contains(address) ? nil : descriptors[address, default: 0]
    }

    mutating func compareExchangeDescriptor(at address: UInt64, expected: UInt64, desired: UInt64) -> Bool? {
        if refusesUpdates { return nil }
        if !interference.isEmpty { descriptors[address] = interference.removeFirst() }
        guard descriptors[address, default: 0] == expected else { return false }
        descriptors[address] = desired
        updates += 1
        return true
    }
}

/// A granule, by the tables of DDI 0487, D8.2.
enum Granule: CaseIterable {
    case kib4, kib16, kib64

    /// TG0 in place.
    var tg0: UInt64 {
        switch self {
        case .kib4: 0b00 << 14
        case .kib16: 0b10 << 14
        case .kib64: 0b01 << 14
        }
    }

    /// TG1 in place.
    var tg1: UInt64 {
        switch self {
        case .kib4: 0b10 << 30
        case .kib16: 0b01 << 30
        case .kib64: 0b11 << 30
        }
    }

    /// The address bits that index the table at `level`.
    func indexBits(level: Int) -> (high: UInt64, low: UInt64) {
        switch (self, level) {
        case (.kib4, 0): (47, 39)
        case (.kib4, 1): (38, 30)
        case (.kib4, 2): (29, 21)
        case (.kib4, _): (20, 12)
        case (.kib16, 0): (47, 47)
        case (.kib16, 1): (46, 36)
        case (.kib16, 2): (35, 25)
        case (.kib16, _): (24, 14)
        case (.kib64, 1): (47, 42)
        case (.kib64, 2): (41, 29)
        case (.kib64, _): (28, 16)
        }
    }

    /// The first level of lookup for TxSZ.
    func startLevel(txsz: UInt64) -> Int {
        switch (self, txsz) {
        case (.kib4, 16...24), (.kib16, 16): 0
        case (.kib4, 25...33), (.kib16, 17...27), (.kib64, 16...21): 1
        case (.kib4, _), (.kib16, 28...38), (.kib64, 22...34): 2
        default: 3
        }
    }

    /// Levels at which blocks exist, and 3 for pages.
    var leafLevels: [Int] { self == .kib4 ? [1, 2, 3] : [2, 3] }

    /// Log2 of the entries with one contiguous hint.
    func contiguousEntriesShift(level: Int) -> UInt64 {
        switch self {
        case .kib4: 4
        case .kib16: level == 3 ? 7 : 5
        case .kib64: 5
        }
    }
}

/// Descriptor bits, as DDI 0487, D8.3 draws them.
enum Bits {
    static let valid: UInt64 = 1
    static let tableOrPage: UInt64 = 2
    static let ap1: UInt64 = 1 << 6
    static let ap2: UInt64 = 1 << 7
    static let af: UInt64 = 1 << 10
    static let nG: UInt64 = 1 << 11
    static let dbm: UInt64 = 1 << 51
    static let contiguous: UInt64 = 1 << 52
    static let pxn: UInt64 = 1 << 53
    static let uxn: UInt64 = 1 << 54
    static let pxnTable: UInt64 = 1 << 59
    static let uxnTable: UInt64 = 1 << 60
    static let apTable0: UInt64 = 1 << 61
    static let apTable1: UInt64 = 1 << 62
}

/// One mapping: the tables that lead to one leaf, each at its own address, and the regime that uses them.
struct Mapping {
    static let rootTable: UInt64 = 0x4000_0000
    static let tableDistance: UInt64 = 0x10_0000
    /// Where the leaf points: aligned for every block size, inside 40 bits.
    static let output: UInt64 = 0x80_0000_0000

    var memory = TableMemory()
    var regime: TranslationRegime
    let address: UInt64
    let startLevel: Int
    let leafLevel: Int
    let leafShift: UInt64
    /// The address of the descriptor at each level.
    private(set) var descriptorAddresses: [Int: UInt64] = [:]

    /// Maps `address` by a leaf at `leafLevel` with `attributes`, which hold no address and no type.
    init(
        _ granule: Granule = .kib4, txsz: UInt64 = 16, address: UInt64, leafLevel: Int = 3,
        attributes: UInt64 = Bits.af, tableAttributes: UInt64 = 0, output: UInt64 = Mapping.output
    ) {
        let isUpper = address >> 55 & 1 == 1
        let inputSize = 64 - txsz
        // Both TTBRs hold an ASID and CnP, which are no part of the address; the other half is disabled.
        let ttbr = Self.rootTable | 0xABCD << 48 | 1
        let ips: UInt64 = 2 << 32
        let size = isUpper ? txsz << 16 | 16 : 16 << 16 | txsz
        let disabled: UInt64 = isUpper ? 1 << 7 : 1 << 23
        regime = TranslationRegime(
            sctlr: 1, tcr: ips | granule.tg0 | granule.tg1 | size | disabled,
            ttbr0: isUpper ? 0 : ttbr, ttbr1: isUpper ? ttbr : 0, mair: 0x0000_0000_0000_44FF)
        self.address = address
        self.leafLevel = leafLevel
        startLevel = granule.startLevel(txsz: txsz)
        leafShift = granule.indexBits(level: leafLevel).low

        var table = Self.rootTable
        for level in startLevel...leafLevel {
            let bits = granule.indexBits(level: level)
            let high = level == startLevel ? inputSize - 1 : bits.high
            let index = address >> bits.low & ((1 << (high - bits.low + 1)) - 1)
            let place = table + index * 8
            descriptorAddresses[level] = place
            if level == leafLevel {
                let type = level == 3 ? Bits.valid | Bits.tableOrPage : Bits.valid
                memory.descriptors[place] = output | attributes | type
            } else {
                table += Self.tableDistance
                memory.descriptors[place] = table | Bits.valid | Bits.tableOrPage | tableAttributes
            }
        }
    }

    /// The descriptor at `level`.
    subscript(level: Int) -> UInt64 {
        get { memory.descriptors[descriptorAddresses[level]!]! }
        set { memory.descriptors[descriptorAddresses[level]!] = newValue }
    }

    mutating func translate(
        _ kind: TranslationAccess.Kind = .read, privileged: Bool = true, pan: Bool = false, address: UInt64? = nil
    ) -> Result<Translation, TranslationFault> {
        regime.translate(
            address ?? self.address, for: TranslationAccess(kind, privileged: privileged), pan: pan, memory: &memory)
    }
}

/// The fault of a failed translation; nil for a successful one.
func fault(_ result: Result<Translation, TranslationFault>) -> TranslationFault? {
    if case .failure(let fault) = result { fault } else { nil }
}
