// As much of a GICv3 (IHI0069) as wakes a core: private interrupts and one shared one, pending at the CPU interface.

import PSCI
import _Volatile

enum InterruptController {
    private static var distributor: UInt { 0x0800_0000 }
    /// The boot core's redistributor: the first one.
    private static var redistributor: UInt { 0x080A_0000 }
    private static var redistributorSize: UInt { 0x2_0000 }

    private static func privateInterrupts(_ core: Int) -> UInt {
        redistributor + UInt(core) * redistributorSize + 0x1_0000
    }

    /// The PPI of the virtual timer, INTID 27.
    static var virtualTimer: UInt32 { 27 }
    /// An SGI for one core to wake another, INTID 1.
    static var wakeUp: UInt32 { 1 }
    /// The real-time clock's SPI 2, INTID 34.
    static var realTimeClock: UInt32 { 34 }

    private static func register(_ address: UInt) -> VolatileMappedRegister<UInt32> {
        VolatileMappedRegister(unsafeBitPattern: address)
    }

    /// Whether the board has the system registers of a GICv3 (ID_AA64PFR0_EL1.GIC).
    static var isThere: Bool {
        readIDAA64PFR0() >> 24 & 0xF != 0
    }

    /// Lets the virtual timer's interrupt through to the boot core, which keeps it masked in PSTATE.
    static func enableVirtualTimer() {
        enable(virtualTimer, core: 0)
        startInterface()
    }

    /// Lets a private interrupt of a core through; any core can ask for it.
    static func enable(_ interrupt: UInt32, core: Int) {
        // GICD_CTLR: ARE_NS and EnableGrp1NS, at the places that a single Security state has them.
        register(distributor).store(1 << 4 | 1 << 1)
        let waker = register(redistributor + UInt(core) * redistributorSize + 0x014)
        // GICR_WAKER: clear ProcessorSleep, and wait for ChildrenAsleep to follow.
        waker.store(0)
        while waker.load() & 1 << 2 != 0 {}
        // GICR_IGROUPR0 and GICR_ISENABLER0.
        let group = register(privateInterrupts(core) + 0x080)
        group.store(group.load() | 1 << interrupt)
        register(privateInterrupts(core) + 0x100).store(1 << interrupt)
    }

    /// Makes a private interrupt of a core pending, or not so any more: GICR_ISPENDR0 and GICR_ICPENDR0.
    static func set(_ interrupt: UInt32, core: Int, isPending: Bool) {
        register(privateInterrupts(core) + (isPending ? 0x200 : 0x280)).store(1 << interrupt)
        memoryBarrier()
    }

    /// Sends the real-time clock's interrupt to a core: GICD_IGROUPR1, GICD_IROUTER34 and GICD_ISENABLER1.
    static func enableRealTimeClock(for affinity: Affinity) {
        let bit: UInt32 = 1 << (realTimeClock - 32)
        let group = register(distributor + 0x084)
        group.store(group.load() | bit)
        VolatileMappedRegister<UInt64>(unsafeBitPattern: distributor + 0x6000 + UInt(realTimeClock) * 8)
            .store(affinity.rawValue)
        register(distributor + 0x104).store(bit)
        memoryBarrier()
    }

    /// Lets the calling core's interface take what is let through; PSTATE keeps it masked.
    static func startInterface() {
        writeICCSystemRegisterEnable(1)
        writeICCPriorityMask(0xFF)
        writeICCInterruptGroup1Enable(1)
    }
}
