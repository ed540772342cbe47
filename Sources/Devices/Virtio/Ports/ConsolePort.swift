// A port of a console device, and what is said of it between the device and its driver.
//
// Responsible for: control messages as bytes, and which of them are due. Not responsible for: queues (`PortsDevice`).
//
// Follows virtio 1.2 §5.3.6.2.

import Bytes

/// A port, as the guest finds it.
public struct ConsolePort: Sendable, Hashable {
    /// One more than the greatest number: what QEMU's device has.
    public static let limit = 31
    /// Most bytes of a name.
    public static let nameLimit = 255

    /// Which port of its device it is, from 0.
    public var number: Int
    /// What the guest knows it by; nil if it has no name.
    public var name: String?
    /// Whether the guest makes a terminal of it.
    public var isConsole: Bool

    /// - Parameters:
    ///   - number: which port of its device it is, from 0 to `limit` - 1.
    ///   - name: what the guest knows it by, of up to `nameLimit` bytes.
    ///   - isConsole: whether the guest makes a terminal of it.
    public init(number: Int, name: String? = nil, isConsole: Bool = false) {
        self.number = number
        self.name = name
        self.isConsole = isConsole
    }
}

/// `struct virtio_console_control`: what one side tells the other of a port.
struct PortMessage: Equatable {
    enum Event: UInt16 {
        /// The driver is there, and wants to know the ports.
        case deviceReady = 0
        case deviceAdd = 1
        case deviceRemove = 2
        /// The driver has made the port its own.
        case portReady = 3
        case consolePort = 4
        case resize = 5
        case portOpen = 6
        /// Followed by the name.
        case portName = 7
    }

    static let byteCount = 8
    private static let eventOffset = 4
    private static let valueOffset = 6

    var id: UInt32
    var event: UInt16
    var value: UInt16

    init(_ event: Event, of port: Int, value: Bool = true) {
        id = UInt32(truncatingIfNeeded: port)
        self.event = event.rawValue
        self.value = value ? 1 : 0
    }

    /// - Parameter bytes: what the driver sent; nil if that is too short. What is behind the message says nothing.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.byteCount else { return nil }
        id = UInt32(truncatingIfNeeded: UInt64(littleEndianBytes: bytes[..<Self.eventOffset]))
        event = UInt16(truncatingIfNeeded: UInt64(littleEndianBytes: bytes[Self.eventOffset..<Self.valueOffset]))
        value = UInt16(truncatingIfNeeded: UInt64(littleEndianBytes: bytes[Self.valueOffset..<Self.byteCount]))
    }

    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        bytes.replace(at: 0, littleEndian: id)
        bytes.replace(at: Self.eventOffset, littleEndian: event)
        bytes.replace(at: Self.valueOffset, littleEndian: value)
        return bytes
    }
}

/// What the driver is still to be told of a port. A set, and no list: whatever a driver asks for, and however often,
/// there is one of each.
struct PortNews: Codable, Sendable, Hashable {
    /// That there is the port.
    var isNew = false
    /// That it is a console, and what it is called: once the driver has it.
    var isConsole = false
    var isNamed = false
    /// The driver has said that it has the port.
    var isReady = false
    /// Whether the driver was told that the host's side is open.
    var saysOpen = false

    /// Takes the next message that is due, if there is one.
    ///
    /// - Parameters:
    ///   - port: whose news these are.
    ///   - isOpen: whether the host's side is open.
    mutating func next(_ port: ConsolePort, isOpen: Bool) -> [UInt8]? {
        if isNew {
            isNew = false
            return PortMessage(.deviceAdd, of: port.number).bytes
        }
        guard isReady else { return nil }
        if isConsole {
            isConsole = false
            return PortMessage(.consolePort, of: port.number).bytes
        }
        if isNamed {
            isNamed = false
            return PortMessage(.portName, of: port.number).bytes + Array((port.name ?? "").utf8)
        }
        guard saysOpen != isOpen else { return nil }
        saysOpen = isOpen
        return PortMessage(.portOpen, of: port.number, value: isOpen).bytes
    }

    /// The driver has the port: it hears all of it.
    mutating func becomeReady(_ port: ConsolePort) {
        isReady = true
        isConsole = port.isConsole
        isNamed = port.name != nil
        saysOpen = false
    }
}
