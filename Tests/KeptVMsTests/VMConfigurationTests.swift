import Devices
import DiskImages
import Foundation
import Hibernation
import Machine
import PSCI
import Testing

@testable import KeptVMs

@Suite("VM configuration")
struct VMConfigurationTests {
    private static var machine: MachineConfiguration {
        var machine = MachineConfiguration(kernel: "/boot/vmlinuz")
        machine.cpuCount = 3
        machine.memoryByteCount = 1 << 30
        machine.initrd = "/boot/initrd \"quoted\""
        machine.commandLine = "console=ttyAMA0 a='b' # no comment"
        machine.disks = [
            DiskConfiguration(path: "/disks/a.img"), DiskConfiguration(path: "/disks/ö.img", isReadOnly: true),
            DiskConfiguration(path: "/disks/c.img", onError: .stop, serial: "c's"),
        ]
        machine.networks = [
            NetworkConfiguration(.user), NetworkConfiguration(.tap(interface: "tap0"), mtu: 9000),
            NetworkConfiguration(.passt(socket: "/run/p"), mac: MACAddress("52:54:00:12:34:56")),
        ]
        machine.psci = Policy(over: machine.model.psci, version: .v1_1, conduit: .smc)
        machine.hardwareDescription = .acpi
        machine.generationID = Array(16..<32)
        machine.uuid = Array(32..<48)
        return machine
    }

    @Test("What is written as TOML is read again")
    func roundTrip() throws {
        var policy = VMConfiguration.HibernationPolicy()
        policy.expiresAfter = "60d"
        policy.onChange = .keep
        let configuration = VMConfiguration(Self.machine, hibernation: policy)
        let again = try VMConfiguration(toml: try configuration.toml())
        #expect(again == configuration)
        let machine = try again.machine()
        #expect(machine.cpuCount == 3)
        #expect(machine.memoryByteCount == 1 << 30)
        #expect(machine.commandLine == Self.machine.commandLine)
        #expect(machine.disks == Self.machine.disks)
        #expect(machine.psci == Self.machine.psci)
        #expect(machine.networks.map(\.kind) == Self.machine.networks.map(\.kind))
        #expect(machine.networks.map(\.mtu) == [1500, 9000, 1500])
        #expect(machine.hardwareDescription == .acpi)
        #expect(machine.generationID == Array(16..<32))
        #expect(machine.uuid == Array(32..<48))
    }

    @Test("A policy for errors of a disk that there is none of is refused, with those that there are")
    func unknownErrorPolicy() throws {
        let text = try VMConfiguration(Self.machine, hibernation: .init()).toml()
        try #require(text.contains("on-error = 'stop'"), "\(text)")
        let configuration = try VMConfiguration(toml: text.replacing("on-error = 'stop'", with: "on-error = 'halt'"))
        let error = #expect(throws: VMConfigurationError.self) { try configuration.machine() }
        #expect(error?.description.contains("\"report\", \"stop\"") == true)
    }

    @Test("A CPU that there is none of is refused, with those that there are, and none is the machine model's")
    func cpus() throws {
        let text = try VMConfiguration(Self.machine, hibernation: .init()).toml()
        try #require(text.contains("\ncpus = ") && !text.contains("\ncpu = "), "\(text)")
        #expect(try VMConfiguration(toml: text).machine().cpu == nil)
        let wrong = text.replacing("\ncpus = ", with: "\ncpu = 'dormouse-0'\ncpus = ")
        let configuration = try VMConfiguration(toml: wrong)
        let error = #expect(throws: VMConfigurationError.self) { try configuration.machine() }
        #expect(error?.description.contains("\"dormouse-1\", \"dormouse-2\"") == true)
    }

