// What a person chose about a VM, as its `vm.toml` has it.
//
// Responsible for: the file's keys, and turning them into a machine and back. Everything that a guest can see is
// written out, the PSCI policy function by function: a default may change with a new Dormouse, a VM that was made must
// not. Not responsible for reading and writing the file (`VMConfiguration+TOML`).

import Arm64
import Devices
import DiskImages
import Hibernation
import Machine
import PSCI

/// A VM's configuration.
public struct VMConfiguration: Codable, Hashable, Sendable {
    /// The version of these keys.
    public static let currentSchema = 1

    public var schema = currentSchema
    /// The machine model, such as `virt-1`.
    public var model: String
    /// The CPU model; the machine model's if it is not there.
    public var cpu: String?
    public var cpus: Int
    /// `512M` or `2G`.
    public var memory: String
    /// May be missing with UEFI, which finds one itself.
    public var kernel: String?
    public var kernelFormat: String
    public var initrd: String?
    public var append: String
    /// `dt` or `acpi`; `dt` if it is not there.
    public var firmware: String?
    /// UEFI's code, if the machine has UEFI.
    public var uefiCode: String?
    /// What UEFI starts before all else, such as `disk1`; its own order if it is not there.
    public var boot: [String]?
    /// Seconds that UEFI waits for a key; as long as it does itself if it is not there.
    public var bootMenu: Int?
    /// 32 hexadecimal digits, if the machine has a generation id.
    public var generationID: String?
    /// The system's UUID, if it is set.
    public var uuid: String?
    public var console: String
    /// `host` or `instructions`.
    public var clock: String
    public var seed: Int64?
    /// What becomes of a guest that does not refresh its watchdog, if it has one.
    public var watchdog: String?
    public var psci: PolicyRecord
    public var hibernation: HibernationPolicy
    public var disks: [Disk]?
    public var networks: [Network]?
    /// What the guest's operating system is told; nothing but to hibernate at the sleep button if it is not there.
    public var guest: Guest?
    /// What the host does with the VM; its defaults if it is not there.
    public var host: Host?

    enum CodingKeys: String, CodingKey {
        case schema, model, cpu, cpus, memory, kernel
        case kernelFormat = "kernel-format"
        case initrd, append, firmware
        case uefiCode = "uefi-code"
        case boot
        case bootMenu = "boot-menu"
        case generationID = "generation-id"
        case uuid, console, clock, seed, watchdog, psci, hibernation
        case disks = "disk"
        case networks = "network"
        case guest, host
    }

    public struct Disk: Codable, Hashable, Sendable {
        public var path: String
        public var readonly: Bool
        /// `raw` or `qcow2`: it is taken for that whatever it looks like; nil if it is what it looks like.
        public var format: String?
        /// `report` or `stop`; `report` if it is not there.
        public var onError: String?
        /// What the guest finds as its serial number; the model's own if it is not there.
        public var serial: String?

        enum CodingKeys: String, CodingKey {
            case path, readonly, format, serial
            case onError = "on-error"
        }

        /// nil if there is none, or none that is known.
        var diskFormat: DiskFormat? { format.flatMap(DiskFormat.init) }

        init(_ disk: DiskConfiguration) {
            path = disk.path
            readonly = disk.isReadOnly
            format = disk.format?.rawValue
            onError = disk.onError == .report ? nil : disk.onError.rawValue
            serial = disk.serial
        }

        func disk() throws(VMConfigurationError) -> DiskConfiguration {
            guard (format == nil) == (diskFormat == nil) else {
                throw VMConfigurationError(
                    "the format of disk \(path) is \"raw\" or \"qcow2\", or left out; convert disks in others")
            }
            var disk = DiskConfiguration(path: path, isReadOnly: readonly, format: diskFormat, serial: serial)
            if let onError { disk.onError = try VMConfiguration.value(onError, "on-error") }
            return disk
        }
    }

