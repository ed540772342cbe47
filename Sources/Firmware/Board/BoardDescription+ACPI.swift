// What ACPI says of a board that a device tree has no words for, and the tree of a guest that is told of ACPI instead.
//
// Responsible for: the facts, as values, and the node `/chosen` of Linux's Documentation/arch/arm/uefi.rst, which hands over
// EFI's tables. Not responsible for: the tables.

import Hypervisor

extension BoardDescription {
    /// What a guest that boots with ACPI finds beside the devices.
    public struct ACPI: Sendable, Hashable {
        /// The FACS's. 0: Linux checks nothing.
        public var hardwareSignature: UInt32
        public var events: EventDevice

        public init(hardwareSignature: UInt32, events: EventDevice) {
            self.hardwareSignature = hardwareSignature
            self.events = events
        }
    }

    /// A generic event device: a register whose bits say what happened. Reading clears it; its interrupt stays until then.
    public struct EventDevice: Sendable, Hashable {
        public var device: Device
        /// The bits.
        public var powerButton: UInt32
        public var sleepButton: UInt32
        /// The generation id is another one.
        public var generationID: UInt32

        public init(device: Device, powerButton: UInt32, sleepButton: UInt32, generationID: UInt32) {
            self.device = device
            self.powerButton = powerButton
            self.sleepButton = sleepButton
            self.generationID = generationID
        }
    }

    /// A virtual machine's generation id: a guest that finds another one knows that it is a copy, and renews what must be unique.
    public struct GenerationID: Sendable, Hashable {
        /// 16, as they lie in memory.
        public var bytes: [UInt8]
        /// Pulsed when the id changes; with ACPI the event device does that.
        public var interrupt: Interrupt

        public init(bytes: [UInt8], interrupt: Interrupt) {
            self.bytes = bytes
            self.interrupt = interrupt
        }
    }
}

extension DeviceTree {
    /// Secure boot as Debian's and Ubuntu's kernels ask for it: 2 is off. (3, on, would forbid hibernation.)
    private static let secureBootIsOff: UInt32 = 2

    /// The tree of a guest that finds its machine in ACPI's tables: nothing but `/chosen`, since arm64 Linux only looks for
    /// ACPI if the tree describes nothing.
    init(chosen: BoardDescription.Chosen, efi: EFITables) {
        var node = DeviceTreeNode("chosen")
        node.describe(chosen)
        node["linux,uefi-system-table"] = .doubleCells(efi.systemTable)
        node["linux,uefi-mmap-start"] = .doubleCells(efi.memoryMap.lowerBound)
        node["linux,uefi-mmap-size"] = .cells(
            UInt32(truncatingIfNeeded: efi.memoryMap.upperBound - efi.memoryMap.lowerBound))
        node["linux,uefi-mmap-desc-size"] = .cells(UInt32(EFIMemoryMap.descriptorSize))
        node["linux,uefi-mmap-desc-ver"] = .cells(EFIMemoryMap.descriptorVersion)
        node["linux,uefi-secure-boot"] = .cells(Self.secureBootIsOff)
        var root = DeviceTreeNode("")
        root["#address-cells"] = .cells(2)
        root["#size-cells"] = .cells(2)
        root.children = [node]
        self.init(root: root)
    }
}
