// Guests that want to hold up the end of their run: SIGTERM ends it all the same, within a second.

import Foundation
import Glibc
import Testing

/// A guest that makes a virtqueue full of the same huge request, says "!" on its UART and notifies the device.
private struct QueueStorm: CustomTestStringConvertible {
    var testDescription: String
    /// Of the device.
    var slot: UInt64
    var queue: UInt32
    var size: UInt32
    /// Flags of the descriptors in the middle, which mean 16 MiB each; of the last one, of one byte; and of the first
    /// one.
    var flags: (middle: UInt32, last: UInt32, first: UInt32)
    var firstByteCount: UInt32 = 16
    /// The first word of the first descriptor's bytes: a block device's request type.
    var word: UInt32 = 0
    /// Whether it does so again and again.
    var repeats = false

    private static let next: UInt32 = 1
    private static let write: UInt32 = 2

    static let all = [
        QueueStorm(
            testDescription: "256 reads of 4 GiB", slot: 0, queue: 0, size: 256, flags: (next | write, write, next)),
        QueueStorm(
            testDescription: "256 flushes", slot: 0, queue: 0, size: 256, flags: (next | write, write, next), word: 4),
        QueueStorm(
            testDescription: "consoles full of 2 GiB", slot: 30, queue: 1, size: 128, flags: (next, 0, next),
            repeats: true),
        QueueStorm(
            testDescription: "entropy without end", slot: 31, queue: 0, size: 64,
            flags: (next | write, write, next | write), firstByteCount: 16 << 20, repeats: true),
    ]

    /// The program, and behind it what it reads by `adr`. With the registers of virtio 1.2 §4.2.2 from x0 on, it resets
    /// the device, accepts VIRTIO_F_VERSION_1, lays the queue out at 0x4800_0000 with every entry of the available ring
    /// naming descriptor 0, and sets DRIVER_OK.
    var code: [UInt8] {
        let words: [UInt32] =
            [
                0x1000_0914, 0xF940_0280, 0xB940_0A81, 0xB940_0E93, 0xB900_701F, 0x5280_0022, 0xB900_7002,
                0x5280_0062, 0xB900_7002, 0x5280_0022, 0xB900_2402, 0xB900_2002, 0xB900_241F, 0xB900_201F,
                0x5280_0162, 0xB900_7002, 0xB900_3001, 0xB900_3813, 0xD2A9_0003, 0x9140_0864, 0x9140_0C65,
                0xB900_8003, 0xB900_841F, 0xB900_9004, 0xB900_941F, 0xB900_A005, 0xB900_A41F, 0x5280_0006,
                0xB940_1288, 0xD2A8_2009, 0x52A0_200A, 0x1100_04C7, 0xF900_0069, 0xB900_086A, 0x7900_1868,
                0x7900_1C67, 0x7900_089F, 0x9100_4063, 0x2A07_03E6, 0x6B13_00DF, 0x54FF_FEE3, 0xD100_4063,
                0xB940_1688, 0x7900_1868, 0x5280_0028, 0xB900_0868, 0xD2A9_0003, 0xB940_1A88, 0x7900_1868,
                0xB940_1E88, 0xB900_0868, 0xD2A9_4009, 0xF900_0069, 0xB940_2288, 0xB900_0128, 0x5280_0022,
                0xB900_4402, 0x5280_01E2, 0xB900_7002, 0xD2A1_200B, 0x5280_0422, 0xB900_0162, 0x5280_0142,
                0xB900_0162, 0x5280_000C, 0x0B13_018C, 0x7900_048C, 0xD503_3FBF, 0xB900_5001, 0xB940_2682,
                0x35FF_FF62, 0x1400_0000,
            ] + [
                UInt32(0x0A00_0000 + 0x200 * slot), 0, queue, size, flags.middle, flags.last, flags.first,
                firstByteCount, word, repeats ? 1 : 0,
            ]
        return words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }
}

extension EndToEnd.Running {
    @Suite("Guests that hold up the end")
    struct HostileGuestTests {
        /// What is promised of every guest, but for the disks' own flush: these disks have nothing to flush.
        private static let promise = Duration.seconds(1)
        /// Another program may take the CPU in one of them.
        private static let tries = 3
        private static let patience = Duration.seconds(60)

        /// Runs flat code with its console on a pipe that nobody reads, sends SIGTERM a second after the start, and
        /// returns how long the end took.
        private func terminate(_ code: [UInt8], console: String, _ scratch: Scratch) throws -> Duration {
            let kernel = scratch.file("guest.bin")
            let disk = try scratch.makeDisk(mebibytes: 8 << 10)
            try Data(code).write(to: kernel)
            let words = scratch.file("messages")
            _ = FileManager.default.createFile(atPath: words.path, contents: nil)
            let process = Process()
            let nobodyReads = Pipe()
            process.executableURL = Dormouse.executable
            process.arguments = ["run", "--kernel", kernel.path, "--disk", disk.path, "--console", console]
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = nobodyReads
            process.standardError = try FileHandle(forWritingTo: words)
            try process.run()
            defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
            sleep(1)
            let start = ContinuousClock.now
            process.terminate()
            while process.isRunning {
                try #require(ContinuousClock.now - start < Self.patience, "it does not end")
                usleep(1000)
            }
            let time = ContinuousClock.now - start
            #expect(process.terminationStatus == 143)
            let said = try String(contentsOf: words, encoding: .utf8)
            #expect(said.split(separator: "\n").first == "dormouse: stopped by SIGTERM")
            // Until now somebody could have read.
            try nobodyReads.fileHandleForReading.close()
            return time
        }

        private func expectPromptEnd(_ code: [UInt8], console: String, _ name: String) throws {
            let scratch = try Scratch(name)
            var times: [Duration] = []
            for _ in 0..<Self.tries {
                times.append(try terminate(code, console: console, scratch))
                if times.contains(where: { $0 < Self.promise }) { return }
            }
            Issue.record("ended after \(times)")
        }

        @Test(
            "A run ends within a second of SIGTERM, whatever its guest has asked its devices for",
            arguments: QueueStorm.all)
        private func storms(storm: QueueStorm) throws {
            try expectPromptEnd(storm.code, console: "virtio", "hostile-storm")
        }

        @Test("A run ends within a second of SIGTERM while its guest prints and nobody reads")
        func prints() throws {
            // mov x1, #0x09000000; loop: str w1, [x1]; b loop
            let words: [UInt32] = [0xD2A1_2001, 0xB900_0021, 0x17FF_FFFF]
            let code = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
            try expectPromptEnd(code, console: "pl011", "hostile-print")
        }
    }
}
