// What a guest has to be told about its machine.
//
// Responsible for: naming the facts that a device tree, or ACPI's tables, are made from. Not responsible for: choosing
// them (the machine model does), or how each is spelled in a device tree (BoardDescription+DeviceTree.swift) or in ACPI
// (ACPI/). What is said of a device is its own business (BoardDevice).

import Hypervisor

/// The machine as its guest gets to know it.
public struct BoardDescription: Sendable {
    /// An interrupt as GICv3 numbers it. Every one of a board's is level-sensitive and active high.
    public enum Interrupt: Sendable, Hashable {
        /// A shared peripheral interrupt, 0 to 987: INTID minus 32.
        case spi(UInt32)
        /// A private peripheral interrupt, 0 to 15: INTID minus 16.
        case ppi(UInt32)
    }

    /// A device with one window of registers and one interrupt.
    public struct Device: Sendable, Hashable {
        /// Its registers.
        public var registers: Range<PhysicalAddress>
        public var interrupt: Interrupt

        public init(registers: Range<PhysicalAddress>, interrupt: Interrupt) {
            self.registers = registers
            self.interrupt = interrupt
        }
    }

    /// The interrupt controller, a GICv3 without ITS.
    public struct GIC: Sendable, Hashable {
        /// GICD, 64 KiB.
        public var distributor: Range<PhysicalAddress>
        /// GICR, 128 KiB for each CPU, without gaps; a GIC may have several such regions.
        public var redistributors: [Range<PhysicalAddress>]

        public init(distributor: Range<PhysicalAddress>, redistributors: [Range<PhysicalAddress>]) {
            self.distributor = distributor
            self.redistributors = redistributors
        }
    }

    /// The interrupts of every CPU's generic timers.
    public struct Timer: Sendable, Hashable {
        public var secure: Interrupt
        public var physical: Interrupt
        public var virtual: Interrupt
        public var hypervisor: Interrupt

        public init(secure: Interrupt, physical: Interrupt, virtual: Interrupt, hypervisor: Interrupt) {
            self.secure = secure
            self.physical = physical
            self.virtual = virtual
            self.hypervisor = hypervisor
        }
    }

    /// How the guest calls PSCI.
    public struct PowerInterface: Sendable, Hashable {
        /// The instruction that makes the call.
        public enum Conduit: String, Sendable {
            case hvc
            case smc
        }

        /// Of the version, as PSCI_VERSION says it. Below 1 it is taken for 0.2.
        public var majorVersion: Int
        public var conduit: Conduit
        /// What idle CPUs can be put into; nil if there is only WFI.
        public var idle: Idle?

        public init(majorVersion: Int, conduit: Conduit, idle: Idle? = nil) {
            self.majorVersion = majorVersion
            self.conduit = conduit
            self.idle = idle
        }
    }

    /// What the guest is told at this boot: the node `/chosen`.
    public struct Chosen: Sendable, Equatable {
        /// The kernel's command line.
        public var bootArguments = ""
        /// Where the initial RAM disk lies. `BootPlan` fills it in.
        public var initrd: Range<PhysicalAddress>?
        /// Randomness for the guest's generator; none if empty. Linux takes any length and uses it up.
        public var rngSeed: [UInt8] = []
        /// What the kernel picks its own addresses from. Nil or 0: it does not randomise them.
        public var kaslrSeed: UInt64?

        public init(bootArguments: String = "", rngSeed: [UInt8] = [], kaslrSeed: UInt64? = nil) {
            self.bootArguments = bootArguments
            self.rngSeed = rngSeed
            self.kaslrSeed = kaslrSeed
        }
    }

    /// For people: what the machine is called.
    public var model: String
    /// From the most specific to the most general: `vendor,board`.
    public var compatible: [String]
    /// The affinity fields of every CPU's MPIDR_EL1 (Aff3 in bits 39:32, Aff2 to Aff0 in bits 23:0).
    /// The first is the one that boots.
    public var cpus: [UInt64]
    /// RAM, in ascending order.
    public var memory: [Range<PhysicalAddress>]
    public var gic: GIC
    public var timer: Timer
    public var power: PowerInterface
    /// Hertz of the clock that the PrimeCell devices are told they run from.
    public var peripheralClockFrequency: UInt32
    /// Everything else, in the order in which it is described.
    package var devices: [any BoardDevice]
    /// Set for a guest that finds its machine in ACPI's tables; nil for one that finds it in a device tree.
    public var acpi: ACPI?
    public var chosen: Chosen

    package init(
        model: String, compatible: [String], cpus: [UInt64], memory: [Range<PhysicalAddress>], gic: GIC, timer: Timer,
        power: PowerInterface, peripheralClockFrequency: UInt32 = 24_000_000, devices: [any BoardDevice] = [],
        acpi: ACPI? = nil, chosen: Chosen = Chosen()
    ) {
        self.model = model
        self.compatible = compatible
        self.cpus = cpus
        self.memory = memory
        self.gic = gic
        self.timer = timer
        self.power = power
        self.peripheralClockFrequency = peripheralClockFrequency
        self.devices = devices
        self.acpi = acpi
        self.chosen = chosen
    }
}
