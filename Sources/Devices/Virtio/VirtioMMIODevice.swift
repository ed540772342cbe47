// virtio over MMIO: the register window in which a driver finds a virtio device.
//
// Responsible for: the control registers, feature negotiation, the device status and its order, setting queues up, and
// the device configuration space. Not responsible for: what the device does (`VirtioDevice`), its rings (`Virtqueue`),
// or where the window is (the machine model).
//
// Follows virtio 1.2 §4.2 and §2.1 to §2.5; the modern interface only (Version 2). VIRTIO_F_RING_RESET and shared
// memory regions are not offered.

import Bytes
import Hypervisor
import Synchronization

/// A virtio-mmio slot: a 0x200-byte window with a device behind it, or none.
///
/// The lock order is: the transport's, then the device's, then that of `DeviceNotifications`. Notifications from the
/// driver reach the device without the transport's lock, so that a device that works on the vCPU's thread holds up
/// nobody else.
public final class VirtioMMIODevice: MMIODevice {
    /// Bytes of a slot's window.
    public static let windowByteCount: UInt64 = 0x200

    /// VendorID, "DORM". The driver need not know it (§4.2.2).
    public static let vendorID: UInt32 = 0x4D52_4F44

    private enum Constant {
        /// "virt".
        static let magicValue: UInt32 = 0x7472_6976
        static let version: UInt32 = 2
        /// What the registers of a shared memory region read as when there is no such region (§4.2.2).
        static let noSharedMemory = UInt32.max
    }

    /// What the registers say that are not the device's or constant.
    struct State: Codable {
        var status: DeviceStatus = []
        var deviceFeaturesSel: UInt32 = 0
        var driverFeaturesSel: UInt32 = 0
        var driverFeatures: UInt64 = 0
        /// The driver asked for a feature past bit 63, where there is none.
        var wantsUnknownFeatures = false
        var queueSel: UInt32 = 0
        var queues: [QueueRegisters]

        /// The registers that QueueSel selects; nil if there is no such queue.
        var selectedQueue: QueueRegisters? {
            get { queues.indices.contains(Int(queueSel)) ? queues[Int(queueSel)] : nil }
            set {
                guard let newValue, queues.indices.contains(Int(queueSel)) else { return }
                queues[Int(queueSel)] = newValue
            }
        }

        /// DriverFeatures; fixed once FEATURES_OK is set (§2.2.1).
        mutating func writeDriverFeatures(_ value: UInt32) {
            guard !status.contains(.featuresOK) else { return }
            switch driverFeaturesSel {
            case 0: driverFeatures.setLow(value)
            case 1: driverFeatures.setHigh(value)
            default: wantsUnknownFeatures = wantsUnknownFeatures || value != 0
            }
        }

        /// Whether the driver's features are among `offered`, and include VIRTIO_F_VERSION_1: there is no legacy
        /// interface to fall back to (§6.1).
        func acceptsOnly(_ offered: VirtioFeatures) -> Bool {
            let accepted = VirtioFeatures(rawValue: driverFeatures)
            return !wantsUnknownFeatures && accepted.isSubset(of: offered) && accepted.contains(.version1)
        }
    }

    let memory: GuestMemory
    let device: (any VirtioDevice)?
    let notifications: DeviceNotifications
    let state: Mutex<State>

    /// A slot with `device` behind it, or an empty one (nil), whose interrupts go out on `interrupt`.
    public init(memory: GuestMemory, interrupt: InterruptLine, device: (any VirtioDevice)?) {
        self.memory = memory
        self.device = device
        notifications = DeviceNotifications(interrupt: interrupt)
        state = Mutex(Self.initialState(of: device))
    }

    /// What the guest is offered: a part of its environment.
    public var offeredFeatures: VirtioFeatures {
        device.map { $0.features.union(.common) } ?? []
    }

    /// Why the device asked its driver for a reset, for the host's log; nil while all is well.
    public var fault: VirtqueueFault? { notifications.fault }

    /// Back to the state after creation, as when the machine is reset. Waits for requests that are being worked on.
    public func reset() {
        state.withLock { state in
            device?.reset()
            notifications.reset()
            state = Self.initialState(of: device)
        }
    }

    /// Tells the device whether the run is to end (`VirtioDevice.setEnding`). Callable from any thread.
    public func setEnding(_ isEnding: Bool) {
        device?.setEnding(isEnding)
    }

    static func initialState(of device: (any VirtioDevice)?) -> State {
        State(queues: (device?.queueSizes ?? []).map { QueueRegisters(queueNumMax: $0) })
    }

    // MARK: MMIODevice

    public func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 {
        if offset >= VirtioMMIORegister.configuration {
            return readConfiguration(offset: offset - VirtioMMIORegister.configuration, size: size)
        }
        // §4.2.2.2: control registers are accessed with 32 bits only.
        guard size == 4, let register = VirtioMMIORegister(rawValue: offset) else { return 0 }
        return UInt64(read(register))
    }

    public func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {
        guard size == 4, let register = VirtioMMIORegister(rawValue: offset), let device else { return }
        write(value.low, to: register, of: device)
    }

    // MARK: Loads

