// Whether a machine has had next to nothing to do for a while.
//
// Responsible for: telling that at the end of each window of time in which hardly any of the process's CPU time was used.
// Devices' threads count, and so does whatever else an embedder's process does: one that is busy with something else is
// not called quiet. Not responsible for what is done then (`VirtualCPU.rest`).

import Synchronization

/// Watches how much of the host's CPUs a process takes. Safe to use from any thread.
final class Quietness: Sendable {
    /// How long it has to last, in nanoseconds.
    static let window: UInt64 = 30_000_000_000
    /// What may be used of one CPU meanwhile: this part of it. A Linux without anything to do takes a tenth of that.
    private static let busyShare: UInt64 = 50

    private struct Window {
        var start: UInt64
        var cpuTime: UInt64
    }
    private let current: Mutex<Window>
    /// The end of the window, to be looked at without the lock.
    private let end: Atomic<UInt64>
    private let time: @Sendable () -> UInt64
    private let cpuTime: @Sendable () -> UInt64

    /// - Parameters:
    ///   - time: the host's clock, in nanoseconds.
    ///   - cpuTime: the CPU time that the process has taken so far, in nanoseconds.
    init(time: @escaping @Sendable () -> UInt64, cpuTime: @escaping @Sendable () -> UInt64) {
        self.time = time
        self.cpuTime = cpuTime
        let now = time()
        current = Mutex(Window(start: now, cpuTime: cpuTime()))
        end = Atomic(now &+ Self.window)
    }

    /// Whether a window has ended that was quiet; the next one begins then. To be asked by a core that is about to wait,
    /// as often as it does.
    func hasComeToRest() -> Bool {
        let now = time()
        guard now >= end.load(ordering: .relaxed) else { return false }
        return current.withLock { window in
            // Another core may have asked at the same time.
            guard now >= window.start &+ Self.window else { return false }
            let used = cpuTime() &- window.cpuTime
            let isQuiet = used <= (now - window.start) / Self.busyShare
            window = Window(start: now, cpuTime: window.cpuTime &+ used)
            end.store(now &+ Self.window, ordering: .relaxed)
            return isQuiet
        }
    }
}
