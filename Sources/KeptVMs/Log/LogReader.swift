// Reads a VM's log, over all of its files, and goes on with what is written meanwhile.

import Glibc
import HostSupport

/// A place in a VM's log.
public struct LogReader: ~Copyable {
    /// Bytes that are read at once.
    private static let chunkByteCount = 1 << 16

    private let files: LogFiles
    private var descriptor: Int32 = -1
    /// What is open.
    private var identity: FileIdentity?
    private var rest: [UInt8] = []

    /// Begins at the oldest line that is kept.
    public init(_ vm: VM) {
        self.init(LogFiles(vm))
    }

    init(_ files: LogFiles) {
        self.files = files
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// The next lines; empty if there are none for now.
    public mutating func next() throws(HostError) -> [LogEntry] {
        while true {
            if descriptor < 0, try !openNext() { return [] }
            var bytes = [UInt8](repeating: 0, count: Self.chunkByteCount)
            // Safe: `read` fills at most as many bytes as there are, and says how many it did.
            let count = unsafe read(descriptor, &bytes, bytes.count)
            guard count >= 0 else {
                throw .file(path: files.current, operation: "read", reason: String(errno: errno))
            }
            if count > 0 {
                rest += bytes[..<count]
                let entries = takeLines()
                if entries.isEmpty { continue }
                return entries
            }
            // The one that is written ends here for now; of another one that is all there is.
            guard FileIdentity(path: files.current) != identity else { return [] }
            close(descriptor)
            descriptor = -1
            rest = []
        }
    }

    private mutating func takeLines() -> [LogEntry] {
        guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else {
            // Longer than any line of ours: it is not one.
            if rest.count > 4 * LogLines.byteLimit { rest = [] }
            return []
        }
        let entries = rest[..<end].split(separator: UInt8(ascii: "\n")).compactMap { LogEntry(line: $0) }
        rest.removeFirst(end + 1)
        return entries
    }

    /// Opens the file after the one that was read, or the oldest; false if there is none.
    private mutating func openNext() throws(HostError) -> Bool {
        let there = files.all.compactMap { path in FileIdentity(path: path).map { (path, $0) } }
        // The oldest, if the one that was read is gone by now.
        let index = identity.flatMap { identity in there.firstIndex { $0.1 == identity } }.map { $0 + 1 } ?? 0
        guard index < there.count else { return false }
        let path = there[index].0
        let opened = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard opened >= 0 else {
            // It was moved on a moment ago.
            if errno == ENOENT { return false }
            throw .file(path: path, operation: "read", reason: String(errno: errno))
        }
        descriptor = opened
        identity = FileIdentity(path: "/proc/self/fd/\(opened)")
        return true
    }
}

extension VM {
    /// Has `watch` tell of what its log gets, and of the end of the process that has it.
    ///
    /// - Parameter watch: who tells.
    /// - Returns: whether it will.
    public func tellOfLog(_ watch: FileWatch) -> Bool {
        _ = tellOfEnd(watch)
        watch.add(.file(LogFiles(self).current))
        return watch.add(.directory(path))
    }

    /// Has `watch` tell of the end of the process that has it.
    ///
    /// - Parameter watch: who tells.
    /// - Returns: whether it will.
    public func tellOfEnd(_ watch: FileWatch) -> Bool {
        // Whoever has the VM has this file open, which is closed however its process ends: a moment before its lock
        // goes.
        watch.add(.file(lockPath))
    }
}
