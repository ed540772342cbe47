// How long an arm64 Image has to be, by the header of the EFI application that it is as well.
//
// Responsible for: the end of the last section in the file. Follows Microsoft's PE format, "COFF File Header" and
// "Section Table". Not responsible for: what is in the sections, nor what may follow them, such as a signature.

enum PESections {
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
    private enum Section {
        static let rawDataByteCount = 16
        static let rawDataPointer = 20
        static let byteCount = 40
    }

    /// Bytes to the end of the last section that `prefix` describes; nil if it has no PE header, as that of a kernel
    /// without CONFIG_EFI_STUB.
    static func byteCount(prefix: [UInt8]) -> UInt64? {
        func field(_ offset: Int, _ byteCount: Int) -> Int? {
            guard offset >= 0, offset <= prefix.count - byteCount else { return nil }
            return prefix[offset..<offset + byteCount].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        guard let header = field(headerPointer, 4), header <= prefix.count - signature.count,
            prefix[header...].starts(with: signature)
        else { return nil }
        let coff = header + signature.count
        guard let count = field(coff + COFF.sectionCount, 2),
            let optionalByteCount = field(coff + COFF.optionalHeaderByteCount, 2)
        else { return nil }
        let table = coff + COFF.byteCount + optionalByteCount
        var end: UInt64?
        for section in 0..<count {
            let entry = table + section * Section.byteCount
            guard let length = field(entry + Section.rawDataByteCount, 4),
                let start = field(entry + Section.rawDataPointer, 4)
            else { break }
            // A section without data in the file says nothing of where it would be.
            if length > 0 { end = max(end ?? 0, UInt64(start) + UInt64(length)) }
        }
        return end
    }
}
