// Making an empty qcow2 image.
//
// Follows QEMU's docs/interop/qcow2.txt. The file is: the header, blocks of refcounts, the table of them, the L1 table.

import Bytes
import Glibc
import HostSupport

extension Qcow2Image {
    /// What a new image is like.
    public struct Options: Sendable, Hashable {
        /// 2 or 3.
        public var version: UInt32 = 3
        /// 9 to 21; 16 is QEMU's usual.
        public var clusterBits = 16
        /// Refcounts have 1 << this bits; version 2 has 4.
        public var refcountOrder = 4
        /// What it is an overlay of: a file's name, as it is to be in the header, and its format.
        public var backing: Backing?

        public init(backing: Backing? = nil) { self.backing = backing }
    }

    /// A backing file.
    public struct Backing: Sendable, Hashable {
        public var name: String
        public var format: DiskFormat

        public init(name: String, format: DiskFormat) {
            self.name = name
            self.format = format
        }
    }

    /// Makes an image at `path`, where nothing is.
    ///
    /// - Parameters:
    ///   - path: of the new file.
    ///   - byteCount: of the guest's disk, a multiple of 512.
    ///   - options: what it is like.
    /// - Throws: why that cannot be.
    public static func create(
        at path: String, byteCount: UInt64, options: Options = Options()
    ) throws(DiskImageError) {
        try makeImage(at: path) { disk throws(DiskImageError) in
            try write(to: disk, path: path, byteCount: byteCount, options: options)
        }
    }

    /// The same in a file that is there and empty.
    ///
    /// - Parameters:
    ///   - disk: the file.
    ///   - path: the file's.
    ///   - byteCount: of the guest's disk, a multiple of 512.
    ///   - options: what it is like.
    /// - Throws: why that cannot be.
    public static func write(
        to disk: HostDisk, path: String, byteCount: UInt64, options: Options = Options()
    ) throws(DiskImageError) {
        let image = try Layout(path: path, byteCount: byteCount, options)
        let file = HostImageFile(disk, path: path)
        try image.write(to: file)
        try file.synchronize()
    }

    /// Where everything of an empty image is.
    struct Layout {
        private let byteCount: UInt64
        private let options: Options
        private let l1Count: Int
        private let l1Clusters: Int
        private var tableClusters = 1
        private var blocks = 1
        private let headerSector: [UInt8]

        /// Names follow the header and its extensions.
        private static let headerByteCount = 112

        init(path: String, byteCount: UInt64, _ options: Options) throws(DiskImageError) {
            func wrong(_ field: String) -> DiskImageError { .damaged(path: path, .header(field)) }
            guard Qcow2Header.clusterBits.contains(options.clusterBits) else { throw wrong("cluster size") }
            guard (0...6).contains(options.refcountOrder), options.version == 3 || options.refcountOrder == 4 else {
                throw wrong("width of refcounts")
            }
            guard options.version == 2 || options.version == 3 else {
                throw .unsupported(path: path, .version(options.version))
            }
            guard byteCount.isMultiple(of: UInt64(Qcow2Header.sectorByteCount)),
                byteCount <= Qcow2Header.maximumByteCount
            else { throw wrong("size of the disk") }
            let entries = Qcow2Header.l1Count(byteCount: byteCount, clusterBits: options.clusterBits)
            guard entries * 8 <= UInt64(Qcow2Header.maximumL1ByteCount) else {
                throw .unsupported(path: path, .tooLarge)
            }
            self.byteCount = byteCount
            self.options = options
            // QEMU has one entry of none.
            l1Count = Int(max(1, entries))
            let perCluster = 1 << (options.clusterBits - 3)
            l1Clusters = (l1Count + perCluster - 1) / perCluster
            let perBlock = 1 << (options.clusterBits + 3 - options.refcountOrder)
            while true {
                let count = 1 + blocks + tableClusters + l1Clusters
                let needed = (count + perBlock - 1) / perBlock
                let table = (needed + perCluster - 1) / perCluster
                if needed <= blocks, table <= tableClusters { break }
                blocks = max(blocks, needed)
                tableClusters = max(tableClusters, table)
            }
            let header = try Self.header(options, path: path)
            guard header.count <= 1 << options.clusterBits else { throw wrong("backing file's name") }
            headerSector = header
        }

