// A VM's events on disk: a file of lines of JSON, and the one before it.
//
// Responsible for: that an event is on stable storage when `append` returns, that numbers have no gaps, and that the
// file has a bound. A line that was being written when the host failed is no event, and its number is the next one's.
// Not responsible for: which events there are (`VMLife`).

import Bytes
import FoundationEssentials
import Glibc
import HostSupport

/// The events of one VM. One that has the VM's lock writes; others read.
public struct EventLog: Sendable {
    static let name = "events.jsonl"
    static let earlierName = "events.1.jsonl"

    /// Bytes of a file before the next is begun. Two are kept.
    static let byteLimit = 1 << 20
    /// Bytes that are read of a file at most: nobody but us writes longer ones.
    private static let readLimit = 4 << 20

    private let directory: String
    private let path: String
    private let earlierPath: String
    private let byteLimit: Int

    init(_ vm: VM, byteLimit: Int = Self.byteLimit) {
        directory = vm.path
        path = "\(vm.path)/\(Self.name)"
        earlierPath = "\(vm.path)/\(Self.earlierName)"
        self.byteLimit = byteLimit
    }

    // MARK: Reading

    /// An event, and its line as it was written, with keys of later versions.
    public struct Entry: Sendable, Hashable {
        public var event: VMEvent
        public var line: String
    }

    /// What is another one when an event was added.
    public struct Stamp: Sendable, Hashable {
        fileprivate var device: UInt64
        fileprivate var file: UInt64
        fileprivate var size: Int
        /// The number of a file that was removed is soon another's.
        fileprivate var seconds: Int
        fileprivate var nanoseconds: Int
    }

    /// The log as it is now: whoever reads it again and again need not if this is the same. Nil if there is none.
    public var stamp: Stamp? {
        var status = stat()
        // Safe: `stat` fills in the structure and does not keep its address.
        guard unsafe stat(path, &status) == 0 else { return nil }
        return Stamp(
            device: UInt64(status.st_dev), file: UInt64(status.st_ino), size: Int(status.st_size),
            seconds: Int(status.st_mtim.tv_sec), nanoseconds: Int(status.st_mtim.tv_nsec))
    }

    /// Has `watch` tell of events to come.
    ///
    /// - Parameter watch: who tells.
    /// - Returns: whether it will.
    public func tell(_ watch: FileWatch) -> Bool {
        // There may be no event yet, and then there is another file.
        watch.add(.file(path))
        return watch.add(.directory(directory))
    }

    /// The events with a number above `number`, the oldest first.
    public func entries(after number: UInt64 = 0) throws(HostError) -> [Entry] {
        var entries: [Entry] = []
        try forEachBackwards { entry in
            guard entry.event.number > number else { return false }
            entries.append(entry)
            return true
        }
        return entries.reversed()
    }

    /// The newest event; nil if there is none.
    public func last() throws(HostError) -> Entry? {
        var last: Entry?
        try forEachBackwards { entry in
            last = entry
            return false
        }
        return last
    }

    /// Calls `body` with each event, the newest first, until it returns false: whoever follows a log of a megabyte
    /// wants its last line.
    private func forEachBackwards(_ body: (Entry) -> Bool) throws(HostError) {
        var next = UInt64.max
        // The earlier one last: if it changes its name meanwhile, it is read twice rather than not at all.
        for path in [path, earlierPath] {
            for line in try lines(of: path).reversed() {
                let text = String(decoding: line, as: UTF8.self)
                guard let event = try? JSONDecoder().decode(VMEvent.self, from: Data(line)), event.number < next
                else { continue }
                guard body(Entry(event: event, line: text)) else { return }
                next = event.number
            }
        }
    }

    private func lines(of path: String) throws(HostError) -> [ArraySlice<UInt8>] {
        // One that got its other name a moment ago is read by that.
        guard let bytes = try VM.readIfThere(path, limit: Self.readLimit) else { return [] }
        guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
        return bytes[..<end].split(separator: UInt8(ascii: "\n"))
    }

    // MARK: Writing

    /// Appends an event. When this returns, it is on stable storage.
    func append(_ event: VMEvent) throws(HostError) {
        let line: [UInt8]
        do {
            line = try StableJSON.bytes(of: event) + [UInt8(ascii: "\n")]
        } catch { throw .file(path: path, operation: "write", reason: "\(error)") }
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { throw failure() }
        defer { close(descriptor) }
        let end = try endOfLines(descriptor)
        guard ftruncate(descriptor, off_t(end)) == 0, lseek(descriptor, off_t(end), SEEK_SET) >= 0 else {
            throw failure()
        }
        if let code = writeAll(line, to: descriptor) { throw failure(code) }
        guard fsync(descriptor) == 0 else { throw failure() }
        if end == 0 { DurableFile.synchronizeDirectory(of: path) }
        guard end + line.count >= byteLimit else { return }
        guard unsafe rename(path, earlierPath) == 0 else { throw failure() }
        DurableFile.synchronizeDirectory(of: path)
    }

    /// Where the last whole line ends.
    private func endOfLines(_ descriptor: Int32) throws(HostError) -> Int {
        var status = stat()
        // Safe: `fstat` fills in the structure and does not keep its address.
        guard unsafe fstat(descriptor, &status) == 0 else { throw failure() }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .file(path: path, operation: "write", reason: "it is no regular file")
        }
        var end = Int(status.st_size)
        var byte: UInt8 = 0
        // A line is short, and more than one that is not whole there cannot be.
        while end > 0 {
            // Safe: one byte is read into one byte.
            guard unsafe pread(descriptor, &byte, 1, off_t(end - 1)) == 1 else { throw failure() }
            if byte == UInt8(ascii: "\n") { return end }
            end -= 1
        }
        return 0
    }

    private func failure(_ code: Int32 = errno) -> HostError {
        .file(path: path, operation: "write", reason: String(errno: code))
    }
}

extension VM {
    /// What happened to it.
    public var events: EventLog { EventLog(self) }
}
