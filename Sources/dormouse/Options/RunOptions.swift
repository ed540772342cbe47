// The options of `dormouse run`, and the machine that they describe.

import ArgumentParser
import Arm64
import Emulator
import KeptVMs
import Logging
import Machine
import PSCI

/// The machine: everything that a guest can see.
struct MachineOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The machine model: \(list(MachineModel.all.map(\.name))). (default: \(MachineModel.virt2.name) for a VM that is "
                + "made, and with UEFI; else \(MachineModel.virt1.name))",
            valueName: "model"),
        transform: ModelArgument.parse)
    var model: MachineModel?

    @Option(
        help: ArgumentHelp(
            "The kernel: an arm64 Linux Image, as it is or compressed, an ELF file, or flat code. UEFI finds one on a disk if there "
                + "is none.",
            valueName: "file"))
    var kernel: String?

    @Option(
        help: ArgumentHelp(
            "What the kernel file is. auto takes a .bin file of no known format for flat code.",
            valueName: "format"))
    var kernelFormat = KernelFormat.auto

    @Option(help: ArgumentHelp("The initial RAM disk.", valueName: "file"))
    var initrd: String?

    @Option(
        name: .customLong("disk"),
        help: ArgumentHelp(
            "A disk image, raw or qcow2. May be repeated; the guest sees the disks in this order. FILE,readonly=on is not "
                + "written; FILE,format=raw or qcow2 is taken as that, whatever it looks like; with FILE,overlay=OTHER what is "
                + "written goes to a qcow2 image that is made if it is not there; with FILE,on-error=stop the guest is paused "
                + "while the host cannot do what the disk is asked for; FILE,serial=TEXT has that serial number.",
            valueName: "file"),
        transform: DiskArgument.parse)
    var disks: [DiskArgument] = []

    @Option(
        name: .customLong("net"),
        help: ArgumentHelp(
            "A network: user (passt is started), passt=SOCKET, tap=INTERFACE or none; ,mac=ADDRESS and ,mtu=NUMBER may "
                + "follow, and with user ,forward=tcp:2222:22, which leads the host's port 2222 to the guest's 22. May be "
                + "repeated; see docs/network.md. (default: none)", valueName: "network"),
        transform: NetworkArgument.parse)
    var networks: [NetworkArgument] = []

    @Option(
        help: ArgumentHelp("Memory: 512 or 512M for MiB, 2G for GiB. (default: 512)", valueName: "size"),
        transform: MemoryArgument.parse)
    var memory = MemorySize(byteCount: 512 << 20)

    @Option(
        help: ArgumentHelp(
            "The CPU model: \(list(CPUModel.all.map(\.name))). (default: \(MachineModel.virt1.cpu.name))",
            valueName: "cpu"),
        transform: CPUArgument.parse)
    var cpu: CPUModel?

    @Option(help: ArgumentHelp("CPUs, 1 to 64.", valueName: "n"))
    var cpus = 1

    @Option(
        parsing: .unconditional, help: ArgumentHelp("The command line of the guest's kernel.", valueName: "text"))
    var append = ""

    @Option(
        help: ArgumentHelp(
            "The version of PSCI: \(list(Version.names)). (default: \(MachineModel.virt1.psci.version.name))",
            valueName: "version"),
        transform: PSCIArgument.version)
    var psciVersion: Version?

    @Option(
        help: ArgumentHelp(
            "How the guest calls its firmware: \(list(Conduit.names)). (default: \(MachineModel.virt1.psci.conduit.name))",
            valueName: "conduit"),
        transform: PSCIArgument.conduit)
    var conduit: Conduit?

    @Option(
        help: ArgumentHelp(
            "Changes to PSCI: enable=, disable=, states=, format=, cores-per-cluster=, trusted-os=; see docs/psci.md.",
            valueName: "settings"),
        transform: PSCIArgument.settings)
    var psci = PolicyChanges()

    @Option(
        help: ArgumentHelp(
            "How the guest is told of its machine: \(list(HardwareDescription.allCases.map(\.rawValue))). uefi, or "
                + "uefi=CODE for firmware of your own, starts it by UEFI, with ACPI; uefi,dt without. "
                + "(default: \(HardwareDescription.deviceTree.rawValue))", valueName: "firmware"),
        transform: FirmwareArgument.parse)
    var firmware = FirmwareArgument(hardwareDescription: .deviceTree)

    @Option(
        help: ArgumentHelp(
            "UEFI's variables: a file that this run changes, or that a VM that is made begins with. "
                + "(default: the firmware's own)", valueName: "file"))
    var uefiVars: String?

    @Option(
        help: ArgumentHelp(
            "What UEFI starts before all else that it finds: disks and networks in their order, such as disk1,disk0,net0. "
                + "(default: its own order)", valueName: "devices"),
        transform: BootOrderArgument.init)
    var boot: BootOrderArgument?

    @Option(
        help: ArgumentHelp(
            "How many seconds UEFI waits for a key that leads to its menu, 0 to 65. (default: its own)",
            valueName: "seconds"))
    var bootMenu: Int?

    @Option(
        help: ArgumentHelp(
            "With ACPI: the signature by which the guest knows the machine that it hibernated on. (default: 0, none)",
            valueName: "hex"),
        transform: ACPIArgument.signature)
    var hardwareSignature: UInt32?

    @Option(
        help: ArgumentHelp(
            "The machine's generation id, 32 hexadecimal digits; a copy gets another one. (default: none)",
            valueName: "id"),
        transform: ACPIArgument.generationID)
    var generationID: GenerationIDArgument?

    @Option(
        help: ArgumentHelp(
            "The system's UUID, which a guest of UEFI reads in SMBIOS tables. (default: none)", valueName: "uuid"),
        transform: SystemUUIDArgument.init)
    var uuid: SystemUUIDArgument?

    @Option(
        help: ArgumentHelp(
            "A name for the guest's system, which takes it if it has none. (default: none)", valueName: "name"))
    var hostname: String?

    @Option(
        help: ArgumentHelp(
            "A user that the guest's systemd makes, who may become root by sudo. (default: none)", valueName: "name"))
    var user: String?

    @Option(
        name: .customLong("ssh-key"),
        help: ArgumentHelp(
            "A public key of ssh, or a file of some, for that user, or for root if there is none. May be repeated.",
            valueName: "file"),
        transform: SSHKeyArgument.parse)
    var sshKeys: [SSHKeyArgument] = []

    @Option(
        help: ArgumentHelp(
            "What the guest's systemd does at its sleep button: hibernate, or what the guest says itself.",
            valueName: "what"))
    var sleepButton = GuestSetup.SleepButton.hibernate

    @Option(
        help: ArgumentHelp(
            "What moves the guest's time; by instructions, runs repeat exactly.", valueName: "clock"))
    var clock = ClockKind.host

    @Option(help: ArgumentHelp("Where entropy starts, with --clock=instructions. (default: 0)", valueName: "n"))
    var seed: UInt64?

    @Option(help: ArgumentHelp("The device that what is typed goes to.", valueName: "device"))
    var console = ConsoleKind.pl011

    @Option(
        help: ArgumentHelp(
            "A watchdog for the guest, and what becomes of one that does not refresh it. (default: no watchdog)",
            valueName: "what"))
    var watchdog: WatchdogAction?

    func validate() throws {
        guard kernel != "" else { throw ValidationError("--kernel has no value: name a file") }
        guard kernel != nil || firmware.hasUEFI else {
            throw ValidationError("there is nothing to start: give --kernel, or --firmware uefi")
        }
        guard kernel != nil || append.isEmpty else {
            throw ValidationError("--append means nothing without --kernel: give both, or let UEFI's loader say it")
        }
        guard !firmware.hasUEFI || firmware.foundCode != nil else {
            throw ValidationError(
                "no UEFI was found on this host: install qemu-efi-aarch64 (Debian, Ubuntu) or edk2-aarch64 (Fedora), "
                    + "or name its code with --firmware uefi=CODE")
        }
        guard uefiVars != "" else { throw ValidationError("--uefi-vars has no value: name a file, or leave it out") }
        guard uefiVars == nil || firmware.hasUEFI else {
            throw ValidationError("--uefi-vars means nothing without --firmware uefi: give both or neither")
        }
        guard boot == nil || firmware.hasUEFI else {
            throw ValidationError("--boot means nothing without --firmware uefi: give both or neither")
        }
        guard bootMenu == nil || firmware.hasUEFI else {
            throw ValidationError("--boot-menu means nothing without --firmware uefi: give both or neither")
        }
        guard initrd != "" else { throw ValidationError("--initrd has no value: name a file, or leave it out") }
        guard seed == nil || clock == .instructions else {
            throw ValidationError("--seed means nothing without --clock=instructions: give both or neither")
        }
        guard hardwareSignature == nil || firmware.hardwareDescription == .acpi else {
            throw ValidationError("--hardware-signature means nothing without --firmware acpi: give both or neither")
        }
    }

    /// The model of a run that keeps nothing: it goes on as it always did, unless it needs what only a later one has.
    private var modelOfRun: MachineModel { firmware.hasUEFI ? .virt2 : .virt1 }

    /// The machine of such a run.
    var machine: MachineConfiguration { machine(otherwise: modelOfRun) }

    /// The machine, with what its options ask for made: overlays of disks.
    ///
    /// - Parameter model: the model, if none was chosen; nil: that of a run that keeps nothing.
    func preparedMachine(otherwise model: MachineModel? = nil) throws -> MachineConfiguration {
        var machine = machine(otherwise: model ?? modelOfRun)
        machine.disks = try disks.prepared()
        return machine
    }

    /// The machine.
    ///
    /// - Parameter model: the model, if none was chosen.
    func machine(otherwise model: MachineModel) -> MachineConfiguration {
        var machine = MachineConfiguration(kernel: kernel, model: self.model ?? model)
        machine.kernelFormat = kernelFormat
        machine.initrd = initrd
        machine.disks = disks.map(\.disk)
        machine.networks = networks.compactMap(\.network)
        machine.memoryByteCount = memory.byteCount
        machine.cpu = cpu
        machine.cpuCount = cpus
        machine.commandLine = append
        machine.psci = Policy(psci, over: machine.model.psci, version: psciVersion, conduit: conduit)
        machine.hardwareDescription = firmware.hardwareDescription
        if firmware.hasUEFI, let code = firmware.foundCode {
            machine.uefi = UEFIConfiguration(code: code, variables: uefiVars)
        }
        machine.bootOrder = boot?.devices ?? []
        machine.bootMenuWait = bootMenu
        machine.hardwareSignature = hardwareSignature ?? 0
        machine.generationID = generationID?.bytes
        machine.uuid = uuid?.bytes
        machine.guest.hostname = hostname
        machine.guest.user = user
        machine.guest.sshKeys = sshKeys.flatMap(\.keys)
        machine.guest.sleepButton = sleepButton
        machine.clock = clock
        machine.seed = seed ?? 0
        machine.console = console
        machine.watchdog = watchdog
        return machine
    }
}

