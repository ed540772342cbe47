import Arm64
import Devices
import FoundationEssentials
import Glibc
import Hibernation
import PSCI
import Testing

@testable import Machine

/// A change of a machine, or of the files that it is made from.
struct MachineChange: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var machine: @Sendable (inout MachineConfiguration) -> Void = { _ in }
    var files: @Sendable (inout MeasuredFiles) -> Void = { _ in }
}

@Suite("Environment of a machine")
struct MachineEnvironmentTests {
    private static let files = MeasuredFiles(
        isFlat: false, kernel: Fingerprint(of: [1]), initrd: Fingerprint(of: [2]),
        disks: [DiskGeometry(byteCount: 2048 * 512), DiskGeometry(byteCount: 4096 * 512)])

    private static var machine: MachineConfiguration {
        machine(of: .virt1)
    }

    private static func machine(of model: MachineModel) -> MachineConfiguration {
        var machine = MachineConfiguration(kernel: "/a/kernel", model: model)
        machine.initrd = "/a/initrd"
        machine.cpuCount = 2
        machine.disks = [DiskConfiguration(path: "/a/0.img"), DiskConfiguration(path: "/a/1.img", isReadOnly: true)]
        machine.commandLine = "quiet"
        return machine
    }

    private static let visibleChanges: [MachineChange] = [
        MachineChange(testDescription: "CPU model", machine: { $0.cpu = .dormouse2 }),
        MachineChange(testDescription: "CPUs", machine: { $0.cpuCount = 3 }),
        MachineChange(testDescription: "memory", machine: { $0.memoryByteCount = 1 << 30 }),
        MachineChange(testDescription: "command line", machine: { $0.commandLine = "debug" }),
        MachineChange(testDescription: "a disk less", machine: { $0.disks.removeLast() }),
        MachineChange(
            testDescription: "a disk more", machine: { $0.disks.append(DiskConfiguration(path: "/b")) },
            files: { $0.disks.append(DiskGeometry(byteCount: 8 * 512)) }),
        MachineChange(testDescription: "a read-only disk", machine: { $0.disks[0].isReadOnly = true }),
        MachineChange(testDescription: "a disk's serial number", machine: { $0.disks[1].serial = "root" }),
        MachineChange(
            testDescription: "disks moved", machine: { $0.disks.swapAt(0, 1) }, files: { $0.disks.swapAt(0, 1) }),
        MachineChange(testDescription: "a disk's size", files: { $0.disks[0].byteCount += 512 }),
        MachineChange(testDescription: "a disk's block size", files: { $0.disks[0].blockByteCount = 4096 }),
        MachineChange(testDescription: "kernel", files: { $0.kernel = Fingerprint(of: [9]) }),
        MachineChange(testDescription: "flat code", files: { $0.isFlat = true }),
        MachineChange(testDescription: "initrd", files: { $0.initrd = Fingerprint(of: [9]) }),
        MachineChange(testDescription: "no initrd", machine: { $0.initrd = nil }, files: { $0.initrd = nil }),
        MachineChange(testDescription: "PSCI version", machine: { $0.psci = .virt1(version: .v1_2) }),
        MachineChange(testDescription: "conduit", machine: { $0.psci = .virt1(conduit: .smc) }),
        MachineChange(
            testDescription: "a PSCI function",
            machine: { $0.psci = .virt1(without: Capabilities(.systemSuspend)) }),
        MachineChange(testDescription: "idle states", machine: { $0.psci = .virt1("states=none") }),
        MachineChange(
            testDescription: "power_state format", machine: { $0.psci = .virt1("format=extended") }),
        MachineChange(testDescription: "trusted OS", machine: { $0.psci = .virt1("trusted-os=migratable") }),
        MachineChange(testDescription: "clusters", machine: { $0.psci = .virt1("cores-per-cluster=1") }),
    ]

    private static let hiddenCore = MachineChange(
        testDescription: "a core that firmware does not tell of",
        machine: {
            $0.psci = .virt1(version: .v1_1)
            $0.laboratory.withheldCores = [1]
        })

    @Test("A core that the laboratory withholds is missed before PSCI 1.2, and recorded")
    func withheld() {
        var told = Self.machine
        told.psci = .virt1(version: .v1_1)
        let differences = Self.environment(Self.hiddenCore).differences(from: told.environment(Self.files))
        #expect(differences.map(\.path) == ["cpu.withheld"])
        #expect(differences.map(\.consequence) == [.mustMatch])
        // From 1.2 on a core may be there and not to be had, and the guest's tables do not depend on it.
        var later = Self.machine
        later.laboratory.withheldCores = [1]
        #expect(later.environment(Self.files) == Self.machine.environment(Self.files))
    }

    private static let invisibleChanges: [MachineChange] = [
        MachineChange(testDescription: "kernel's path", machine: { $0.kernel = "/b/kernel" }),
        MachineChange(testDescription: "initrd's path", machine: { $0.initrd = "/b/initrd" }),
        MachineChange(testDescription: "disk's path", machine: { $0.disks[0].path = "/b/0.img" }),
        MachineChange(
            testDescription: "laboratory", machine: { $0.laboratory.rules = [.init(.cpuOn, .every, .resume)] }),
        MachineChange(testDescription: "console input", machine: { $0.console = .virtio }),
        MachineChange(testDescription: "counter's beginning", machine: { $0.initialCounter = 12345 }),
    ]

    private static func environment(_ change: MachineChange) -> Environment {
        var machine = machine
        var files = files
        change.machine(&machine)
        change.files(&files)
        return machine.environment(files)
    }

    @Test("Whatever a guest can see changes the fingerprint", arguments: visibleChanges)
    func visible(change: MachineChange) {
        #expect(Self.environment(change).fingerprint != Self.machine.environment(Self.files).fingerprint)
    }

    @Test("What a guest cannot see does not", arguments: invisibleChanges)
    func invisible(change: MachineChange) {
        #expect(Self.environment(change).fingerprint == Self.machine.environment(Self.files).fingerprint)
    }

    /// A released model never changes. If this fails and the model was released, the change needs another model.
    @Test(
        "The environment of a released model is what its golden file says",
        arguments: MachineModel.all.filter(\.isReleased).map(\.name))
    func golden(name: String) throws {
        let machine = Self.machine(of: try #require(MachineModel.all.first { $0.name == name }))
        let path = String(#filePath.dropLast("EnvironmentTests.swift".count)) + "Golden/\(name).json"
        let environment = machine.environment(Self.files)
        if getenv("DORMOUSE_WRITE_GOLDEN") != nil {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            try encoder.encode(environment).write(to: URL(filePath: path))
            Issue.record("the golden file was written; look at the difference and run the tests again without this")
            return
        }
        let golden = try JSONDecoder().decode(Environment.self, from: Data(contentsOf: URL(filePath: path)))
        #expect(environment.differences(from: golden).map(\.words) == [])
        #expect(environment.fingerprint == golden.fingerprint)
    }
}
