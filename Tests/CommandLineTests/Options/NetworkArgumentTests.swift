import Devices
import Machine
import Testing

@testable import DormouseCommand

@Suite("Networks as options say them")
struct NetworkArgumentTests {
    @Test(
        "A network is a kind, and behind it a MAC address and an MTU",
        arguments: [
            ("user", .user, nil, 1500),
            ("user,mac=52:54:00:12:34:56", .user, "52:54:00:12:34:56", 1500),
            ("user,mtu=9000,mac=52:54:00:12:34:56", .user, "52:54:00:12:34:56", 9000),
            ("passt=/run/passt.socket", .passt(socket: "/run/passt.socket"), nil, 1500),
            ("passt=/a,b=c,mtu=1400", .passt(socket: "/a,b=c"), nil, 1400),
            ("tap=tap0", .tap(interface: "tap0"), nil, 1500),
        ] as [(String, NetworkConfiguration.Kind, String?, UInt16)])
    func arguments(argument: String, kind: NetworkConfiguration.Kind, mac: String?, mtu: UInt16) throws {
        let network = try NetworkConfiguration(argument: argument)
        #expect(network == NetworkConfiguration(kind, mac: mac.flatMap { MACAddress($0) }, mtu: mtu))
    }

    @Test("Behind the user's network are ports of the host, on its loopback unless an address is said, in their order")
    func forwards() throws {
        let network = try NetworkConfiguration(
            argument: "user,forward=tcp:2222:22,mtu=1400,forward=udp:192.0.2.1:53:5353,forward=tcp:0.0.0.0:80:8080")
        #expect(network.mtu == 1400)
        #expect(
            network.forwards == [
                PortForward(.tcp, hostPort: 2222, guestPort: 22),
                PortForward(.udp, address: "192.0.2.1", hostPort: 53, guestPort: 5353),
                PortForward(.tcp, address: "0.0.0.0", hostPort: 80, guestPort: 8080),
            ])
        #expect(network.forwards.map(\.description).first == "tcp:127.0.0.1:2222:22")
        for forward in network.forwards { #expect(PortForward(forward.description) == forward) }
    }

    @Test(
        "What is no network is refused with what to say instead",
        arguments: [
            ("", "passt=SOCKET"), ("wifi", "passt=SOCKET"), ("user=x", "passt=SOCKET"), ("passt", "passt=SOCKET"),
            ("passt=", "passt=SOCKET"), ("tap=", "tap=INTERFACE"), ("user,", "mac=ADDRESS"),
            ("user,speed=1", "mtu=NUMBER"),
            ("user,mac=01:00:00:00:00:00", "no MAC address"), ("user,mac=", "no MAC address"),
            ("user,forward=", "no forward"), ("user,forward=tcp:22", "no forward"),
            ("user,forward=tcp:0:22", "no forward"), ("user,forward=tcp:22:65536", "no forward"),
            ("user,forward=sctp:22:22", "no forward"), ("user,forward=tcp:localhost:22:22", "no forward"),
            ("user,forward=tcp:1.2.3:22:22", "no forward"), ("user,forward=tcp:+22:22", "no forward"),
            ("user,mtu=65536", "no MTU"), ("user,mtu=-1", "no MTU"),
        ])
    func wrongArguments(argument: String, text: String) {
        let error = #expect(throws: NetworkArgumentError.self) { try NetworkConfiguration(argument: argument) }
        #expect(error?.description.contains(text) == true)
    }
}
