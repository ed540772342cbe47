// The status fields that a driver and its device share, and the device's side of changing them.
//
// Follows virtio 1.2 §2.1 (device status), §2.3 (notifications) and §4.2.2 (InterruptStatus, ConfigGeneration).

import Hypervisor
import Synchronization

/// The device status field of virtio 1.2 §2.1.
struct DeviceStatus: OptionSet, Sendable, Codable {
    let rawValue: UInt32

    static let acknowledge = Self(rawValue: 1)
    static let driver = Self(rawValue: 2)
    static let driverOK = Self(rawValue: 4)
    static let featuresOK = Self(rawValue: 8)
    static let deviceNeedsReset = Self(rawValue: 64)
    static let failed = Self(rawValue: 128)

    /// The bits that a driver may set; DEVICE_NEEDS_RESET is the device's.
    static let writable: Self = [.acknowledge, .driver, .driverOK, .featuresOK, .failed]
}

/// The InterruptStatus register of virtio 1.2 §4.2.2.
struct InterruptStatus: OptionSet, Sendable, Codable {
    let rawValue: UInt32

    static let usedBuffer = Self(rawValue: 1)
    static let configurationChange = Self(rawValue: 2)

    static let all: Self = [.usedBuffer, .configurationChange]
}

/// What a device tells its driver, from whichever thread the device works on.
///
/// It has a lock of its own, taken last and held while the interrupt line is driven, so that the line's level and
/// InterruptStatus never disagree and a device's thread never waits for the transport's lock.
final class DeviceNotifications: Sendable {
    private struct State {
        var interruptStatus: InterruptStatus = []
        var fault: VirtqueueFault?
        var driverOK = false
    }

    private let interrupt: InterruptLine
    private let state = Mutex(State())

    init(interrupt: InterruptLine) {
        self.interrupt = interrupt
    }

    /// The bits that wait for InterruptACK.
    var interruptStatus: InterruptStatus { state.withLock { $0.interruptStatus } }

    /// Why DEVICE_NEEDS_RESET is set; nil while it is not.
    var fault: VirtqueueFault? { state.withLock { $0.fault } }

    /// A used buffer notification.
    func usedBuffer() {
        raise(.usedBuffer)
    }

    /// A configuration change notification, to a driver that is up (§2.3).
    func configurationChanged() {
        if state.withLock({ $0.driverOK }) { raise(.configurationChange) }
    }

    /// From now on the driver may be notified.
    func driverBecameReady() {
        state.withLock { $0.driverOK = true }
    }

    /// Sets DEVICE_NEEDS_RESET, and says so to a driver that is up (§2.1.2). The first reason is kept.
    func needsReset(_ fault: VirtqueueFault) {
        let tellsDriver = state.withLock { state in
            guard state.fault == nil else { return false }
            state.fault = fault
            return state.driverOK
        }
        if tellsDriver {
            raise(.configurationChange)
        }
    }

    /// InterruptACK.
    func acknowledge(_ bits: InterruptStatus) {
        state.withLock { state in
            state.interruptStatus.subtract(bits)
            interrupt.set(!state.interruptStatus.isEmpty)
        }
    }

    /// Nothing pending, no fault, and a silent line.
    func reset() {
        state.withLock { state in
            state = State()
            interrupt.set(false)
        }
    }

    /// What was saved; the line follows.
    func restore(_ interruptStatus: InterruptStatus, fault: VirtqueueFault?, driverOK: Bool) {
        state.withLock { state in
            state = State(interruptStatus: interruptStatus, fault: fault, driverOK: driverOK)
            interrupt.set(!interruptStatus.isEmpty)
        }
    }

    private func raise(_ bits: InterruptStatus) {
        state.withLock { state in
            state.interruptStatus.formUnion(bits)
            interrupt.set(true)
        }
    }
}
