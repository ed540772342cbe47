// What is left of a machine that nobody has any more: a VM whose guest hibernates by a reset has another one each time.

import Foundation
import Glibc
import Hypervisor
import TestSupport
import Testing

@testable import Machine

@Suite("Machines that are gone")
struct GoneMachineTests {
    /// SYSTEM_OFF by HVC, and a loop.
    private static let powerOff: [UInt8] = [0x52B0_8000, 0x7280_0100, 0xD400_0002, 0x1400_0000].flatMap {
        (word: UInt32) in withUnsafeBytes(of: word.littleEndian) { Array($0) }
    }

    /// How often this process has a file open.
    private func openCount(_ path: String) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count { descriptor in
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")) == path
        }
    }

    @Test("Its CPUs go with it, and its disk is closed, whether it ran or not", arguments: [false, true])
    func gone(runs: Bool) throws {
        let disk = try TemporaryFile([UInt8](repeating: 0, count: 1 << 20))
        let kernel = try TemporaryFile(Self.powerOff)
        var configuration = MachineConfiguration(kernel: kernel.path)
        configuration.kernelFormat = .flat
        configuration.memoryByteCount = 64 << 20
        configuration.cpuCount = 2
        configuration.disks = [DiskConfiguration(path: disk.path)]
        weak var cpu: (any VirtualCPU)?
        do {
            let machine = try VirtualMachine(configuration, events: MachineEvents())
            cpu = machine.cpus[0]
            #expect(cpu != nil)
            #expect(try openCount(disk.path) > 0)
            if runs { #expect(try machine.run() == .poweredOff) }
            machine.close()
        }
        // A thread of its may be on its way out.
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        while try cpu != nil || openCount(disk.path) > 0, ContinuousClock.now < deadline { usleep(1000) }
        #expect(cpu == nil)
        #expect(try openCount(disk.path) == 0)
    }
}
