// CPU_ON and SYSTEM_OFF2 as a guest of our own finds them: its checks are listed in Guests/SystemOff2.

import TestSupport
import Testing

/// One run of that guest: which firmware it finds.
struct FirmwareCase: CustomTestStringConvertible {
    var version: String
    var conduit: String
    var cpus: Int

    /// PSCI 1.3 is the first with SYSTEM_OFF2.
    var hasSystemOff2: Bool { version == "1.3" }
    var testDescription: String { "PSCI \(version), \(conduit), \(cpus) CPUs" }

    static let all = ["1.3", "1.2", "1.1", "1.0", "0.2"].flatMap { version in
        ["hvc", "smc"].flatMap { conduit in
            [1, 4, 8].map { FirmwareCase(version: version, conduit: conduit, cpus: $0) }
        }
    }
}

/// One way to make the last call.
struct LastCall: CustomTestStringConvertible {
    var type: UInt32
    var width: Int
    var core: Int

    /// DEN0022 F.b §5.1.10.
    var functionID: String { width == 32 ? "0x84000015" : "0xc4000015" }
    var testDescription: String { "type \(type), SMC\(width), core \(core)" }

    static let all = [0, 1].flatMap { type in
        [32, 64].flatMap { width in [0, 3].map { LastCall(type: type, width: width, core: $0) } }
    }
}

extension EndToEnd.Running {
    @Suite("SYSTEM_OFF2 from the inside", .needs(BareMetalGuest.areThere, BareMetalGuest.whyNot))
    struct SystemOff2Tests {
        @Test(
            "Every check of the guest holds, whatever the version, the conduit and the cores",
            arguments: FirmwareCase.all)
        func checks(_ firmware: FirmwareCase) throws {
            let scratch = try Scratch("system-off2-\(firmware.version)-\(firmware.conduit)-\(firmware.cpus)")
            var machine = GuestMachine(.systemOff2, "version=\(firmware.version)")
            machine.cpus = firmware.cpus
            machine.options = ["--psci-version", firmware.version, "--conduit", firmware.conduit]
            let end = try scratch.run(machine, "1-boot")
            expectAllOK(end)
            #expect(end.exitCode == (firmware.hasSystemOff2 ? ExitCode.hibernated : ExitCode.poweredOff))
            let report = try #require(end.report)
            #expect(report.psci.version == firmware.version)
            #expect(report.psci.conduit == firmware.conduit)
            #expect(report.psci.lastSystemCall?.name == (firmware.hasSystemOff2 ? "SYSTEM_OFF2" : "SYSTEM_OFF"))
        }

        @Test("Both types, both widths and any core hibernate, and the report says which", arguments: LastCall.all)
        func lastCall(_ call: LastCall) throws {
            let scratch = try Scratch("system-off2-type-\(call.type)-smc\(call.width)-core-\(call.core)")
            var machine = GuestMachine(.systemOff2, "type=\(call.type)", "width=\(call.width)", "core=\(call.core)")
            machine.cpus = 4
            let end = try scratch.run(machine, "1-boot")
            expectAllOK(end)
            #expect(end.exitCode == ExitCode.hibernated)
            let last = try #require(end.report?.psci.lastSystemCall)
            #expect(last.name == "SYSTEM_OFF2")
            #expect(last.functionID == call.functionID)
            #expect(last.type == call.type)
            #expect(last.cookie == "0x0")
            #expect(last.core == call.core)
        }

        /// The Test Anything Protocol: a plan, and as many "ok" as it says.
        private func expectAllOK(_ end: DormouseRun.End, sourceLocation: SourceLocation = #_sourceLocation) {
            let lines = end.console.split(separator: "\n")
            let failures = lines.filter { $0.hasPrefix("not ok ") }
            #expect(failures.isEmpty, sourceLocation: sourceLocation)
            let plan = lines.compactMap { $0.wholeMatch(of: /1\.\.(\d+)/).flatMap { Int($0.1) } }
            let passes = lines.count { $0.hasPrefix("ok ") }
            #expect(passes > 0 && plan == [passes], sourceLocation: sourceLocation)
        }
    }
}
