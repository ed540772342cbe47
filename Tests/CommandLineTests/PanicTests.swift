// A guest that says by pvpanic that its kernel panicked, as Linux's driver would: no kernel that the tests have does.

import FoundationEssentials
import Machine
import TestSupport
import Testing

@Suite("A guest whose kernel panics")
struct PanicTests {
    /// Writes `events` (8 bits) into pvpanic's register, and then resets.
    private func run(_ events: UInt32, _ arguments: String...) async throws -> (result: Finished, RunReport) {
        let words: [UInt32] = [
            // mov x1, #0x090D0000; mov w0, #events; strb w0, [x1]
            0xD2A1_21A1, 0x5280_0000 | events << 5, 0x3900_0020,
            // SYSTEM_RESET; b .
            0x52B0_8000, 0x7280_0120, 0xD400_0002, 0x1400_0000,
        ]
        let directory = try TemporaryDirectory()
        let kernel = try directory.file(
            "guest.bin", words.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) })
        let path = "\(directory.path)/report.json"
        let result = try await Command.run(
            ["run", "--model", "virt-2", "--kernel", kernel, "--no-reboot", "--report", path] + arguments)
        let report = try #require(FileManager.default.contents(atPath: path))
        return (result, try JSONDecoder().decode(RunReport.self, from: report))
    }

    @Test("It is the end of the run, and no power-off or reset", arguments: ["host", "instructions"])
    func panicked(clock: String) async throws {
        let (result, report) = try await run(1, "--clock", clock)
        #expect(result.exitCode == 33)
        #expect(result.errorLines.last == "dormouse: crashed: the guest's kernel panicked")
        #expect(result.error.contains("the guest says that its kernel panicked"))
        #expect(report.end.kind == "crashed")
        #expect(report.panics == ["panicked": 1])
    }

    @Test("A kernel that was loaded for this goes on, and the report has it all the same")
    func crashLoaded() async throws {
        let (result, report) = try await run(2)
        #expect(result.exitCode == 32)
        #expect(result.error.contains("the kernel that was loaded for this goes on"))
        #expect(report.end.kind == "reset")
        #expect(report.panics == ["crash-loaded": 1])
    }

    @Test("A guest that says that it is done is powered off; what pvpanic does not know is nothing")
    func others() async throws {
        let (result, report) = try await run(4)
        #expect(result.exitCode == 0)
        #expect(report.end.kind == "powered-off" && report.panics == [:])
        let (unknown, unknownReport) = try await run(0xF8)
        #expect(unknown.exitCode == 32)
        #expect(unknownReport.panics == [:])
    }
}
