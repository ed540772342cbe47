// The shell that is part of Debian's AAVMF: it starts where nothing else can be started, and shows variables as the
// firmware itself finds them.

import Foundation
import Testing

/// A shell at its prompt.
final class EFIShell {
    private let run: DormouseRun
    private var prompts = 1

    /// Starts the firmware with the variables in a file, on a machine with an empty disk.
    ///
    /// - Parameters:
    ///   - name: of the run's files.
    ///   - options: others of `dormouse run`.
    init(_ scratch: Scratch, _ name: String, variables: URL, disk: URL, options: [String] = []) throws {
        var machine = GuestMachine(.systemOff2, test: "none")
        machine.kernel = nil
        machine.initrd = nil
        machine.append = []
        machine.disks = [disk]
        machine.options = UEFI.options + ["--uefi-vars", variables.path] + options
        run = try scratch.start(machine, name, input: .pipe)
        // It looks for a script, five seconds long unless a key is pressed.
        try run.waitForConsole("seconds to skip ")
        try run.send("\r")
        try run.waitForConsole("Shell> ")
    }

    /// Does one command.
    func command(_ text: String) throws {
        try run.send(text + "\r")
        prompts += 1
        try run.waitForConsole("Shell> ", count: prompts)
    }

    /// Gives a variable that lasts a value, as the firmware's own SetVariable does.
    func set(_ name: String, _ vendor: String, _ bytes: [UInt8]) throws {
        let hex = bytes.map { String(format: "%02X", $0) }.joined()
        try command("setvar \(name) -guid \(vendor) -nv -bs -rt =\(hex)")
    }

    /// Powers off, after showing all variables; returns those that last, by name and vendor.
    func finish() throws -> [String: [UInt8]] {
        try command("dmpstore -all -sfo")
        try run.send("reset -s\r")
        let end = try run.waitForEnd()
        try #require(end.exitCode == ExitCode.poweredOff)
        let lines = end.console.matches(
            of: /VariableInfo,"([^"]*)","([0-9A-F-]*)","0x([0-9A-F]*)","0x[0-9A-F]*","([0-9A-F]*)"/)
        var variables: [String: [UInt8]] = [:]
        // EFI_VARIABLE_NON_VOLATILE is bit 0.
        for line in lines where Int(line.3, radix: 16).map({ $0 & 1 }) == 1 {
            variables["\(line.1) \(line.2)"] = [UInt8](hex: line.4)
        }
        return variables
    }
}
