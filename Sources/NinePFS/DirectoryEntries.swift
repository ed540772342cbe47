// The entries of a directory, in pieces that fit into messages.

import Glibc

/// A directory that is read.
final class DirectoryEntries {
    struct Entry {
        var name: [UInt8]
        var inode: UInt64
        /// As readdir(3) has it; zero where that is not known.
        var type: UInt8
        /// Where the next one is.
        var next: UInt64
    }

    /// The host's device that the directory is on.
    let device: UInt64
    private let stream: OpaquePointer

    init(_ directory: HostFile, _ status: stat) throws(LinuxError) {
        device = UInt64(status.st_dev)
        // The stream closes what it is made from.
        let copy = fcntl(directory.descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw .last }
        guard let stream = fdopendir(copy) else {
            let error = LinuxError.last
            close(copy)
            throw error
        }
        self.stream = stream
    }

    deinit { closedir(stream) }

    /// Calls `body` with the entries from a place on, as long as it returns true; what it did not take comes again.
    ///
    /// - Parameter offset: `next` of an entry, or 0 for the beginning.
    func forEach(from offset: UInt64, _ body: (Entry) -> Bool) throws(LinuxError) {
        if offset == 0 { rewinddir(stream) } else { seekdir(stream, Int(Int64(bitPattern: offset))) }
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw .last }
                return
            }
            // Safe: `readdir` gives a record that stays until the next call, whose name ends in a NUL. The record may
            // be shorter than a `dirent` is, so that its fields are looked at one by one.
            let start = UnsafeRawPointer(entry)
            guard let place = MemoryLayout<dirent>.offset(of: \.d_name) else { return }
            let name = start + place
            let count = strlen(name.assumingMemoryBound(to: CChar.self))
            let taken = body(
                Entry(
                    name: Array(UnsafeRawBufferPointer(start: name, count: count)), inode: UInt64(entry.pointee.d_ino),
                    type: entry.pointee.d_type, next: UInt64(bitPattern: Int64(entry.pointee.d_off))))
            if !taken { return }
        }
    }
}
