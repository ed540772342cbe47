// A file of an image that writes down what is done to it, as the laboratory's log of disks does.

import Devices
import Glibc
import Synchronization

@testable import DiskImages

/// An image's file in memory, with a log.
final class LoggedFile: ImageFile {
    private struct State {
        var bytes: [UInt8]
        var entries: [DiskLog.Entry] = []
        /// After so many more writes, the host has no more room.
        var writesLeft = Int.max
        var readCount = 0
    }

    let path: String
    let grows = true
    private let state: Mutex<State>

    init(_ bytes: [UInt8], path: String) {
        self.path = path
        state = Mutex(State(bytes: bytes))
    }

    var bytes: [UInt8] { state.withLock { $0.bytes } }
    /// What was done, with one disk, number 0.
    var log: DiskLog { DiskLog(entries: state.withLock { $0.entries }) }

    /// How often it was read.
    var readCount: Int { state.withLock { $0.readCount } }

    func limit(writes: Int) { state.withLock { $0.writesLeft = writes } }

    func byteCount() throws(DiskImageError) -> UInt64 { state.withLock { UInt64($0.bytes.count) } }

    func read(into buffers: [iovec], at offset: UInt64) throws(DiskImageError) {
        state.withLock { state in
            state.readCount += 1
            var position = Int(clamping: offset)
            for buffer in buffers {
                guard let base = buffer.iov_base else { continue }
                memset(base, 0, buffer.iov_len)
                let count = max(0, min(buffer.iov_len, state.bytes.count - position))
                if count > 0 {
                    state.bytes.withUnsafeBytes { source in
                        if let start = source.baseAddress { _ = memcpy(base, start + position, count) }
                    }
                }
                position += buffer.iov_len
            }
        }
    }

    /// As if each block of zeros were a hole.
    func nextData(from offset: UInt64) -> UInt64? {
        state.withLock { state in
            var start = Int(clamping: offset)
            while start < state.bytes.count {
                let end = min((start / 4096 + 1) * 4096, state.bytes.count)
                if state.bytes[start..<end].contains(where: { $0 != 0 }) { return UInt64(start) }
                start = end
            }
            return nil
        }
    }

    func write(_ buffers: [iovec], at offset: UInt64) throws(DiskImageError) {
        var bytes: [UInt8] = []
        for buffer in buffers { bytes += UnsafeRawBufferPointer(start: buffer.iov_base, count: buffer.iov_len) }
        // As a file system has a largest file.
        guard offset < 256 << 20 else { throw .failed(operation: "write", path: path, errno: EFBIG) }
        let isDone = state.withLock { state in
            guard state.writesLeft > 0 else { return false }
            state.writesLeft -= 1
            let start = Int(offset)
            let missing = start + bytes.count - state.bytes.count
            if missing > 0 { state.bytes += [UInt8](repeating: 0, count: missing) }
            state.bytes.replaceSubrange(start..<start + bytes.count, with: bytes)
            state.entries.append(.write(disk: 0, DiskWrite(sector: offset / 512, bytes: bytes)))
            return true
        }
        // Whole sectors: a medium tears a write between them, and nowhere else.
        precondition(offset.isMultiple(of: 512) && bytes.count.isMultiple(of: 512))
        guard isDone else { throw .failed(operation: "write", path: path, errno: ENOSPC) }
    }

    func discard(_ range: Range<UInt64>) throws(DiskImageError) {
        state.withLock { state in
            let end = min(Int(range.upperBound), state.bytes.count)
            guard Int(range.lowerBound) < end else { return }
            let count = end - Int(range.lowerBound)
            state.bytes.replaceSubrange(Int(range.lowerBound)..<end, with: repeatElement(0, count: count))
            state.entries.append(
                .write(disk: 0, DiskWrite(sector: range.lowerBound / 512, zeroedSectorCount: count / 512)))
        }
    }

    func synchronize() throws(DiskImageError) { state.withLock { $0.entries.append(.flush(disk: 0)) } }
}

extension [UInt8] {
    /// What becomes of a file that writes reach.
    mutating func apply(_ writes: [DiskWrite]) {
        for write in writes {
            let start = Int(write.offset)
            let missing = start + write.bytes.count - count
            if missing > 0 { self += [UInt8](repeating: 0, count: missing) }
            replaceSubrange(start..<start + write.bytes.count, with: write.bytes)
        }
    }
}
