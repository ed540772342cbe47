// `dormouse create`: a VM that is kept, with everything that its guest can see pinned.

import ArgumentParser
import Glibc
import Hibernation
import KeptVMs
import Machine

struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a VM that is kept.",
        discussion: """
            Writes a directory with vm.toml, which you may edit, and starts nothing. The machine model and every function of \
            PSCI are pinned in it: a newer Dormouse shows the guest the same machine.
            """)

    @OptionGroup var vmOptions: VMOptions
    @OptionGroup(title: "Machine options") var machineOptions: MachineOptions

    @Flag(
        help: ArgumentHelp(
            "A port for QEMU's guest agent (Debian: qemu-guest-agent), by which the guest is asked to hibernate or to "
                + "power off, and told commands (dormouse agent)."))
    var agent = false

    @OptionGroup(title: "cloud-init") var cloudInit: CloudInitOptions

    @Option(
        help: ArgumentHelp(
            "What a start does when a hibernated guest would find another environment: refuse, boot clean, or keep the "
                + "recorded environment once more.", valueName: "policy"))
    var onChange = OnChange.refuse

    @Option(help: ArgumentHelp("How long a hibernation may last, such as 12h or 60d.", valueName: "time"))
    var hibernateFor: String?

    @Option(
        help: ArgumentHelp("What a start does when it lasted longer: refuse, clean or resume.", valueName: "policy"))
    var onExpiry = OnExpiry.refuse

    @Option(
        help: ArgumentHelp(
            "How closely disks are compared after a hibernation: by their times and a sample, or all of their content.",
            valueName: "how"))
    var diskHash = VMConfiguration.DiskHash.sampled

    @Option(
        help: ArgumentHelp(
            "required: refuse unless a swap area on the disks has room for the memory; if-possible: say so.",
            valueName: "how"))
    var hibernate = HibernationDemand.ifPossible

    func run() throws {
        Command.run {
            // What is made today has the newest model, and keeps it.
            var machine = try machineOptions.preparedMachine(otherwise: .virt2)
            machine.kernel = try machine.kernel.map { try AbsolutePath.of($0) }
            if let code = machine.uefi?.code { machine.uefi?.code = try AbsolutePath.of(code) }
            machine.initrd = try machine.initrd.map { try AbsolutePath.of($0) }
            for index in machine.disks.indices {
                machine.disks[index].path = try AbsolutePath.of(machine.disks[index].path)
            }
            for index in machine.networks.indices {
                guard case .passt(let socket) = machine.networks[index].kind else { continue }
                machine.networks[index].kind = .passt(socket: try AbsolutePath.of(socket))
            }
            // A kept VM may be copied, and the copy's guest has to be able to tell.
            if machine.generationID == nil { machine.generationID = VMStore.randomGenerationID() }
            // By UEFI alone a guest can read it.
            if machine.uuid == nil, machine.uefi != nil { machine.uuid = VMStore.randomUUID() }
            if agent { machine.ports = [GuestAgent.port] }
            // Whatever cannot be run is better said now.
            try VirtualMachine.check(machine)
            for warning in [machine.model.warning, machine.cpu?.warning].compactMap(\.self) { Message.write(warning) }
            _ = try MeasuredFiles(of: machine)
            if let words = try hibernate.objection(to: machine) { Message.write(words) }
            var policy = VMConfiguration.HibernationPolicy()
            policy.onChange = onChange
            policy.onExpiry = onExpiry
            policy.expiresAfter = hibernateFor
            policy.diskHash = diskHash
            let vm = try vmOptions.storeOptions.location.create(
                vmOptions.name, VMConfiguration(machine, hibernation: policy), variables: machine.uefi?.variables,
                seed: cloudInit.seed)
            Output.print("\(vm.configurationPath)")
            return .poweredOff
        }
    }

    func validate() throws {
        var policy = VMConfiguration.HibernationPolicy()
        policy.expiresAfter = hibernateFor
        do throws(VMConfigurationError) {
            _ = try policy.expirySeconds()
        } catch { throw ValidationError("--hibernate-for \(error)") }
    }
}
