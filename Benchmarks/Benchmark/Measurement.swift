// One round of one monitor: boot and power off, boot and hibernate, resume; programs; and a disk in each format.

import Foundation

/// What is measured; the names are those of the JSON file.
enum Quantity: String, CaseIterable, Codable {
    case bootToInit, bootToEnd, bootCPU, hibernateToEnd, hibernateCPU, resumeToResumed, resumeToEnd, resumeCPU
    case instructions, mips, overhead
    case uefiToKernel, uefiToLogin, uefiCPU, kernelToLogin, kernelCPU

    var title: String {
        switch self {
        case .bootToInit: "start to init, s"
        case .bootToEnd: "start to powered off, s"
        case .bootCPU: "  CPU time of it, s"
        case .hibernateToEnd: "start to hibernated, s"
        case .hibernateCPU: "  CPU time of it, s"
        case .resumeToResumed: "start to resumed, s"
        case .resumeToEnd: "start to resumed and powered off, s"
        case .resumeCPU: "  CPU time of it, s"
        case .instructions: "guest instructions of a boot, 10^6"
        case .mips: "guest MIPS in a boot, per CPU second"
        case .overhead: "memory over the guest's RAM, MiB"
        case .uefiToKernel: "distribution: start of UEFI to kernel, s"
        case .uefiToLogin: "distribution: start of UEFI to login, s"
        case .uefiCPU: "  CPU time of it, s"
        case .kernelToLogin: "distribution: start of kernel to login, s"
        case .kernelCPU: "  CPU time of it, s"
        }
    }
}

struct Measurement: Codable {
    private(set) var values: [String: Double] = [:]
    /// By the name of the program.
    private(set) var programSeconds: [String: Double] = [:]
    private(set) var checksums: [String: String] = [:]
    /// By the name of the pattern and that of the format.
    private(set) var disk: [DiskPattern: [String: Double]] = [:]

    subscript(quantity: Quantity) -> Double? {
        get { values[quantity.rawValue] }
        set { values[quantity.rawValue] = newValue }
    }

    /// A power-off, a hibernation and a resume.
    mutating func measureBoot(of guest: Guest, on monitor: any Monitor) throws {
        try Scratch.use { scratch in
            let boot = try run("poweroff", of: guest, on: monitor, scratch)
            self[.bootToInit] = try boot.seconds(to: "dormouse: init")
            self[.bootToEnd] = boot.wallSeconds
            self[.bootCPU] = boot.cpuSeconds
            if let report = scratch.readReport() {
                self[.instructions] = Double(report.guestInstructions) / 1e6
                self[.mips] = Double(report.guestInstructions) / 1e6 / report.cpuSeconds
            }
            let hibernate = try run("hibernate", of: guest, on: monitor, scratch)
            _ = try hibernate.seconds(to: "dormouse: hibernating")
            self[.hibernateToEnd] = hibernate.wallSeconds
            self[.hibernateCPU] = hibernate.cpuSeconds
            let resume = try run("hibernate", of: guest, on: monitor, scratch)
            self[.resumeToResumed] = try resume.seconds(to: "dormouse: resumed, sha256 ok")
            self[.resumeToEnd] = resume.wallSeconds
            self[.resumeCPU] = resume.cpuSeconds
        }
    }

    /// Programs of a set, in one run of the guest.
    mutating func measure(_ programs: [String], of set: ProgramSet, in guest: Guest, on monitor: any Monitor) throws {
        var guest = guest
        guest.initrd = guest.programsInitrd
        let process = try Scratch.use { scratch in
            let test = "\(set.rawValue) dormouse.programs=\(programs.joined(separator: ","))"
            return try run(test, of: guest, on: monitor, scratch, countsMemory: false)
        }
        try add(programs, of: process)
    }

    /// A disk in each format, new each time. `maker` makes the images, the same for every monitor.
    mutating func measureDisks(of guest: Guest, on monitor: any Monitor, maker: URL) throws {
        var guest = guest
        guest.initrd = guest.programsInitrd
        for format in DiskImage.Format.allCases {
            let process = try Scratch.use { scratch in
                let image = try scratch.makeImage(format, byteCount: DiskPattern.diskByteCount, by: maker)
                return try run("disk", of: guest, on: monitor, scratch, disk: image, countsMemory: false)
            }
            for pattern in DiskPattern.allCases {
                guard let speed = process.lines.lazy.compactMap({ pattern.speed(line: $0.text) }).first else {
                    throw MeasurementError(description: "there is no result of \(pattern.rawValue)\n\(process.ending)")
                }
                disk[pattern, default: [:]][format.rawValue] = speed
            }
        }
    }

