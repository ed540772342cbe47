// A watchdog of a QEMU command line: `-device i6300esb`, and what becomes of a guest that does not refresh it.
//
// Follows QEMU's documentation of -device and -action ("Invocation") and `WatchdogAction` of its qapi/run-state.json.

import Machine

/// What a command line says of a watchdog.
struct QEMUWatchdog {
    /// The one that QEMU's board can have, which is plugged into PCI.
    static let device = "i6300esb"

    /// What QEMU knows to do, and what of it is had; a guest that hangs does not hear a button, and QEMU's own pause is
    /// a monitor's matter.
    private static let actions: [String: WatchdogAction?] = [
        "reset": .reset, "none": .nothing, "debug": .nothing, "shutdown": nil, "poweroff": nil, "pause": nil,
        "inject-nmi": nil,
    ]
    /// What Dormouse does besides.
    private static let own: [WatchdogAction] = [.crash, .hibernate]

    var isThere = false
    /// With the option that said it; nil for QEMU's default, a reset.
    private var action: (name: String, option: String)?

    mutating func take(_ name: String, of option: String) throws(QEMUError) {
        guard Self.actions[name] != nil || Self.own.contains(where: { $0.rawValue == name }) else {
            throw QEMUError(option, "watchdog=\(name) is not known; say \(Self.words)")
        }
        action = (name, option)
    }

    private static var words: String { list(["reset", "none"] + own.map(\.rawValue)) }

    /// What the machine's watchdog does; nil if there is none, whose action changes nothing.
    func resolved() throws(QEMUError) -> WatchdogAction? {
        guard isThere else { return nil }
        guard let action else { return .reset }
        if let known = Self.own.first(where: { $0.rawValue == action.name }) { return known }
        guard let known = Self.actions[action.name] ?? nil else {
            throw QEMUError(action.option, "watchdog=\(action.name) is not to be had; say \(Self.words)")
        }
        return known
    }
}

extension QEMUMachine {
    /// `-device i6300esb`: the machine's own kind of watchdog stands for it.
    mutating func attachWatchdog(_ list: inout QEMUList) throws(QEMUError) {
        guard !watchdog.isThere else { throw QEMUError("device", "\(QEMUWatchdog.device) is there already") }
        for key in ["id", "bus", "addr"] { _ = list.take(key) }
        watchdog.isThere = true
        warnings.append(
            "-device \(QEMUWatchdog.device): there is no PCI; the watchdog is Arm's, which Linux's sbsa_gwdt drives")
    }

    mutating func applyWatchdog() throws(QEMUError) {
        machine.watchdog = try watchdog.resolved()
    }
}
