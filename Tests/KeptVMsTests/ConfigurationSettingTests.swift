import DiskImages
import Foundation
import Hibernation
import Machine
import Synchronization
import Testing

@testable import KeptVMs

@Suite("A value that is set in vm.toml")
struct ConfigurationSettingTests {
    /// As it is written for a VM, with words of its owner's.
    private static let text: String = {
        var machine = MachineConfiguration(kernel: "/k")
        machine.cpuCount = 2
        machine.disks = [DiskConfiguration(path: "/one"), DiskConfiguration(path: "/two")]
        let text = (try? VMConfiguration(machine, hibernation: .init()).toml()) ?? ""
        return "# mine\n" + text.replacing("cpus = 2", with: "cpus = 2        # two of them")
    }()

    private func set(_ setting: String, in text: String = Self.text) throws -> String {
        try VMConfiguration.text(text, settings: [try ConfigurationSetting(setting)])
    }

    @Test(
        "One line changes, and the rest of the file stays as it was",
        arguments: [
            ("cpus=4", "cpus = 4"), ("memory=2G", "memory = \"2G\""),
            ("append=a \"b\" \\c", #"append = "a \"b\" \\c""#),
            ("hibernation.on-change=keep", "on-change = \"keep\""), ("disk[2].path=/three", "path = \"/three\""),
            ("disk[1].readonly=true", "readonly = true"), ("initrd=/i", "initrd = \"/i\""),
            ("hibernation.expires-after=60d", "expires-after = \"60d\""),
            ("disk[1].on-error=stop", "on-error = \"stop\""),
            ("disk[1].serial=root", "serial = \"root\""),
            ("psci.idle-states=core-standby", "idle-states = [\"core-standby\"]"),
        ])
    func oneLine(setting: String, line: String) throws {
        let changed = try set(setting)
        let difference = changed.split(separator: "\n").difference(from: Self.text.split(separator: "\n"))
        #expect(difference.insertions.count == 1 && difference.removals.count <= 1)
        guard case .insert(_, let inserted, _) = difference.insertions.first else { return }
        #expect(inserted == line)
        // What is set twice is there once.
        #expect(try set(setting, in: changed) == changed)
    }

    @Test("A value is what it was set to, in the section that was meant")
    func meaning() throws {
        var configuration = try VMConfiguration(toml: try set("disk[2].path=/three"))
        #expect(configuration.disks?.map(\.path) == ["/one", "/three"])
        configuration = try VMConfiguration(toml: try set("hibernation.expires-after=60d"))
        #expect(try configuration.hibernation.expirySeconds() == 60 * 86_400)
        configuration = try VMConfiguration(toml: try set("guest.hostname=den", in: try set("model=virt-2")))
        #expect(configuration.guest?.hostname == "den")
        let odd = "tab\tquote\"back\\slash é"
        configuration = try VMConfiguration(toml: try set("append=\(odd)"))
        #expect(configuration.append == odd)
    }

    @Test("A key without a value goes, and one that has to be there does not")
    func removal() throws {
        let added = try set("initrd=/i")
        #expect(try set("initrd=", in: added) == Self.text)
        #expect(throws: VMConfigurationError.self) { try set("cpus=") }
        #expect(throws: VMConfigurationError.self) { try set("initrd=") }
    }

    @Test(
        "What cannot be set is an error that says why",
        arguments: [
            ("cpus", "key=value"), ("=4", "key=value"), ("cpuss=4", "do you mean cpus?"),
            ("cpu=4", "\"dormouse-1\", \"dormouse-2\""), ("cpus=four", ""),
            ("memory=2T", ""), ("hibernation=keep", "is a section"),
            ("hibernation.on-chnage=keep", "do you mean on-change?"), ("hibernation.on-change=perhaps", ""),
            ("disk.path=/x", "which disk"), ("disk[0].path=/x", "from 1 on"), ("disk[3].path=/x", "no number 3"),
            ("psci[1].version=1.0", "one section"), ("nowhere.x=1", ""), ("cpus.x=1", "no section"),
            ("cpus=4\nmodel = \"x\"", ""),
        ])
    func wrong(setting: String, words: String) throws {
        let error = try #require(throws: VMConfigurationError.self) { try set(setting) }
        #expect(words.isEmpty || error.description.contains(words), "\(error)")
    }

    @Test(
        "What no host could start is not set",
        arguments: [
            ("cpus=0", "0 CPUs"), ("cpus=65", "65 CPUs"), ("memory=1M", "memory"), ("memory=513G", "memory"),
            ("memory=3M", "memory"), ("disk[2].path=/one", "/one"), ("watchdog=hibernate", "button"),
            ("append=\(String(repeating: "x", count: 2048))", "2048"), ("model=virt-9", "virt-9"),
            ("uefi-code=/code", "virt-1"), ("guest.hostname=a b", "a b"), ("guest.ssh-keys=none", "none"),
            ("generation-id=12", "12"), ("uuid=1", "1"),
        ])
    func impossible(setting: String, words: String) throws {
        let linux = try set("kernel-format=linux")
        let error = try #require(throws: VMConfigurationError.self) { try set(setting, in: linux) }
        #expect(error.description.contains(words), "\(error)")
    }

    @Test("Flat code goes neither with ACPI nor with an initrd")
    func flat() throws {
        let flat = try set("kernel-format=flat")
        #expect(throws: VMConfigurationError.self) { try set("firmware=acpi", in: flat) }
        #expect(throws: VMConfigurationError.self) { try set("initrd=/i", in: flat) }
    }

    @Test("What only goes together is set together, in any order", arguments: [false, true])
    func together(isReversed: Bool) throws {
        let settings = try ["firmware=acpi", "watchdog=hibernate"].map { try ConfigurationSetting($0) }
        let text = try VMConfiguration.text(Self.text, settings: isReversed ? settings.reversed() : settings)
        #expect(try VMConfiguration(toml: text).machine().watchdog == .hibernate)
    }

    @Test("A value over several lines is left to its owner")
    func several() throws {
        let error = try #require(throws: VMConfigurationError.self) { try set("psci.functions=CPU_ON") }
        #expect(error.description.contains("change it in the file"))
    }

    @Test("Of several settings all are written, or none")
    func allOrNone() throws {
        let test = try TestStore()
        let vm = try test.make()
        #expect(throws: HostError.self) { try vm.set(["cpus=4", "cpus=five"]) }
        #expect(try vm.configuration().cpus == 1)
        try vm.set(["cpus=4", "memory=1G", "hibernation.on-change=clean"])
        #expect(try vm.configuration().cpus == 4 && vm.configuration().hibernation.onChange == .clean)
    }

    @Test("Of two that change values at the same time neither loses one")
    func twoAtATime() async throws {
        let test = try TestStore()
        let vm = try test.make()
        for round in 1...40 {
            // Threads of their own: each waits for the other.
            let settings = [
                "cpus=\(1 + round % 8)", "memory=\(256 + 2 * round)M", "hibernation.expires-after=\(round)d",
            ]
            let failures = Mutex<[any Error]>([])
            DispatchQueue.concurrentPerform(iterations: settings.count) { index in
                do { try vm.set([settings[index]]) } catch { failures.withLock { $0.append(error) } }
            }
            #expect(failures.withLock(\.count) == 0)
            let configuration = try vm.configuration()
            #expect(configuration.cpus == 1 + round % 8 && configuration.memory == "\(256 + 2 * round)M")
            #expect(configuration.hibernation.expiresAfter == "\(round)d")
        }
    }

    @Test("A VM that was given other disks while they were copied keeps those, and the copy is refused")
    func disksChangedMeanwhile() throws {
        var machine = MachineConfiguration(kernel: "/k")
        machine.disks = [DiskConfiguration(path: "/one")]
        let test = try TestStore()
        let vm = try test.store.create("vm", VMConfiguration(machine, hibernation: .init()))
        let copied = try vm.configuration()
        let disk = try #require(copied.disks?.first)
        let made = CopiedDisk(original: disk.path, path: "/copy", ownersPath: "/overlay", format: .qcow2)
        try vm.set(["disk[1].path=/other"])
        let error = #expect(throws: HostError.self) { try vm.goOn(inOverlays: [made], [0], copied) }
        #expect(error?.description.contains("copy it again") == true)
        #expect(try vm.configuration().disks?.first?.path == "/other")
        try vm.goOn(inOverlays: [made], [0], vm.configuration())
        #expect(try vm.configuration().disks?.first?.path == "/overlay")
    }

    @Test("Who has stopped while it changes something is not waited for without end")
    func stopped() throws {
        let test = try TestStore()
        let vm = try test.make()
        let lock = try DirectoryLock(of: vm)
        let error = try #require(throws: HostError.self) { _ = try DirectoryLock(of: vm, patience: 3) }
        #expect(error.description.contains("another process is changing"))
        _ = consume lock
        try vm.set(["cpus=4"])
        #expect(try vm.configuration().cpus == 4)
    }
}
