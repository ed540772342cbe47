// The PL031 as DDI 0224 describes it. Offsets are written here once more.

import Devices
import Hypervisor
import Synchronization
import Testing

/// A PL031 whose clock the test turns.
private final class Bench: Sendable {
    private final class Outside: Sendable {
        let time = Atomic<UInt64>(1_800_000_000)
        let interrupt = Atomic<Bool>(false)
        let changes = Atomic<Int>(0)
    }

    private let outside = Outside()
    let rtc: PL031

    init() {
        rtc = PL031(
            revision: .r1p0,
            interrupt: InterruptLine { [outside] in outside.interrupt.store($0, ordering: .sequentiallyConsistent) },
            clock: { [outside] in outside.time.load(ordering: .sequentiallyConsistent) },
            alarmChanged: { [outside] in outside.changes.add(1, ordering: .sequentiallyConsistent) })
    }

    var time: UInt64 {
        get { outside.time.load(ordering: .sequentiallyConsistent) }
        set { outside.time.store(newValue, ordering: .sequentiallyConsistent) }
    }
    var isInterrupting: Bool { outside.interrupt.load(ordering: .sequentiallyConsistent) }
    var changes: Int { outside.changes.load(ordering: .sequentiallyConsistent) }

    func read(_ offset: UInt64) -> UInt64 { rtc.read(offset: offset, size: 4, cpu: 0) }
    func write(_ offset: UInt64, _ value: UInt64) { rtc.write(offset: offset, size: 4, value: value, cpu: 0) }

    static let DR: UInt64 = 0x00
    static let MR: UInt64 = 0x04
    static let LR: UInt64 = 0x08
    static let CR: UInt64 = 0x0C
    static let IMSC: UInt64 = 0x10
    static let RIS: UInt64 = 0x14
    static let MIS: UInt64 = 0x18
    static let ICR: UInt64 = 0x1C
}

@Suite("PL031")
struct PL031Tests {
    @Test("It identifies itself as Arm's PL031, not as ST's")
    func identification() {
        let bench = Bench()
        let peripheral = (0..<4).reduce(0) { $0 | bench.read(0xFE0 + $1 * 4) << ($1 * 8) }
        #expect(peripheral & 0xF_FFFF == 0x41031)
        let cell = (0..<4).reduce(0) { $0 | bench.read(0xFF0 + $1 * 4) << ($1 * 8) }
        #expect(cell == 0xB105_F00D)
    }

    @Test("It runs from the start, with the host's time")
    func time() {
        let bench = Bench()
        #expect(bench.read(Bench.DR) == 1_800_000_000)
        #expect(bench.read(Bench.CR) == 1)
        bench.write(Bench.CR, 0)
        #expect(bench.read(Bench.CR) == 1)
        bench.time += 5
        #expect(bench.read(Bench.DR) == 1_800_000_005)
        bench.write(Bench.DR, 0)
        #expect(bench.read(Bench.DR) == 1_800_000_005)
    }

    @Test("The guest sets the time, and it goes on from there, around 32 bits")
    func load() {
        let bench = Bench()
        bench.write(Bench.LR, 0xFFFF_FFFE)
        #expect(bench.read(Bench.LR) == 0xFFFF_FFFE)
        #expect(bench.read(Bench.DR) == 0xFFFF_FFFE)
        bench.time += 3
        #expect(bench.read(Bench.DR) == 1)
    }

    @Test("The alarm interrupts at its second, and once")
    func alarm() {
        let bench = Bench()
        #expect(bench.rtc.nextAlarm == nil)
        bench.write(Bench.MR, 1_800_000_010)
        #expect(bench.rtc.nextAlarm == nil, "masked")
        bench.write(Bench.IMSC, 1)
        #expect(bench.rtc.nextAlarm == 1_800_000_010)
        bench.time += 9
        bench.rtc.poll()
        #expect(!bench.isInterrupting)
        #expect(bench.rtc.nextAlarm == 1_800_000_010)
        bench.time += 1
        bench.rtc.poll()
        #expect(bench.isInterrupting)
        #expect(bench.read(Bench.RIS) == 1 && bench.read(Bench.MIS) == 1)
        #expect(bench.rtc.nextAlarm == nil)
        bench.write(Bench.ICR, 1)
        #expect(!bench.isInterrupting)
        bench.rtc.poll()
        #expect(!bench.isInterrupting, "it is still that second")
        bench.time += 1
        bench.rtc.poll()
        #expect(!bench.isInterrupting)
    }

    @Test("An alarm is not missed when time jumps over it")
    func lateAlarm() {
        let bench = Bench()
        bench.write(Bench.IMSC, 1)
        bench.write(Bench.MR, 1_800_000_010)
        bench.time += 1000
        bench.rtc.poll()
        #expect(bench.isInterrupting)
    }

