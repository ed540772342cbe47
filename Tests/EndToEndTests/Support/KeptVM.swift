// A VM that Dormouse keeps, as its verbs make and run it.

import Foundation
import Testing

/// A VM in a store of its own.
struct KeptVM {
    let scratch: Scratch
    var store: [String] { ["--store", scratch.file("store").path] }

    /// UEFI's variables.
    var variables: URL { scratch.file("store").appending(path: "vm/variables.fd") }

    /// - Parameter disk: the VM's disk; an empty one if nil.
    init(
        _ scratch: Scratch, _ machine: GuestMachine, disk: URL? = nil, firmware: String = "acpi", options: [String] = []
    ) throws {
        self.scratch = scratch
        var machine = machine
        machine.disks = [try disk ?? scratch.makeDisk()]
        // How guest code is executed is a matter of each start.
        machine.engine = nil
        machine.options = ["--firmware", firmware] + options
        #expect(try command("create", arguments: Array(machine.arguments.dropFirst())) == 0)
    }

    /// Runs `dormouse verb vm …` to its end; returns the exit code.
    func command(_ verb: String, arguments: [String] = []) throws -> Int32 {
        let process = Process()
        process.executableURL = Dormouse.executable
        process.arguments = [verb, "vm"] + store + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Runs `dormouse verb vm …` to its end, which has to be that the guest still runs; returns what it said on
    /// standard error.
    func output(_ verb: String, arguments: [String] = []) throws -> String {
        let process = Process()
        let messages = Pipe()
        process.executableURL = Dormouse.executable
        process.arguments = [verb, "vm"] + store + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = messages
        try process.run()
        let text = try messages.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 53)
        return String(decoding: text, as: UTF8.self)
    }

    func start(_ name: String, _ options: [String] = []) throws -> DormouseRun {
        try DormouseRun(["start", "vm"] + store + options, files: scratch.file(name), input: .none)
    }

    /// Replaces text in `vm.toml`.
    func edit(_ old: String, _ new: String) throws {
        let file = scratch.file("store").appending(path: "vm/vm.toml")
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(text.contains(old))
        try text.replacing(old, with: new).write(to: file, atomically: true, encoding: .utf8)
    }
}
