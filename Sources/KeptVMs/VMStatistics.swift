// What a running VM takes of its host, as the kernel counts it for its process (proc(5)).

import FoundationEssentials
import Glibc
import HostSupport

/// What one process takes.
public struct VMStatistics: Codable, Sendable {
    public var name: String
    public var process: Int32
    /// User and system, of all threads.
    public var cpuSeconds: Double
    /// Of one core, over the interval that was looked at.
    public var cpuShare: Double
    /// What the process alone has in memory, and its part of what it shares.
    public var memoryByteCount: UInt64
    public var threads: Int
    public var openFiles: Int
    public var uptimeSeconds: Double

    /// Looks at those of `vms` that run, twice.
    ///
    /// - Parameters:
    ///   - vms: the VMs.
    ///   - interval: between the two looks.
    public static func of(_ vms: [VM], interval: Duration) -> [VMStatistics] {
        let first = vms.compactMap { Sample($0) }
        let begin = ContinuousClock.now
        let nanoseconds = UInt64(max(0, interval / .nanoseconds(1)))
        var span = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        // Nobody's signals come here but those that end the command.
        _ = unsafe nanosleep(&span, nil)
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        return first.compactMap { before in
            guard let after = Sample(before.vm), after.process == before.process else { return nil }
            return VMStatistics(
                name: after.vm.name, process: after.process, cpuSeconds: after.cpuSeconds,
                cpuShare: seconds > 0 ? (after.cpuSeconds - before.cpuSeconds) / seconds : 0,
                memoryByteCount: after.memoryByteCount, threads: after.threads, openFiles: after.openFiles,
                uptimeSeconds: after.uptimeSeconds)
        }
    }

    /// One look.
    private struct Sample {
        var vm: VM
        var process: Int32
        var cpuSeconds: Double
        var memoryByteCount: UInt64
        var threads: Int
        var openFiles: Int
        var uptimeSeconds: Double

        /// Nil if the VM does not run, or no more.
        init?(_ vm: VM) {
            guard let holder = vm.user, let process = Int32(holder),
                let stat = Self.text("/proc/\(process)/stat"), let end = stat.lastIndex(of: ")")
            else { return nil }
            // From the third field on: the second is a name, which may have anything in it.
            let fields = stat[stat.index(after: end)...].split(separator: " ")
            guard fields.count > 20, let user = Double(fields[11]), let system = Double(fields[12]),
                let threads = Int(fields[17]), let start = Double(fields[19])
            else { return nil }
            let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
            self.vm = vm
            self.process = process
            self.threads = threads
            cpuSeconds = (user + system) / ticks
            // Both count from the host's boot.
            uptimeSeconds = max(0, Double(BootClock.now) / 1e9 - start / ticks)
            memoryByteCount = Self.proportionalByteCount(process)
            openFiles = PrivateDirectory.names(in: "/proc/\(process)/fd").count
        }

        private static func proportionalByteCount(_ process: Int32) -> UInt64 {
            for line in (text("/proc/\(process)/smaps_rollup") ?? "").split(separator: "\n")
            where line.hasPrefix("Pss:") {
                return line.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }.map { $0 << 10 } ?? 0
            }
            return 0
        }

        private static func text(_ path: String) -> String? {
            (try? VM.read(path, limit: 1 << 16)).map { String(decoding: $0, as: UTF8.self) }
        }
    }
}
