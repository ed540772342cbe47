// How much memory this process takes.

import Glibc

/// Bytes of the process, as Linux counts them (proc(5), /proc/pid/status).
public struct ProcessMemory: Sendable {
    /// Resident now: VmRSS.
    public var residentByteCount: UInt64
    /// The most that was ever resident: VmHWM.
    public var peakByteCount: UInt64

    /// Now; nil if /proc does not say.
    public static var current: ProcessMemory? {
        guard let file = fopen("/proc/self/status", "re") else { return nil }
        defer { fclose(file) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            guard count > 0 else { break }
            text += buffer.prefix(count)
        }
        return ProcessMemory(status: String(decoding: text, as: UTF8.self))
    }

    /// Reads what /proc/pid/status says: lines such as `VmRSS:     1234 kB`.
    public init?(status: String) {
        func byteCount(_ name: String) -> UInt64? {
            for line in status.split(separator: "\n") where line.hasPrefix(name + ":") {
                let words = line.dropFirst(name.count + 1).split(whereSeparator: \.isWhitespace)
                guard words.count == 2, words[1] == "kB", let count = UInt64(words[0]) else { return nil }
                return count &* 1024
            }
            return nil
        }
        guard let resident = byteCount("VmRSS"), let peak = byteCount("VmHWM") else { return nil }
        residentByteCount = resident
        peakByteCount = peak
    }
}
