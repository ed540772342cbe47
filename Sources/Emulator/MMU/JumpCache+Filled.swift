// Which entries of a jump cache were filled since it was last emptied.
//
// So emptying one that holds little costs little (`FilledEntries` says when that happens), and it is known which code was
// executed since then (`EmulatedCPU.fetchAhead`). Translated code adds to the list, too: see `TranslatorStubs`. Not
// responsible for what is in an entry.

extension JumpCache {
    /// A list behind the parts, up to a limit; beyond that any entry may have been filled.
    ///
    /// Safe: the cache has `JumpCache.byteCount` bytes, and the count is never above `limit` when a number is stored.
    enum Filled {
        /// UInt64: how many are listed. At `limit` the list is not complete.
        static let countOffset = partsByteCount
        /// UInt32: the number of an entry, those of all parts before it counted.
        static let numbersOffset = countOffset + 16
        /// What costs about as much to empty one by one as the parts as a whole.
        static let limit = 4096
        static let byteCount = 16 + limit * 4

        private static func count(in cache: UnsafeMutableRawPointer) -> Int {
            cache.load(fromByteOffset: countOffset, as: Int.self)
        }

        /// Lists an entry of `cache`, maybe once more.
        static func insert(_ entry: UnsafeMutablePointer<UInt64>, in cache: UnsafeMutableRawPointer) {
            let count = count(in: cache)
            guard count < limit else { return }
            let number = UInt32(truncatingIfNeeded: (UnsafeMutableRawPointer(entry) - cache) / entryByteCount)
            cache.storeBytes(of: number, toByteOffset: numbersOffset + count * 4, as: UInt32.self)
            cache.storeBytes(of: count + 1, toByteOffset: countOffset, as: Int.self)
        }

        /// The numbers of all entries that may be filled, some more than once; nil: any may be.
        static func numbers(in cache: UnsafeMutableRawPointer) -> UnsafeBufferPointer<UInt32>? {
            let count = count(in: cache)
            guard count < limit else { return nil }
            return UnsafeBufferPointer(
                start: (cache + numbersOffset).assumingMemoryBound(to: UInt32.self), count: count)
        }

        /// None is filled any more.
        static func forget(in cache: UnsafeMutableRawPointer) {
            cache.storeBytes(of: 0, toByteOffset: countOffset, as: Int.self)
        }
    }
}
