import Boot
import Testing

@Suite("Idle states in the device tree")
struct IdleStatesTests {
    private func board(hasDomains: Bool, system: Bool = false) -> BoardDescription {
        func state(_ name: String, _ parameter: UInt32) -> BoardDescription.Idle.State {
            .init(
                name: name, suspendParameter: parameter, entryLatency: 10, exitLatency: 20, minimumResidency: 1000)
        }
        var board = BoardDescription.virt(cpus: [0, 1, 0x100], virtioSlots: 0)
        board.power.idle = .init(
            cpuStates: [state("core-down", 0x1_0003)], clusterStates: [state("cluster-down", 0x0101_1033)],
            systemStates: system ? [state("system-down", 0x0201_2333)] : [], clusters: [0, 0, 1],
            hasDomains: hasDomains)
        return board
    }

    private func source(_ board: BoardDescription) throws -> String {
        let result = try DeviceTreeCompiler.convert(
            try DeviceTree(for: board).flattened(), from: .blob, to: .source)
        #expect(result.complaints == "")
        return result.text
    }

    @Test(
        "dtc reads every shape without a warning", .needsDeviceTreeCompiler, arguments: [false, true], [false, true])
    func noWarnings(hasDomains: Bool, system: Bool) throws {
        _ = try source(board(hasDomains: hasDomains, system: system))
    }

    @Test("Without domains every CPU lists all states", .needsDeviceTreeCompiler)
    func flat() throws {
        let text = try source(board(hasDomains: false))
        #expect(text.ranges(of: "cpu-idle-states = <0x100 0x101>;").count == 3)
        #expect(text.ranges(of: "compatible = \"arm,idle-state\";").count == 2)
        #expect(!text.contains("power-domain"))
        #expect(text.contains("entry-method = \"psci\";"))
        #expect(text.contains("arm,psci-suspend-param = <0x1011033>;"))
    }

    @Test(
        "With domains CPUs are in clusters and clusters in the system, as arm/psci.yaml has it",
        .needsDeviceTreeCompiler)
    func domains() throws {
        let text = try source(board(hasDomains: true, system: true))
        #expect(!text.contains("cpu-idle-states"))
        #expect(text.ranges(of: "power-domain-names = \"psci\";").count == 3)
        #expect(text.ranges(of: "compatible = \"arm,idle-state\";").count == 1)
        #expect(text.ranges(of: "compatible = \"domain-idle-state\";").count == 2)
        #expect(text.ranges(of: "#power-domain-cells = <0x00>;").count == 6)
        // Handles: 3 states from 0x100, the system 0x103, the clusters 0x104 and 0x105, the CPUs 0x106 to 0x108.
        #expect(text.ranges(of: "power-domains = <0x103>;").count == 2)
        #expect(text.ranges(of: "power-domains = <0x104>;").count == 2)
        #expect(text.ranges(of: "power-domains = <0x105>;").count == 1)
        for cpu in 0x106...0x108 {
            #expect(text.contains("power-domains = <0x\(String(cpu, radix: 16))>;"))
        }
    }
}
