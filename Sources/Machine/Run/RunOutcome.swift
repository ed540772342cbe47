// From the first boot to the end that counts: a guest that resets is booted again.

import Glibc
import HostSupport
import Synchronization

/// What came of running a machine, however often it booted.
public struct RunOutcome: Sendable {
    public var end: RunEnd
    /// How often the guest was started.
    public var boots: Int
    /// Host time from the first start to the end.
    public var wallSeconds: Double
    /// Host CPU time of the whole process meanwhile, user and system.
    public var cpuSeconds: Double
    /// When the end came, and what it took to make the disks durable.
    public var endTimes: EndTimes

    /// This and what came before it, as one.
    public func after(_ earlier: RunOutcome?) -> RunOutcome {
        guard let earlier else { return self }
        var all = self
        all.boots += earlier.boots
        all.wallSeconds += earlier.wallSeconds
        all.cpuSeconds += earlier.cpuSeconds
        return all
    }
}

/// The end of a run, in nanoseconds on the host's clock (`HostClock`) unless it is said otherwise.
public struct EndTimes: Sendable, Hashable {
    /// When the guest made the call that ended it, or somebody else did.
    public var end: UInt64 = 0
    /// How long flushing the disks took.
    public var flush: UInt64 = 0
    /// The same by the time of day, since 1970-01-01 UTC.
    public var time: UInt64 = 0
    /// The guest's counter at the end.
    public var counter: UInt64 = 0

    init(end: UInt64 = 0, time: UInt64 = 0, counter: UInt64 = 0) {
        self.end = end
        self.time = time
        self.counter = counter
    }

    /// Nanoseconds since the end, without those that flushing the disks took.
    public var elapsedWithoutFlush: UInt64 { BootClock.now &- end &- flush }
}

extension VirtualMachine {
    /// Runs the guest, again after each reset if `rebooting`, until it ends otherwise. A reset after which its firmware's
    /// variables cannot be stored is an error then (`run`).
    ///
    /// - Parameters:
    ///   - rebooting: whether a reset starts the guest again.
    ///   - willBoot: called before each start with its number, from 1.
    public func runToEnd(
        rebooting: Bool, willBoot: (Int) -> Void = { _ in }
    ) throws(MachineError) -> RunOutcome {
        let startTime = BootClock.now
        let startCPUTime = Self.cpuSeconds
        var boots = 0
        var end: RunEnd
        repeat {
            boots += 1
            willBoot(boots)
            end = try run()
        } while rebooting && end.isReset
        return RunOutcome(
            end: end, boots: boots, wallSeconds: Double(BootClock.now - startTime) / 1e9,
            cpuSeconds: Self.cpuSeconds - startCPUTime, endTimes: endTimes.withLock { $0 })
    }

    private static var cpuSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
