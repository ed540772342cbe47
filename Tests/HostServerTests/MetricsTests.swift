// `/metrics`: what Prometheus' own tool says of it, and that figures are of what happened.

import Foundation
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