    @Test("A serial number that no disk can have is refused", arguments: ["", "é", "123456789012345678901", "a\tb"])
    func wrongSerial(serial: String) throws {
        var machine = Self.machine
        machine.disks[0].serial = serial
        let error = #expect(throws: VMConfigurationError.self) {
            try VMConfiguration(toml: VMConfiguration(machine, hibernation: .init()).toml()).machine()
        }
        #expect(error?.description.contains("is no serial number of a disk") == true)
    }

    @Test("A file from before ACPI describes a machine with a device tree and no generation id")
    func beforeACPI() throws {
        let text = try VMConfiguration(Self.machine, hibernation: .init()).toml()
            .split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.hasPrefix("firmware =") && !$0.hasPrefix("generation-id =") }.joined(separator: "\n")
        let machine = try VMConfiguration(toml: text).machine()
        #expect(machine.hardwareDescription == .deviceTree)
        #expect(machine.generationID == nil)
    }

    @Test("The PSCI policy is written out, function by function")
    func pinsPolicy() throws {
        let text = try VMConfiguration(Self.machine, hibernation: .init()).toml()
        #expect(text.contains("AFFINITY_INFO"))
        #expect(!text.contains("SYSTEM_OFF2"))
    }

    @Test("The MAC address of a network is written out")
    func pinsMACAddress() throws {
        let configuration = VMConfiguration(Self.machine, hibernation: .init())
        let addresses = ["52:54:00:00:00:1d", "52:54:00:00:00:1c", "52:54:00:12:34:56"]
        #expect(configuration.networks?.map(\.mac) == addresses)
        let text = try configuration.toml()
        #expect(addresses.allSatisfy { text.contains($0) })
        #expect(try VMConfiguration(toml: text).machine().networks.map { $0.mac?.description } == addresses)
    }

    @Test(
        "A file that describes no VM is refused, with the place",
        arguments: [
            ("memory = \"1Q\"", "memory"), ("cpus = \"many\"", "cpus"), ("clock = \"sundial\"", "clock"),
            ("model = \"virt-0\"", "virt-0"), ("schema = 99", "schema 99"), ("firmware = \"bios\"", "firmware"),
            ("generation-id = \"7\"", "generation-id"), ("uuid = \"00112233445566778899aabbccddeeff\"", "uuid"),
            ("kind = \"wifi\"", "a network needs"), ("mtu = 65536", "mtu"), ("mac = \"ff:ff:ff:ff:ff:ff\"", "mac"),
        ])
    func refused(line: String, words: String) throws {
        let key = line.prefix { $0 != " " }
        let text = try VMConfiguration(Self.machine, hibernation: .init()).toml()
            .split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.hasPrefix("\(key) =") ? line[...] : $0 }.joined(separator: "\n")
        let error = #expect(throws: VMConfigurationError.self) {
            _ = try VMConfiguration(toml: text).machine()
        }
        #expect(error?.description.contains(words) == true)
    }

    @Test("Every key that there is may be written")
    func allKeys() throws {
        var machine = Self.machine
        machine.disks[0].format = .raw
        machine.disks[0].onError = .stop
        machine.clock = .instructions
        machine.seed = 7
        var policy = VMConfiguration.HibernationPolicy()
        policy.expiresAfter = "1d"
        var configuration = VMConfiguration(machine, hibernation: policy)
        var host = VMConfiguration.Host()
        host.timeout = "2m"
        host.then = .stop
        host.memoryMax = "1500M"
        host.cpuQuota = "150%"
        configuration.host = host
        #expect(try VMConfiguration(toml: try configuration.toml()) == configuration)
        #expect(try host.timeoutSeconds() == 120)
        #expect(try host.memoryMaxByteCount(for: 1 << 30) == 1500 << 20)
        #expect(try host.cpuQuotaPercent() == 150)
    }

    @Test(
        "What the host cannot do with a VM is refused, with the key",
        arguments: [
            ("timeout = '25h'", "host.timeout"), ("timeout = 'soon'", "no time"), ("memory-max = '1G'", "no room"),
            ("memory-max = 'much'", "host.memory-max"), ("cpu-quota = '150'", "host.cpu-quota"),
            ("cpu-quota = '0%'", "host.cpu-quota"), ("cpu-quota = '-5%'", "host.cpu-quota"),
            ("cpu-quota = '99999999999999999999%'", "host.cpu-quota"),
            ("then = 'wait'", "\"nothing\", \"stop\", \"kill\""),
            ("timeuot = '2m'", "do you mean timeout?"),
        ])
    func refusedHost(line: String, words: String) throws {
        let text = try VMConfiguration(Self.machine, hibernation: .init()).toml() + "\n[host]\n\(line)\n"
        let error = #expect(throws: VMConfigurationError.self) { _ = try VMConfiguration(toml: text).machine() }
        #expect(error?.description.contains(words) == true, "\(error as Any)")
    }

    @Test(
        "A key that is not known, and a value of another kind, is refused with its line and what is right",
        arguments: [
            (
                "expires-after = '60d'", "expires-afer = '60d'",
                ["hibernation.expires-afer", "do you mean expires-after?"]
            ),
            ("cpus = 3", "cpuss = 3", ["cpuss is no key", "do you mean cpus?"]),
            ("cpus = 3", "cpus = 3\ncpu = 2", ["cpu has to be text, such as \"dormouse-2\""]),
            ("cpus = 3", "cpus = 'many'", ["cpus has to be a whole number, such as 2"]),
            ("cpus = 3", "cpus = 3.5", ["cpus has to be a whole number"]),
            ("cpus = 3", "", ["there is no key cpus", "whole number"]),
            ("readonly = true", "readonly = 'yes'", ["disk[2].readonly has to be true or false"]),
            ("readonly = true", "read-only = true", ["disk[2].read-only is no key", "do you mean readonly?"]),
            (
                "on-change = 'refuse'", "on-change = 'ask'",
                ["hibernation.on-change", "\"refuse\", \"clean\", \"keep\""]
            ),
            ("mtu = 9000", "mtu = '9000'", ["network[2].mtu has to be a whole number"]),
            ("[hibernation]", "[hibernatoin]", ["hibernatoin is no key", "do you mean hibernation?"]),
            ("[psci]", "[[psci]]", ["psci has to be a section of its own"]),
            ("cpus = 3", "cpus = 3\nzzzzzz = 1", ["zzzzzz is no key; there are schema, model"]),
            // What belongs elsewhere.
            (
                "cpus = 3", "cpus = 3\nexpires-afer = '60d'",
                ["expires-afer is no key; do you mean hibernation.expires-after, in the section [hibernation]?"]
            ),
            ("cpus = 3", "cpus = 3\nreadonly = true", ["do you mean disk.readonly, in a section [[disk]]?"]),
            (
                "on-change = 'refuse'", "on-change = 'refuse'\non-eror = 'stop'",
                ["hibernation.on-eror is no key; do you mean disk.on-error, in a section [[disk]]?"]
            ),
            ("mtu = 9000", "mtu = 9000\ncpuss = 2", ["do you mean cpus, in the part before all sections?"]),
            // Of two that are as like, the one of the same section.
            ("mtu = 9000", "mtu = 9000\nkindd = 2", ["network[2].kindd is no key; do you mean kind?"]),
        ])
    func wrongKeys(old: String, new: String, words: [String]) throws {
        var policy = VMConfiguration.HibernationPolicy()
        policy.expiresAfter = "60d"
        let right = try VMConfiguration(Self.machine, hibernation: policy).toml()
        let place = try #require(right.range(of: old))
        let text = right.replacingCharacters(in: place, with: new)
        let error = #expect(throws: VMConfigurationError.self) { try VMConfiguration(toml: text) }
        for words in words { #expect(error?.description.contains(words) == true, "\(error as Any)") }
        if !new.isEmpty {
            let wrong = new.split(separator: "\n").last.map(String.init) ?? new
            let line = text.split(separator: "\n", omittingEmptySubsequences: false).firstIndex { $0 == wrong }
            #expect(error?.description.contains("line \((line ?? -2) + 1): ") == true, "\(error as Any)")
        }
    }

    @Test("A file that is no TOML is refused with its line")
    func notTOML() {
        let error = #expect(throws: VMConfigurationError.self) { try VMConfiguration(toml: "a = 1\nb = = 2\n") }
        #expect(error?.description.contains("line 2") == true)
    }

    @Test(
        "Times have units",
        arguments: [("60d", 60 * 86400), ("12h", 43200), ("2w", 14 * 86400), ("90s", 90), ("5m", 300)]
            as [(String, UInt64)])
    func times(text: String, seconds: UInt64) throws {
        var policy = VMConfiguration.HibernationPolicy()
        policy.expiresAfter = text
        #expect(try policy.expirySeconds() == seconds)
    }

    @Test("What is no time is refused", arguments: ["", "60", "d", "-1d", "1.5h", "99999999999999999999d"])
    func noTimes(text: String) {
        var policy = VMConfiguration.HibernationPolicy()
        policy.expiresAfter = text
        #expect(throws: VMConfigurationError.self) { try policy.expirySeconds() }
    }
}
