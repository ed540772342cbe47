// Writes as values: what a disk with a volatile cache holds, and what a power cut leaves of it.
//
// Responsible for: the one definition of what is lost, kept and reordered, which a real cut (`DiskLaboratory`) and a
// constructed one (`DiskLog.contents`) share. virtio 1.2 §5.2.6.2: a write may be in a volatile cache until a flush.

/// Whole sectors that were written.
public struct DiskWrite: Sendable, Hashable {
    /// What was written to them.
    public enum Content: Sendable, Hashable {
        /// A whole number of sectors.
        case bytes([UInt8])
        /// As a discard leaves them, or a request to write zeros: as many of them as a guest likes, so there are no
        /// bytes of it. At most `maximumZeroedSectorCount`.
        case zeroes(sectorCount: Int)
    }

    /// More zeros than that are several writes: 64 MiB.
    public static let maximumZeroedSectorCount = 1 << 17

    /// The first sector.
    public var sector: UInt64
    public var content: Content

    public init(sector: UInt64, bytes: [UInt8]) {
        self.sector = sector
        content = .bytes(bytes)
    }

    public init(sector: UInt64, zeroedSectorCount: Int) {
        self.sector = sector
        content = .zeroes(sectorCount: zeroedSectorCount)
    }

    /// Bytes from the start of the disk.
    public var offset: UInt64 { sector &* DiskFile.sectorByteCount }

    /// How many sectors are written.
    public var sectorCount: Int {
        switch content {
        case .bytes(let bytes): bytes.count / Int(DiskFile.sectorByteCount)
        case .zeroes(let count): count
        }
    }

    /// What is written, zeros included.
    public var bytes: [UInt8] {
        switch content {
        case .bytes(let bytes): bytes
        case .zeroes(let count): [UInt8](repeating: 0, count: count * Int(DiskFile.sectorByteCount))
        }
    }

    /// Its first `sectors`, if that is not all of it.
    func prefix(sectors: Int) -> DiskWrite {
        switch content {
        case .bytes(let bytes):
            let (count, overflow) = sectors.multipliedReportingOverflow(by: Int(DiskFile.sectorByteCount))
            return DiskWrite(sector: sector, bytes: overflow ? bytes : Array(bytes.prefix(max(0, count))))
        case .zeroes(let count):
            return DiskWrite(sector: sector, zeroedSectorCount: min(count, max(0, sectors)))
        }
    }

    /// The writes that leave `sectors` zero.
    static func zeroes(_ sectors: Range<UInt64>) -> [DiskWrite] {
        stride(from: sectors.lowerBound, to: sectors.upperBound, by: maximumZeroedSectorCount).map { start in
            let count = min(sectors.upperBound - start, UInt64(maximumZeroedSectorCount))
            return DiskWrite(sector: start, zeroedSectorCount: Int(count))
        }
    }
}

extension [DiskWrite] {
    /// What the first `sectors` of them are.
    func prefix(sectors: Int) -> [DiskWrite] {
        var left = Swift.max(0, sectors)
        return map { write in
            defer { left -= Swift.min(left, write.sectorCount) }
            return write.prefix(sectors: left)
        }
    }
}

extension [DiskWrite] {
    /// What reaches the medium of these writes, which were not flushed, when the power goes, in that order.
    func survivors(_ unflushed: DiskFaults.Unflushed) -> [DiskWrite] {
        switch unflushed {
        case .lose: return []
        case .keep: return self
        case .reorder(let seed):
            var generator = SeededGenerator(state: seed)
            let order = shuffled(using: &generator)
            // By turns much is lost, and so little that the rest may look whole.
            let oneIn = [2, 16, 128, 512][Int(seed % 4)]
            return order.filter { _ in Int.random(in: 0..<oneIn, using: &generator) != 0 }
        }
    }
}

/// SplitMix64: the same numbers for the same seed, on every host.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
