// Looking for blocks that a guest writes: that is how an image of its memory in a swap file is found.
//
// Responsible for: which blocks of a write may be meant, what they were before it, and what they are afterwards. Not
// responsible for: what they mean.

import Hypervisor

/// Who wants to know of writes, and of which.
struct BlockWatch: Sendable {
    static let blockByteCount = 4096
    /// Blocks of one request that are looked at: each has its bytes kept meanwhile, and a guest may write a million.
    static let maximumCount = 16

    var ending: [UInt8]
    var isWanted: @Sendable (_ before: [UInt8], _ after: [UInt8]) -> Bool
    var body: @Sendable (UInt64) -> Void

    /// A block of a write.
    struct Candidate: Sendable {
        /// Where it ends on the disk, in bytes.
        var end: UInt64
        /// What was there before the write; nil if that cannot be read.
        var before: [UInt8]?
    }

    /// The blocks in `request`, which is not done yet, that end as they should.
    ///
    /// - Parameter known: what was found of it before, if it was begun and cut short: the disk may have some of it.
    func candidates(
        of request: BlockRequest, on disk: some DiskStorage, memory: GuestMemory, known: [Candidate]
    ) -> [Candidate] {
        guard request.isWrite(to: disk) else { return [] }
        let ends = request.outgoing.ends(
            ofBlocks: Self.blockByteCount, endingWith: ending, atMost: Self.maximumCount, in: memory)
        return ends.map { end in
            // Safe from overflow: the request is one to the disk.
            let end = request.sector * DiskFile.sectorByteCount + UInt64(end)
            if let found = known.first(where: { $0.end == end }) { return found }
            return Candidate(end: end, before: Self.block(endingAt: end, on: disk))
        }
    }

    /// Tells of those that are wanted, now that their write was done, or failed on its way.
    func tell(_ candidates: [Candidate], on disk: some DiskStorage) {
        for candidate in candidates {
            // What cannot be read may be what is wanted.
            if let before = candidate.before, let after = Self.block(endingAt: candidate.end, on: disk),
                !isWanted(before, after)
            {
                continue
            }
            body(candidate.end)
        }
    }

    private static func block(endingAt end: UInt64, on disk: some DiskStorage) -> [UInt8]? {
        disk.peek(blockByteCount, at: end - UInt64(blockByteCount))
    }
}
