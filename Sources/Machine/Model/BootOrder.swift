// What firmware starts, if not what it would start itself.
//
// Responsible for: the choice, whether it can be had, and how firmware is told of it. Not responsible for: the files of
// fw_cfg (`FwCfgComponent`), and the root bridge without which edk2 does not heed an order (`RootBridgeComponent`).

import Hypervisor

/// A device that firmware may start an operating system from.
public enum BootDevice: Sendable, Hashable, CustomStringConvertible {
    /// By its index in `MachineConfiguration.disks`.
    case disk(Int)
    /// By its index in `MachineConfiguration.networks`.
    case network(Int)

    /// Reads `disk0` or `net1`; without a number it is the first.
    public init?(_ text: String) {
        func index(_ kind: String) -> Int? {
            guard text.hasPrefix(kind) else { return nil }
            let digits = text.dropFirst(kind.count)
            guard !digits.isEmpty else { return 0 }
            guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
            return Int(digits)
        }
        if let index = index("disk") {
            self = .disk(index)
        } else if let index = index("net") {
            self = .network(index)
        } else {
            return nil
        }
    }

    public var description: String {
        switch self {
        case .disk(let index): "disk\(index)"
        case .network(let index): "net\(index)"
        }
    }
}

/// Why an order of booting cannot be had. The text is for the user, one line.
public enum BootOrderError: Error, Hashable, CustomStringConvertible {
    case noUEFI
    case kernel
    case noDevice(BootDevice)
    case twice(BootDevice)
    case menuWait(Int)
    case deafFirmware

    /// Most seconds that firmware can be told to wait.
    public static let menuWaitLimit = 65

    public var description: String {
        switch self {
        case .noUEFI: "only UEFI has an order of booting and a menu; without it the kernel is started at once"
        case .kernel: "UEFI starts the kernel that is given before any device; leave out the kernel, or the order"
        case .noDevice(let device): "there is no \(device) to start from; disks and networks are counted from 0"
        case .twice(let device): "\(device) is given twice; give it the place that it is to have"
        case .menuWait(let seconds):
            "firmware cannot wait \(seconds) seconds for a key; give a number from 0 to \(Self.menuWaitLimit)"
        case .deafFirmware:
            "U-Boot heeds no order and has no such menu: its own environment says what it starts; leave both out"
        }
    }
}

extension MachineConfiguration {
    /// Throws if firmware cannot be told this.
    func checkBootOrder() throws(MachineError) {
        guard !bootOrder.isEmpty || bootMenuWait != nil else { return }
        guard uefi != nil else { throw .boot(.noUEFI) }
        if let bootMenuWait, !(0...BootOrderError.menuWaitLimit).contains(bootMenuWait) {
            throw .boot(.menuWait(bootMenuWait))
        }
        guard !bootOrder.isEmpty else { return }
        guard kernel == nil else { throw .boot(.kernel) }
        var seen: Set<BootDevice> = []
        for device in bootOrder {
            let isThere =
                switch device {
                case .disk(let index): disks.indices.contains(index)
                case .network(let index): networks.indices.contains(index)
                }
            guard isThere else { throw .boot(.noDevice(device)) }
            guard seen.insert(device).inserted else { throw .boot(.twice(device)) }
        }
    }
}

/// An order as firmware is told it.
struct BootOrderFile: Sendable, Hashable {
    /// QEMU's name for it (docs/specs/fw_cfg.rst).
    static let name = "bootorder"
    /// How long to wait for a key, in milliseconds.
    static let menuWaitName = "etc/boot-menu-wait"

    private(set) var devices: [BootDevice]
    /// A device's path as Open Firmware has it.
    private(set) var paths: [String]

    /// - Parameters:
    ///   - devices: in their order.
    ///   - registers: of the virtio-mmio slot that a device has.
    init(_ devices: [BootDevice], registers: (BootDevice) -> Range<PhysicalAddress>?) {
        self.devices = devices
        paths = devices.compactMap { device in
            guard let base = registers(device)?.lowerBound else { return nil }
            let digits = String(base, radix: 16)
            let unit =
                switch device {
                case .disk: "disk@0,0"
                case .network: "ethernet-phy@0"
                }
            return "/virtio-mmio@" + String(repeating: "0", count: 16 - digits.count) + digits + "/" + unit
        }
    }

    /// A line for each, and a NUL.
    var bytes: [UInt8] { Array(paths.joined(separator: "\n").utf8) + [0] }
}
