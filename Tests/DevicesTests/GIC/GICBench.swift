// A GIC on the bench: PEs that only have an IRQ input, and short names for what a guest does to the registers.
//
// Offsets and encodings are written here once more, from IHI 0069, and not taken from the implementation.

import Devices
import Hypervisor
import Synchronization

/// A GIC whose IRQ outputs can be looked at.
final class GICBench: Sendable {
    /// Levels of the IRQ inputs, as a set of PEs.
    private final class Inputs: Sendable {
        let levels = Atomic<UInt64>(0)
    }

    let gic: GIC
    let count: Int
    private let inputs = Inputs()

    /// Aff0 is n % 16, Aff1 is n / 16, as on the machine.
    static func mpidr(_ n: Int) -> UInt64 { 1 << 31 | UInt64(n / 16) << 8 | UInt64(n % 16) }

    convenience init(_ count: Int = 1) {
        self.init(mpidrs: (0..<count).map(Self.mpidr))
    }

    init(mpidrs: [UInt64]) {
        count = mpidrs.count
        gic = GIC(
            mpidrs: mpidrs,
            interruptInputs: mpidrs.indices.map { [inputs] cpu in
                { level in
                    if level {
                        inputs.levels.bitwiseOr(1 << UInt64(cpu), ordering: .sequentiallyConsistent)
                    } else {
                        inputs.levels.bitwiseAnd(~(1 << UInt64(cpu)), ordering: .sequentiallyConsistent)
                    }
                }
            })
    }

    /// A GIC on which group 1 interrupts reach every PE: what Linux does at boot, but for the interrupts themselves.
    static func running(_ count: Int = 1) -> GICBench {
        let bench = GICBench(count)
        bench.start()
        return bench
    }

    func start() {
        writeD(D.CTLR, 0b10)
        for bank in 1...8 { writeD(D.IGROUPR + UInt64(bank) * 4, 0xFFFF_FFFF) }
        for cpu in 0..<count {
            writeR(cpu, R.WAKER, 0)
            writeR(cpu, R.SGI + D.IGROUPR, 0xFFFF_FFFF)
            write(I.PMR, 0xFF, cpu)
            write(I.IGRPEN1, 1, cpu)
        }
    }

    func irq(_ cpu: Int = 0) -> Bool { inputs.levels.load(ordering: .sequentiallyConsistent) >> UInt64(cpu) & 1 != 0 }
    /// The PEs whose IRQ input is asserted.
    var irqs: [Int] { (0..<count).filter(irq) }

    // MARK: Registers

    func readD(_ offset: UInt64, size: Int = 4) -> UInt64 {
        gic.distributor.read(offset: offset, size: size, cpu: 0)
    }
    func writeD(_ offset: UInt64, _ value: UInt64, size: Int = 4) {
        gic.distributor.write(offset: offset, size: size, value: value, cpu: 0)
    }
    func readR(_ cpu: Int, _ offset: UInt64, size: Int = 4) -> UInt64 {
        gic.redistributors.read(offset: UInt64(cpu) * 0x2_0000 + offset, size: size, cpu: cpu)
    }
    func writeR(_ cpu: Int, _ offset: UInt64, _ value: UInt64, size: Int = 4) {
        gic.redistributors.write(offset: UInt64(cpu) * 0x2_0000 + offset, size: size, value: value, cpu: cpu)
    }
    func read(_ register: UInt16, _ cpu: Int = 0) -> UInt64? {
        gic.readSystemRegister(register, cpu: cpu)
    }
    @discardableResult
    func write(_ register: UInt16, _ value: UInt64, _ cpu: Int = 0) -> Bool {
        gic.writeSystemRegister(register, value: value, cpu: cpu)
    }

    // MARK: What guests do

    /// Reads ICC_IAR1_EL1.
    func acknowledge(_ cpu: Int = 0) -> UInt64? { read(I.IAR1, cpu) }
    /// Writes ICC_EOIR1_EL1.
    func end(_ intid: UInt64, _ cpu: Int = 0) { write(I.EOIR1, intid, cpu) }

