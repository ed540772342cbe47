// What network tests need of the host: a server, and a network namespace. All traffic stays on loopback or in such a
// namespace.

import Foundation
import Glibc
import Testing

/// Programs of the host.
enum HostProgram {
    /// Whether PATH has `name`.
    static func isThere(_ name: String) -> Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
            .contains { access("\($0)/\(name)", X_OK) == 0 }
    }

    /// Runs `words` to their end; returns the exit code.
    @discardableResult
    static func run(_ words: [String]) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = words
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}

/// Serves a file of random bytes by HTTP, as long as it is held.
final class FileServer {
    static let name = "random"

    /// In hexadecimal, as sha256sum has it.
    let checksum: String
    let port: Int
    private let process = Process()
    private let directory: URL

    /// - Parameters:
    ///   - launcher: words of a command that runs the server, such as one that enters a network namespace.
    ///   - scratch: where the file is made.
    init(address: String, launcher: [String] = [], byteCount: Int = 3_000_000, scratch: Scratch) throws {
        directory = scratch.file("served")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let file = directory.appending(path: Self.name)
        var bytes = Data(count: byteCount)
        for index in bytes.indices { bytes[index] = UInt8.random(in: 0...UInt8.max) }
        try bytes.write(to: file)
        checksum = String(try Self.output(of: ["sha256sum", file.path]).prefix(64))

        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments =
            launcher + ["python3", "-u", "-m", "http.server", "0", "--bind", address, "--directory", directory.path]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        // "Serving HTTP on 127.0.0.1 port 41231 (…": it listens by then.
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard let match = line.firstMatch(of: /\sport\s(\d+)\s/), let port = Int(match.1) else {
            kill(process.processIdentifier, SIGKILL)
            throw DormouseRun.Failure("python3 -m http.server does not serve: \(line)")
        }
        self.port = port
    }

    deinit {
        // Not SIGTERM, which a child of this process may find blocked.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: directory)
    }

    /// What a guest fetches that reaches the server at `host`.
    func url(host: String) -> String { "http://\(host):\(port)/\(Self.name)" }

    private static func output(of words: [String]) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = words
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}

/// A network namespace with a TAP device in it, removed with the object.
final class NetworkNamespace {
    static let interface = "tap0"
    /// Of the host's side: documentation's own addresses (RFC 5737), which nobody else sees here.
    static let address = "192.0.2.1"
    static let guestAddress = "192.0.2.2/24"

    static let canBeMade = geteuid() == 0 && HostProgram.isThere("ip") && (try? NetworkNamespace()) != nil
    static let whyNot: Comment = "no network namespace with a TAP device can be made here: that takes root and iproute2"

    private let name = "dormouse-test-\(getpid())"

    /// What runs a command in it.
    var launcher: [String] { ["ip", "netns", "exec", name] }

    init() throws {
        guard try HostProgram.run(["ip", "netns", "add", name]) == 0 else {
            throw DormouseRun.Failure("cannot make a network namespace")
        }
        for words in [
            ["ip", "link", "set", "lo", "up"],
            ["ip", "tuntap", "add", "dev", Self.interface, "mode", "tap"],
            ["ip", "addr", "add", "\(Self.address)/24", "dev", Self.interface],
            ["ip", "link", "set", Self.interface, "up"],
        ] {
            guard try HostProgram.run(launcher + words) == 0 else {
                throw DormouseRun.Failure("cannot \(words.joined(separator: " ")) in a network namespace")
            }
        }
    }

    deinit {
        _ = try? HostProgram.run(["ip", "netns", "del", name])
    }
}
