// The oracle: qemu-aarch64 running `Tests/Oracle/runner.S`.

import Foundation

/// Something that runs cases. Both sides of a comparison are one.
protocol CaseRunner: AnyObject {
    /// Starts running `cases`, at most `OracleRecord.maximumCount`.
    func start(_ cases: [OracleCase]) throws
    /// Waits for the cases last started, and says how each ended.
    func finish() throws -> [OracleOutcome]
}

extension CaseRunner {
    func run(_ cases: [OracleCase]) throws -> [OracleOutcome] {
        try start(cases)
        return try finish()
    }
}

/// Why the oracle has no answer.
enum OracleError: Error, CustomStringConvertible {
    case cannotBuild(String)
    case stopped(String)
    case noAnswer

    var description: String {
        switch self {
        case .cannotBuild(let output): "scripts/build-oracle failed: \(output)"
        case .stopped(let reason): "qemu-aarch64 stopped within the batch: \(reason)"
        case .noAnswer: "qemu-aarch64 did not answer within \(QemuProcess.patience) seconds"
        }
    }
}

/// A `qemu-aarch64` that runs cases in batches.
final class OracleProcess: CaseRunner {
    private let process: QemuProcess
    private var cases: [OracleCase] = []

    init(cpu: String = QemuProcess.cpuModel) throws { process = try QemuProcess(running: "runner", cpu: cpu) }

    func start(_ cases: [OracleCase]) throws {
        self.cases = cases
        var bytes = [UInt8](repeating: 0, count: 8 + cases.count * OracleRecord.byteCount)
        bytes.withUnsafeMutableBytes { batch in
            batch.storeBytes(of: UInt64(cases.count), as: UInt64.self)
            for (index, one) in cases.enumerated() {
                let start = 8 + index * OracleRecord.byteCount
                let record = UnsafeMutableRawBufferPointer(rebasing: batch[start..<start + OracleRecord.byteCount])
                one.initial.store(to: record)
                for (position, word) in one.slotWords.enumerated() {
                    record.storeBytes(of: word, toByteOffset: OracleRecord.code + 4 * position, as: UInt32.self)
                }
                record[OracleRecord.data...].copyBytes(from: one.data)
            }
        }
        try bytes.withUnsafeBytes(process.write)
    }

    func finish() throws -> [OracleOutcome] {
        var bytes = [UInt8](repeating: 0, count: cases.count * OracleRecord.byteCount)
        try bytes.withUnsafeMutableBytes(process.read)
        return bytes.withUnsafeBytes { batch in
            cases.indices.map { index in
                let start = index * OracleRecord.byteCount
                return Self.outcome(of: UnsafeRawBufferPointer(rebasing: batch[start..<start + OracleRecord.byteCount]))
            }
        }
    }

    private static func outcome(of record: UnsafeRawBufferPointer) -> OracleOutcome {
        let data = [UInt8](record[OracleRecord.data..<OracleRecord.data + OracleRecord.dataByteCount])
        return OracleOutcome(state: OracleState(record: record), cause: OracleCause(ofSignalIn: record), data: data)
    }
}

extension OracleCause {
    /// What a signal stands for, in a record of the runner.
    init(ofSignalIn record: UnsafeRawBufferPointer) {
        let cause = record.load(fromByteOffset: OracleRecord.cause, as: UInt64.self)
        let page = Self.page(of: record.load(fromByteOffset: OracleRecord.fault, as: UInt64.self))
        let code = cause >> 32
        let segvMapErr: UInt64 = 1
        let segvAccErr: UInt64 = 2
        switch Int32(truncatingIfNeeded: cause) {
        case SIGTRAP: self = .breakpoint
        case SIGILL: self = .undefined
        case SIGBUS: self = .alignment
        case SIGSEGV where code == segvMapErr: self = .translation(page: page)
        case SIGSEGV where code == segvAccErr: self = .permission(page: page)
        default: self = .other("signal \(cause & 0xFFFF_FFFF), code \(code)")
        }
    }
}

/// The arm64 programs of `Tests/Oracle`.
enum OraclePrograms {
    /// Whether there is what they are built with.
    static let canBeBuilt: Bool = {
        if case .success = directory { true } else { false }
    }()

    /// Builds them once in a process; the directory that holds `runner` and `supervisor.bin`.
    static let directory: Result<String, OracleError> = {
        // Tests/EmulatorTests/Oracle/OracleProcess.swift
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let directory = root.appendingPathComponent(".build/oracle").path
        let process = Process()
        let output = Pipe()
        process.executableURL = root.appendingPathComponent("scripts/build-oracle")
        process.arguments = [directory]
        process.standardError = output
        do {
            try process.run()
        } catch {
            return .failure(.cannotBuild("\(error)"))
        }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return process.terminationStatus == 0 ? .success(directory) : .failure(.cannotBuild(text))
    }()
}
