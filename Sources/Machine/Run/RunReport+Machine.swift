// Collecting a report from a machine that has run.

import Arm64
import Bytes
import Devices
import DiskImages
import Hibernation
import HostSupport
import Hypervisor
import PSCI

extension RunReport {
    /// The report of `machine`, whose run has ended with `outcome`.
    ///
    /// - Parameters:
    ///   - machine: what ran.
    ///   - outcome: how it ended.
    ///   - exitCode: what the process exits with.
    ///   - findings: what is on the disks after the run.
    ///   - dormouseVersion: of the program that writes it.
    public init(
        of machine: VirtualMachine, outcome: RunOutcome, exitCode: Int32, findings: [HibernationFinding],
        dormouseVersion: String
    ) {
        dormouse = dormouseVersion
        end = End(
            kind: outcome.end.kind, exitCode: exitCode,
            words: outcome.end.words(findings, machine.diskFailures, panic: machine.consolePanic))
        boots = outcome.boots
        wallSeconds = outcome.wallSeconds
        cpuSeconds = outcome.cpuSeconds
        guestInstructions = machine.instructionCount
        mips = outcome.wallSeconds > 0 ? Double(guestInstructions) / 1e6 / outcome.wallSeconds : 0
        psci = PSCI(machine.configuration.psci, machine.firmwareCalls)
        psci.powerDowns = machine.powerDowns
        panics = Dictionary(uniqueKeysWithValues: machine.panicCounts.map { ($0.key.rawValue, $0.value) })
        console = Console(panic: machine.consolePanic, lines: machine.consoleLines)
        disks = zip(machine.configuration.disks, machine.diskActivity).map(DiskUse.init)
        hibernationImages = findings.map(Image.init)
        memory = Memory(machine)
        configuration = Configuration(machine.configuration)
    }
}

extension RunReport.PSCI {
    init(_ policy: Policy, _ calls: FirmwareCallRecord) {
        version = policy.version.name
        conduit = policy.conduit.name
        callCount = calls.count
        lastSystemCall = calls.lastSystemCall.map(RunReport.SystemCall.init)
        refusedSystemOff2 = calls.refusedSystemOff2
        let record = PolicyRecord(policy)
        functions = record.functions
        powerStateFormat = record.powerStateFormat
        idleStates = record.idleStates
        trustedOS = record.trustedOS
        coresPerCluster = record.coresPerCluster
    }
}

extension RunReport.SystemCall {
    fileprivate init(_ call: SystemCall) {
        functionID = hexadecimal(call.functionID)
        name = call.function.name.description
        type = call.type
        cookie = call.cookie.map(hexadecimal)
        core = call.core
        pc = hexadecimal(call.address)
        outcome = call.outcome
    }
}

extension RunReport.DiskUse {
    fileprivate init(_ disk: DiskConfiguration, _ activity: DiskActivity) {
        path = disk.path
        reads = activity.reads
        writes = activity.writes
        flushes = activity.flushes
        failures = activity.failures
    }
}

extension RunReport.Image {
    fileprivate init(_ finding: HibernationFinding) {
        path = finding.path
        found = finding.image != nil
        failure = finding.failure
        partition = finding.image?.partition
        pageSize = finding.image?.pageSize
        flags = finding.image?.flags.rawValue
        hardwareSignature = finding.image?.hardwareSignature.map(hexadecimal)
        checksum = finding.image?.checksum.map(hexadecimal)
        originalSignature = finding.image?.originalSignature?.rawValue
    }
}

extension RunReport.Memory {
    fileprivate init(_ machine: VirtualMachine) {
        let process = ProcessMemory.current
        residentBytes = process?.residentByteCount ?? 0
        peakBytes = process?.peakByteCount ?? 0
        guestTouchedBytes = machine.memory.residentByteCount
        codeCacheBytes = machine.codeByteCount
    }
}

extension RunReport.Configuration {
    init(_ configuration: MachineConfiguration) {
        model = configuration.model.name
        cpu = configuration.cpu?.name
        cpus = configuration.cpuCount
        memoryBytes = configuration.memoryByteCount
        kernel = configuration.kernel
        kernelFormat = configuration.kernelFormat.rawValue
        initrd = configuration.initrd
        append = configuration.commandLine
        firmware = configuration.hardwareDescription.rawValue
        uefiCode = configuration.uefi?.code
        uefiVariables = configuration.uefi?.variables
        bootOrder = configuration.bootOrder.isEmpty ? nil : configuration.bootOrder.map(\.description)
        bootMenu = configuration.bootMenuWait
        hardwareSignature =
            configuration.hardwareDescription == .acpi ? hexadecimal(configuration.hardwareSignature) : nil
        generationID = configuration.generationID.map(GenerationID.text(of:))
        uuid = configuration.uuid.map(SystemUUID.text(of:))
        disks = configuration.disks.map { disk in
            RunReport.Disk(
                path: disk.path, readOnly: disk.isReadOnly, format: disk.format?.rawValue ?? "auto",
                onError: disk.onError.rawValue, serial: disk.serial)
        }
        networks = configuration.networks.indices.map { RunReport.Network(configuration, index: $0) }
        guest = RunReport.Guest(
            hostname: configuration.guest.hostname, user: configuration.guest.user,
            sshKeys: configuration.guest.sshKeys.count, sleepButton: configuration.guest.sleepButton.rawValue)
        clock = configuration.clock.rawValue
        seed = configuration.clock == .instructions ? configuration.seed : nil
        console = configuration.console.rawValue
        watchdog = configuration.watchdog?.rawValue
    }
}

extension RunReport.Network {
    fileprivate init(_ configuration: MachineConfiguration, index: Int) {
        let network = configuration.networks[index]
        switch network.kind {
        case .user: kind = "user"
        case .passt(let socket):
            kind = "passt"
            self.socket = socket
        case .tap(let interface):
            kind = "tap"
            self.interface = interface
        }
        mac = configuration.macAddress(ofNetwork: index).description
        mtu = network.mtu
        forwards = network.forwards.isEmpty ? nil : network.forwards.map(\.description)
    }
}
