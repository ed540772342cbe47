// A command line of QEMU's as a machine of ours.
//
// Responsible for: the machine that comes of it, and what of the run it says. The disks, networks and devices are in
// files of their own. Not responsible for: cutting the command line (`QEMUOption`), running the machine (`QEMU`).
//
// Follows QEMU's documentation of the options ("Invocation") and docs/system/arm/virt.rst for what they mean.

import ArgumentParser
import Arm64
import Devices
import Machine

/// What a command line of QEMU's asks for.
struct QEMUMachine {
    var machine: MachineConfiguration
    /// Options of `dormouse run` for what the guest does not see.
    var runArguments: [String] = []
    /// Where the guest's serial port leads.
    var serial: QEMUCharacterDevice
    var serialLabel = "serial0"
    /// Character devices that are defined, by their id.
    var chardevs: [String: QEMUCharacterDevice] = [:]
    /// Who uses each of them.
    var chardevUsers: [String: String] = [:]
    var monitors: [MonitorRequest] = []
    /// Where a debugger comes to.
    var debugger: QEMUSocket?
    /// What ports are plugged into, if there is something, how many that takes, and what is at their other ends.
    var portBus: PortBus?
    var portLimit = ConsolePort.limit
    var portEnds: [PortEnd] = []
    /// Whether the guest begins paused.
    var startsPaused = false
    /// Whether a guest that has ended is kept until somebody says so.
    var keepsEnded = false
    /// The machine's name, for monitors.
    var name: String?
    /// A file that gets the process's number.
    var pidFile: String?
    /// What is another thing than was asked for, and matters little.
    var warnings: [String] = []
    /// Whether a process in the background is to run the guest; and, of that one, the descriptor by which it says that
    /// all is ready.
    var isDaemon = false
    var handover: Int32?
    /// Whether the machine is to be printed rather than run.
    var explains = false

    /// Disks that are defined, and not yet attached, by their id.
    var drives: [String: DiskConfiguration] = [:]
    /// Networks that are defined, and not yet attached, by their id.
    var netdevs: [String: NetworkConfiguration] = [:]
    /// What `-net nic` and `-net user` said: a card, if there is one with its address, and where it leads.
    var legacyCard: MACAddress??
    var legacyNetwork: NetworkConfiguration?
    /// Memory that is defined, in bytes by its id, and who names it.
    var memoryBackends: [String: UInt64] = [:]
    var numaBackend: String?
    var machineBackend: String?
    /// Where the device tree is to be written instead of running a guest.
    var deviceTreePath: String?
    /// Shares that are defined, and not yet attached, by their id.
    var fsdevs: [String: ShareConfiguration] = [:]
    var watchdog = QEMUWatchdog()
    var bootOrder = QEMUBootOrder()
    /// Seconds that firmware waits for a key, if it is told.
    var bootMenuWait: Int?
    /// Sources of entropy, by their id.
    var entropySources: Set<String> = []
    /// Whether what is written to disks is lost, and those for which it is in any case, by their paths.
    var isSnapshot = false
    var snapshots: Set<String> = []
    /// Disks that are attached, with the index that they were given.
    var attached: [(index: Int?, disk: DiskConfiguration)] = []

    /// Firmware's code, as `-bios` names it, and the files of flash, by their number.
    var bios: String?
    var flash: [Int: Flash] = [:]
    /// Whether firmware hands ACPI's tables on.
    var hasACPI = true

    private var kernel: String?
    private var accelerators: [String] = []
    private var serials: [QEMUCharacterDevice] = []
    private var isGraphic = true
    private var hasNoDefaults = false
    /// Whether somebody said that there is to be no display, and so knows where the console is.
    private var hasDisplayOption = false
    /// Options of `dormouse run` for what the guest sees.
    var machineArguments: [String] = []

    /// - Throws: the first option that cannot be taken.
    init(_ options: [QEMUOption]) throws(QEMUError) {
        machine = MachineConfiguration(kernel: "")
        // QEMU's board has a power button in any case.
        machine.wantsDeviceTreeButtons = true
        // QEMU's default.
        machine.memoryByteCount = 128 << 20
        serial = .null
        // What a device refers to may be defined behind it.
        for option in options where option.name == "chardev" { try takeChardev(option.value ?? "") }
        for option in options where !["chardev", "device"].contains(option.name) {
            try take(option.name, option.value ?? "")
        }
        for option in options where option.name == "device" { try takeDevice(option.value ?? "") }
        try finish()
    }

