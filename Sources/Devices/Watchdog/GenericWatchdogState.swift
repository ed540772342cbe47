// What a generic watchdog knows, and what its registers do. DEN0094, "Generic Watchdog".

import Hypervisor

/// Offsets of registers in their frames.
enum GenericWatchdogRegister {
    /// Refresh frame.
    static let WRR: UInt64 = 0x000
    /// Control frame: what it does, after how many ticks, and until when.
    static let WCS: UInt64 = 0x000
    static let WOR: UInt64 = 0x008
    static let WORHigh: UInt64 = 0x00C
    static let WCV: UInt64 = 0x010
    static let WCVHigh: UInt64 = 0x014
    /// Both frames.
    static let IIDR: UInt64 = 0xFCC

    /// W_IIDR: architecture version 1, in which WOR has 48 bits. No implementer.
    static let identification: UInt32 = 1 << 16
    /// WCS.EN, WS0 and WS1.
    static let enabled: UInt32 = 1 << 0
    static let signal0: UInt32 = 1 << 1
    static let signal1: UInt32 = 1 << 2
    /// Bits of WOR's upper half.
    static let offsetHighMask: UInt32 = 0xFFFF
}

/// The state of a generic watchdog.
struct GenericWatchdogState: Sendable, Codable {
    private var isEnabled = false
    /// WOR.
    private var offset: UInt64 = 0
    /// WCV.
    private var compare: UInt64 = 0
    private var signal0 = false
    private var signal1 = false

    var isInterruptAsserted: Bool { signal0 }

    /// When the counter passes WCV, unless all has been said.
    var deadline: UInt64? {
        guard isEnabled, !signal1, compare < .max else { return nil }
        return compare + 1
    }

    /// Lets time pass; whether WS1 is set by that.
    mutating func advance(to counter: UInt64) -> Bool {
        guard isEnabled, !signal1, counter > compare else { return false }
        guard signal0 else {
            signal0 = true
            // As if somebody had looked at the moment of the timeout.
            compare = sum(compare, offset)
            return advance(to: counter)
        }
        signal1 = true
        return true
    }

    mutating func postpone(by ticks: UInt64) { compare = sum(compare, ticks) }

    private func sum(_ first: UInt64, _ second: UInt64) -> UInt64 {
        let (sum, overflow) = first.addingReportingOverflow(second)
        return overflow ? .max : sum
    }

    func read(_ offset: UInt64, isControl: Bool) -> UInt32 {
        switch (offset, isControl) {
        case (GenericWatchdogRegister.IIDR, _): GenericWatchdogRegister.identification
        case (GenericWatchdogRegister.WCS, true):
            (isEnabled ? GenericWatchdogRegister.enabled : 0) | (signal0 ? GenericWatchdogRegister.signal0 : 0)
                | (signal1 ? GenericWatchdogRegister.signal1 : 0)
        case (GenericWatchdogRegister.WOR, true): UInt32(truncatingIfNeeded: self.offset)
        case (GenericWatchdogRegister.WORHigh, true): UInt32(truncatingIfNeeded: self.offset >> 32)
        case (GenericWatchdogRegister.WCV, true): UInt32(truncatingIfNeeded: compare)
        case (GenericWatchdogRegister.WCVHigh, true): UInt32(truncatingIfNeeded: compare >> 32)
        default: 0
        }
    }

    mutating func write(_ offset: UInt64, _ value: UInt32, isControl: Bool, now: UInt64) {
        switch (offset, isControl) {
        case (GenericWatchdogRegister.WRR, false): refresh(now)
        case (GenericWatchdogRegister.WCS, true):
            isEnabled = value & GenericWatchdogRegister.enabled != 0
            refresh(now)
        case (GenericWatchdogRegister.WOR, true):
            self.offset = (self.offset >> 32) << 32 | UInt64(value)
            refresh(now)
        case (GenericWatchdogRegister.WORHigh, true):
            let high = UInt64(value & GenericWatchdogRegister.offsetHighMask)
            self.offset = self.offset & 0xFFFF_FFFF | high << 32
            refresh(now)
        case (GenericWatchdogRegister.WCV, true): compare = (compare >> 32) << 32 | UInt64(value)
        case (GenericWatchdogRegister.WCVHigh, true): compare = compare & 0xFFFF_FFFF | UInt64(value) << 32
        default: break
        }
    }

    /// An explicit refresh.
    private mutating func refresh(_ now: UInt64) {
        compare = sum(now, offset)
        signal0 = false
        signal1 = false
    }

    /// Throws if no guest can bring a watchdog into this state.
    func check() throws(DeviceStateError) {
        try DeviceStateError.check(offset >> 48 == 0, "offset")
        try DeviceStateError.check(!signal1 || signal0, "signal1")
    }
}
