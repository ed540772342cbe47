// What a QEMU command line says of the order in which firmware starts devices: `bootindex=` of -device.
//
// Responsible for: taking an order, and telling whether it is one that firmware has anyhow: it is told of another one
// only, which takes a root bridge that is otherwise not there (docs/uefi.md).

import Machine

/// Who has which place in the order.
struct QEMUBootOrder {
    enum Device: Equatable {
        /// By its place among those that are attached, as they were given: two may be of one file.
        case disk(Int)
        /// By its index among the machine's.
        case network(Int)
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

    /// The order; empty if it is the firmware's own: disks as they are attached, and then networks.
    ///
    /// - Parameters:
    ///   - disks: the places of the disks, in the machine's order.
    ///   - networkCount: how many networks there are.
    func order(_ disks: [Int], networkCount: Int) -> [BootDevice] {
        let order = devices.sorted { $0.key < $1.key }.compactMap { _, device -> BootDevice? in
            switch device {
            case .disk(let place): disks.firstIndex(of: place).map { .disk($0) }
            case .network(let index): .network(index)
            }
        }
        let firmwares = disks.indices.map { BootDevice.disk($0) } + (0..<networkCount).map { .network($0) }
        return firmwares.starts(with: order) ? [] : order
    }
}
