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
        drive(timerLines.virtualTimer, control: system.cntvCtl, compare: system.cntvCval, now: now)
        drive(timerLines.physicalTimer, control: system.cntpCtl, compare: system.cntpCval, now: now)
    }

    private func drive(_ line: InterruptLine, control: UInt64, compare: UInt64, now: UInt64) {
        let isEnabled = control & TimerControl.enable != 0 && control & TimerControl.mask == 0
        let isDue = now >= compare
        line.set(isEnabled && isDue)
        if isEnabled && !isDue { nextTimerEvent = min(nextTimerEvent, compare) }
    }

    /// Reads a timer register by its control and compare value.
    func timerControl(_ control: UInt64, compare: UInt64) -> UInt64 {
        let stored = control & (TimerControl.enable | TimerControl.mask)
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
    /// The counter value at which a timer of this CPU will interrupt; nil if none will. For who waits in its stead.
    public var nextTimerDeadline: UInt64? {
        updateTimers()
        return nextTimerEvent == .max ? nil : nextTimerEvent
    }
}
