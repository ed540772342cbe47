// A distribution's disk, as scripts/fetch-distribution made it, and a VM that is kept with it.

import Foundation
import TestSupport
import Testing

enum Distribution {
    /// Debian with what boots, hibernates and is reached by ssh.
    static let image = LinuxGuest.directory.deletingLastPathComponent()
        .appending(path: "distributions/debian-trixie-small/disk.img")
    /// The same with cloud-init, sudo, tmux and what people expect of a machine.
    static let fullImage = LinuxGuest.directory.deletingLastPathComponent()
        .appending(path: "distributions/debian-trixie/disk.img")
    static let isFullThere = FileManager.default.isReadableFile(atPath: fullImage.path)
    static let whyNotFull: Comment = "there is no \(fullImage.path): run scripts/fetch-distribution debian"
    /// It takes minutes to make and to test.
    static let isWanted = Nightly.isOn
    static let notWanted: Comment = "only nightly, with DORMOUSE_NIGHTLY=1"
    static let isThere = FileManager.default.isReadableFile(atPath: image.path)
    static let whyNot: Comment = """
        there is no \(image.path): run scripts/fetch-distribution --small debian
        """
    static let hasSSH = HostProgram.isThere("ssh") && HostProgram.isThere("ssh-keygen") && HostProgram.isThere("passt")
    static let noSSH: Comment = "OpenSSH's client or passt is not installed: run scripts/setup"
}

/// A VM with a copy of the disk, which is reached by ssh.
struct DistributionVM {
    let vm: KeptVM
    private let key: URL
    /// Seconds that its server of ssh has to answer.
    private static let patience = 280

    /// Makes the VM.
    ///
    /// - Parameters:
    ///   - name: Of the scratch directory.
    ///   - image: The disk.
    ///   - code: What starts the guest, as `--firmware` has it.
    ///   - firmware: `acpi` or `dt`, what that gives the operating system.
    ///   - options: Others of `dormouse create`.
    init(
        _ name: String, image: URL = Distribution.image, code: String = UEFI.firmware, firmware: String, cpus: Int,
        options: [String] = []
    ) throws {
        let scratch = try Scratch(name)
        key = scratch.file("key")
        try #require(try HostProgram.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key.path]) == 0)
        var machine = GuestMachine(.systemOff2, test: "none")
        machine.kernel = nil
        machine.initrd = nil
        machine.append = []
        machine.cpus = cpus
        vm = try KeptVM(
            scratch, machine, disk: try scratch.copy(image, "disk.img"),
            firmware: "\(code),\(firmware)",
            options: [
                "--model", "virt-2", "--memory", "512M", "--hostname", "den", "--ssh-key", "\(key.path).pub",
                "--net", "user,forward=tcp:\(try HostPort.free()):22",
            ] + options)
    }

    /// Starts it; its firmware runs when this returns.
    ///
    /// - Parameters:
    ///   - word: What the firmware says first.
    ///   - options: Others of `dormouse start`.
    func start(
        _ name: String, saying word: String = "UEFI firmware", options: [String] = []
    ) throws -> DormouseRun {
        let run = try vm.start(name, options)
        try run.waitForConsole(word)
        return run
    }

    /// Runs a command in the guest, which has to succeed; returns what it wrote.
    @discardableResult
    func ssh(_ command: String) throws -> String {
        let (code, output, error) = try run(command)
        guard code == 0 else { throw DormouseRun.Failure("\(command): exit code \(code), \(output), \(error)") }
        return output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Runs a command in the guest.
    func run(_ command: String) throws -> (code: Int32, output: String, error: String) {
        let options = ["--identity", key.path, "--timeout", "\(Self.patience)"]
        let (code, output, error) = try Command.run(
            Dormouse.executable, ["ssh"] + vm.store + options + ["vm", command])
        return (code, String(decoding: output, as: UTF8.self), error)
    }

    /// What `dormouse inspect` prints.
    func inspect() throws -> String {
        let (code, output, error) = try Command.run(Dormouse.executable, ["inspect", "vm"] + vm.store)
        guard code == 0 else { throw DormouseRun.Failure("inspect: exit code \(code), \(error)") }
        return String(decoding: output, as: UTF8.self)
    }

    /// Copies files by `dormouse cp`.
    func copy(_ from: String, _ to: String) throws {
        let (code, _, error) = try Command.run(
            Dormouse.executable, ["cp"] + vm.store + ["--identity", key.path, from, to])
        guard code == 0 else { throw DormouseRun.Failure("cp \(from) \(to): \(error)") }
    }
}
