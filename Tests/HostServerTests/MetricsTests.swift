// `/metrics`: what Prometheus' own tool says of it, and that figures are of what happened.

import Foundation
import Glibc
import HostSupport
import TestSupport
import Testing

@testable import HostServer

@Suite("Figures for Prometheus", .needs(Guest.areBuilt, Guest.whyNot))
struct MetricsTests {
    /// The figures, by name and labels.
    private func figures(_ server: TestServer) throws -> [String: Double] {
        var figures: [String: Double] = [:]
        for line in try server.expect(200, "GET", "/metrics").text.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: " ")
            figures[String(parts[0])] = Double(parts[1])
        }
        return figures
    }

    @Test("Ends, refusals, hibernations and resumes are counted, and running VMs have what they take")
    func counting() throws {
        let server = try TestServer()
        try server.make("sleeper", .sleeper, append: "cycles=1", disk: true)
        // A network at whose other end somebody listens, and which this guest does not use.
        let network = try StreamSocket.listening(directory: server.directory, name: "network")
        defer { withExtendedLifetime(network) {} }
        try server.make(
            "idle", .idle, append: "seconds=3600", fields: #""net": ["passt=\#(server.directory)/network"]"#)
        try server.expect(200, "POST", "/v1/vms/idle/start", #"{"waitFor": "idle"}"#)
        try server.expect(200, "POST", "/v1/vms/sleeper/start")
        try server.expect(200, "GET", "/v1/vms/sleeper/wait?timeout=60")
        try server.expect(200, "PATCH", "/v1/vms/sleeper", #"{"cpus": 2}"#)
        try server.expect(409, "POST", "/v1/vms/sleeper/start")
        let first = try figures(server)
        #expect(first[#"dormouse_vm_state{vm="sleeper",state="hibernated"}"#] == 1)
        #expect(first[#"dormouse_vm_state{vm="idle",state="running"}"#] == 1)
        #expect(first[#"dormouse_vm_ends_total{vm="sleeper",state="hibernated"}"#] == 1)
        #expect(first[#"dormouse_vm_refusals_total{vm="sleeper",reason="environment"}"#] == 1)
        #expect(first[#"dormouse_vm_resume_duration_seconds_count{vm="sleeper"}"#] == 0)
        #expect(try #require(first[#"dormouse_vm_memory_bytes{vm="idle"}"#]) > 0)
        // This guest calls nobody.
        #expect(first[#"dormouse_vm_firmware_calls_total{vm="idle"}"#] == 0)
        #expect(first[#"dormouse_vm_exits_total{vm="idle",reason="hypercall"}"#] == 0)
        // It sleeps by WFI.
        #expect(try #require(first[#"dormouse_vm_exits_total{vm="idle",reason="wait-for-interrupt"}"#]) > 0)
        for kind in ["receive_bytes", "receive_packets", "transmit_bytes", "transmit_packets"] {
            #expect(first["dormouse_vm_network_\(kind)_total{vm=\"idle\",network=\"0\"}"] == 0)
        }
        #expect(first[#"dormouse_vm_memory_bytes{vm="sleeper"}"#] == nil)

        try server.expect(200, "PATCH", "/v1/vms/sleeper", #"{"cpus": 1}"#)
        try server.expect(200, "POST", "/v1/vms/sleeper/start")
        try server.expect(200, "GET", "/v1/vms/sleeper/wait?timeout=60")
        let second = try figures(server)
        #expect(second[#"dormouse_vm_resume_duration_seconds_count{vm="sleeper"}"#] == 1)
        #expect(second[#"dormouse_vm_resume_duration_seconds_bucket{vm="sleeper",le="+Inf"}"#] == 1)
        #expect(second[#"dormouse_vm_ends_total{vm="sleeper",state="powered-off"}"#] == 1)
    }

    /// A figure of the VM `vm`, without its prefix.
    private func figure(_ name: String, _ server: TestServer, labels: String = "") throws -> Double? {
        try figures(server)["dormouse_vm_\(name){vm=\"vm\"\(labels)}"]
    }

    @Test("The generation is the VM's, and a bump makes it the next one")
    func generation() throws {
        let server = try TestServer()
        try server.make("vm", .systemOff2)
        struct Known: Decodable { var generation: Double }
        let first = try #require(try figure("generation", server))
        #expect(try server.expect(200, "GET", "/v1/vms/vm").decoded(Known.self).generation == first)
        try server.expect(200, "POST", "/v1/vms/vm/bump")
        #expect(try figure("generation", server) == first + 1)
    }

    /// What the kernel says of a process (proc(5)).
    private struct Usage {
        var cpuSeconds: Double
        /// Memory that nobody else can have, and all that is in memory.
        var anonymous: Double
        var resident: Double
        var threads: Double
        var files: Double

        init(_ process: Int32) throws {
            func text(_ name: String) throws -> String {
                try String(contentsOfFile: "/proc/\(process)/\(name)", encoding: .utf8)
            }
            // Behind the name, which may have anything in it: from the third field on.
            let fields = try #require(try text("stat").split(separator: ")").last).split(separator: " ")
            let ticks = try fields[11...12].map { try #require(Double($0)) }
            cpuSeconds = (ticks[0] + ticks[1]) / Double(sysconf(Int32(_SC_CLK_TCK)))
            let memory = try text("smaps_rollup").split(separator: "\n").map { $0.split(separator: " ") }
            func bytes(_ name: String) throws -> Double {
                let line = try #require(memory.first { $0[0] == "\(name):" })
                return try #require(Double(line[1])) * 1024
            }
            anonymous = try bytes("Anonymous")
            resident = try bytes("Rss")
            threads = Double(try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task").count)
            files = Double(try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").count)
        }
    }

    @Test("What a VM's process takes is what the kernel says of it, and the CPU time of one that computes grows")
    func usage() throws {
        let server = try TestServer()
        try server.make("vm", .spin, append: "seconds=3600")
        let begin = ContinuousClock.now
        // It says nothing before it ends.
        try server.expect(202, "POST", "/v1/vms/vm/start", #"{"waitFor": "never said", "timeout": 0}"#)
        let begun = ContinuousClock.now
        let process = try #require(try server.vm("vm").process)

        let before = try Usage(process)
        let asked = ContinuousClock.now
        let figures = try figures(server)
        let answered = ContinuousClock.now
        let after = try Usage(process)
        func figure(_ name: String) throws -> Double { try #require(figures["dormouse_vm_\(name){vm=\"vm\"}"]) }

        let cpuSeconds = try figure("cpu_seconds_total")
        #expect((before.cpuSeconds...after.cpuSeconds).contains(cpuSeconds), "\(before), \(cpuSeconds), \(after)")
        // A tick is a hundredth of a second.
        let uptime = try figure("uptime_seconds")
        #expect(uptime >= (asked - begun) / .seconds(1) - 0.02 && uptime <= (answered - begin) / .seconds(1) + 0.02)
        // Its own is all of its, and what it shares a part of it. Some may have come and gone meanwhile.
        let memory = try figure("memory_bytes")
        let slack = Double(4 << 20)
        #expect(memory >= min(before.anonymous, after.anonymous) - slack, "\(before), \(memory), \(after)")
        #expect(memory <= max(before.resident, after.resident) + slack, "\(before), \(memory), \(after)")
        #expect(memory > slack)
        // Whoever asks it for figures has a connection and a thread there for a moment, and one that has just started
        // may have more of them by now.
        func expect(_ figure: Double, _ before: Double, _ after: Double) {
            #expect(figure >= min(before, after) - 2 && figure <= max(before, after) + 2, "\(before), \(after)")
        }
        expect(try figure("threads"), before.threads, after.threads)
        expect(try figure("open_files"), before.files, after.files)

        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        while try self.figure("cpu_seconds_total", server) ?? 0 < cpuSeconds + 0.5 {
            try #require(ContinuousClock.now < deadline, "it does not grow")
        }
        try server.expect(200, "POST", "/v1/vms/vm/kill")
        #expect(try self.figure("cpu_seconds_total", server) == nil)
    }

    @Test("What a guest asked of its disk and of its firmware is counted, and begins again with the next run")
    func requests() throws {
        let server = try TestServer()
        try server.make("vm", .sleeper, append: "cycles=2 end=wait", disk: true)
        func requests() throws -> [Double?] {
            try ["reads", "writes", "failures"].map {
                try figure("disk_\($0)_total", server, labels: #",disk="0""#)
            }
        }
        // Without an image it reads the header, writes its memory and its facts, and once more reads the header; makes
        // its place swap, which it writes and reads; and writes the header (Guests/Sleeper). PSCI_VERSION and twice 32
        // of PSCI_FEATURES are what it calls, by HVC.
        try server.expect(200, "POST", "/v1/vms/vm/start", #"{"waitFor": "hibernating, checksum"}"#)
        #expect(try requests() == [3, 4, 0])
        #expect(try figure("disk_flushes_total", server, labels: #",disk="0""#) == 2)
        #expect(try figure("firmware_calls_total", server) == 65)
        #expect(try figure("exits_total", server, labels: #",reason="hypercall""#) == 65)
        #expect(try figure("exits_total", server, labels: #",reason="secure-monitor-call""#) == 0)
        try server.expect(200, "POST", "/v1/vms/vm/kill")
        #expect(try requests() == [nil, nil, nil])

        // With one it reads the header, the facts and the memory, and reads and writes the header, to go on; then it
        // does the same as before, but for the first read and for swap.
        try server.expect(200, "POST", "/v1/vms/vm/start", #"{"waitFor": "hibernating, checksum"}"#)
        #expect(try requests() == [5, 4, 0])
        #expect(try figure("firmware_calls_total", server) == 65)
    }

    private struct Histogram {
        var buckets: [(bound: Double, count: Int)] = []
        var sum = 0.0
        var count = 0
    }

    /// A histogram of the VM `vm`, as its lines have it.
    private func histogram(_ name: String, _ server: TestServer) throws -> Histogram {
        var histogram = Histogram()
        for line in try server.expect(200, "GET", "/metrics").text.split(separator: "\n") {
            let parts = line.split(separator: " ")
            if let match = parts[0].wholeMatch(of: /dormouse_vm_(.+)_bucket\{vm="vm",le="(.+)"\}/), match.1 == name {
                let bound = match.2 == "+Inf" ? Double.infinity : try #require(Double(match.2))
                histogram.buckets.append((bound, try #require(Int(parts[1]))))
            }
            if parts[0] == "dormouse_vm_\(name)_sum{vm=\"vm\"}" { histogram.sum = try #require(Double(parts[1])) }
            if parts[0] == "dormouse_vm_\(name)_count{vm=\"vm\"}" { histogram.count = try #require(Int(parts[1])) }
        }
        return histogram
    }

    /// That a histogram is of these durations, in seconds, and has nothing else in it.
    private func expect(
        _ histogram: Histogram, of durations: [Double], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let comment: Comment = "\(histogram), \(durations)"
        #expect(histogram.count == durations.count, comment, sourceLocation: sourceLocation)
        #expect(abs(histogram.sum - durations.reduce(0, +)) < 1e-6, comment, sourceLocation: sourceLocation)
        #expect(histogram.buckets.last?.bound == .infinity, comment, sourceLocation: sourceLocation)
        #expect(histogram.buckets.count > 5, comment, sourceLocation: sourceLocation)
        for (bound, count) in histogram.buckets {
            #expect(count == durations.count { $0 <= bound }, comment, sourceLocation: sourceLocation)
        }
    }

    @Test("How long hibernating and resuming took is the time between its events")
    func durations() throws {
        struct Event: Decodable {
            var state: String
            var cause: String
            var time: String
        }
        let server = try TestServer()
        try server.make("vm", .sleeper, append: "cycles=2", disk: true)
        // It hibernates, is resumed and hibernates again, and is resumed and powers off.
        for run in 1...3 {
            try server.expect(200, "POST", "/v1/vms/vm/start")
            try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")
            let reader = try server.events("/v1/vms/vm/events?follow=false")
            var (began, started) = (0.0, 0.0)
            var (hibernations, resumes): ([Double], [Double]) = ([], [])
            while let event = try reader.next()?.decoded(Event.self) {
                let date = try Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(event.time)
                // They have milliseconds.
                let time = (date.timeIntervalSince1970 * 1000).rounded()
                switch event.state {
                case "starting": started = time
                case "hibernating": began = time
                case "running" where event.cause == "resumed": resumes.append((time - started) / 1000)
                case "hibernated": hibernations.append((time - began) / 1000)
                default: break
                }
            }
            #expect(hibernations.count == min(run, 2) && resumes.count == run - 1)
            try expect(histogram("hibernation_duration_seconds", server), of: hibernations)
            try expect(histogram("resume_duration_seconds", server), of: resumes)
        }
    }

    @Test("A server that is started anew counts from the events that are kept, and none is forgotten while it runs")
    func history() throws {
        let server = try TestServer()
        try server.make("vm", .systemOff2)
        /// Makes these the VM's events: each with its state, its time, why, and the exit code.
        func keep(_ events: [(String, String, String, Int)], from number: Int = 1) throws {
            let lines = events.enumerated().map { index, event in
                #"{"cause":"\#(event.2)","exitCode":\#(event.3),"number":\#(number + index),"#
                    + #""state":"\#(event.0)","time":"2026-11-30T\#(event.1)Z"}"# + "\n"
            }
            try Data(lines.joined().utf8).write(to: URL(filePath: "\(server.store)/vm/events.jsonl"))
        }
        let events = [
            ("defined", "10:00:00.000", "made", 0),
            ("starting", "10:01:00.000", "", 0), ("running", "10:01:30.000", "booted", 0),
            ("hibernating", "10:02:00.000", "", 0), ("hibernated", "10:02:00.300", "", 40),
            ("starting", "10:03:00.000", "", 0), ("running", "10:03:01.200", "resumed", 0),
            // It was asked to, and thought better of it.
            ("hibernating", "10:04:00.000", "", 0), ("running", "10:04:20.000", "", 0),
            // It was asked to, and wrote its image later.
            ("hibernating", "10:05:00.000", "", 0), ("hibernating", "10:05:40.000", "", 0),
            ("hibernated", "10:05:42.000", "", 40),
            ("starting", "10:06:00.000", "", 0), ("refused", "10:06:01.000", "", 50),
            ("starting", "10:06:02.000", "", 0), ("refused", "10:06:03.000", "", 51),
            ("starting", "10:06:04.000", "", 0), ("refused", "10:06:05.000", "", 52),
            ("starting", "10:07:00.000", "", 0), ("running", "10:07:05.000", "resumed", 0),
            ("crashed", "10:08:00.000", "", 33),
        ]
        server.kill()
        try keep(events)
        try server.start()
        func count(_ family: String, _ label: String) throws -> Double? {
            try figure("\(family)_total", server, labels: ",\(label)")
        }
        #expect(try count("ends", #"state="hibernated""#) == 2)
        #expect(try count("ends", #"state="crashed""#) == 1)
        for reason in ["environment", "disks", "expired"] {
            #expect(try count("refusals", #"reason="\#(reason)""#) == 1)
        }
        try expect(histogram("hibernation_duration_seconds", server), of: [0.3, 42])
        try expect(histogram("resume_duration_seconds", server), of: [1.2, 5])

        // The VM keeps one more, and none of those before it.
        try keep([("hibernated", "10:09:00.000", "", 40)], from: events.count + 1)
        #expect(try count("ends", #"state="hibernated""#) == 3)
        #expect(try count("ends", #"state="crashed""#) == 1)
        server.kill()
        try server.start()
        #expect(try count("ends", #"state="hibernated""#) == 1)
        #expect(try count("ends", #"state="crashed""#) == nil)
    }

    @Test(
        "promtool finds nothing wrong", .needs(Program.promtool != nil, "promtool is not installed: run scripts/setup"))
    func promtool() throws {
        let server = try TestServer()
        let network = try StreamSocket.listening(directory: server.directory, name: "network")
        defer { withExtendedLifetime(network) {} }
        try server.make("off", .systemOff2)
        try server.expect(200, "POST", "/v1/vms/off/start")
        try server.make(
            "vm", .idle, append: "seconds=3600", disk: true, fields: #""net": ["passt=\#(server.directory)/network"]"#)
        try server.expect(200, "POST", "/v1/vms/vm/start", #"{"waitFor": "idle"}"#)
        let file = try TemporaryFile(try server.expect(200, "GET", "/metrics").body)
        let result = try Program.run(
            URL(filePath: "/bin/sh"), ["-c", "exec promtool check metrics <\"$0\"", file.path])
        #expect(result.exitCode == 0 && result.error.isEmpty, "\(result.output)\(result.error)")
    }

    @Test("A histogram's buckets count everything up to their bounds")
    func histogram() {
        var histogram = DurationHistogram()
        for seconds in [0.1, 0.2, 1000] { histogram.add(seconds) }
        #expect(histogram.counts.first == 1 && histogram.counts.dropFirst().first == 2)
        #expect(histogram.counts.last == 2 && histogram.count == 3)
    }
}