/// The run: what the guest does not see.
struct RunOptions: ParsableArguments {
    @Flag(help: "Do not boot the guest again when it resets; exit with code 32.")
    var noReboot = false

    @Option(
        help: ArgumentHelp(
            "How guest code is executed: interpreted, translated to host code at once, or once it is warm.",
            valueName: "engine"))
    var engine = Engine.auto

    @Flag(help: "Write every call of the firmware to standard error, decoded, with its core and its result.")
    var psciTrace = false

    @Option(
        help: ArgumentHelp("Write that trace as text, or as an object of JSON in each line.", valueName: "format"))
    var psciTraceFormat: OutputFormat?

    @Option(
        name: .customLong("lab"),
        help: ArgumentHelp(
            "Make the firmware or the disks misbehave: CPU_ON#2=DENIED, SYSTEM_OFF2=resume, CPU_ON=delay:100, withhold=3, "
                + "disk0.write#120=cut. May be repeated; see docs/psci.md and docs/faults.md.", valueName: "rule"),
        transform: LaboratoryArgument.parse)
    var laboratory: [Laboratory] = []

    @Option(help: ArgumentHelp("Write a report of the run, as JSON.", valueName: "file"))
    var report: String?

    @Option(
        help: ArgumentHelp(
            "What to log on standard error: this level and what is graver: \(list(LogArgument.levels)). "
                + "(default: \(Logger.Level.warning))",
            valueName: "level"),
        transform: LogArgument.parse)
    var log = Logger.Level.warning

