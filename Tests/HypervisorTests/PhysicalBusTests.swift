// Windows of devices: where they may be, and what a lookup finds while they move.

import Foundation
import Hypervisor
import Synchronization
import Testing

@Suite("Physical bus")
struct PhysicalBusTests {
    private final class Device: MMIODevice {
        func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 { 0 }
        func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {}
    }

    private let first = Device()
    private let second = Device()

    private func bus(memory: GuestMemory? = nil) -> PhysicalBus {
        PhysicalBus(
            regions: [.init(range: 0x5000..<0x6000, device: second), .init(range: 0x1000..<0x1200, device: first)],
            memory: memory)
    }

    /// Whose window an access comes to.
    private func device(_ bus: PhysicalBus, _ address: PhysicalAddress, _ size: Int = 4) -> Device? {
        var view = bus.view()
        return view.region(at: address, size: size)?.device as? Device
    }

    private func refusal(_ change: () throws(PhysicalBusError) -> Void) -> PhysicalBusError? {
        do throws(PhysicalBusError) {
            try change()
            return nil
        } catch { return error }
    }

    @Test("An access belongs to the window that has all of it")
    func lookup() {
        let bus = bus()
        #expect(device(bus, 0x1000) === first && device(bus, 0x11FC) === first)
        #expect(device(bus, 0x5000) === second && device(bus, 0x5FFF, 1) === second)
        for address: PhysicalAddress in [0, 0xFFC, 0xFFE, 0x11FE, 0x1200, 0x4FFE, 0x5FFE, 0x6000, .max - 3, .max] {
            #expect(device(bus, address) == nil)
        }
    }

    @Test("A view that was made before a change finds the new map")
    func changes() throws {
        let bus = bus()
        var view = bus.view()
        #expect(view.region(at: 0x5000, size: 4)?.device === second)
        try bus.move(0x5000..<0x6000, to: 0x0)
        #expect(view.region(at: 0x5000, size: 4) == nil)
        #expect(view.region(at: 0x0, size: 4)?.device === second)
        #expect(view.region(at: 0x0, size: 4)?.range == 0x0..<0x1000)
        #expect(view.region(at: 0x1000, size: 4)?.device === first)
        try bus.unmap(0x1000..<0x1200)
        #expect(view.region(at: 0x1000, size: 4) == nil)
        try bus.map(.init(range: 0x1000..<0x1008, device: second))
        #expect(view.region(at: 0x1004, size: 4)?.device === second)
        #expect(bus.regions.map(\.range) == [0x0..<0x1000, 0x1000..<0x1008])
    }

