// As much of a GICv3 (IHI0069) as wakes a core from WFI: one private interrupt, pending at the CPU interface.

import _Volatile

enum InterruptController {
    private static var distributor: UInt { 0x0800_0000 }
    /// The boot core's redistributor: the first one.
    private static var redistributor: UInt { 0x080A_0000 }
    private static var privateInterrupts: UInt { redistributor + 0x1_0000 }

    /// The PPI of the virtual timer, INTID 27.
    private static var virtualTimer: UInt32 { 1 << 27 }

    private static func register(_ address: UInt) -> VolatileMappedRegister<UInt32> {
        VolatileMappedRegister(unsafeBitPattern: address)
    }

    /// Whether the board has the system registers of a GICv3 (ID_AA64PFR0_EL1.GIC).
    static var isThere: Bool {
        readIDAA64PFR0() >> 24 & 0xF != 0
    }

    /// Lets the virtual timer's interrupt through to the boot core, which keeps it masked in PSTATE.
    static func enableVirtualTimer() {
        // GICD_CTLR: ARE_NS and EnableGrp1NS, at the places that a single Security state has them.
        register(distributor).store(1 << 4 | 1 << 1)
        // GICR_WAKER: clear ProcessorSleep, and wait for ChildrenAsleep to follow.
        register(redistributor + 0x014).store(0)
        while register(redistributor + 0x014).load() & 1 << 2 != 0 {}
        // GICR_IGROUPR0 and GICR_ISENABLER0.
        register(privateInterrupts + 0x080).store(virtualTimer)
        register(privateInterrupts + 0x100).store(virtualTimer)
        writeICCSystemRegisterEnable(1)
        writeICCPriorityMask(0xFF)
        writeICCInterruptGroup1Enable(1)
    }
}
