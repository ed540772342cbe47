// `dormouse inspect`: what a VM is, and what its next start would do.

import ArgumentParser
import Bytes
import Glibc
import Hibernation
import HostSupport
import KeptVMs
import Machine

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show a VM: its configuration, what its guest sees, how it ended, and what the next start would do.")

    @OptionGroup var vmOptions: VMOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        Command.run { try inspect() }
    }

    private func inspect() throws -> ExitCode {
        let vm = try vmOptions.vm()
        let phase = try VMPhase(vm)
        let configuration = try vm.configuration()
        let plan: StartPlan? =
            if case .running = phase { nil } else { try StartPlan(vm, request: StartRequest(), now: WallClock.now) }
        if output.isJSON {
            let inspection = Inspection(
                name: vm.name, path: vm.path, phase: phase.name, configuration: configuration, state: try vm.state(),
                environment: plan?.environment, nextStart: plan?.report(), images: Self.images(plan),
                hibernateLocation: vm.hibernateLocation, enabled: vm.enabledScope)
            Output.print(try StableJSON.text(of: inspection, indented: true))
            return .poweredOff
        }
        Output.print("VM \(vm.name) in \(vm.path): \(phase.words)")
        Output.print("\nConfiguration (\(vm.configurationPath)):")
        try Output.print(configuration.toml())
        let state = try vm.state()
        if let end = state.lastEnd { Output.print("Last end: \(end.words) (exit code \(end.exitCode))") }
        if let record = state.hibernation?.record {
            let verb = state.hibernation?.isCertain == true ? "Hibernated" : "May have hibernated"
            Output.print(
                "\(verb) by \(record.call.function) on core \(record.call.core), generation \(record.generation), "
                    + "hardware signature \(record.hardwareSignature), Dormouse \(record.dormouse)")
        }
        for image in Self.images(plan) {
            let kernel = image.kernelRelease.map { "Linux \($0)" } ?? "a kernel whose name is not found"
            Output.print("Hibernation image on disk \(image.disk), of \(kernel)")
        }
        if let lost = state.lost { Output.print(Self.words(lost, of: vm)) }
        if let scope = vm.enabledScope { Output.print("Starts with the \(scope.words)") }
        if let location = vm.hibernateLocation { Output.print("UEFI's variable HibernateLocation: \(location)") }
        guard let plan else { return .poweredOff }
        Output.print("\nEnvironment \(plan.environment.fingerprint):")
        for (path, value) in plan.environment.facts.sorted(by: { $0.key < $1.key }) {
            Output.print("  \(path) = \(value)")
        }
        Output.print("\nThe next start: \(plan.kind)")
        for line in plan.words + (plan.refusalCode == nil ? [] : [plan.refusalWords]) { Output.print("  \(line)") }
        return .poweredOff
    }

    /// What is left of a hibernation that was given up.
    private static func words(_ lost: VMState.Lost, of vm: VM) -> String {
        if let path = lost.written.first {
            return "The image that was given up is not put back: \(path) was written since the guest hibernated"
        }
        return "The image that was given up: `dormouse restore-image \(vm.name)` puts it back, "
            + "while its disks are as they were"
    }

    private static func images(_ plan: StartPlan?) -> [FoundImage] {
        (plan?.findings ?? []).flatMap { finding in
            finding.images.map { image in
                FoundImage(
                    disk: finding.path,
                    kernelRelease: image.kernel(onDiskAt: finding.path, format: finding.format)?.release)
            }
        }
    }
}

/// A hibernation image that the next start finds.
private struct FoundImage: Encodable {
    /// Its path.
    var disk: String
    /// Of the kernel that wrote it: the guest is resumed by no other.
    var kernelRelease: String?
}

private struct Inspection: Encodable {
    var name: String
    var path: String
    var phase: String
    var configuration: VMConfiguration
    var state: VMState
    var environment: Environment?
    var nextStart: RunReport.VM?
    var images: [FoundImage]
    /// systemd's variable of UEFI.
    var hibernateLocation: String?
    /// Whose service manager starts it, if one does.
    var enabled: UnitScope?
}
