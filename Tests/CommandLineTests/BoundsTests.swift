// What a guest can make grow has a bound: seen from the outside, as the most memory that a run ever had.

import FoundationEssentials
import Glibc
import Machine
import Synchronization
import TestSupport
import Testing

@Suite("Bounds")
struct BoundsTests {
    /// The most that a run of flat code had resident, in bytes. The code ends in SYSTEM_OFF, which is added.
    private func peak(_ words: [UInt32], _ arguments: String...) async throws -> UInt64 {
        let systemOff: [UInt32] = [0x52B0_8000, 0x7280_0100, 0xD400_0002, 0x1400_0000]
        let directory = try TemporaryDirectory()
        let kernel = try directory.file(
            "guest.bin", (words + systemOff).flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) })
        let path = "\(directory.path)/report.json"
        let result = try await Command.run(["run", "--kernel", kernel, "--memory", "64", "--report", path] + arguments)
        #expect(result.errorLines == ["dormouse: powered off"])
        let report = try #require(FileManager.default.contents(atPath: path))
        return try JSONDecoder().decode(RunReport.self, from: report).memory.peakBytes
    }

    @Test(
        "Broadcast TLBIs take no memory of the host's, however many are for a CPU that is off",
        arguments: ["interpreter", "auto"])
    func broadcasts(engine: String) async throws {
        /// Broadcasts a TLBI of as many pages as `count` (a MOVZ of x1) says.
        func broadcasting(_ count: UInt32) -> [UInt32] {
            [
                count, 0xD280_0002,
                0xD508_8322,  // TLBI VAE1IS, X2
                0x9100_0442, 0xF100_0421, 0x54FF_FFA1,  // ADD X2, X2, #1; SUBS X1, X1, #1; B.NE
            ]
        }
        let few = try await peak(broadcasting(0xD280_0021), "--cpus", "2", "--engine", engine)
        // 2^21 of them.
        let many = try await peak(broadcasting(0xD2A0_0401), "--cpus", "2", "--engine", engine)
        #expect(many < few + (16 << 20))
    }
}

/// What the process of a kept VM takes: its own part, with all that it has mapped and shares with others.
@Suite("What a VM takes of its host", .needs(Guest.areBuilt, Guest.missing))
struct ProcessMemoryTests {
    /// In MiB, over the guest's RAM.
    private static let limit = 60
    private static let ram = 64

    /// MiB of a process that are in the host's memory: "Rss" of proc(5), /proc/PID/smaps_rollup, in KiB.
    private static func resident(_ process: pid_t) throws -> Int {
        let text = String(
            decoding: try #require(FileManager.default.contents(atPath: "/proc/\(process)/smaps_rollup")), as: UTF8.self
        )
        return try #require(text.firstMatch(of: /\nRss: +(\d+) kB/).flatMap { Int($0.1) }, "\(text)") >> 10
    }

    /// How much of a process is in memory once its guest has said something.
    private static func resident(_ vm: TestVM, saying text: String) async throws -> Int {
        let resident = Mutex(0)
        let run = try await Command.run(["start", TestVM.name, "--store", vm.store]) { running in
            let isUp = try await running.waits(for: text)
            #expect(isUp)
            let count = try Self.resident(running.process)
            resident.withLock { $0 = count }
            running.send(SIGTERM)
        }
        #expect(run.exitCode == 143, "\(run.error)")
        return resident.withLock(\.self)
    }

    @Test("A guest that is idle takes less than 60 MiB, the little RAM that it has touched included")
    func idle() async throws {
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 2)
        let resident = try await Self.resident(vm, saying: "idle")
        #expect((1..<Self.limit).contains(resident), "\(resident) MiB")
    }

    @Test("One that has touched all of its RAM takes that, and less than 60 MiB besides")
    func touched() async throws {
        let vm = try await TestVM(.idle, disks: 2)
        let words: [UInt32] = [
            // MOV X1, #0x40100000: behind this code; MOV X2, #0x44000000: the end of RAM.
            0xD2A8_0201, 0xD2A8_8002,
            // 1: STR XZR, [X1]; ADD X1, X1, #4096; CMP X1, X2; B.NE 1b
            0xF900_003F, 0x9140_0421, 0xEB02_003F, 0x54FF_FFA1,
            // A "!" on the UART: MOV X1, #0x09000000; MOV W2, #0x301; STR W2, [X1, #0x30]; MOV W2, #0x21; STR W2, [X1]
            0xD2A1_2001, 0x5280_6022, 0xB900_3022, 0x5280_0422, 0xB900_0022,
            FlatCode.wfi, FlatCode.backByOne,
        ]
        try Data(contentsOf: URL(filePath: FlatCode.file(words, in: vm.directory))).write(
            to: URL(filePath: vm.kernel))
        let resident = try await Self.resident(vm, saying: "!")
        // But for its first MiB, or nothing was measured.
        #expect((Self.ram - 1..<Self.ram + Self.limit).contains(resident), "\(resident) MiB")
    }
}
