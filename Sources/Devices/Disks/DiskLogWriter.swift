// Writes a log of a run's disks while the machine runs.

import Glibc
import Synchronization
import SystemPackage

/// A log that grows. What the guest says is kept until the next entry, so that it stands before what came after.
public final class DiskLogWriter: Sendable {
    /// What is kept of what the guest says before it is written: a guest may say much and ask its disks for nothing.
    private static let maximumSaidByteCount = 1 << 20

    private let path: String
    private let file: FileDescriptor
    /// What was said since the last entry; whoever writes to the file has it.
    private let console = Mutex<[UInt8]>([])
    /// Why the log is not whole.
    private let failed = Mutex<DiskFileError?>(nil)

    /// Makes the file at `path`, in the place of an older one.
    public init(path: String) throws(DiskFileError) {
        self.path = path
        // The directory may be shared: nobody else chooses what is overwritten, so that a link is replaced and not
        // followed.
        var options: FileDescriptor.OpenOptions = [.create, .exclusiveCreate, .closeOnExec]
        var status = stat()
        if lstat(path, &status) == 0 {
            switch status.st_mode & S_IFMT {
            case S_IFREG, S_IFLNK:
                guard unlink(path) == 0 || errno == ENOENT else {
                    throw Self.failure(Errno(rawValue: errno), "open", path)
                }
            case S_IFCHR: options = [.noFollow, .closeOnExec]
            default: throw .notRegular(path: path)
            }
        }
        do {
            file = try FileDescriptor.open(
                FilePath(path), .writeOnly, options: options, permissions: [.ownerReadWrite, .groupRead, .otherRead])
        } catch { throw Self.failure(error, "open", path) }
        do throws(DiskFileError) {
            try write(DiskLog.magic)
        } catch {
            try? file.close()
            throw error
        }
    }

    deinit {
        try? file.close()
    }

    /// The guest wrote to its console. Callable from any thread.
    public func said(_ bytes: [UInt8]) {
        console.withLock { console in
            console += bytes
            guard console.count >= Self.maximumSaidByteCount else { return }
            // `check` finds that it failed.
            try? write(DiskLog.Entry.console(console).bytes)
            console = []
        }
    }

    /// Adds what was done, after what was said before.
    func append(_ entry: DiskLog.Entry) throws(DiskFileError) {
        try console.withLock { console throws(DiskFileError) in
            if !console.isEmpty { try write(DiskLog.Entry.console(console).bytes) }
            console = []
            try write(entry.bytes)
        }
    }

    /// Throws if the log is not whole: a run with such a log has failed.
    func check() throws(DiskFileError) {
        if let error = failed.withLock({ $0 }) { throw error }
    }

    private func write(_ bytes: [UInt8]) throws(DiskFileError) {
        do {
            try file.writeAll(bytes)
        } catch {
            let failure = Self.failure(error, "write", path)
            failed.withLock { $0 = $0 ?? failure }
            throw failure
        }
    }

    private static func failure(_ error: any Error, _ operation: String, _ path: String) -> DiskFileError {
        .failed(operation: operation, path: path, errno: (error as? Errno)?.rawValue ?? EIO)
    }
}
