// Reads a VM's log, over all of its files, and goes on with what is written meanwhile.

import Glibc
import HostSupport

/// A place in a VM's log.
public struct LogReader: ~Copyable {
    /// Bytes that are read at once.
    private static let chunkByteCount = 1 << 16
    /// How often files are looked for that get other names meanwhile: each time takes microseconds, and they get others
    /// once in a megabyte.
    private static let attempts = 100

    private let files: LogFiles
    private var descriptor: Int32 = -1
    /// What is open.
    private var identity: FileIdentity?
    private var rest: [UInt8] = []
    /// Nobody writes to what is open any more; it was not read to its end since that is known.
    private var isComplete = false

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
            // The one that is written ends here for now.
            guard FileIdentity(path: files.current) != identity else { return [] }
            // Of another one that is all there is, if it was another one before the end was seen.
            guard isComplete else {
                isComplete = true
                continue
            }
            if try !openNext() { return [] }
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
        // While they get other names one may be seen twice, not at all, or in the place of another.
        for _ in 1...Self.attempts {
            let there = listing
            guard there.map(\.identity) == listing.map(\.identity) else { continue }
            // The oldest, if the one that was read is gone by now. It is still open, so that no other has its number.
            let last = there.firstIndex { $0.identity == identity }
            let index = last.map { $0 + 1 } ?? 0
            guard index < there.count else { return false }
            if try open(there[index].path, expecting: there[index].identity) { return true }
        }
        return false
    }

    /// Opens a file in the place of the one that is open; false if it is not the one that is expected.
    private mutating func open(_ path: String, expecting expected: FileIdentity) throws(HostError) -> Bool {
        let opened = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard opened >= 0 else {
            if errno == ENOENT { return false }
            throw .file(path: path, operation: "read", reason: String(errno: errno))
        }
        guard FileIdentity(path: "/proc/self/fd/\(opened)") == expected else {
            close(opened)
            return false
        }
        if descriptor >= 0 { close(descriptor) }
        descriptor = opened
        identity = expected
        isComplete = false
        rest = []
        return true
    }

    /// The files that there are, the oldest first.
    private var listing: [(path: String, identity: FileIdentity)] {
        files.all.compactMap { path in FileIdentity(path: path).map { (path, $0) } }
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
