// What the components of a machine are made from, and what of them the machine itself has to do with.

import Devices
import Hypervisor
import NinePFS

/// The materials, and the devices that a machine knows by name.
struct MachineParts {
    let configuration: MachineConfiguration
    /// What the machine runs on.
    let backend: any HypervisorBackend
    let events: MachineEvents
    let memory: GuestMemory
    let entropy: any EntropySource
    /// Seconds since 1970-01-01 UTC.
    let timeOfDay: @Sendable () -> UInt64
    /// The guest's counter, and the time of day.
    let time: @Sendable () -> VMClock.Reading
    let alarmClock: AlarmClock
    /// Set if something is to go wrong with the disks, or is to be logged.
    let diskLaboratory: DiskLaboratory?
    /// Who hears that the laboratory has cut the flash's power.
    let flashPower = FlashPower()
    /// Who hears what a disk says.
    let diskEvents = DiskEvents()
    /// Who hears that the guest's kernel panicked.
    let panicEvents = PanicEvents()
    /// Who hears that the guest's watchdog was not refreshed.
    let watchdogEvents = WatchdogEvents()
    let watchdogClock: WatchdogClock
    /// Which console is shown.
    let consoleSelection: ConsoleSelection
    /// What a console says that is shown.
    let consoleOutput: @Sendable ([UInt8]) -> Void
    /// Drives a core's IRQ input.
    let interruptInputs: [@Sendable (Bool) -> Void]
    /// Wakes a core that waits with its power off.
    let wakeRequested: @Sendable (Int) -> Void

    /// What answers where.
    private(set) var regions: [PhysicalBus.Region] = []
    private(set) var made: [MadeComponent] = []

    /// Made before everything that has an interrupt.
    var interruptController: (any InterruptController)?
    /// Takes messages of devices that have no wire; nil if the interrupt controller takes none.
    var messages: (any MessageInterruptController)?
    /// The system registers of the interrupt controller, if it is not a part of the back end.
    var cpuInterfaces: (any InterruptControllerInterface)?
    var uart: PL011?
    var rtc: PL031?
    var eventDevice: EventDevice?
    var generationIDInterrupt: InterruptLine?
    var vmClock: VMClock?
    var watchdog: GenericWatchdog?
    /// The pins that buttons are at, where a device tree describes them.
    var buttons: PL061?
    var console: ConsoleDevice?
    var ports: PortsDevice?
    var shares: [NinePDevice] = []
    /// What of their files is open, of all of them.
    let sharedFiles = NinePOpenFiles()
    var disks: [BlockDevice] = []
    /// Where UEFI's variables last.
    var flashFiles: [FlashFile] = []
    /// Those that the guest may write.
    var flashes: [CFIFlash] = []
    /// By index in the configuration.
    var networks: [Int: NetworkDevice] = [:]

    init(
        _ configuration: MachineConfiguration, backend: any HypervisorBackend, events: MachineEvents,
        memory: GuestMemory, entropy: any EntropySource,
        timeOfDay: @escaping @Sendable () -> UInt64, time: @escaping @Sendable () -> VMClock.Reading,
        alarmClock: AlarmClock, watchdogClock: WatchdogClock, diskLaboratory: DiskLaboratory?,
        consoleOutput: @escaping @Sendable ([UInt8]) -> Void, interruptInputs: [@Sendable (Bool) -> Void],
        wakeRequested: @escaping @Sendable (Int) -> Void
    ) {
        self.configuration = configuration
        self.backend = backend
        self.events = events
        self.memory = memory
        self.entropy = entropy
        self.timeOfDay = timeOfDay
        self.time = time
        self.alarmClock = alarmClock
        self.watchdogClock = watchdogClock
        self.diskLaboratory = diskLaboratory
        consoleSelection = ConsoleSelection(typed: configuration.console)
        self.consoleOutput = consoleOutput
        self.interruptInputs = interruptInputs
        self.wakeRequested = wakeRequested
    }

    /// Makes every component of the list, in its order.
    mutating func make(_ components: MachineComponents) throws(MachineError) {
        for component in components.all {
            let made = try component.make(&self)
            regions += zip(component.windows, made.devices).map { PhysicalBus.Region(range: $0, device: $1) }
            self.made.append(made)
        }
    }

    /// The wire of an SPI, or of a PPI by INTID; one that leads nowhere before there is an interrupt controller.
    func spi(_ number: Int) -> InterruptLine { interruptController?.spi(number) ?? .unconnected }
    func ppi(_ intid: Int, cpu: Int) -> InterruptLine {
        interruptController?.ppi(intid, cpu: cpu) ?? .unconnected
    }
}