    /// Sets the bit of an SPI in one of the bitmaps.
    func setBit(_ register: UInt64, _ intid: Int) {
        writeD(register + UInt64(intid / 32) * 4, 1 << UInt64(intid % 32))
    }
    func bit(_ register: UInt64, _ intid: Int) -> Bool {
        readD(register + UInt64(intid / 32) * 4) >> UInt64(intid % 32) & 1 != 0
    }
    /// Sets the bit of an SGI or PPI in one of the bitmaps.
    func setBit(_ register: UInt64, _ intid: Int, cpu: Int) {
        writeR(cpu, R.SGI + register, 1 << UInt64(intid))
    }
    func bit(_ register: UInt64, _ intid: Int, cpu: Int) -> Bool {
        readR(cpu, R.SGI + register) >> UInt64(intid) & 1 != 0
    }

    /// Enables an SPI with a priority.
    func enable(_ intid: Int, priority: UInt64 = 0xA0) {
        writeD(D.IPRIORITYR + UInt64(intid), priority, size: 1)
        setBit(D.ISENABLER, intid)
    }
    /// Enables an SGI or PPI with a priority.
    func enable(_ intid: Int, cpu: Int, priority: UInt64 = 0xA0) {
        writeR(cpu, R.SGI + D.IPRIORITYR + UInt64(intid), priority, size: 1)
        setBit(D.ISENABLER, intid, cpu: cpu)
    }
    /// Makes an SPI edge-triggered.
    func makeEdge(_ intid: Int) {
        let offset = D.ICFGR + UInt64(intid / 16) * 4
        writeD(offset, readD(offset) | 0b10 << UInt64(intid % 16 * 2))
    }
    func line(_ intid: Int) -> InterruptLine { gic.spi(intid - 32) }

    /// GICD_*; the bitmaps and priorities are at the same offsets in GICR's SGI_base.
    enum D {
        static let CTLR: UInt64 = 0x0
        static let TYPER: UInt64 = 0x4
        static let IIDR: UInt64 = 0x8
        static let IGROUPR: UInt64 = 0x80
        static let ISENABLER: UInt64 = 0x100
        static let ICENABLER: UInt64 = 0x180
        static let ISPENDR: UInt64 = 0x200
        static let ICPENDR: UInt64 = 0x280
        static let ISACTIVER: UInt64 = 0x300
        static let ICACTIVER: UInt64 = 0x380
        static let IPRIORITYR: UInt64 = 0x400
        static let ITARGETSR: UInt64 = 0x800
        static let ICFGR: UInt64 = 0xC00
        static let IROUTER: UInt64 = 0x6000
        static let PIDR2: UInt64 = 0xFFE8
    }

    enum R {
        static let SGI: UInt64 = 0x1_0000
        static let TYPER: UInt64 = 0x8
        static let WAKER: UInt64 = 0x14
    }

    /// ICC_*_EL1 by S<op0>_<op1>_C<CRn>_C<CRm>_<op2>.
    enum I {
        static func s3_0(_ CRn: UInt16, _ CRm: UInt16, _ op2: UInt16) -> UInt16 {
            3 << 14 | CRn << 7 | CRm << 3 | op2
        }
        static let PMR = s3_0(4, 6, 0)
        static let IAR0 = s3_0(12, 8, 0)
        static let EOIR0 = s3_0(12, 8, 1)
        static let HPPIR0 = s3_0(12, 8, 2)
        static let BPR0 = s3_0(12, 8, 3)
        static let AP0R0 = s3_0(12, 8, 4)
        static let AP0R1 = s3_0(12, 8, 5)
        static let AP1R0 = s3_0(12, 9, 0)
        static let AP1R3 = s3_0(12, 9, 3)
        static let DIR = s3_0(12, 11, 1)
        static let RPR = s3_0(12, 11, 3)
        static let SGI1R = s3_0(12, 11, 5)
        static let ASGI1R = s3_0(12, 11, 6)
        static let SGI0R = s3_0(12, 11, 7)
        static let IAR1 = s3_0(12, 12, 0)
        static let EOIR1 = s3_0(12, 12, 1)
        static let HPPIR1 = s3_0(12, 12, 2)
        static let BPR1 = s3_0(12, 12, 3)
        static let CTLR = s3_0(12, 12, 4)
        static let SRE = s3_0(12, 12, 5)
        static let IGRPEN0 = s3_0(12, 12, 6)
        static let IGRPEN1 = s3_0(12, 12, 7)
        static let all = [
            PMR, IAR0, EOIR0, HPPIR0, BPR0, AP0R0, AP1R0, DIR, RPR, SGI1R, ASGI1R, SGI0R, IAR1, EOIR1, HPPIR1, BPR1,
            CTLR, SRE, IGRPEN0, IGRPEN1,
        ]
    }

    static let spurious: UInt64 = 1023
}
