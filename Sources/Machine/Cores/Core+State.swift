// The state of a core: what it is doing. Its registers are its CPU's.

import Hypervisor
import Synchronization

extension Core: StatefulDevice {
    private static let kind = DeviceState.Kind("core", version: 1)

    func save() throws(DeviceStateError) -> DeviceState {
        try DeviceState(Self.kind, life.withLock(\.self))
    }

    /// A core that has something to do then is woken for it.
    func restore(_ saved: DeviceState) throws(DeviceStateError) {
        let restored = try saved.fields(CoreLife.self, of: Self.kind)
        try DeviceStateError.check(restored.activity.isPossible, "activity")
        for start in [restored.pendingStart, restored.activity.start] {
            guard let start else { continue }
            try DeviceStateError.check(startRanges.contains { $0.contains(start.entry) }, "start")
        }
        life.withLock { $0 = restored }
        wake()
    }
}

extension CoreActivity {
    /// Where the core is going to start, if it is.
    fileprivate var start: CoreStart? {
        switch self {
        case .starting(let start), .poweredDown(let start), .systemSuspended(let start): start
        case .paused(let activity): activity.start
        case .off, .running, .waiting, .waitingForEvent, .standby, .ended: nil
        }
    }

    /// Whether a core can be doing that: one that is paused is so once.
    fileprivate var isPossible: Bool {
        switch self {
        case .paused(.paused), .paused(.ended): false
        case .off, .starting, .running, .waiting, .waitingForEvent, .standby, .poweredDown, .systemSuspended, .paused,
            .ended:
            true
        }
    }
}
