// A machine that does nothing but note what it was asked for.

import Synchronization

@testable import QEMUMonitor

final class FakeMachine: MonitoredMachine {
    private struct State {
        var status = MonitoredStatus.running
        var calls: [String] = []
        var hasButtons = true
    }

    private let state = Mutex(State())

    var calls: [String] { state.withLock { $0.calls } }
    func set(_ status: MonitoredStatus) { state.withLock { $0.status = status } }
    func set(hasButtons: Bool) { state.withLock { $0.hasButtons = hasButtons } }

    private func note(_ call: String, _ status: MonitoredStatus? = nil) {
        state.withLock {
            $0.calls.append(call)
            if let status { $0.status = status }
        }
    }

    var status: MonitoredStatus { state.withLock { $0.status } }
    let disks = [MonitoredDisk(name: "virtio0", path: "/a", format: "raw", isReadOnly: true, byteCount: 1 << 40)]
    let threadIDs: [Int32] = [7, 8]
    let hibernation = MonitoredHibernation(
        offersSystemOff2: true, hasSleepButton: true, imageHeaders: [.init(disk: "virtio0", end: 4096)])

    func pause() { note("pause", .paused) }
    func resume() { note("resume", .running) }
    func reset() { note("reset") }
    func quit() { note("quit") }
    func wake() { note("wake", .running) }

    func dump(to path: String) throws(QMPError) -> UInt64 {
        note("dump \(path)")
        guard path != "/full" else { throw QMPError("no space") }
        return 4096
    }

    func pressPowerButton() -> Bool {
        note("power")
        return state.withLock { $0.hasButtons }
    }

    func pressSleepButton() -> Bool {
        note("sleep")
        return state.withLock { $0.hasButtons }
    }

    static let identity = MonitorIdentity(
        qemuVersion: (9, 2, 0), package: "Test", name: "guest", uuid: "00000000-0000-0000-0000-000000000001",
        characterDevices: [.init(label: "serial0", filename: "null")])
}
