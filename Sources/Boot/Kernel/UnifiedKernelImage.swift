// A unified kernel image: an EFI application that carries a kernel, its initrd and its command line.
//
// Responsible for: where they are in the file. Follows the UAPI group's "Unified Kernel Image (UKI)" specification,
// UAPI.5. Not responsible for: what is measured and signed; the profiles of an image that has several, of which the
// first one counts.

/// Where a unified kernel image has what.
package struct UnifiedKernelImage: Equatable {
    /// How far into a file its section table may reach.
    package static let maximumHeaderByteCount = 1 << 16

    /// Bytes of the file.
    package let kernel: Range<UInt64>
    package let initrd: Range<UInt64>?
    package let commandLine: Range<UInt64>?

    /// What is wrong with an image.
    package enum Failure: Error, Equatable {
        case cutShort(byteCount: UInt64, expected: UInt64)
    }

    /// How many of the file's first bytes `init` wants to see, if the file has as many.
    package static func headerByteCount(prefix: [UInt8]) -> Int {
        Int(clamping: min(PESections.tableEnd(prefix: prefix) ?? 0, UInt64(maximumHeaderByteCount)))
    }

    /// nil: the file is an EFI application of another kind.
    ///
    /// - Parameters:
    ///   - header: the file's first `headerByteCount` bytes.
    ///   - fileByteCount: bytes in the whole file.
    package init?(header: [UInt8], fileByteCount: UInt64) throws(Failure) {
        var found: [String: Range<UInt64>] = [:]
        var profiles = 0
        for section in PESections.sections(prefix: header) {
            // What is before the first profile belongs to all of them.
            if section.name == ".profile" { profiles += 1 }
            if profiles > 1 { break }
            guard found[section.name] == nil, !section.content.isEmpty else { continue }
            let count = UInt64(section.content.count)
            let used = section.virtualByteCount == 0 ? count : min(count, section.virtualByteCount)
            found[section.name] = section.content.lowerBound..<section.content.lowerBound + used
        }
        guard let kernel = found[".linux"] else { return nil }
        initrd = found[".initrd"]
        commandLine = found[".cmdline"]
        self.kernel = kernel
        let end = [kernel, initrd, commandLine].compactMap { $0?.upperBound }.max() ?? 0
        guard end <= fileByteCount else { throw .cutShort(byteCount: fileByteCount, expected: end) }
    }
}
