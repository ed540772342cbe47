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
        case .noAnswer: "qemu-aarch64 did not answer within \(OracleProcess.patience) seconds"
        }
    }
}

/// A `qemu-aarch64` process that runs cases in batches.
final class OracleProcess: CaseRunner {
    /// Seconds after which the oracle is taken to hang.
    static let patience = 120

    /// The model whose features are closest to ours: Armv8.2 with LSE, RDM, DotProd, LRCPC and DC CVAP, but without
    /// PAuth, SVE and the later extensions that `max` has. It has FP16, which we lack, and lacks RNDR.
    static let cpuModel = "neoverse-n1"

    /// The emulator, or nil if it is not installed.
    static let executable: String? = {
        let directories = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let names = ["qemu-aarch64", "qemu-aarch64-static"]
        return names.lazy.flatMap { name in directories.map { "\($0)/\(name)" } }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var cases: [OracleCase] = []

    init() throws {
        guard let executable = Self.executable else { throw OracleError.stopped("it is not installed") }
        // A runner that ends early must not end the test process by SIGPIPE.
        signal(SIGPIPE, SIG_IGN)
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = ["-cpu", Self.cpuModel, try OraclePrograms.directory.get() + "/runner"]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        try write(OracleLayout.readOnlyContents)
    }

    deinit {
        // The end of its input ends the runner.
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

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
        try write(bytes)
    }

    func finish() throws -> [OracleOutcome] {
        var bytes = [UInt8](repeating: 0, count: cases.count * OracleRecord.byteCount)
        try read(into: &bytes)
        return bytes.withUnsafeBytes { batch in
            cases.indices.map { index in
                let start = index * OracleRecord.byteCount
                return Self.outcome(of: UnsafeRawBufferPointer(rebasing: batch[start..<start + OracleRecord.byteCount]))
            }
        }
    }

    private static func outcome(of record: UnsafeRawBufferPointer) -> OracleOutcome {
        let cause = record.load(fromByteOffset: OracleRecord.cause, as: UInt64.self)
        let page = OracleCause.page(of: record.load(fromByteOffset: OracleRecord.fault, as: UInt64.self))
        let segvMapErr: UInt64 = 1
        let segvAccErr: UInt64 = 2
        let code = cause >> 32
        let ending: OracleCause =
            switch Int32(truncatingIfNeeded: cause) {
            case SIGTRAP: .breakpoint
            case SIGILL: .undefined
            case SIGBUS: .alignment
            case SIGSEGV where code == segvMapErr: .translation(page: page)
            case SIGSEGV where code == segvAccErr: .permission(page: page)
            default: .other("signal \(cause & 0xFFFF_FFFF), code \(code)")
            }
        let data = [UInt8](record[OracleRecord.data..<OracleRecord.data + OracleRecord.dataByteCount])
        return OracleOutcome(state: OracleState(record: record), cause: ending, data: data)
    }

    // MARK: Pipes

    private func write(_ bytes: [UInt8]) throws {
        let descriptor = input.fileHandleForWriting.fileDescriptor
        var done = 0
        while done < bytes.count {
            // Safe: `done` is within the array.
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw stopped() }
            done += count
        }
    }

    private func read(into bytes: inout [UInt8]) throws {
        let descriptor = output.fileHandleForReading.fileDescriptor
        var done = 0
        while done < bytes.count {
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&request, 1, Int32(Self.patience) * 1000) > 0 else {
                process.terminate()
                throw OracleError.noAnswer
            }
            let remaining = bytes.count - done
            // Safe: `done` is within the array.
            let count = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + done, remaining) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw stopped() }
            done += count
        }
    }

    private func stopped() -> OracleError {
        process.waitUntilExit()
        let what = process.terminationReason == .exit ? "exit code" : "signal"
        return .stopped("\(what) \(process.terminationStatus)")
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
