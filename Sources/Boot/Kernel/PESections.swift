// The sections of an EFI application: how long an arm64 Image has to be, and what a unified kernel image carries.
//
// Responsible for: where each section is in the file. Follows Microsoft's PE format, "COFF File Header" and "Section
// Table". All of it is total. Not responsible for: what is in the sections, nor what may follow them, such as a
// signature.

enum PESections {
    /// A section, as the table has it.
    struct Section: Equatable {
        var name: String
        /// Bytes that count; 0 if the table does not say it.
        var virtualByteCount: UInt64
        /// Bytes of the file, padded.
        var content: Range<UInt64>
    }

    /// Where a file says how far behind its beginning the PE header is.
    private static let headerPointer = 60
    private static let signature = Array("PE\0\0".utf8)

    /// Offsets behind the signature.
    private enum COFF {
        static let sectionCount = 2
        static let optionalHeaderByteCount = 16
        static let byteCount = 20
    }

    /// An entry of the section table.
    private enum Entry {
        static let nameByteCount = 8
        static let virtualByteCount = 8
        static let rawDataByteCount = 16
        static let rawDataPointer = 20
        static let byteCount = 40
    }

    /// Where the table ends that the file with `prefix` has; nil if it has no PE header in it.
    static func tableEnd(prefix: [UInt8]) -> UInt64? {
        table(prefix).map { UInt64($0.start + $0.count * Entry.byteCount) }
    }

    /// Bytes to the end of the last section that `prefix` describes; nil if it has no PE header, as that of a kernel
    /// without CONFIG_EFI_STUB.
    static func byteCount(prefix: [UInt8]) -> UInt64? {
        // A section without data in the file says nothing of where it would be.
        sections(prefix: prefix).filter { !$0.content.isEmpty }.map(\.content.upperBound).max()
    }

    /// The sections that `prefix` describes; none if it has no PE header.
    static func sections(prefix: [UInt8]) -> [Section] {
        guard let (table, count) = table(prefix) else { return [] }
        var sections: [Section] = []
        for index in 0..<count {
            let entry = table + index * Entry.byteCount
            guard let virtual = field(prefix, entry + Entry.virtualByteCount, 4),
                let length = field(prefix, entry + Entry.rawDataByteCount, 4),
                let start = field(prefix, entry + Entry.rawDataPointer, 4)
            else { break }
            let name = prefix[entry..<entry + Entry.nameByteCount].prefix { $0 != 0 }
            sections.append(
                Section(
                    name: String(decoding: name, as: UTF8.self), virtualByteCount: UInt64(virtual),
                    content: UInt64(start)..<UInt64(start) + UInt64(length)))
        }
        return sections
    }

    private static func table(_ prefix: [UInt8]) -> (start: Int, count: Int)? {
        guard let header = field(prefix, headerPointer, 4), header <= prefix.count - signature.count,
            prefix[header...].starts(with: signature)
        else { return nil }
        let coff = header + signature.count
        guard let count = field(prefix, coff + COFF.sectionCount, 2),
            let optionalByteCount = field(prefix, coff + COFF.optionalHeaderByteCount, 2)
        else { return nil }
        return (coff + COFF.byteCount + optionalByteCount, count)
    }

    private static func field(_ prefix: [UInt8], _ offset: Int, _ byteCount: Int) -> Int? {
        guard offset >= 0, offset <= prefix.count - byteCount else { return nil }
        return prefix[offset..<offset + byteCount].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
