// Another generation id, in a guest that runs: Linux says on its console that it was told.

import Emulator
import FoundationEssentials
import HostSupport
import Synchronization
import TestSupport
import Testing

@testable import Machine

/// The guest that scripts/fetch-guests and scripts/make-initramfs make, where scripts/test says that it is.
private enum Guest {
    static let directory = ProcessInfo.processInfo.environment["DORMOUSE_GUESTS"].map { $0 + "/linux-system-off2" }

    /// An unoptimised software CPU is too slow to boot Linux on.
    static let canBeRun: Bool = {
        #if DEBUG
        false
        #else
        directory.map { FileManager.default.isReadableFile(atPath: $0 + "/initramfs.cpio") } ?? false
        #endif
    }()
}

/// What a guest wrote.
private final class Console: Sendable {
    private let bytes = Mutex<[UInt8]>([])

    func append(_ new: [UInt8]) { bytes.withLock { $0 += new } }

    /// Waits for `text`, ten minutes at most.
    func waits(for text: String) async throws -> Bool {
        for _ in 0..<6000 {
            if String(decoding: bytes.withLock(\.self), as: UTF8.self).contains(text) { return true }
            try await Task.sleep(for: .milliseconds(100))
        }
        return false
    }
}

@Suite("Another generation id", .needs(Guest.canBeRun, "set DORMOUSE_GUESTS, and test with -c release"))
struct GenerationIDChangeTests {
    @Test("Linux renews its random numbers when it is told of another id", arguments: HardwareDescription.allCases)
    func change(firmware: HardwareDescription) async throws {
        let directory = try #require(Guest.directory)
        var configuration = MachineConfiguration(kernel: directory + "/vmlinuz")
        configuration.initrd = directory + "/initramfs.cpio"
        configuration.commandLine = "console=ttyAMA0 dormouse.test=idle"
        configuration.hardwareDescription = firmware
        configuration.generationID = Array(0..<16)
        let console = Console()
        let machine = try VirtualMachine(configuration, events: MachineEvents(consoleOutput: { console.append($0) }))
        let thread = try HostThread { _ = try? machine.run() }
        let isUp = try await console.waits(for: "dormouse: idle")
        #expect(machine.changeGenerationID(to: Array(16..<32)))
        let isTold = isUp ? try await console.waits(for: "crng reseeded due to virtual machine fork") : false
        machine.stop(because: .console)
        thread.join()
        #expect(isUp)
        #expect(isTold)
    }

    /// Types as fast as the guest reads.
    private func type(_ text: String, at machine: VirtualMachine) async throws {
        var rest = Array(text.utf8)
        while !rest.isEmpty {
            rest.removeFirst(machine.sendConsoleInput(rest))
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    @Test(
        "Linux knows the time by a vmclock, and reads there that it is another generation",
        arguments: HardwareDescription.allCases)
    func clockPage(firmware: HardwareDescription) async throws {
        let directory = try #require(Guest.directory)
        var configuration = MachineConfiguration(kernel: directory + "/vmlinuz", model: .virt2)
        configuration.initrd = directory + "/initramfs.cpio"
        configuration.commandLine = "console=ttyAMA0 dormouse.test=shell"
        configuration.hardwareDescription = firmware
        configuration.generationID = Array(0..<16)
        let console = Console()
        let machine = try VirtualMachine(configuration, events: MachineEvents(consoleOutput: { console.append($0) }))
        let thread = try HostThread { _ = try? machine.run() }
        defer {
            machine.stop(because: .console)
            thread.join()
        }
        try #require(try await console.waits(for: "dormouse: shell"))
        // The field at 0x68, and how often the interrupt came, which with ACPI is another device's.
        let command =
            "echo clock $(cat /sys/class/ptp/ptp*/clock_name) $(dd if=/dev/vmclock0 bs=8 skip=13 count=1 "
            + "2>/dev/null | hexdump -v -e '8/1 \"%02x\"') $(awk '/vmclock/ { print $2 }' /proc/interrupts).\n"
        try await type(command, at: machine)
        let count = firmware == .acpi ? [" .", " ."] : [" 0.", " 1."]
        #expect(try await console.waits(for: "clock vmclock0 0001020304050607" + count[0]))
        #expect(machine.changeGenerationID(to: Array(16..<32)))
        try await type(command, at: machine)
        #expect(try await console.waits(for: "clock vmclock0 1011121314151617" + count[1]))
    }
}
