// Monitors of a QEMU command line: `-qmp`, `-monitor`, `-mon`, and `-chardev`, by which they and the serial port may be
// named.

import Machine
import QEMUMonitor

extension QEMUMachine {
    /// A monitor that is asked for.
    struct MonitorRequest: Equatable {
        var mode: MonitorMode
        var device: QEMUCharacterDevice
        /// The option that asked for it.
        var option: String
        /// What it is called.
        var label: String
    }

    mutating func takeChardev(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "chardev", implied: "backend")
        guard let id = list.take("id"), !id.isEmpty else { throw QEMUError("chardev", "needs an id=") }
        let device = try QEMUCharacterDevice(&list, "chardev")
        try list.finish()
        guard chardevs.updateValue(device, forKey: id) == nil else {
            throw QEMUError("chardev", "id=\(id) is given twice")
        }
    }

    /// `-monitor` and `-qmp`.
    mutating func takeMonitor(_ value: String, _ option: String) throws(QEMUError) {
        let device = try QEMUCharacterDevice(value, of: option, known: chardevs)
        try claim(value, byOption: "-\(option)")
        add(option == "monitor" ? .readline : .control, device, option)
    }

    /// `-mon`.
    mutating func takeMon(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "mon", implied: "chardev")
        let id = list.take("chardev") ?? ""
        let name = list.take("mode") ?? MonitorMode.readline.rawValue
        guard let mode = MonitorMode(rawValue: name) else {
            throw QEMUError("mon", "mode=\(name) is not to be had; say control or readline")
        }
        try list.ignore("pretty", "on", "off")
        try list.finish()
        guard let device = chardevs[id] else {
            throw QEMUError("mon", "chardev=\(id) is not to be found: name the id of a -chardev")
        }
        try claim(id, by: "-mon")
        add(mode, device, "mon", label: id)
    }

    private mutating func add(
        _ mode: MonitorMode, _ device: QEMUCharacterDevice, _ option: String, label: String? = nil
    ) {
        // What shares standard input with the serial port is reached by keys, and those are Dormouse's.
        guard ![.null, .sharedStandardInputAndOutput].contains(device) else { return }
        monitors.append(
            MonitorRequest(
                mode: mode, device: device, option: option, label: label ?? "compat_monitor\(monitors.count)"))
    }

    mutating func takeUUID(_ value: String, _ option: String) throws(QEMUError) {
        guard let bytes = SystemUUID.bytes(of: value) else {
            throw QEMUError(option, "\(value) is no UUID: 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12")
        }
        machine.uuid = bytes
    }

    /// Whether a monitor has standard input and output.
    var hasMonitorOnStandardInput: Bool { monitors.contains { $0.device == .standardInputAndOutput } }

    /// Whether anybody but the guest has a say in the run.
    var isSteered: Bool {
        !monitors.isEmpty || startsPaused || keepsEnded || debugger != nil || !portEnds.isEmpty || serial == .pty
    }

    func checkMonitors() throws(QEMUError) {
        let typable = monitors.filter { $0.device != .pty }
        if typable.count < monitors.count {
            throw QEMUError(
                monitors.first { $0.device == .pty }?.option ?? "mon", "pty is not to be had; say unix: or tcp:")
        }
        if let monitor = typable.first(where: { if case .file = $0.device { true } else { false } }) {
            throw QEMUError(monitor.option, "\(monitor.device.filename) cannot be typed into; say unix: or tcp:")
        }
        let onStandardInput = monitors.filter { $0.device == .standardInputAndOutput }
        let isTaken = [.standardInputAndOutput, .sharedStandardInputAndOutput].contains(serial)
        if let second = isTaken ? onStandardInput.first : onStandardInput.dropFirst().first {
            throw QEMUError(second.option, "stdio has a user already; say unix: or tcp:, or another -serial")
        }
    }
}
