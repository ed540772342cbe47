// A scope of systemd's (systemd.scope(5)) for a run that no unit started, at a terminal or in the background: the
// service manager waits for what is in it when the host is shut down, and limits it meanwhile.
//
// The process moves itself there and is otherwise as it was: its terminal, its working directory, its namespaces. A
// transient service would have none of them. Nor is it an inhibitor lock of logind's: that holds a shutdown up for
// InhibitDelayMaxSec= at most, five seconds if nobody raised it, and takes a connection to D-Bus that hears of it, for
// which a static executable has no library. The one call that is needed here is busctl's.
//
// Responsible for: what the manager is told. Not responsible for: what is done when it says that the host goes down
// (`HostShutdown`).

import Glibc
import HostSupport
import KeptVMs

struct TransientScope {
    /// The one that is sent to all that is in the scope. It is ignored by whoever does not wait for it, as passt does
    /// not: a guest keeps its network while it hibernates.
    static let signal = SIGURG

    let vm: VM
    let process: pid_t
    var rules = VMConfiguration.Host()
    var memoryByteCount: UInt64 = 0
    /// What the VM reads and writes, besides its store.
    var paths: [String] = []

    var name: String { "dormouse-\(vm.name)-\(process).scope" }

    /// Moves the process there.
    func enter(_ scope: UnitScope) throws(ServiceError) {
        let words = try arguments()
        do throws(HostProgram.Failure) {
            try HostProgram.run(["busctl"] + (scope == .user ? ["--user"] : []) + words)
        } catch {
            switch error {
            case .notStarted(let reason): throw .scope(reason: "busctl cannot be started: \(reason)")
            case .ended(let code): throw .scope(reason: "busctl ended with \(code), what it said is above")
            }
        }
    }

    /// Of busctl(1): org.freedesktop.systemd1(5), StartTransientUnit.
    func arguments() throws(ServiceError) -> [String] {
        let memoryMax: UInt64?
        let quota: Int?
        let timeout: Int
        do throws(VMConfigurationError) {
            memoryMax = try rules.memoryMaxByteCount(for: memoryByteCount)
            quota = try rules.cpuQuotaPercent()
            timeout = try rules.timeoutSeconds() ?? UnitDropIn.unitTimeoutSeconds
        } catch { throw .file(path: vm.configurationPath, operation: "use", reason: error.description) }
        let seconds = UnitDropIn.stopSeconds(timeout, rules.then ?? UnitDropIn.unitRule)
        let places = ([vm.path] + paths).flatMap(MountPath.all)
        var properties: [[String]] = [
            ["Description", "s", "Dormouse VM \(vm.name)"],
            ["PIDs", "au", "1", "\(process)"],
            ["Slice", "s", "dormouse.slice"],
            ["CollectMode", "s", "inactive-or-failed"],
            ["KillSignal", "i", "\(Self.signal)"],
            ["TimeoutStopUSec", "t", "\(seconds * 1_000_000)"],
            // As the unit has it: what disks and networks may be on goes after the VM.
            ["After", "as", "2", "network.target", "remote-fs.target"],
            ["RequiresMountsFor", "as", "\(places.count)"] + places,
        ]
        if let memoryMax { properties.append(["MemoryMax", "t", "\(memoryMax)"]) }
        if let quota { properties.append(["CPUQuotaPerSecUSec", "t", "\(quota * 10_000)"]) }
        return [
            "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
            "StartTransientUnit", "ssa(sv)a(sa(sv))", name, "fail", "\(properties.count)",
        ] + properties.flatMap(\.self) + ["0"]
    }
}
