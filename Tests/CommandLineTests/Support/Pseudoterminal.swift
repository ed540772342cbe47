// A terminal that a test holds the other end of.

import Glibc
import SystemPackage
import Testing

/// A pseudoterminal, with both ends open.
final class Pseudoterminal: Sendable {
    /// The test's end.
    let master: FileDescriptor
    /// The end that is a terminal.
    let slave: FileDescriptor

    /// TIOCSPTLCK and TIOCGPTN of Linux's asm-generic/ioctls.h, which posix_openpt(3) and its like are made of; Glibc
    /// shows those only to X/Open programs.
    private enum Request {
        static let setLock: UInt = 0x4004_5431
        static let getNumber: UInt = 0x8004_5430
    }

    init() throws {
        master = try FileDescriptor.open("/dev/ptmx", .readWrite, options: [.init(rawValue: O_NOCTTY), .closeOnExec])
        var isLocked: Int32 = 0
        var number: UInt32 = 0
        guard ioctl(master.rawValue, Request.setLock, &isLocked) == 0,
            ioctl(master.rawValue, Request.getNumber, &number) == 0
        else { throw Errno(rawValue: errno) }
        slave = try FileDescriptor.open(
            FilePath("/dev/pts/\(number)"), .readWrite, options: [.init(rawValue: O_NOCTTY), .closeOnExec])
    }

    deinit {
        close(master.rawValue)
        close(slave.rawValue)
    }

    /// Whether the terminal passes on every key at once and echoes none.
    var isRaw: Bool {
        var modes = termios()
        tcgetattr(slave.rawValue, &modes)
        return modes.c_lflag & tcflag_t(ICANON | ECHO | ISIG) == 0
    }

    func type(_ keys: String) {
        _ = write(master.rawValue, keys, keys.utf8.count)
    }

    /// Waits, for at most ten minutes, until the terminal is raw or no longer.
    func waits(untilRaw: Bool) async throws -> Bool {
        for _ in 0..<60_000 where isRaw != untilRaw {
            try await Task.sleep(for: .milliseconds(10))
        }
        return isRaw == untilRaw
    }

    /// Waits, for at most ten minutes, until `text` was written to the terminal; what was written up to then is read.
    func waits(for text: String) async throws -> Bool {
        var written = ""
        for _ in 0..<60_000 where !written.contains(text) {
            try await Task.sleep(for: .milliseconds(10))
            written += read()
        }
        return written.contains(text)
    }

    /// What was written to the terminal so far and not been read yet.
    func read() -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        var polled = pollfd(fd: master.rawValue, events: Int16(POLLIN), revents: 0)
        while poll(&polled, 1, 0) > 0, polled.revents & Int16(POLLIN) != 0 {
            let count = Glibc.read(master.rawValue, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
