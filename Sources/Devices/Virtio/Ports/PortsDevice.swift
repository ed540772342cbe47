// The virtio console with several ports, as guest agents and test tools use it: QEMU's virtio-serial.
//
// Responsible for: the device's configuration, its queues, and the messages by which both sides tell each other which
// ports there are and which are open. Not responsible for: bytes (`PortQueues`), or who is on the host's side.
//
// Follows virtio 1.2 §5.3 with VIRTIO_CONSOLE_F_MULTIPORT. VIRTIO_CONSOLE_F_SIZE and F_EMERG_WRITE are not offered, and
// ports neither come nor go while the guest runs.

import Bytes
import Hypervisor
import Synchronization

extension VirtioFeatures {
    /// VIRTIO_CONSOLE_F_MULTIPORT: there are ports, and queues to talk of them.
    public static let consoleMultiport = Self(bit: 1)
}

/// A console device (virtio 1.2 §5.3) with several ports.
public final class PortsDevice: VirtioDevice {
    /// The queues that belong to no port (§5.3.2).
    private enum ControlQueue {
        static let receive = 2
        static let transmit = 3
    }

    /// What is known of the driver, and of the host's side of each port, by number.
    private struct Control {
        var receive: Virtqueue?
        var transmit: Virtqueue?
        var news: [PortNews]
        var isHostOpen: [Bool]
        var isParked = false

        mutating func forgetDriver() {
            receive = nil
            transmit = nil
            news = news.map { _ in PortNews() }
        }
    }

    private static let queueSize: UInt16 = 128
    private static let maximumPortCountOffset = 4

    public let deviceID = VirtioDeviceID.console
    public static let features: VirtioFeatures = [.consoleMultiport]
    public let features: VirtioFeatures = PortsDevice.features
    public let queueSizes: [UInt16]
    /// `struct virtio_console_config` (§5.3.4), of which max_nr_ports is valid.
    public let configuration: [UInt8]

    /// By number; nil where there is no port.
    private let ports: [ConsolePort?]
    private let queues: [PortQueues]
    private let onRoom: @Sendable (Int) -> Void
    private let onGuestOpen: @Sendable (Int, Bool) -> Void
    /// Taken before the locks of ports.
    private let control: Mutex<Control>
    private let isEnding: Ending

    /// Whether the run is to end, for whoever moves bytes.
    private final class Ending: Sendable {
        private let flag = Atomic(false)
        var isSet: Bool { flag.load(ordering: .acquiring) }
        func set(_ value: Bool) { flag.store(value, ordering: .releasing) }
    }

    /// The queues of a device with these ports: two for each number that there can be, and two for messages.
    ///
    /// - Parameter ports: its ports.
    public static func queueSizes(of ports: [ConsolePort]) -> [UInt16] {
        [UInt16](repeating: queueSize, count: 2 * (numberCount(ports) + 1))
    }

    /// How many numbers there are, whether or not each has a port.
    private static func numberCount(_ ports: [ConsolePort]) -> Int { (ports.map(\.number).max() ?? 0) + 1 }

    /// A device whose ports are closed on the host's side.
    ///
    /// - Parameters:
    ///   - ports: its ports, with a number of its own each.
    ///   - output: called with a port's number and what the guest wrote to it, in order, on a vCPU's thread or on the
    ///     one that calls `hostTakes`; returns how much of it is taken. What is not is offered again by `hostTakes`. It
    ///     must neither wait for the guest nor call the device.
    ///   - onRoom: called on a vCPU's thread with a port's number when the guest may take what it is sent, after
    ///     `receive` took less than it was given; also at other times.
    ///   - onGuestOpen: called with a port's number when somebody in the guest has opened it, or closed it. On a vCPU's
    ///     thread, or on the one that resets the device.
    public init(
        ports: [ConsolePort], output: @escaping @Sendable (_ port: Int, _ bytes: [UInt8]) -> Int,
        onRoom: @escaping @Sendable (_ port: Int) -> Void = { _ in },
        onGuestOpen: @escaping @Sendable (_ port: Int, _ isOpen: Bool) -> Void = { _, _ in }
    ) {
        let count = Self.numberCount(ports)
        var byNumber = [ConsolePort?](repeating: nil, count: count)
        for port in ports where byNumber.indices.contains(port.number) { byNumber[port.number] = port }
        self.ports = byNumber
        self.onRoom = onRoom
        self.onGuestOpen = onGuestOpen
        let isEnding = Ending()
        self.isEnding = isEnding
        queues = (0..<count).map { number in
            PortQueues(output: { output(number, $0) }, hasEnded: { isEnding.isSet })
        }
        control = Mutex(
            Control(
                news: [PortNews](repeating: PortNews(), count: count),
                isHostOpen: [Bool](repeating: false, count: count)))
        queueSizes = Self.queueSizes(of: ports)
        var configuration = [UInt8](repeating: 0, count: 12)
        configuration.replace(at: Self.maximumPortCountOffset, littleEndian: UInt32(count))
        self.configuration = configuration
    }

