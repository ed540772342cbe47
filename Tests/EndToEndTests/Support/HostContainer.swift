// The host of `HostMachine` in a container: the same systemd, on this machine's kernel. It is quick, where a whole
// machine is emulated; what it cannot show is another boot of a kernel.

import Foundation
import Testing

struct HostContainer {
    static let isThere = HostMachine.isThere && HostProgram.isThere("systemd-nspawn")
    static let whyNot: Comment = """
        there is no host in \(HostMachine.directory.path), or no systemd-nspawn: run scripts/fetch-host
        """
    static let canBeMade = geteuid() == 0
    static let whyNotMade: Comment = "a container is root's: run as root"

    /// systemd-nspawn(1): what it exits with if the container wants to be rebooted.
    private static let reboots: Int32 = 133

    private let scratch: Scratch
    private let root: URL
    private let tree: URL

    /// As of `HostMachine`.
    init(_ scratch: Scratch, script: String, files: [String: URL]) throws {
        self.scratch = scratch
        tree = try HostMachine.makeTree(scratch, script: script, files: files)
        root = try scratch.copy(HostMachine.directory.appending(path: "root.img"), "root.img")
        try FileManager.default.createDirectory(at: scratch.file("mounted"), withIntermediateDirectories: true)
    }

    /// Boots it until it powers off; returns what its script said in each boot.
    func run(minutes: Double) throws -> [[String]] {
        var said: [[String]] = []
        while true {
            let console = scratch.file("console-\(said.count + 1)")
            let code = try boot(console, Date(timeIntervalSinceNow: minutes * 60))
            let log = tree.appending(path: "log")
            said.append(HostMachine.said(try String(contentsOf: log, encoding: .utf8)))
            try FileManager.default.moveItem(at: log, to: scratch.file("log-\(said.count)"))
            guard code == Self.reboots else {
                try #require(code == 0, "systemd-nspawn: exit code \(code); see \(console.path)")
                return said
            }
        }
    }

    private func boot(_ console: URL, _ deadline: Date) throws -> Int32 {
        try #require(FileManager.default.createFile(atPath: console.path, contents: nil))
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        // What is mounted goes with the process, however it ends.
        let script = #"""
            mount -o loop "$1" "$2" && rm -f "$2/etc/fstab" && cp -R "$3/root/." "$2" && chroot "$2" ldconfig || exit
            # There is no serial port.
            mkdir -p "$2/etc/systemd/system/host-test.service.d"
            printf '[Service]\nStandardOutput=append:/test/log\nStandardError=append:/test/log\n' \
                >"$2/etc/systemd/system/host-test.service.d/log.conf"
            exec systemd-nspawn --keep-unit --register=no --quiet --directory="$2" --bind="$3:/test" --boot
            """#
        process.arguments =
            ["unshare", "--mount", "--propagation", "private", "bash", "-c", script, "bash"]
            + [root, scratch.file("mounted"), tree].map(\.path)
        process.standardInput = FileHandle.nullDevice
        let output = try FileHandle(forWritingTo: console)
        process.standardOutput = output
        process.standardError = output
        try process.run()
        while process.isRunning {
            if Date() > deadline {
                process.terminate()
                throw DormouseRun.Failure("the container still runs; see \(console.path)")
            }
            Thread.sleep(forTimeInterval: 0.1)
        }
        return process.terminationStatus
    }
}
