// A process of qemu-aarch64 that is talked to by pipes.

import Foundation

/// Runs one of the programs of `Tests/Oracle` under qemu-aarch64. What goes through its standard input and output is the
/// user's.
final class QemuProcess {
    /// Seconds after which it is taken to hang.
    static let patience = 120

    /// The model whose features are closest to ours: Armv8.2 with LSE, RDM, DotProd, LRCPC and DC CVAP, but without
    /// PAuth, SVE and the later extensions that `max` has. What it lacks, `CPUModel.oracle` lacks.
    static let cpuModel = "neoverse-n1"
    /// One that has everything that qemu 7.2 knows, but for what is of no use here.
    static let latestCPUModel = "max,sve=off,sme=off,pauth=off"

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

    /// Starts it, with what it expects first: the contents of the read-only page.
    ///
    /// - Parameter cpu: its CPU model.
    init(running program: String, cpu: String = QemuProcess.cpuModel) throws {
        guard let executable = Self.executable else { throw OracleError.stopped("it is not installed") }
        // A runner that ends early must not end the test process by SIGPIPE.
        signal(SIGPIPE, SIG_IGN)
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = ["-cpu", cpu, try OraclePrograms.directory.get() + "/\(program)"]
        process.standardInput = input
        process.standardOutput = output
        // A batch in one piece where that is allowed: both sides then wait less for each other.
        for pipe in [input, output] {
            _ = fcntl(pipe.fileHandleForWriting.fileDescriptor, Self.setPipeSize, 1 << 20)
        }
        try process.run()
        try OracleLayout.readOnlyContents.withUnsafeBytes(write)
    }

    /// F_SETPIPE_SZ, which Glibc's module does not have.
    private static let setPipeSize: Int32 = 1031

    deinit {
        // The end of its input ends the runner.
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        let descriptor = input.fileHandleForWriting.fileDescriptor
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw stopped() }
            done += count
        }
    }

    func read(into bytes: UnsafeMutableRawBufferPointer) throws {
        let descriptor = output.fileHandleForReading.fileDescriptor
        var done = 0
        while done < bytes.count {
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&request, 1, Int32(Self.patience) * 1000) > 0 else {
                process.terminate()
                throw OracleError.noAnswer
            }
            let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[done...])
            let count = Glibc.read(descriptor, rest.baseAddress, rest.count)
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