    @Test("A window cannot be where memory or another window is, and stays then where it was")
    func conflicts() throws {
        let memory = try GuestMemory(ram: [0x1_0000..<0x2_0000], rom: [0x4_0000..<0x5_0000, 0x6_0000..<0x7_0000])
        let bus = bus(memory: memory)
        for (base, occupied): (UInt64, Range<UInt64>) in [
            (0x200, 0x1000..<0x1200), (0x11FF, 0x1000..<0x1200), (0xF001, 0x1_0000..<0x2_0000),
            (0x1_FFFF, 0x1_0000..<0x2_0000), (0x1_8000, 0x1_0000..<0x2_0000), (0x4_0000, 0x4_0000..<0x5_0000),
            (0x6_FFFF, 0x6_0000..<0x7_0000),
        ] {
            #expect(
                refusal { () throws(PhysicalBusError) in try bus.move(0x5000..<0x6000, to: base) }
                    == .occupied(by: occupied))
            #expect(
                refusal { () throws(PhysicalBusError) in
                    try bus.map(.init(range: base..<base + 0x1000, device: first))
                } == .occupied(by: occupied))
        }
        #expect(bus.regions.map(\.range) == [0x1000..<0x1200, 0x5000..<0x6000])
        #expect(device(bus, 0x5000) === second)
        // Half onto itself is no conflict; neither is what stands behind a ROM.
        try bus.move(0x5000..<0x6000, to: 0x5800)
        #expect(device(bus, 0x67FC) === second && device(bus, 0x57FC) == nil)
        try bus.map(.init(range: 0x4_0000..<0x5_0000, device: first))
        #expect(device(bus, 0x4_8000) === first)
    }

    @Test("What a guest may ask for and cannot be is an error, and no trap")
    func unusable() {
        let bus = bus()
        for base: PhysicalAddress in [.max, .max - 0xFFF, .max - 0x1000, 1 << 48, 1 << 48 - 0xFFF, 1 << 63] {
            #expect(refusal { () throws(PhysicalBusError) in try bus.move(0x5000..<0x6000, to: base) } == .unusable)
        }
        #expect(
            refusal { () throws(PhysicalBusError) in try bus.map(.init(range: 0x9000..<0x9000, device: first)) }
                == .unusable)
        #expect(refusal { () throws(PhysicalBusError) in try bus.unmap(0x5000..<0x5FFF) } == .noWindow)
        #expect(refusal { () throws(PhysicalBusError) in try bus.move(0x1000..<0x6000, to: 0) } == .noWindow)
        #expect(
            refusal { () throws(PhysicalBusError) in try bus.move(0x5000..<0x6000, to: 1 << 48 - 0x1000) } == nil)
        #expect(device(bus, 1 << 48 - 4) === second)
    }

    private final class Looker: Sendable {
        /// Instead of a round.
        static let isMoving = UInt64.max
        let isDone = Atomic(false)
        let wrong = Atomic(0)
        let round: Atomic<UInt64>
        let ended = DispatchSemaphore(value: 0)

        init(round: UInt64) { self.round = Atomic(round) }
    }

    @Test(
        "While a window moves, lookups on other threads find it at one of its places, whole, and later ones at the last"
    )
    func concurrentMoves() throws {
        let bus = bus()
        let state = Looker(round: Looker.isMoving)
        let second = ObjectIdentifier(second)
        let lookers = 2
        for _ in 0..<lookers {
            Thread.detachNewThread {
                var view = bus.view()
                while !state.isDone.load(ordering: .acquiring) {
                    let before = state.round.load(ordering: .sequentiallyConsistent)
                    guard before != Looker.isMoving else { continue }
                    let place = PhysicalAddress(0x10_0000) + before << 12
                    let found = view.region(at: place, size: 4)
                    let after = state.round.load(ordering: .sequentiallyConsistent)
                    // It is there if it did not begin to move meanwhile.
                    let isRight =
                        found == nil
                        ? after != before
                        : found?.range == place..<place + 0x1000 && found.map { ObjectIdentifier($0.device) } == second
                    if !isRight { state.wrong.wrappingAdd(1, ordering: .relaxed) }
                }
                state.ended.signal()
            }
        }
        try bus.move(0x5000..<0x6000, to: 0x10_0000)
        state.round.store(0, ordering: .sequentiallyConsistent)
        for round: UInt64 in 1...3000 {
            let last = PhysicalAddress(0x10_0000) + (round - 1) << 12
            state.round.store(Looker.isMoving, ordering: .sequentiallyConsistent)
            try bus.move(last..<last + 0x1000, to: last + 0x1000)
            state.round.store(round, ordering: .sequentiallyConsistent)
        }
        state.isDone.store(true, ordering: .releasing)
        for _ in 0..<lookers { state.ended.wait() }
        #expect(state.wrong.load(ordering: .relaxed) == 0)
    }

    @Test("What a window has before and after a move is never nobody's meanwhile")
    func movesAtOnce() throws {
        let bus = bus()
        let state = Looker(round: 0)
        Thread.detachNewThread {
            var view = bus.view()
            var last: PhysicalAddress?
            while !state.isDone.load(ordering: .acquiring) {
                let place = view.region(at: 0x5C00, size: 4)?.range.lowerBound
                if place == nil { state.wrong.wrappingAdd(1, ordering: .relaxed) }
                if place != last { state.round.wrappingAdd(1, ordering: .sequentiallyConsistent) }
                last = place
            }
            state.ended.signal()
        }
        // Until it has seen the window move so often: on a busy host the two may hardly ever run at once.
        while state.round.load(ordering: .sequentiallyConsistent) < 100 {
            try bus.move(0x5000..<0x6000, to: 0x5800)
            try bus.move(0x5800..<0x6800, to: 0x5000)
        }
        state.isDone.store(true, ordering: .releasing)
        state.ended.wait()
        #expect(state.wrong.load(ordering: .relaxed) == 0)
    }
}
