// What a QEMU command line says of the order in which firmware starts devices: `bootindex=` of -device.
//
// Responsible for: taking an order that is the firmware's anyhow, and refusing another one. Firmware is told of an
// order by fw_cfg (`bootorder`), which edk2 heeds on a machine with PCI alone (docs/uefi.md).

/// Who has which place in the order.
struct QEMUBootOrder {
    enum Device: Equatable {
        /// By its path.
        case disk(String)
        case network
    }

    private var devices: [Int: Device] = [:]

    /// Takes `bootindex=` of a device, if it is there.
    mutating func take(_ list: inout QEMUList, of device: Device) throws(QEMUError) {
        guard let text = list.take("bootindex") else { return }
        guard let index = Int(text), (-1...Int(Int32.max)).contains(index) else {
            throw QEMUError("device", "bootindex=\(text) is no place in an order")
        }
        // QEMU's way to say that it has none.
        guard index >= 0 else { return }
        guard devices.updateValue(device, forKey: index) == nil else {
            throw QEMUError("device", "bootindex=\(index) is given to two devices")
        }
    }

    /// - Parameter disks: the paths of the disks, in their order, which is the firmware's.
    func check(_ disks: [String]) throws(QEMUError) {
        var next = 0
        for (index, device) in devices.sorted(by: { $0.key < $1.key }) {
            guard case .disk(let path) = device else {
                if next < disks.count {
                    throw QEMUError(
                        "device", "bootindex=\(index) of a network is not to be had: firmware starts disks before it")
                }
                continue
            }
            guard next < disks.count, disks[next] == path else {
                throw QEMUError(
                    "device",
                    "bootindex=\(index) is not to be had: without PCI firmware heeds no order, and starts disks as they "
                        + "are attached, \(disks.first ?? "") first; give them in that order")
            }
            next += 1
        }
    }
}
