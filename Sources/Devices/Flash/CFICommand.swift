// The commands of a NOR flash with the Intel command set, and what it says of itself.
//
// Responsible for: codes, bits of the status register, the identification, and the query table. JEDEC JEP137 has the
// number of the command set, JESD68.01 (Common Flash Interface) the table; the commands are those of Intel's StrataFlash
// P30 (306666), sections 9 to 11. Not responsible for: what a command does (`CFIFlashState`).

import Bytes

/// The first cycle of a command, or its second one.
enum CFICommand {
    static let readArray: UInt8 = 0xFF
    static let readIdentity: UInt8 = 0x90
    static let readQuery: UInt8 = 0x98
    static let readStatus: UInt8 = 0x70
    static let clearStatus: UInt8 = 0x50
    static let programWord: UInt8 = 0x40
    static let programWordAlternate: UInt8 = 0x10
    static let programBuffer: UInt8 = 0xE8
    static let eraseBlock: UInt8 = 0x20
    static let changeLock: UInt8 = 0x60
    /// The second cycle of an erase, the last one of a buffered program; after `changeLock` it unlocks.
    static let confirm: UInt8 = 0xD0
    /// After `changeLock`.
    static let lock: UInt8 = 0x01
    static let lockDown: UInt8 = 0x2F
}

/// The status register of each chip.
struct CFIStatus: OptionSet, Codable, Hashable {
    let rawValue: UInt8

    /// It waits for a command. It always does: a command is done when its last store is.
    static let ready = CFIStatus(rawValue: 1 << 7)
    static let eraseFailed = CFIStatus(rawValue: 1 << 5)
    static let programFailed = CFIStatus(rawValue: 1 << 4)
    /// The block may not be written.
    static let locked = CFIStatus(rawValue: 1 << 1)

    /// No command, or one that goes on in another way.
    static let sequenceError: CFIStatus = [.eraseFailed, .programFailed]
    static let all: CFIStatus = [.ready, .eraseFailed, .programFailed, .locked]
}

/// A bank: a bus of 32 bits, with a chip at each half.
struct CFIGeometry {
    static let chipCount = 2
    /// Of the bus.
    static let wordByteCount = 4
    /// Words that one buffered program writes.
    static let bufferWordCount = 32

    let byteCount: Int
    /// What is erased at once.
    let blockByteCount: Int

    /// The first byte of the block of `offset`.
    func block(of offset: Int) -> Int { offset / blockByteCount * blockByteCount }

    /// What each chip answers to a read of word `index` while it says who it is. An unlocked block has no bit set in
    /// its word 2.
    static func identity(_ index: Int, isLocked: Bool) -> UInt8 {
        switch index & 0xFF {
        // Intel, and a device code that many boards have.
        case 0: 0x89
        case 1: 0x18
        case 2: isLocked ? 1 : 0
        default: 0
        }
    }

    /// What each chip answers to a read of word `index` of the query table.
    func query(_ index: Int) -> UInt8 {
        let table = queryTable
        let entry = index & 0xFF - Self.firstEntry
        return table.indices.contains(entry) ? table[entry] : 0
    }

    /// Of the table's own numbers.
    private static let firstEntry = 0x10

    private var queryTable: [UInt8] {
        let chipByteCount = byteCount / Self.chipCount
        let chipBlockByteCount = blockByteCount / Self.chipCount
        let bufferByteCount = Self.bufferWordCount * Self.wordByteCount / Self.chipCount
        func exponent(_ number: Int) -> UInt8 { UInt8(truncatingIfNeeded: number.trailingZeroBitCount) }
        func word(_ number: Int) -> [UInt8] { UInt16(truncatingIfNeeded: number).littleEndianBytes }

        // 0x10: the signature, the Intel command set and where its table is, no other set.
        var table = Array("QRY".utf8)
        for number in [1, 0x31, 0, 0] { table += word(number) }
        // 0x1B: supply of 2.7 V to 3.6 V, nothing for programming.
        table += [0x27, 0x36, 0x00, 0x00]
        // 0x1F: typical times of a word and a buffer (2^n µs), a block (2^n ms); at most 16 times that.
        table += [0x07, 0x07, 0x0A, 0x00, 0x04, 0x04, 0x04, 0x00]
        // 0x27: size; a bus of 16 bits; the buffer; one region of blocks of one size.
        table.append(exponent(chipByteCount))
        for number in [1, Int(exponent(bufferByteCount))] { table += word(number) }
        table.append(1)
        for number in [chipByteCount / chipBlockByteCount - 1, chipBlockByteCount / 256] { table += word(number) }
        // 0x31: version 1.0 of the Intel table; nothing optional; the lock bits are valid; 3.0 V; no protection
        // registers.
        table += Array("PRI10".utf8)
        table += [0, 0, 0, 0, 0]
        table += word(1)
        table += [0x30, 0x00, 0]
        return table
    }
}
