// A network as an option says it.

import Devices
import Machine

/// Why an option describes no network. The text is for the user.
struct NetworkArgumentError: Error, CustomStringConvertible {
    var description: String
}

extension NetworkConfiguration {
    /// `user`, `passt=SOCKET` or `tap=INTERFACE`, with `,mac=…`, `,mtu=…` and any number of `,forward=…` behind it. Other
    /// commas belong to the name.
    init(argument: String) throws(NetworkArgumentError) {
        var parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        var mac: MACAddress?
        var mtu: UInt16?
        var forwards: [PortForward] = []
        while parts.count > 1, let last = parts.last {
            if last.hasPrefix("mac="), mac == nil {
                mac = MACAddress(String(last.dropFirst(4)))
                guard mac != nil else {
                    throw NetworkArgumentError(
                        description: "\(last.dropFirst(4)) is no MAC address of one station, such as 52:54:00:12:34:56")
                }
            } else if last.hasPrefix("mtu="), mtu == nil {
                mtu = UInt16(last.dropFirst(4))
                guard mtu != nil else {
                    throw NetworkArgumentError(description: "\(last.dropFirst(4)) is no MTU, such as 1500")
                }
            } else if last.hasPrefix("forward=") {
                let text = String(last.dropFirst("forward=".count))
                guard let forward = PortForward(text) else {
                    throw NetworkArgumentError(
                        description:
                            "\(text) is no forward such as tcp:2222:22, or tcp:192.0.2.1:2222:22 with an address "
                            + "of the host's")
                }
                forwards.insert(forward, at: 0)
            } else {
                break
            }
            parts.removeLast()
        }
        let words = parts.joined(separator: ",").split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let kind: Kind? =
            switch (words[0], words.count > 1 ? String(words[1]) : nil) {
            case ("user", nil): .user
            case ("passt", let path?) where !path.isEmpty: .passt(socket: path)
            case ("tap", let name?) where !name.isEmpty: .tap(interface: name)
            default: nil
            }
        guard let kind else {
            throw NetworkArgumentError(
                description: "say user, passt=SOCKET, tap=INTERFACE or none, and behind it ,mac=ADDRESS, ,mtu=NUMBER "
                    + "or ,forward=tcp:PORT:PORT")
        }
        self.init(kind, mac: mac, mtu: mtu ?? Self.defaultMTU, forwards: forwards)
    }
}
