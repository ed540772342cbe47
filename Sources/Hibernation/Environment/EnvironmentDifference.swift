// Comparing today's environment with the one that a guest hibernated in.

/// One fact that is another one today.
public struct EnvironmentDifference: Hashable, Sendable, Codable {
    /// The fact's path, or `virtio.3` for a whole device that is there only once.
    public var path: String
    /// What it was; nil if there was nothing.
    public var recorded: String?
    /// What it is now; nil if there is nothing.
    public var today: String?
    public var consequence: Consequence

    /// One line for people.
    public var words: String {
        let change =
            switch (recorded, today) {
            case (nil, let today?): "was not there, is \(today)"
            case (let recorded?, nil): "was \(recorded), is gone"
            default: "was \(recorded ?? "nothing"), is \(today ?? "nothing")"
            }
        return "\(path) \(change) (\(consequence.words))"
    }
}

extension Environment {
    /// Facts that follow from others; alone they say little, so they count only when nothing else differs.
    private static let derived: Set<String> = ["firmware.tables"]

    /// What differs today, in the order of the paths.
    ///
    /// - Parameter recorded: the environment in which the guest hibernated.
    public func differences(from recorded: Environment) -> [EnvironmentDifference] {
        var differences: [EnvironmentDifference] = []
        if schema != recorded.schema {
            differences.append(
                EnvironmentDifference(
                    path: "schema", recorded: "\(recorded.schema)", today: "\(schema)", consequence: .mustMatch))
        }
        // A device that is only there once is one difference, not one for each of its properties.
        var devices: Set<String> = []
        let (now, then) = (allFacts, recorded.allFacts)
        let paths = Set(now.keys).union(then.keys).sorted(by: Self.isBefore)
        for path in paths where now[path] != then[path] {
            if let device = Self.device(of: path), self.has(device) != recorded.has(device) {
                guard devices.insert(device).inserted else { continue }
                differences.append(
                    EnvironmentDifference(
                        path: device, recorded: recorded.summary(of: device), today: summary(of: device),
                        consequence: .mustMatch))
                continue
            }
            differences.append(
                EnvironmentDifference(
                    path: path, recorded: then[path], today: now[path],
                    consequence: Consequence(ofPath: path)))
        }
        let direct = differences.filter { !Self.derived.contains($0.path) }
        return direct.contains { $0.consequence != .mayChange } ? direct : differences
    }

    /// `virtio.3` of `virtio.3.features`; nil if the path is no device's.
    private static func device(of path: String) -> String? {
        let parts = path.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, Int(parts[1]) != nil else { return nil }
        return "\(parts[0]).\(parts[1])"
    }

    private func has(_ device: String) -> Bool { facts[device + ".type"] != nil }

    private func summary(of device: String) -> String? {
        guard let type = facts[device + ".type"] else { return nil }
        let identity = facts[device + ".mac"] ?? facts[device + ".sectors"].map { "\($0) sectors" }
        return identity.map { "\(type) (\($0))" } ?? type
    }

    /// Numbers in paths count as numbers: virtio.2 before virtio.10.
    private static func isBefore(_ a: String, _ b: String) -> Bool {
        let (a, b) = (a.split(separator: "."), b.split(separator: "."))
        for (x, y) in zip(a, b) where x != y {
            if let x = Int(x), let y = Int(y) { return x < y }
            return x < y
        }
        return a.count < b.count
    }
}