    /// A distribution's disk, from the start to where somebody may log in: by UEFI and its boot loader, and by its
    /// kernel alone. Each on a new copy of the disk, with a flash that nobody has used.
    mutating func measure(_ distribution: Distribution, on monitor: any Monitor) throws {
        for way in Distribution.Way.allCases {
            let process = try Scratch.use { scratch in
                let disk = try scratch.copy(distribution.disk)
                let variables = try scratch.copy(distribution.variables)
                return try MeasuredProcess(
                    monitor.executable,
                    monitor.arguments(distribution, by: way, disk: disk, variables: variables),
                    endingWith: Distribution.login)
            }
            let login = try process.seconds(to: Distribution.login)
            switch way {
            case .uefi:
                self[.uefiToKernel] = try process.seconds(to: Distribution.kernelStarts)
                self[.uefiToLogin] = login
                self[.uefiCPU] = process.cpuSeconds
            case .kernel:
                self[.kernelToLogin] = login
                self[.kernelCPU] = process.cpuSeconds
            }
        }
    }

    /// Takes the results of `programs` from what a process printed.
    mutating func add(_ programs: [String], of process: MeasuredProcess) throws {
        for result in process.lines.compactMap({ ProgramResult(line: $0.text) }) {
            programSeconds[result.name] = result.seconds
            checksums[result.name] = result.checksum
        }
        for program in programs where checksums[program] == nil {
            throw MeasurementError(description: "there is no result of \(program)\n\(process.ending)")
        }
    }

    private mutating func run(
        _ test: String, of guest: Guest, on monitor: any Monitor, _ scratch: Scratch,
        disk image: DiskImage? = nil, countsMemory: Bool = true
    ) throws -> MeasuredProcess {
        let disk = try image ?? scratch.disk(byteCount: UInt64(guest.memoryMebibytes) << 20)
        let process = try MeasuredProcess(
            monitor.executable, monitor.arguments(guest, test: test, disk: disk, report: scratch.report),
            guestByteCount: guest.memoryMebibytes << 20)
        let overhead = scratch.readReport()?.memory.overheadByteCount ?? process.overheadByteCount
        if countsMemory, let overhead { self[.overhead] = max(self[.overhead] ?? 0, Double(overhead) / 0x1p20) }
        if let failure = process.lines.first(where: { $0.text.contains("dormouse: FAILED") }) {
            throw MeasurementError(description: "\(monitor.name): \(failure.text)")
        }
        return process
    }
}

/// The files of some runs that belong together: a disk, and the last report.
struct Scratch {
    private let directory: URL
    var report: URL { directory.appending(path: "report.json") }

    /// Makes a directory, and deletes it with all that is in it.
    static func use<Result>(_ body: (Scratch) throws -> Result) throws -> Result {
        let scratch = try Scratch()
        defer { try? FileManager.default.removeItem(at: scratch.directory) }
        return try body(scratch)
    }

    private init() throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "benchmark-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    /// The disk: sparse and empty when it is first asked for.
    func disk(byteCount: UInt64) throws -> DiskImage {
        let disk = DiskImage(file: directory.appending(path: "disk.img"), format: .raw)
        guard !FileManager.default.fileExists(atPath: disk.file.path) else { return disk }
        _ = FileManager.default.createFile(atPath: disk.file.path, contents: nil)
        let handle = try FileHandle(forWritingTo: disk.file)
        try handle.truncate(atOffset: byteCount)
        try handle.close()
        return disk
    }

    /// A copy of a file, as sparse.
    func copy(_ file: URL) throws -> URL {
        let copy = directory.appending(path: file.lastPathComponent)
        let process = try MeasuredProcess(
            URL(filePath: "/bin/cp"), ["--sparse=always", file.path, copy.path])
        guard process.exitCode == 0 else { throw MeasurementError(description: process.ending) }
        return copy
    }

    /// An empty disk in a format, made by `dormouse image create`.
    func makeImage(_ format: DiskImage.Format, byteCount: Int, by dormouse: URL) throws -> DiskImage {
        let disk = DiskImage(file: directory.appending(path: "disk.\(format.rawValue)"), format: format)
        let process = try MeasuredProcess(
            dormouse, ["image", "create", disk.file.path, String(byteCount), "--format", format.rawValue])
        guard process.exitCode == 0 else { throw MeasurementError(description: process.ending) }
        return disk
    }

    /// The report of the run before, if the monitor writes one.
    func readReport() -> Report? {
        try? JSONDecoder().decode(Report.self, from: Data(contentsOf: report))
    }
}

/// What Dormouse's report says that cannot be seen from outside.
struct Report: Decodable {
    var guestInstructions: UInt64
    var cpuSeconds: Double
    var memory: Memory

    struct Memory: Decodable {
        var peakBytes: Int
        var guestTouchedBytes: Int

        var overheadByteCount: Int { peakBytes - guestTouchedBytes }
    }
}
