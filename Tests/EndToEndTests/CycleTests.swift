// A VM that starts, hibernates, resumes, stops and is killed, again and again, in an order by chance: what is left
// behind each time has a bound.
//
// A server runs beside it, is asked for what it knows after each step, and must not grow either. The order comes from a
// number that is printed; DORMOUSE_CYCLE_SEED repeats it. Nightly it takes an hour, in parts; DORMOUSE_CYCLE_SECONDS
// says how long a part is.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("Many cycles", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct CycleTests {
        private static let environment = ProcessInfo.processInfo.environment
        private static let seconds =
            environment["DORMOUSE_CYCLE_SECONDS"].flatMap { Double($0) } ?? (Nightly.isOn ? 850 : 20)
        static let seeds: [UInt64] = {
            if let seed = environment["DORMOUSE_CYCLE_SEED"].flatMap({ UInt64($0) }) { return [seed] }
            return (0..<(Nightly.isOn ? 4 : 1)).map { _ in UInt64.random(in: 0..<1 << 32) }
        }()

        /// What is done to the VM, and the states that it is done in.
        private enum Step: CaseIterable {
            case start, hibernate, stop, kill, terminate, discard

            func mayFollow(_ state: String) -> Bool {
                switch self {
                case .start: state != "running"
                case .hibernate, .stop, .kill, .terminate: state == "running"
                case .discard: state == "hibernated"
                }
            }
        }

        @Test(
            "Nothing is left behind by cycles in an order by chance, and the server beside does not grow",
            arguments: seeds)
        func cycles(seed: UInt64) throws {
            print("cycles: DORMOUSE_CYCLE_SEED=\(seed)")
            var random = SplitMix(state: seed)
            let scratch = try Scratch("cycles")
            let vm = try KeptVM(scratch, GuestMachine(.systemOff2, test: "buttons"))
            let server = try Server(scratch, store: vm.store)
            defer { server.end() }
            let end = Date(timeIntervalSinceNow: Self.seconds)
            var state = "defined"
            var most: Residue?
            var count = 0
            while end > .now {
                let step = try #require(Step.allCases.filter { $0.mayFollow(state) }.randomElement(using: &random))
                count += 1
                let comment: Comment = "step \(count), \(step), in state \(state), seed \(seed)"
                state = try perform(step, vm, comment)
                #expect(try word(vm) == state, comment)
                try server.ask()
                let residue = try Residue(vm, server)
                // The first ones may find what everything takes; the log and the events have bounds of their own.
                if count == 6 { most = residue }
                if let most { residue.expectNoMore(than: most, comment) }
            }
            if state == "running" { #expect(try vm.command("kill") == 0) }
            print("cycles: \(count) steps; \(try Residue(vm, server))")
            #expect(count > 3)
        }

        /// Does it, and returns the state that it has to lead to.
        private func perform(_ step: Step, _ vm: KeptVM, _ comment: Comment) throws -> String {
            switch step {
            case .start:
                let options = ["--detach", "--wait-for", "dormouse: waiting for a button", "--timeout", "600"]
                let code = try vm.command("start", arguments: options)
                #expect(code == 0, comment)
                return "running"
            case .hibernate:
                #expect(try vm.command("hibernate", arguments: ["--timeout", "600"]) == 0, comment)
                return "hibernated"
            case .stop:
                #expect(try vm.command("stop", arguments: ["--timeout", "600"]) == 0, comment)
                return "powered-off"
            case .kill:
                #expect(try vm.command("kill") == 0, comment)
                return "unknown"
            case .terminate:
                #expect(try vm.command("kill", arguments: ["--signal", "TERM"]) == 0, comment)
                return "powered-off"
            case .discard:
                #expect(try vm.command("discard") == 0, comment)
                return "powered-off"
            }
        }

        private func word(_ vm: KeptVM) throws -> String {
            let (_, output, _) = try Command.run(Dormouse.executable, ["status", "vm"] + vm.store)
            return String(decoding: output, as: UTF8.self).trimmingCharacters(in: .newlines)
        }
    }
}

/// What cycles leave.
private struct Residue {
    /// In the VM's directory, sockets of a run left out.
    var files: Int
    var byteCount: Int
    var serverDescriptors: Int
    var serverThreads: Int
    var serverByteCount: Int

    init(_ vm: KeptVM, _ server: Server) throws {
        let directory = vm.scratch.file("store").appending(path: "vm")
        let keys: [URLResourceKey] = [.fileSizeKey, .isRegularFileKey]
        let there = FileManager.default.enumerator(at: directory, includingPropertiesForKeys: keys)
        var (files, byteCount) = (0, 0)
        while let file = there?.nextObject() as? URL {
            let values = try? file.resourceValues(forKeys: Set(keys))
            guard values?.isRegularFile == true else { continue }
            files += 1
            // What is said and what happens is kept up to bounds that other tests know.
            if !file.lastPathComponent.hasPrefix("log"), !file.lastPathComponent.hasPrefix("events") {
                byteCount += values?.fileSize ?? 0
            }
        }
        self.files = files
        self.byteCount = byteCount
        (serverDescriptors, serverThreads, serverByteCount) = try server.counts()
    }

    func expectNoMore(than most: Residue, _ comment: Comment) {
        // A log of four files is begun, and one of events.
        #expect(files <= most.files + 6, comment)
        // A kernel and an initrd that a hibernation may need are kept, of one environment.
        #expect(byteCount <= most.byteCount + 256 << 20, comment)
        #expect(serverDescriptors <= most.serverDescriptors + 8, comment)
        #expect(serverThreads <= most.serverThreads + 4, comment)
        #expect(serverByteCount <= most.serverByteCount + 48 << 20, comment)
    }
}

/// `dormouse serve` for the VM's store.
private final class Server {
    private let process = Process()
    private let socket: String

    init(_ scratch: Scratch, store: [String]) throws {
        // A socket's path is short. One of an earlier part is still there, and nobody listens at it.
        let number = UInt32.random(in: .min ... .max)
        socket = "/tmp/dormouse-cycles-\(ProcessInfo.processInfo.processIdentifier)-\(number).sock"
        process.executableURL = Dormouse.executable
        process.arguments = ["serve", "--socket", socket] + store
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        for _ in 0..<3000 where !FileManager.default.fileExists(atPath: socket) { Thread.sleep(forTimeInterval: 0.1) }
        try ask()
    }

    /// Asks for everything once.
    func ask() throws {
        for path in ["v1/vms", "v1/vms/vm", "v1/vms/vm/logs?tail=10", "v1/events?follow=false", "metrics"] {
            try Command.tool(
                "curl", ["-sS", "--fail", "--max-time", "600", "--unix-socket", socket, "http://localhost/\(path)"])
        }
    }

    /// Open files, threads and bytes of memory.
    func counts() throws -> (descriptors: Int, threads: Int, byteCount: Int) {
        let place = "/proc/\(process.processIdentifier)"
        let status = try String(contentsOfFile: "\(place)/status", encoding: .utf8)
        func number(_ key: String) throws -> Int {
            let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("\(key):") })
            return try #require(line.split { $0 == "\t" || $0 == " " }.dropFirst().first.flatMap { Int($0) })
        }
        return (
            try FileManager.default.contentsOfDirectory(atPath: "\(place)/fd").count, try number("Threads"),
            try number("VmRSS") << 10
        )
    }

    func end() {
        process.terminate()
        process.waitUntilExit()
        for path in [socket, socket + ".lock"] { try? FileManager.default.removeItem(atPath: path) }
    }
}

/// SplitMix64, by Steele, Lea and Flood: the same numbers for the same seed.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
