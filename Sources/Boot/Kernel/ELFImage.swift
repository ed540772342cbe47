// A program in an ELF file: a kernel as its linker left it (vmlinux), or bare-metal code.
//
// Responsible for: which bytes of the file go where, and where it is entered. All of it is total: every number is
// compared with the file's size before it is used. Not responsible for: sections, symbols and relocations, which nobody
// needs who starts a program; what the program is.
//
// Follows the System V ABI's generic part, "ELF Header" and "Program Header", and Arm's ELF for the Arm 64-bit
// Architecture (AAELF64).

/// What is wrong with an ELF file that was given as a kernel. The text follows the file's name: "FILE is …; …".
public enum ELFError: Error, Equatable, CustomStringConvertible {
    /// For another CPU, or in another byte order, or with 32 bits.
    case notArm64
    /// An object file or a core dump.
    case notExecutable
    /// It ends before what its headers tell of.
    case cutShort(byteCount: UInt64, expected: UInt64)
    /// It has no segment that is loaded, or too many, or one that is longer in the file than in memory, or that has no
    /// address.
    case damaged

    public var description: String {
        switch self {
        case .notArm64: "is an ELF file for another CPU; give one for little-endian arm64"
        case .notExecutable: "is an ELF file that cannot be executed; link it first"
        case .cutShort(let byteCount, let expected):
            "is an ELF file that is cut short: it has \(byteCount) bytes of at least \(expected); fetch it again, and check "
                + "that the disk is not full"
        case .damaged: "is an ELF file whose program headers make no sense; link it again"
        }
    }
}

/// The first 64 bytes of an ELF file.
package struct ELFHeader: Equatable {
    package static let byteCount = 64
    /// More segments than any program has.
    private static let maximumSegmentCount = 1024

    private enum Field {
        static let `class` = 4
        static let byteOrder = 5
        static let type = 16
        static let machine = 18
        static let entry = 24
        static let programHeaders = 32
        static let programHeaderByteCount = 54
        static let programHeaderCount = 56
    }

    /// 64 bits, little-endian, EM_AARCH64.
    private enum Value {
        static let class64: UInt8 = 2
        static let littleEndian: UInt8 = 1
        static let aarch64: UInt64 = 183
        static let executable: UInt64 = 2
        static let shared: UInt64 = 3
    }

    /// The virtual address at which it is entered.
    package let entry: UInt64
    /// Bytes of the file that are program headers.
    package let programHeaders: Range<UInt64>
    package let programHeaderByteCount: Int
    /// Whether it runs at any address (ET_DYN).
    package let isPositionIndependent: Bool

    /// - Parameters:
    ///   - prefix: the file's first bytes, `byteCount` at least if it has as many.
    ///   - fileByteCount: bytes in the whole file.
    package init(prefix: [UInt8], fileByteCount: UInt64) throws(ELFError) {
        guard prefix.count >= Self.byteCount else {
            throw .cutShort(byteCount: fileByteCount, expected: UInt64(Self.byteCount))
        }
        guard prefix[Field.class] == Value.class64, prefix[Field.byteOrder] == Value.littleEndian,
            number(prefix, Field.machine, 2) == Value.aarch64
        else { throw .notArm64 }
        let type = number(prefix, Field.type, 2)
        guard type == Value.executable || type == Value.shared else { throw .notExecutable }
        isPositionIndependent = type == Value.shared
        entry = number(prefix, Field.entry, 8)
        programHeaderByteCount = Int(number(prefix, Field.programHeaderByteCount, 2))
        let count = Int(number(prefix, Field.programHeaderCount, 2))
        guard programHeaderByteCount >= ELFImage.programHeaderByteCount, (1...Self.maximumSegmentCount).contains(count)
        else { throw .damaged }
        let start = number(prefix, Field.programHeaders, 8)
        let (end, overflow) = start.addingReportingOverflow(UInt64(count * programHeaderByteCount))
        guard !overflow else { throw .damaged }
        guard end <= fileByteCount else { throw .cutShort(byteCount: fileByteCount, expected: end) }
        programHeaders = start..<end
    }
}

/// A program, and where it goes.
package struct ELFImage: Equatable {
    static let programHeaderByteCount = 56

    /// Bytes that are loaded.
    package struct Segment: Equatable {
        /// Bytes of the file.
        package let content: Range<UInt64>
        /// Where they go: a physical address.
        package let address: UInt64
        /// How much memory it has, from there; what the file has no bytes for is zero.
        package let byteCount: UInt64
    }

    private enum Field {
        static let type = 0
        static let offset = 8
        static let virtualAddress = 16
        static let physicalAddress = 24
        static let fileByteCount = 32
        static let memoryByteCount = 40
    }

    private static let loaded: UInt64 = 1

    /// In ascending order of their addresses; they do not overlap.
    package let segments: [Segment]
    /// The physical address at which it is entered.
    package let entry: UInt64
    package let isPositionIndependent: Bool

    /// - Parameters:
    ///   - header: the file's.
    ///   - programHeaders: those bytes of the file.
    ///   - fileByteCount: bytes in the whole file.
    package init(_ header: ELFHeader, programHeaders: [UInt8], fileByteCount: UInt64) throws(ELFError) {
        var segments: [Segment] = []
        var entry: UInt64?
        var start = 0
        while start <= programHeaders.count - Self.programHeaderByteCount {
            let fields = Array(programHeaders[start..<start + Self.programHeaderByteCount])
            start += header.programHeaderByteCount
            let byteCount = number(fields, Field.memoryByteCount, 8)
            guard number(fields, Field.type, 4) == Self.loaded, byteCount > 0 else { continue }
            let offset = number(fields, Field.offset, 8), count = number(fields, Field.fileByteCount, 8)
            let address = number(fields, Field.physicalAddress, 8)
            let (contentEnd, overflow) = offset.addingReportingOverflow(count)
            guard !overflow, count <= byteCount, !address.addingReportingOverflow(byteCount).overflow else {
                throw .damaged
            }
            guard contentEnd <= fileByteCount else { throw .cutShort(byteCount: fileByteCount, expected: contentEnd) }
            segments.append(Segment(content: offset..<contentEnd, address: address, byteCount: byteCount))
            let virtual = number(fields, Field.virtualAddress, 8)
            if header.entry >= virtual, header.entry - virtual < byteCount {
                entry = entry ?? address + (header.entry - virtual)
            }
        }
        segments.sort { $0.address < $1.address }
        guard let entry, !segments.isEmpty,
            zip(segments, segments.dropFirst()).allSatisfy({ $0.address + $0.byteCount <= $1.address })
        else { throw .damaged }
        self.segments = segments
        self.entry = entry
        isPositionIndependent = header.isPositionIndependent
    }

    /// The memory that it needs, with gaps.
    package var addresses: Range<UInt64> {
        let last = segments.last.map { $0.address + $0.byteCount } ?? 0
        return (segments.first?.address ?? last)..<last
    }

    /// Bytes from the first one to the last one that the file has.
    package var contentByteCount: UInt64 {
        let start = addresses.lowerBound
        return segments.map { $0.address - start + UInt64($0.content.count) }.max() ?? 0
    }
}

/// A little-endian number; the caller knows that it is there.
private func number(_ bytes: [UInt8], _ offset: Int, _ byteCount: Int) -> UInt64 {
    bytes[offset..<offset + byteCount].reversed().reduce(0) { $0 << 8 | UInt64($1) }
}
