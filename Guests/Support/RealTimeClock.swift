// The alarm of a PL031 (DDI 0224).

import _Volatile

enum RealTimeClock {
    private static var base: UInt { 0x0901_0000 }

    private static func register(_ offset: UInt) -> VolatileMappedRegister<UInt32> {
        VolatileMappedRegister(unsafeBitPattern: base + offset)
    }

    /// RTCDR, in seconds.
    static var now: UInt32 { register(0x00).load() }

    /// Interrupts in that many seconds: RTCMR and RTCIMSC.
    static func setAlarm(inSeconds seconds: UInt32) {
        register(0x04).store(now &+ seconds)
        register(0x10).store(1)
        memoryBarrier()
    }

    /// RTCRIS: the time of the alarm has come.
    static var isAlarmDue: Bool { register(0x14).load() & 1 != 0 }

    /// No more interrupts: RTCIMSC and RTCICR.
    static func clearAlarm() {
        register(0x10).store(0)
        register(0x1C).store(1)
        memoryBarrier()
    }
}
