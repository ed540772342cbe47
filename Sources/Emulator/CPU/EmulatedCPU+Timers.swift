// The generic timer of a CPU: the virtual and the physical timer of EL1 (DDI 0487, D12).
//
// Both count the same: CNTVOFF is zero. Their interrupts are levels: asserted while a timer is enabled, not masked, and
// the counter has reached the compare value.

import Arm64
import Hypervisor

/// CNTP_CTL_EL0 and CNTV_CTL_EL0.
enum TimerControl {
    static let enable: UInt64 = 1 << 0
    static let mask: UInt64 = 1 << 1
    static let status: UInt64 = 1 << 2
    static let writable = enable | mask
}

/// The wire of one timer, and its level: at the other end is a lock that all CPUs share, to be taken for changes only.
struct TimerOutput {
    private let line: InterruptLine
    /// nil before the first time.
    private var level: Bool?

    init(_ line: InterruptLine) {
        self.line = line
    }

    mutating func drive(_ newLevel: Bool) {
        guard newLevel != level else { return }
        level = newLevel
        line.set(newLevel)
    }
}

extension EmulatedCPU {
    /// The counter now.
    var counter: UInt64 {
        publishInstructions()
        return clock.counter
    }

    /// Drives the timers' lines and works out when to look again. After every write to a timer, and when
    /// `nextTimerEvent` has come.
    func updateTimers() {
        let now = counter
        nextTimerEvent = .max
        let system = state.system.pointee
        virtualTimerOutput.drive(isAsserted(system.cntvCtl, compare: system.cntvCval, now: now))
        physicalTimerOutput.drive(isAsserted(system.cntpCtl, compare: system.cntpCval, now: now))
    }

    /// Whether a timer interrupts now; if not, notes when it will.
    private func isAsserted(_ control: UInt64, compare: UInt64, now: UInt64) -> Bool {
        let isEnabled = control & TimerControl.enable != 0 && control & TimerControl.mask == 0
        let isDue = now >= compare
        if isEnabled && !isDue { nextTimerEvent = min(nextTimerEvent, compare) }
        return isEnabled && isDue
    }

    /// Reads a timer register by its control and compare value.
    func timerControl(_ control: UInt64, compare: UInt64) -> UInt64 {
        let stored = control & TimerControl.writable
        return stored & TimerControl.enable != 0 && counter >= compare ? stored | TimerControl.status : stored
    }

    /// TVAL: the signed 32-bit distance to the compare value.
    func timerValue(compare: UInt64) -> UInt64 {
        UInt64(UInt32(truncatingIfNeeded: compare &- counter))
    }

    /// The compare value that a write to TVAL sets.
    func timerCompare(value: UInt64) -> UInt64 {
        counter &+ UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value)))
    }
}

extension EmulatedCPU {
    public var nextTimerDeadline: UInt64? {
        updateTimers()
        return nextTimerEvent == .max ? nil : nextTimerEvent
    }
}
