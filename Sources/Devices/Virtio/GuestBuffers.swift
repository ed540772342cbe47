// A list of pieces of guest memory that a driver means as one buffer.
//
// Responsible for: cutting such a list, and copying to and from it. Not responsible for: where the list comes from
// (`DescriptorChain`). Devices may not assume anything about how a buffer is cut (virtio 1.2 §2.7.4).

import Glibc
import Hypervisor

/// Pieces of guest memory, in order. Every piece was found to be in RAM when it was appended.
struct GuestBuffers: Sendable {
    struct Segment: Sendable, Equatable {
        var address: PhysicalAddress
        var count: Int
    }

    private(set) var segments: [Segment] = []

    /// Bytes in all segments; a chain's limit of 2³² keeps it far from overflow.
    private(set) var byteCount = 0

    /// Adds `count` bytes at `address`, which the caller has checked to be RAM. Empty segments are left out.
    mutating func append(address: PhysicalAddress, count: Int) {
        guard count > 0 else { return }
        segments.append(Segment(address: address, count: count))
        byteCount += count
    }

    /// The first `count` bytes (or all, if there are fewer) and the rest.
    func split(at count: Int) -> (head: GuestBuffers, tail: GuestBuffers) {
        var head = GuestBuffers()
        var tail = GuestBuffers()
        var wanted = max(count, 0)
        for segment in segments {
            let taken = min(wanted, segment.count)
            head.append(address: segment.address, count: taken)
            // Safe: the segment is in RAM, so the address of a byte in it does not overflow.
            tail.append(address: segment.address &+ UInt64(taken), count: segment.count - taken)
            wanted -= taken
        }
        return (head, tail)
    }

    /// All bytes, copied out of guest memory.
    func bytes(in memory: GuestMemory) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount)
        forEachPiece(ofAtMost: .max, in: memory) { piece in
            bytes += piece
            return true
        }
        return bytes
    }

    /// Calls `body` with all bytes in order, copied out of guest memory in pieces, as long as it returns true: a driver
    /// may mean gigabytes.
    func forEachPiece(ofAtMost count: Int, in memory: GuestMemory, _ body: ([UInt8]) -> Bool) {
        for segment in segments {
            var done = 0
            while done < segment.count {
                let piece = min(count, segment.count - done)
                // Safe: the segment is in RAM, so the address of a byte in it does not overflow.
                guard body(memory.read(at: segment.address &+ UInt64(done), count: piece) ?? []) else { return }
                done += piece
            }
        }
    }

    /// The blocks of `blockByteCount` bytes, counted from the first byte on, whose last bytes are `ending`: where each
    /// of them ends, of `limit` of them at most. An ending that is cut into segments is not seen.
    func ends(
        ofBlocks blockByteCount: Int, endingWith ending: [UInt8], atMost limit: Int, in memory: GuestMemory
    ) -> [Int] {
        var ends: [Int] = []
        var start = 0
        for segment in segments {
            defer { start += segment.count }
            var end = (start / blockByteCount + 1) * blockByteCount
            while end <= start + segment.count, ends.count < limit {
                defer { end += blockByteCount }
                let position = end - ending.count - start
                // Safe: the bytes are in the segment, which is in RAM. The guest may be writing there: then they are
                // compared with what they were or what they become, and whoever is told looks at the disk.
                if position >= 0,
                    let bytes = memory.pointer(at: segment.address &+ UInt64(position), count: UInt64(ending.count)),
                    memcmp(bytes, ending, ending.count) == 0
                {
                    ends.append(end)
                }
            }
        }
        return ends
    }

    /// Copies as many of `bytes` as fit into guest memory, and returns how many that were.
    @discardableResult
    func write(_ bytes: ArraySlice<UInt8>, in memory: GuestMemory) -> Int {
        var rest = bytes
        for segment in segments where !rest.isEmpty {
            let piece = rest.prefix(segment.count)
            memory.write(piece, at: segment.address)
            rest = rest.dropFirst(piece.count)
        }
        return bytes.count - rest.count
    }

    /// The same pieces as the host's vectored input and output takes them.
    func vectors(in memory: GuestMemory) -> [iovec] {
        segments.compactMap { segment in
            memory.pointer(at: segment.address, count: UInt64(segment.count))
                .map { iovec(iov_base: $0, iov_len: segment.count) }
        }
    }

    /// Tells the back end that all pieces may have been written by the host.
    func didWrite(in memory: GuestMemory) {
        for segment in segments {
            memory.didWrite(at: segment.address, count: UInt64(segment.count))
        }
    }
}
