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
        life.withLock { $0 = restored }
        wake()
    }
}

extension CoreActivity {
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
