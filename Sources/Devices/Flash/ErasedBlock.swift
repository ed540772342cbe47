// A block of a flash that was erased, and that its storage still has as it was.
//
// edk2's driver writes what takes more than two buffers by erasing the block and writing all of it again
// (OvmfPkg/VirtNorFlashDxe), and all variables are in one block: a host that lost its power meanwhile would leave none.
// So the old contents last until the new ones have come as far. What is stored then is what differs, in one piece: as
// if those bytes alone had been programmed. The driver goes upwards, by the buffer, and leaves out what stays erased.
// One that does something else has the block stored first, as has a change of another block, and the end of the run:
// what is stored is always what the guest had at some time, in its order.
//
// Responsible for: how far the block was written again, and what differs. Not responsible for: storing it (`CFIFlash`).

/// A block that is erased for the guest, and not in its storage.
struct ErasedBlock {
    /// Of its first byte.
    let offset: Int
    /// What its storage has.
    let stored: [UInt8]
    /// What is behind this in it was erased before.
    private let storedEnd: Int
    /// What is behind this was not written since the erase.
    private var writtenEnd = 0

    init(offset: Int, stored: [UInt8]) {
        self.offset = offset
        self.stored = stored
        storedEnd = (stored.lastIndex { $0 != 0xFF } ?? -1) + 1
    }

    /// All that was in it was written again.
    var isComplete: Bool { writtenEnd >= storedEnd }

    /// Whether programming `range` is a part of writing it anew.
    func goesOn(with range: Range<Int>) -> Bool {
        offset + writtenEnd <= range.lowerBound && range.upperBound <= offset + stored.count
    }

    /// It is erased once more.
    mutating func begin() { writtenEnd = 0 }

    /// Bytes in it were programmed.
    mutating func wrote(_ range: Range<Int>) { writtenEnd = range.upperBound - offset }

    /// The smallest piece, counted from its first byte, that has all in which `new` differs; nil if nothing does.
    func changes(to new: [UInt8]) -> Range<Int>? {
        guard let first = zip(stored, new).enumerated().first(where: { $0.element.0 != $0.element.1 })?.offset,
            let last = zip(stored, new).reversed().enumerated().first(where: { $0.element.0 != $0.element.1 })?.offset
        else { return nil }
        return first..<stored.count - last
    }
}
