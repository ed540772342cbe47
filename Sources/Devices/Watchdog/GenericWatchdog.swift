// The generic watchdog of Arm's base systems: a guest that does not refresh it in time is told once, and then taken for
// one that hangs.
//
// Responsible for: the registers, in two frames, and both timeouts. Not responsible for: knowing when they are due, nor
// for what becomes of a guest that hangs: the machine asks for `nextDeadline`, calls `poll` then, and hears of the
// second one.
//
// Follows DEN0094 (Base System Architecture), "Generic Watchdog", architecture version 1, and Linux's
// drivers/watchdog/sbsa_gwdt.c for how it is used.

import Hypervisor
import Synchronization

/// A generic watchdog: two frames of registers and an interrupt.
public final class GenericWatchdog: Sendable {
    /// Bytes of each frame.
    public static let frameSize: UInt64 = 0x1000

    private let state = Mutex(GenericWatchdogState())
    private let counter: @Sendable () -> UInt64
    private let interrupt: InterruptOutput
    private let deadlineChanged: @Sendable () -> Void
    private let expired: @Sendable () -> Void

    /// - Parameters:
    ///   - interrupt: WS0, level-sensitive.
    ///   - counter: the system counter. Called with the device locked, so it must not use the device.
    ///   - deadlineChanged: called on a vCPU's thread after the guest did something that changes `nextDeadline`.
    ///   - expired: WS1 is set: the guest did not hear WS0 either. Called on the thread of whoever finds that.
    public init(
        interrupt: InterruptLine, counter: @escaping @Sendable () -> UInt64,
        deadlineChanged: @escaping @Sendable () -> Void, expired: @escaping @Sendable () -> Void
    ) {
        self.interrupt = InterruptOutput(interrupt)
        self.counter = counter
        self.deadlineChanged = deadlineChanged
        self.expired = expired
    }

    /// The counter's value at which something happens; nil if nothing will.
    public var nextDeadline: UInt64? { withState(\.deadline) }

    /// Looks whether it is time.
    public func poll() { withState { _ in } }

    /// The guest could not refresh it for so many ticks, since it was not executed.
    ///
    /// - Parameter ticks: of the counter, which have passed already.
    public func postpone(by ticks: UInt64) {
        // Before anybody looks at it.
        state.withLock { $0.postpone(by: ticks) }
        deadlineChanged()
    }

    /// Power-on state: it is off.
    public func reset() {
        withState { $0 = GenericWatchdogState() }
        deadlineChanged()
    }

    /// The frame that is written to control it.
    public var controlFrame: any MMIODevice { Frame(watchdog: self, isControl: true) }
    /// The frame that is written to refresh it.
    public var refreshFrame: any MMIODevice { Frame(watchdog: self, isControl: false) }

    private final class Frame: MMIODevice {
        private let watchdog: GenericWatchdog
        private let isControl: Bool

        init(watchdog: GenericWatchdog, isControl: Bool) {
            self.watchdog = watchdog
            self.isControl = isControl
        }

        func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 {
            guard offset % 4 == 0, size >= 4 else { return 0 }
            let value = watchdog.withState { $0.read(offset, isControl: isControl) }
            guard size == 8 else { return UInt64(value) }
            return UInt64(value) | UInt64(watchdog.withState { $0.read(offset + 4, isControl: isControl) }) << 32
        }

        func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {
            guard offset % 4 == 0, size >= 4 else { return }
            let now = watchdog.counter()
            watchdog.withState { state in
                state.write(offset, UInt32(truncatingIfNeeded: value), isControl: isControl, now: now)
                if size == 8 {
                    state.write(offset + 4, UInt32(truncatingIfNeeded: value >> 32), isControl: isControl, now: now)
                }
            }
            watchdog.deadlineChanged()
        }
    }

    /// Brings the state up to now, runs `body` with it to itself, then drives the interrupt.
    private func withState<Result: Sendable>(_ body: (inout GenericWatchdogState) -> Result) -> Result {
        let (result, isInterruptChanged, hasExpired) = state.withLock { state in
            let hasExpired = state.advance(to: counter())
            let result = body(&state)
            return (result, interrupt.post(state.isInterruptAsserted), hasExpired)
        }
        if isInterruptChanged { interrupt.deliver() }
        if hasExpired { expired() }
        return result
    }
}

extension GenericWatchdog: StatefulDevice {
    private static let kind = DeviceState.Kind("generic-watchdog", version: 1)

    public func save() throws(DeviceStateError) -> DeviceState {
        // As it was left: what the time has brought since is found by whoever looks next.
        try DeviceState(Self.kind, state.withLock(\.self))
    }

    public func restore(_ saved: DeviceState) throws(DeviceStateError) {
        let new = try saved.fields(GenericWatchdogState.self, of: Self.kind)
        try new.check()
        state.withLock {
            $0 = new
            _ = interrupt.post(new.isInterruptAsserted)
        }
        interrupt.deliver()
        deadlineChanged()
    }
}