    // MARK: The host's side

    /// Gives the guest what it is sent by a port, and returns how much of `bytes` it took: less if it has no room, none
    /// before it has opened the port. The rest is to be offered again when there is room. Callable from any thread.
    ///
    /// - Parameters:
    ///   - bytes: what it is sent.
    ///   - number: the port's.
    public func receive(_ bytes: [UInt8], at number: Int) -> Int {
        guard ports.indices.contains(number), ports[number] != nil else { return 0 }
        return queues[number].receive(bytes)
    }

    /// Whoever is on the host's side takes more of what the guest wrote to a port. Callable from any thread.
    ///
    /// - Parameter number: the port's.
    public func hostTakes(_ number: Int) {
        guard ports.indices.contains(number), ports[number] != nil else { return }
        queues[number].transmit(isNotified: false)
    }

    /// Somebody has come to the host's side of a port, or has gone; the guest is told. What it wrote and nobody took
    /// is lost then. Callable from any thread.
    ///
    /// - Parameters:
    ///   - isOpen: whether somebody is there.
    ///   - number: the port's.
    public func setHostOpen(_ isOpen: Bool, at number: Int) {
        guard ports.indices.contains(number), ports[number] != nil else { return }
        queues[number].setHostOpen(isOpen)
        control.withLock { control in
            control.isHostOpen[number] = isOpen
            tellNews(&control)
        }
        if !isOpen { queues[number].transmit(isNotified: false) }
    }

    // MARK: The guest's side

    public func setQueue(_ queue: Virtqueue?, at index: Int) {
        switch index {
        case ControlQueue.receive: control.withLock { $0.receive = queue }
        case ControlQueue.transmit: control.withLock { $0.transmit = queue }
        default:
            guard let number = portNumber(ofQueue: index) else { return }
            if index % 2 == 0 { queues[number].setReceive(queue) } else { queues[number].setTransmit(queue) }
        }
    }

    /// Port 0 has the first two queues; those of the others are behind the two of none.
    private func portNumber(ofQueue index: Int) -> Int? {
        let number = index < ControlQueue.receive ? 0 : index / 2 - 1
        return queues.indices.contains(number) ? number : nil
    }

    public func queueNotified(_ index: Int) {
        switch index {
        case ControlQueue.receive: control.withLock { tellNews(&$0) }
        case ControlQueue.transmit: listen()
        default:
            guard let number = portNumber(ofQueue: index), ports[number] != nil else { return }
            if index % 2 == 0 { onRoom(number) } else { queues[number].transmit(isNotified: true) }
        }
    }

    public func reset() {
        control.withLock { $0.forgetDriver() }
        for (number, port) in queues.enumerated() where port.reset() { onGuestOpen(number, false) }
    }

    public func setEnding(_ isEnding: Bool) { self.isEnding.set(isEnding) }

    // MARK: Messages

    /// Takes what the driver says. Nothing that is wrong in it is answered, as with QEMU.
    private func listen() {
        while listenToQueue() {}
    }

    /// The same as far as a queue is long, since another core may fill it without end: others get the lock then, and of
    /// each port only what became of it is told.
    ///
    /// - Returns: whether there may be more.
    private func listenToQueue() -> Bool {
        var news = [GuestOpen?](repeating: nil, count: ports.count)
        let isFull = control.withLock { control in
            var count = 0
            while !isEnding.isSet, count < Self.messagesAtOnce, let chain = control.transmit?.next(),
                let memory = control.transmit?.memory
            {
                let bytes = chain.readable.split(at: PortMessage.byteCount).head.bytes(in: memory)
                if let message = PortMessage(bytes), let change = hear(message, &control) {
                    let isNews = change.isNews || news[change.number]?.isNews ?? false
                    news[change.number] = GuestOpen(number: change.number, isOpen: change.isOpen, isNews: isNews)
                }
                control.transmit?.complete(chain, written: 0)
                count += 1
            }
            control.transmit?.notifyDriver()
            tellNews(&control)
            return count == Self.messagesAtOnce
        }
        for case let change? in news {
            if change.isNews { onGuestOpen(change.number, change.isOpen) }
            if change.isOpen { onRoom(change.number) }
        }
        return isFull
    }

