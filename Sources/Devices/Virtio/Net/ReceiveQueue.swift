// The queue in which a guest receives frames.
//
// Follows virtio 1.2 §5.1.6.3 and §5.1.6.4: how a frame is laid into the driver's buffers.

import Bytes
import Hypervisor

/// `struct virtio_net_hdr` of virtio 1.2 §5.1.6, which precedes every frame. Without offloads all of it is zero but
/// the number of buffers.
enum NetworkHeader {
    static let byteCount = 12
    private static let bufferCountOffset = 10

    /// The header of a frame that is in `bufferCount` buffers.
    static func bytes(bufferCount: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        bytes.replace(at: bufferCountOffset, littleEndian: UInt16(truncatingIfNeeded: bufferCount))
        return bytes
    }
}

/// receiveq1 (§5.1.2), with the buffers that were taken from it and are not used yet.
struct ReceiveQueue {
    enum Delivery: Equatable {
        case delivered
        /// No buffers of this driver hold it.
        case dropped
        /// There are too few buffers now.
        case waits
    }

    private(set) var queue: Virtqueue?
    /// Taken from the queue, in order. What a frame does not need stays for the next.
    private var buffers: [DescriptorChain] = []

    init(_ queue: Virtqueue? = nil) {
        self.queue = queue
    }

    /// Puts a frame into the driver's buffers. Without a driver it is dropped, as by a card that is not up.
    mutating func deliver(_ frame: [UInt8]) -> Delivery {
        guard let features = queue?.features, let memory = queue?.memory, let size = queue?.size else {
            return .dropped
        }
        let isMergeable = features.contains(.netMrgRxbuf)
        let wanted = NetworkHeader.byteCount + frame.count
        while true {
            let capacity = buffers.reduce(0) { $0 + $1.writable.byteCount }
            if !buffers.isEmpty, capacity >= wanted { break }
            // The driver cannot give more: without mergeable buffers a frame has to fit into one; with them, into all.
            guard buffers.isEmpty || isMergeable, buffers.count < size else { return .dropped }
            guard let chain = queue?.next() else { return .waits }
            buffers.append(chain)
        }

        var count = 0
        var room = 0
        while room < wanted {
            room += buffers[count].writable.byteCount
            count += 1
        }
        var rest = (NetworkHeader.bytes(bufferCount: count) + frame)[...]
        var used: [Virtqueue.UsedBuffer] = []
        used.reserveCapacity(count)
        for buffer in buffers[..<count] {
            let written = buffer.writable.write(rest, in: memory)
            rest = rest.dropFirst(written)
            used.append(Virtqueue.UsedBuffer(chain: buffer, written: written))
        }
        buffers.removeFirst(count)
        // At once: the driver must not see a part of a frame.
        queue?.complete(used)
        return .delivered
    }

    /// Where the queue is if the buffers that are not used yet were not taken.
    var position: VirtqueuePosition? { queue?.position(held: buffers.count) }

    mutating func notifyDriver() {
        queue?.notifyDriver()
    }
}
