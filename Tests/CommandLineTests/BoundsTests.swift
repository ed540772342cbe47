// What a guest can make grow has a bound: seen from the outside, as the most memory that a run ever had.

import FoundationEssentials
import Machine
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
