// Connecting a machine to its networks.

import Devices

/// A network has gone for good; the guest sees its link go down and runs on.
public struct LinkDownEvent: Sendable {
    /// The index in `MachineConfiguration.networks`.
    public var network: Int
    public var reason: String
}

extension VirtualMachine {
    /// Connects every network of a configuration that was checked.
    static func openNetworks(
        _ configuration: MachineConfiguration, events: MachineEvents
    ) throws(MachineError) -> [NetworkDevice] {
        var networks: [NetworkDevice] = []
        for (index, network) in configuration.networks.enumerated() {
            let backend: any NetworkBackend
            do throws(NetworkError) { backend = try open(network, index: index) } catch { throw .network(error) }
            let linkDown = events.linkDown
            do {
                networks.append(
                    try NetworkDevice(
                        mac: configuration.macAddress(ofNetwork: index), mtu: network.mtu, backend: backend,
                        onLinkDown: { linkDown?(LinkDownEvent(network: index, reason: $0)) }))
            } catch { throw .host(error.description) }
        }
        return networks
    }

    private static func open(
        _ network: NetworkConfiguration, index: Int
    ) throws(NetworkError) -> any NetworkBackend {
        switch network.kind {
        case .user:
            let passt = try PasstProcess(network: index, mtu: network.mtu)
            return StreamSocketBackend(descriptor: passt.descriptor) {
                "passt has ended" + (passt.lastWords.map { ": \($0)" } ?? "")
            }
        case .passt(let path):
            do { return try StreamSocketBackend(path: path) } catch { throw .socket(error) }
        case .tap(let name):
            do { return try TapBackend(interface: name) } catch { throw .tap(error) }
        }
    }
}
