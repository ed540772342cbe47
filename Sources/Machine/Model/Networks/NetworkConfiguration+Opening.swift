// Connecting a machine to its networks.

import Devices
import HostSupport

extension NetworkConfiguration {
    /// Connects a network of a configuration that was checked.
    func open(
        index: Int, mac: MACAddress, onLinkDown: (@Sendable (LinkDownEvent) -> Void)?
    ) throws(MachineError) -> NetworkDevice {
        let backend: any NetworkBackend
        do throws(NetworkError) { backend = try open(index: index) } catch { throw .network(error) }
        do {
            return try NetworkDevice(
                mac: mac, mtu: mtu, backend: backend,
                onLinkDown: { onLinkDown?(LinkDownEvent(network: index, reason: $0)) })
        } catch { throw .host(error.description) }
    }

    private func open(index: Int) throws(NetworkError) -> any NetworkBackend {
        switch kind {
        case .user:
            // passt says it, too, but only when the guest runs.
            for forward in forwards { try forward.checkHostPort() }
            let passt = try PasstProcess(network: index, mtu: mtu, forwards: forwards)
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
