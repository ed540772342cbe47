// Guests that wait, as flat code of a few words: what they cost the host, and that they are woken.

import FoundationEssentials
import Glibc
import Subprocess
import TestSupport
import Testing

@Suite("Guests that wait")
struct WaitTests {
    /// CPU_ON of core 1, at the instruction behind this.
    private static let turnOn: [UInt32] = [
        0xD280_0060,  // MOV X0, #3
        0xF2B8_8000,  // MOVK X0, #0xC400, LSL #16
        0xD280_0021,  // MOV X1, #1
        0x1000_0062,  // ADR X2, .+12
        0xD280_0003,  // MOV X3, #0
        0xD400_0002,  // HVC #0
    ]

    /// CPU time of a process so far, in seconds: proc(5), /proc/pid/stat, fields 14 and 15.
    private static func cpuSeconds(of process: pid_t) throws -> Double {
        let bytes = FileManager.default.contents(atPath: "/proc/\(process)/stat") ?? Data()
        let fields = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        try #require(fields.count > 12)
        return ((Double(fields[11]) ?? .infinity) + (Double(fields[12]) ?? .infinity))
            / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// What a guest does for ever, and how many words of that each core runs.
    struct Loop: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var words: [UInt32]
    }

    private static let loops = [
        Loop(testDescription: "WFE", words: [FlatCode.wfe, FlatCode.backByOne]),
        Loop(testDescription: "WFI", words: [FlatCode.wfi, FlatCode.backByOne]),
        // ADR X4, .; LDXR X5, [X4]; WFE; back to LDXR.
        Loop(testDescription: "WFE after LDXR", words: [0x1000_0004, 0xC85F_7C85, FlatCode.wfe, 0x17FF_FFFE]),
    ]

    @Test(
        "A guest that does nothing but wait uses less than 5 % of a core", arguments: loops,
        [
            ["--engine", "interpreter"], ["--engine", "translator"], ["--cpus", "2"],
            ["--cpus", "2", "--clock=instructions"],
        ])
    func idle(loop: Loop, options: [String]) async throws {
        // Skipping idle time is work, if there is an end to it.
        if loop.words.count > 2 && options.contains("--clock=instructions") { return }
        let directory = try TemporaryDirectory()
        let words = options.contains("--cpus") ? Self.turnOn + loop.words : loop.words
        let result = try await Command.run(["run", "--kernel", FlatCode.file(words, in: directory)] + options) {
            running in
            // The guest is there when its process has stopped to use time; a machine under load takes its time.
            var use = [Double]()
            while use.last ?? 1 >= 0.05 && use.count < 10 {
                let before = try Self.cpuSeconds(of: running.process)
                try await Task.sleep(for: .seconds(1))
                use.append(try Self.cpuSeconds(of: running.process) - before)
            }
            #expect(use.last ?? 1 < 0.05, "in each second: \(use)")
            running.send(SIGTERM)
        }
        #expect(result.exitCode == 143)
    }

    @Test(
        "SEV of another core ends a WFE",
        arguments: [["--engine", "interpreter"], ["--engine", "translator"], ["--clock=instructions"]])
    func sendEvent(options: [String]) async throws {
        let directory = try TemporaryDirectory()
        let words: [UInt32] =
            [
                0xD280_0060,  // MOV X0, #3
                0xF2B8_8000,  // MOVK X0, #0xC400, LSL #16
                0xD280_0021,  // MOV X1, #1
                0x1000_0122,  // ADR X2, .+36: the second core's code
                0xD280_0003,  // MOV X3, #0
                0xD400_0002,  // HVC #0
                FlatCode.wfe,
                0x5280_0003,  // MOV W3, #0
            ] + FlatCode.systemOff + [
                0xD2A0_0801,  // MOV X1, #0x400000
                0xD100_0421,  // SUB X1, X1, #1
                0xB5FF_FFE1,  // CBNZ X1, .-4
                0xD503_209F,  // SEV
                FlatCode.wfi, FlatCode.backByOne,
            ]
        let path = try FlatCode.file(words, in: directory)
        let result = try await Command.shell(
            "exec timeout 600 \"$0\" run --kernel \"$1\" --cpus 2 $2", path, options.joined(separator: " "))
        #expect(result.exitCode == 0)
        #expect(result.errorLines == ["dormouse: powered off"])
    }
}
