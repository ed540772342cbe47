// Devices of a QEMU command line: `-device`.

extension QEMUMachine {
    /// Devices that there are, by the part of their name before the bus.
    static let devices = ["virtio-blk", "virtio-net", "virtio-rng", "virtio-serial", "virtio-9p"]
    private static let buses = ["-device", "-pci", "-pci-non-transitional", ""]
    /// Devices that are plugged into one of those.
    static let ports = ["virtconsole", "virtserialport"]

    mutating func takeDevice(_ value: String) throws(QEMUError) {
        var settings = try QEMUList(value, of: "device", implied: "driver")
        let driver = settings.take("driver") ?? ""
        guard !Self.ports.contains(driver) else {
            try attachPort(&settings, isConsole: driver == "virtconsole")
            return try settings.finish()
        }
        guard driver != QEMUWatchdog.device else {
            try attachWatchdog(&settings)
            return try settings.finish()
        }
        let device = Self.devices.first { name in Self.buses.contains { name + $0 == driver } }
        guard let device else {
            throw QEMUError(
                "device", "\(driver) is not to be had; \(list(Self.devices.map { $0 + "-device" } + Self.ports)) are")
        }
        if driver.contains("-pci") {
            warnings.append("-device \(driver): there is no PCI; it is on virtio-mmio, as \(device)-device")
            for key in ["bus", "addr", "romfile"] { _ = settings.take(key) }
        }
        let id = settings.take("id")
        try settings.ignore("disable-legacy", "on", "off")
        try settings.ignore("disable-modern", "off")
        switch device {
        case "virtio-blk": try attachDrive(&settings)
        case "virtio-net": try attachNetwork(&settings)
        case "virtio-9p": try attachShare(&settings)
        case "virtio-serial": try attachPortBus(&settings, id: id)
        default: try attachEntropy(&settings)
        }
        try settings.finish()
    }

    /// There always is a device for entropy.
    private func attachEntropy(_ list: inout QEMUList) throws(QEMUError) {
        guard let id = list.take("rng") else { return }
        guard entropySources.contains(id) else {
            throw QEMUError("device", "rng=\(id) is not to be found: name the id of an -object rng-random")
        }
    }
}