    private func read(_ register: VirtioMMIORegister) -> UInt32 {
        switch register {
        case .magicValue: return Constant.magicValue
        case .version: return Constant.version
        case .deviceID: return (device?.deviceID ?? .none).rawValue
        case .vendorID: return Self.vendorID
        default: break
        }
        // §4.2.2: an empty slot has nothing beyond the registers above.
        guard let device else { return 0 }
        switch register {
        case .deviceFeatures:
            switch state.withLock({ $0.deviceFeaturesSel }) {
            case 0: return offeredFeatures.rawValue.low
            case 1: return offeredFeatures.rawValue.high
            default: return 0
            }
        case .queueNumMax:
            return UInt32(state.withLock { $0.selectedQueue?.queueNumMax } ?? 0)
        case .queueReady:
            return state.withLock { $0.selectedQueue?.queueReady } == true ? 1 : 0
        case .interruptStatus:
            return notifications.interruptStatus.rawValue
        case .status:
            var status = state.withLock { $0.status }
            if notifications.fault != nil {
                status.insert(.deviceNeedsReset)
            }
            return status.rawValue
        case .shmLenLow, .shmLenHigh, .shmBaseLow, .shmBaseHigh:
            return Constant.noSharedMemory
        case .configGeneration:
            return device.configurationGeneration
        default:
            // Write-only registers, and QueueReset, which is not offered.
            return 0
        }
    }

    private func readConfiguration(offset: UInt64, size: Int) -> UInt64 {
        guard let device, offset < Self.windowByteCount else { return 0 }
        return UInt64(littleEndianBytes: device.configuration.dropFirst(Int(offset)).prefix(size))
    }

    // MARK: Stores

    private func write(_ value: UInt32, to register: VirtioMMIORegister, of device: any VirtioDevice) {
        switch register {
        case .deviceFeaturesSel:
            state.withLock { $0.deviceFeaturesSel = value }
        case .driverFeaturesSel:
            state.withLock { $0.driverFeaturesSel = value }
        case .driverFeatures:
            state.withLock { $0.writeDriverFeatures(value) }
        case .queueSel:
            state.withLock { $0.queueSel = value }
        case .queueNum, .queueDescLow, .queueDescHigh, .queueDriverLow, .queueDriverHigh, .queueDeviceLow,
            .queueDeviceHigh:
            // §4.2.2.2: a queue that is in use is not changed under the device's hands.
            state.withLock { state in
                guard state.selectedQueue?.queueReady == false else { return }
                state.selectedQueue?.store(value, to: register)
            }
        case .queueReady:
            writeQueueReady(value, of: device)
        case .queueNotify:
            let isLive = state.withLock { state in
                state.status.contains(.driverOK) && state.queues.indices.contains(Int(value))
                    && state.queues[Int(value)].queueReady
            }
            if isLive {
                device.queueNotified(Int(value))
            }
        case .interruptACK:
            notifications.acknowledge(InterruptStatus(rawValue: value))
        case .status:
            writeStatus(value, of: device)
        default:
            break
        }
    }

    private func writeStatus(_ value: UInt32, of device: any VirtioDevice) {
        guard value != 0 else { return reset() }
        let started: [Int]? = state.withLock { state in
            let old = state.status
            // §2.1.1: a driver sets bits; only a reset clears them.
            var new = old.union(DeviceStatus(rawValue: value).intersection(.writable))
            if !old.contains(.featuresOK), !state.acceptsOnly(offeredFeatures) {
                new.remove(.featuresOK)
            }
            if !new.contains(.featuresOK) {
                new.remove(.driverOK)
            }
            state.status = new
            guard new.contains(.driverOK), !old.contains(.driverOK) else { return nil }
            notifications.driverBecameReady()
            return state.queues.indices.filter { index in
                // Made anew: the features may have been written after the queue.
                guard state.queues[index].queueReady, let queue = makeQueue(index, state: state) else { return false }
                device.setQueue(queue, at: index)
                return true
            }
        }
        guard let started else { return }
        device.driverBecameReady(queueCount: started.count)
        // The driver may have made buffers available before it was done (§3.1.1 forbids only telling us).
        started.forEach(device.queueNotified)
    }

    private func writeQueueReady(_ value: UInt32, of device: any VirtioDevice) {
        let started: Int? = state.withLock { state in
            guard let selected = state.selectedQueue else { return nil }
            let index = Int(state.queueSel)
            if value & 1 == 0 {
                state.queues[index].queueReady = false
                device.setQueue(nil, at: index)
                return nil
            }
            // A queue that was set up wrongly stays off, which the driver sees when it reads QueueReady back.
            guard !selected.queueReady, let queue = makeQueue(index, state: state) else { return nil }
            state.queues[index].queueReady = true
            guard state.status.contains(.driverOK) else { return nil }
            device.setQueue(queue, at: index)
            return index
        }
        if let started {
            device.queueNotified(started)
        }
    }

    /// The virtqueue that the registers of queue `index` describe; nil, and the device needs a reset, if they are
    /// wrong.
    private func makeQueue(_ index: Int, state: State) -> Virtqueue? {
        do throws(VirtqueueFault) {
            return try Virtqueue(
                registers: state.queues[index], features: VirtioFeatures(rawValue: state.driverFeatures),
                memory: memory, notifications: notifications)
        } catch {
            notifications.needsReset(error)
            return nil
        }
    }
}
