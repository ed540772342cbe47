// Parts of scattered buffers.
//
// Responsible for: taking so many bytes of a list of buffers at a time. The buffers are somebody else's, who keeps them
// while a request is done; nobody keeps a list for longer.

import Glibc

extension [iovec] {
    /// Bytes of all.
    public var byteCount: Int { reduce(0) { $0 &+ $1.iov_len } }
}

/// A place in a list of buffers, which moves to its end.
public struct BufferCursor {
    private let buffers: [iovec]
    private var index = 0
    /// Bytes of the buffer at `index` that were taken.
    private var taken = 0

    public init(_ buffers: [iovec]) { self.buffers = buffers }

    /// The next `count` bytes, or what there is.
    public mutating func take(_ count: Int) -> [iovec] {
        var rest = count
        var result: [iovec] = []
        while rest > 0, index < buffers.count {
            let left = buffers[index].iov_len - taken
            let length = min(left, rest)
            if length > 0, let base = buffers[index].iov_base {
                // Safe: the part is inside the buffer.
                result.append(iovec(iov_base: base + taken, iov_len: length))
            }
            rest -= length
            if length == left {
                index += 1
                taken = 0
            } else {
                taken += length
            }
        }
        return result
    }
}

extension [iovec] {
    /// Makes all of it zero.
    func clear() {
        for buffer in self {
            guard let base = buffer.iov_base else { continue }
            // Safe: as many bytes as the buffer has.
            memset(base, 0, buffer.iov_len)
        }
    }

    /// Fills it from `bytes`, which are as many.
    func fill(from bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { source in
            var done = 0
            for buffer in self {
                let count = Swift.min(buffer.iov_len, source.count - done)
                guard count > 0, let base = buffer.iov_base, let start = source.baseAddress else { return }
                // Safe: `count` bytes are left on both sides.
                memcpy(base, start + done, count)
                done += count
            }
        }
    }
}