    @Test("An alarm in the past does not go off, one for this very second does at once")
    func alarmNow() {
        let bench = Bench()
        bench.write(Bench.IMSC, 1)
        bench.write(Bench.MR, 1_799_999_999)
        bench.time += 1
        bench.rtc.poll()
        #expect(!bench.isInterrupting)
        #expect(bench.rtc.nextAlarm == 1_799_999_999 + 1 << 32)
        bench.write(Bench.MR, 1_800_000_001)
        #expect(bench.isInterrupting)
    }

    @Test("A masked alarm shows in RIS only, and interrupts when it is unmasked")
    func mask() {
        let bench = Bench()
        bench.write(Bench.MR, 1_800_000_001)
        bench.time += 1
        #expect(bench.read(Bench.RIS) == 1 && bench.read(Bench.MIS) == 0)
        #expect(!bench.isInterrupting)
        bench.write(Bench.IMSC, 0xFFFF_FFFF)
        #expect(bench.isInterrupting)
        #expect(bench.read(Bench.IMSC) == 1)
    }

    @Test("The alarm follows the guest's time, not the host's")
    func alarmInGuestTime() {
        let bench = Bench()
        bench.write(Bench.IMSC, 1)
        bench.write(Bench.LR, 1000)
        bench.write(Bench.MR, 1020)
        #expect(bench.rtc.nextAlarm == 1_800_000_020)
        bench.time += 20
        bench.rtc.poll()
        #expect(bench.isInterrupting)
    }

    @Test("When the host's clock is set back, the alarm waits for its time")
    func clockSetBack() {
        let bench = Bench()
        bench.write(Bench.IMSC, 1)
        bench.write(Bench.MR, 1_800_000_010)
        bench.time -= 1000
        bench.rtc.poll()
        #expect(!bench.isInterrupting)
        #expect(bench.rtc.nextAlarm == 1_800_000_010)
        bench.time += 1010
        bench.rtc.poll()
        #expect(bench.isInterrupting)
    }

    @Test("The machine is told when the next alarm changes, and only then")
    func changes() {
        let bench = Bench()
        bench.write(Bench.MR, 1_800_000_010)
        #expect(bench.changes == 0, "masked")
        bench.write(Bench.IMSC, 1)
        #expect(bench.changes == 1)
        bench.write(Bench.MR, 1_800_000_010)
        _ = bench.read(Bench.DR)
        #expect(bench.changes == 1)
        bench.write(Bench.MR, 1_800_000_020)
        #expect(bench.changes == 2)
    }

    @Test("Reset forgets the alarm and the guest's time")
    func reset() {
        let bench = Bench()
        bench.write(Bench.LR, 5)
        bench.write(Bench.MR, 6)
        bench.write(Bench.IMSC, 1)
        bench.time += 1
        bench.rtc.poll()
        #expect(bench.isInterrupting)
        bench.rtc.reset()
        #expect(!bench.isInterrupting)
        #expect(bench.read(Bench.DR) == 1_800_000_001)
        for offset in [Bench.MR, Bench.LR, Bench.IMSC, Bench.RIS] { #expect(bench.read(offset) == 0) }
    }

    @Test("Offsets without register read as zero, and extreme times do not trap")
    func extremes() {
        let bench = Bench()
        for offset: UInt64 in [0x20, 0xFDC, 0x1000, .max, 0x01] {
            bench.write(offset, 1)
            #expect(bench.read(offset) == 0)
        }
        bench.write(Bench.IMSC, 1)
        bench.time = .max
        bench.write(Bench.MR, 5)
        #expect(bench.rtc.nextAlarm == nil)
        bench.time = 0
        bench.rtc.poll()
        #expect(bench.read(Bench.DR) == 0)
    }

    /// DDI 0224, "Peripheral Identification Registers"; the last revision is what QEMU's board and most others have.
    @Test("Each revision says which it is", arguments: [(.r1p0, 0x04), (.r1p3, 0x14)] as [(PL031.Revision, UInt64)])
    func revisions(revision: PL031.Revision, periphID2: UInt64) {
        let rtc = PL031(revision: revision, interrupt: InterruptLine { _ in }, clock: { 0 })
        let words = (0..<4).map { rtc.read(offset: 0xFE0 + 4 * $0, size: 4, cpu: 0) }
        #expect(words == [0x31, 0x10, periphID2, 0x00])
        rtc.reset()
        #expect(rtc.read(offset: 0xFE8, size: 4, cpu: 0) == periphID2)
        #expect(revision.peripheralID >> 16 == UInt32(periphID2))
    }
}
