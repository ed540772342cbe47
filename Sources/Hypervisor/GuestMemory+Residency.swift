// How much of the guest's RAM the host has had to provide.

import Glibc

extension GuestMemory {
    /// Bytes asked about in one call, so that the answer of a large guest needs no large buffer.
    private static let residencyStep = 1 << 30

    /// Bytes of the RAM that are in the host's memory: those that were touched, in whole pages of the host, less
    /// what the host has moved to its swap.
    public var residentByteCount: UInt64 {
        let pageSize = sysconf(Int32(_SC_PAGESIZE))
        var states = [UInt8](repeating: 0, count: Self.residencyStep / pageSize)
        var pageCount = 0
        var offset = 0
        while offset < Int(byteCount) {
            let length = min(Self.residencyStep, Int(byteCount) - offset)
            // Safe: the range is inside the mapping, and `states` has a byte for each page of it.
            guard mincore(host + offset, length, &states) == 0 else { break }
            pageCount += states.prefix((length + pageSize - 1) / pageSize).count { $0 & 1 != 0 }
            offset += length
        }
        return UInt64(pageCount * pageSize)
    }
}
