// The page of a vmclock, by UAPI.13 and Linux's vmclock-abi.h.

import HostSupport
import Hypervisor
import Synchronization
import Testing

@testable import Devices

@Suite("vmclock")
struct VMClockTests {
    private static let range: Range<PhysicalAddress> = 0x1_0000..<0x2_0000

    /// What the host's side was asked for and said.
    private final class Host: Sendable {
        let reading = Mutex(VMClock.Reading(counter: 77, nanoseconds: 1_700_000_000_250_000_000))
        let notifications = Atomic(0)
    }

    private struct Bench {
        let memory: GuestMemory
        let rom: GuestROM
        let host = Host()
        let clock: VMClock

        init(frequency: UInt64 = 1_000_000_000, generation: UInt64? = 5) throws {
            memory = try GuestMemory(ram: [0x10_0000..<0x20_0000], rom: [VMClockTests.range])
            rom = try #require(memory.roms.first)
            let host = host
            clock = VMClock(
                rom: rom, frequency: frequency, disruptionMarker: 1000, generation: generation,
                read: { host.reading.withLock(\.self) }, notify: { host.notifications.add(1, ordering: .relaxed) })
            clock.reset()
        }

        func number<Value: FixedWidthInteger>(_ offset: UInt64, _: Value.Type = Value.self) throws -> Value {
            let bytes = try #require(rom.read(offset: offset, count: Value.bitWidth / 8))
            return bytes.reversed().reduce(0) { $0 << 8 | Value($1) }
        }

        var sequence: UInt32 { get throws { try number(0x0C) } }
        var marker: UInt64 { get throws { try number(0x10) } }
        var notifications: Int { host.notifications.load(ordering: .relaxed) }
    }

    @Test("The page has each field where it belongs")
    func fields() throws {
        let bench = try Bench()
        #expect(bench.rom.read(offset: 0, count: 4) == Array("VCLK".utf8))
        #expect(try bench.number(0x04, UInt32.self) == 0x1_0000)
        #expect(try bench.number(0x08, UInt16.self) == 1)
        // VMCLOCK_COUNTER_ARM_VCNT, VMCLOCK_TIME_TAI.
        #expect(try bench.number(0x0A, UInt8.self) == 0 && bench.number(0x0B, UInt8.self) == 1)
        #expect(try bench.marker == 1000)
        // TAI_OFFSET_VALID, VM_GEN_COUNTER_PRESENT, NOTIFICATION_PRESENT.
        #expect(try bench.number(0x18, UInt64.self) == 1 << 0 | 1 << 8 | 1 << 9)
        #expect(try bench.number(0x22, UInt8.self) == 3)
        #expect(try bench.number(0x24, UInt16.self) == 37)
        #expect(try bench.number(0x28, UInt64.self) == 77)
        #expect(try bench.number(0x48, UInt64.self) == 1_700_000_037)
        #expect(try bench.number(0x50, UInt64.self) == 1 << 62)
        #expect(try bench.number(0x68, UInt64.self) == 5)
        #expect(bench.rom.read(offset: 0x70, count: 0x1_0000 - 0x70)?.allSatisfy { $0 == 0 } == true)
        let without = try Bench(generation: nil)
        #expect(try without.number(0x18, UInt64.self) == 1 << 0 | 1 << 9)
        #expect(try without.number(0x68, UInt64.self) == 0)
    }

    @Test("A period has as many bits as there is room for")
    func period() throws {
        // The specification's own example.
        let bench = try Bench()
        #expect(try bench.number(0x30, UInt64.self) == 0x8970_5F41_36B4_A597)
        #expect(try bench.number(0x27, UInt8.self) == 29)
        // 2⁻²⁴ s: 2⁻²⁴ is 2⁶³ / 2⁸⁷.
        let power = try Bench(frequency: 1 << 24)
        #expect(try power.number(0x30, UInt64.self) == 1 << 63)
        #expect(try power.number(0x27, UInt8.self) == 23)
        let slow = try Bench(frequency: 3)
        #expect(try slow.number(0x27, UInt8.self) == 1)
        // 2⁶⁵ / 3.
        #expect(try slow.number(0x30, UInt64.self) == 12_297_829_382_473_034_410)
    }

    @Test("A disruption is another marker and another time, and is told once it can be read")
    func disruption() throws {
        let bench = try Bench()
        let sequence = try bench.sequence
        bench.host.reading.withLock { $0.counter = 99 }
        #expect(try bench.number(0x28, UInt64.self) == 77)
        bench.clock.disrupt()
        #expect(try bench.marker == 1001)
        #expect(try bench.number(0x28, UInt64.self) == 99)
        #expect(try bench.number(0x68, UInt64.self) == 5)
        #expect(try bench.sequence == sequence + 2)
        #expect(bench.notifications == 1)
    }

    @Test("Another generation is a disruption, too, and lasts over a boot, of which nobody is told")
    func generation() throws {
        let bench = try Bench()
        bench.clock.setGeneration(6)
        bench.clock.reset()
        #expect(try bench.number(0x68, UInt64.self) == 6)
        #expect(try bench.marker == 1001)
        #expect(bench.notifications == 1)
        #expect(try bench.sequence.isMultiple(of: 2))
    }

    @Test("A guest that reads while the page changes finds an odd sequence, or another one")
    func concurrent() throws {
        let bench = try Bench()
        let (rom, clock) = (bench.rom, bench.clock)
        let isDone = Atomic(false)
        let writer = try HostThread {
            for _ in 0..<20_000 { clock.setGeneration(UInt64.random(in: 1...UInt64.max / 2)) }
            isDone.store(true, ordering: .releasing)
        }
        var torn = 0
        while !isDone.load(ordering: .acquiring) {
            let before = try bench.sequence
            let marker = try bench.marker
            let counter = rom.read(offset: 0x68, count: 8)
            let again = try bench.marker
            let after = try bench.sequence
            guard before == after, before.isMultiple(of: 2), counter != nil else { continue }
            if marker != again { torn += 1 }
        }
        writer.join()
        #expect(torn == 0)
        #expect(try bench.marker == 21_000)
    }

    @Test("Its state is marker, generation and sequence; one that no guest could see is refused and changes nothing")
    func state() throws {
        let bench = try Bench()
        bench.clock.setGeneration(9)
        let state = try bench.clock.save()
        let other = try Bench()
        try other.clock.restore(state)
        #expect(try other.marker == 1001)
        #expect(try other.number(0x68, UInt64.self) == 9)
        #expect(try other.sequence == bench.sequence + 2)
        #expect(throws: DeviceStateError.self) { try Bench(generation: nil).clock.restore(state) }
        #expect(throws: DeviceStateError.self) { try other.clock.restore(try Bench(generation: nil).clock.save()) }
        #expect(try other.number(0x68, UInt64.self) == 9)
    }
}
