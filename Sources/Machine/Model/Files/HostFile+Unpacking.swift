// Kernels that are compressed, or in an EFI zboot image.
//
// Responsible for: having what is in them as a file, in memory. Not responsible for: the formats (`Decompression`).

import Boot
import Decompression
import Glibc

extension HostFile {
    /// The kernel in this file; the file itself if it is neither compressed nor a zboot image.
    ///
    /// - Parameter limit: bytes that an unpacked kernel may have.
    func unpacked(limit: UInt64) throws(MachineError) -> HostFile {
        let prefix = try read(count: KernelFileFormat.prefixByteCount)
        let kind = KernelFileFormat(prefix: prefix)
        if let format = kind.compression { return try unpacked(format, 0..<byteCount, limit: limit) }
        guard kind == .efiZboot else { return self }
        guard let header = EFIZbootHeader(prefix: prefix, fileByteCount: byteCount) else {
            throw .file(path: path, role: role, reason: "it is an EFI zboot image that is cut short; fetch it again")
        }
        let payload = try read(
            at: Int(header.payload.lowerBound), count: min(KernelFileFormat.prefixByteCount, header.payload.count))
        guard let format = KernelFileFormat(prefix: payload).compression else {
            throw .file(
                path: path, role: role,
                reason: "it is an EFI zboot image, compressed with \(header.compression), which is not supported")
        }
        return try unpacked(format, header.payload, limit: limit)
    }

    private func unpacked(
        _ format: CompressionFormat, _ range: Range<UInt64>, limit: UInt64
    ) throws(MachineError) -> HostFile {
        let memory = Self.memoryFile()
        guard memory >= 0 else { throw .host("cannot unpack the \(role) \(path): \(String(cString: strerror(errno)))") }
        var offset = range.lowerBound
        var count: UInt64 = 0
        do {
            try decompress(format, limit: limit) {
                let piece = try read(at: Int(offset), count: Int(min(1 << 18, range.upperBound - offset)))
                offset += UInt64(piece.count)
                return piece
            } write: { bytes in
                count += UInt64(bytes.count)
                // Safe: the pointer is the array's own, for as long as the call lasts.
                guard bytes.withUnsafeBytes({ write(memory, $0.baseAddress, $0.count) }) == bytes.count else {
                    throw MachineError.host("cannot unpack the \(role) \(path): \(String(cString: strerror(errno)))")
                }
            }
        } catch {
            close(memory)
            throw (error as? MachineError) ?? .file(path: path, role: role, reason: "it \(error)")
        }
        return HostFile(path: path, role: role, descriptor: memory, byteCount: count)
    }

    /// Bytes of this file as a file.
    ///
    /// - Parameter pieces: bytes of this file, and where they go; what nothing goes to is zero.
    func assembled(_ pieces: [(content: Range<UInt64>, offset: UInt64)]) throws(MachineError) -> HostFile {
        let memory = Self.memoryFile()
        let file = HostFile(
            path: path, role: role, descriptor: memory,
            byteCount: pieces.map { $0.offset + UInt64($0.content.count) }.max() ?? 0)
        guard memory >= 0 else { throw .host("cannot unpack the \(role) \(path): \(String(cString: strerror(errno)))") }
        for piece in pieces {
            var done: UInt64 = 0
            while done < UInt64(piece.content.count) {
                let bytes = try read(
                    at: Int(piece.content.lowerBound + done),
                    count: Int(min(1 << 20, UInt64(piece.content.count) - done)))
                // Safe: the pointer is the array's own, for as long as the call lasts.
                let written = bytes.withUnsafeBytes {
                    pwrite(memory, $0.baseAddress, $0.count, off_t(piece.offset + done))
                }
                guard written == bytes.count else {
                    throw .host("cannot unpack the \(role) \(path): \(String(cString: strerror(errno)))")
                }
                done += UInt64(bytes.count)
            }
        }
        // What is zero at the end is part of it too.
        _ = ftruncate(memory, off_t(file.byteCount))
        return file
    }

    /// A file in memory that has no name; below 0 if there is none to be had.
    private static func memoryFile() -> Int32 {
        let name = "/dormouse-\(getpid())-\(UInt64.random(in: .min ... .max))"
        let file = shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if file >= 0 { shm_unlink(name) }
        return file
    }
}

extension KernelFileFormat {
    /// What the file is compressed with, if it is.
    fileprivate var compression: CompressionFormat? {
        switch self {
        case .gzip: .gzip
        case .zstandard: .zstd
        case .xz: .xz
        case .bzip2: .bzip2
        case .lzma: .lzma
        case .lz4: .lz4
        default: nil
        }
    }
}
