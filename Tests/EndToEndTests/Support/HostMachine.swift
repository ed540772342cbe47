// A whole host: Debian for x86-64 with systemd, as scripts/fetch-host made it, in QEMU. What it does is a script of the
// test's, on a disk of its own.

import Foundation
import Testing

struct HostMachine {
    static let directory = LinuxGuest.directory.deletingLastPathComponent().appending(path: "host")
    static let isThere =
        ["root.img", "vmlinuz", "initrd.img"].allSatisfy {
            FileManager.default.isReadableFile(atPath: directory.appending(path: $0).path)
        } && HostProgram.isThere(emulator)
    static let whyNot: Comment = "there is no host in \(directory.path), or no \(emulator): run scripts/fetch-host"
    private static let emulator = "qemu-system-x86_64"

    #if arch(x86_64)
    static let canRunDormouse = true
    #else
    static let canRunDormouse = false
    #endif

    private let scratch: Scratch
    private let root: URL
    private let disk: URL

    /// - Parameters:
    ///   - script: what it does at each boot, with the disk that it is on at /test.
    ///   - files: what it has besides, by their paths: files of this machine.
    init(_ scratch: Scratch, script: String, files: [String: URL]) throws {
        self.scratch = scratch
        let tree = try Self.makeTree(scratch, script: script, files: files)
        disk = try scratch.makeDisk("test.img", mebibytes: 3072)
        try Command.tool("mke2fs", ["-q", "-t", "ext4", "-E", "lazy_itable_init=1", "-d", tree.path, disk.path])
        try FileManager.default.removeItem(at: tree)
        root = try scratch.copy(Self.directory.appending(path: "root.img"), "root.img")
    }

    /// What the second disk has.
    static func makeTree(_ scratch: Scratch, script: String, files: [String: URL]) throws -> URL {
        let tree = scratch.file("tree")
        for (path, source) in files {
            let place = tree.appending(path: "root").appending(path: path)
            try FileManager.default.createDirectory(
                at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
            // What a link leads to, rather than the link.
            try Command.tool("cp", ["--dereference", source.path, place.path])
        }
        let run = tree.appending(path: "run")
        try script.write(to: run, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: run.path)
        return tree
    }

    /// Dormouse as the Debian package has it, and its libraries.
    static func dormouse(units directories: [String]) throws -> [String: URL] {
        var files = try libraries(of: Dormouse.executable)
        files["/usr/bin/dormouse"] = Dormouse.executable
        for unit in ["dormouse@.service", "dormouse.target", "dormouse.slice"] {
            for directory in directories {
                files["\(directory)/\(unit)"] = SourceTree.root.appending(path: "Packaging/systemd/\(unit)")
            }
        }
        return files
    }

    /// What the script said, without what else is on the console.
    static func said(_ console: String) -> [String] {
        console.split(whereSeparator: \.isNewline).compactMap { line in
            line.firstRange(of: "host: ").map { String(line[$0.upperBound...]) }
        }
    }

    /// The shared libraries that a program needs, but for the C library's, which the host has.
    private static func libraries(of program: URL) throws -> [String: URL] {
        let (_, output, _) = try Command.run(URL(filePath: "/usr/bin/ldd"), [program.path])
        var libraries: [String: URL] = [:]
        for match in String(decoding: output, as: UTF8.self).matches(of: /=> (\/\S+\/(\S+)) \(/) {
            let name = String(match.2)
            if !["libc.so.6", "libm.so.6"].contains(name) {
                libraries["/usr/local/lib/\(name)"] = URL(filePath: String(match.1))
            }
        }
        return libraries
    }

    /// Runs it until it powers off; returns what its serial port said.
    func run(minutes: Double) throws -> String {
        let console = scratch.file("console")
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        // KVM only where the hardware has it: a nested one that lets its guests run by other means hangs them.
        let cpu = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
        let hasKVM = cpu.contains(/\b(vmx|svm)\b/) && access("/dev/kvm", R_OK | W_OK) == 0
        var arguments = [Self.emulator, "-accel", hasKVM ? "kvm" : "tcg,thread=multi", "-cpu", "max"]
        arguments += ["-smp", "2", "-m", "2560", "-display", "none", "-monitor", "none", "-nic", "none"]
        arguments += ["-serial", "file:\(console.path)"]
        arguments += ["-kernel", Self.directory.appending(path: "vmlinuz").path]
        arguments += ["-initrd", Self.directory.appending(path: "initrd.img").path]
        arguments += ["-append", "console=ttyS0 root=/dev/vda rw init=/usr/local/sbin/init quiet"]
        for disk in [root, disk] {
            arguments += ["-drive", "file=\(disk.path),if=virtio,format=raw,cache=unsafe"]
        }
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let deadline = Date(timeIntervalSinceNow: minutes * 60)
        while process.isRunning {
            if Date() > deadline {
                process.terminate()
                throw DormouseRun.Failure("the host still runs after \(minutes) minutes; see \(console.path)")
            }
            Thread.sleep(forTimeInterval: 0.2)
        }
        return try String(contentsOf: console, encoding: .utf8)
    }
}