    /// More than a driver has to say at once.
    private static let messagesAtOnce = 256

    /// What the guest says of its side of a port.
    private struct GuestOpen {
        var number: Int
        var isOpen: Bool
        var isNews: Bool
    }

    /// - Returns: the port that is open or closed from now on, if the message is of that.
    private func hear(_ message: PortMessage, _ control: inout Control) -> GuestOpen? {
        let isYes = message.value != 0
        guard let event = PortMessage.Event(rawValue: message.event) else { return nil }
        if event == .deviceReady {
            guard isYes else { return nil }
            for (number, port) in ports.enumerated() where port != nil { control.news[number] = PortNews(isNew: true) }
            return nil
        }
        guard let number = Int(exactly: message.id), ports.indices.contains(number), let port = ports[number] else {
            return nil
        }
        switch event {
        case .portReady: if isYes { control.news[number].becomeReady(port) } else { control.news[number] = PortNews() }
        case .portOpen:
            return GuestOpen(number: number, isOpen: isYes, isNews: queues[number].setGuestOpen(isYes))
        // What only a device says.
        case .deviceReady, .deviceAdd, .deviceRemove, .consolePort, .resize, .portName: break
        }
        return nil
    }

    /// Tells the driver what is due, as far as it has buffers.
    private func tellNews(_ control: inout Control) {
        guard !control.isParked else { return }
        for (number, port) in ports.enumerated() {
            guard let port else { continue }
            while true {
                var news = control.news[number]
                guard let message = news.next(port, isOpen: control.isHostOpen[number]) else { break }
                guard let chain = control.receive?.next(), let memory = control.receive?.memory else {
                    control.receive?.notifyDriver()
                    return
                }
                control.news[number] = news
                let count = chain.writable.write(message[...], in: memory)
                control.receive?.complete(chain, written: count)
            }
        }
        control.receive?.notifyDriver()
    }
}

// MARK: - Saving and restoring

extension PortsDevice {
    private static let kind = DeviceState.Kind("virtio-serial", version: 1)

    /// What is saved. Who is on the host's side is no part of it: what the next host has is said on `resume`.
    private struct Fields: Codable, Sendable {
        var queues: [VirtqueuePosition?]
        /// By number, as long as there are numbers.
        var news: [PortNews]
        var ports: [PortQueues.Fields]
    }

    public func quiesce() {
        control.withLock { $0.isParked = true }
        for port in queues { port.setParked(true) }
    }

    public func resume() {
        for port in queues { port.setParked(false) }
        control.withLock { control in
            control.isParked = false
            tellNews(&control)
        }
        for (number, port) in ports.enumerated() where port != nil {
            queues[number].transmit(isNotified: false)
            onRoom(number)
        }
    }

    public func save() throws(DeviceStateError) -> DeviceState {
        let (control, news) = control.withLock { ([$0.receive?.position(), $0.transmit?.position()], $0.news) }
        var positions = queues.map(\.positions)
        positions.insert(control, at: 1)
        return try DeviceState(
            Self.kind, Fields(queues: positions.flatMap(\.self), news: news, ports: queues.map(\.fields)))
    }

    public func restore(_ state: DeviceState, queues restored: [Virtqueue?]) throws(DeviceStateError) {
        let fields = try state.fields(Fields.self, of: Self.kind)
        let restored = try Virtqueue.restored(restored, to: fields.queues)
        try DeviceStateError.check(fields.news.count == queues.count, "news")
        try DeviceStateError.check(fields.ports.count == queues.count, "ports")
        for (number, port) in fields.ports.enumerated() {
            let isPossible = (0...DescriptorChain.maximumByteCount).contains(port.taken)
            try DeviceStateError.check(isPossible, "ports[\(number)].taken")
            // There is nothing to be told of a port that is not there.
            let isSilent = ports[number] != nil || fields.news[number] == PortNews()
            try DeviceStateError.check(isSilent, "news[\(number)]")
        }
        control.withLock { control in
            control.receive = restored[ControlQueue.receive]
            control.transmit = restored[ControlQueue.transmit]
            control.news = fields.news
        }
        for (number, port) in queues.enumerated() {
            let first = number == 0 ? 0 : 2 * (number + 1)
            port.restore(fields.ports[number], receive: restored[first], transmit: restored[first + 1])
        }
    }
}
