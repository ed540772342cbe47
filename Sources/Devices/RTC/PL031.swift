// Arm PrimeCell Real Time Clock (PL031): the time of day, and an alarm.
//
// Responsible for: the registers of DDI 0224. Not responsible for: knowing the time, nor for waking anybody at the
// time of the alarm: the machine asks for `nextAlarm` and calls `poll` then.
//
// Unlike the real one, it runs from the start, at the host's time: a board's would be set once and have a battery.

import Hypervisor
import Synchronization

/// A PL031: 4 KiB of registers, one interrupt.
public final class PL031: MMIODevice {
    /// Revisions as the PeriphID2 of the part has them.
    public enum Revision: UInt32, Sendable, CaseIterable {
        case r1p0 = 0
        /// The last one, which most boards have, and other monitors.
        case r1p3 = 1

        fileprivate var identification: PrimeCellIdentification {
            PrimeCellIdentification(partNumber: 0x031, revision: rawValue)
        }

        /// PeriphID0 to 3, the first in the lowest byte.
        public var peripheralID: UInt32 { identification.peripheral }
    }

    /// Bytes of the register window.
    public static let windowSize: UInt64 = 0x1000

    private let state: Mutex<PL031State>
    private let clock: @Sendable () -> UInt64
    private let interrupt: InterruptOutput
    private let alarmChanged: @Sendable () -> Void

    /// - Parameters:
    ///   - revision: which one it says that it is, in PeriphID2. They differ in nothing else.
    ///   - interrupt: RTCINTR, level-sensitive.
    ///   - clock: the time of day in seconds since the epoch; it may be set back. Called with the
    ///     device locked, so it must not use the device.
    ///   - alarmChanged: called on a vCPU's thread after the guest did something that changes `nextAlarm`.
    public init(
        revision: Revision, interrupt: InterruptLine,
        clock: @escaping @Sendable () -> UInt64,
        alarmChanged: @escaping @Sendable () -> Void = {}
    ) {
        self.interrupt = InterruptOutput(interrupt)
        self.clock = clock
        self.alarmChanged = alarmChanged
        state = Mutex(PL031State(time: clock(), identification: revision.identification))
    }

    /// When the alarm will interrupt the guest, in seconds of `clock`; nil if it will not, as it is masked or has
    /// done so already.
    public var nextAlarm: UInt64? {
        withState { $0.nextAlarm }
    }

    /// Raises the interrupt if the time of the alarm has come.
    public func poll() {
        withState { _ in }
    }

    public func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 {
        guard offset % 4 == 0 else { return 0 }
        let value = UInt64(withState { $0.read(offset) })
        return size >= 4 ? value : value & (1 << UInt64(size * 8) - 1)
    }

    public func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {
        // The registers are words, and nothing says what a part of one would do.
        guard offset % 4 == 0, size >= 4 else { return }
        let isChanged = withState { state in
            let before = state.nextAlarm
            state.write(offset, UInt32(truncatingIfNeeded: value))
            return state.nextAlarm != before
        }
        if isChanged { alarmChanged() }
    }

    /// Power-on state, for a reset of the guest; the clock shows the host's time again.
    public func reset() {
        withState { $0 = PL031State(time: $0.time, identification: $0.identification) }
        alarmChanged()
    }

    /// Brings the state up to now, runs `body` with it to itself, then drives the interrupt.
    private func withState<Result: Sendable>(_ body: (inout PL031State) -> Result) -> Result {
        let (result, isInterruptChanged) = state.withLock { state in
            state.advance(to: clock())
            let result = body(&state)
            return (result, interrupt.post(state.isInterruptAsserted))
        }
        if isInterruptChanged { interrupt.deliver() }
        return result
    }
}

extension PL031: StatefulDevice {
    private static let kind = DeviceState.Kind("pl031", version: 1)

    public func save() throws(DeviceStateError) -> DeviceState {
        try DeviceState(Self.kind, withState(\.self))
    }

    /// The clock shows the time of this host, as the guest has set it; an alarm whose time has passed since goes off at
    /// once.
    public func restore(_ saved: DeviceState) throws(DeviceStateError) {
        let new = try saved.fields(PL031State.self, of: Self.kind)
        try new.check(state.withLock(\.identification))
        withState { $0 = new }
        poll()
        interrupt.deliver()
        alarmChanged()
    }
}
