// The networks of a machine, and what its guest sees of them.
//
// Responsible for: what a person chooses, and the MAC address that follows from it. A guest sees MAC address, MTU and
// slot; what is at the other end it does not see.

import Devices

/// A network of a machine.
public struct NetworkConfiguration: Sendable, Hashable {
    /// What is at the other end.
    public enum Kind: Sendable, Hashable {
        /// passt(1), started with the machine: the host's own network, and its loopback as the gateway.
        case user
        /// A UNIX stream socket that passt, or something that speaks as it does, listens on.
        case passt(socket: String)
        /// A TAP device of the host.
        case tap(interface: String)
    }

    public static let defaultMTU: UInt16 = 1500

    public var kind: Kind
    /// nil: the model's for the slot.
    public var mac: MACAddress?
    /// The most bytes behind an Ethernet header.
    public var mtu = defaultMTU
    /// Ports of the host that lead into the guest; only with `user`. The guest does not see them.
    public var forwards: [PortForward] = []

    /// A network.
    ///
    /// - Parameters:
    ///   - kind: What is at the other end.
    ///   - mac: The guest's address; nil for the model's.
    ///   - mtu: The most bytes behind an Ethernet header.
    ///   - forwards: Ports of the host that lead into the guest.
    public init(
        _ kind: Kind, mac: MACAddress? = nil, mtu: UInt16 = defaultMTU, forwards: [PortForward] = []
    ) {
        self.kind = kind
        self.mac = mac
        self.mtu = mtu
        self.forwards = forwards
    }
}

extension MachineConfiguration {
    /// The MAC address of the network with this index: what was chosen, or one that follows from its slot.
    public func macAddress(ofNetwork index: Int) -> MACAddress {
        networks[index].mac ?? MACAddress(virtualMachine: UInt8(truncatingIfNeeded: model.networkSlot(index)))
    }

    func checkNetworks() throws(MachineError) {
        guard !networks.isEmpty else { return }
        guard clock != .instructions else { throw .network(.instructionClock) }
        guard disks.count + networks.count <= model.maximumDiskCount else {
            throw .network(.tooMany(networks: networks.count, disks: disks.count, limit: model.maximumDiskCount))
        }
        var seen: Set<MACAddress> = []
        for index in networks.indices {
            let mac = macAddress(ofNetwork: index)
            guard seen.insert(mac).inserted else { throw .network(.sameMAC(mac)) }
            guard NetworkDevice.mtuRange.contains(networks[index].mtu) else {
                throw .network(.mtu(networks[index].mtu))
            }
        }
        var forwards: [PortForward] = []
        for network in networks {
            for forward in network.forwards {
                guard network.kind == .user else { throw .network(.forward(forward, reason: .kind)) }
                guard !forwards.contains(where: forward.collides) else {
                    throw .network(.forward(forward, reason: .twice))
                }
                forwards.append(forward)
            }
        }
    }
}

/// Why a network cannot be had. The text is for the user, one line.
public enum NetworkError: Error, CustomStringConvertible {
    case instructionClock
    case tooMany(networks: Int, disks: Int, limit: Int)
    case sameMAC(MACAddress)
    case mtu(UInt16)
    case socket(NetworkSocketError)
    case tap(TapError)
    case noPasst
    case forward(PortForward, reason: PortForwardFailure)
    case host(String)

    public var description: String {
        switch self {
        case .instructionClock:
            "a network is not deterministic; leave it out with the instruction clock, or take the host's clock"
        case .tooMany(let networks, let disks, let limit):
            "\(networks) networks and \(disks) disks are too many; this machine has slots for "
                + "\(limit) together"
        case .sameMAC(let mac):
            "two networks have the MAC address \(mac); give one of them another"
        case .mtu(let mtu):
            "an MTU of \(mtu) cannot be had; give a number from \(NetworkDevice.mtuRange.lowerBound) to "
                + "\(NetworkDevice.mtuRange.upperBound)"
        case .socket(let error): error.description
        case .tap(let error): error.description
        case .noPasst:
            "passt is not installed, which a network of the user's starts; install Debian's package passt, or take another kind"
        case .forward(let forward, let reason):
            switch reason {
            case .taken:
                "the port \(forward.hostPort) (\(forward.transport.rawValue)) of \(forward.address) is taken on this host; "
                    + "take another one, or end what listens there"
            case .address: "this host has no address \(forward.address) to forward from; take one that it has"
            case .notAllowed:
                "the port \(forward.hostPort) is the superuser's on this host; take one from 1024 on"
            case .twice:
                "the port \(forward.hostPort) (\(forward.transport.rawValue)) of \(forward.address) is forwarded twice; "
                    + "leave one out"
            case .kind:
                "\(forward) needs the network of the user; any other kind is forwarded to by who is at its other end"
            }
        case .host(let text): text
        }
    }
}
