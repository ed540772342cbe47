// Memory in more than one region, and windows of devices that move: what programs on the bare CPU find.

import Hypervisor
import Synchronization
import Testing

@testable import Emulator

@Suite("Memory map", .serialized, .everyEngine)
struct MemoryMapTests {
    private typealias Layout = SystemMachine.Layout

    private static let second: PhysicalAddress = 0x1_0000_0000
    private static let window: UInt64 = 0x5555_0000_0000

    /// RAM at `Layout.ram` and at `second`, with a hole between, the larger region first or last.
    private func machine(isLargeFirst: Bool, cpuCount: Int = 1) throws -> SystemMachine {
        try SystemMachine(
            cpuCount: cpuCount, ramByteCount: isLargeFirst ? 64 << 20 : 16 << 20,
            otherRAM: [Self.second..<Self.second + (isLargeFirst ? 16 << 20 : 64 << 20)])
    }

    @Test("Loads and stores find both regions of RAM, and in the hole nobody", arguments: [true, false])
    func hole(isLargeFirst: Bool) throws {
        let machine = try machine(isLargeFirst: isLargeFirst)
        // The tables are in the second region too.
        let tables = machine.makeTables(at: Self.second + 0x10_0000)
        let regionEnd = isLargeFirst ? Layout.ram + 64 << 20 : Layout.ram + 16 << 20
        for (page, physical) in [
            Self.second, regionEnd - 0x1000, regionEnd, Self.second - 0x1000, Layout.data,
        ].enumerated() {
            tables.map(Self.window + UInt64(page) << 12, to: physical, .data)
        }
        try machine.enableMMU(tables)
        machine.memory.store(UInt64(0x1111), at: Self.second + 8)
        machine.memory.store(UInt64(0x2222), at: regionEnd - 8)
        let stop = try machine.run(
            [
                .ldr(.x2, .x1, 8), .str(.x3, .x1, 16), .ldr(.x4, .x1, 16), .ldr(.x5, .x6, 0xFF8), .str(.x3, .x6, 0),
                .ldadd(.x2, .x8, .x1), .ldr(.x9, .x1), .hvc(1),
            ], [.x1: Self.window, .x3: 0x3333, .x6: Self.window + 0x1000])
        #expect(stop == .call(1))
        #expect([2, 4, 5, 8, 9].map { machine.x($0) } == [0x1111, 0x3333, 0x2222, 0, 0x1111])
        #expect(machine.word(at: Self.second + 16) == 0x3333)
        #expect(machine.word(at: regionEnd - 0x1000) == 0x3333)
        for page: UInt64 in [2, 3] {
            for access in [A64.ldr(.x2, .x1), .str(.x2, .x1)] {
                let taken = try #require(
                    try machine.run([access, .hvc(1)], [.x1: Self.window + page << 12]).exception)
                #expect(taken.esr & ~FaultCode.write == esr(ExceptionClass.dataAbort, FaultCode.externalAbort))
                #expect(taken.far == Self.window + page << 12)
            }
        }
        // An access that goes from the one region's last page to the other's first.
        tables.map(Self.window + 0x8000, to: regionEnd - 0x1000, .data)
        tables.map(Self.window + 0x9000, to: Self.second, .data)
        machine.memory.store(UInt64(0x8877_6655_4433_2211), at: regionEnd - 8)
        machine.memory.store(UInt64(0xFFEE_DDCC_BBAA_9988), at: Self.second)
        #expect(try machine.run([.ldr(.x2, .x1), .str(.x3, .x1), .hvc(1)], [.x1: Self.window + 0x8FFC]) == .call(1))
        #expect(machine.x(2) == 0xBBAA_9988_8877_6655)
        #expect(machine.word(at: Self.second) == 0xFFEE_DDCC_0000_0000)
    }

    @Test("Code runs in the second region, from one page to the next, and not in the hole", arguments: [true, false])
    func code(isLargeFirst: Bool) throws {
        let machine = try machine(isLargeFirst: isLargeFirst)
        machine.load([.movz(.x1, 1), .add(.x1, .x1, 2)], at: Self.second + 0xFF8)
        machine.load([.add(.x1, .x1, 4), .sub(.x5, .x5, 1), .cbnz(.x5, -2), .hvc(1)], at: Self.second + 0x1000)
        for _ in 0..<3 {
            #expect(try machine.run(at: Self.second + 0xFF8, [.x5: 5000]) == .call(1))
            #expect(machine.x(1) == 3 + 4 * 5000)
        }
        let taken = try #require(try machine.run(at: Self.second - 0x1000).exception)
        #expect(taken.esr == esr(ExceptionClass.instructionAbort, FaultCode.externalAbort))
        #expect(taken.elr == Self.second - 0x1000)
    }

    @Test("Code in the second region that a CPU or a device changes is what was written", arguments: [true, false])
    func changedCode(isLargeFirst: Bool) throws {
        let machine = try machine(isLargeFirst: isLargeFirst)
        let function = Self.second + 0x2000
        // In the page of the code that changes it, and in another.
        for caller in [Self.second + 0x2100, Self.second + 0x8000, Layout.code] {
            machine.load([.movz(.x7, 1), .ret], at: function)
            machine.load(
                [.blr(.x1), .mov(.x2, .x7), .strw(.x3, .x1), .dsb, .isb, .blr(.x1), .mov(.x4, .x7), .hvc(1)],
                at: caller)
            #expect(try machine.run(at: caller, [.x1: function, .x3: UInt64(A64.movz(.x7, 2).word)]) == .call(1))
            #expect([2, 4].map { machine.x($0) } == [1, 2])
            machine.memory.store(A64.movz(.x7, 3).word, at: function)
            #expect(
                try machine.run(at: caller, [.x1: function, .x3: UInt64(A64.movz(.x7, 4).word)]) == .call(1))
            #expect([2, 4].map { machine.x($0) } == [3, 4])
        }
    }

    @Test("Pages of the two regions that lie alike are different ones", arguments: [true, false])
    func likePages(isLargeFirst: Bool) throws {
        let machine = try machine(isLargeFirst: isLargeFirst)
        let places = [Layout.free, Self.second + (Layout.free - Layout.ram), Self.second + 0x10_0000 + 0x1_0000]
        for (number, place) in places.enumerated() { machine.load([.movz(.x1, number), .hvc(1)], at: place) }
        for (number, place) in places.enumerated() {
            #expect(try machine.run(at: place) == .call(1))
            #expect(machine.x(1) == UInt64(number))
        }
        machine.load([.movz(.x1, 9), .hvc(1)], at: places[1])
        for (place, value) in zip(places, [0, 9, 2] as [UInt64]) {
            #expect(try machine.run(at: place) == .call(1))
            #expect(machine.x(1) == value)
        }
    }

    @Test("Emptied RAM holds no code of before, in any region")
    func emptied() throws {
        let machine = try machine(isLargeFirst: true)
        for place in [Layout.free, Self.second] {
            machine.load([.movz(.x1, 7), .hvc(1)], at: place)
            #expect(try machine.run(at: place) == .call(1))
        }
        let mode = BlockMode(isEL0: false, stackIsMisaligned: false)
        #expect(machine.vm.codeCache.find(Layout.free, mode: mode) != nil)
        #expect(machine.vm.codeCache.find(Self.second, mode: mode) != nil)
        machine.memory.empty()
        #expect(machine.vm.codeCache.find(Layout.free, mode: mode) == nil)
        #expect(machine.vm.codeCache.find(Self.second, mode: mode) == nil)
    }

    // MARK: Windows that move

    /// Answers loads with a number, and moves a window when it is written to: as a device's BAR.
    private final class MovingDevice: MMIODevice {
        struct State {
            var bus: PhysicalBus?
            var window: Range<PhysicalAddress>
            var errors: [PhysicalBusError] = []
        }
        let state: Mutex<State>

        init(at window: Range<PhysicalAddress>) { state = Mutex(State(window: window)) }

        func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 { 0x5A_0000 | offset }

        func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {
            state.withLock { state in
                let count = state.window.upperBound - state.window.lowerBound
                do throws(PhysicalBusError) {
                    try state.bus?.move(state.window, to: value)
                    state.window = value..<value + count
                } catch { state.errors.append(error) }
            }
        }

        /// Its configuration space, so to say, which stays.
        final class Registers: MMIODevice {
            let device: MovingDevice
            init(_ device: MovingDevice) { self.device = device }
            func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 { 0 }
            func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {
                device.write(offset: offset, size: size, value: value, cpu: cpu)
            }
        }
    }

    private func movingMachine(cpuCount: Int = 1) throws -> (SystemMachine, MovingDevice) {
        let window = Layout.device + 0x10_0000..<Layout.device + 0x10_1000
        let device = MovingDevice(at: window)
        let machine = try SystemMachine(
            cpuCount: cpuCount,
            devices: [
                .init(range: window, device: device),
                .init(range: Layout.device..<Layout.device + 0x1000, device: MovingDevice.Registers(device)),
            ])
        device.state.withLock { $0.bus = machine.bus }
        return (machine, device)
    }

    @Test("After a window has moved, its old place is nobody's and its new one answers, from the next instruction on")
    func movingWindow() throws {
        let (machine, device) = try movingMachine()
        let old = Layout.device + 0x10_0000
        let new = Layout.device + 0x20_0000
        let tables = machine.makeTables()
        for (page, physical) in [old, new, Layout.device].enumerated() {
            // Once as a device and once as normal memory, as which it might be cached.
            tables.map(Self.window + UInt64(page) << 12, to: physical, [.data, .device])
            tables.map(Self.window + 0x1_0000 + UInt64(page) << 12, to: physical, .data)
        }
        try machine.enableMMU(tables)
        for window in [Self.window, Self.window + 0x1_0000] {
            let there: [Register: UInt64] = [.x1: window + 8, .x3: window + 0x1008, .x5: window + 0x2000, .x6: new]
            let stop = try machine.run(
                [.ldr(.x2, .x1), .str(.x6, .x5), .ldr(.x4, .x3), .ldr(.x7, .x1), .hvc(1)], there)
            let taken = try #require(stop.exception)
            #expect(taken.esr == esr(ExceptionClass.dataAbort, FaultCode.externalAbort))
            #expect(taken.elr == Layout.code + 3 * 4)
            #expect(taken.far == window + 8)
            #expect([2, 4].map { machine.x($0) } == [0x5A_0008, 0x5A_0008])
            // And back, and half a window away, which the guest may also ask for.
            let back: [Register: UInt64] = [.x1: window + 0x808, .x5: window + 0x2000, .x6: old + 0x800, .x7: old]
            #expect(
                try machine.run([.str(.x6, .x5), .ldr(.x2, .x1), .str(.x7, .x5), .ldr(.x3, .x1), .hvc(1)], back)
                    == .call(1))
            #expect([2, 3].map { machine.x($0) } == [0x5A_0008, 0x5A_0808])
        }
        // Where it cannot be it does not go.
        for place: UInt64 in [Layout.ram, Layout.data, Layout.device - 0x800, .max - 0xFFF, 1 << 48] {
            #expect(
                try machine.run(
                    [.str(.x6, .x5), .ldr(.x2, .x1), .hvc(1)],
                    [.x1: Self.window + 8, .x5: Self.window + 0x2000, .x6: place]) == .call(1))
            #expect(machine.x(2) == 0x5A_0008)
        }
        #expect(device.state.withLock(\.errors).count == 5)
    }

    @Test("Other CPUs find a window where it was moved to before they were told so")
    func movingWindowOnOtherCPUs() throws {
        let (machine, _) = try movingMachine(cpuCount: 3)
        let data = Layout.data
        let rounds: UInt64 = 300
        let old = Layout.device + 0x10_0000
        // CPU 0: x1 the register, x2 the place, x3 the step, x4 the round, x5 the rounds, x6 where it tells of them, x7
        // and x8 where the others answer.
        machine.load(
            [
                .add(.x2, .x2, .x3), .add(.x4, .x4, 1), .str(.x2, .x1), .stlr(.x2, .x6),
                .yield, .ldar(.x9, .x7), .cmp(.x9, .x2), .b(.ne, -3),
                .yield, .ldar(.x9, .x8), .cmp(.x9, .x2), .b(.ne, -3),
                .cmp(.x4, .x5), .b(.ne, -13), .hvc(1),
            ], at: Layout.code)
        // The others: x2 the last place, x6 where they are told, x7 where they answer, x10 what they must find, x11
        // errors.
        machine.load(
            [
                .yield, .ldar(.x9, .x6), .cmp(.x9, .x2), .b(.eq, -3), .mov(.x2, .x9),
                .ldr(.x12, .x9), .cmp(.x12, .x10), .b(.eq, 2), .add(.x11, .x11, 1),
                .add(.x4, .x4, 1), .stlr(.x2, .x7), .cmp(.x4, .x5), .b(.ne, -12), .hvc(1),
            ], at: Layout.code + 0x1000)
        for cpu in 0..<3 {
            let registers: [Int: UInt64] =
                cpu == 0
                ? [
                    1: Layout.device, 2: old, 3: 0x1000, 4: 0, 5: rounds, 6: data, 7: data + 0x100, 8: data + 0x200,
                ] : [2: 0, 4: 0, 5: rounds, 6: data, 7: data + UInt64(cpu) * 0x100, 10: 0x5A_0000, 11: 0]
            try machine.prepare(
                cpu, at: cpu == 0 ? Layout.code : Layout.code + 0x1000, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
            for (register, value) in registers { machine.vm.cpus[cpu].setRegister(register, value) }
        }
        #expect(try machine.runConcurrently() == [.call(1), .call(1), .call(1)])
        #expect([1, 2].map { machine.x(11, on: $0) } == [0, 0])
        // Where it was, nobody is, for none of them.
        for cpu in 0..<3 {
            let stop = try machine.run(cpu, at: Layout.code + 0x1000 + 5 * 4, [.x9: old])
            #expect(stop.exception?.esr == esr(ExceptionClass.dataAbort, FaultCode.externalAbort))
        }
    }
}
