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

    @Test(
        "What is no network is refused with what to say instead",
        arguments: [
            ("", "passt=SOCKET"), ("wifi", "passt=SOCKET"), ("user=x", "passt=SOCKET"), ("passt", "passt=SOCKET"),
            ("passt=", "passt=SOCKET"), ("tap=", "tap=INTERFACE"), ("user,", "mac=ADDRESS"),
            ("user,speed=1", "mtu=NUMBER"),
            ("user,mac=01:00:00:00:00:00", "no MAC address"), ("user,mac=", "no MAC address"),
            ("user,mtu=65536", "no MTU"), ("user,mtu=-1", "no MTU"),
        ])
    func wrongArguments(argument: String, text: String) {
        let error = #expect(throws: NetworkArgumentError.self) { try NetworkConfiguration(argument: argument) }
        #expect(error?.description.contains(text) == true)
    }
}
