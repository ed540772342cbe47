// The machine monitors that are compared, and how each is told to run the same guest.

import Foundation

/// A kernel, its initramfs, and the RAM that it gets.
struct Guest {
    let directory: URL
    /// The initramfs that also has the programs that compute and use the disk.
    let programsInitrd: URL
    let memoryMebibytes: Int
    /// The initramfs that it starts with.
    var initrd: URL

    init(directory: URL, programsInitrd: URL, memoryMebibytes: Int) {
        self.directory = directory
        self.programsInitrd = programsInitrd
        self.memoryMebibytes = memoryMebibytes
        initrd = directory.appending(path: "initramfs.cpio")
    }

    var kernel: String { directory.appending(path: "vmlinuz").path }
    /// Of the kernel, as `uname -r` has it.
    var release: String {
        let text = try? String(contentsOf: directory.appending(path: "release"), encoding: .utf8)
        return text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "unknown"
    }

    /// The command line that makes Guests/linux/init do `test`.
    func commandLine(_ test: String) -> String { "console=ttyAMA0 panic=1 dormouse.test=\(test)" }
}

/// What a guest's disk is in.
struct DiskImage {
    enum Format: String, CaseIterable {
        case raw, qcow2
    }

    var file: URL
    var format: Format
}

/// A program that runs guests.
protocol Monitor {
    var name: String { get }
    /// What it says about its version.
    var version: String { get }
    var executable: URL { get }
    /// How it is told to run `test` in `guest` with one CPU and one disk, the console on standard output.
    func arguments(_ guest: Guest, test: String, disk: DiskImage, report: URL) -> [String]
    /// How it is told to start a distribution from a copy of its disk with one CPU, the console on standard output.
    func arguments(_ distribution: Distribution, by way: Distribution.Way, disk: URL, variables: URL)
        -> [String]
}

struct Dormouse: Monitor {
    let executable: URL
    /// What --engine is given; nil leaves the choice to it.
    let engine: String?
    let name: String

    /// One for each engine, or one with none named.
    static func all(executable: URL, engines: [String]) -> [Dormouse] {
        engines.isEmpty
            ? [Dormouse(executable: executable, engine: nil, name: "dormouse")]
            : engines.map { Dormouse(executable: executable, engine: $0, name: $0) }
    }

    var version: String { firstLine(of: executable, ["--version"]) }

    func arguments(_ guest: Guest, test: String, disk: DiskImage, report: URL) -> [String] {
        [
            "run", "--kernel", guest.kernel, "--initrd", guest.initrd.path, "--disk",
            "\(disk.file.path),format=\(disk.format.rawValue)", "--cpus", "1",
            "--memory", String(guest.memoryMebibytes), "--append", guest.commandLine(test), "--no-reboot",
            "--report", report.path,
        ] + (engine.map { ["--engine", $0] } ?? [])
    }

    func arguments(_ distribution: Distribution, by way: Distribution.Way, disk: URL, variables: URL)
        -> [String]
    {
        var words = [
            "run", "--model", "virt-2", "--disk", "\(disk.path),format=raw", "--cpus", "1",
            "--memory", String(distribution.memoryMebibytes), "--no-reboot",
        ]
        switch way {
        case .uefi:
            words += ["--firmware", "uefi=\(distribution.code.path)", "--uefi-vars", variables.path]
        case .kernel:
            words += ["--kernel", distribution.kernel.path, "--initrd", distribution.initrd.path]
            words += ["--firmware", "dt", "--append", Distribution.commandLine]
        }
        return words + (engine.map { ["--engine", $0] } ?? [])
    }
}

/// With its own software CPU, one that is quick for it and about as capable as ours.
struct QEMU: Monitor {
    let name = "qemu"
    let executable: URL
    var version: String { firstLine(of: executable, ["--version"]) }

    /// Nil if it is not installed.
    init?() {
        let directories = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
        let candidates = directories.map { URL(filePath: "\($0)/qemu-system-aarch64") }
        guard let found = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0.path) }) else {
            return nil
        }
        executable = found
    }

    func arguments(_ guest: Guest, test: String, disk: DiskImage, report: URL) -> [String] {
        [
            "-M", "virt,gic-version=3", "-accel", "tcg", "-cpu", "cortex-a57", "-smp", "1",
            "-m", String(guest.memoryMebibytes), "-global", "virtio-mmio.force-legacy=false",
            "-display", "none", "-serial", "stdio", "-monitor", "none", "-nic", "none", "-no-reboot",
            "-kernel", guest.kernel, "-initrd", guest.initrd.path, "-append", guest.commandLine(test),
            // Neither monitor goes round the host's page cache.
            "-drive", "file=\(disk.file.path),format=\(disk.format.rawValue),if=none,id=disk",
            "-device", "virtio-blk-device,drive=disk",
        ]
    }

    func arguments(_ distribution: Distribution, by way: Distribution.Way, disk: URL, variables: URL)
        -> [String]
    {
        var words = [
            "-M", "virt,gic-version=3", "-accel", "tcg", "-cpu", "cortex-a57", "-smp", "1",
            "-m", String(distribution.memoryMebibytes), "-global", "virtio-mmio.force-legacy=false",
            "-display", "none", "-serial", "stdio", "-monitor", "none", "-nic", "none", "-no-reboot",
            "-drive", "file=\(disk.path),format=raw,if=none,id=disk", "-device",
            "virtio-blk-device,drive=disk",
        ]
        switch way {
        case .uefi:
            words += ["-drive", "if=pflash,format=raw,readonly=on,file=\(distribution.code.path)"]
            words += ["-drive", "if=pflash,format=raw,file=\(variables.path)"]
        case .kernel:
            words += ["-kernel", distribution.kernel.path, "-initrd", distribution.initrd.path]
            words += ["-append", Distribution.commandLine]
        }
        return words
    }
}

/// What a program says first.
private func firstLine(of executable: URL, _ arguments: [String]) -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = executable
    process.arguments = arguments
    process.standardOutput = output
    guard (try? process.run()) != nil else { return "unknown" }
    let bytes = (try? output.fileHandleForReading.readToEnd()) ?? nil
    process.waitUntilExit()
    return String(decoding: bytes ?? Data(), as: UTF8.self).split(separator: "\n").first.map(String.init) ?? "unknown"
}
