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

    @Test(
        "How the guest ended is kept, and that its variables were lost is said",
        arguments: [("hibernated", Self.hibernate, 40), ("powered-off", FlatCode.systemOff, 70)]
            as [(String, [UInt32], Int32)])
    func lost(state: String, end: [UInt32], code: Int32) async throws {
        let directory = try TemporaryDirectory()
        let firmware = try FlatCode.file(Self.beginning + Self.erase + end, in: directory)
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
            -e inject=fdatasync:error=EIO "$0" start vm --store "$1/store"
            """, directory.path)
        let trace = try String(contentsOfFile: "\(directory.path)/trace", encoding: .utf8)
        try #require(trace.contains("(INJECTED)"), "\(trace)\n\(started.error)")
        #expect(started.exitCode == code, "\(started.error)")
        #expect(started.error.contains("firmware file \(store)/vm/variables.fd"), "\(started.error)")
        let status = try await Command.run(["status", "vm", "--store", store])
        #expect(status.output.contains(state), "\(status.output)")
    }
}
