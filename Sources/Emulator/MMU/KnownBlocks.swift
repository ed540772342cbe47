// The blocks that a CPU came to lately, by where they are in memory: the way back to what a jump cache lost.
//
// A new address space begins with an empty jump cache, and most TLBIs empty one, while nearly all code that is executed
// then was executed before: the kernel's, the C library's. The code cache finds it, in three places of a large table
// that are seldom in the host's caches. This is one place, small enough to stay there, and translated code looks here
// itself (`TranslatorStubs`), so that a lost entry costs no way out and back in.
//
// Responsible for: where an entry is, and what an empty one holds. What is found may have been dropped since: its host
// code leads out then, and `Block.isValid` says so. Not responsible for forgetting in time, before blocks' memory is
// used again (`EmulatedCPU.releaseBlocks`).

import Glibc

/// A table of entries of a key and a block's address.
///
/// Safe: `base` is `byteCount` bytes that this owns, and an entry's offset is masked to that.
final class KnownBlocks {
    private static let entryCount = 16384
    private static let byteCount = entryCount * 16
    /// `shifted << 2 & indexMask` is the byte offset of an entry, `shifted` being what `fold` makes of an address.
    static let indexMask = UInt64(byteCount - 16)
    /// An address's upper bits are folded into the lower ones by this shift, so that code far apart does not meet.
    static let foldShift: UInt8 = 15

    let base: UnsafeMutableRawPointer

    /// Memory is taken where it is touched; all zero is all empty, as no key is zero.
    init() {
        let pointer = mmap(nil, Self.byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let pointer, pointer != MAP_FAILED else { preconditionFailure("out of memory for known blocks") }
        base = pointer
    }

    deinit { munmap(base, Self.byteCount) }

    /// Where the block at a physical address is or would be, whatever its mode.
    func entry(_ physical: UInt64) -> UnsafeMutablePointer<UInt64> {
        let offset = (physical ^ physical >> UInt64(Self.foldShift)) << 2 & Self.indexMask
        return (base + Int(truncatingIfNeeded: offset)).assumingMemoryBound(to: UInt64.self)
    }

    /// An instruction's address is a multiple of 4, which leaves room for the mode; no address is all ones.
    private static func key(_ physical: UInt64, _ mode: BlockMode) -> UInt64 { ~(physical | mode.rawValue) }

    /// The block at a physical address, if it is known; it may be invalid.
    func find(_ physical: UInt64, mode: BlockMode) -> Block? {
        let entry = entry(physical)
        guard entry[0] == Self.key(physical, mode) else { return nil }
        return UnsafeMutableRawPointer(bitPattern: UInt(entry[1])).map(Block.init(base:))
    }

    func insert(_ block: Block, at physical: UInt64, mode: BlockMode) {
        let entry = entry(physical)
        entry[0] = Self.key(physical, mode)
        entry[1] = UInt64(UInt(bitPattern: block.base))
    }

    func forget() { memset(base, 0, Self.byteCount) }
}
