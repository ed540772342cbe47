// The state of a virtio-mmio slot: its registers, what it told the driver, and the state of the device behind it.
//
// A live queue is made anew from its registers, which checks them as when the driver wrote them.

import Hypervisor
import Synchronization

extension VirtioMMIODevice: StatefulDevice {
    private static let kind = DeviceState.Kind("virtio-mmio", version: 1)

    private struct Fields: Codable {
        var registers: State
        var interruptStatus: InterruptStatus
        var fault: VirtqueueFault?
        var device: DeviceState?
    }

    public func quiesce() { device?.quiesce() }

    public func resume() { device?.resume() }

    public func save() throws(DeviceStateError) -> DeviceState {
        try state.withLock { state throws(DeviceStateError) in
            try DeviceState(
                Self.kind,
                Fields(
                    registers: state, interruptStatus: notifications.interruptStatus, fault: notifications.fault,
                    device: try device?.save()))
        }
    }

    public func restore(_ saved: DeviceState) throws(DeviceStateError) {
        let fields = try saved.fields(Fields.self, of: Self.kind)
        try check(fields.registers)
        try DeviceStateError.check(fields.interruptStatus.isSubset(of: .all), "interruptStatus")
        let queues = try liveQueues(of: fields.registers)
        let isReady = fields.registers.status.contains(.driverOK)
        try state.withLock { state throws(DeviceStateError) in
            if let device {
                guard let saved = fields.device else { throw .missing("the device") }
                try device.restore(saved, queues: queues)
            } else {
                let isSilent = fields.interruptStatus.isEmpty && fields.fault == nil
                try DeviceStateError.check(fields.device == nil && isSilent, "device")
            }
            state = fields.registers
            notifications.restore(fields.interruptStatus, fault: fields.fault, driverOK: isReady)
        }
    }

    /// Throws if no driver can bring the registers into this state.
    private func check(_ registers: State) throws(DeviceStateError) {
        let offered = device?.queueSizes ?? []
        try DeviceStateError.check(registers.queues.map(\.queueNumMax) == offered, "registers.queues")
        let status = registers.status
        try DeviceStateError.check(status.isSubset(of: .writable), "registers.status")
        if device == nil {
            // Nothing can be written to an empty slot.
            let isUntouched =
                status.isEmpty && registers.deviceFeaturesSel == 0 && registers.driverFeaturesSel == 0
                && registers.driverFeatures == 0 && !registers.wantsUnknownFeatures && registers.queueSel == 0
            try DeviceStateError.check(isUntouched, "registers")
        }
        if status.contains(.featuresOK) {
            try DeviceStateError.check(registers.acceptsOnly(offeredFeatures), "registers.driverFeatures")
        } else {
            try DeviceStateError.check(!status.contains(.driverOK), "registers.status")
        }
    }

    /// The queues that the device works on, by index. One that is ready was found to be right when it was made so.
    private func liveQueues(of registers: State) throws(DeviceStateError) -> [Virtqueue?] {
        var queues: [Virtqueue?] = []
        for (index, queue) in registers.queues.enumerated() {
            var made: Virtqueue?
            if queue.queueReady {
                do throws(VirtqueueFault) {
                    made = try Virtqueue(
                        registers: queue, features: VirtioFeatures(rawValue: registers.driverFeatures), memory: memory,
                        notifications: notifications)
                } catch { throw .impossible("registers.queues[\(index)]") }
            }
            queues.append(registers.status.contains(.driverOK) ? made : nil)
        }
        return queues
    }
}
