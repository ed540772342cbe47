// What ACPI says of a board beside its devices, and the tree of a guest that is told of ACPI instead.
//
// Responsible for: the facts, as values, and the node `/chosen` of Linux's Documentation/arch/arm/uefi.rst, which hands
// over EFI's tables. Not responsible for: the tables.

import Hypervisor

extension BoardDescription {
    /// What a guest that boots with ACPI finds beside the devices.
    public struct ACPI: Sendable, Hashable {
        /// The FACS's. 0: Linux checks nothing.
        public var hardwareSignature: UInt32

        /// The CPUs' performance monitors interrupt by it; nil: nothing is said of that. Linux complains of each CPU
        /// then.
        public var performanceInterrupt: Interrupt?
        /// Which CPUs are together; nil: nothing is said of that.
        public var topology: Topology?

        public init(
            hardwareSignature: UInt32, performanceInterrupt: Interrupt? = nil, topology: Topology? = nil
        ) {
            self.hardwareSignature = hardwareSignature
            self.performanceInterrupt = performanceInterrupt
            self.topology = topology
        }
    }

    /// Which CPUs are together, and what caches each has.
    public struct Topology: Sendable, Hashable {
        /// The cluster of every CPU.
        public var clusters: [Int]
        /// Each CPU's own.
        public var caches: [Cache]

        public init(clusters: [Int], caches: [Cache]) {
            self.clusters = clusters
            self.caches = caches
        }
    }

    /// A cache of a CPU.
    public struct Cache: Sendable, Hashable {
        public enum Kind: Sendable, Hashable {
            case data
            case instruction
            case unified
        }

        public var kind: Kind
        public var sets: UInt32
        /// Ways.
        public var associativity: UInt8
        public var lineByteCount: UInt16

        var byteCount: UInt32 { sets &* UInt32(associativity) &* UInt32(lineByteCount) }

        public init(kind: Kind, sets: UInt32, associativity: UInt8, lineByteCount: UInt16) {
            self.kind = kind
            self.sets = sets
            self.associativity = associativity
            self.lineByteCount = lineByteCount
        }
    }
}

extension DeviceTree {
    /// Secure boot as Debian's and Ubuntu's kernels ask for it: 2 is off. (3, on, would forbid hibernation.)
    private static let secureBootIsOff: UInt32 = 2

    /// The tree of a guest that finds its machine in ACPI's tables: nothing but `/chosen`, since arm64 Linux only looks
    /// for ACPI if the tree describes nothing.
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