    private mutating func take(_ name: String, _ value: String) throws(QEMUError) {
        switch name {
        case "M", "machine": try takeMachine(value)
        case "cpu": try takeCPU(value)
        case "accel": try takeAccelerator(value)
        case "smp": try takeCPUCount(value)
        case "m": try takeMemory(value)
        case "object": try takeObject(value)
        case "kernel": kernel = value
        case "initrd": machine.initrd = value
        case "append": machine.commandLine = value
        case "drive", "hda": try takeDrive(value, name)
        case "blockdev": try takeBlockdev(value)
        case "netdev": try takeNetdev(value)
        case "nic": try takeNIC(value)
        case "numa": try takeNUMA(value)
        case "rtc": try takeClock(value)
        case "boot": try takeBoot(value)
        case "global": try takeGlobal(value)
        case "fsdev": try takeFsdev(value)
        case "virtfs": try takeVirtfs(value)
        case "net": try takeNet(value)
        case "serial": try takeSerial(value)
        case "monitor", "qmp", "qmp-pretty": try takeMonitor(value, name)
        case "mon": try takeMon(value)
        case "uuid": try takeUUID(value, name)
        case "smbios": try takeSMBIOS(value)
        case "bios": bios = value
        case "pflash": try addFlash(Flash(path: value, isReadOnly: false), nil, name)
        case "S": startsPaused = true
        case "gdb":
            try claim(value, byOption: "-gdb")
            debugger = try QEMUSocket.debugger(value, of: name, known: chardevs)
        case "semihosting": machine.semihosting = machine.semihosting ?? SemihostingConfiguration()
        case "semihosting-config": try takeSemihosting(value)
        case "s": debugger = try QEMUSocket.debugger("tcp::1234", of: name)
        case "no-shutdown": keepsEnded = true
        case "name": try takeName(value)
        case "display", "vga", "parallel": try takeDisplay(name, value)
        case "nographic": isGraphic = false
        case "snapshot": isSnapshot = true
        case "nodefaults": hasNoDefaults = true
        case "echr": try takeEscape(value)
        case "daemonize": isDaemon = true
        case QEMUOption.handover:
            guard handover == nil, let number = Int32(value), number > 2 else {
                throw QEMUError(name, "is for Dormouse itself; say -daemonize")
            }
            handover = number
        case "action": try takeAction(value)
        case "watchdog-action": try watchdog.take(value, of: name)
        case "no-reboot": runArguments.append("--no-reboot")
        case "icount": try takeInstructionClock(value)
        case "pidfile": pidFile = value
        case "explain": explains = true
        case "engine", "lab", "log", "report": runArguments += ["--\(name)=\(value)"]
        case "psci", "psci-version", "model": machineArguments += ["--\(name)=\(value)"]
        // Nothing of these is seen by the guest, or there is nothing that they would take away.
        default: break
        }
    }

    private mutating func finish() throws(QEMUError) {
        guard kernel?.isEmpty == false || hasFirmware || deviceTreePath != nil else {
            throw QEMUError("-kernel is missing: without firmware, -bios, nothing else can be started")
        }
        machine.kernel = kernel
        try applyFirmware()
        if machine.semihosting?.arguments.isEmpty == true {
            machine.semihosting?.arguments = [kernel ?? "", machine.commandLine].filter { !$0.isEmpty }
        }
        guard accelerators.isEmpty || accelerators.contains("tcg") else {
            throw QEMUError("accel", "\(accelerators[0]) is not to be had: the guest's CPU is software; add -accel tcg")
        }
        if let id = drives.keys.sorted().first {
            throw QEMUError("drive", "\(id) is not the drive of any device; add -device virtio-blk-device,drive=\(id)")
        }
        if let id = netdevs.keys.sorted().first {
            throw QEMUError("netdev", "\(id) belongs to no device; add -device virtio-net-device,netdev=\(id)")
        }
        if legacyNetwork != nil { throw QEMUError("net", "user belongs to no card; add -net nic") }
        // By their index, and then as they were given.
        var slots: [Int: Int] = [:]
        for (place, disk) in attached.enumerated() {
            guard let index = disk.index else { continue }
            guard slots.updateValue(place, forKey: index) == nil else {
                throw QEMUError("drive", "index=\(index) is given to two disks")
            }
        }
        var free = 0
        for (place, disk) in attached.enumerated() where disk.index == nil {
            while slots[free] != nil { free += 1 }
            slots[free] = place
        }
        let places = slots.sorted { $0.key < $1.key }.map(\.value)
        machine.disks = places.map { attached[$0].disk }
        // A kernel that is given is started before any device.
        if hasFirmware, kernel == nil {
            machine.bootOrder = bootOrder.order(places, networkCount: machine.networks.count)
        }
        // QEMU has its settings for any firmware, or none.
        if hasFirmware { machine.bootMenuWait = bootMenuWait }
        guard serials.count <= 1 else { throw QEMUError("serial", "is given twice: there is one serial port") }
        serial = serials.first ?? defaultSerial
        try checkMonitors()
        try checkDaemon()
        try checkMemory()
        try checkPorts()
        try checkShares()
        try applyWatchdog()
        try applyMachineArguments()
    }