    /// What commands at the terminal begin with: QEMU's -echr.
    @Option(name: .customLong("escape"), help: .hidden)
    var escape = EscapeSequence.escape

    func validate() throws {
        guard report != "" else { throw ValidationError("--report has no value: name a file, or leave it out") }
    }

    /// Files that the run writes besides.
    var logPaths: [String] { laboratory.compactMap(\.diskLog) }
}

extension CPUModel {
    /// What whoever uses it has to know; nil if nothing.
    var warning: String? {
        isReleased
            ? nil
            : "the CPU model \(name) is in preparation: it may be another one in the next version of Dormouse, which then "
                + "resumes no guest that hibernated on it"
    }
}

extension MachineModel {
    /// What whoever uses it has to know; nil if nothing.
    var warning: String? {
        isReleased
            ? nil
            : "the machine model \(name) is in preparation: it may be another one in the next version of Dormouse, which then "
                + "resumes no guest that hibernated on it"
    }
}

func list(_ values: [String]) -> String {
    values.dropLast().joined(separator: ", ") + values.suffix(1).map { " or " + $0 }.joined()
}

// MARK: Values

private enum ModelArgument {
    static func parse(_ argument: String) throws -> MachineModel {
        guard let model = MachineModel.all.first(where: { $0.name == argument }) else {
            throw ValidationError("give \(list(MachineModel.all.map(\.name)))")
        }
        return model
    }
}

private enum CPUArgument {
    static func parse(_ argument: String) throws -> CPUModel {
        guard let model = CPUModel.named(argument) else {
            throw ValidationError("give \(list(CPUModel.all.map(\.name)))")
        }
        return model
    }
}

