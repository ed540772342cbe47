import Bytes
import Devices
import Foundation
import HostSupport
import Hypervisor
import Synchronization
import TestSupport
import Testing

@testable import Machine

@Suite("What happens to a machine from outside")
struct MachineEventsTests {
    private func machine(_ firmware: HardwareDescription, generationID: [UInt8]? = nil) throws -> VirtualMachine {
        var configuration = MachineConfiguration(kernel: "Image")
        configuration.memoryByteCount = 64 << 20
        configuration.hardwareDescription = firmware
        configuration.generationID = generationID
        return try VirtualMachine(configuration, events: MachineEvents())
    }

    @Test("That a boot is about to begin is told when all of it is loaded, before the guest runs, and else not at all")
    func loaded() throws {
        let told = Mutex<[String]>([])
        var events = MachineEvents()
        events.loaded = { told.withLock { $0.append("loaded") } }
        events.firmwareCall = { _ in told.withLock { $0.append("called") } }
        var configuration = MachineConfiguration(kernel: "/nowhere/kernel.bin")
        configuration.memoryByteCount = 64 << 20
        #expect(throws: MachineError.self) { try VirtualMachine(configuration, events: events).run() }
        #expect(told.withLock(\.self) == [])
        // SYSTEM_OFF.
        let code: [UInt32] = [0x52B0_8000, 0x7280_0100, 0xD400_0002, 0x1400_0000]
        let file = try TemporaryFile(code.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) })
        configuration.kernel = file.path
        configuration.kernelFormat = .flat
        let machine = try VirtualMachine(configuration, events: events)
        for _ in 0..<2 { #expect(try machine.run() == .poweredOff) }
        #expect(told.withLock(\.self) == ["loaded", "called", "loaded", "called"])
    }

    @Test("A button is pressed with ACPI; with a device tree there is none")
    func buttons() throws {
        let machine = try machine(.acpi)
        #expect(machine.press(.sleep))
        #expect(machine.press(.power))
        #expect(machine.eventDevice?.read(offset: 0, size: 4, cpu: 0) == 3)
        let other = try self.machine(.deviceTree)
        #expect(!other.press(.power))
        #expect(other.eventDevice == nil)
    }

    @Test(
        "Another generation id is in the guest's memory at once, and is announced",
        arguments: HardwareDescription.allCases)
    func generationID(firmware: HardwareDescription) throws {
        let machine = try machine(firmware, generationID: Array(0..<16))
        let id = Array(UInt8(16)..<32)
        #expect(machine.changeGenerationID(to: id))
        let pointer = try #require(machine.memory.pointer(at: 0x43FF_1000, count: 16))
        #expect(Array(UnsafeRawBufferPointer(start: pointer, count: 16)) == id)
        #expect(machine.eventDevice?.read(offset: 0, size: 4, cpu: 0) == (firmware == .acpi ? 4 : nil))
        #expect(!machine.changeGenerationID(to: [1]))
        #expect(!(try self.machine(firmware).changeGenerationID(to: id)))
    }

    @Test(
        "The page of a vmclock has the generation, and says that the counter is another one after it stood still",
        arguments: HardwareDescription.allCases)
    func clockPage(firmware: HardwareDescription) throws {
        var configuration = MachineConfiguration(kernel: "Image", model: .virt2)
        configuration.memoryByteCount = 64 << 20
        configuration.hardwareDescription = firmware
        configuration.generationID = Array(0..<16)
        let machine = try VirtualMachine(configuration, events: MachineEvents())
        for component in machine.components { component.reset() }
        let page = try #require(machine.memory.roms.first { $0.range.lowerBound == 0x090E_0000 })
        func number(_ offset: UInt64) -> UInt64 {
            page.read(offset: offset, count: 8).map { UInt64(littleEndianBytes: $0[...]) } ?? 0
        }
        #expect(number(0x68) == 0x0706_0504_0302_0100)
        let marker = number(0x10)
        #expect(machine.changeGenerationID(to: Array(UInt8(16)..<32)))
        #expect(number(0x68) == 0x1716_1514_1312_1110)
        #expect(number(0x10) == marker + 1)
        // The id and the page.
        #expect(machine.eventDevice?.read(offset: 0, size: 4, cpu: 0) == (firmware == .acpi ? 12 : nil))

        machine.pause(clock: .goesOn)
        machine.resume()
        #expect(number(0x10) == marker + 1)
        machine.pause(clock: .standsStill)
        machine.resume()
        #expect(number(0x10) == marker + 2)
        #expect(machine.eventDevice?.read(offset: 0, size: 4, cpu: 0) == (firmware == .acpi ? 8 : nil))
    }

    @Test("With the instruction clock, the time in the page of a vmclock is that of the clock")
    func deterministicClockPage() throws {
        var configuration = MachineConfiguration(kernel: "Image", model: .virt2)
        configuration.memoryByteCount = 64 << 20
        configuration.clock = .instructions
        configuration.initialCounter = 5_000_000_000
        func page() throws -> [UInt8]? {
            let machine = try VirtualMachine(configuration, events: MachineEvents())
            for component in machine.components { component.reset() }
            return machine.memory.roms.first { $0.range.lowerBound == 0x090E_0000 }?.read(offset: 0, count: 112)
        }
        let bytes = try #require(try page())
        // 2026-01-01, 5 s later, in TAI.
        let seconds = UInt64(littleEndianBytes: bytes[0x48..<0x50])
        #expect(seconds == 1_767_225_605 + 37)
        #expect(try page() == bytes)
    }

    @Test("A generation id of another length is refused")
    func wrongLength() {
        #expect(throws: MachineError.self) { try machine(.acpi, generationID: [1, 2, 3]) }
    }

    @Test("The counter of a machine without a record goes on from one process to the next as time does")
    func counter() throws {
        let first = MachineConfiguration.counterOfToday
        let ahead = MachineConfiguration.counterOfToday &- first
        // Microseconds, unless somebody sets the host's clock meanwhile.
        #expect(ahead < 1_000_000_000)
        // 2026-01-01 is over; the 61 bits that Linux uses last until 2099.
        #expect(first > 0 && first < 1 << 61)
        let clock = HostClock(counter: first)
        #expect(clock.counter >= first)
        let wait = clock.hostTime(ofCounter: clock.counter + 5_000_000_000) &- BootClock.now
        #expect(wait > 4_000_000_000 && wait <= 5_000_000_000)
    }

    @Test("A counter with a record has gone on since that, up to the moment in which the machine is made")
    func recordedCounter() throws {
        var configuration = MachineConfiguration(kernel: "/kernel")
        configuration.initialCounter = 5_000_000_000
        #expect(configuration.counter(at: 1000) == 5_000_000_000)
        configuration.initialCounterTime = 750
        #expect(configuration.counter(at: 1000) == 5_000_000_250)
        // A host clock that was set back, and a counter that would wrap.
        #expect(configuration.counter(at: 0) == 5_000_000_000)
        configuration.initialCounter = .max - 1
        #expect(configuration.counter(at: 1000) == UInt64.max - 1)
        configuration.initialCounter = 7
        configuration.clock = .instructions
        #expect(configuration.counter(at: 1000) == 7)

        // However long it takes to get there, nothing of it is lost.
        let slept: UInt64 = 3_600_000_000_000
        var made = MachineConfiguration(kernel: "Image")
        made.memoryByteCount = 64 << 20
        made.initialCounterTime = WallClock.now - slept
        let before = WallClock.now
        Thread.sleep(forTimeInterval: 0.05)
        let machine = try VirtualMachine(made, events: MachineEvents())
        let late = machine.initialCounter - slept
        #expect(late >= 50_000_000 && late <= WallClock.now - before + 1_000_000_000)
    }
}

@Suite("Firmware on the command line")
struct FirmwareArgumentTests {
    @Test("A generation id is 32 hexadecimal digits, with or without hyphens")
    func generationID() {
        let bytes = (0..<16).map { UInt8($0 * 0x11) }
        let text = "00112233445566778899aabbccddeeff"
        #expect(GenerationID.bytes(of: text) == bytes)
        #expect(GenerationID.bytes(of: "00112233-4455-6677-8899-AABBCCDDEEFF") == bytes)
        #expect(GenerationID.text(of: bytes) == text)
        for wrong in ["", "-", String(text.dropLast()), text + "0", text.dropLast() + "g", text.dropLast() + "é"]
            as [String]
        {
            #expect(GenerationID.bytes(of: wrong) == nil, "\(wrong)")
        }
    }

    @Test("Kinds of firmware have the names of the manual")
    func kinds() {
        #expect(HardwareDescription.allCases.map(\.rawValue) == ["dt", "acpi"])
        #expect(HardwareDescription(rawValue: "acpi") == .acpi)
        #expect(HardwareDescription(rawValue: "uefi") == nil)
    }
}
