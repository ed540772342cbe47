// What a PL031 knows, and what its registers do. DDI 0224, "Programmer's Model".

import Hypervisor

/// Offsets and fields of RTC*.
enum PL031Register {
    static let DR: UInt64 = 0x000
    static let MR: UInt64 = 0x004
    static let LR: UInt64 = 0x008
    static let CR: UInt64 = 0x00C
    static let IMSC: UInt64 = 0x010
    static let RIS: UInt64 = 0x014
    static let MIS: UInt64 = 0x018
    static let ICR: UInt64 = 0x01C

    /// RTCCR: started; once it is, writes have no effect.
    static let start: UInt32 = 1
    /// The only bit of RTCIMSC, RTCRIS, RTCMIS and RTCICR.
    static let interrupt: UInt32 = 1
}

/// The state of a PL031 at a moment in time.
struct PL031State: Sendable, Codable {
    let identification: PrimeCellIdentification
    /// Seconds since the epoch, up to which the alarm has been looked for.
    private(set) var time: UInt64
    /// What the guest added to the time of the host by setting the clock.
    private var offset: UInt32 = 0
    private var match: UInt32 = 0
    private var load: UInt32 = 0
    private var interruptMask: UInt32 = 0
    private var rawInterrupt: UInt32 = 0

    /// The state after reset.
    init(time: UInt64, identification: PrimeCellIdentification) {
        self.time = time
        self.identification = identification
    }

    var isInterruptAsserted: Bool { rawInterrupt & interruptMask != 0 }

    /// RTCDR: 32 bits of seconds, which wrap around.
    private var data: UInt32 { UInt32(truncatingIfNeeded: time) &+ offset }

    /// Lets time pass, and the alarm go off if its second was reached. A clock that was set back only starts anew.
    mutating func advance(to now: UInt64) {
        if now > time, now - time >= secondsToMatch(after: 1) {
            rawInterrupt = PL031Register.interrupt
        }
        time = now
    }

    /// Seconds until the counter matches, if it does not before `first` seconds from now.
    private func secondsToMatch(after first: UInt32) -> UInt64 {
        UInt64(match &- data &- first) + UInt64(first)
    }

    /// The time at which the interrupt will be asserted.
    var nextAlarm: UInt64? {
        guard interruptMask != 0, rawInterrupt == 0 else { return nil }
        let (alarm, isBeyondTime) = time.addingReportingOverflow(secondsToMatch(after: 1))
        return isBeyondTime ? nil : alarm
    }

    /// A register, by word-aligned offset.
    func read(_ offset: UInt64) -> UInt32 {
        switch offset {
        case PL031Register.DR: data
        case PL031Register.MR: match
        case PL031Register.LR: load
        case PL031Register.CR: PL031Register.start
        case PL031Register.IMSC: interruptMask
        case PL031Register.RIS: rawInterrupt
        case PL031Register.MIS: rawInterrupt & interruptMask
        default: identification.read(offset) ?? 0
        }
    }

    /// Stores to a register, by word-aligned offset.
    mutating func write(_ offset: UInt64, _ value: UInt32) {
        switch offset {
        case PL031Register.MR:
            match = value
            matchNow()
        case PL031Register.LR:
            load = value
            self.offset = value &- UInt32(truncatingIfNeeded: time)
            matchNow()
        case PL031Register.IMSC: interruptMask = value & PL031Register.interrupt
        case PL031Register.ICR: rawInterrupt &= ~value
        default: break
        }
    }

    /// The counter and the match register became equal, if they did, without time passing.
    private mutating func matchNow() {
        if data == match { rawInterrupt = PL031Register.interrupt }
    }

    /// Throws if no guest can bring a PL031 with this identification into this state.
    func check(_ identification: PrimeCellIdentification) throws(DeviceStateError) {
        try DeviceStateError.check(self.identification == identification, "identification")
        try DeviceStateError.check(interruptMask & ~PL031Register.interrupt == 0, "interruptMask")
        try DeviceStateError.check(rawInterrupt & ~PL031Register.interrupt == 0, "rawInterrupt")
    }
}