        private static func header(_ options: Options, path: String) throws(DiskImageError) -> [UInt8] {
            var header = [UInt8](
                repeating: 0, count: options.version == 2 ? Qcow2Header.version2ByteCount : headerByteCount)
            header.replaceSubrange(0..<4, with: Qcow2Header.magic)
            header.replace(at: Qcow2Header.Field.version, bigEndian: options.version)
            header.replace(at: Qcow2Header.Field.clusterBits, bigEndian: UInt32(options.clusterBits))
            if options.version == 3 {
                header.replace(at: Qcow2Header.Field.refcountOrder, bigEndian: UInt32(options.refcountOrder))
                header.replace(at: Qcow2Header.Field.byteCount, bigEndian: UInt32(headerByteCount))
            }
            if let backing = options.backing {
                let format = Array(backing.format.rawValue.utf8)
                header.append(bigEndian: Qcow2Header.Extension.backingFormat)
                header.append(bigEndian: UInt32(format.count))
                header += format
                header.append(zeros: (8 - format.count % 8) % 8)
            }
            header.append(zeros: 8)
            if let backing = options.backing {
                let name = Array(backing.name.utf8)
                guard !name.isEmpty, name.count <= Qcow2Header.maximumNameByteCount, !name.contains(0) else {
                    throw .damaged(path: path, .header("backing file's name"))
                }
                // The name would mean something else.
                _ = try BackingChain.path(of: backing.name, from: path)
                header.replace(at: Qcow2Header.Field.backingOffset, bigEndian: UInt64(header.count))
                header.replace(at: Qcow2Header.Field.backingByteCount, bigEndian: UInt32(name.count))
                header += name
            }
            return header
        }

        /// Writes the image; the header last, so that a file that is cut off is none.
        func write(to file: any ImageFile) throws(DiskImageError) {
            let bits = UInt64(options.clusterBits)
            let tableCluster = 1 + blocks
            let l1Cluster = tableCluster + tableClusters
            let used = l1Cluster + l1Clusters
            let perBlock = 1 << (options.clusterBits + 3 - options.refcountOrder)
            for block in 0..<blocks {
                var bytes = [UInt8](repeating: 0, count: 1 << options.clusterBits)
                for cluster in 0..<max(0, min(perBlock, used - block * perBlock)) {
                    bytes.setRefcount(cluster, order: options.refcountOrder, 1)
                }
                try file.write(bytes, at: UInt64(1 + block) << bits)
            }
            var table = [UInt8](repeating: 0, count: tableClusters << options.clusterBits)
            for block in 0..<blocks { table.setEntry(at: block * 8, UInt64(1 + block) << bits) }
            try file.write(table, at: UInt64(tableCluster) << bits)
            try file.write(
                [UInt8](repeating: 0, count: l1Clusters << options.clusterBits), at: UInt64(l1Cluster) << bits)
            try file.synchronize()
            var header = headerSector
            header.replace(at: Qcow2Header.Field.size, bigEndian: byteCount)
            header.replace(at: Qcow2Header.Field.l1Count, bigEndian: UInt32(l1Count))
            header.replace(at: Qcow2Header.Field.l1Offset, bigEndian: UInt64(l1Cluster) << bits)
            header.replace(at: Qcow2Header.Field.refcountTableOffset, bigEndian: UInt64(tableCluster) << bits)
            header.replace(at: Qcow2Header.Field.refcountTableClusters, bigEndian: UInt32(tableClusters))
            header.append(zeros: (1 << options.clusterBits) - header.count)
            try file.write(header, at: 0)
        }
    }
}

/// Makes a file at `path`, where nothing is, and has `body` fill it; removes it again if that fails.
func makeImage(
    at path: String, _ body: (HostDisk) throws(DiskImageError) -> Void
) throws(DiskImageError) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
        throw errno == EEXIST ? .alreadyThere(path: path) : .failed(operation: "make", path: path, errno: errno)
    }
    close(descriptor)
    do throws(DiskImageError) {
        try body(HostDisk.open(imageAt: path, forWriting: true))
    } catch {
        unlink(path)
        throw error
    }
    DurableFile.synchronizeDirectory(of: path)
}

extension [UInt8] {
    /// Appends `value`, its highest byte first.
    mutating func append(bigEndian value: some FixedWidthInteger) { append(littleEndian: value.byteSwapped) }
}
