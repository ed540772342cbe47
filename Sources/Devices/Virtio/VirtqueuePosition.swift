// How far a device has come in a virtqueue: what is saved of it. The rest is in the guest's memory and in the
// registers.

import Hypervisor

/// The indices of a queue whose device has nothing in its hands.
struct VirtqueuePosition: Codable, Hashable, Sendable {
    var nextAvailable: UInt16
    var nextUsed: UInt16
    var isBroken: Bool
}

extension Virtqueue {
    /// Where the queue would be if the last `held` chains that it gave had not been taken. A device that uses chains in
    /// their order has only such in its hands: another one that goes on from here takes them again.
    func position(held: Int = 0) -> VirtqueuePosition {
        var queue = self
        queue.putBack(held)
        return queue.position
    }

    /// Queues that were made anew, at the places where others were.
    static func restored(
        _ queues: [Virtqueue?], to positions: [VirtqueuePosition?]
    ) throws(DeviceStateError) -> [Virtqueue?] {
        try DeviceStateError.check(queues.count == positions.count, "queues")
        var restored: [Virtqueue?] = []
        for (index, (queue, position)) in zip(queues, positions).enumerated() {
            try DeviceStateError.check((queue == nil) == (position == nil), "queues[\(index)]")
            var new = queue
            if let queue, let position {
                let taken = position.nextAvailable &- position.nextUsed
                try DeviceStateError.check(taken <= queue.size, "queues[\(index)].nextAvailable")
                new?.position = position
            }
            restored.append(new)
        }
        return restored
    }
}

/// The state of a device that knows nothing beside its queues.
struct VirtqueuePositions: Codable, Sendable {
    var queues: [VirtqueuePosition?]
}