    /// What is to happen to a guest that hibernated.
    public struct HibernationPolicy: Codable, Hashable, Sendable {
        /// `refuse`, `clean` or `keep`.
        public var onChange = OnChange.refuse
        /// `refuse`, `clean` or `resume`.
        public var onExpiry = OnExpiry.refuse
        /// How long a guest may sleep, such as `60d`; nil for ever.
        public var expiresAfter: String?
        /// `sampled` or `full`: how closely disks are looked at.
        public var diskHash = DiskHash.sampled

        enum CodingKeys: String, CodingKey {
            case onChange = "on-change"
            case onExpiry = "on-expiry"
            case expiresAfter = "expires-after"
            case diskHash = "disk-hash"
        }

        public init() {}
    }

    /// What of a disk's content is kept with a hibernation.
    public enum DiskHash: String, Codable, Sendable, CaseIterable {
        case sampled
        case full
    }

    /// The configuration that describes `machine`.
    public init(_ machine: MachineConfiguration, hibernation: HibernationPolicy) {
        model = machine.model.name
        cpu = machine.cpu?.name
        cpus = machine.cpuCount
        memory = "\(machine.memoryByteCount >> 20)M"
        kernel = machine.kernel
        kernelFormat = machine.kernelFormat.rawValue
        initrd = machine.initrd
        append = machine.commandLine
        firmware = machine.hardwareDescription.rawValue
        uefiCode = machine.uefi?.code
        boot = machine.bootOrder.isEmpty ? nil : machine.bootOrder.map(\.description)
        bootMenu = machine.bootMenuWait
        generationID = machine.generationID.map(GenerationID.text(of:))
        uuid = machine.uuid.map(SystemUUID.text(of:))
        console = machine.console.rawValue
        clock = machine.clock.rawValue
        seed = machine.clock == .instructions ? Int64(bitPattern: machine.seed) : nil
        watchdog = machine.watchdog?.rawValue
        psci = PolicyRecord(machine.psci)
        self.hibernation = hibernation
        guest = Guest(machine.guest, hasAgent: machine.ports.contains(GuestAgent.port))
        networks = machine.networks.indices.map { Network(machine, index: $0) }
        disks = machine.disks.map(Disk.init)
    }

