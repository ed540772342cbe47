// A network as `vm.toml` has it.

import Devices
import Machine

extension VMConfiguration {
    /// A network card, and what is at the other end.
    public struct Network: Codable, Hashable, Sendable {
        /// `user`, `passt` or `tap`.
        public var kind: String
        /// Written out, like everything that the guest can see.
        public var mac: String
        public var mtu: Int
        /// Of `passt`.
        public var socket: String?
        /// Of `tap`.
        public var interface: String?
        /// Of `user`: ports of the host that lead into the guest.
        public var forward: [String]?

        init(_ machine: MachineConfiguration, index: Int) {
            let network = machine.networks[index]
            mac = machine.macAddress(ofNetwork: index).description
            mtu = Int(network.mtu)
            forward = network.forwards.isEmpty ? nil : network.forwards.map(\.description)
            switch network.kind {
            case .user: kind = "user"
            case .passt(let socket):
                kind = "passt"
                self.socket = socket
            case .tap(let interface):
                kind = "tap"
                self.interface = interface
            }
        }

        func network() throws(VMConfigurationError) -> NetworkConfiguration {
            let kind: NetworkConfiguration.Kind
            switch (self.kind, socket, interface) {
            case ("user", _, _): kind = .user
            case ("passt", let socket?, _): kind = .passt(socket: socket)
            case ("tap", _, let interface?): kind = .tap(interface: interface)
            default:
                throw VMConfigurationError(
                    "a network needs kind = \"user\", kind = \"passt\" and a socket, or kind = \"tap\" and an interface"
                )
            }
            guard let mac = MACAddress(mac) else {
                throw VMConfigurationError("mac = \"\(mac)\" is no MAC address of one station")
            }
            guard let mtu = UInt16(exactly: mtu) else { throw VMConfigurationError("mtu = \(mtu) is no MTU") }
            var network = NetworkConfiguration(kind, mac: mac, mtu: mtu)
            for text in forward ?? [] {
                guard let forward = PortForward(text) else {
                    throw VMConfigurationError("forward = [\"\(text)\"] is no forward such as \"tcp:2222:22\"")
                }
                network.forwards.append(forward)
            }
            return network
        }
    }
}
