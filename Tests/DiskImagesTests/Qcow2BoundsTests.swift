import Glibc
import Synchronization
import TestSupport
import Testing

@testable import DiskImages

/// Images of a few kilobytes that would keep whoever uses them busy for hours.
@Suite("qcow2: bounds")
struct Qcow2BoundsTests {
    private static let copied: UInt64 = 1 << 63

    /// An image with clusters of 4 KiB, made by hand: the header, the table of refcounts, the L1 table, and then as many
    /// clusters of `byte` as `count` says.
    private static func image(
        l1: [UInt64], refcountTable: [UInt64] = [], refcountOrder: UInt32 = 4, count: Int, of byte: UInt8 = 0
    ) -> [UInt8] {
        let cluster = 4096
        let l1Clusters = max(1, (l1.count * 8 + cluster - 1) / cluster)
        var bytes = [UInt8](repeating: 0, count: (2 + l1Clusters) * cluster)
        bytes.replaceSubrange(0..<4, with: Qcow2Header.magic)
        typealias Field = Qcow2Header.Field
        bytes.replace(at: Field.version, bigEndian: UInt32(3))
        bytes.replace(at: Field.clusterBits, bigEndian: UInt32(12))
        bytes.replace(at: Field.size, bigEndian: UInt64(l1.count) << 21)
        bytes.replace(at: Field.l1Count, bigEndian: UInt32(l1.count))
        bytes.replace(at: Field.l1Offset, bigEndian: UInt64(2 * cluster))
        bytes.replace(at: Field.refcountTableOffset, bigEndian: UInt64(cluster))
        bytes.replace(at: Field.refcountTableClusters, bigEndian: UInt32(1))
        bytes.replace(at: Field.refcountOrder, bigEndian: refcountOrder)
        bytes.replace(at: Field.byteCount, bigEndian: UInt32(Qcow2Header.version3ByteCount))
        for (index, entry) in refcountTable.enumerated() { bytes.setEntry(at: cluster + index * 8, entry) }
        for (index, entry) in l1.enumerated() { bytes.setEntry(at: 2 * cluster + index * 8, entry) }
        return bytes + [UInt8](repeating: byte, count: count * cluster)
    }

    /// The offset of a cluster of the file.
    private static func cluster(_ number: Int) -> UInt64 { UInt64(number) << 12 }

    private static func open(_ file: LoggedFile, readOnly: Bool = true) throws -> Qcow2Image {
        try Qcow2Image(file, header: Qcow2Header(file), readOnly: readOnly)
    }