extension DiskArgument {
    fileprivate static func parse(_ argument: String) throws -> DiskArgument {
        guard let disk = DiskArgument(argument) else {
            throw ValidationError(
                "name a disk image, as FILE, FILE,readonly=on, FILE,format=qcow2, FILE,overlay=OTHER or FILE,on-error=stop"
            )
        }
        return disk
    }
}

struct NetworkArgument {
    /// nil: none.
    var network: NetworkConfiguration?

    static func parse(_ argument: String) throws -> NetworkArgument {
        guard argument != "none" else { return NetworkArgument() }
        do throws(NetworkArgumentError) {
            return NetworkArgument(network: try NetworkConfiguration(argument: argument))
        } catch { throw ValidationError(error.description) }
    }
}

private enum MemoryArgument {
    static func parse(_ argument: String) throws -> MemorySize {
        guard let size = MemorySize(argument) else {
            throw ValidationError("give a whole number of MiB, such as 512 or 512M, or of GiB, such as 2G")
        }
        return size
    }
}

private enum LogArgument {
    static let levels = Logger.Level.allCases.map(\.rawValue)

    static func parse(_ argument: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: argument) else { throw ValidationError("give \(list(levels))") }
        return level
    }
}

private enum LaboratoryArgument {
    static func parse(_ argument: String) throws -> Laboratory {
        var laboratory = Laboratory()
        do throws(LaboratoryArgumentError) {
            try laboratory.add(argument: argument)
        } catch { throw ValidationError(error.description) }
        return laboratory
    }
}

/// An order of booting on the command line.
struct BootOrderArgument: Sendable {
    var devices: [BootDevice]

    init(_ argument: String) throws {
        devices = []
        for text in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let device = BootDevice(String(text)) else {
                throw ValidationError("give disks and networks with commas between, such as disk1,disk0,net0")
            }
            devices.append(device)
        }
    }
}

/// 16 bytes.
struct GenerationIDArgument {
    var bytes: [UInt8]
}

/// A UUID on the command line.
struct SystemUUIDArgument: Sendable {
    var bytes: [UInt8]

    init(_ argument: String) throws {
        guard let bytes = SystemUUID.bytes(of: argument) else {
            throw ValidationError("give 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12, with hyphens between")
        }
        self.bytes = bytes
    }
}

private enum ACPIArgument {
    static func signature(_ argument: String) throws -> UInt32 {
        let digits = argument.hasPrefix("0x") ? argument.dropFirst(2) : argument[...]
        guard let signature = UInt32(digits, radix: 16) else {
            throw ValidationError("give up to 8 hexadecimal digits, such as c0ffee01")
        }
        return signature
    }

    static func generationID(_ argument: String) throws -> GenerationIDArgument {
        guard let bytes = GenerationID.bytes(of: argument) else {
            throw ValidationError("give 32 hexadecimal digits")
        }
        return GenerationIDArgument(bytes: bytes)
    }
}

private enum PSCIArgument {
    static func settings(_ argument: String) throws -> PolicyChanges {
        do throws(PolicyChangesError) {
            return try PolicyChanges(argument)
        } catch { throw ValidationError(error.description) }
    }

    static func version(_ argument: String) throws -> Version {
        guard let version = Version(named: argument) else {
            throw ValidationError("give \(list(Version.names))")
        }
        return version
    }

    static func conduit(_ argument: String) throws -> Conduit {
        guard let conduit = Conduit(named: argument) else {
            throw ValidationError("give \(list(Conduit.names))")
        }
        return conduit
    }
}

/// Public keys of ssh.
struct SSHKeyArgument: Sendable {
    var keys: [String]

    /// Most bytes of a file of keys.
    private static let byteLimit = 1 << 20

    /// A key itself, or the lines of a file that are one.
    static func parse(_ argument: String) throws -> SSHKeyArgument {
        if GuestSetup.isKey(argument) { return SSHKeyArgument(keys: [argument]) }
        let bytes: [UInt8]
        do throws(HostError) {
            bytes = try VM.read(argument, limit: byteLimit)
        } catch { throw ValidationError("\(error)") }
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
            .map { String($0.trimmingPrefix(while: \.isWhitespace)) }.filter { !$0.isEmpty && !$0.hasPrefix("#") }
        guard !lines.isEmpty, lines.allSatisfy(GuestSetup.isKey) else {
            throw ValidationError(
                "\(argument) has no public keys of ssh; name a file such as id_ed25519.pub, or give a line of one")
        }
        return SSHKeyArgument(keys: lines)
    }
}

extension KernelFormat: ExpressibleByArgument {}
extension ClockKind: ExpressibleByArgument {}
extension Engine: ExpressibleByArgument {}
extension GuestSetup.SleepButton: ExpressibleByArgument {}
extension ConsoleKind: ExpressibleByArgument {}
extension WatchdogAction: ExpressibleByArgument {}
