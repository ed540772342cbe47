import ArgumentParser
import Bytes
import Devices
import FoundationEssentials
import KeptVMs
import PSCI
import Testing

@testable import DormouseCommand
@testable import Machine

/// A `MachineConfiguration` is the configuration; options, `vm.toml` and the report are forms of it.
@Suite("The forms of a configuration")
struct ConfigurationFormsTests {
    /// A field, how an option sets it, and what the other forms then say.
    struct Field: CustomTestStringConvertible, Sendable {
        var name: String
        var options: [String]
        /// A line of `vm.toml`, or several.
        var toml: [String]
        /// A piece of the report's JSON.
        var report: [String]
        /// What else has to be said for it to mean something.
        var besides: [String] = []

        init(
            _ name: String, _ options: [String], toml: [String], report: [String], besides: [String] = []
        ) {
            self.name = name
            self.options = options
            self.toml = toml
            self.report = report
            self.besides = besides
        }

        var testDescription: String { "\(name): \(options.joined(separator: " "))" }
    }

    static let fields = [
        Field("model", ["--model", "virt-2"], toml: ["model = 'virt-2'"], report: [#""model":"virt-2""#]),
        Field(
            "cpu", ["--cpu", "dormouse-2"], toml: ["cpu = 'dormouse-2'"], report: [#""cpu":"dormouse-2""#]),
        Field("cpuCount", ["--cpus", "3"], toml: ["cpus = 3"], report: [#""cpus":3"#]),
        Field(
            "memoryByteCount", ["--memory", "2G"], toml: ["memory = '2048M'"], report: [#""memoryBytes":2147483648"#]),
        Field("kernel", ["--kernel", "/other"], toml: ["kernel = '/other'"], report: [#""kernel":"/other""#]),
        Field(
            "kernelFormat", ["--kernel-format", "flat"], toml: ["kernel-format = 'flat'"],
            report: [#""kernelFormat":"flat""#]),
        Field("initrd", ["--initrd", "/initrd"], toml: ["initrd = '/initrd'"], report: [#""initrd":"/initrd""#]),
        Field("commandLine", ["--append", "quiet"], toml: ["append = 'quiet'"], report: [#""append":"quiet""#]),
        Field(
            "disks", ["--disk", "/a.img,readonly=on,format=raw,on-error=stop,serial=root"],
            toml: ["path = '/a.img'", "readonly = true", "format = 'raw'", "on-error = 'stop'", "serial = 'root'"],
            report: [#"{"format":"raw","onError":"stop","path":"/a.img","readOnly":true,"serial":"root"}"#]),
        Field(
            "networks", ["--net", "passt=/p,mac=52:54:00:12:34:56,mtu=9000"],
            toml: ["kind = 'passt'", "mac = '52:54:00:12:34:56'", "mtu = 9000", "socket = '/p'"],
            report: [#"{"kind":"passt","mac":"52:54:00:12:34:56","mtu":9000,"socket":"/p"}"#]),
        Field(
            "networks", ["--net", "tap=t0"], toml: ["kind = 'tap'", "interface = 't0'"],
            report: [#""interface":"t0""#, #""kind":"tap""#]),
        Field(
            "networks", ["--net", "user,forward=tcp:2222:22,forward=udp:0.0.0.0:53:5353"],
            toml: ["forward = [ 'tcp:127.0.0.1:2222:22', 'udp:0.0.0.0:53:5353' ]"],
            report: [#""forwards":["tcp:127.0.0.1:2222:22","udp:0.0.0.0:53:5353"]"#]),
        Field("psci", ["--psci-version", "1.1"], toml: ["version = '1.1'"], report: [#""version":"1.1""#]),
        Field("psci", ["--conduit", "smc"], toml: ["conduit = 'smc'"], report: [#""conduit":"smc""#]),
        Field(
            "psci", ["--psci", "format=extended,cores-per-cluster=2,trusted-os=fixed,states=core-retention"],
            toml: [
                "power-state-format = 'extended'", "cores-per-cluster = 2", "trusted-os = 'fixed'", "'core-retention'",
            ],
            report: [
                #""powerStateFormat":"extended""#, #""coresPerCluster":2"#, #""trustedOS":"fixed""#,
                #""core-retention""#,
            ]),
        Field(
            "psci", ["--psci", "trusted-os=migratable"], toml: ["'MIGRATE'"],
            report: [#""MIGRATE""#]),
        Field(
            "hardwareDescription", ["--firmware", "acpi"], toml: ["firmware = 'acpi'"], report: [#""firmware":"acpi""#]),
        Field(
            "uefi", ["--firmware", "uefi=/code.fd,dt"], toml: ["uefi-code = '/code.fd'"],
            report: [#""uefiCode":"/code.fd""#], besides: ["--model", "virt-2"]),
        Field(
            "bootOrder", ["--boot", "disk1,net"], toml: ["boot = [ 'disk1', 'net0' ]"],
            report: [#""bootOrder":["disk1","net0"]"#],
            besides: ["--firmware", "uefi=/code.fd", "--disk", "/a", "--disk", "/b", "--net", "user"]),
        Field(
            "bootMenuWait", ["--boot-menu", "5"], toml: ["boot-menu = 5"], report: [#""bootMenu":5"#],
            besides: ["--firmware", "uefi=/code.fd"]),
        Field(
            "generationID", ["--generation-id", "00112233445566778899aabbccddeeff"],
            toml: ["generation-id = '00112233445566778899aabbccddeeff'"],
            report: [#""generationID":"00112233445566778899aabbccddeeff""#]),
        Field(
            "uuid", ["--uuid", "00112233-4455-4677-8899-AABBCCDDEEFF"],
            toml: ["uuid = '00112233-4455-4677-8899-aabbccddeeff'"],
            report: [#""uuid":"00112233-4455-4677-8899-aabbccddeeff""#]),
        Field(
            "guest",
            [
                "--hostname", "demo", "--user", "dora", "--ssh-key", "ssh-ed25519 AAAAC3 dora@home", "--sleep-button",
                "guest",
            ],
            toml: [
                "hostname = 'demo'", "user = 'dora'", "ssh-keys = [ 'ssh-ed25519 AAAAC3 dora@home' ]",
                "sleep-button = 'guest'",
            ],
            report: [#""guest":{"hostname":"demo","sleepButton":"guest","sshKeys":1,"user":"dora"}"#],
            besides: ["--model", "virt-2"]),
        Field(
            "clock", ["--clock", "instructions"], toml: ["clock = 'instructions'"], report: [#""clock":"instructions""#]
        ),
        Field(
            "seed", ["--seed", "7"], toml: ["seed = 7"], report: [#""seed":7"#], besides: ["--clock", "instructions"]),
        Field("watchdog", ["--watchdog", "crash"], toml: ["watchdog = 'crash'"], report: [#""watchdog":"crash""#]),
        Field("console", ["--console", "virtio"], toml: ["console = 'virtio'"], report: [#""console":"virtio""#]),
    ]

    /// Fields that a form does not have, and why.
    static let others = [
        "hardwareSignature": "a kept VM's follows from its environment; the option and the report have it",
        "knownHeaderEnds": "what was seen on disks, and not chosen",
        "laboratory": "is no part of the machine",
        "semihosting": "is for programs that are run, and not kept",
        "wantsDeviceTreeButtons": "QEMU's board has them; a model's own machine has none by a device tree",
        "shares": "QEMU's command line has them; a guest that hibernates loses them, so that a kept VM has none",
        "ports": "whoever asks for one says what is at its other end: QEMU's command line, and create for an agent's",
        "initialCounter": "where the last run left it",
        "initialCounterTime": "the same",
        "kernelCopy": "a kept VM's own copy of `kernel`, which is what is chosen",
        "initrdCopy": "the same",
    ]

    private static func machine(_ arguments: [String]) throws -> MachineConfiguration {
        // UEFI finds one on a disk.
        let isFound = arguments.contains("uefi=/code.fd") && arguments.contains("--disk")
        let kernel = arguments.contains("--kernel") || isFound ? [] : ["--kernel", "/k"]
        return try MachineOptions.parse(kernel + arguments).machine
    }

    /// Every field by its name, as text.
    private static func values(_ machine: MachineConfiguration) -> [String: String] {
        var values: [String: String] = [:]
        for child in Mirror(reflecting: machine).children {
            guard let name = child.label else { continue }
            values[name] = String(reflecting: child.value)
        }
        values["model"] = machine.model.name
        return values
    }

    private static func toml(_ machine: MachineConfiguration) throws -> String {
        try VMConfiguration(machine, hibernation: .init()).toml()
    }

    /// The parts of the report that tell of the configuration.
    private static func report(_ machine: MachineConfiguration) throws -> String {
        struct Parts: Encodable {
            var configuration: RunReport.Configuration
            var psci: RunReport.PSCI
        }
        return try StableJSON.text(
            of: Parts(
                configuration: RunReport.Configuration(machine),
                psci: RunReport.PSCI(machine.psci, FirmwareCallRecord())))
    }

    @Test("Every field of a configuration has its forms, or a reason why it has none")
    func completeness() throws {
        let fields = Set(Self.values(try Self.machine([])).keys)
        let known = Set(Self.fields.map(\.name)).union(Self.others.keys)
        #expect(fields.subtracting(known).sorted() == [], "give each its forms above, or a reason in `others`")
        #expect(known.subtracting(fields).sorted() == [], "no configuration has these")
    }

    @Test("What an option sets, and nothing else, is in vm.toml and in the report, and comes back", arguments: fields)
    func forms(field: Field) throws {
        let before = try Self.machine(field.besides)
        let machine = try Self.machine(field.besides + field.options)
        let (old, new) = (Self.values(before), Self.values(machine))
        #expect(new.filter { $0.value != old[$0.key] }.map(\.key) == [field.name])

        let (oldText, text) = (try Self.toml(before), try Self.toml(machine))
        for line in field.toml { #expect(text.contains(line) && !oldText.contains(line), "\(line) in \(text)") }
        let read = Self.values(try VMConfiguration(toml: text).machine())
        for (name, value) in new where Self.others[name] == nil {
            // Everything that the guest can see is written out.
            let isWrittenOut = name == "networks"
            #expect(read[name] == value || isWrittenOut, "\(name)")
        }
        #expect(try Self.toml(VMConfiguration(toml: text).machine()) == text)

        let (oldReport, report) = (try Self.report(before), try Self.report(machine))
        for piece in field.report {
            #expect(report.contains(piece) && !oldReport.contains(piece), "\(piece) in \(report)")
        }
    }
}
