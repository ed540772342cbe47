import Devices
import Hibernation
import HostSupport
import Testing

@testable import Machine

@Suite("Networks of a machine")
struct NetworkTests {
    private func refusal(_ change: (inout MachineConfiguration) -> Void) -> NetworkError? {
        var configuration = MachineConfiguration(kernel: "unread")
        change(&configuration)
        do throws(MachineError) {
            try configuration.checkNetworks()
            return nil
        } catch {
            if case .network(let error) = error { return error }
            return nil
        }
    }

    @Test("Disks and networks share thirty slots")
    func slots() {
        func error(disks: Int, networks: Int) -> NetworkError? {
            refusal {
                $0.disks = (0..<disks).map { DiskConfiguration(path: "\($0)") }
                $0.networks = (0..<networks).map { _ in NetworkConfiguration(.user) }
            }
        }
        #expect(error(disks: 28, networks: 2) == nil && error(disks: 0, networks: 30) == nil)
        #expect(error(disks: 29, networks: 2)?.description.contains("2 networks and 29 disks are too many") == true)
        #expect(error(disks: 0, networks: 31) != nil)
    }

    @Test("What no machine can have is refused")
    func refusals() {
        let user = NetworkConfiguration(.user)
        let deterministic = refusal {
            $0.networks = [user]
            $0.clock = .instructions
        }
        #expect(deterministic?.description.contains("instruction clock") == true)
        #expect(refusal { $0.clock = .instructions } == nil)
        // The second is what the first has by its slot.
        let twins = refusal { $0.networks = [user, NetworkConfiguration(.user, mac: MACAddress("52:54:00:00:00:1d"))] }
        #expect(twins?.description.contains("52:54:00:00:00:1d") == true)
        #expect(
            refusal { $0.networks = [NetworkConfiguration(.user, mtu: 67)] }?.description.contains("from 68 to 65520")
                == true)
        #expect(refusal { $0.networks = [NetworkConfiguration(.user, mtu: 65521)] } != nil)
        #expect(refusal { $0.networks = [NetworkConfiguration(.user, mtu: 65520)] } == nil)
    }

    @Test("A port is forwarded once, and only into the network of the user")
    func forwardRefusals() {
        func error(_ networks: [NetworkConfiguration]) -> String? { refusal { $0.networks = networks }?.description }
        func user(_ forwards: [String], mac: String? = nil) -> NetworkConfiguration {
            NetworkConfiguration(
                .user, mac: mac.flatMap { MACAddress($0) }, forwards: forwards.compactMap { PortForward($0) })
        }
        #expect(error([user(["tcp:2222:22", "udp:2222:22", "tcp:127.0.0.2:2222:22"])]) == nil)
        #expect(
            error([user(["tcp:2222:22", "tcp:2222:23"])])?.contains("2222 (tcp) of 127.0.0.1 is forwarded twice")
                == true)
        #expect(error([user(["tcp:2222:22", "tcp:0.0.0.0:2222:23"])])?.contains("forwarded twice") == true)
        #expect(error([user(["tcp:2222:22"]), user(["tcp:2222:22"])])?.contains("forwarded twice") == true)
        var tap = NetworkConfiguration(.tap(interface: "t"))
        tap.forwards = [PortForward(.tcp, hostPort: 2222, guestPort: 22)]
        #expect(error([tap])?.contains("needs the network of the user") == true)
    }

    @Test("A port of the host's that somebody has is an error of the user's, and so is an address that the host lacks")
    func takenPort() throws {
        for transport in PortForward.Transport.allCases {
            let holder = try PortHolder(transport)
            let forward = PortForward(transport, hostPort: holder.port, guestPort: 22)
            let error = #expect(throws: NetworkError.self) { try forward.checkHostPort() }
            #expect(error?.description.contains("port \(holder.port) (\(transport)) of 127.0.0.1 is taken") == true)
            #expect(error.map { MachineError.network($0).isHosts } == false)
            holder.release()
            #expect(throws: Never.self) { try forward.checkHostPort() }
        }
        let elsewhere = #expect(throws: NetworkError.self) {
            try PortForward(.tcp, address: "192.0.2.1", hostPort: 2222, guestPort: 22).checkHostPort()
        }
        #expect(elsewhere?.description.contains("no address 192.0.2.1") == true)
    }

    @Test("What is missing for a network is an error of the user")
    func missing() {
        for kind in [NetworkConfiguration.Kind.passt(socket: "/nonexistent"), .tap(interface: "dormouse-none")] {
            var configuration = MachineConfiguration(kernel: "unread")
            configuration.networks = [NetworkConfiguration(kind)]
            let error = #expect(throws: MachineError.self) {
                try VirtualMachine(configuration, events: MachineEvents())
            }
            #expect(error?.isHosts == false)
        }
    }

    @Test("Of a network the record has what its guest can see, and not what is at the other end")
    func environment() throws {
        func environment(_ networks: [NetworkConfiguration]) -> Environment {
            var configuration = MachineConfiguration(kernel: "unread")
            configuration.networks = networks
            return configuration.environment(
                MeasuredFiles(isFlat: true, kernel: Fingerprint(of: []), initrd: nil, disks: []))
        }
        let user = environment([NetworkConfiguration(.user)])
        #expect(user["virtio.29.type"] == "network" && user["virtio.29.mac"] == "52:54:00:00:00:1d")
        #expect(
            user["virtio.29.mtu"] == "1500" && user["virtio.29.base"] == "0xa003a00" && user["virtio.29.spi"] == "45")
        // MTU, MAC, MRG_RXBUF and STATUS; INDIRECT_DESC, EVENT_IDX and VERSION_1.
        #expect(user["virtio.29.features"] == "0x130018028")
        #expect(environment([NetworkConfiguration(.tap(interface: "tap0"))]) == user)
        #expect(environment([NetworkConfiguration(.user, mtu: 9000)]).fingerprint != user.fingerprint)
        #expect(environment([NetworkConfiguration(.user, mac: MACAddress("52:54:00:12:34:56"))]) != user)
        #expect(environment([])["virtio.29.type"] == nil)
    }

    @Test("passt gets addresses that are the network's own, each in the subnet of its network")
    func passtArguments() {
        let first = PasstProcess.arguments(network: 0, mtu: 1500).joined(separator: " ")
        #expect(first.contains("--address 10.0.2.15 --netmask 24 --gateway 10.0.2.2 --mac-addr 52:55:0a:00:02:02"))
        let last = PasstProcess.arguments(network: 29, mtu: 9000).joined(separator: " ")
        #expect(last.contains("--address 10.0.31.15 --netmask 24 --gateway 10.0.31.2 --mac-addr 52:55:0a:00:1f:02"))
        #expect(last.hasSuffix("--mtu 9000"))
        let forwarding = PasstProcess.arguments(
            network: 0, mtu: 1500,
            forwards: [
                PortForward(.tcp, hostPort: 2222, guestPort: 22),
                PortForward(.udp, address: "0.0.0.0", hostPort: 53, guestPort: 5353),
            ])
        #expect(
            forwarding.suffix(4) == ["--tcp-ports", "127.0.0.1/2222:22", "--udp-ports", "0.0.0.0/53:5353"])
    }
}