    /// The machine; throws the reason why there is none on any host, for people.
    public func machine() throws(VMConfigurationError) -> MachineConfiguration {
        guard schema == Self.currentSchema else {
            throw VMConfigurationError("schema \(schema) is not known to this version of Dormouse")
        }
        guard let model = MachineModel.all.first(where: { $0.name == model }) else {
            throw VMConfigurationError("this version of Dormouse has no machine model \(model)")
        }
        guard let memory = MemorySize(memory) else {
            throw VMConfigurationError("memory = \"\(memory)\" is no size such as \"512M\" or \"2G\"")
        }
        guard let policy = psci.policy else {
            throw VMConfigurationError("[psci] names something that is not known, or that does not go together")
        }
        _ = try hibernation.expirySeconds()
        var machine = MachineConfiguration(kernel: kernel, model: model)
        if let cpu {
            guard let model = CPUModel.named(cpu) else {
                let choices = CPUModel.all.map { "\"\($0.name)\"" }.joined(separator: ", ")
                throw VMConfigurationError("cpu = \"\(cpu)\" is none of \(choices)")
            }
            machine.cpu = model
        }
        machine.cpuCount = cpus
        machine.memoryByteCount = memory.byteCount
        machine.kernelFormat = try Self.value(kernelFormat, "kernel-format")
        machine.initrd = initrd
        machine.commandLine = append
        if let firmware {
            guard let kind = HardwareDescription(rawValue: firmware) else {
                throw VMConfigurationError("firmware = \"\(firmware)\" is neither \"dt\" nor \"acpi\"")
            }
            machine.hardwareDescription = kind
        }
        guard kernel != nil || uefiCode != nil else {
            throw VMConfigurationError("there is neither a key kernel nor a key uefi-code; give what is to be started")
        }
        machine.uefi = uefiCode.map { UEFIConfiguration(code: $0) }
        for text in boot ?? [] {
            guard let device = BootDevice(text) else {
                throw VMConfigurationError("boot has \"\(text)\", which is no device such as \"disk0\" or \"net0\"")
            }
            machine.bootOrder.append(device)
        }
        machine.bootMenuWait = bootMenu
        if let generationID {
            guard let bytes = GenerationID.bytes(of: generationID) else {
                throw VMConfigurationError("generation-id = \"\(generationID)\" is not 32 hexadecimal digits")
            }
            machine.generationID = bytes
        }
        if let uuid {
            guard let bytes = SystemUUID.bytes(of: uuid) else {
                throw VMConfigurationError(
                    "uuid = \"\(uuid)\" is none; it is 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12")
            }
            machine.uuid = bytes
        }
        machine.console = try Self.value(console, "console")
        machine.clock = try Self.value(clock, "clock")
        machine.seed = UInt64(bitPattern: seed ?? 0)
        if let watchdog { machine.watchdog = try Self.value(watchdog, "watchdog") }
        machine.psci = policy
        machine.disks = []
        for disk in disks ?? [] { machine.disks.append(try disk.disk()) }
        if let guest { machine.guest = try guest.setup() }
        if guest?.agent == true { machine.ports = [GuestAgent.port] }
        machine.networks = []
        for network in networks ?? [] { machine.networks.append(try network.network()) }
        try host?.check(machine)
        do throws(MachineError) {
            try machine.checkByItself()
        } catch { throw VMConfigurationError(error.description) }
        return machine
    }

    /// The same with every path from the root on.
    ///
    /// - Parameter directory: where files are whose paths do not begin with a slash.
    func placed(in directory: String) -> VMConfiguration {
        withPaths { $0.hasPrefix("/") || $0.isEmpty ? $0 : "\(directory)/\($0)" }
    }

    /// The same with the files of a directory that has another name now.
    func moved(from old: String, to new: String) -> VMConfiguration {
        withPaths { $0.hasPrefix("\(old)/") ? new + $0.dropFirst(old.count) : $0 }
    }

    private func withPaths(_ path: (String) -> String) -> VMConfiguration {
        var changed = self
        changed.kernel = kernel.map(path)
        changed.initrd = initrd.map(path)
        changed.uefiCode = uefiCode.map(path)
        for index in (disks ?? []).indices { changed.disks?[index].path = path(disks?[index].path ?? "") }
        return changed
    }

    static func value<Value: RawRepresentable<String> & CaseIterable>(
        _ text: String, _ key: String
    ) throws(VMConfigurationError) -> Value {
        guard let value = Value(rawValue: text) else {
            let choices = Value.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
            throw VMConfigurationError("\(key) = \"\(text)\" is none of \(choices)")
        }
        return value
    }
}

extension VMConfiguration {
    /// The seconds of a time such as `60d`.
    static func seconds(_ text: String) throws(VMConfigurationError) -> UInt64 {
        guard let seconds = TimeSpan.seconds(of: text) else {
            throw VMConfigurationError("\"\(text)\" is no time such as \"12h\" or \"60d\"")
        }
        return seconds
    }
}

extension VMConfiguration.HibernationPolicy {
    /// Seconds that a hibernation may last; nil for ever.
    public func expirySeconds() throws(VMConfigurationError) -> UInt64? {
        guard let expiresAfter else { return nil }
        return try VMConfiguration.seconds(expiresAfter)
    }
}

/// Why a configuration describes no machine. To be said with the file's name.
public struct VMConfigurationError: Error, Hashable, CustomStringConvertible {
    public var description: String

    init(_ description: String) {
        self.description = description
    }
}
