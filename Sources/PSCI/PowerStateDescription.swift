// A power_state in words. Not part of the firmware: it allocates, so it is left out of Embedded Swift.

#if !hasFeature(Embedded)

extension PowerState {
    /// What the number asks for in a format, in words: `core power-down, cluster power-down; last core of the cluster`.
    public func description(in format: PowerStateFormat) -> String {
        guard let state = composite(in: format) else { return "no power_state" }
        var words: [String] = []
        for level in PowerLevel.allCases where state[level] != .run {
            words.append("\(level.name) \(state[level].name)")
        }
        let last = state.lastIn == .core ? "" : "; last core of the \(state.lastIn.name)"
        return words.joined(separator: ", ") + last
    }
}

extension PowerLevel {
    /// In words.
    public var name: String {
        switch self {
        case .core: "core"
        case .cluster: "cluster"
        case .system: "system"
        }
    }
}

extension LocalState {
    /// In words.
    public var name: String {
        switch self {
        case .run: "run"
        case .standby: "standby"
        case .retention: "retention"
        case .powerDown: "power-down"
        }
    }
}

#endif
