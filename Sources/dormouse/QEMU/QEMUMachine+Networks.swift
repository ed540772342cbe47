// Networks of a QEMU command line.

import Devices
import Machine

extension QEMUMachine {
    private static let cards = ["virtio", "virtio-net-device", "virtio-net-pci"]

    /// `-netdev`: a network that a device is to belong to.
    mutating func takeNetdev(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "netdev", implied: "type")
        let type = list.take("type") ?? ""
        let network = try network(type, &list, "netdev")
        guard let id = list.take("id"), !id.isEmpty else { throw QEMUError("netdev", "needs an id=") }
        try list.finish()
        guard netdevs.updateValue(network, forKey: id) == nil else {
            throw QEMUError("netdev", "id=\(id) is given twice")
        }
    }

    /// `-nic`: a network with its card.
    mutating func takeNIC(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "nic", implied: "type")
        let type = list.take("type") ?? ""
        guard type != "none" else { return try list.finish() }
        try list.ignore("model", "virtio", "virtio-net-device", "virtio-net-pci")
        _ = list.take("id")
        var network = try network(type, &list, "nic")
        network.mac = try mac(&list, "nic")
        try list.finish()
        machine.networks.append(network)
    }

    /// `-net`: the old way. `-net nic` is a card, `-net user` what it is connected to.
    mutating func takeNet(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "net", implied: "type")
        switch list.take("type") {
        case "none"?: break
        case "nic"?:
            try list.ignore("model", "virtio", "virtio-net-device", "virtio-net-pci")
            legacyCard = .some(try mac(&list, "net"))
        case "user"?: legacyNetwork = try network("user", &list, "net")
        case let type: throw QEMUError("net", "\(type ?? "") is not to be had; say none, nic or user")
        }
        try list.finish()
        guard let mac = legacyCard, var network = legacyNetwork else { return }
        network.mac = mac
        machine.networks.append(network)
        (legacyCard, legacyNetwork) = (nil, nil)
    }

    /// What is at the other end.
    private mutating func network(
        _ type: String, _ list: inout QEMUList, _ option: String
    ) throws(QEMUError) -> NetworkConfiguration {
        switch type {
        case "user":
            var network = NetworkConfiguration(.user)
            for key in ["host", "net"] {
                guard let value = list.take(key) else { continue }
                warnings.append(
                    "-\(option) user,\(key)=\(value): the guest's addresses are those that passt gives it, see docs/network.md"
                )
            }
            for text in list.takeAll("hostfwd") { network.forwards.append(try forward(text, option)) }
            return network
        case "tap":
            guard let name = list.take("ifname"), !name.isEmpty else { throw QEMUError(option, "tap needs ifname=") }
            try list.ignore("script", "no")
            try list.ignore("downscript", "no")
            return NetworkConfiguration(.tap(interface: name))
        case "stream":
            try list.ignore("addr.type", "unix")
            if try list.takeSwitch("server") == true { throw QEMUError(option, "stream,server=on is not to be had") }
            guard let path = list.take("addr.path"), !path.isEmpty else {
                throw QEMUError(option, "stream needs addr.type=unix,addr.path=, the socket of a passt")
            }
            return NetworkConfiguration(.passt(socket: path))
        default: throw QEMUError(option, "\(type) is not to be had; say user, tap or stream")
        }
    }

    /// `tcp:127.0.0.1:2222-:22`: transport, the host's address and port, the guest's. QEMU listens on every address if
    /// none is given, and so does this.
    private func forward(_ text: String, _ option: String) throws(QEMUError) -> PortForward {
        let halves = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        var host = halves[0].split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let guest = halves.count == 2 ? halves[1].split(separator: ":", omittingEmptySubsequences: false) : []
        if host.count == 3, guest.count == 2 {
            if host[0].isEmpty { host[0] = PortForward.Transport.tcp.rawValue }
            if host[1].isEmpty { host[1] = "0.0.0.0" }
            // DHCP gives the guest one address.
            if guest[0].isEmpty || guest[0] == "10.0.2.15",
                let forward = PortForward("\(host.joined(separator: ":")):\(guest[1])")
            {
                return forward
            }
        }
        throw QEMUError(option, "hostfwd=\(text) is not to be had; say hostfwd=tcp:127.0.0.1:2222-:22")
    }

    private func mac(_ list: inout QEMUList, _ option: String) throws(QEMUError) -> MACAddress? {
        guard let text = list.take("mac", "macaddr") else { return nil }
        guard let mac = MACAddress(text) else { throw QEMUError(option, "\(text) is no MAC address of one station") }
        return mac
    }

    /// `-device virtio-net-device`.
    mutating func attachNetwork(_ list: inout QEMUList) throws(QEMUError) {
        let id = list.take("netdev") ?? ""
        guard var network = netdevs.removeValue(forKey: id) else {
            throw QEMUError("device", "netdev=\(id) is not to be found: name the id of a -netdev")
        }
        network.mac = try mac(&list, "device")
        try bootOrder.take(&list, of: .network(machine.networks.count))
        machine.networks.append(network)
    }
}