    @Test("An L1 table that names one table of level 2 twice is damage, and one whose tables differ is not")
    func sharedTables() throws {
        let path = "a.qcow2"
        for flag in [0, Self.copied] {
            let wrong = [Self.cluster(4) | flag, 0, Self.cluster(3), 0, Self.cluster(4)]
            let file = LoggedFile(Self.image(l1: wrong, count: 2), path: path)
            for readOnly in [true, false] {
                #expect(throws: DiskImageError.damaged(path: path, .l1(index: 4, entry: Self.cluster(4)))) {
                    try Self.open(file, readOnly: readOnly)
                }
            }
        }
        let right = [Self.cluster(4), 0, Self.cluster(3), 0, 0]
        let image = try Self.open(LoggedFile(Self.image(l1: right, count: 2), path: path))
        #expect(try image.nextData(from: 0) == nil)
    }

    @Test("A table that names one block of refcounts twice is damage to whoever writes, and nothing to who reads")
    func sharedBlocks() throws {
        let path = "a.qcow2"
        let blocks = [Self.cluster(3), Self.cluster(4), 0, Self.cluster(3)]
        let file = LoggedFile(Self.image(l1: [0], refcountTable: blocks, count: 2), path: path)
        #expect(throws: DiskImageError.damaged(path: path, .refcountTable(index: 3, entry: Self.cluster(3)))) {
            try Self.open(file, readOnly: false)
        }
        #expect(try Self.open(file).bytes(512, at: 0) == [UInt8](repeating: 0, count: 512))
    }

    @Test("A table of level 2 behind the end of the file is damage, and not a part of the disk that is zero")
    func tableBehindEnd() throws {
        let file = LoggedFile(Self.image(l1: [0, Self.cluster(4)], count: 1), path: "a.qcow2")
        let image = try Self.open(file)
        let damage = DiskImageError.damaged(path: "a.qcow2", .l1(index: 1, entry: Self.cluster(4)))
        #expect(throws: damage) { try image.nextData(from: 0) }
        #expect(throws: damage) { try image.bytes(512, at: 3 << 20) }
        #expect(try image.bytes(512, at: 0) == [UInt8](repeating: 0, count: 512))
    }

    @Test("Tables in a hole of the file are not read to know that they say nothing")
    func hollowTables() throws {
        let count = 512
        var bytes = Self.image(l1: (0..<count).map { Self.cluster(3 + $0) }, count: count)
        var file = LoggedFile(bytes, path: "a.qcow2")
        var image = try Self.open(file)
        let before = file.readCount
        #expect(try image.nextData(from: 0) == nil)
        #expect(file.readCount - before < 10)
        // One that says something is found among them.
        bytes.setEntry(at: Int(Self.cluster(3 + 300)) + 8 * 7, Self.cluster(3))
        file = LoggedFile(bytes, path: "a.qcow2")
        image = try Self.open(file)
        #expect(try image.nextData(from: 0) == 300 << 21 + 7 << 12)
        #expect(try image.nextData(from: 300 << 21 + 8 << 12) == nil)
    }

    /// A disk of zeros that says how much of it was searched.
    private final class SearchedContent: DiskContent {
        let byteCount: UInt64
        let searched = Atomic<UInt64>(0)

        init(byteCount: UInt64) { self.byteCount = byteCount }

        func read(into buffers: [iovec], at offset: UInt64) { buffers.clear() }

        func nextData(from offset: UInt64, before limit: UInt64) -> UInt64? {
            searched.add(min(limit, byteCount) - offset, ordering: .relaxed)
            return nil
        }
    }

    @Test("Each part of a backing file is searched once, however often the image in front of it says something else")
    func backingOnce() throws {
        var bytes = Self.image(l1: [Self.cluster(3), 0, 0], count: 1)
        for index in stride(from: 0, to: 512, by: 2) { bytes.setEntry(at: Int(Self.cluster(3)) + index * 8, 1) }
        let file = LoggedFile(bytes, path: "a.qcow2")
        let content = SearchedContent(byteCount: 6 << 20)
        let image = try Qcow2Image(
            file, header: Qcow2Header(file), readOnly: true, chain: BackingChain(content: content, files: []))
        #expect(try image.nextData(from: 0) == nil)
        // Every other cluster of the first table's, and all of the rest.
        #expect(content.searched.load(ordering: .relaxed) == 1 << 20 + 4 << 20)
    }

    @Test("The search for a free cluster goes through what is counted in a fraction of the time that one count takes")
    func freeCluster() throws {
        // 32 blocks with counts of a bit, all set but the last.
        let blockCount = 32
        var bytes = Self.image(
            l1: [0], refcountTable: (0..<blockCount).map { Self.cluster(3 + $0) }, refcountOrder: 0,
            count: blockCount, of: 0xFF)
        bytes[bytes.count - 1] = 0x7F
        let file = LoggedFile(bytes, path: "a.qcow2")
        var tables = try Qcow2Tables(file, Qcow2Header(file), .init(), readOnly: false)
        let last = UInt64(blockCount) << 15 - 1
        var counts: UInt64 = 0
        let counting = try ThreadTime.seconds {
            for cluster in 0..<last { counts += try tables.refcount(of: cluster) }
        }
        #expect(counts == last)
        var run: Qcow2Tables.Run?
        let searching = try ThreadTime.seconds { run = try tables.allocate(atMost: 1) }
        #expect(run?.offset == last << 12)
        #expect(searching * 3 < counting, "\(searching) s, and \(counting) s")
    }
}
