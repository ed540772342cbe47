// The options of qemu-system-aarch64: which there are, and how a command line is cut into them.
//
// Responsible for: names, whether a value follows, and what is said of one that is not taken. Not responsible for: what
// a value means.
//
// Follows QEMU's qemu-options.hx for the names, and its system/vl.c for how arguments are read: `--name` is `-name`, a
// value is the next argument, whatever it begins with, and what does not begin with a dash is a disk.

import KeptVMs

/// An option of a command line, in the order in which they were given.
struct QEMUOption: Equatable {
    var name: String
    /// nil: the option takes none.
    var value: String?

    /// Options that are followed by a value and are taken.
    static let withValue: Set<String> = [
        "M", "accel", "action", "append", "bios", "blockdev", "boot", "chardev", "cpu", "device", "display", "drive",
        "echr", "fsdev", "gdb", "global", "hda", "icount", "initrd", "kernel", "m", "machine", "mon", "monitor", "name",
        "net", "netdev", "nic", "numa", "object", "parallel", "pflash", "pidfile", "qmp", "qmp-pretty", "readconfig",
        "rtc", "semihosting-config", "serial", "smbios", "smp", "uuid", "vga", "virtfs", "watchdog-action",
    ]

    /// Options that stand alone and are taken.
    static let withoutValue: Set<String> = [
        "S", "daemonize", "explain", "h", "help", "no-reboot", "no-shutdown", "no-user-config", "nodefaults",
        "nographic", "s", "semihosting", "snapshot", "version",
    ]

    /// Options of Dormouse that QEMU has not; they mean what they mean to `dormouse run`.
    static let dormouse: Set<String> = ["engine", "lab", "log", "model", "psci", "psci-version", "report"]

    /// For Dormouse itself: what a process in the background is told by the one that started it.
    static let handover = "handover"

    /// Options of QEMU that are not taken, and why. Those of which it says nothing come with what they ask for.
    static let refused: [String: String] = [
        "audio": "has no sound", "audiodev": "has no sound",
        "dtb": "makes the device tree itself, as it has to be true", "enable-kvm": "has a CPU of its own and no KVM",
        "incoming": "does not migrate guests", "usb": "has no USB", "usbdevice": "has no USB", "vnc": "has no graphics",
        "sdl": "has no graphics", "gtk": "has no graphics",
    ]

    /// Options that will be taken once Dormouse has what they ask for.
    static let later: Set<String> = ["d", "trace"]

    /// Cuts a command line into options.
    static func list(_ arguments: [String]) throws(QEMUError) -> [QEMUOption] {
        var options: [QEMUOption] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-"), argument != "-" else {
                options.append(QEMUOption(name: "hda", value: argument))
                continue
            }
            let name = String(argument.dropFirst(argument.hasPrefix("--") ? 2 : 1))
            if withoutValue.contains(name) {
                options.append(QEMUOption(name: name))
            } else if withValue.contains(name) || dormouse.contains(name) || name == handover {
                guard let value = rest.popFirst() else { throw QEMUError(name, "needs a value behind it") }
                guard name != "readconfig" else {
                    options += try QEMUConfigurationFile.options(value)
                    continue
                }
                options.append(QEMUOption(name: name, value: value))
            } else {
                throw unknown(name)
            }
        }
        return options
    }

    private static func unknown(_ name: String) -> QEMUError {
        if let reason = refused[name] { return QEMUError(name, "is not taken: Dormouse \(reason)") }
        if later.contains(name) {
            return QEMUError(name, "is not taken yet: Dormouse does not have what it asks for; see docs/qemu.md")
        }
        let names = (withValue.union(withoutValue).union(dormouse)).sorted()
        let nearest = EditDistance.nearest(to: name, of: names).map { "; do you mean -\(names[$0])?" } ?? ""
        return QEMUError(name, "is no option that Dormouse knows\(nearest)")
    }
}
