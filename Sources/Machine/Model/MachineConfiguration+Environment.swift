// What the guest of a configuration can see, as the record of a hibernation keeps it.
//
// A pure function of the configuration, its model, and what was measured of the files that it names. A fact belongs
// here if a guest could tell; file paths, engines, host threads and what the laboratory does to calls do not.
// docs/hibernation.md lists the paths. A path or a value that changes its meaning needs another
// `Environment.currentSchema`: a golden file per model shows when one does.

import Arm64
import Boot
import Bytes
import Devices
import DiskImages
import Hibernation
import Hypervisor
import PSCI

/// What a guest can see of the host's files.
public struct MeasuredFiles: Sendable, Hashable {
    /// Whether the kernel is flat code rather than a Linux Image.
    public var isFlat: Bool
    /// nil: UEFI finds it.
    public var kernel: Fingerprint?
    public var initrd: Fingerprint?
    /// Of every disk, in the order of the slots.
    public var disks: [DiskGeometry]
    /// UEFI's code, without the zeros at its end; nil if there is none.
    public var uefi: Fingerprint?

    public init(
        isFlat: Bool, kernel: Fingerprint?, initrd: Fingerprint?, disks: [DiskGeometry], uefi: Fingerprint? = nil
    ) {
        self.isFlat = isFlat
        self.kernel = kernel
        self.initrd = initrd
        self.disks = disks
        self.uefi = uefi
    }

    /// Reads the files of a configuration.
    public init(of configuration: MachineConfiguration) throws(MachineError) {
        let image = try GuestImage(configuration)
        isFlat = image.isFlat
        kernel = try image.kernel?.fingerprint()
        initrd = try image.initrd?.fingerprint()
        uefi = try image.firmware?.fingerprint()
        disks = try Self.geometries(configuration)
    }

    /// The same.
    ///
    /// - Parameters:
    ///   - configuration: whose files are measured.
    ///   - measure: reads all of a file, and returns its digest.
    public init(of configuration: MachineConfiguration, measure: (HostFile) throws -> Fingerprint) throws {
        let image = try GuestImage(configuration)
        isFlat = image.isFlat
        kernel = try image.kernel.map(measure)
        initrd = try image.initrd.map(measure)
        uefi = try image.firmware.map(measure)
        disks = try Self.geometries(configuration)
    }

    private static func geometries(_ configuration: MachineConfiguration) throws(MachineError) -> [DiskGeometry] {
        var disks: [DiskGeometry] = []
        for disk in configuration.disks {
            do throws(DiskFileError) {
                disks.append(try DiskFile.geometry(ofDiskAt: disk.path, format: disk.format))
            } catch { throw .disk(error) }
        }
        return disks
    }
}

extension MachineConfiguration {
    /// Everything that this machine's guest can see.
    public func environment(_ files: MeasuredFiles) -> Environment {
        var facts: [String: String] = [
            "model": model.name,
            "counter.frequency": "\(model.counterFrequency)",
            "counter.hibernation": model.counterGoesOn ? "goes on" : "restarts",
            "memory.base": hexadecimal(model.ramBase),
            "memory.size": "\(memoryByteCount)",
            "kernel.kind": files.kernel == nil ? "none" : files.isFlat ? "flat" : "linux",
            "kernel.sha256": files.kernel.map { "\($0)" } ?? "none",
            "initrd.sha256": files.initrd.map { "\($0)" } ?? "none",
            "boot.arguments": commandLine,
        ]
        if let uefi = files.uefi { facts["uefi.sha256"] = "\(uefi)" }
        facts.merge(cpuFacts) { $1 }
        facts.merge(psciFacts) { $1 }
        facts.merge(components.facts(files)) { $1 }
        facts.merge(descriptionFacts) { $1 }
        return Environment(facts)
    }

    private var cpuFacts: [String: String] {
        let cpu = cpuModel
        var facts = [
            "cpu.model": cpu.name,
            // More than ID registers tell of.
            "cpu.features": cpu.features.sorted().map(\.name).joined(separator: " "),
            "cpu.count": "\(cpuCount)",
            "cpu.mpidr": mpidrs.map(hexadecimal).joined(separator: " "),
        ]
        // A core that is there and that firmware does not tell of: before PSCI 1.2 a guest sees one less.
        let hidden = Set(0..<cpuCount).subtracting(describedCores).sorted()
        if !hidden.isEmpty { facts["cpu.withheld"] = hidden.map(String.init).joined(separator: " ") }
        // MPIDR_EL1 is each core's own; all others are the model's.
        for register in cpu.fields.keys where register != .mpidrEL1 {
            facts["cpu.\(register)"] = cpu.value(of: register, cpu: 0).map(hexadecimal)
        }
        for selection in cpu.caches.keys {
            facts["cpu.CCSIDR_EL1.\(selection)"] = hexadecimal(cpu.cacheSize(selection: selection))
        }
        return facts
    }

    private var psciFacts: [String: String] {
        let record = PolicyRecord(psci)
        return [
            "psci.version": record.version, "psci.conduit": record.conduit,
            "psci.functions": record.functions.joined(separator: " "),
            "psci.format": record.powerStateFormat,
            "psci.states": record.idleStates.joined(separator: " "),
            "psci.trusted-os": record.trustedOS,
            "psci.cores-per-cluster": "\(record.coresPerCluster)",
        ]
    }

    /// How the machine is described.
    private var descriptionFacts: [String: String] {
        let board = model.board(self, chosen: BoardDescription.Chosen())
        return [
            "firmware.kind": hardwareDescription.rawValue,
            "firmware.tables": "\(Fingerprint(of: board.tablesToCompare))",
        ]
    }
}
