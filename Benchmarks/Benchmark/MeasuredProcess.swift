// One run of a monitor: when the guest said what, how much CPU time it took, and how much memory besides the guest's.

import Foundation
import Glibc

struct MeasurementError: Error, CustomStringConvertible {
    var description: String
}

/// A process that has run.
struct MeasuredProcess {
    /// What it exited with.
    private(set) var exitCode: Int32 = -1
    /// Seconds from its start to its end.
    private(set) var wallSeconds = 0.0
    /// User and system, of all threads.
    private(set) var cpuSeconds = 0.0
    /// The most that was resident besides the guest's RAM; nil if the RAM has no mapping to itself.
    private(set) var overheadByteCount: Int?
    /// The guest's lines with their time, in seconds since the start of the process.
    private(set) var lines: [(text: String, seconds: Double)] = []

    /// How often memory is looked at: rarely enough not to slow the guest down.
    private static let memoryInterval = 0.5
    /// Longer than any run here takes, in seconds.
    private static let patience = 1800.0

    /// Runs a program to its end.
    ///
    /// - Parameters:
    ///   - guestByteCount: the size of the guest's RAM, by which its mapping is known; nil if there is no guest.
    ///   - lastLine: it is ended when it has written a line with this.
    init(
        _ executable: URL, _ arguments: [String], guestByteCount: Int? = nil,
        endingWith lastLine: String? = nil
    ) throws {
        let clock = ContinuousClock()
        let start = clock.now
        func seconds() -> Double { (clock.now - start) / .seconds(1) }

        let (pid, output) = try Self.spawn(executable, arguments)
        defer { close(output) }
        var pending: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var nextMemory = Self.memoryInterval
        while true {
            var descriptor = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            let ready = poll(&descriptor, 1, Int32(max(1, (nextMemory - seconds()) * 1000)))
            let now = seconds()
            if ready > 0 {
                let count = read(output, &buffer, buffer.count)
                guard count > 0 else { break }
                pending += buffer.prefix(count)
                while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                    let text = String(decoding: pending[..<end].filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
                    lines.append((text, now))
                    if let lastLine, text.contains(lastLine) { kill(pid, SIGTERM) }
                    pending.removeSubrange(...end)
                }
            }
            if now >= nextMemory {
                if let guestByteCount, let bytes = Self.overhead(of: pid, guestByteCount: guestByteCount) {
                    overheadByteCount = max(overheadByteCount ?? 0, bytes)
                }
                nextMemory = now + Self.memoryInterval
            }
            if now > Self.patience { kill(pid, SIGKILL) }
        }
        var status: Int32 = 0
        var usage = rusage()
        guard wait4(pid, &status, 0, &usage) == pid else {
            throw MeasurementError(
                description: "cannot wait for \(executable.path): \(String(cString: strerror(errno)))")
        }
        wallSeconds = seconds()
        cpuSeconds = Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime)
        // Wait statuses: the low seven bits are a signal, the next eight an exit code.
        exitCode = status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + (status & 0x7F)
    }

    /// Seconds until the guest wrote a line with `text`.
    func seconds(to text: String) throws -> Double {
        guard let line = lines.first(where: { $0.text.contains(text) }) else {
            throw MeasurementError(description: "the guest never said \"\(text)\"\n\(ending)")
        }
        return line.seconds
    }

    /// How it ended, for whoever looks for the reason.
    var ending: String {
        "exit code \(exitCode), its last lines:\n" + lines.suffix(20).map(\.text).joined(separator: "\n")
    }

    // MARK: The process

    /// Starts a program with nothing to read; returns its id and what it writes on standard output and error.
    private static func spawn(_ executable: URL, _ arguments: [String]) throws -> (pid: pid_t, output: Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw MeasurementError(description: "out of file descriptors") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[1]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO)
        var words = ([executable.path] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, executable.path, &actions, nil, &words, environ)
        guard code == 0 else {
            close(ends[0])
            throw MeasurementError(description: "cannot start \(executable.path): \(String(cString: strerror(code)))")
        }
        return (pid, ends[0])
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

    /// What is resident of a process besides the mapping that is the guest's RAM; nil if there is none (yet).
    private static func overhead(of pid: pid_t, guestByteCount: Int) -> Int? {
        // A file handle reads to the end, where reading a whole file believes its size, which is zero in /proc.
        guard let handle = FileHandle(forReadingAtPath: "/proc/\(pid)/smaps"),
            let bytes = (try? handle.readToEnd()) ?? nil
        else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        // Each mapping has "Size:" and then "Rss:", in KiB: proc(5).
        func kibibytes(_ line: Substring) -> Int { Int(line.split(separator: " ").dropFirst().first ?? "") ?? 0 }
        var size = 0
        var overhead = 0
        var hasGuest = false
        for line in text.split(separator: "\n") {
            if line.hasPrefix("Size:") {
                size = kibibytes(line)
            } else if line.hasPrefix("Rss:") {
                if size << 10 == guestByteCount {
                    hasGuest = true
                } else {
                    overhead += kibibytes(line)
                }
            }
        }
        return hasGuest ? overhead << 10 : nil
    }
}
