// The formats that kernels are compressed with.

/// A format of a compressed file.
public enum CompressionFormat: String, Sendable, CaseIterable {
    case gzip
    case xz
    case lzma
    case bzip2
    case zstd
    case lz4
}

/// Why a compressed file cannot be had. The text follows the file's name.
public enum DecompressionError: Error, Equatable, CustomStringConvertible {
    /// It ends before what it holds does.
    case cutShort(CompressionFormat)
    /// It is not what its first bytes say.
    case damaged(CompressionFormat)
    /// It holds more bytes than there is room for.
    case tooLarge(CompressionFormat, limit: UInt64)
    /// The host has no memory for the library.
    case noMemory(CompressionFormat)

    public var description: String {
        switch self {
        case .cutShort(let format): "is cut short: the \(format.rawValue) data does not end; fetch it again"
        case .damaged(let format): "is damaged: \(format.rawValue) cannot unpack it; fetch it again"
        case .tooLarge(let format, let limit):
            "holds more than \(limit >> 20) MiB, unpacked by \(format.rawValue); give the guest more memory"
        case .noMemory(let format): "cannot be unpacked: the host has no memory for \(format.rawValue)"
        }
    }
}
