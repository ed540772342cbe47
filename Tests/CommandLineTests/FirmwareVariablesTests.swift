// Firmware variables that cannot be stored at a run's end. The firmware is a few words of code in the flash's place.

import Foundation
import TestSupport
import Testing

@Suite("Firmware variables that cannot be stored", .needs(KillPoint.canBeMade, KillPoint.whyNot))
struct FirmwareVariablesTests {
    /// A branch over what firmware is known by: the signature of a firmware volume.
    private static let beginning: [UInt32] =
        [0x1400_0010] + Array(repeating: 0, count: 9) + [0x4856_465F] + Array(repeating: 0, count: 5)

    /// Erases the first block of the variables' flash, which is stored later or at the end: CFI's commands 0x20 and
    /// 0xD0, for two chips beside each other.
    private static let erase: [UInt32] = [
        0xD2A0_8000,  // MOV X0, #0x4000000
        0x5280_0401, 0x72A0_0401,  // MOV W1, #0x200020
        0xB900_0001,  // STR W1, [X0]
        0x5280_1A01, 0x72A0_1A01,  // MOV W1, #0xD000D0
        0xB900_0001,  // STR W1, [X0]
    ]

    /// SYSTEM_OFF2 with HIBERNATE_OFF.
    private static let hibernate: [UInt32] = [
        0xD2B8_8000,  // MOV X0, #0xC4000000
        0xF280_02A0,  // MOVK X0, #0x15
        0xD280_0021,  // MOV X1, #1
        0xD280_0002,  // MOV X2, #0
        0xD400_0002,  // HVC #0
        0x1400_0000,  // B .
    ]

    /// SYSTEM_RESET.
    private static let reset: [UInt32] = [
        0x52B0_8000,  // MOV W0, #0x84000000
        0x7280_0120,  // MOVK W0, #9
        0xD400_0002,  // HVC #0
        0x1400_0000,  // B .
    ]

    /// A guest's end, and what is known of it.
    struct End: CustomTestStringConvertible, Sendable {
        var state: String
        var words: [UInt32]
        var options: [String] = []
        var code: Int32

        var testDescription: String { ([state] + options).joined(separator: " ") }
    }

    private static let ends = [
        End(state: "hibernated", words: hibernate, code: 40),
        End(state: "powered-off", words: FlatCode.systemOff, code: 70),
        // It would boot again, with other variables than it wrote.
        End(state: "reset", words: reset, code: 70),
        End(state: "reset", words: reset, options: ["--no-reboot"], code: 32),
    ]

    @Test("How the guest ended is kept, and that its variables were lost is said", arguments: Self.ends)
    func lost(end: End) async throws {
        let directory = try TemporaryDirectory()
        let firmware = try FlatCode.file(Self.beginning + Self.erase + end.words, in: directory)
        let store = "\(directory.path)/store"
        let created = try await Command.run(
            [
                "create", "vm", "--store", store, "--model", "virt-2", "--firmware", "uefi=\(firmware)", "--memory",
                "128",
            ])
        try #require(created.exitCode == 0, "\(created.error)")
        let started = try await Command.shell(
            """
            exec \(KillPoint.strace) -f -qq -o "$1/trace" -P "$1/store/vm/variables.fd" -e trace=fdatasync \
            -e inject=fdatasync:error=EIO "$0" start vm --store "$1/store" \
            \(end.options.joined(separator: " "))
            """, directory.path)
        let trace = try String(contentsOfFile: "\(directory.path)/trace", encoding: .utf8)
        try #require(trace.contains("(INJECTED)"), "\(trace)\n\(started.error)")
        #expect(started.exitCode == end.code, "\(started.error)")
        #expect(started.error.contains("firmware file \(store)/vm/variables.fd"), "\(started.error)")
        let status = try await Command.run(["status", "vm", "--store", store])
        #expect(status.output.contains(end.state), "\(status.output)")
    }
}
