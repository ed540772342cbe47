import Subprocess
import SystemPackage
import TestSupport
import Testing

/// What Examples/ shows has to work.
@Suite("Examples")
struct ExamplesTests {
    private func output(of name: String, _ arguments: [String] = []) async throws -> String {
        let result = try await Subprocess.run(
            .path(Command.path.removingLastComponent().appending(name)), arguments: Arguments(arguments),
            output: .string(limit: 1 << 20), error: .string(limit: 1 << 16))
        #expect(result.terminationStatus.isSuccess, "\(result.standardError)")
        return result.standardOutput
    }

    @Test("Another platform under PSCI turns a core on, and knows of no ninth one")
    func psciPlatform() async throws {
        let lines = try await output(of: "ExamplePSCIPlatform").split(separator: "\n")
        #expect(lines.count == 5)
        #expect(lines.first?.hasPrefix("SMC32 PSCI_VERSION() = 1.3") == true)
        #expect(lines.contains("core 0 starts core 1 at 0x8000 with 7"))
        #expect(lines.contains { $0.contains("CPU_ON(target_cpu 0x9") && $0.contains("INVALID_PARAMETERS") })
        #expect(lines.last?.contains("systemOff") == true)
    }

    @Test("A flat program runs on the bare CPU")
    func bareCPU() async throws {
        let output = try await output(of: "ExampleBareCPU")
        #expect(output.hasPrefix("hypercall(immediate: 1): x0 is 55, after "), "\(output)")
    }

    @Test("A guest is booted and waited for", .needs(Guest.areBuilt, Guest.missing))
    func boot() async throws {
        let output = try await output(of: "ExampleBoot", [Guest.systemOff2.path])
        #expect(output.contains("the guest hibernated, after ") && !output.contains("not ok"), "\(output)")
    }

    @Test("Two machines run in one process, and each has its own console", .needs(Guest.areBuilt, Guest.missing))
    func twoMachines() async throws {
        let lines = try await output(of: "ExampleTwoMachines", [Guest.systemOff2.path, Guest.systemOff2.path])
            .split(separator: "\n").sorted()
        #expect(
            lines.map { $0.prefix(24) }
                == ["machine 0: hibernated, an", "machine 1: hibernated, an"].map { $0.prefix(24) })
        #expect(Set(lines.map { $0.split(separator: " ").suffix(2) }).count == 1)
    }
}
