// What a network device needs of the host: somebody who takes frames and gives frames.
//
// Responsible for: the protocol, and the bounds of a frame. Not responsible for: the guest's side (`NetworkPort`).

/// Ethernet frames, as they pass between a guest and the host: without preamble and frame check sequence.
public enum EthernetFrame {
    /// Two addresses and a type.
    public static let headerByteCount = 14
    /// The header and one tag of IEEE 802.1Q.
    public static let maximumOverheadByteCount = headerByteCount + 4
    /// The longest frame for which there can be an MTU (virtio 1.2 §5.1.4: 16 bits).
    public static let maximumByteCount = Int(UInt16.max) + maximumOverheadByteCount
}

/// The network is gone for good; what is left is a link that is down. The text is for the log.
public struct NetworkBackendError: Error, Equatable, CustomStringConvertible {
    public var description: String

    public init(_ description: String) {
        self.description = description
    }
}

/// The host's end of a network. Used by one thread at a time, and never waits.
///
/// An error means that nothing comes any more; the device lets the backend go.
public protocol NetworkBackend: AnyObject, Sendable {
    /// What to wait for with poll(2): readable when `receive` has a frame, writable when `send` or `flush` may go on.
    var descriptor: Int32 { get }

    /// The next frame from the network, at most `EthernetFrame.maximumByteCount` long; nil if there is none now.
    func receive() throws(NetworkBackendError) -> [UInt8]?

    /// Takes a frame, or returns false if it has to be offered again once the descriptor is writable.
    func send(_ frame: [UInt8]) throws(NetworkBackendError) -> Bool

    /// Passes on what `send` took and still holds; false if some is left for when the descriptor is writable.
    func flush() throws(NetworkBackendError) -> Bool
}
