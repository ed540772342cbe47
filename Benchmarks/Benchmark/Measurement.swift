// One round of one monitor: boot and power off, boot and hibernate, resume.

import Foundation

/// What is measured; the names are those of the JSON file.
enum Quantity: String, CaseIterable, Codable {
    case bootToInit, bootToEnd, bootCPU, hibernateToEnd, hibernateCPU, resumeToResumed, resumeToEnd, resumeCPU
    case instructions, mips, overhead

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
        }
    }
}

struct Measurement: Codable {
    private(set) var values: [String: Double] = [:]

    subscript(quantity: Quantity) -> Double? {
        get { values[quantity.rawValue] }
        set { values[quantity.rawValue] = newValue }
    }

    init(of guest: Guest, on monitor: any Monitor) throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "boot-benchmark-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let disk = directory.appending(path: "disk.img")
        _ = FileManager.default.createFile(atPath: disk.path, contents: nil)
        let handle = try FileHandle(forWritingTo: disk)
        try handle.truncate(atOffset: UInt64(guest.memoryMebibytes) << 20)
        try handle.close()
        let report = directory.appending(path: "report.json")

        func run(_ test: String) throws -> MeasuredProcess {
            let process = try MeasuredProcess(
                monitor.executable, monitor.arguments(guest, test: test, disk: disk, report: report),
                guestByteCount: guest.memoryMebibytes << 20)
            let overhead = Self.report(at: report)?.memory.overheadByteCount ?? process.overheadByteCount
            if let overhead { self[.overhead] = max(self[.overhead] ?? 0, Double(overhead) / 0x1p20) }
            if let failure = process.lines.first(where: { $0.text.contains("dormouse: FAILED") }) {
                throw MeasurementError(description: "\(monitor.name): \(failure.text)")
            }
            return process
        }

        let boot = try run("poweroff")
        self[.bootToInit] = try boot.seconds(to: "dormouse: init")
        self[.bootToEnd] = boot.wallSeconds
        self[.bootCPU] = boot.cpuSeconds
        if let report = Self.report(at: report) {
            self[.instructions] = Double(report.guestInstructions) / 1e6
            self[.mips] = Double(report.guestInstructions) / 1e6 / report.cpuSeconds
        }
        let hibernate = try run("hibernate")
        _ = try hibernate.seconds(to: "dormouse: hibernating")
        self[.hibernateToEnd] = hibernate.wallSeconds
        self[.hibernateCPU] = hibernate.cpuSeconds
        let resume = try run("hibernate")
        self[.resumeToResumed] = try resume.seconds(to: "dormouse: resumed, sha256 ok")
        self[.resumeToEnd] = resume.wallSeconds
        self[.resumeCPU] = resume.cpuSeconds
    }

    /// The report of the run before, if the monitor writes one.
    private static func report(at file: URL) -> Report? {
        try? JSONDecoder().decode(Report.self, from: Data(contentsOf: file))
    }
}

/// What Dormouse's report says that cannot be seen from outside.
private struct Report: Decodable {
    var guestInstructions: UInt64
    var cpuSeconds: Double
    var memory: Memory

    struct Memory: Decodable {
        var peakBytes: Int
        var guestTouchedBytes: Int

        var overheadByteCount: Int { peakBytes - guestTouchedBytes }
    }
}