    /// Where the serial port leads if nobody says it. QEMU would show it in a window.
    private var defaultSerial: QEMUCharacterDevice {
        if hasNoDefaults || hasMonitorOnStandardInput || consolePort != nil || isDaemon { return .null }
        return isGraphic && hasDisplayOption ? .null : .standardInputAndOutput
    }

    /// Whether standard output is the file that the serial port leads to.
    var writesToFile: Bool { if case .file = serial { true } else { false } }

    /// A process in the background leaves its standard streams.
    private func checkDaemon() throws(QEMUError) {
        guard isDaemon else { return }
        guard isGraphic else {
            throw QEMUError("daemonize", "leaves standard output, where -nographic has the console; say -display none")
        }
        let devices = [serial] + monitors.map(\.device) + chardevs.values
        guard !devices.contains(.standardInputAndOutput), !devices.contains(.sharedStandardInputAndOutput) else {
            throw QEMUError("daemonize", "leaves standard input and output; say file:, unix:, pty or none for stdio")
        }
    }

    /// Dormouse's own options are read by those who read them for `dormouse run`.
    private mutating func applyMachineArguments() throws(QEMUError) {
        guard !machineArguments.isEmpty else { return }
        do {
            // What is started is another matter.
            let options = try MachineOptions.parse(["--kernel=\(machine.kernel ?? "any")"] + machineArguments).machine
            machine.model = options.model
            machine.psci = options.psci
        } catch { throw QEMUError("\(MachineOptions.message(for: error))") }
    }

    // MARK: The board

