// From an instruction address to its block, without a walk: a part for each mode, of entries by the address's low bits.
//
// Responsible for: where an entry is, and what an empty one holds. Both engines look here; who puts entries in, and when
// they are dropped, is `EmulatedCPU+Dispatch` and `TranslationContext`.
//
// A guest can put any 64 bits into its PC, so an entry's key is the address and nothing else. What a block was made for
// is told by the part that it is in, which no address reaches: translated code knows its mode, and with it the part. The
// keys of blocks are addresses that were fetched from, so a misaligned or tagged PC equals none of them. An empty entry
// has a key that is looked for in another one: zero, which belongs into the first, and all ones in the first.

import Glibc

/// Each part has 8192 entries of a key and a pointer. Two neighbouring instructions share one, since hardly ever both
/// begin a block.
enum JumpCache {
    private static let entryCount = 8192
    static let entryByteCount = 16
    private static let partByteCount = entryCount * entryByteCount
    static let partsByteCount = BlockMode.count * partByteCount
    /// With the list of what was filled behind the parts.
    static let byteCount = partsByteCount + Filled.byteCount
    private static let entriesPerPage = 512
    /// `2 * address & indexMask` is the byte offset of an address's entry in its part.
    static let indexMask = UInt64(partByteCount - entryByteCount)

    /// Byte offset of the part for `mode`.
    @inline(__always)
    static func offset(of mode: BlockMode) -> Int { mode.index * partByteCount }

    /// The entry of `address` for `mode`: a key and the address of a block.
    @inline(__always)
    static func entry(
        _ address: UInt64, mode: BlockMode, in cache: UnsafeMutableRawPointer
    ) -> UnsafeMutablePointer<UInt64> {
        (cache + offset(of: mode) + Int(truncatingIfNeeded: address << 1 & indexMask))
            .assumingMemoryBound(to: UInt64.self)
    }

    /// Makes every entry an empty one, in memory that is all zero and stays untouched where it can.
    static func initialize(_ cache: UnsafeMutableRawPointer) {
        for mode in BlockMode.all { cache.storeBytes(of: ~0, toByteOffset: offset(of: mode), as: UInt64.self) }
    }

    /// Empties every entry. If too many were filled for the list of them, they are at `places`, by mode.
    static func empty(_ cache: UnsafeMutableRawPointer, orElse places: InlineArray<4, Places>) {
        if let filled = Filled.numbers(in: cache) {
            for number in filled {
                // Safe: what is listed is the number of an entry.
                cache.storeBytes(
                    of: Int(number) % entryCount == 0 ? ~0 : 0, toByteOffset: Int(number) * entryByteCount,
                    as: UInt64.self)
            }
        } else {
            for mode in BlockMode.all { invalidate(places[mode.index], mode: mode, in: cache) }
        }
        Filled.forget(in: cache)
    }

    /// Empties the entries at `places` in the part for `mode`.
    static func invalidate(_ places: Places, mode: BlockMode, in cache: UnsafeMutableRawPointer) {
        var left = places.rawValue
        while left != 0 {
            // Neighbours at once.
            let first = left.trailingZeroBitCount
            let count = (~(left >> first)).trailingZeroBitCount
            // Safe: places are in the part, which is inside the cache.
            memset(cache + (offset(of: mode) + first * placeByteCount), 0, count * placeByteCount)
            left &= ~((1 << count - 1) << first)
        }
        guard !places.isEmpty else { return }
        // If the first entry was another page's, that is looked up once more.
        cache.storeBytes(of: ~0, toByteOffset: offset(of: mode), as: UInt64.self)
    }
}

extension JumpCache {
    private static let placeByteCount = entriesPerPage * entryByteCount

    /// Where in a part a page's blocks have their entries. A page has one place, which others share with it.
    struct Places: OptionSet {
        let rawValue: UInt32

        init(rawValue: UInt32) { self.rawValue = rawValue }

        init(ofPage address: UInt64) { rawValue = 1 << UInt32(truncatingIfNeeded: address >> 12 & 15) }
    }
}
