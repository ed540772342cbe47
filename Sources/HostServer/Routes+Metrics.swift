// `/metrics`: how VMs are and what they take, for Prometheus.

import HTTPTypes
import Hummingbird
import KeptVMs
import NIOCore

extension Route {
    @Sendable static func metrics(_ call: Call) async throws -> Response {
        _ = try call.query()
        let text = try await call.server.metrics()
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}

extension MetricsText {
    /// Everything. Waits for files.
    ///
    /// - Parameters:
    ///   - vms: how VMs are.
    ///   - store: that they are in.
    ///   - history: what happened to them.
    init(_ vms: [VMSummary], in store: VMStore, _ history: LifeHistory) throws {
        let running = vms.filter { $0.process != nil }.compactMap { try? store.vm($0.name) }
        addStates(vms)
        addRuns(vms)
        addStatistics(VMStatistics.of(running, interval: .zero))
        addFigures(try history.figures())
    }

    private mutating func addStates(_ vms: [VMSummary]) {
        family("dormouse_vm_state", "gauge", "1 for the state that a VM is in.")
        let states = LifeState.allCases.map(\.rawValue).filter { $0 != LifeState.other.rawValue } + [VMSummary.broken]
        for vm in vms {
            for state in states where state != vm.state {
                sample("dormouse_vm_state", ["vm": vm.name, "state": state], 0)
            }
            sample("dormouse_vm_state", ["vm": vm.name, "state": vm.state], 1)
        }
        family(
            "dormouse_vm_generation", "gauge", "Generation of a VM: another one after each boot that had to be clean.")
        for vm in vms {
            if let generation = vm.generation { sample("dormouse_vm_generation", ["vm": vm.name], generation) }
        }
    }

    private mutating func addRuns(_ vms: [VMSummary]) {
        let runs = vms.compactMap { vm in vm.figures.map { (vm.name, $0) } }
        family(
            "dormouse_vm_firmware_calls_total", "counter", "Calls of the firmware that a guest has made in this run.")
        for (name, run) in runs { sample("dormouse_vm_firmware_calls_total", ["vm": name], run.firmwareCalls) }
        family(
            "dormouse_vm_exits_total", "counter",
            "How often a guest's CPUs have come back from its code in this run, by the reason.")
        for (name, run) in runs {
            for (reason, count) in (run.exits ?? [:]).sorted(by: { $0.key < $1.key }) {
                sample("dormouse_vm_exits_total", ["vm": name, "reason": reason], count)
            }
        }
        for (kind, help, value) in Self.diskFamilies {
            let family = "dormouse_vm_disk_\(kind)_total"
            self.family(family, "counter", help)
            for (name, run) in runs {
                for (index, disk) in run.disks.enumerated() {
                    sample(family, ["vm": name, "disk": "\(index)"], disk[keyPath: value])
                }
            }
        }
        for (kind, help, value) in Self.networkFamilies {
            let family = "dormouse_vm_network_\(kind)_total"
            self.family(family, "counter", help)
            for (name, run) in runs {
                for (index, network) in (run.networks ?? []).enumerated() {
                    sample(family, ["vm": name, "network": "\(index)"], network[keyPath: value])
                }
            }
        }
    }

    private static var diskFamilies: [(kind: String, help: String, value: KeyPath<RunFigures.Disk, UInt64>)] {
        [
            ("reads", "Requests to read a disk in this run.", \.reads),
            ("writes", "Requests to write to a disk in this run, discards included.", \.writes),
            ("flushes", "Requests to flush a disk in this run.", \.flushes),
            ("failures", "Requests to a disk in this run that the host could not do.", \.failures),
        ]
    }

    private static var networkFamilies: [(kind: String, help: String, value: KeyPath<RunFigures.Network, UInt64>)] {
        [
            ("receive_bytes", "Bytes of frames that a guest has received from a network in this run.", \.receivedBytes),
            ("receive_packets", "Frames that a guest has received from a network in this run.", \.receivedFrames),
            ("transmit_bytes", "Bytes of frames that a network has taken from a guest in this run.", \.sentBytes),
            ("transmit_packets", "Frames that a network has taken from a guest in this run.", \.sentFrames),
        ]
    }

    private mutating func addStatistics(_ vms: [VMStatistics]) {
        family("dormouse_vm_cpu_seconds_total", "counter", "CPU time of the host that a VM's process has taken.")
        for vm in vms { sample("dormouse_vm_cpu_seconds_total", ["vm": vm.name], vm.cpuSeconds) }
        family(
            "dormouse_vm_memory_bytes", "gauge",
            "Memory of the host that a VM's process has: its own, and its part of what it shares.")
        for vm in vms { sample("dormouse_vm_memory_bytes", ["vm": vm.name], vm.memoryByteCount) }
        family("dormouse_vm_threads", "gauge", "Threads of a VM's process.")
        for vm in vms { sample("dormouse_vm_threads", ["vm": vm.name], vm.threads) }
        family("dormouse_vm_open_files", "gauge", "Descriptors that a VM's process has open.")
        for vm in vms { sample("dormouse_vm_open_files", ["vm": vm.name], vm.openFiles) }
        family("dormouse_vm_uptime_seconds", "gauge", "How long a VM's process has run.")
        for vm in vms { sample("dormouse_vm_uptime_seconds", ["vm": vm.name], vm.uptimeSeconds) }
    }

    private mutating func addFigures(_ vms: [String: LifeFigures]) {
        let vms = vms.sorted { $0.key < $1.key }
        family("dormouse_vm_ends_total", "counter", "Ends of runs, by the state that they left.")
        for (name, figures) in vms {
            for (state, count) in figures.ends.sorted(by: { $0.key < $1.key }) {
                sample("dormouse_vm_ends_total", ["vm": name, "state": state], count)
            }
        }
        family("dormouse_vm_refusals_total", "counter", "Starts that were refused, by the reason.")
        for (name, figures) in vms {
            for (reason, count) in figures.refusals.sorted(by: { $0.key < $1.key }) {
                sample("dormouse_vm_refusals_total", ["vm": name, "reason": reason], count)
            }
        }
        family(
            "dormouse_vm_hibernation_duration_seconds", "histogram",
            "From the request to hibernate, or the first sign of it, to the end of the run.")
        for (name, figures) in vms {
            histogram("dormouse_vm_hibernation_duration_seconds", vm: name, figures.hibernations)
        }
        family(
            "dormouse_vm_resume_duration_seconds", "histogram",
            "From a start that resumes a guest to its CPUs being started.")
        for (name, figures) in vms { histogram("dormouse_vm_resume_duration_seconds", vm: name, figures.resumes) }
    }
}