    private mutating func takeMachine(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "machine", implied: "type")
        if let type = list.take("type"), type != "virt", !type.hasPrefix("virt-") {
            throw QEMUError("machine", "\(type) is not to be had: the board is virt")
        }
        try list.ignore("gic-version", "3", "max", "host")
        if let accelerator = list.take("accel") { accelerators += accelerator.split(separator: ":").map(String.init) }
        // Without firmware no kernel finds tables, so that it changes nothing.
        if let acpi = try list.takeSwitch("acpi") { hasACPI = acpi }
        if try list.takeSwitch("virtualization") == true {
            warnings.append("-machine virtualization=on: the guest starts in EL1, there is no EL2 yet")
        }
        if try list.takeSwitch("secure") == true {
            throw QEMUError("machine", "secure=on is not to be had: there is no EL3")
        }
        if try list.takeSwitch("mte") == true { warnings.append("-machine mte=on: the CPU has no memory tags") }
        if let id = list.take("memory-backend") { machineBackend = id }
        if let path = list.take("dumpdtb") { deviceTreePath = path }
        try list.ignore("highmem", "on", "off")
        try list.ignore("its", "on", "off")
        try list.ignore("usb", "off")
        try list.ignore("graphics", "on", "off")
        try list.finish()
    }

    /// CPUs that a guest for QEMU may ask for, and what is nearest to each.
    private static let nearestCPUs: [(name: String, model: CPUModel)] = [
        ("cortex-a53", .dormouse1), ("cortex-a57", .dormouse1), ("cortex-a72", .dormouse1),
        ("neoverse-n1", .dormouse2), ("max", .dormouse2),
    ]

    /// Their names.
    static var cpus: [String] { nearestCPUs.map(\.name) }

    private mutating func takeCPU(_ value: String) throws(QEMUError) {
        let words = value.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard let cpu = Self.nearestCPUs.first(where: { $0.name == words.first }) else {
            throw QEMUError("cpu", "\(words.first ?? "") is not to be had; say \(list(Self.cpus))")
        }
        machine.cpu = cpu.model
        warnings.append("-cpu \(value): the CPU is Dormouse's \(cpu.model), which is nearest to it, see docs/qemu.md")
    }

    private mutating func takeAccelerator(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "accel", implied: "accel")
        if let name = list.take("accel") { accelerators.append(name) }
        try list.ignore("thread", "single", "multi")
        _ = list.take("tb-size")
        try list.finish()
    }

    private mutating func takeCPUCount(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "smp", implied: "cpus")
        var product: Int?
        var counts: [String: Int] = [:]
        for key in ["cpus", "sockets", "clusters", "cores", "threads", "maxcpus", "dies", "modules"] {
            guard let text = list.take(key) else { continue }
            guard let count = Int(text), count > 0 else {
                throw QEMUError("smp", "\(key)=\(text) is no number of CPUs")
            }
            counts[key] = count
            guard !["cpus", "maxcpus"].contains(key) else { continue }
            let (next, overflow) = (product ?? 1).multipliedReportingOverflow(by: count)
            guard !overflow else { throw QEMUError("smp", "\(value) are too many CPUs") }
            product = next
        }
        machine.cpuCount = counts["cpus"] ?? product ?? counts["maxcpus"] ?? 1
        if let most = counts["maxcpus"], most != machine.cpuCount {
            throw QEMUError("smp", "maxcpus=\(most) is not to be had: CPUs are not plugged in")
        }
        try list.finish()
    }

    private mutating func takeMemory(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "m", implied: "size")
        if let text = list.take("size") {
            guard let size = Self.byteCount(text) else {
                throw QEMUError("m", "\(text) is no size, such as 512 or 512M for MiB, or 2G")
            }
            machine.memoryByteCount = size
        }
        try list.finish()
    }

    /// As QEMU reads a size of memory: MiB if there is no unit.
    static func byteCount(_ text: String) -> UInt64? {
        if let unit = text.last, "kK".contains(unit) {
            guard let count = UInt64(text.dropLast()), count < 1 << 40 else { return nil }
            return count << 10
        }
        return MemorySize(text)?.byteCount
    }

    private mutating func takeInstructionClock(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "icount", implied: "shift")
        let shift = list.take("shift")
        guard shift == nil || shift == "auto" || shift == "0" else {
            throw QEMUError(
                "icount", "shift=\(shift ?? "") is not to be had: an instruction takes a nanosecond, shift=0")
        }
        _ = try list.takeSwitch("sleep")
        _ = try list.takeSwitch("align")
        try list.finish()
        machine.clock = .instructions
    }

    // MARK: What the guest does not see

    /// `-echr`: a character by its number, as C writes one.
    private mutating func takeEscape(_ value: String) throws(QEMUError) {
        let hexadecimal = ["0x", "0X"].contains(value.prefix(2))
        let radix = hexadecimal ? 16 : value.hasPrefix("0") ? 8 : 10
        guard let key = UInt8(hexadecimal ? value.dropFirst(2) : value[...], radix: radix), key < 0x80 else {
            throw QEMUError("echr", "\(value) is no character of ASCII: say its number, such as 1 for Ctrl-A")
        }
        runArguments.append("--escape=\(key)")
    }

    private mutating func takeSerial(_ value: String) throws(QEMUError) {
        serials.append(try QEMUCharacterDevice(value, of: "serial", known: chardevs))
        try claim(value, byOption: "-serial")
        if value.hasPrefix("chardev:") { serialLabel = String(value.dropFirst("chardev:".count)) }
    }

    private mutating func takeName(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "name", implied: "guest")
        name = list.take("guest")
        _ = list.take("process")
        _ = try list.takeSwitch("debug-threads")
        try list.finish()
    }

    private mutating func takeDisplay(_ name: String, _ value: String) throws(QEMUError) {
        try allow(value, name == "parallel" ? ["none", "null"] : ["none"], name, "there is none")
        if name == "display" { hasDisplayOption = true }
    }

    private mutating func takeAction(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "action")
        switch list.take("reboot") {
        case "shutdown"?: runArguments.append("--no-reboot")
        case "reset"?, nil: break
        case let other?: throw QEMUError("action", "reboot=\(other): say reset or shutdown")
        }
        switch list.take("shutdown") {
        case "poweroff"?, nil: break
        case "pause"?: keepsEnded = true
        case let other?: throw QEMUError("action", "shutdown=\(other): say poweroff or pause")
        }
        try list.ignore("panic", "shutdown", "none", "exit-failure")
        if let action = list.take("watchdog") { try watchdog.take(action, of: "action") }
        try list.finish()
    }

    /// Takes one of a few values, none of which changes anything.
    func allow(
        _ value: String, _ values: [String], _ option: String, _ reason: String
    ) throws(QEMUError) {
        guard values.contains(value) else { throw QEMUError(option, "\(value) is not to be had: \(reason)") }
    }
}
